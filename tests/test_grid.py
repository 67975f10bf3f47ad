"""The two rules that every comparison shares: closed grids, and all seeds shown."""

import statistics

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lora_ref.grid import best_rate, over_seeds

RATES = (1e-3, 2e-3, 4e-3, 8e-3)


def test_the_best_is_the_lowest_mean():
    # The second rate wins on two seeds of three, the third by the mean.
    validation = [[5.0, 1.0, 1.1, 5.0], [5.0, 1.0, 1.1, 5.0], [5.0, 3.0, 1.1, 5.0]]
    assert best_rate(RATES, validation) == 2


@pytest.mark.parametrize(
    ("losses", "edge"),
    [([1.0, 2.0, 3.0, 4.0], "0.001"), ([4.0, 3.0, 2.0, 1.0], "0.008"), ([1.0, 1.0, 1.0, 2.0], "0.001")],
)
def test_an_open_grid_is_refused_at_either_edge(losses, edge):
    with pytest.raises(ValueError) as error:
        best_rate(RATES, [losses, losses], "rank 4")
    assert str(error.value) == (
        f"the grid of rank 4 is open: its best rate {edge} is at the edge of 0.001 to 0.008; widen it"
    )


def test_one_rate_is_no_grid():
    with pytest.raises(ValueError, match="the grid of the method is open"):
        best_rate([1e-3], [[1.0], [2.0]])


def test_seeds_of_different_length_are_refused():
    with pytest.raises(ValueError, match="shorter|longer"):
        best_rate(RATES, [[3.0, 1.0, 2.0, 4.0], [3.0, 1.0, 2.0]])


@given(st.lists(st.lists(st.floats(0, 10), min_size=5, max_size=5), min_size=1, max_size=4))
def test_the_best_is_inside_and_no_mean_is_lower(validation):
    means = [statistics.fmean(losses) for losses in zip(*validation, strict=True)]
    rates = [10.0**power for power in range(-4, 1)]
    if min(means[1:-1]) >= means[0] or min(means[1:-1]) > means[-1]:
        with pytest.raises(ValueError, match="open"):
            best_rate(rates, validation)
        return
    assert means[best_rate(rates, validation)] == min(means)


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=6))
def test_seeds_are_summed_up_and_all_shown(numbers):
    assume(len(set(numbers)) > 1)
    values = over_seeds("loss_nats", numbers)
    assert set(values) == {"loss_nats", "loss_nats_sd", "loss_nats_seeds"}
    assert values["loss_nats_seeds"] == numbers
    mean = sum(numbers) / len(numbers)
    deviation = (sum((number - mean) ** 2 for number in numbers) / (len(numbers) - 1)) ** 0.5
    assert values["loss_nats"] == pytest.approx(mean, abs=1e-9)
    assert values["loss_nats_sd"] == pytest.approx(deviation, rel=1e-6, abs=1e-9)
