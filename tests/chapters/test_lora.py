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
