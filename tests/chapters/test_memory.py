"""The comparisons that docs/memory.md states, against the records."""

from lora_ref.site.claims import claim

SCHEMES = ("fp32", "mixed", "bf16", "bf16_8bit")


@claim("dde18a43")
def test_one_text_is_the_ledger(values):
    for scheme in SCHEMES:
        ledger = values(f"memory/precisions.ledger_total_{scheme}_gb")
        assert 0 <= values(f"memory/precisions.one_total_{scheme}_gb") - ledger < 0.001 * ledger
        # The forward pass ends before there is a gradient: what it saves needs less room than they will.
        gradients = values(f"memory/precisions.ledger_gradients_{scheme}_gb")
        assert values(f"memory/precisions.saved_{scheme}_gb") < gradients


@claim("4c0d4124")
def test_four_texts_move_the_peak(values):
    for scheme in SCHEMES:
        gradients = values(f"memory/precisions.ledger_gradients_{scheme}_gb")
        assert values(f"memory/precisions.four_gradients_{scheme}_gb") == 0
        assert values(f"memory/precisions.four_activations_{scheme}_gb") > gradients
        assert values(f"memory/precisions.four_total_{scheme}_gb") > values(f"memory/precisions.one_total_{scheme}_gb")


@claim("02a837ea")
def test_mixed_keeps_as_much(values):
    mixed, single = (values(f"memory/precisions.ledger_total_{name}_gb") for name in ("mixed", "fp32"))
    assert mixed == single
    assert values("memory/precisions.ledger_total_bf16_gb") < single


@claim("15d5df2a")
def test_mixed_has_fewer_activations(values):
    assert values("memory/precisions.saved_mixed_gb") < values("memory/precisions.saved_fp32_gb")
    mixed, single = (values(f"memory/precisions.four_activations_{name}_gb") for name in ("mixed", "fp32"))
    assert mixed < single
    assert values("memory/precisions.ledger_total_mixed_gb") == values("memory/precisions.ledger_total_fp32_gb")


@claim("7e3ef1dd")
def test_bf16_is_half(values):
    half, mixed = (values(f"memory/precisions.ledger_total_{name}_gb") for name in ("bf16", "mixed"))
    assert abs(half * 2 - mixed) < 0.0001 * mixed
    assert values("memory/precisions.ledger_copy_bf16_gb") == 0 < values("memory/precisions.ledger_copy_mixed_gb")


@claim("995ddc77")
def test_eight_bits_halve_the_states(values):
    eight, bf16 = (values(f"memory/precisions.ledger_optimizer_{name}_gb") for name in ("bf16_8bit", "bf16"))
    assert bf16 / 2 < eight < bf16 / 2 * 1.02


@claim("b89b206b")
def test_lora_may_hold_more_activations(values):
    assert values("memory/checkpointing.saved_lora_gb") > values("memory/precisions.saved_bf16_gb")


@claim("0a31e568")
def test_checkpointing_lowers_lora(values):
    for name in ("lora", "qlora"):
        frozen = values(f"memory/checkpointing.frozen_{name}_gb")
        plain, again = (values(f"memory/checkpointing.peak_{name}{how}_gb") for how in ("", "_again"))
        assert again - frozen < (plain - frozen) / 2


@claim("3212f764")
def test_checkpointing_leaves_full(values):
    plain, again = (values(f"memory/checkpointing.peak_full{how}_gb") for how in ("", "_again"))
    assert again == plain
    assert values("memory/checkpointing.saved_full_again_gb") < values("memory/checkpointing.saved_full_gb")
