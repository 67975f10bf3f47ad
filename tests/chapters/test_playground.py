"""What docs/playground.md states: bounds, files, cards; and what its program wrote, against the functions it asked."""

import json
import re

import yaml

from lora_ref import count, memory
from lora_ref.forms import numbers
from lora_ref.site.program import programs
from lora_ref.site.project import find_project

ROOT = find_project().root
PROGRAM = programs(find_project())["playground/coefficients"].constants
TABLES = json.loads((ROOT / "docs/records/playground/tables.json").read_text(encoding="utf-8"))


def test_arithmetic_stays_above_its_bound():
    """Two thirds at any rank, three quarters with checkpointing, as the page says of every model."""
    for name in count.names():
        if count.model(name)["model_type"] in PROGRAM["FAMILIES"]:
            frozen = count.matrix_parameters(name)
            for rank in PROGRAM["RANKS"]:
                adapter = count.lora_parameters(name, rank, "all-linear")
                assert count.flops_ratio(adapter, frozen) > 2 / 3
                assert count.flops_ratio(adapter, frozen, checkpointing=True) > 3 / 4


def test_first_verdicts_of_the_cards():
    """What stands there without JavaScript: the peak of the first set-up against what each card reports."""
    page = (ROOT / "docs/playground.md").read_text(encoding="utf-8")
    quotes = yaml.safe_load((ROOT / "tests/quotes.yml").read_text(encoding="utf-8"))
    peak = memory.lora_peak("Llama-2-7B", PROGRAM["START_BATCH"], PROGRAM["START_SEQUENCE"], PROGRAM["START_RANK"])
    rows = re.findall(r'<tr data-mib="{{ quote (\w+)\.(\w+) .*?<output data-card>(.*?)</output>', page)
    assert len(rows) == 6
    held = {name: quotes[source][name] * PROGRAM["MIB"] >= peak for source, name, _ in rows}
    assert {name: words for _, name, words in rows} == {
        name: "fits" if fits else "does not fit" for name, fits in held.items()
    }
    assert set(held.values()) == {True, False}


def test_the_tables_know_every_model(values):
    names = {name for name in count.names() if count.model(name)["model_type"] in PROGRAM["FAMILIES"]}
    assert names <= TABLES.keys() and len(names) == values("playground/coefficients.models") == 12
    held = {name: TABLES[name] for name in names}
    assert sum(1 for _ in numbers(held)) == values("playground/coefficients.coefficients")


def test_a_script_can_hold_every_number():
    """Whole below 2**53, or with a short binary fraction: then a double has it exactly."""
    for number in numbers(TABLES):
        assert abs(number) < 2**53
        assert isinstance(number, int) or number in (2 / 3, 3 / 4) or (number * 4096).is_integer()
