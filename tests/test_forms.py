"""Functions as coefficients, and trees of choices without their repetitions."""

import json

import pytest

from lora_ref.forms import form, numbers, plain, tree

POINTS, OTHERS = ((1, 1), (2, 1), (1, 3)), ((5, 7), (8, 2))


def basis(n, t):
    return [1, n, t]


def test_coefficients_are_found_exactly():
    assert form(lambda n, t: 3 + 2**36 * n + t / 4096, basis, POINTS, OTHERS) == [3, 2**36, 1 / 4096]


def test_zeros_at_the_end_are_left_out():
    assert form(lambda n, t: 7 * n, basis, POINTS, OTHERS) == [0, 7]
    assert form(lambda n, t: 0, basis, POINTS, OTHERS) == []


def test_what_is_no_sum_of_the_terms_is_refused():
    message = "expected a sum of the basis's terms, got 35 at .5, 7. where it gives 11.0; add what is missing"
    with pytest.raises(ValueError, match=message):
        form(lambda n, t: n * t, basis, POINTS, OTHERS)


def test_any_order_of_points_will_do():
    assert form(lambda n, t: n + t, lambda n, t: [n - 1, 1, t], POINTS, OTHERS) == [1, 1, 1]


def test_whole_numbers_stay_whole():
    assert json.dumps([plain(2.0), plain(0.5)]) == "[2, 0.5]"


def test_a_level_that_makes_no_difference_is_a_star():
    choices = {"method": ("a", "b", "c"), "place": ("x", "y")}
    grown = tree(lambda method, place: [method == "b", place == "y"] if method == "b" else None, choices)
    assert grown == {"*": {"*": None}, "b": {"x": [True, False], "y": [True, True]}}
    assert tree(lambda method, place: place, choices) == {"*": {"x": "x", "y": "y"}}


def test_every_number_is_counted():
    assert list(numbers({"a": [1, [2.5]], "b": {"by": [3]}, "c": None})) == [1, 2.5, 3]
