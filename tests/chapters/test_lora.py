"""The comparisons that docs/lora.md states, against the records."""

from lora_ref.site.claims import claim, paired_interval


@claim("07e733f0")
def test_more_rank_more_digits(values):
    one, two, four, eight = (values(f"digits/ten_seconds.accuracy_rank_{rank}_seeds") for rank in (1, 2, 4, 8))
    assert paired_interval(two, one)[0] > 0
    assert paired_interval(four, two)[0] > 0
    low, high = paired_interval(eight, four)
    assert low < 0 < high


@claim("a31246a9")
def test_rank_one_fails(values):
    one, four = (values(f"digits/ten_seconds.accuracy_rank_{rank}_seeds") for rank in (1, 4))
    full = values("digits/ten_seconds.accuracy_full_seeds")
    assert paired_interval(four, one)[0] > 0
    assert paired_interval(full, four)[0] > 0


@claim("2816bee2")
def test_both_zero_stays(values):
    for name in ("moved", "gradient_a", "gradient_b"):
        assert set(values(f"lora/dead_start.{name}_both_zero_seeds")) == {0}
    stayed, before = (values(f"lora/dead_start.accuracy_{name}_seeds") for name in ("both_zero", "before"))
    assert stayed == before
    for start in ("b_zero", "a_zero"):
        assert min(values(f"lora/dead_start.moved_{start}_seeds")) > 0
        assert paired_interval(values(f"lora/dead_start.accuracy_{start}_seeds"), stayed)[0] > 0
