"""Every guard of lint, with a case that it catches; the numerals of pages are in test_two_readers.py."""

import re
import subprocess
import sys

import pytest
from throwaway import GOOD_PAGE, ROOT, make_project, measure

from lora_ref.site.comparing import comparisons
from lora_ref.site.lint import Linter, code_numerals, formula_numbers, indexed, lint, numerals
from lora_ref.site.project import Project
from lora_ref.site.reader import anchors, read


@pytest.fixture
def project(tmp_path) -> Project:
    return make_project(tmp_path)


@pytest.fixture(scope="module")
def linter(tmp_path_factory) -> Linter:
    return Linter(make_project(tmp_path_factory.mktemp("toy")))


def change(project: Project, file: str, old: str, new: str, count: int = 1) -> None:
    path = project.root / file
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {file}"
    path.write_text(text.replace(old, new, count), encoding="utf-8")


def findings(project: Project) -> list[str]:
    return lint(project)[0]


def test_the_good_project_has_no_finding(project):
    assert lint(project) == ([], [])


# ---- what a page says: (what stands on it, what lint says of it)

PAGE_CASES = {
    "prose": ("The answer is 42 here.", 'toy.md:1:15: expected a mark, got the typed numeral "42" (text); use value, calc,'),
    "table": ("| a |\n| --- |\n| 42 |", 'toy.md:3:3: expected a mark, got the typed numeral "42" (table)'),
    "heading": ("## In 42 days", 'toy.md:1:7: expected a mark, got the typed numeral "42" (heading)'),
    "caption": ("{{ figure toy/measure.curve }} It is 42.", 'toy.md:1:38: expected a mark, got the typed numeral "42" (caption)'),
    "alt text": ("![42 lines](assets/square.svg)", 'toy.md:1:3: expected a mark, got the typed numeral "42"'),
    "tab": ('=== "Tab 42"\n\n    a', 'toy.md:1:10: expected a mark, got the typed numeral "42" (title of a tab)'),
    "admonition": ('!!! note "Note 42"\n\n    a', "(title of an admonition)"),
    "link text": ("[the 42 lines](index.md)", 'toy.md:1:6: expected a mark, got the typed numeral "42"'),
    "list": ("- one\n- 42", "(list)"),
    "literal in disguise": ("{{ calc 6 * 7 }}", "toy.md:1:1: {{ calc 6 * 7 }}: expected names, got the literal 6"),
    "power of ten alone": ("{{ calc 10 * 100 }}", "is a literal in disguise: it names no given"),
    "independent of its names": ("{{ given width=64 }} {{ calc width / width }}", "is a literal in disguise: it does not depend"),
    "given that equals nothing": ("{{ given width=65 }}", "width=65 equals no constant WIDTH of toy/measure"),
    "two values of a given": ("{{ given width=64 }} {{ given width=65 }}", "equals no constant"),
    "number in a code span": ("It is `width = 65`.", 'toy.md:1:16: expected a number of a tested snippet of this page, got the typed numeral "65" (code)'),
    "unknown value": ("{{ value toy/measure.loss_rank_5 }}", "toy/measure has no value 'loss_rank_5'; it has loss_rank_"),
    "unknown program": ("{{ value toy/measured.losses }}", "expected a program, got 'toy/measured'"),
    "value without a program": ("{{ value losses }}", "expected chapter/program.value, got 'losses'"),
    "a list as a number": ("{{ value toy/measure.losses }}", "toy/measure.losses is a list, expected a number"),
    "item that is not there": ("{{ value toy/measure.losses[2] }}", "toy/measure.losses has no item 2"),
    "too many digits": ("{{ value toy/measure.loss_rank_8 .6f }}", "expected digits that survive the spread"),
    "unknown source": ("{{ quote toy2021.loss }}", "expected a source of docs/references.yml, got 'toy2021'"),
    "unknown quote": ("{{ quote toy2020.lost }}", "toy2020 has no quote 'lost'; it has loss"),
    "unknown citation": ("{{ cite toy2021 }}\n\n{{ sources }}", "expected a source of docs/references.yml"),
    "citation without sources": ("{{ cite toy2020 }}", "expected {{ sources }} on a page that cites"),
    "unknown kind": ("{{ number 42 }}", "expected value, calc, quote, given, cite, figure, table, records, answers, checks or term, got 'number'"),
    "unknown figure": ("{{ figure toy/measure.bars }} Words.", "toy/measure has no figure 'bars'; it has curve"),
    "unknown list": ("{{ table toy/measure | lost Loss }} Words.", "toy/measure has no list 'lost'"),
    "division by zero": ("{{ given width=64 }} {{ calc width / (width - width) }}", "divides by zero"),
    "no closed form": ("{{ calc count.lore(measure.WIDTH) }}", "count has no closed form 'lore'"),
    "a private one": ("{{ calc count._size(measure.WIDTH) }}", "count has no closed form '_size'"),
    "anything else": ("{{ calc open('a') }}", "expected names"),
    "figure inside a paragraph": ("See {{ figure toy/measure.curve }} here.", "expected figure at the start of a paragraph"),
    "figure without a caption": ("{{ figure toy/measure.curve }}", "expected a caption after the mark"),
    "citation in an attribute": ('<p title="{{ cite toy2020 }}">a</p>\n\n{{ sources }}', "cite cannot stand in a attribute"),
    "mark in a heading": ("## With {{ given width=64 }} columns", "expected an explicit id on a heading that holds a mark"),
    "mark in the front matter": ("---\ntitle: Of {{ given width=64 }}\n---\nText.", "the front matter is not expanded"),
    "stray braces": ("It is {{ value }.", "got a stray brace pair"),
    "formula": ("It is $x = 42$.", 'toy.md:1:7: expected a mark, got the typed numeral "42" (formula): only 0, 1 and 2 are free'),
    "index used once": ("It is $W_0$.", "expected the symbol W_0 to be used again, found it once on the site"),
    "title of a fence": ('```{.python title="Listing 42"}\nx = 64\n```', "(attribute title)"),
    "unbraced options": ("```python notest\nx = 64\n```", "expected ```python or ```{.python notest}, got ```python notest"),
    "notest with a dot": ("```{.python .notest}\nx = 64\n```", "got .notest with a dot"),
    "notest without a reason": ("```{.python notest}\nx = 64\n```", "expected a reason for notest"),
    "fence in raw HTML": ("<div>\n```python\nx = 64\n```\n</div>", "expected Python fences outside raw HTML"),
    "fence that is not run": ("```pycon\n>>> 64\n```", "expected ```python, which the tests run, got ```pycon"),
    "open fence": ("```python\nx = 64\n", "expected a closing ```"),
    "include in a tested fence": ('```python\n--8<-- "snippets/toy/measure.py"\n```', "since the tests would run its line; add notest"),
    "include by lines": ('```{.python notest}\n--8<-- "snippets/toy/measure.py:3:7"\n```', "name a section, not lines"),
    "include of nothing": ('```{.python notest}\n--8<-- "snippets/toy/other.py"\n```', "expected a tested file of snippets/, lora_ref/"),
    "include of no section": ('```{.python notest}\n--8<-- "snippets/toy/measure.py:tune"\n```', "to hold the section tune"),
    "include among other lines": ('```{.python notest}\nx = 64\n--8<-- "snippets/toy/measure.py"\n```', "expected a fence with includes alone"),
    "include in the text": ('--8<-- "snippets/toy/measure.py"', "expected an include inside a fence"),
    "comparison": ("A large rank is better than a small one.", 'toy.md:1:17: expected a claim around the comparison "better than"'),
    "claim written otherwise": ("[It is so]{#it-is-so .claim}", "expected a claim as [words]{.claim #name}"),
    "claim without opening": ("It is so]{.claim #it-is-so}", "expected an opening bracket before the claim"),
    "two claims of one name": ("[A]{.claim #a} and [b]{.claim #a}", "expected one claim named a, got two"),
    "value of another rank": ("Rank {{ given rank=4 }}: {{ value toy/measure.loss_rank_8 .3f }}.", "expected a value of rank 4, which stands beside"),
    "item of another rank": ("Rank {{ given rank=4 }}: {{ value toy/measure.losses[1] .3f }}.", "got one of rank 8"),
    "computed from another rank": ("Rank {{ given rank=4 }}: {{ calc measure.loss_rank_8 / measure.WIDTH }}.", "got one of rank 8"),
    "value of another count": ("With {{ given direction=4 }} directions: {{ value toy/measure.loss_rank_8 .3f }}.", "expected a value of direction 4"),
    "values in another order": (
        "At {{ given rank=4 }} it is {{ value toy/measure.loss_rank_8 .3f }}, at {{ given rank=8 }} {{ value toy/measure.loss_rank_4 .3f }}.",
        "expected a value of rank 4, which stands beside it, got one of rank 8",
    ),
    "one label for two choices": ("{{ given rank=4 here }} {{ given rank=8 here }}", "rank is given as 4 and 8 on this page; add a label"),
    "more digits than a record keeps": ("{{ calc measure.loss_rank_8 / measure.WIDTH .9f }}", "expected at most 6 significant digits"),
    "power without its unit": ("{{ calc count.full(measure.WIDTH, measure.WIDTH) / 1e9 }} numbers", "expected billion, GB beside count.full("),
    "power that has no name": ("{{ calc count.full(measure.WIDTH, measure.WIDTH) / 1e8 }} GB", "expected a power of ten that has a name"),
    "exception without reason": ("<!-- number-ok -->\nIt is 42.", "expected a reason after number-ok"),
    "link to nothing": ("[it](other.md)", "toy.md:1:6: expected a page or file of docs/ (a page by its .md), got other.md"),
    "link to a page's address": ("[it](index/)", "expected a page or file of docs/ (a page by its .md)"),
    "link out of the site": ("[it](../../README.md)", "expected a page or file of docs/"),
    "anchor of nothing": ("[it](#nothing)", "expected an anchor of this page, got #nothing"),
    "anchor of another page": ("[it](index.md#nothing)", "expected an anchor of docs/index.md, got #nothing"),
    "absolute link": ("[it](/index.md)", "which breaks under a sub-path; write it relative"),
    "raw link": ('<a href="index.md">it</a>', "expected a page or file of docs/, got index.md"),
    "raw image": ('<img src="square.svg" alt="">', "expected a page or file of docs/, got square.svg"),
    "strange address": ("[it](javascript:x)", "expected an address that begins with https:"),
    "missing footnote": ("It is[^why].", "expected a footnote [^why]: …, found none on this page"),
    "unused footnote": ("It is.\n\n[^why]: So.", "expected a place that names the footnote [^why]"),
    "missing reference": ("It is [so][there].", "expected a definition [there]: address"),
    "two attribute lists": ("*a*{.x} and *b*{.y}", "expected one attribute list on a line"),
    "unknown markdown attribute": ('<div markdown="2">\n\na\n\n</div>', 'expected markdown="1", "block" or "span"'),
    "script": ("<script>alert()</script>", "expected text and figures, got <script>"),
    "handler": ('<b onclick="x">a</b>', "expected no script on a page, got the attribute onclick"),
    "data by hand": ('<data value="x">x</data>', "got <data> typed by hand"),
    "drawing by hand": ("<svg><rect/></svg>", 'expected id="claim-NAME" on a drawing that is typed'),
    "private-use character": ("a\ue000b", "got a private-use character"),
    "indented code": ("Text.\n\n    x = 42", 'the typed numeral "42"'),
}  # fmt: skip


@pytest.mark.parametrize("case", PAGE_CASES)
def test_page(linter, case):
    text, expected = PAGE_CASES[case]
    found = linter.page("toy", text).findings
    assert any(expected in finding for finding in found), found
    assert all(re.match(r"docs/toy\.md:\d+:\d+: ", finding) for finding in found)


GOOD = {
    "escaped and odd": "An \\*asterisk\\*, a <b>tag</b>, 5 &lt; no".replace("5 ", ""),
    "list markers": "1. one\n2. two\n    3. inner\n\n10. ten",
    "ordered list in a tab": '=== "Tab"\n\n    1. one\n    2. two',
    "footnote": "It is so[^1].\n\n[^1]: Because.",
    "ids and classes": "## Words {#part-2 .c3}\n\n*so*{#x4}\n\nText\n{.answer #a5}",
    "address with digits": "[it](https://example.org/2106.09685) and <b id='b7'>b</b>",
    "comment": "<!-- 42 -->\n\nText <!-- 43 --> here.",
    "number of a fence in code": "`x = 7` as in\n\n```python\nx = 7\n```",
    "number of a program in code": "`STEPS = 32`",
    "identifiers with digits": "`float32`, `lora_A2` and `x1.y2`",
    "mark in code": "`{{ value toy/measure.loss_rank_9 .3f }}`",
    "mark in a fence": "```\n{{ value a.b }}\n```",
    "formula": "$\\frac{1}{2} r^2 + x_0 - x_0$",
    "name": "**Llama-2-7B**, GPT-2's and (H200)",
    "include": '```{.python notest title="a"}\n--8<-- "snippets/toy/measure.py"\n```',
    "notest with its reason": "<!-- notest: it downloads -->\n```{.python notest}\nx = 64\n```",
    "marks in two lines": "It is {{ calc\ncount.full(measure.WIDTH, measure.WIDTH) ,d }}.",
    "values of two ranks": "{{ value toy/measure.loss_rank_4 .3f }} and {{ value toy/measure.loss_rank_8 .3f }}",
    "values in the order of their ranks": "From {{ given rank=4 }} to {{ given rank=8 }} it falls from "
    "{{ value toy/measure.loss_rank_4 .3f }} to {{ value toy/measure.loss_rank_8 .3f }}.",
    "each value beside its rank": "It is {{ value toy/measure.losses[0] .3f }} at rank {{ given rank=4 }}. At rank {{ given rank=8 }} "
    "we have {{ calc measure.losses[1] / measure.WIDTH .3f }} and {{ value toy/measure.loss_rank_8 .3f }}.",
    "power with its unit": "{{ calc count.full(measure.WIDTH, measure.WIDTH) / 1e9 .2g }} GB",
    "no claim": "<!-- no-claim: a choice, no measurement -->\nWe took the best one.",
    "no claim on its own line": "- We took the best one. <!-- no-claim: a choice -->",
    "number-ok for a table": "<!-- number-ok: years -->\n| a |\n| --- |\n| 1984 |",
    "anchor": "## A & `b` *c*\n\n[up](#a-b-c) and [the toy](toy.md#claim-larger-rank-wins)",
    "anchor to a source": "[it](#cite-toy2020) {{ cite toy2020 }}\n\n{{ sources }}",
    "raw address": '<a href="../">up</a> <img src="../assets/square.svg" alt="">',
}  # fmt: skip


@pytest.mark.parametrize("case", GOOD)
def test_good_page(linter, case):
    assert linter.page("toy", GOOD[case]).findings == []


def test_exceptions_are_returned_and_cover_their_line_alone(linter):
    report = linter.page(
        "toy", "<!-- number-ok: a year -->\nIn 1984.\n\nIn 1985.\n<!-- no-claim: a choice -->\nThe best one."
    )
    assert report.exceptions == ["docs/toy.md:1: number-ok: a year", "docs/toy.md:5: no-claim: a choice"]
    assert len(report.findings) == 1 and "1985" in report.findings[0]


@pytest.mark.parametrize(
    "words",
    [
        "half of it", "twice the memory", "it doubles", "a third of them", "two thirds", "a quarter of", "a tenth of a nat",
        "ten times as many", "\ue010\ue010 times faster", "more memory than that", "less than", "fewer numbers\nthan",
        "lower loss than", "higher than", "better than", "faster than", "as good as", "as low a loss as", "the same as",
        "the same loss as", "no better", "no worse", "the best rate", "the lowest loss", "at most that", "at least as good",
        "within a tenth of it", "more rank buys less loss", "it exceeds that", "nearly all of it", "most of it", "as many numbers",
    ],
)  # fmt: skip
def test_comparing_words(words):
    assert comparisons(f"It is {words}, so.")


@pytest.mark.parametrize(
    "words",
    [
        "rather than that", "other than that", "the third step", "a quarter turn", "as well as", "at least", "sometimes",
        "three times a day", "no longer", "within the layer", "the same layer", "a half-open grid", "at best", "many times",
        "more or less", "as long as it runs", "manifold", "one more step", "least squares", "its lower side",
    ],
)  # fmt: skip
def test_words_that_compare_nothing(words):
    assert comparisons(f"It is {words}, so.") == []


# ---- the project: (file, old, new, what lint says)

PROJECT_CASES = {
    "formula three imports away": ("lora_ref/formula.py", "rank**EXPONENT", "rank**EXPONENT + 1", "lora_ref/formula.py changed (power)"),
    "constant three imports away": ("lora_ref/formula.py", "EXPONENT = 2", "EXPONENT = 3", "lora_ref/formula.py changed (EXPONENT)"),
    "behind a lazy package": ("lora_ref/layer.py", "x * scaling", "2 * x * scaling", "lora_ref/layer.py changed (Layer.forward)"),
    "constant of a program": ("snippets/toy/measure.py", "STEPS = 32", "STEPS = 33", "snippets/toy/measure.py changed (STEPS)"),
    "hand-edited record": ("docs/records/toy/measure.json", "0.31375", "0.31376", "the checksum differs: a value was changed by hand"),
    "torn record": ("docs/records/toy/measure.json", '"artifacts": {},', '"artifacts": {', "expected JSON"),
    "record of another shape": ("docs/records/toy/measure.json", '"artifacts": {},', "", "expected the keys"),
    "figure edited by hand": ("docs/records/toy/measure.curve.wide.svg", "2.5", "2.6", "measure.curve.wide.svg"),
    "table edited by hand": ("docs/records/toy/measure.curve.csv", "2.5", "2.6", "measure.curve.csv"),
    "drawing code changed": ("snippets/toy/measure.py", '{"curve": [', '{"curve": [1, ', "expected figures of today's code"),
    "value without meaning": ("snippets/toy/measure.py", '"parameters": "numbers trained",', "", "expected MEANING to say what parameters is"),
    "value that nobody uses": ("docs/toy.md", "## With {{ value toy/measure.parameters }} numbers {#numbers-trained}", "## With {#numbers-trained}",
        "expected a page, figure or claim test that uses parameters, found none"),
    "figure that nobody shows": ("docs/toy.md", "{{ figure toy/measure.curve }}", "", "expected a page that shows the figure curve"),
    "quote that nobody shows": ("docs/toy.md", "{{ quote toy2020.loss }}", "a loss", "expected a page that shows the quote toy2020.loss"),
    "source that nobody cites": ("docs/references.yml", "toy2020:", "new2021: {authors: A, year: 2021, title: T, where: W, url: U, read: R}\ntoy2020:",
        "docs/references.yml:1:1: expected a page that cites or quotes new2021"),
    "source without a date": ("docs/references.yml", "  read: 2026-11-24\n", "", "expected read of the source toy2020"),
    "quote without its wording": ("docs/references.yml", "wording: a loss of 73.5, ", "", "lacks 'wording'"),
    "quote copied wrongly": ("docs/references.yml", "value: 73.5", "value: 73.6", "expected 73.5, which tests/quotes.yml has for toy2020.loss, got 73.6"),
    "transcription changed": ("tests/quotes.yml", "73.5", "78.5", "expected 78.5, which tests/quotes.yml has"),
    "transcription missing": ("tests/quotes.yml", "  loss: 73.5", "", "expected toy2020.loss in tests/quotes.yml"),
    "transcription of nothing": ("tests/quotes.yml", "  loss", "  lost: 1\n  loss", "expected toy2020.lost in docs/references.yml"),
    "wording that says otherwise": ("docs/references.yml", "a loss of 73.5", "a loss of 73.8", "expected the value 73.5 in the wording"),
    "name that nobody uses": ("docs/names.yml", "- GPT-2", "- GPT-2\n- GPT-9", "docs/names.yml:3:1: expected a page that holds the name 'GPT-9'"),
    "number as a name": ("docs/names.yml", "- GPT-2", "- GPT-2\n- '42'", "expected proper names, got '42'"),
    "unit as a name": ("docs/names.yml", "- GPT-2", "- GPT-2\n- 80 GB", "expected proper names, got '80 GB'"),
    "share as a name": ("docs/names.yml", "- GPT-2", "- GPT-2\n- 99%", "expected proper names, got '99%'"),
    "count as a name": ("docs/names.yml", "- GPT-2", "- GPT-2\n- 7B", "expected proper names, got '7B'"),
    "name without digits": ("docs/names.yml", "- GPT-2", "- GPT-2\n- LoRA", "expected names that hold a digit"),
    "claim without a test": ("tests/chapters/test_toy.py", "test_larger_rank_wins", "test_other", "expected a test of this claim, found none; write @claim("),
    "test without a claim": ("tests/chapters/test_toy.py", "test_larger_rank_wins", "test_other",
        "tests/chapters/test_toy.py:5:1: expected a claim [...]{.claim #other} on the page of toy, found none"),
    "changed sentence": ("docs/toy.md", "is lower than at rank", "is far lower than at rank", "the sentence changed; read the test again"),
    "changed mark in a sentence": ("docs/toy.md", "lower than at rank {{ given rank=4 }}", "lower than at rank {{ given rank=8 }}", "the sentence changed"),
    "test without its decorator": ("tests/chapters/test_toy.py", "@claim", "@(lambda hash: lambda f: f)", "got no @claim"),
    "numeral in the navigation": ("mkdocs.yml", "Start: index.md", "'Start 42': index.md", 'the typed numeral "42" (navigation)'),
    "numeral in the site's name": ("mkdocs.yml", "site_name: Toy", "site_name: Toy 42", 'the typed numeral "42" (navigation)'),
    "numeral in a template": ("overrides/main.html", "{%", "<p>42 pages</p>\n{%", 'overrides/main.html:1:1: expected words, got the typed numeral "42"'),
    "numeral in an expression": ("overrides/main.html", "{%", '{{ "42 pages" }}\n{%', 'the typed numeral "42" (template)'),
    "numeral in a style": ("docs/assets/site.css", "\\2192", "42", 'docs/assets/site.css:1:1: expected words, got the typed numeral "42"'),
    "escaped numeral in a style": ("docs/assets/site.css", "\\2192", "\\34", "(content of a style)"),
}  # fmt: skip


@pytest.mark.parametrize("case", PROJECT_CASES)
def test_project(project, case):
    file, old, new, expected = PROJECT_CASES[case]
    change(project, file, old, new)
    found = findings(project)
    assert any(expected in finding for finding in found), found


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("lora_ref/layer.py", "# a comment", "# another comment"),
        ("lora_ref/formula.py", "A formula, three imports away.", "Other words."),
        ("lora_ref/formula.py", "return rank**EXPONENT", "return (\n        rank ** EXPONENT\n    )"),
        ("lora_ref/formula.py", "return x + 3", "return x + 4"),
        (
            "snippets/toy/measure.py",
            '"loss with * inner directions, nats"',
            '"loss with * inner directions of the toy, nats"',
        ),
        ("snippets/toy/measure.py", "over three seeds.", "over three of its seeds."),
    ],
)
def test_edits_that_change_no_number_are_no_finding(project, file, old, new):
    change(project, file, old, new)
    assert findings(project) == []


def test_a_program_without_a_record_and_a_record_without_a_program(project):
    (project.records / "toy" / "measure.json").rename(project.records / "toy" / "other.json")
    found = findings(project)
    assert any(
        "measure.json:1:1: expected a record of snippets/toy/measure.py, it is missing" in line for line in found
    )
    assert any("other.json:1:1: expected a program for this file, found none" in line for line in found)


def test_a_file_that_belongs_to_no_record(project):
    (project.records / "toy" / "weights.safetensors").write_bytes(b"")
    assert any(
        "weights.safetensors:1:1: expected a record that made it for this file" in line for line in findings(project)
    )


def test_artifacts_of_a_record_missing_or_changed(project):
    change(project, "snippets/toy/measure.py", "STEPS = 32", 'STEPS = 32\nARTIFACTS = ("weights.bin",)')
    from lora_ref.site.record import file_sha256, load_record, save_record

    weights = project.records / "toy" / "weights.bin"
    weights.write_bytes(b"weights")
    measure(project)
    record = load_record(project.records, "toy/measure")
    assert record is not None
    save_record(project.records, {**record, "artifacts": {"weights.bin": file_sha256(weights)}})
    assert findings(project) == []
    weights.write_bytes(b"others")
    assert any("weights.bin: differs from what toy/measure made" in line for line in findings(project))
    weights.unlink()
    assert any("weights.bin: missing; restore it with git" in line for line in findings(project))


def test_a_gpu_program_may_lack_a_record_or_have_a_stale_one(project):
    assert "toy/speed" in Linter(project).site.programs
    change(project, "snippets/toy/measure.py", 'DEVICE = "cpu"', 'DEVICE = "cuda"')
    measure(project)
    assert findings(project) == []
    change(project, "lora_ref/formula.py", "rank**EXPONENT", "rank**EXPONENT + 1")
    assert findings(project) == []


def test_a_changed_label_asks_for_a_drawing_and_no_run(project):
    change(project, "snippets/toy/measure.py", '{"curve": [values', '{"curve": ["a label", values')
    found = findings(project)
    assert len(found) == 1 and "draw with `python -m lora_ref.site figures toy/measure`" in found[0]


def test_a_broken_program_is_one_finding(project):
    change(project, "snippets/toy/measure.py", "SEEDS = (0, 1, 2)", "")
    assert findings(project) == [
        f"snippets/toy/measure.py:1: {line}" for line in ["expected a constant SEEDS, found none; add SEEDS = (0,)"]
    ]


@pytest.mark.parametrize("file", ["docs/references.yml", "docs/names.yml", "tests/quotes.yml", "mkdocs.yml"])
def test_broken_yaml_is_one_finding(project, file):
    (project.root / file).write_text("a: [1\nb: 2\n")
    assert len(found := findings(project)) == 1
    assert found[0].startswith(f"{file}:2:1: expected YAML, got something else: ")


def test_an_index_used_on_two_pages_is_good(project):
    change(project, "docs/index.md", "The speed", "A weight $W_3$. The speed")
    assert any("W_3" in line for line in findings(project))
    change(project, "docs/index.md", "W_3", "W_0")
    assert findings(project) == []


# ---- the parts


def test_numerals_in_any_script():
    words = "a 42 b2c ½ ３ 四 1,024.5 x² 99% word-2026 Ⅳ"
    assert [word for _, word in numerals(words)] == ["42", "b2c", "½", "３", "四", "1,024.5", "x²", "99%", "2026", "Ⅳ"]
    assert [words[at : at + len(word)] for at, word in numerals(words)] == [word for _, word in numerals(words)]


@pytest.mark.parametrize(
    ("tex", "numbers"),
    [
        ("W_0 x", ["0"]),
        ("1 2", ["12"]),
        ("1{}2", ["12"]),
        ("1\\!2", ["12"]),
        ("4{,}096", ["4,096"]),
        ("\\frac{1}{2}", ["1", "2"]),
        ("\\frac12", ["12"]),
        ("10^{-3}", ["10", "3"]),
        ("x = .5 + ½", [".5", "½"]),
        ("1 & 0 \\\\ 0 & 1", ["1", "0", "0", "1"]),
    ],
)
def test_numbers_of_a_formula(tex, numbers):
    assert formula_numbers(tex) == numbers


def test_indices_of_a_formula():
    assert indexed(r"W_0 + \frozen{W_0} + x_{1} + \alpha_2 + r") == ["W_0", "W_0", "x_1", r"\alpha_2"]


def test_numbers_in_code():
    code = "x = 0.5 + 7B, float32(1e-3), a1, [2], 1_000, x.5"
    assert [word for _, word in code_numerals(code)] == ["0.5", "7B", "1e-3", "2", "1_000"]


def test_anchors_are_those_of_the_builder():
    from throwaway import build

    text = "# A page\n\n## A page\n\n### It's `code` & *more*\n\n## Title {#own}\n\n[so]{.claim #so}[^1]\n\n[^1]: a\n\n## A page\n"
    html = build(Project(ROOT), "none", text)
    built = set(re.findall(r'\bid="([^"]*)"', html)) - {"fnref:1"}
    assert built <= anchors(read(text))


def test_places_are_exact():
    source = read(GOOD_PAGE)
    for mark in source.marks:
        assert source.text[mark.start :].startswith(mark.source)
    for code in source.codes:
        assert source.text[code.start :].startswith(code.text)
    assert len(source.visible) == len(source.text)
    line, column = source.place(source.text.index("Llama"))
    assert source.lines[line - 1][column - 1 :].startswith("Llama")


# ---- the whole


def test_lint_takes_no_torch_and_five_seconds_at_most():
    """Five seconds of a processor: the machine may be busy with other work."""
    code = (
        "import sys, time\n"
        "from lora_ref.site.lint import lint; from lora_ref.site.project import find_project\n"
        "lint(find_project())\n"
        "assert not {'torch', 'plotly', 'mkdocs', 'numpy'} & set(sys.modules), sorted(sys.modules)\n"
        "print(time.process_time())"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(out.stdout) < 5


def test_the_command_says_what_it_finds_and_exits_one(project):
    good = command_in(project)
    assert good.returncode == 0 and good.stdout.startswith("0 finding(s) in ")
    change(project, "docs/toy.md", "Because of GPT-2.", "Because of 42.")
    bad = command_in(project)
    assert bad.returncode == 1 and "docs/toy.md:" in bad.stdout and bad.stderr == ""


def command_in(project: Project) -> subprocess.CompletedProcess:
    """The command, run in the project's folder with the package of this repository."""
    code = f"import sys; sys.path[0] = {str(ROOT)!r}; from lora_ref.site.__main__ import main; sys.argv = ['site', 'lint']; main()"
    return subprocess.run([sys.executable, "-c", code], cwd=project.root, capture_output=True, text=True)
