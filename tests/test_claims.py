"""Claims: the hash of a sentence, the values that a test reads, and whether the test can fail."""

import json
import statistics

import pytest
from throwaway import make_project, measure

from lora_ref.site.claims import Drawings, Values, cannot_fail, chapter_tests, claim, claim_hash, paired_interval
from lora_ref.site.project import UserError


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path)


def test_hash_is_of_the_words_and_not_of_their_layout():
    assert claim_hash("a  lower\nloss") == claim_hash("a lower loss")
    assert claim_hash("a lower loss") != claim_hash("a higher loss")
    assert claim_hash("{{ value x.a .3f }}") != claim_hash("{{ value x.a .2f }}")
    assert len(claim_hash("a")) == 8


def test_decorator_keeps_the_function_and_the_hash():
    @claim("12ab34cd")
    def function():
        return 1

    assert function() == 1 and function.claim == "12ab34cd"


def test_paired_interval_against_a_textbook_and_scipy():
    # Differences 1, 2, 3: mean 2, standard deviation 1, t(2) = 4.303.
    low, high = paired_interval([2, 4, 6], [1, 2, 3])
    assert low == pytest.approx(2 - 4.303 / 3**0.5) and high == pytest.approx(2 + 4.303 / 3**0.5)
    a, b = [0.31, 0.42, 0.55, 0.29, 0.61], [0.30, 0.45, 0.50, 0.20, 0.58]
    # scipy.stats.t.interval(0.95, 4, mean, standard error), scipy 1.17
    assert paired_interval(a, b) == pytest.approx((-0.0255289, 0.0855289), rel=1e-3)


@pytest.mark.parametrize(("a", "b"), [([1], [2]), ([1, 2], [1, 2, 3])])
def test_paired_interval_needs_pairs(a, b):
    with pytest.raises(ValueError, match="two lists of one length"):
        paired_interval(a, b)


def test_values_reads_a_value_its_seeds_and_remembers(project):
    values = Values(project)
    assert values("toy/measure.parameters") == 128
    seeds = values("toy/measure.loss_rank_8_seeds")
    assert seeds == [0.3125, 0.31375, 0.315]
    assert values("toy/measure.loss_rank_8") == pytest.approx(statistics.fmean(seeds))
    assert list(values.read) == ["toy/measure.parameters", "toy/measure.loss_rank_8_seeds", "toy/measure.loss_rank_8"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("toy/measure.nothing", "has no value 'nothing'"),
        ("toy/nothing.loss", "expected a program"),
        ("loss", "expected chapter/program.value"),
    ],
)
def test_unknown_names(project, name, message):
    with pytest.raises(UserError, match=message):
        Values(project)(name)


def test_a_stale_record_is_an_error_and_an_unmeasured_one_a_skip(project):
    with pytest.raises(pytest.skip.Exception, match="not yet measured on a GPU"):
        Values(project)("toy/speed.tokens_per_second")
    path = project.snippets / "toy" / "measure.py"
    path.write_text(path.read_text().replace("2.5", "3.5"))
    with pytest.raises(UserError, match="stale"):
        Values(project)("toy/measure.parameters")


def test_a_stale_record_of_a_gpu_is_a_skip(project):
    path = project.snippets / "toy" / "measure.py"
    path.write_text(path.read_text().replace('DEVICE = "cpu"', 'DEVICE = "cuda"'))
    measure(project)
    assert Values(project)("toy/measure.parameters") == 128
    path.write_text(path.read_text().replace("2.5", "3.5"))
    with pytest.raises(pytest.skip.Exception, match="not yet measured on a GPU"):
        Values(project)("toy/measure.parameters")


# ---- tests that hold nothing up


def ordered(values):
    assert values("toy/measure.loss_rank_8") < values("toy/measure.loss_rank_4")


def paired(values):
    eight, four = (values(f"toy/measure.loss_rank_{rank}_seeds") for rank in (8, 4))
    assert paired_interval(four, eight)[0] > 0


def contrasted(values):
    """Two values are alike, a third is not."""
    eight, four = values("toy/measure.loss_rank_8"), values("toy/measure.loss_rank_4")
    assert abs(eight - four) < 1 < abs(values("toy/measure.parameters") - four)


@pytest.mark.parametrize("test", [ordered, paired, contrasted])
def test_good_tests_can_fail(project, test):
    assert cannot_fail(project, test) == []


def alike(values):
    assert abs(values("toy/measure.loss_rank_8") - values("toy/measure.loss_rank_4")) < 1


def one_value(values):
    assert values("toy/measure.loss_rank_8") < 1


def wrong(values):
    assert values("toy/measure.loss_rank_8") > values("toy/measure.loss_rank_4")


def by_accident(values):
    """The swap would raise an IndexError, which shows nothing."""
    assert values("toy/measure.ranks")[0] < values("toy/measure.loss_rank_8_seeds")[2] * 100


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (alike, "swapped with another value"),
        (one_value, "two values or more"),
        (wrong, "the test fails"),
        (by_accident, "swapped with another value"),
    ],
)
def test_tests_that_cannot_fail_are_found(project, test, message):
    assert message in "\n".join(cannot_fail(project, test))


def test_a_drawing_that_no_shape_holds_up_is_found(project):
    page = project.docs / "toy.md"
    page.write_text(
        page.read_text() + '\n<svg id="claim-to-scale" viewBox="0 0 9 9" aria-label="A {{ given width=64 }}">'
        '<rect width="8" height="8"/><rect width="2" height="8"/></svg>\n'
    )

    def good(drawing):
        square, line = drawing("toy", "to-scale").findall("rect")
        assert int(float(square.get("width"))) == 4 * float(line.get("width"))

    def weak(drawing):
        assert len(drawing("toy", "to-scale").findall("rect")) == 2

    assert cannot_fail(project, good) == []
    assert "stretched" in cannot_fail(project, weak)[0]
    with pytest.raises(UserError, match='expected <svg id="claim-other"'):
        Drawings(project)("toy", "other")


def test_names_in_tests_count_as_uses(project):
    (project.tests / "chapters" / "test_toy.py").write_text(
        'def test_a(values):\n    values("toy/measure.losses")\n    [values(f"toy/measure.loss_rank_{r}_seeds") for r in (4, 8)]\n'
    )
    found = chapter_tests(project)
    assert found.uses("toy/measure.losses") and found.uses("toy/measure.loss_rank_8_seeds")
    assert not found.uses("toy/measure.loss_full_seeds") and not found.uses("toy/measure.parameters")
    assert found.tests["toy"]["test_a"].hash is None


def test_a_hand_edited_record_is_not_read(project):
    path = project.records / "toy" / "measure.json"
    record = json.loads(path.read_text())
    record["values"]["parameters"] = 129
    path.write_text(json.dumps(record))
    with pytest.raises(UserError, match="damaged"):
        Values(project)("toy/measure.parameters")
