"""Where a mark stands decides what it becomes; the extension list is the site's own, from mkdocs.yml."""

import html.parser
import re
from pathlib import Path

import markdown
import pytest
import yaml

from lora_ref.site import blocks
from lora_ref.site.marks import BuildError, MarksExtension
from lora_ref.site.numbers import Page, Site
from lora_ref.site.project import find_project

ROOT = Path(__file__).parent.parent
VALUE = "{{ value digits/ten_seconds.images_test }}"  # 497, as the record says


def render(text: str, page: str = "lora") -> str:
    class Loader(yaml.SafeLoader):
        """mkdocs.yml holds tags of MkDocs' own."""

    Loader.add_multi_constructor("!", lambda loader, tag, node: None)
    names, settings = [], {}
    for entry in yaml.load((ROOT / "mkdocs.yml").read_text(), Loader)["markdown_extensions"]:
        name = next(iter(entry)) if isinstance(entry, dict) else entry
        if name != "lora_ref.site.marks":
            names.append(name)
            settings[name] = entry[name] if isinstance(entry, dict) else {}
    marks = MarksExtension(root=str(ROOT), page=page)
    return markdown.Markdown(extensions=[*names, marks], extension_configs=settings).convert(text)


def article(text: str) -> str:
    """What is rendered before the ledger."""
    return render(text).partition('<details class="ledger-wrap"')[0]


LINKED = r'<a class="num" data-kind="measured" href="#n1" tabindex="-1"><data value="497">497</data></a>'
BARE = '<data class="num" data-kind="measured" value="497">497</data>'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"There are {VALUE}.", LINKED),
        (f"There are **{VALUE}**.", f"<strong>{LINKED}</strong>"),
        (f"- item {VALUE}", LINKED),
        (f"| a | b |\n| --- | --- |\n| x | {VALUE} |", f"<td>{LINKED}</td>"),
        (f'!!! note "Title"\n\n    Inside {VALUE}.', LINKED),
        (f'=== "Tab"\n\n    Inside {VALUE}.', LINKED),
        (f'??? note "Fold"\n\n    Inside {VALUE}.', LINKED),
        (f"<div>raw {VALUE}</div>", LINKED),
        (f"A note[^1].\n\n[^1]: The note says {VALUE}.", LINKED),
    ],
    ids=["prose", "strong", "list", "table", "admonition", "tab", "fold", "raw-html", "footnote"],
)
def test_in_text_a_number_is_a_link_to_the_ledger(text, expected):
    assert expected in article(text)


@pytest.mark.parametrize(
    "text",
    [
        f"## Heading {VALUE} {{#named}}",
        f"[a link {VALUE}](index.md)",
        f'??? note "Summary {VALUE}"\n\n    x',
        f"<label>choose {VALUE}</label>",
        f"<button>press {VALUE}</button>",
    ],
    ids=["heading", "link", "summary", "label", "button"],
)
def test_where_a_link_cannot_stand_the_number_has_none(text):
    result = article(text)
    assert "497" in result and 'class="num"' in result
    assert '<a class="num"' not in result


def test_in_attributes_formulas_and_pictures_it_is_plain_text():
    assert 'alt="of 497 images"' in article(f"![of {VALUE} images](x.png)")
    assert 'aria-label="497 here"' in article(f'<div aria-label="{VALUE} here">x</div>')
    assert "<text>497</text>" in article(f"<svg><text>{VALUE}</text></svg>")
    formula = article(f"$n = {VALUE}$")
    assert "497" in re.sub(r"<[^>]*>", "", formula) and "<data" not in formula


def test_thousands_and_percent_survive_a_formula():
    text = article("$x = {{ calc ten_seconds.parameters_full ,d }}, {{ value digits/ten_seconds.accuracy_full .0% }}$")
    assert "26,122" in re.sub(r"<[^>]*>", "", text) and "96%" in text


def test_in_code_a_mark_is_shown_as_a_mark():
    assert "<code>{{ value x/y.z }}</code>" in article("Write `{{ value x/y.z }}`.")
    assert "{{ value x/y.z }}" in re.sub(r"<[^>]*>", "", article("```text\n{{ value x/y.z }}\n```"))


def test_a_bar_in_a_mark_does_not_cut_a_cell():
    text = article("| a | b |\n| --- | --- |\n| `{{ table x | y Z }}` | {{ value digits/ten_seconds.images_test }} |")
    assert text.count("<td>") == 2


def test_contents_and_title_get_the_number_as_text():
    md_html = render(f"## Of {VALUE} images {{#named}}")
    assert 'id="named"' in md_html and "\ue000" not in md_html


def test_a_heading_with_a_number_needs_an_id_of_its_own():
    with pytest.raises(BuildError, match="expected an explicit id on a heading"):
        render(f"## Heading {VALUE}")


def test_one_way_to_ask_for_each_block():
    text = article(f"One {VALUE} and {VALUE}.\n\nTwo {VALUE}.\n\nNone.")
    assert text.count('class="from"') == 2
    table = article(f"| a | b |\n| --- | --- |\n| {VALUE} | {VALUE} |")
    assert table.count('class="from"') == 1 and table.index("</table>") < table.index('class="from"')


def test_the_ledger_tells_where_a_number_comes_from():
    ledger = render(f"It is {VALUE}.").partition('id="numbers"')[2]
    for part in (
        "test images",
        "measured",
        "5</data> seeds",
        "one CPU thread",
        "torch",
        "run --all digits/ten_seconds",
    ):
        assert part in ledger, part
    assert 'href="../reference/records/#digits-ten_seconds"' in ledger


def test_equal_marks_share_an_entry():
    assert render(f"{VALUE} and {VALUE}").count("<li id=") == 1


def test_claims_are_spans_that_may_hold_marks_and_links():
    text = article(f"So [more than {VALUE} and [a link](index.md)]{{.claim #many}}.")
    assert '<span class="claim" id="claim-many">more than <a class="num"' in text


def test_names_with_digits_are_data():
    assert '<data class="name" value="NF4">NF4</data>' in article("Held in NF4.")
    assert "<data" not in article("Held in `NF4`.")


def test_every_digit_of_an_article_is_in_a_data_element():
    """Of a real chapter, ledger and figure included."""
    text = (ROOT / "docs/lora.md").read_text()

    class Reader(html.parser.HTMLParser):
        stack: list[str] = []
        loose: list[str] = []

        def handle_starttag(self, tag, attrs):
            if tag not in ("br", "img", "input", "hr"):
                self.stack.append("katex" if "katex" in dict(attrs).get("class", "") else tag)

        def handle_endtag(self, tag):
            if tag not in ("br", "img", "input", "hr"):
                self.stack.pop()

        def handle_data(self, data):
            if re.search(r"\d", data) and not {"data", "code", "pre", "svg", "katex"} & set(self.stack):
                self.loose.append(data)

    reader = Reader()
    reader.feed(render(text))
    assert reader.loose == []


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ("{{ value digits/ten_seconds.images_tets }}", "no value 'images_tets'; it has images_test"),
        ("{{ value digits/ten_second.images_test }}", "expected a program, got 'digits/ten_second'"),
        ("{{ value images_test }}", "expected chapter/program.value"),
        ("{{ valeu digits/ten_seconds.images_test }}", "expected value, calc, quote, given"),
        ("{{ value digits/ten_seconds.accuracy_full .6f }}", "show fewer digits"),
        ("{{ calc 42 }}", "the literal 42"),
        ("{{ calc ten_seconds.images_test * 7 }}", "the literal 7"),
        ("{{ calc ten_seconds.images_test + 100 }}", "the literal 100"),
        ("{{ calc ten_seconds.images_test / ten_seconds.images_test * 100 }}", "a literal in disguise"),
        ("{{ calc len(ten_seconds.SEEDS) - len(ten_seconds.SEEDS) }}", "a literal in disguise"),
        ("{{ calc count.lora(64, 64, 8) }}", "the literal 64"),
        ("{{ calc count.no_such_form(ten_seconds.HIDDEN) }}", "count has no closed form 'no_such_form'"),
        ("{{ calc ten_seconds.images_test / (ten_seconds.HIDDEN - ten_seconds.HIDDEN) }}", "divides by zero"),
        ("{{ calc __import__('os') }}", "expected names"),
        ("{{ given hidden=129 }}", "equals no constant HIDDEN"),
        ("{{ given nothing }}", "expected name=number"),
        ("{{ quote hu2021.no_such }}", "hu2021 has no quote 'no_such'"),
        ("{{ quote nobody.x }}", "expected a source of docs/references.yml"),
        ("{{ cite nobody }}", "expected a source of docs/references.yml"),
        ("{{ figure digits/ten_seconds.nothing }} A caption.", "has no figure 'nothing'; it has accuracy"),
        ("{{ figure digits/ten_seconds.accuracy }}", "expected a caption"),
        ("{{ table digits/ten_seconds | accuracy_full X }} A caption.", "has no list 'accuracy_full'"),
    ],
)  # fmt: skip
def test_a_broken_mark_stops_the_build_with_what_to_do(mark, message):
    with pytest.raises(BuildError) as stopped:
        render(f"Text.\n\n{mark}")
    assert message in str(stopped.value)
    assert str(stopped.value).startswith("docs/lora.md"), "the page is named"


def test_two_values_of_one_given_need_labels():
    with pytest.raises(BuildError, match="is given as"):
        render("{{ given epochs=10 }}\n\n```python\nf(epochs=30)\n```\n\n{{ given epochs=30 }}", page="digits")


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("Before. It reads ", " images. After.", "It reads 497 images."),
        ("- one\n- reads ", "\n- three", "reads 497"),
        ("| what | test |\n| --- | --- |\n| other | 1 |\n| images | ", " |\n| more | 2 |", "images, 497"),
        ("With $\\trained{B}\\,x$ it is ", ".", "With B x it is 497."),
    ],
    ids=["sentence", "item", "row", "formula"],
)
def test_the_words_around_a_mark(before, after, sentence):
    """What the page of all records shows beside a value: a sentence, an item, the row of a table."""
    page = Page(Site(find_project(ROOT)), "lora", before + VALUE + after)
    assert blocks.sentence_around(page, len(before)) == sentence


def test_the_ledger_shows_each_item_that_was_taken():
    text = render("{{ calc ten_seconds.parameters_by_rank[2] / ten_seconds.parameters_by_rank[1] }}")
    for item in (1, 2):
        assert f"digits/ten_seconds.parameters_by_rank[{item}]" in text or f"parameters_by_rank[{item}]" in text
    assert "parameters_by_rank[0]" not in text
