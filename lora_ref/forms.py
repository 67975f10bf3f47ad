"""A function as coefficients: found by asking it, held against it elsewhere, so that no formula is written twice.

For a page that computes in the browser, which multiplies and adds the coefficients, and knows no formula.
Every result is exact. Standard library only.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from typing import Any


def form(function: Callable, basis: Callable, points: Sequence[tuple], others: Sequence[tuple]) -> list[int | float]:
    """The coefficients c of function(*point) = sum of c[i] basis(*point)[i], without the zeros at the end.

    Solved for at `points`, as many as the basis has terms, and checked at `others`.
    """
    values = [Fraction(function(*point)) for point in points]
    found = [dot(row, values) for row in inverse(tuple(tuple(basis(*point)) for point in points))]
    for point in others:
        if dot(found, basis(*point)) != Fraction(function(*point)):
            raise ValueError(
                f"expected a sum of the basis's terms, got {function(*point)} at {point} where it gives "
                f"{float(dot(found, basis(*point)))}; add what is missing to the basis, or tabulate the function"
            )
    while found and not found[-1]:
        found.pop()
    return [plain(number) for number in found]


def dot(one: Iterable, other: Iterable) -> Fraction:
    return sum((a * b for a, b in zip(one, other, strict=True) if a and b), Fraction(0))


@cache
def inverse(matrix: tuple[tuple, ...]) -> list[list[Fraction]]:
    """Of a square matrix, by Gauss-Jordan."""
    size = len(matrix)
    rows = [
        [Fraction(entry) for entry in row] + [Fraction(at == i) for i in range(size)] for at, row in enumerate(matrix)
    ]
    for at in range(size):
        rows[at:] = sorted(rows[at:], key=lambda row, at=at: row[at] == 0)
        rows[at] = [entry / rows[at][at] for entry in rows[at]]
        for other in range(size):
            if other != at:
                rows[other] = [a - rows[other][at] * b for a, b in zip(rows[other], rows[at], strict=True)]
    return [row[size:] for row in rows]


def plain(number: float | Fraction) -> int | float:
    """A whole number where it is one, otherwise the nearest float: JSON then holds it to the last digit."""
    number = Fraction(number)
    return int(number) if number.denominator == 1 else float(number)


def tree(leaf: Callable, choices: dict[str, Sequence[str]], chosen: dict[str, str] | None = None) -> Any:
    """leaf(name=choice, …) for all choices, as nested dicts; "*" stands for the choices that are not named."""
    chosen = chosen or {}
    left = [name for name in choices if name not in chosen]
    if not left:
        return leaf(**chosen)
    branches = {choice: tree(leaf, choices, chosen | {left[0]: choice}) for choice in choices[left[0]]}
    common = max(branches.values(), key=list(branches.values()).count)
    others = {choice: branch for choice, branch in branches.items() if branch != common}
    return branches if len(branches) == len(others) + 1 > 1 else {"*": common} | others


def numbers(held: Any) -> Iterator[int | float]:
    """Every number of nested dicts and lists."""
    for item in held.values() if isinstance(held, dict) else held if isinstance(held, list) else ():
        yield from numbers(item)
    if isinstance(held, int | float):
        yield held
