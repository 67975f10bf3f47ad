"""Choosing a learning rate fairly, and summing up seeds: shared by every program that compares methods."""

import statistics
from collections.abc import Sequence


def best_rate(rates: Sequence[float], validation: Sequence[Sequence[float]], name: str = "the method") -> int:
    """Index of the rate with the lowest mean validation loss over the seeds.

    validation: one list a seed, one loss a rate.
    Raises ValueError when the best rate lies at an edge of the grid: it might still improve
    outside, and a comparison with it would say nothing.
    """
    means = [statistics.fmean(losses) for losses in zip(*validation, strict=True)]
    best = means.index(min(means))
    if best in (0, len(rates) - 1):
        raise ValueError(
            f"the grid of {name} is open: its best rate {rates[best]:g} is at the edge of {rates[0]:g} to {rates[-1]:g}; widen it"
        )
    return best


def over_seeds(name: str, numbers: Sequence[float]) -> dict[str, float | list[float]]:
    """Mean, standard deviation and the numbers themselves, under NAME, NAME_sd and NAME_seeds."""
    return {name: statistics.fmean(numbers), f"{name}_sd": statistics.stdev(numbers), f"{name}_seeds": list(numbers)}
