"""Every number tells where it comes from: by pointer, finger and keyboard, in the words of the ledger."""

import json
import re

import pytest

from browser.serving import CHAPTERS, DOCS, PAGES, name_of

WITH_NUMBERS = [page for page in PAGES if not page.startswith(("code/", "reference/", "answers/", "progress/"))]
RECORDS = {
    path.relative_to(DOCS / "records").with_suffix("").as_posix(): json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((DOCS / "records").rglob("*.json"))
    if "checksum" in path.read_text(encoding="utf-8")
}
CARD = ".num-card"


def words(text: str) -> str:
    return " ".join(text.split())


PARTS = """all => all.map(el => ['b', '.kind', '.what', '.how'].map(part =>
  el.querySelector(part)?.textContent.replace(/\\s+/g, ' ').trim()).concat(el.dataset.kind))"""


def card_parts(tab) -> list[list[str]]:
    """What the open card says: number, kind, what it is, where it comes from."""
    return tab.locator(f"{CARD} > div").evaluate_all(PARTS)


def entry_parts(tab, refs: str) -> list[list[str]]:
    return [tab.locator(f"#{ref}").evaluate_all(PARTS)[0] for ref in refs.split()]


@pytest.mark.parametrize("page", WITH_NUMBERS, ids=name_of)
def test_each_number_has_an_entry(opened, page):
    """A linked number leads to its entry, which repeats it; every entry has a number; nothing is nested in a control."""
    tab = opened(page)
    found = tab.evaluate("""() => ({
      numbers: [...document.querySelectorAll('article a.num')].map(el => ({
        text: el.textContent, kind: el.dataset.kind, tab: el.tabIndex,
        entry: document.getElementById(el.hash.slice(1))?.querySelector('b').textContent,
        of: document.getElementById(el.hash.slice(1))?.dataset.kind,
        value: el.querySelector('data')?.getAttribute('value'),
      })),
      nested: [...document.querySelectorAll(':is(a, label, summary, button, legend, h1, h2, h3, h4, h5, h6) :is(a, button)')]
        .filter(el => el.closest('article')).map(el => el.outerHTML),
      unused: [...document.querySelectorAll('.ledger li')].map(el => el.id).filter(id =>
        !document.querySelector(`article a.from[data-refs~="${id}"]`)),
      refs: [...document.querySelectorAll('a.from')].flatMap(el => el.dataset.refs.split(' '))
        .filter(id => !document.getElementById(id)),
      twice: [...document.querySelectorAll('[id]')].map(el => el.id).filter((id, i, all) => all.indexOf(id) !== i),
    })""")
    for number in found["numbers"]:
        assert number["text"] == number["entry"] and number["kind"] == number["of"] and number["tab"] == -1, number
        float(number["value"])
    assert len(found["numbers"]) > 3
    del found["numbers"]
    assert found == {"nested": [], "unused": [], "refs": [], "twice": []}


@pytest.mark.parametrize("page", WITH_NUMBERS, ids=name_of)
def test_one_tab_stop_a_block(opened, page):
    """Tab goes once to each block that has numbers, and never to a number itself."""
    tab = opened(page)
    blocks = tab.evaluate("""() => [...document.querySelectorAll('article :is(a.num, figure.chart[data-record], figure.numbers)')].map(el =>
      el.closest('figure') || el.closest('.md-typeset__table, table') || el.closest('p, li, dd, td, div')).filter(el => !el.closest('.ledger'))
      .filter((el, i, all) => all.indexOf(el) === i).length""")
    links = tab.locator("article a.from").count()
    assert links == blocks
    seen, numbers = [], 0
    tab.evaluate("() => document.querySelectorAll('article details:not(#numbers)').forEach(el => { el.open = true; })")
    # Those of a state or step that is not shown wait until it is.
    links = tab.locator("article a.from").evaluate_all("all => all.filter(el => el.checkVisibility()).length")
    for _ in range(300):
        tab.keyboard.press("Tab")
        focus = tab.evaluate("""() => {
          const el = document.activeElement;
          if (el === document.body) return null;
          const all = window.stops ||= [];
          if (all.includes(el)) return null;
          all.push(el);
          const box = el.getBoundingClientRect();
          return {from: el.matches('article a.from'), num: el.matches('a.num'), refs: el.dataset.refs,
            shown: getComputedStyle(el).opacity === '1' && box.height > 0 && box.top < innerHeight && box.bottom > 0};
        }""")
        if focus is None:
            break
        numbers += focus["num"]
        if focus["from"]:
            seen.append(focus["refs"])
            assert focus["shown"], focus
    assert len(seen) == links and numbers == 0
    assert not tab.locator("pre[tabindex] code[tabindex]").count()  # the theme's stop and ours


@pytest.mark.parametrize("page", WITH_NUMBERS, ids=name_of)
def test_the_card_says_what_the_ledger_says(opened, page):
    """By keyboard, for each block: Enter opens, the card has the focus, Escape closes and gives it back."""
    tab = opened(page)
    tab.evaluate("() => document.querySelectorAll('article details:not(#numbers)').forEach(el => { el.open = true; })")
    for link in tab.locator("article a.from").all():
        if not link.evaluate("el => el.checkVisibility()"):
            continue  # in a state or step that is not shown
        link.focus()
        tab.keyboard.press("Enter")
        assert tab.evaluate("document.activeElement.matches('.num-card')")
        assert card_parts(tab) == entry_parts(tab, link.get_attribute("data-refs"))
        assert link.get_attribute("aria-expanded") == "true"
        box = tab.locator(CARD).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 1440 and box["height"] > 40
        tab.keyboard.press("Escape")
        assert tab.locator(CARD).count() == 0
        assert link.evaluate("el => el === document.activeElement && el.getAttribute('aria-expanded') === 'false'")


def test_hover_opens_and_leaving_closes(opened):
    tab = opened("lora/")
    number = tab.locator(".answer a.num").nth(2)
    number.hover()
    tab.locator(CARD).wait_for()
    assert card_parts(tab) == entry_parts(tab, number.evaluate("el => el.hash.slice(1)"))
    tab.locator(CARD).hover()  # a card can be entered and read
    tab.wait_for_timeout(500)
    assert tab.locator(CARD).count() == 1
    tab.mouse.move(5, 880)
    tab.locator(CARD).wait_for(state="detached")


def test_click_keeps_the_card_and_the_place(opened):
    """A click pins the card; the address and the scroll position stay; a click elsewhere closes it."""
    tab = opened("lora/")
    number = tab.locator(".answer a.num").nth(2)
    number.click()
    tab.mouse.move(5, 880)
    tab.wait_for_timeout(500)
    assert tab.locator(CARD).count() == 1
    assert tab.evaluate("[scrollY, location.hash]") == [0, ""]
    tab.locator("h1").click()
    assert tab.locator(CARD).count() == 0


def test_the_card_covers_no_figure(opened):
    """At 1440 px there is room beside text and figure."""
    tab = opened("lora/")
    for number in tab.locator("article :is(p, figcaption) a.num").all():
        if not number.is_visible():
            continue  # in a state that is not shown
        number.click()
        card = tab.locator(CARD).bounding_box()
        for other in tab.locator("figure, .highlight, article > p").all():
            box = other.bounding_box()
            if box is None:
                continue
            apart = card["x"] >= box["x"] + box["width"] or card["y"] >= box["y"] + box["height"]
            assert apart or card["y"] + card["height"] <= box["y"], number.inner_text()
        tab.keyboard.press("Escape")


@pytest.mark.parametrize("width", [360, 320])
def test_on_a_phone_a_sheet_at_the_bottom(opened, width):
    """The card is a sheet along the bottom edge; the number that it explains stays in sight above it."""
    tab = opened("lora/", width=width)
    for number in [tab.locator(".answer a.num").first, tab.locator("article p a.num").last]:
        number.tap()
        tab.wait_for_timeout(600)
        card, at = tab.locator(CARD).bounding_box(), number.bounding_box()
        assert card["x"] == 0 and card["width"] == width
        assert abs(card["y"] + card["height"] - 740) < 1 and card["height"] <= 0.61 * 740
        assert at["y"] > 0 and at["y"] + at["height"] <= card["y"]
        tab.locator(f"{CARD} .close").tap()
        tab.locator(CARD).wait_for(state="detached")


MEASURED = re.compile(
    r"(?P<seeds>\d+) seeds?(?:, ± (?P<spread>[\d.e-]+))?, (?P<device>[^,]+), torch (?P<torch>[^,]+), (?P<date>\d{4}-\d\d-\d\d)"
    r"\. Repeat: (?P<command>python -m lora_ref\.site run --all (?P<program>[a-z0-9_/]+))"
)


@pytest.mark.parametrize("page", WITH_NUMBERS, ids=name_of)
def test_a_measured_number_names_everything(opened, page):
    """Program, seeds, spread, device, versions, date and the command: all as in the record."""
    tab = opened(page)
    for entry in tab.locator('.ledger li[data-kind="measured"]').all():
        how = words(entry.locator(".how").text_content())
        if "needs a GPU" in how:
            continue
        found = MEASURED.match(how)
        assert found, how
        record = RECORDS[found["program"]]
        assert int(found["seeds"]) == len(record["seeds"])
        assert found["device"] == ("one CPU thread" if record["device"] == "cpu" else record["device_name"])
        assert found["torch"] == record["versions"].get("torch", "not used")
        assert found["date"] == record["measured_on"]
        spreads = [f"{one:.2g}" for name, held in record["values"].items() if name.endswith("_sd")
                   for one in (held if isinstance(held, list) else [held]) if isinstance(one, int | float)]  # fmt: skip
        assert found["spread"] is None or found["spread"] in spreads
        assert entry.locator(".what").text_content().strip()
        assert entry.locator("a", has_text="record").count() == 1


def test_kinds_are_told_apart_without_color(opened):
    """Four kinds, four hairlines; the first page explains each with an example."""
    tab = opened("")
    looks = tab.evaluate("""() => Object.fromEntries([...document.querySelectorAll('.intro a.num')].map(el =>
      [el.dataset.kind, getComputedStyle(el).backgroundImage.replace(/rgb[a]?\\([^)]*\\)/g, '') + getComputedStyle(el).backgroundSize
        + (el.dataset.kind === 'given' ? 'faint' : '')]))""")
    assert set(looks) == {"measured", "computed", "quoted", "given"}
    assert len(set(looks.values())) == 4


# ---- the page of all records


def test_every_record_is_listed(opened):
    """Each record with every value and what it holds, its facts, its file and its program."""
    tab = opened("reference/records/")
    for name, record in RECORDS.items():
        section = tab.locator("section.record", has=tab.locator(f"h2#{name.replace('/', '-')}"))
        assert section.count() == 1, name
        facts = words(section.locator(".fine").first.text_content())
        assert f"{len(record['seeds'])} seed" in facts and record["measured_on"] in facts
        for package, version in record["versions"].items():
            assert f"{package} {version}" in facts
        assert f"python -m lora_ref.site run --all {name}" in words(section.text_content())
        assert "def run(" in section.locator("details.source").text_content()
        link = section.locator("a", has_text="The record").get_attribute("href")
        response = tab.request.get(tab.evaluate("href => new URL(href, location).href", link))
        assert response.json() == record
        shown = section.locator("tr[id]").evaluate_all(
            "rows => Object.fromEntries(rows.map(row => [row.id.split('.').pop(), row.cells[1].textContent]))"
        )
        for value, held in record["values"].items():
            if re.sub("_(sd|seeds)$", "", value) in record["values"] and value.endswith(("_sd", "_seeds")):
                continue
            first = held[0] if isinstance(held, list) else held
            expected = (
                f"{first:,}" if isinstance(held, int) else f"{first:.6g}" if isinstance(first, float) else str(first)
            )
            assert shown[value].startswith(expected), (name, value)


def test_records_and_chapters_link_to_each_other(opened):
    """From a measured number to its record and back to a page that shows it."""
    tab = opened("reference/records/")
    uses = tab.locator("table.values tr[id]").evaluate_all(
        "rows => rows.map(row => [row.id, [...row.cells[2].querySelectorAll('a')].map(a => a.href)])"
    )
    ids = set(tab.locator("section.record [id]").evaluate_all("all => all.map(el => el.id)"))
    pages = {href.split("#")[0] for _, links in uses for href in links}
    assert len(pages) >= 2
    seen = {}
    for href in sorted(pages):
        tab.goto(href)
        seen[href] = set(
            tab.locator(".ledger .how a", has_text="record").evaluate_all("all => all.map(a => a.hash.slice(1))")
        )
        assert seen[href] <= ids, href
    for row, links in uses:
        for href in links:
            ledger = tab.request.get(href.split("#")[0]).text()
            assert row.split(".")[0] in ledger or row.rpartition("-")[2] in ledger, (
                row,
                href,
            )  # a calc names its inputs
    for record in set().union(*seen.values()):
        back = {href.split("#")[0] for row, links in uses if row.split(".")[0] == record for href in links}
        users = {href for href, records in seen.items() if record in records}
        assert users - back == set() or users, (record, users - back)


@pytest.mark.parametrize("page", CHAPTERS, ids=name_of)
def test_measured_numbers_are_among_the_record_s_uses(opened, page):
    """Turned round: the records page shows the sentence for each value that this page shows."""
    tab = opened("reference/records/")
    sentences = tab.locator("table.values tr[id]").evaluate_all(
        """(rows, page) => rows.flatMap(row => [...row.cells[2].querySelectorAll('a')]
             .filter(a => a.pathname.endsWith(`/${page}`)).map(a => row.cells[2].textContent))""",
        page,
    )
    tab.goto(tab.url.replace("reference/records/", page))
    numbers = tab.locator('article p a.num[data-kind="measured"] data').all_inner_texts()
    missing = [number for number in set(numbers) if not any(number in sentence for sentence in sentences)]
    assert not missing
