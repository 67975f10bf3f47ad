"""The five takeaways of docs/takeaways.md, against the records and the closed forms. Differences are paired by seed."""

from lora_ref import count
from lora_ref.site.claims import claim, paired_interval
from lora_ref.site.program import programs
from lora_ref.site.project import find_project

PROGRAMS = programs(find_project())
LEDGER, GRID = PROGRAMS["memory/ledger"].constants, PROGRAMS["rank/loss_by_rank"].constants


@claim("0f52bf51")
def test_a_quarter_is_the_model(values):
    model, gradients, adam, total = (
        values(f"memory/ledger.full_{part}_gb") for part in ("trained", "gradients", "optimizer", "total")
    )
    assert abs(model / total - 1 / 4) < 1e-5
    assert abs((gradients + adam) / total - 3 / 4) < 1e-5
    assert adam > gradients
    # LoRA's own company is small beside it.
    own = values("memory/ledger.lora_gradients_gb") + values("memory/ledger.lora_optimizer_gb")
    assert own < model / 50


@claim("2d3a46b3")
def test_low_rank_is_a_budget(values):
    assert max(values("low_rank/spectrum.energy_update_top_8_seeds")) < 1 / 2
    cut, inside = values("low_rank/spectrum.loss_cut_8_nats_seeds"), values("rank/loss_by_rank.loss_rank_8_nats_seeds")
    assert paired_interval(cut, inside)[0] > 0


@claim("72ab8730")
def test_name_the_denominator(values):
    """The shares from counts, and that of rank 16 once more from the ledger, where both are in fp32."""
    model, total = LEDGER["MODEL"], count.total_parameters(LEDGER["MODEL"])
    low, high = (count.lora_parameters(model, rank, "all-linear") / total for rank in (LEDGER["RANK"], 64))
    assert low < 1 / 100 and high > 2 / 100
    share = values("memory/ledger.lora_trained_gb") / values("memory/ledger.full_trained_gb")
    assert abs(share - low) < 1e-6
    assert (LEDGER["RANK"], GRID["RANKS"][3], GRID["RANKS"][6]) == (16, 8, 64)  # the ranks that the page names


@claim("b64c4ab8")
def test_merging_is_rounding(values):
    fp32, bf16 = (values(f"walkthrough/merge.difference_{dtype}_seeds") for dtype in ("fp32", "bf16"))
    assert min(bf16) > 1000 * max(fp32)


@claim("2d584ca2")
def test_rate_before_rank(values):
    """Both differences from the grids, at each seed: the largest rate at rank 8, and ranks 8 and 64 as they chose."""
    eight, sixty_four = (values(f"rank/loss_by_rank.test_rank_{rank}_nats_seeds") for rank in (8, 64))
    own, best = GRID["LORA_RATES"].index(8e-3), GRID["LORA_RATES"].index(1.6e-2)
    costs = [grid[-1] - grid[own] for grid in eight]
    buys = [grid[own] - other[best] for grid, other in zip(eight, sixty_four, strict=True)]
    assert paired_interval(costs, buys)[0] > 0
    assert paired_interval(buys, [0.0] * len(buys))[0] > 0


def test_rate_before_rank_reads_what_was_chosen(values):
    for rank, rate in ((8, 8e-3), (64, 1.6e-2)):
        assert values("rank/loss_by_rank.rates")[GRID["RANKS"].index(rank)] == rate
