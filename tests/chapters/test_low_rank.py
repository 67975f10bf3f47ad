"""What docs/low-rank.md states and draws, against the records. Differences are paired by seed."""

import re

from lora_ref import count
from lora_ref.site.claims import claim, paired_interval
from lora_ref.site.program import programs
from lora_ref.site.project import find_project

PROGRAMS = programs(find_project())
TWO_THIN = PROGRAMS["low_rank/two_thin"].constants


def test_counts_follow_the_closed_form(values):
    """What the slider can show at every stop, counted on tensors: the script is compared with it in a browser."""
    wide, narrow = TWO_THIN["WIDTH"], TWO_THIN["NARROW"]
    for name, d, k in (("square", wide, wide), ("tall", wide, narrow), ("wide", narrow, wide)):
        ranks = values(f"low_rank/two_thin.ranks_{name}")
        assert ranks == [rank for rank in TWO_THIN["RANKS"] if rank <= min(d, k)]
        assert values(f"low_rank/two_thin.numbers_{name}") == [count.lora(k, d, rank) for rank in ranks]
        assert values(f"low_rank/two_thin.numbers_whole_{name}") == count.full(k, d)


def test_same_training_as_the_rank_chapter(values):
    """The update is that of rank/loss_by_rank, at the rate it chose: the same losses, to the last digit."""
    constants = PROGRAMS["low_rank/spectrum"].constants
    assert constants["RATE"] == values("rank/loss_by_rank.rate_full_matrices")
    assert values("low_rank/spectrum.loss_full_nats_seeds") == values("rank/loss_by_rank.loss_full_matrices_nats_seeds")


@claim("ea682d14")
def test_update_leans_on_few(values):
    update, weights, noise = (
        values(f"low_rank/spectrum.energy_{name}_top_8_seeds") for name in ("update", "weights", "noise")
    )
    assert paired_interval(update, weights)[0] > 0
    assert paired_interval(weights, noise)[0] > 0


def cut_and_inside(values, rank):
    return values(f"low_rank/spectrum.loss_cut_{rank}_nats_seeds"), values(
        f"rank/loss_by_rank.loss_rank_{rank}_nats_seeds"
    )


@claim("f973c419")
def test_cut_is_worse(values):
    for rank in (1, 2, 4, 8, 16):
        assert paired_interval(*cut_and_inside(values, rank))[0] > 0


@claim("6bed371e")
def test_cut_is_better_at_last(values):
    low, high = paired_interval(*cut_and_inside(values, 32))
    assert low < 0 < high
    assert paired_interval(*cut_and_inside(values, 64))[1] < 0


def shown(drawing, name):
    """(width, height) of what is drawn in full, in numbers of the matrix, and how many are drawn in it at most."""
    svg = drawing("low-rank", name)
    found = {part.get("class"): part for part in svg.iter() if part.get("class")}
    scale = float(found["ghost"].get("width")) / TWO_THIN["WIDTH"]
    drawn = sum(len(re.findall("M", found[sign].get("d"))) for sign in ("pos", "neg"))
    return float(found["cell"].get("width")) / scale, float(found["cell"].get("height")) / scale, drawn


@claim("69bd9f29")
def test_b_drawn(drawing):
    width, height, drawn = shown(drawing, "b-drawn")
    assert (width, height) == (TWO_THIN["RANK"], TWO_THIN["WIDTH"])
    assert width * height / 2 < drawn <= width * height


@claim("5d7ed211")
def test_a_drawn(drawing):
    width, height, drawn = shown(drawing, "a-drawn")
    assert (width, height) == (TWO_THIN["WIDTH"], TWO_THIN["RANK"])
    assert width * height / 2 < drawn <= width * height


@claim("acf39845")
def test_product_drawn(drawing):
    width, height, drawn = shown(drawing, "product-drawn")
    assert width == height == TWO_THIN["WIDTH"]
    assert width * height / 2 < drawn <= width * height
