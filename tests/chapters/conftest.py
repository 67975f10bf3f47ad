"""What the tests of claims are given: the values of records, and the drawings that pages hold."""

from pathlib import Path

import pytest

from lora_ref.site.claims import Drawings, Values
from lora_ref.site.project import find_project


@pytest.fixture
def values() -> Values:
    """values("rank/loss_by_rank.loss_rank_8") is the value, "…_seeds" the list of each seed's own."""
    return Values(find_project(Path(__file__).parent))


@pytest.fixture
def drawing() -> Drawings:
    """drawing("index", "to-scale") is the <svg id="claim-to-scale"> of docs/index.md."""
    return Drawings(find_project(Path(__file__).parent))
