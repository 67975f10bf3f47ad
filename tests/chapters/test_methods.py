"""The comparisons that docs/methods.md states, against the records; and the order of numbers that it quotes."""

import yaml

from lora_ref.site.claims import claim, paired_interval

OTHERS = ("dora", "lora", "houlsby", "pfeiffer", "prefix", "lora_less", "ia3", "prompt")


@claim("c99a0101")
def test_under_a_hundredth(values):
    full = values("methods/counts.llama_full")
    for method in OTHERS:
        assert 0 < 100 * values(f"methods/counts.llama_{method}") < full
    assert values("methods/counts.llama_biases") == 0  # BitFit is not applicable


@claim("d807ba9c")
def test_merging_rounds(values):
    fp32, bf16, nf4 = (values(f"methods/merging.error_{name}_percent_seeds") for name in ("fp32", "bf16", "nf4"))
    assert paired_interval(bf16, fp32)[0] > 0
    assert min(nf4) > 100 > max(bf16)


@claim("79d3d355")
def test_equal_counts(values):
    fused, two, three = (values(f"methods/counts.gpt2_{name}") for name in ("fused", "two", "three"))
    assert fused == two < three


def test_the_order_of_quoted_methods_turns_with_the_model(root):
    quoted = yaml.safe_load((root / "tests/quotes.yml").read_text(encoding="utf-8"))["dora2024"]
    assert quoted["parallel_average_7b"] < quoted["lora_average_7b"]
    assert quoted["parallel_average_13b"] > quoted["lora_average_13b"]
