"""docs/reference/audit.md: every claim of the first lesson is there, with its verdict and a chapter that exists."""

import re

import pytest
import yaml

from lora_ref import memory
from lora_ref.site.claims import claim, paired_interval
from lora_ref.site.program import programs
from lora_ref.site.project import find_project

PROJECT = find_project()
ROWS = programs(PROJECT)["audit/recount"].constants["ROWS"]
PAGE = (PROJECT.docs / "reference/audit.md").read_text(encoding="utf-8")
CARDS = dict(re.findall(r'<div class="said" id="([a-z-]+)" markdown="1">\n(.*?)\n</div>', PAGE, re.S))
# The verdicts by their first letters, in the order of the lesson's claims: typed a second time from our notes on it.
NAMES = {word[0]: word for word in ("ok", "imprecise", "wrong", "unsupported", "missing")}
VERDICTS = [NAMES[letter] for letter in "iwwwwwuuwiiiiouuiiwwwoiwiwwwiwuwwiwiiwiioowium"]


def test_every_claim_is_there_once():
    assert len(VERDICTS) == 46
    assert list(ROWS.values()) == VERDICTS
    assert PAGE.count('class="said"') == len(CARDS) == len(ROWS)
    assert set(CARDS) == set(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_a_claim_has_its_verdict_and_a_chapter_that_exists(name):
    said, _, holds = CARDS[name].strip().partition("\n\n")
    assert said and re.findall(r"^\*([a-z]+)\*\{\.verdict", holds, re.M) == [ROWS[name]]
    (link,) = re.findall(r"\]\(([^)#]+\.md)(?:#[^)]*)?\)", holds)
    assert (PROJECT.docs / "reference" / link).resolve().is_file()


def test_the_counts_in_the_first_sentence(values):
    counts = {verdict: values(f"audit/recount.claims_{verdict}") for verdict in set(VERDICTS)}
    assert counts == {verdict: VERDICTS.count(verdict) for verdict in counts}
    assert sum(counts.values()) == values("audit/recount.claims") == 46


def test_the_recount_explains_the_lessons_own_numbers(values):
    said = yaml.safe_load((PROJECT.root / "tests/quotes.yml").read_text(encoding="utf-8"))["lesson"]
    recounted = {name: values(f"audit/recount.{name}") for name in ("toy_total", "toy_lora", "toy_saved_mb")}
    assert said["total_gb"] == values("audit/recount.round_total_gb")
    assert said["minimum_gb"] == values("audit/recount.round_one_state_gb")
    assert said["states_gb"] == values("audit/recount.round_states_gb") / 2
    assert said["quality_8_percent"] == round(values("audit/recount.formula_percent_8"))
    assert said["quality_16_percent"] == round(values("audit/recount.formula_percent_16"))
    assert said["toy_thousands"] == round(recounted["toy_lora"] / 1e3, 1)
    assert said["toy_millions"] == round(recounted["toy_total"] / 1e6, 1)
    assert said["toy_percent"] == round(100 - 100 * recounted["toy_lora"] / recounted["toy_total"], 1)
    assert said["saved_gb"] == round(recounted["toy_saved_mb"] / 1e3, 1)
    assert said["speedup"] == values("audit/recount.width_over_two_ranks")


def test_the_recount_agrees_with_the_closed_forms_of_memory(values):
    ledger = memory.full_ledger("Llama-2-7B")
    assert values("audit/recount.llama_total_gb") == pytest.approx(ledger["total"] / 1e9, rel=1e-4)
    resumed = (ledger["trained"] + ledger["optimizer"]) / 1e9
    assert values("audit/recount.checkpoint_resumed_gb") == pytest.approx(resumed, rel=1e-4)
    for precision in ("fp32", "bf16"):
        stored = memory.model_size("Llama-2-7B", precision) / 1e9
        assert values(f"audit/recount.checkpoint_{precision}_gb") == pytest.approx(stored, rel=1e-4)


@claim("099fba25")
def test_no_rank_reaches_full(values):
    full = values("rank/loss_by_rank.loss_full_matrices_nats_seeds")
    for rank in (4, 8, 16, 32, 64):
        assert paired_interval(values(f"rank/loss_by_rank.loss_rank_{rank}_nats_seeds"), full)[0] > 0
