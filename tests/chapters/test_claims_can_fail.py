"""Every test of a claim fails once the values that it reads are exchanged: otherwise it holds nothing up."""

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

from lora_ref.site.claims import cannot_fail, chapter_tests
from lora_ref.site.project import find_project

PROJECT = find_project(Path(__file__).parent)
CLAIMS = [
    (test.path.stem.removeprefix("test_"), test.name)
    for tests in chapter_tests(PROJECT).tests.values()
    for test in tests.values()
    if test.hash is not None
]


def test_there_are_claims():
    assert CLAIMS


@pytest.mark.parametrize(("chapter", "name"), CLAIMS, ids=lambda part: part.removeprefix("test_"))
def test_fails_with_values_swapped(chapter: str, name: str):
    package = __name__.rpartition(".")[0]
    module = importlib.import_module(f"{package}.test_{chapter}" if package else f"test_{chapter}")
    test: Callable = getattr(module, name)
    assert cannot_fail(PROJECT, test) == []
