"""What docs/walkthrough.md states and draws, against the records and the closed forms."""

import re

from lora_ref import count
from lora_ref.site.claims import claim, paired_interval
from lora_ref.site.program import programs
from lora_ref.site.project import find_project

PROGRAMS = programs(find_project())
TWO_THIN, TUNING = PROGRAMS["low_rank/two_thin"].constants, PROGRAMS["rank/loss_by_rank"].constants


def test_same_training_as_the_rank_chapter(values):
    """What is merged is the rank 8 of rank/loss_by_rank, at the rate it chose: the same losses, to the last digit."""
    constants = PROGRAMS["walkthrough/merge"].constants
    assert constants["RATE"] == values("rank/loss_by_rank.rates")[TUNING["RANKS"].index(constants["RANK"])]
    tuned = values("walkthrough/merge.loss_unmerged_fp32_nats_seeds")
    assert tuned == values(f"rank/loss_by_rank.loss_rank_{constants['RANK']}_nats_seeds")


def test_bytes_of_adapter_and_model(values):
    """Four bytes a number, and the numbers are those of the rank chapter and of the base model."""
    rank = PROGRAMS["walkthrough/merge"].constants["RANK"]
    adapter = values("rank/parameters.parameters")[TUNING["RANKS"].index(rank)]
    assert values("walkthrough/merge.adapter_mb") == adapter * 4 / 1e6
    assert abs(values("walkthrough/merge.model_mb") - values("base/pretrain.parameters") * 4 / 1e6) < 1e-5


# ---- claims


@claim("de9d1701")
def test_merging_shows_in_bf16(values):
    fp32, bf16 = (values(f"walkthrough/merge.flips_{dtype}_seeds") for dtype in ("fp32", "bf16"))
    assert max(fp32) == 0
    assert paired_interval(bf16, fp32)[0] > 0


def test_bf16_differs_from_fp32_merged_or_not(values):
    """What the page says of the flips: bf16 without merging departs from fp32 as far as with it, or farther than merging."""
    merged, unmerged = (values(f"walkthrough/merge.flips_from_fp32_{name}_seeds") for name in ("merged", "unmerged"))
    low, high = paired_interval(merged, unmerged)
    assert low < 0 < high
    assert min(unmerged) > max(values("walkthrough/merge.flips_bf16_seeds")) / 2


@claim("1f2907c3")
def test_merging_keeps_the_loss(values):
    """To a thousandth of a nat in each precision and seed; twice the rank moves it farther."""
    losses = {
        name: values(f"walkthrough/merge.loss_{name}_nats_seeds")
        for name in ("merged_fp32", "unmerged_fp32", "merged_bf16", "unmerged_bf16")
    }
    for dtype in ("fp32", "bf16"):
        for merged, unmerged in zip(losses[f"merged_{dtype}"], losses[f"unmerged_{dtype}"], strict=True):
            assert abs(merged - unmerged) < 1e-3
    doubled = values("rank/loss_by_rank.loss_rank_16_nats_seeds")  # what a difference looks like: twice the rank
    assert paired_interval(losses["unmerged_fp32"], doubled)[0] > 1e-3


@claim("ff8e391c")
def test_subtracting_restores_less(values):
    for dtype in ("fp32", "bf16"):
        subtracting = values(f"walkthrough/merge.restored_subtracting_{dtype}_seeds")
        keeping = values(f"walkthrough/merge.restored_keeping_{dtype}_seeds")
        assert min(keeping) == 1
        assert paired_interval(keeping, subtracting)[0] > 0


# ---- drawings


def rects(drawing, name):
    """{class: width} in the order drawn, and that each begins where the one before it ends."""
    return [
        (part.get("class"), float(part.get("x", 0)), float(part.get("width")), float(part.get("height")))
        for part in drawing("walkthrough", name).iter()
        if part.tag.endswith("rect")
    ]


@claim("fde245cb")
def test_tokens_to_scale(drawing, values):
    (before, _, long, tall), (after, _, short, low) = rects(drawing, "tokens-to-scale")
    assert (before, after) == ("frozen", "trained") and tall == low
    tuning = TUNING["STEPS"] * TUNING["BATCH"] * TUNING["CONTEXT"]
    assert abs(short / long - tuning / values("base/pretrain.tokens_seen")) < 1e-9
    assert values("base/pretrain.tokens_seen") > values("base/pretrain.tokens_train")  # some of it more than once


SCALE = 520 / 107.815  # units a GB in the two drawings of step two: the full ledger is as wide as the drawing


def bars(drawing, name, wanted):
    found = rects(drawing, name)
    assert [part[0] for part in found] == [part[0] for part in wanted]
    at = 0.0
    for (_, x, width, height), (_, size) in zip(found, wanted, strict=True):
        assert abs(x - at) < 0.01 and height == found[0][3]
        assert abs(width - size * SCALE) < 0.06
        at += width


@claim("6c1e5ec6")
def test_full_bytes(drawing, values):
    parts = {"trained": "trained", "gradients": "trained", "optimizer": "opt"}
    bars(drawing, "full-bytes", [(tone, values(f"memory/ledger.full_{part}_gb")) for part, tone in parts.items()])


@claim("f5be8c54")
def test_lora_bytes(drawing, values):
    frozen, optimizer = (values(f"memory/ledger.lora_{part}_gb") for part in ("frozen", "optimizer"))
    trained = values("memory/ledger.lora_trained_gb") + values("memory/ledger.lora_gradients_gb")
    bars(drawing, "lora-bytes", [("frozen", frozen), ("trained", trained), ("opt", optimizer)])


@claim("98e2eb1f")
def test_detour_drawn(drawing):
    """As many lines as numbers: the whole weight, and A and B at the rank where the slider starts."""
    svg = drawing("walkthrough", "detour-drawn")
    width, rank = TWO_THIN["NARROW"], TWO_THIN["RANKS"][1]
    lines = {part.get("class"): len(re.findall("M", part.get("d"))) for part in svg.iter() if part.get("d")}
    assert lines["w"] == count.full(width, width)
    assert lines["ba a"] + lines["ba b"] == count.lora(width, width, rank)
    radii = [part.get("r") for part in svg.iter() if part.tag.endswith("circle")]
    assert radii == ["3"] * 4 * width + ["4"] * rank
