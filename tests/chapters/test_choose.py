"""The comparisons that docs/choose.md states, against the records. Differences are paired by seed."""

from lora_ref.site.claims import claim, paired_interval
from lora_ref.site.program import programs
from lora_ref.site.project import find_project

PROGRAMS = programs(find_project())
GRID = PROGRAMS["rank/loss_by_rank"].constants
LORA_RATES, FULL_RATES = GRID["LORA_RATES"], GRID["FULL_RATES"]
# What each chose on validation code; test_chosen_rates compares them with the record.
OWN_RATE = {"rank_4": 8e-3, "rank_8": 8e-3, "rank_64": 1.6e-2, "full_matrices": 4e-3}


def at_rate(values, method, rate):
    """The seeds' losses on test code of one method at one of the learning rates that it tried."""
    rates = FULL_RATES if method.startswith("full") else LORA_RATES
    return [grid[rates.index(rate)] for grid in values(f"rank/loss_by_rank.test_{method}_nats_seeds")]


def test_chosen_rates(values):
    ranks, rates = values("rank/loss_by_rank.ranks"), values("rank/loss_by_rank.rates")
    chosen = {f"rank_{rank}": rate for rank, rate in zip(ranks, rates, strict=True)}
    chosen["full_matrices"] = values("rank/loss_by_rank.rate_full_matrices")
    assert {name: chosen[name] for name in OWN_RATE} == OWN_RATE
    for name, rate in OWN_RATE.items():
        assert at_rate(values, name, rate) == values(f"rank/loss_by_rank.loss_{name}_nats_seeds")


@claim("6f557417")
def test_wrong_rate_undoes_rank(values):
    largest, four = at_rate(values, "rank_64", max(LORA_RATES)), at_rate(values, "rank_4", OWN_RATE["rank_4"])
    assert paired_interval(largest, four)[0] > 0
    assert paired_interval(four, at_rate(values, "rank_64", OWN_RATE["rank_64"]))[0] > 0  # what the rate undoes


@claim("930f99af")
def test_full_rate_costs(values):
    """At the rate of full training, which is one of those that LoRA tried, rank 8 ends above what it chose."""
    own, borrowed = (at_rate(values, "rank_8", OWN_RATE[name]) for name in ("rank_8", "full_matrices"))
    assert paired_interval(borrowed, own)[0] > 0
    assert paired_interval(own, at_rate(values, "full_matrices", OWN_RATE["full_matrices"]))[0] > 0


@claim("6f960d07")
def test_alpha_is_bs_rate(values):
    """B's rate: equal to the last bit without eps, and a hair apart with it. Both rates: far apart."""
    exact, usual, both = (
        values(f"choose/alpha.distance_{name}_seeds") for name in ("b_rate_without_eps", "b_rate", "both_rates")
    )
    assert max(exact) == 0
    assert min(usual) > 0 and max(usual) < 1e-3
    assert min(both) > 0.1
    assert PROGRAMS["choose/alpha"].constants["FACTOR"] == 2


def test_first_step_is_alike(values):
    """A has no gradient at the first step, so its rate cannot matter yet; from then on it does."""
    both, b = (values(f"choose/alpha.distances_{name}") for name in ("both_rates", "b_rate"))
    assert both[0] == b[0] < 1e-3
    assert all(one > 1e-2 > other for one, other in zip(both[1:], b[1:], strict=True))


def test_start_and_rates_together_are_the_same_run(values):
    """Alpha x 2 is both rates and the start of A x sqrt 2: apart by no more than fp64 rounds."""
    assert max(values("choose/alpha.distance_start_and_rates_without_eps_seeds")) < 1e-14


@claim("5230e1e1")
def test_rate_hardly_moves(values):
    rates, ranks = values("rank/loss_by_rank.rates"), values("rank/loss_by_rank.ranks")
    assert max(rates) == 2 * min(rates)
    assert ranks[-1] == 2**6 * ranks[0]
    assert isinstance(GRID["ALPHA"], int)  # one for all ranks
