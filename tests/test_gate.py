"""Every guard of the gate, with a built site that it catches; the numerals of pages are in test_two_readers.py."""

import json
import shutil
from pathlib import Path

import pytest
from throwaway import GOOD_PAGE, ROOT, build, make_project

from lora_ref.site.gate import (
    blanked,
    code_words,
    gate,
    gate_page,
    leftover,
    math_numbers,
    parse,
    shows,
    style_texts,
    style_urls,
)
from lora_ref.site.math import render
from lora_ref.site.numbers import Site
from lora_ref.site.project import Project

SEARCH = {
    "docs": [
        {"location": "", "title": "Start", "text": "<p>The speed: not yet measured on a GPU.</p>"},
        {"location": "toy/#numbers-trained", "title": "With 128 numbers", "text": "width 64 <code>width = 64</code>"},
    ]
}
RECORDS_PAGE = "# Records\n\n{{ records }}\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Project, Path]:
    """The toy's site as a builder would leave it, put together here without one."""
    project = make_project(tmp_path_factory.mktemp("toy"))
    (project.docs / "reference").mkdir()
    (project.docs / "reference" / "records.md").write_text(RECORDS_PAGE)
    site = project.root / "site"
    shutil.copytree(project.docs / "assets", site / "assets")
    shutil.copytree(project.records, site / "records")
    texts = {"index": (project.docs / "index.md").read_text(), "toy": GOOD_PAGE, "reference/records": RECORDS_PAGE}
    for name, text in texts.items():
        top = "" if name == "index" else "../" * (name.count("/") + 1)
        html = build(project, name, text).replace('href="toy.md"', 'href="toy/"')
        html = html.replace(f'<nav><a href="../{name}/">Toy</a>', f'<nav><a href="{top}toy/">Toy</a>')
        html = html.replace('src="assets/', f'src="{top}assets/')
        html = html.replace("</head>", f'<link rel="stylesheet" href="{top}assets/site.css"></head>')
        folder = site if name == "index" else site / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.html").write_text(html)
    (site / "404.html").write_text('<html><body><a href="/toy/">The toy</a><article>Not found</article></body></html>')
    (site / "search").mkdir()
    (site / "search" / "search_index.json").write_text(json.dumps(SEARCH))
    return project, site


@pytest.fixture
def site(built, tmp_path) -> tuple[Project, Path]:
    project, folder = built
    copy = tmp_path / "site"
    shutil.copytree(folder, copy)
    return project, copy


def test_the_good_site_has_no_finding(site):
    assert gate(*site) == []


P = '<p class="answer">'
# (file, old, new, what the gate says)
CASES = {
    "digit in the text": ("toy/index.html", P, P + "42 ", 'docs/toy.md, line 2 of the HTML, <p>: expected every digit in a <data>, got "42"'),
    "split numeral": ("toy/index.html", P, P + "4<b>2</b> ", 'got "4"'),
    "vulgar fraction": ("toy/index.html", P, P + "½ ", 'got "½"'),
    "data without a mark": ("toy/index.html", P, P + '<data value="42">42</data> ', 'expected a <data> that a mark of this page made, got "42"'),
    "data without a value": ("toy/index.html", '<data value="73.5">', "<data>", 'expected a value on the <data> of "73.5"'),
    "another number in a mark's element": ("toy/index.html", ">73.5</data></a>", ">78.5</data></a>", 'got "78.5"'),
    "text that is not its value": ("toy/index.html", '<data value="2.5">2.5</data>', '<data value="2.5">2.7</data>', 'to be its value, got "2.7" for 2.5'),
    "a number of another page": ("index.html", "The speed", 'The <a class="num" href="toy/"><data value="128">128</data></a> speed', 'got "128"'),
    "unlisted name": ("toy/index.html", P, P + '<data class="name" value="H100">H100</data> ', 'got "H100"'),
    "ledger by hand": ("index.html", "The speed", '<span class="note"><data value="9">9</data></span> The speed', 'got "9"'),
    "attribute": ("toy/index.html", 'title="64 columns"', 'title="65 columns"', 'in the attribute title but those of marks and names, got "65"'),
    "alt": ("toy/index.html", 'alt="A square of 64 columns"', 'alt="A square of 640 columns"', 'in the attribute alt but those of marks and names, got "640"'),
    "page title": ("toy/index.html", "<title>Toy", "<title>Toy 42", "in navigation and titles"),
    "description": ("toy/index.html", 'content="A page', 'content="42 pages', "in the page's description"),
    "navigation": ("index.html", ">Toy</a>", ">Toy 42</a>", 'in navigation and titles but those of marks and names, got "42"'),
    "drawing": ("toy/index.html", '<text x="4" y="8">2.5</text>', '<text x="4" y="8">2.6</text>', "expected the drawing of measure.curve.wide.svg as its record"),
    "geometry of a drawing": ("toy/index.html", "M0 1L2 3", "M0 1L2 9", "expected the drawing of measure.curve.wide.svg as its record has it"),
    "label of a drawing": ("toy/index.html", 'aria-label="Loss 2.5', 'aria-label="Loss 2.6', "expected the drawing of measure.curve.wide.svg"),
    "drawing of no record": ("toy/index.html", 'data-figure="curve"', 'data-figure="bars"', "found no file of it"),
    "other drawing": ("toy/index.html", P, P + "<svg><text>42</text></svg>", 'in a drawing but those of marks and names, got "42"'),
    "formula": ("toy/index.html", "<mn>4</mn>", "<mn>5</mn>", 'expected 0, 1, 2 or the text of a mark in a formula, got "5"'),
    "formula seen and not read": ("toy/index.html", '<span class="mord">4</span>', '<span class="mord">5</span>', "the same digits to be seen and to be read aloud"),
    "code": ("toy/index.html", "<code>width = 64</code>", "<code>width = 65</code>", 'expected a number that tested code of this page holds, got "65"'),
    "mark left": ("toy/index.html", P, P + "{{ value a.b }} ", 'got "{{" in'),
    "token left": ("toy/index.html", P, P + "\ue000ab\ue001 ", "got a token that a mark left behind"),
    "stash left": ("toy/index.html", P, P + "\x02wzxhzdk:7\x03 ", 'got "wzxhzdk"'),
    "reference left": ("toy/index.html", P, P + "see [it][there] ", 'got "][" in'),
    "footnote left": ("toy/index.html", P, P + "so[^why] ", 'got "[^" in'),
    "attribute list left": ("toy/index.html", P, P + "so {#id} ", 'got "{#" in'),
    "fence left": ("toy/index.html", P, P + "```python notest ", 'got "```" in'),
    "mark left in an attribute": ("toy/index.html", 'alt="A square', 'alt="{{ a }} square', 'got "{{" in'),
    "script": ("toy/index.html", P, "<script>1</script>" + P, "expected text and figures in the article, got <script>"),
    "handler": ("toy/index.html", P, '<p onclick="x">', "expected no script in the article, got the attribute onclick"),
    "footnote number": ("toy/index.html", ">1</a></sup>", ">7</a></sup>", 'expected the number of one of 1 footnotes, got "7"'),
    "dead link": ("index.html", 'href="toy/"', 'href="toys/"', "index.html, line 1, <a href>: expected a page or file of the site"),
    "dead anchor": ("toy/index.html", 'href="#numbers-trained"', 'href="#number"', "expected an anchor of toy/index.html, got #number"),
    "dead image": ("toy/index.html", 'src="../assets/square.svg"', 'src="../assets/none.svg"', "<img src>: expected a page or file of the site"),
    "dead record": ("toy/index.html", 'data-record="../records', 'data-record="../record', "<figure data-record>: expected a page or file"),
    "absolute link": ("index.html", 'href="toy/"', 'href="/toy/"', "relative to this page, got /toy/"),
    "above the site": ("toy/index.html", 'href="../assets/site.css"', 'href="../../assets/site.css"', "<link href>: expected a page or file of the site"),
    "script of another host": ("index.html", "</head>", '<script src="https://cdn.example.org/a.js"></script></head>', "to be loaded from another host"),
    "font of another host": ("index.html", "</head>", '<link rel="preconnect" href="https://fonts.example.org"></head>', "to be loaded from another host"),
    "image of another host": ("index.html", "The speed", '<img src="//example.org/a.png" alt=""> The speed', "to be loaded from another host"),
    "style of another host": ("index.html", "The speed", '<b style="background: url(https://example.org/a.png)">The</b> speed', "to be loaded from another host"),
    "style sheet of another host": ("assets/site.css", "p::after", "@import url(https://example.org/a.css); p::after", "to be loaded from another host"),
    "digit in a style": ("assets/site.css", "\\2192", "42", 'expected no digit in the content of a style, got "42"'),
    "search text": ("search/search_index.json", "width 64 ", "width 65 ", 'search: expected words of toy/index.html alone, got "65"'),
    "search title": ("search/search_index.json", "With 128", "With 129", 'got "129" in the title of toy/#numbers-trained'),
    "search of no page": ("search/search_index.json", "toy/#", "toys/#", "search: expected a page of the site"),
    "records page": ("reference/records/index.html", "</h2>", " 42</h2>", 'docs/reference/records.md, line 2 of the HTML, <h2>: expected every digit'),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_gate(site, case):
    file, old, new, expected = CASES[case]
    path = site[1] / file
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {file}: {text}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    found = gate(*site)
    assert any(expected in finding for finding in found), found


def test_a_page_that_was_not_built(site):
    (site[1] / "toy" / "index.html").unlink()
    assert "docs/toy.md: expected a built page of it, found none; build the site again" in gate(*site)


def test_under_a_sub_path_relative_links_hold_and_the_error_page_may_be_absolute(site):
    for path in site[1].rglob("*.html"):
        text = path.read_text()
        canonical = f'<link rel="canonical" href="https://example.org/lora/{path.parent.name}">'
        if path.name == "index.html" and path.parent == site[1]:
            canonical = '<link rel="canonical" href="https://example.org/lora/">'
        path.write_text(text.replace("</head>", f"{canonical}</head>").replace('href="/toy/"', 'href="/lora/toy/"'))
    assert gate(*site) == []
    (site[1] / "404.html").write_text('<html><body><a href="/toy/">a</a></body></html>')
    assert any("404.html" in finding for finding in gate(*site))


def test_a_changed_mark_changes_what_is_allowed(built):
    """The page says one thing, the HTML another: a stale build is found."""
    project, _ = built
    text = GOOD_PAGE.replace("loss_rank_8 .3f", "loss_rank_4 .3f")
    assert gate_page(Site(project), "toy", GOOD_PAGE, build(project, "toy", GOOD_PAGE)) == []
    found = gate_page(Site(project), "toy", text, build(project, "toy", GOOD_PAGE))
    assert any('got "0.314"' in finding for finding in found)


# ---- the parts


@pytest.mark.parametrize(
    ("text", "known", "left"),
    [
        ("rank 8 of 64", {"8", "64"}, None),
        ("rank 80", {"8"}, "80"),
        ("8.5 and 0.8", {"8", "0.8"}, "8.5"),
        ("1,024", {"1", "024"}, "1,024"),
        ("1,024.", {"1,024"}, None),
        ("Llama-2-7B's", {"Llama-2-7B"}, None),
        ("Llama-2-7Bs", {"Llama-2-7B"}, "Llama-2-7Bs"),
        ("H200x", {"H200"}, "H200x"),
        ("８", {"8"}, "８"),
        ("words", set(), None),
    ],
)
def test_leftover(text, known, left):
    assert leftover(text, known) == left


@pytest.mark.parametrize(
    ("text", "value", "same"),
    [
        ("0.314", "0.31375", True),
        ("0.315", "0.31375", False),
        ("31.4%", "0.31375", True),
        ("1,024", "1024", True),
        ("1,025", "1024", False),
        ("2e-03", "0.002", True),
        ("NF4", "NF4", True),
        ("NF4", "NF5", False),
        ("4", "4.0", True),
    ],
)
def test_a_text_shows_its_value(text, value, same):
    assert shows(text, value) == same


def test_blanked_keeps_places():
    assert blanked("a 8 b", {"8"}) == "a   b"


@pytest.mark.parametrize(
    ("tex", "numbers"),
    [
        ("x_0", ["0"]),
        ("4{,}096", ["4,096"]),
        ("1 2", ["12"]),
        ("1{}2", ["12"]),
        ("1\\!2", ["12"]),
        ("10^{-3}", ["10", "3"]),
        ("\\frac{1}{2}", ["1", "2"]),
        ("\\text{about 42}", ["42"]),
        ("0.5", ["0.5"]),
        ("99\\%", ["99"]),
        ("\\begin{pmatrix}1&0\\\\0&1\\end{pmatrix}", ["1", "0", "0", "1"]),
    ],
)
def test_numbers_of_mathml(tex, numbers):
    (math,) = [node for node in parse(render(tex)).nodes() if node.tag == "math"]
    assert list(math_numbers(math)) == numbers


def test_words_of_code():
    code = "x = 0.5 + 7B, float32(1e-3), a1, [2], 1_000, ½, x.5"
    assert code_words(code) == ["0.5", "7B", "1e-3", "2", "1_000", "½"]


def test_texts_and_addresses_of_a_style():
    css = "/* content: '1' */ p::before{content:\"a\\34 b\" counter(x) '5'} q{--content: '6'; background:url( \"a.png\" )} @import 'b.css';"
    assert list(style_texts(css)) == ["a4b5"]
    assert list(style_urls(css)) == ["a.png", "b.css"]


def test_the_gate_shares_no_expression_with_lint():
    """Two readers are two only while neither leans on the other."""
    source = (ROOT / "lora_ref" / "site" / "gate.py").read_text()
    for name in ("lint", "reader", "orphans", "comparing"):
        assert f"site.{name}" not in source and f"import {name}" not in source
    assert "import re\n" not in source
