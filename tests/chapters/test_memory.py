"""The comparisons that docs/memory.md states, against the records."""

from lora_ref.site.claims import claim


@claim("18acc2cb")
def test_mixed_keeps_as_much(values):
    mixed, single = (values(f"memory/precisions.{name}_total_gb") for name in ("mixed", "fp32"))
    assert mixed == single
    assert values("memory/precisions.bf16_total_gb") < single
