"""Terms: where they may be marked, what lint says of a wrong one, and that sentences elsewhere keep the word."""

import pytest
from throwaway import GOOD_PAGE, build, make_project

from lora_ref.site import blocks, glossary
from lora_ref.site.lint import Linter
from lora_ref.site.numbers import Page, Site
from lora_ref.site.project import Project, find_project

GLOSSARY = "# Words\n\nrank {#rank}\n:   How many directions.\n\nbf16 {#bf16}\n:   A format.\n"


@pytest.fixture
def project(tmp_path) -> Project:
    made = make_project(tmp_path)
    (made.docs / "reference").mkdir(exist_ok=True)
    (made.docs / "reference/glossary.md").write_text(GLOSSARY)
    (made.docs / "names.yml").write_text("- bf16\n")
    return made


def test_the_terms_of_the_list(project):
    assert glossary.terms(project) == {"rank": "rank", "bf16": "bf16"}


def test_every_entry_of_ours_is_a_term():
    """No definition without an id: a chapter could not mark it."""
    project = find_project()
    text = (project.docs / f"{glossary.PAGE}.md").read_text(encoding="utf-8")
    known = glossary.terms(project)
    assert len(known) == text.count("\n:   ") and len(known) > 40
    assert sorted(known.values(), key=str.lower) == list(known.values()), "in the order of the alphabet"


def test_a_term_becomes_a_link(project):
    page = GOOD_PAGE.replace("## Sources", "A {{ term rank }}, in {{ term bf16 }}, of ranks.\n\n## Sources")
    html = build(project, "toy", page)
    assert '<lora-term><a href="../reference/glossary/#rank">rank</a></lora-term>' in html
    assert '#bf16"><data class="name" value="bf16">bf16</data></a></lora-term>' in html


WRONG = {
    "unknown": ("{{ term rnk }}", "expected a term of docs/reference/glossary.md, got 'rnk'; near it are rank"),
    "heading": ("## The {{ term rank }} {#x}", "expected a term in the text, got a heading"),
    "attribute": ('<p title="{{ term rank }}">x</p>', "expected a term in the text, got an attribute"),
    "twice": ("{{ term rank }} and\n{{ term rank ranks }}", "to be marked once on a page, got it again after line"),
    "digit": ("{{ term rank rank 8 }}", 'expected a mark, got the typed numeral "8" (term)'),
    "check": (
        "::: check why-so\nWhy {{ term rank }}?\n\n- [x] a: A.\n  : A.\n- [ ] b: B.\n  : B.\n- [ ] c: C.\n  : C.\n:::",
        "expected a term in the text, got a check",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_lint_says_where(project, what):
    mark, message = WRONG[what]
    text = GOOD_PAGE.replace("## Sources", f"{mark}\n\n## Sources")
    found = Linter(project).page("toy", text).findings
    assert any(message in one and one.startswith("docs/toy.md:") for one in found), found


def test_the_page_of_records_keeps_the_word(project):
    page = Page(Site(project), "toy", "Before.\n\nThe {{ term rank }} loses {{ value toy/measure.loss_rank_8 .3f }}.")
    assert blocks.sentence_around(page, page.text.index("{{ value")).startswith("The rank loses")
