"""Checks: how they are written, what lint says of a broken one, what stands on which page, what a hash survives."""

import re

import pytest
from throwaway import GOOD_PAGE, ROOT, build, make_project

from lora_ref.site import quiz
from lora_ref.site.gate import gate_page
from lora_ref.site.lint import Linter, lint
from lora_ref.site.numbers import Site
from lora_ref.site.project import Project

CHECK = """\
::: check why-both-move
Why does a *start* of {{ given rank=8 }} zeros in one matrix still let both move, with $W$ frozen?

- [ ] luck: Because of luck, at width {{ given width=64 }}.
  : No luck: see {{ value toy/measure.loss_rank_8 .3f }} and {{ cite toy2020 }}.
- [x] other: The other matrix is not zero,
  and gives a gradient.
  : Each gradient is a product with the other one,
    which has {{ value toy/measure.parameters }} numbers.
- [ ] frozen: The frozen weight moves them.
  : It is frozen.
:::
"""
ANSWERS = "# Answers\n\n{{ answers toy }}\n"
WITH_CHECK = GOOD_PAGE.replace("## Sources", f"## Check yourself\n\n{CHECK}\n## Sources")


@pytest.fixture
def project(tmp_path) -> Project:
    made = make_project(tmp_path, WITH_CHECK)
    (made.docs / "answers").mkdir()
    (made.docs / "answers/toy.md").write_text(ANSWERS)
    (made.docs / "progress.md").write_text("# Progress\n\n{{ checks }}\n")
    return made


@pytest.fixture(scope="module")
def linter(tmp_path_factory) -> Linter:
    return Linter(make_project(tmp_path_factory.mktemp("toy")))


def squeezed(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_parts_of_a_check():
    [check] = quiz.parse(f"Before.\n\n{CHECK}\nAfter.")
    assert check.problems == []
    assert check.name == "why-both-move" and check.label == "Why both move"
    assert check.question.text.startswith("Why does a *start*") and check.question.text.endswith("frozen?")
    assert [(option.key, option.right) for option in check.options] == [
        ("luck", False),
        ("other", True),
        ("frozen", False),
    ]
    assert check.options[1].words.text == "The other matrix is not zero, and gives a gradient."
    assert (reason := check.options[1].reason) and reason.text.startswith(
        "Each gradient is a product with the other one, which has"
    )


def test_a_check_shown_in_a_fence_is_none():
    assert quiz.parse(f"```text\n{CHECK}```\n") == []


# ---- lint: (what is changed, what it says)

BROKEN = {
    "no right option": ("- [x] other", "- [ ] other", ":1:1: expected one right option, marked [x], got 0"),
    "two right options": ("- [ ] luck", "- [x] luck", ":1:1: expected one right option, marked [x], got 2"),
    "no reason": ("  : It is frozen.\n", "", ":10:3: expected a reason on the line below the option"),
    "an empty reason": ("  : It is frozen.", "  : ", ":10:3: expected a reason on the line below"),
    "too few options": (CHECK[CHECK.index("- [ ] frozen") :], ":::\n", ":1:1: expected three to five options"),
    "no word": ("- [ ] luck: ", "- [ ] ", ":4:3: expected a word and a colon before the option"),
    "one word twice": ("- [ ] frozen:", "- [ ] luck:", ":10:3: expected another word for each option, got 'luck'"),
    "no text": ("frozen: The frozen weight moves them.", "frozen:", ":10:3: expected the option's text"),
    "no question": ("frozen?", "frozen.", ":1:1: expected a question, got no question mark"),
    "no name": ("::: check why-both-move", "::: check", ":1:1: expected a name of small letters"),
    "a name with digits": ("why-both-move", "rank-8", ":1:1: expected a name of small letters"),
    "another block": ("::: check", "::: quiz", ":1:1: expected ::: check and a name, got ::: quiz"),
    "no end": ("It is frozen.\n:::", "It is frozen.", ":1:1: expected ::: on a line of its own"),
    "a link": ("It is frozen.", "It is [frozen](index.md).", "expected words without a link in a check"),
    "a numeral in the question": ("Why does", "Why do 42", ':2:8: expected a mark, got the typed numeral "42"'),
    "a numeral in an option": ("Because of luck", "Because of 42", ':4:24: expected a mark, got the typed numeral "42"'),
    "a numeral in a reason": ("It is frozen", "It is 42", ':11:11: expected a mark, got the typed numeral "42"'),
    "a broken mark": ("loss_rank_8", "loss_rank_5", ":5:18: {{ value toy/measure.loss_rank_5 .3f }}: toy/measure has no"),
    "a comparison in the question": ("frozen?", "lower than before?", 'claim around the comparison "lower than'),
    "a comparison in a reason": ("It is frozen.", "It is lower than before.", ':11:11: expected a claim around the comp'),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_lint_finds(linter, case):
    old, new, message = BROKEN[case]
    assert old in CHECK
    givens = "\n{{ sources }}\n"
    found = linter.page("toy", CHECK.replace(old, new, 1) + givens).findings
    assert any(f"docs/toy.md{message}" in one or message in one for one in found), found
    assert all(re.match(r"docs/toy\.md:\d+:\d+: ", one) for one in found)


def test_what_an_option_says_is_no_statement(linter):
    wrong = CHECK.replace("The frozen weight moves them.", "The frozen weight is lower than before.")
    reasoned = CHECK.replace("  : It is frozen.", "  <!-- no-claim: a made-up run -->\n  : It is lower than before.")
    for text in (CHECK, wrong, reasoned):
        assert linter.page("toy", f"{text}\n{{{{ sources }}}}\n").findings == []
    last = quiz.parse(reasoned)[0].options[2].reason
    assert last and last.text == "It is lower than before."


def test_the_good_project_has_no_finding(project):
    assert lint(project) == ([], [])


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("answers/toy.md", None, "expected docs/answers/toy.md with {{ answers toy }}, which the check reads, found none"),
        ("answers/toy.md", "# Answers\n", "expected docs/answers/toy.md with {{ answers toy }}"),
        ("answers/index.md", "# A\n\n{{ answers index }}\n", "docs/answers/index.md:3:1: expected checks in docs/index.md"),
        ("other.md", ANSWERS, "docs/other.md:3:1: expected the answers of toy in docs/answers/toy.md, got them here"),
        ("answers/no.md", "# A\n\n{{ answers no }}\n", "docs/answers/no.md:3:1: {{ answers no }}: expected a page of docs/"),
        ("again.md", f"# Again\n\n{CHECK}", ": expected one check named why-both-move, got another at docs/"),
        ("again.md", "# A\n\nSee {{ answers toy }}.\n", "expected answers at the start of a paragraph"),
    ],
    ids=["no page", "no mark", "no checks", "another place", "no chapter", "a name twice", "inside a paragraph"],
)  # fmt: skip
def test_lint_finds_between_pages(project, file, text, message):
    if text is None:
        (project.docs / file).unlink()
    else:
        (project.docs / file).write_text(text)
    found = lint(project)[0]
    assert any(message in one for one in found), found


# ---- what stands on which page


def test_the_chapter_shows_questions_and_no_verdict(project):
    html = build(project, "toy", WITH_CHECK)
    form = html[html.index("<quick-check") : html.index("</quick-check>")]
    for reason in ("No luck", "Each gradient", "It is frozen", "Right", "✓", "✗", "data-right", "data-hash"):
        assert reason not in html, reason
    assert re.findall(r'<input[^>]* value="(\w+)"', form) == ["luck", "other", "frozen"]
    assert form.count('type="radio"') == 3 and set(re.findall(r'name="([^"]*)"', form)) == {"why-both-move"}
    assert re.search(r"<fieldset>\s*<legend>.*<em>start</em>.*</legend>", form)
    assert 'role="status"></p>' in form and '<button type="submit" class="solid" hidden disabled>' in form
    assert re.findall(r'href="([^"]*)"', form) == ["../answers/toy/#why-both-move"]
    assert '<data class="num" data-kind="given" value="64">64</data>' in form and 'class="katex"' in form
    assert 'id="check-why-both-move"' in html and "data-search-exclude" in html
    assert ":::" not in html and "[x]" not in html


def test_the_page_of_answers_has_them_all(project):
    html = build(project, "answers/toy", ANSWERS)
    answers = html[html.index("<check-answers") : html.index("</check-answers>")]
    assert re.findall(r'data-option="(\w+)" data-right="(\w+)"', answers) == [
        ("luck", "no"),
        ("other", "yes"),
        ("frozen", "no"),
    ]
    assert [squeezed(one)[:8] for one in re.findall(r"<dd>(.*?)</dd>", answers, re.S)] == [
        "✗ No. No",
        "✓ Right.",
        "✗ No. It",
    ]
    # Numbers are those of the chapter, without links of their own; each reason has one to the page's ledger.
    assert '<data class="num" data-kind="measured" value="128">128</data>' in answers
    assert set(re.findall(r"<a [^>]*>", answers)) == set(re.findall(r'<a class="from" [^>]*>', answers)) != set()
    for refs in re.findall(r'data-refs="([^"]*)"', answers):
        assert all(f'<li id="{ref}"' in html for ref in refs.split())
    assert '<h2 id="why-both-move">' in html and 'href="../../toy/#check-why-both-move"' in html
    assert gate_page(Site(project), "answers/toy", ANSWERS, html) == []


def test_the_page_of_progress_lists_them(project):
    text = (project.docs / "progress.md").read_text()
    html = build(project, "progress", text)
    [check] = quiz.parse(WITH_CHECK)
    assert f'<li data-check="why-both-move" data-hash="{check.hash}"><a href="../toy/#check-why-both-move">' in html
    assert "Why does a start of 8 zeros in one matrix still let both move, with W frozen?" in squeezed(html).replace(
        " ?", "?"
    )
    assert gate_page(Site(project), "progress", text, html) == []


def test_a_number_that_no_mark_made_is_found_on_the_page_of_answers(project):
    html = build(project, "answers/toy", ANSWERS)
    broken = html.replace('value="128">128<', 'value="129">129<')
    assert broken != html and gate_page(Site(project), "answers/toy", ANSWERS, broken)


def test_a_broken_check_stops_the_build(project):
    from lora_ref.site.marks import BuildError

    with pytest.raises(BuildError, match="expected one right option"):
        build(project, "toy", WITH_CHECK.replace("- [x]", "- [ ]"))
    with pytest.raises(BuildError, match="expected checks in docs/index.md"):
        build(project, "answers/toy", "{{ answers index }}")


# ---- what a reader has done stays done, or does not


def hash_of(text: str) -> str:
    return quiz.parse(text)[0].hash


def moved(text: str) -> str:
    """The first option last."""
    start, end = text.index("- [ ] luck"), text.index("- [x] other")
    return text[:start] + text[end : text.rindex(":::")] + text[start:end] + ":::\n"


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda text: text.replace("Why does", "Why, then, does"), True),
        (lambda text: text.replace("is not zero", "is not all zeros"), True),
        (lambda text: text.replace("It is frozen.", "It stays frozen."), True),
        (moved, True),
        (lambda text: text.replace("[x]", "[ ]").replace("[ ] luck", "[x] luck"), False),
        (lambda text: text.replace("[x] other:", "[x] another:"), False),
        (lambda text: text.replace("why-both-move", "why-they-move"), False),
    ],
    ids=["question", "right option", "reason", "order", "another right option", "another right word", "another name"],
)
def test_hash(change, same):
    assert change(CHECK) != CHECK and quiz.parse(change(CHECK))[0].problems == []
    assert (hash_of(change(CHECK)) == hash_of(CHECK)) is same


# ---- this site's own


def test_the_lesson_has_checks():
    chapters = quiz.chapters(Project(ROOT))
    checks = [check for chapter in chapters for check in chapter.checks]
    assert len(checks) >= 7
    for check in checks:
        assert check.problems == []
        assert re.search(r"\b(why|which|what)\b", check.question.text, re.I), f"{check.name}: ask why or which breaks"
    # The right option has no place of its own: nobody may learn it.
    places = [next(at for at, option in enumerate(check.options) if option.right) for check in checks]
    assert max(places.count(place) for place in set(places)) <= len(places) / 2
