"""The comparisons that docs/rank.md states, against the records. Differences are paired by seed."""

from lora_ref.site.claims import claim, paired_interval

RANKS = (1, 2, 4, 8, 16, 32, 64)


def losses(values, ranks=RANKS):
    """The seeds' losses at each rank."""
    return [values(f"rank/loss_by_rank.loss_rank_{rank}_nats_seeds") for rank in ranks]


@claim("676f44c4")
def test_last_doubling_buys_less(values):
    one, two, half, last = losses(values, (1, 2, 32, 64))
    assert paired_interval(one, two)[0] > 0
    first_gain = [before - after for before, after in zip(one, two, strict=True)]
    last_gain = [before - after for before, after in zip(half, last, strict=True)]
    assert paired_interval(first_gain, last_gain)[0] > 0


@claim("2292d683")
def test_full_below_every_rank(values):
    full = values("rank/loss_by_rank.loss_full_matrices_nats_seeds")
    for loss in losses(values):
        assert paired_interval(loss, full)[0] > 0


@claim("9a4d338b")
def test_everything_below_matrices(values):
    matrices = values("rank/loss_by_rank.loss_full_matrices_nats_seeds")
    assert paired_interval(matrices, values("rank/loss_by_rank.loss_full_all_nats_seeds"))[0] > 0
