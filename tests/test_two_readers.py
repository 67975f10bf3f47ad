"""Lint reads Markdown, the gate reads HTML: what one finds, the other does not miss.

Two hundred pages and more, each with one numeral that someone typed: in every position that a reader meets, in many
scripts and disguises. The same positions with a word, or with a mark, are good in both.
"""

import os
import random
from dataclasses import dataclass

import click
import pytest
from throwaway import build, make_project

from lora_ref.site import orphans
from lora_ref.site.gate import gate_page, leftover, style_texts
from lora_ref.site.lint import Linter

SEED = int(os.environ.get("BAD_PAGES_SEED", "2026"))
PAGES = 250

# In any script and disguise; and plain ones, for positions that allow no other sign.
ANY = ("42", "3.2", "½", "３", "&#51;", "&#x33;", "&frac12;", "1e-3", "99%", "7B", "²", "Ⅳ", "٤", "1,024", "-5", "0x1F")
ANY += ("四", "4**2**", "3&nbsp;GB", "1/3", "①", "2nd", "GPT-5", "H2000", "~10", "5×", "2026-11-24", "&sup2;", "±0.5")
ANY += ("1_000", "R2", "Llama-2-7Bs")
DIGITS = ("42", "3.2", "1e-3", "99", "7", "1,024", "5", "0.25")

# Name -> Markdown around the numeral. {n} is the numeral; a word in its place makes a good page.
POSITIONS = {
    "prose": "The answer is {n} indeed.",
    "start of a paragraph": "{n} is the answer.",
    "bold": "It is **{n}** here.",
    "inside a word": "It is a*{n}*b here.",
    "across lines": "The answer\nis {n}\nhere.",
    "list": "- one\n- item {n}",
    "ordered list": "1. first\n2. item {n}",
    "nested list": "- one\n    - inner {n}",
    "list with paragraphs": "- one\n\n    more of it: {n}",
    "quotation": "> They said {n}.",
    "table cell": "| a | b |\n| --- | --- |\n| x | {n} |",
    "table head": "| a | {n} |\n| --- | --- |\n| x | y |",
    "heading": "## About {n}",
    "heading with id": "## About {n} {{#about}}",
    "underlined heading": "About {n}\n---------",
    "caption of a figure": "{{{{ figure toy/measure.curve }}}} The loss, {n}.",
    "caption of a table": "{{{{ table toy/measure | losses Loss .3f }}}} The loss, {n}.",
    "head of a table of values": "{{{{ table toy/measure | ranks Rank | losses Loss {n} .3f }}}} The loss.",
    "alt text": "![A picture of {n} lines](assets/square.svg)",
    "link text": "See [the {n} lines](toy.md).",
    "title of a link": 'See [it](toy.md "the {n} lines").',
    "link by reference": "See [the {n} lines][it].\n\n[it]: toy.md",
    "tab": '=== "Tab {n}"\n\n    Inside.',
    "inside a tab": '=== "Tab"\n\n    Inside {n}.',
    "admonition": '!!! note "Note {n}"\n\n    Inside.',
    "inside an admonition": '!!! note "Note"\n\n    Inside {n}.',
    "folded admonition": '??? note "Note {n}"\n\n    Inside.',
    "footnote": "It is so[^why].\n\n[^why]: Because of {n}.",
    "term": "Term {n}\n:   Meaning",
    "definition": "Term\n:   Meaning {n}",
    "claim": "[The loss is {n}]{{.claim #a-claim}}.",
    "raw block": "<div>text {n}</div>",
    "raw block over lines": "<div>\ntext\n{n}\n</div>",
    "raw inline": "It is <b>{n}</b> here.",
    "split by tags": "It is <i>a</i>{n}<i>b</i> here.",
    "Markdown in HTML": '<div markdown="1">\n\ntext {n}\n\n</div>',
    "raw table": "<table><tr><td>{n}</td></tr></table>",
    "summary": "<details><summary>More {n}</summary>Text</details>",
    "caption in HTML": "<figure><figcaption>Text {n}</figcaption></figure>",
    "title attribute": '<p title="about {n}">Text</p>',
    "aria-label": '<p aria-label="about {n}">Text</p>',
    "aria-description": 'It is <b aria-description="about {n}">so</b>.',
    "alt attribute": '<img src="../assets/square.svg" alt="A picture of {n}">',
    "placeholder": '<p><input type="text" placeholder="about {n}"></p>',
    "label": '<p><select><option label="about {n}">a</option></select></p>',
    "value of a field": '<p><input type="text" value="about {n}"></p>',
    "option": "<p><select><option>about {n}</option></select></p>",
    "attribute list": 'It is *so*{{title="about {n}"}}.',
    "drawing": '<p><svg id="claim-drawing" viewBox="0 0 9 9"><text x="1">about {n}</text></svg></p>',
    "title of a drawing": '<p><svg id="claim-drawing"><title>about {n}</title></svg></p>',
    "hidden": "<p hidden>about {n}</p>",
    "address as text": "See <https://example.org/{n}/x>.",
    "address in prose": "See https://example.org/{n}/x now.",
    "abbreviation": 'An <abbr title="about {n}">A</abbr>.',
    "quotation in HTML": "<blockquote>about {n}</blockquote>",
    "typed citation": "<p><cite>Toy et al., {n}</cite></p>",
}  # fmt: skip

# These only take plain digits: Markdown or KaTeX would read another sign otherwise.
IN_CODE = {
    "code span": "It is `x = {n}` here.",
    "code in HTML": "It is <code>x = {n}</code> here.",
    "key": "Press <kbd>{n}</kbd>.",
    "block in HTML": "<pre>x = {n}</pre>",
    "fence without language": "```\nx = {n}\n```",
    "text fence": "```text\nx = {n}\n```",
    "fence that no test runs": "<!-- notest: it downloads -->\n```{{.python notest}}\nx = {n}\n```",
    "code by indent": "Text.\n\n    x = {n}",
}
IN_FORMULAS = {
    "formula": "It is $x = {n}$ here.",
    "displayed formula": "$$\nx = {n}\n$$",
    "formula in brackets": "It is \\(x = {n}\\) here.",
    "text in a formula": "It is $x = \\text{{about {n}}}$ here.",
    "exponent": "It is $x^{{{n}}}$ here.",
    "spaced formula": "It is $1\\,{n}$ here.",
    "typed MathML": "<p><math><mn>{n}</mn></math></p>",
    "typed KaTeX": '<p><span class="katex">{n}</span></p>',
    "typed formula": '<p><span class="arithmatex">\\({n}\\)</span></p>',
}
NEVER_GOOD = {
    "typed data": '<p><data value="{n}">{n}</data></p>',
    "typed number": '<p><a class="num" href="#numbers"><data value="{n}">{n}</data></a></p>',
    "typed name": '<p><data class="name" value="{n}">{n}</data></p>',
    "typed ledger": '<details class="ledger-wrap"><summary>All</summary><data value="{n}">{n}</data></details>',
    "typed footnote": '<p><a class="footnote-ref" href="#numbers">{n}</a></p>',
    "brackets": "See [it]{{#a{n}}} here.",
    "stray braces": "It is {{{{ {n} }}}} here.",
    "unknown mark": "It is {{{{ number {n} }}}} here.",
    "literal in disguise": "It is {{{{ calc {n} }}}} here.",
    "missing footnote": "It is so[^{n}].",
    "type of an admonition": "!!! note{n}\n\n    Inside.",
    "ordinal in a paragraph": "The answer is\n{n}. Then more.",
    "ordinal with a bracket": "{n}) The answer.",
    "broken fence": "```python notest\nx = {n}\n```",
}
FRONT = {"title": "---\ntitle: 'About {n}'\n---\nText.", "description": "---\ndescription: 'About {n}'\n---\nText."}
THEME = {
    "navigation": ("nav", "About {n}"),
    "template": ("overrides", "<p>about {n}</p>"),
    "attribute of a template": ("overrides", '<p title="about {n}">text</p>'),
    "style": ("css", 'p::before {{ content: "about {n}"; }}'),
    "second string of a style": ("css", "p::before {{ content: counter(c) '. {n}' }}"),
    "escape in a style": ("css", 'p::before {{ content: "\\3{d}"; }}'),
}
# A mark in place of the numeral is good where marks can stand; these hold text that no mark reaches.
NO_MARK = {
    "head of a table of values", "address as text", "address in prose", "heading", "underlined heading",
    *IN_CODE, "typed MathML", "typed KaTeX",
}  # fmt: skip


# Where a block may stand, beside the top of the page.
INSIDE = {
    "admonition": '!!! note "Note"\n\n{indented}',
    "folded": '??? note "Note"\n\n{indented}',
    "tab": '=== "Tab"\n\n{indented}',
    "item": "- item\n\n{indented}",
    "ordered item": "1. item\n\n{indented}",
    "quotation": "{quoted}",
    "Markdown in HTML": '<div markdown="1">\n\n{text}\n\n</div>',
    "raw HTML": "<div>\n{text}\n</div>",
    "paragraph": "Text before\n{text}\nand after.",
}
NOT_INSIDE = {
    ("raw HTML", "address as text"),  # an unknown tag there: no reader of HTML sees it
    ("paragraph", "list with paragraphs"),  # no list, so code, where a word with a digit may be a name
}


def inside(place: str, text: str) -> str:
    """The block at this place of a page."""
    indented = "\n".join(f"    {line}" if line else "" for line in text.split("\n"))
    quoted = "\n".join(f"> {line}" for line in text.split("\n"))
    return INSIDE[place].format(text=text, indented=indented, quoted=quoted) if place else text


@dataclass(frozen=True)
class Bad:
    position: str
    numeral: str
    text: str  # Markdown; or what is put into the theme
    theme: str = ""


def bad_pages(seed: int = SEED, pages: int = PAGES) -> list[Bad]:
    """Every position once at the top of a page, then positions at random, inside other blocks."""
    chance = random.Random(seed)
    choices = [(name, text, ANY, "") for name, text in {**POSITIONS, **FRONT}.items()]
    choices += [(name, text, DIGITS, "") for name, text in {**IN_CODE, **IN_FORMULAS, **NEVER_GOOD}.items()]
    choices += [(name, text, DIGITS, place) for name, (place, text) in THEME.items()]
    out = []
    for turn in range(pages):
        name, text, numerals, theme = choices[turn] if turn < len(choices) else chance.choice(choices)
        numeral = chance.choice(numerals) if name != "ordinal in a paragraph" else str(chance.randint(2, 99))
        place = chance.choice(list(INSIDE)) if turn >= len(choices) and name not in FRONT and not theme else ""
        if (place, name) not in NOT_INSIDE:
            out.append(
                Bad(
                    f"{name} {place}".strip(),
                    numeral,
                    inside(place, text.format(n=numeral, d=chance.randint(0, 9))),
                    theme,
                )
            )
    return out


@pytest.fixture(scope="module")
def linter(tmp_path_factory) -> Linter:
    return Linter(make_project(tmp_path_factory.mktemp("toy")))


def page_of(text: str) -> str:
    head = "" if text.startswith("---") else "# A page\n\n"
    return f"{head}{text}\n\nIts width is {{{{ given width=64 }}}}.\n"


def lint_findings(linter: Linter, text: str) -> list[str]:
    return linter.page("toy", text).findings


def gate_findings(linter: Linter, text: str, **around: str) -> list[str]:
    try:
        html = build(linter.project, "toy", text, **around)
    except click.ClickException as error:  # the builder stops: nothing is published
        return [f"the build stops: {error.message}"]
    return gate_page(linter.site, "toy", text, html)


def theme_findings(linter: Linter, bad: Bad) -> tuple[list[str], list[str]]:
    """Both readers' findings in what stands around the pages."""
    root = linter.project.root
    files = {"nav": "mkdocs.yml", "overrides": "overrides/main.html", "css": "docs/assets/site.css"}
    path = root / files[bad.theme]
    before = path.read_text()
    page = page_of("Text.")
    try:
        if bad.theme == "nav":
            path.write_text(before.replace("Toy: toy.md", f"'{bad.text}': toy.md"))
            return orphans.check_theme(linter.site), gate_findings(linter, page, nav=bad.text)
        path.write_text(before + bad.text)
        if bad.theme == "css":
            shown = [leftover(text, linter.site.names) for text in style_texts(bad.text)]
            return orphans.check_theme(linter.site), [word for word in shown if word]
        return orphans.check_theme(linter.site), gate_findings(linter, page, overrides=bad.text)
    finally:
        path.write_text(before)


def test_two_hundred_bad_pages(linter):
    """Both readers find each; a page that only one finds is a hole in the other."""
    print(f"BAD_PAGES_SEED={SEED}")
    pages = bad_pages()
    assert len(pages) >= 200
    missed = []
    for bad in pages:
        if bad.theme:
            lint, gate = theme_findings(linter, bad)
        else:
            text = page_of(bad.text)
            lint, gate = lint_findings(linter, text), gate_findings(linter, text)
        if not lint or not gate:
            missed.append((bad, "lint misses it" if not lint else "", "the gate misses it" if not gate else ""))
    assert not missed, "\n".join(map(str, missed))


@pytest.mark.parametrize("position", [*POSITIONS, *IN_CODE, *FRONT, *sorted(THEME.keys() - {"escape in a style"})])
def test_a_word_in_the_same_place_is_good_in_both(linter, position):
    if position in THEME:
        lint, gate = theme_findings(
            linter, Bad(position, "", THEME[position][1].format(n="words", d=0), THEME[position][0])
        )
    else:
        text = page_of({**POSITIONS, **IN_CODE, **FRONT}[position].format(n="words"))
        lint, gate = lint_findings(linter, text), gate_findings(linter, text)
    assert lint == [] and gate == []


@pytest.mark.parametrize("position", sorted({**POSITIONS, **IN_FORMULAS}.keys() - NO_MARK))
def test_a_mark_in_the_same_place_is_good_in_both(linter, position):
    text = page_of({**POSITIONS, **IN_FORMULAS}[position].format(n="{{ calc count.full(width, width) ,d }}"))
    assert lint_findings(linter, text) == []
    assert gate_findings(linter, text) == []


@pytest.mark.parametrize("name", ["Llama-2-7B", "GPT-2", "H200"])
@pytest.mark.parametrize(
    "position", sorted(POSITIONS.keys() - {"inside a word", "split by tags", "head of a table of values"})
)
def test_a_proper_name_is_good_in_both(linter, position, name):
    text = page_of(POSITIONS[position].format(n=name))
    assert lint_findings(linter, text) == []
    assert gate_findings(linter, text) == []


def test_an_exception_with_a_reason_is_good_in_both_and_is_reported(linter):
    text = page_of("<!-- number-ok: a year, and no measurement -->\nIt began in 1984.")
    assert lint_findings(linter, text) == [] and gate_findings(linter, text) == []
    assert linter.page("toy", text).exceptions == ["docs/toy.md:3: number-ok: a year, and no measurement"]
    without = text.replace(": a year, and no measurement", "")
    assert lint_findings(linter, without) and gate_findings(linter, without)
