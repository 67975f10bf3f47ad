"""A figure is a picture first; the chart that answers to the pointer comes when asked, drawn from the same record."""

import csv
import io
import json
import re

import pytest

from browser.serving import DOCS, NARROW, PAGES, name_of, source_of

MARK = re.compile(r"^\s*\{\{\s*figure\s+([a-z0-9_]+/[a-z0-9_]+)\.([a-z0-9_]+)\s*\}\}", re.M)
FENCE = re.compile(r"^```.*?^```", re.M | re.S)


def record(program: str) -> dict:
    return json.loads((DOCS / "records" / f"{program}.json").read_text(encoding="utf-8"))


# Every figure of a page that has been measured: page, program, name, its place on the page.
FIGURES = [
    (page, program, name)
    for page in PAGES
    for program, name in MARK.findall(FENCE.sub("", source_of(page).read_text(encoding="utf-8")))
    if (DOCS / "records" / f"{program}.json").exists()
]
each_figure = pytest.mark.parametrize(("page", "program", "name"), FIGURES, ids=[f"{p}.{n}" for _, p, n in FIGURES])


def show_folds(tab):
    """Figures may stand in a fold."""
    tab.evaluate(
        "() => document.querySelectorAll('article details:not(#numbers, .data)').forEach(el => { el.open = true; })"
    )


def figure_of(tab, program, name):
    show_folds(tab)
    figure = tab.locator(f'figure.chart[data-record$="records/{program}.json"][data-figure="{name}"]')
    assert figure.count() == 1
    figure.evaluate("""el => {                                     // and in a state of a switch
      const state = el.closest('.switch > .state');
      if (state) state.parentElement.querySelectorAll('.choose input')[[...state.parentElement.querySelectorAll(':scope > .state')].indexOf(state)].click();
    }""")
    return figure


def explore(figure):
    figure.locator(".interact").click()
    figure.locator(".live .main-svg").first.wait_for()
    figure.page.wait_for_function(
        "el => el.querySelector('.interact').ariaBusy === null && el.querySelector('.live').data",
        arg=figure.element_handle(),
    )


def test_there_are_figures():
    assert len(FIGURES) >= 3


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_chapter_loads_no_plotly(opened, page):
    tab = opened(page)
    tab.wait_for_load_state("networkidle")
    assert not [
        url
        for url in tab.watch.requests
        if "plotly" in url or "records/" in url.split("/lesson/")[1].split("reference")[0]
    ]


@each_figure
def test_picture_table_and_file_agree_with_the_record(opened, page, program, name):
    """Alt text, data table and CSV are the record's; every number in the alt text is one of its numbers."""
    tab = opened(page)
    figure, entry = figure_of(tab, program, name), record(program)["figures"][name]
    alts = figure.locator(".plot > svg").evaluate_all("all => all.map(el => [el.getAttribute('role'), el.ariaLabel])")
    assert alts == [["img", entry["alt"]]] * 2
    numbers = [one for row in entry["table"]["rows"] for one in row if isinstance(one, int | float)]
    held = record(program)["values"]
    for value in held.values():
        numbers += [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, int | float)]
    names = {word for word in re.findall(r"\S*\d\S*", json.dumps(entry["table"])) if re.search("[A-Za-z]", word)}
    for text in re.findall(r"(?<![\w.-])\d[\d,]*(?:\.\d+)?(?![\w-]*[A-Za-z])%?", entry["alt"]):
        plain = text.replace(",", "").rstrip("%")
        digits = len(plain.partition(".")[2])
        scale = 100 if text.endswith("%") else 1
        assert any(f"{scale * one:.{digits}f}" == plain for one in numbers) or any(text in one for one in names), text
    # the table, cell by cell
    figure.locator(".data > summary").click()
    cells = figure.locator(".data table tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => [cell.textContent, cell.querySelector('data:only-child')?.value ?? null]))"
    )
    assert [text for text, _ in cells[0]] == entry["table"]["columns"]
    for shown, row in zip(cells[1:], entry["table"]["rows"], strict=True):
        for (text, value), one in zip(shown, row, strict=True):
            if isinstance(one, int | float):
                assert float(value) == one and re.search(r"\d", text)
            else:
                assert text == (one or "")
    # the file
    href = figure.locator(".foot a[href$='.csv']").evaluate("a => a.href")
    rows = list(csv.reader(io.StringIO(tab.request.get(href).text())))
    assert rows[0] == entry["table"]["columns"]
    assert rows[1:] == [["" if one is None else str(one) for one in row] for row in entry["table"]["rows"]]


LABELS = """figure => [...figure.querySelectorAll('.plot svg')].filter(svg => svg.getClientRects().length).map(svg => ({
  drawing: svg.classList[0],
  smallest: Math.min(...[...svg.querySelectorAll('text')].map(el =>
    parseFloat(getComputedStyle(el).fontSize) * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)),
  out: [...svg.querySelectorAll('text')].filter(el => {
    const box = el.getBoundingClientRect();
    return box.left < 0 || box.right > document.documentElement.clientWidth;
  }).map(el => el.textContent),
}))"""


@each_figure
def test_labels_can_be_read_at_every_width(opened, page, program, name):
    """One drawing shows at a time; no label under 12 px from a phone to a desk, nothing beyond the edge."""
    for widths in ((1440, 1220, 960, 768, NARROW + 1, NARROW, 600), (480, 360, 320)):
        tab = opened(page, width=widths[0])
        figure = figure_of(tab, program, name)
        for width in widths:
            tab.set_viewport_size({"width": width, "height": 800})
            shown = figure.evaluate(LABELS)
            assert [one["drawing"] for one in shown] == ["wide" if width > NARROW else "narrow"], width
            assert shown[0]["smallest"] >= (12 if width > 320 else 11), (width, shown)
            assert not shown[0]["out"], width


def number_list(values):
    return [float(f"{one:.6g}") if isinstance(one, int | float) else one for one in values]


# Each figure on a desk and on a phone; the palette and the narrow chart on a wider screen at one of them.
SEEN = [(*figure, *at) for figure in FIGURES for at in ((1440, "light"), (360, "dark"))]
SEEN += [(*FIGURES[0], 1440, "dark"), (*FIGURES[0], 600, "light")]


@pytest.mark.parametrize(
    ("page", "program", "name", "width", "scheme"),
    SEEN,
    ids=[f"{p}.{n}-{width}-{scheme}" for _, p, n, width, scheme in SEEN],
)
def test_explore(opened, picture, page, program, name, width, scheme):
    """The chart shows the record's data in our colors, without logo or upload, and gives way to the picture again."""
    tab = opened(page, width=width, scheme=scheme)
    figure, entry = figure_of(tab, program, name), record(program)["figures"][name]["plotly"]
    before = figure.bounding_box()
    explore(figure)
    live = figure.locator(".live")
    drawn = live.evaluate("""el => ({
      data: el.data.map(trace => ({x: [...trace.x], y: [...trace.y], type: trace.type, name: trace.name ?? null})),
      notes: (el.layout.annotations ?? []).map(note => note.text),
      height: el.getBoundingClientRect().height,
      colors: [...new Set([...el.querySelectorAll('.scatterlayer path, .barlayer path, text')].flatMap(mark => {
        const style = getComputedStyle(mark);
        return [style.fill, style.stroke].filter(color => /^rgb/.test(color));
      }))].filter(color => !/, 0\\)$/.test(color)),
      palette: Object.fromEntries(['ink', 'ink-2', 'hair', 'line', 'paper', 'faint', ...['frozen', 'trained', 'rank', 'act', 'opt']
        .flatMap(hue => [hue, `${hue}-t`])].map(name => {
          const probe = document.body.appendChild(document.createElement('i'));
          probe.style.color = `var(--${name})`;
          const color = getComputedStyle(probe).color;
          probe.remove();
          return [color, name];
        })),
      clutter: [...el.querySelectorAll('.modebar, .plotlyjsicon, [data-title*="hare"], a[href]')].filter(x => x.getClientRects().length)
        .map(x => x.outerHTML.slice(0, 80)),
      stops: [...el.querySelectorAll('[tabindex], a, button')].filter(x => x.tabIndex >= 0).length,
      label: el.ariaLabel, role: el.getAttribute('role'),
    })""")
    assert len(drawn["data"]) == len(entry["data"])
    for shown, kept in zip(drawn["data"], entry["data"], strict=True):
        assert number_list(shown["x"]) == number_list(kept["x"]) and number_list(shown["y"]) == number_list(kept["y"])
        assert shown["name"] == kept.get("name")
    layout = entry["layout"] | (entry["narrow"] if width <= NARROW else {})
    assert drawn["notes"] == [note["text"] for note in layout.get("annotations", [])]
    assert set(drawn["colors"]) <= set(drawn["palette"]), set(drawn["colors"]) - set(drawn["palette"])
    assert set(drawn["palette"].values()) >= {"ink", "trained"}
    assert drawn["clutter"] == [] and drawn["stops"] == 0
    assert drawn["role"] == "application" and record(program)["figures"][name]["alt"] in drawn["label"]
    assert abs(figure.bounding_box()["height"] - before["height"]) < 2  # nothing below moves
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    smallest = live.evaluate(
        "el => Math.min(...[...el.querySelectorAll('text')].map(t => parseFloat(getComputedStyle(t).fontSize)))"
    )
    assert smallest >= 12
    picture(tab, f"{name_of(page)}-{width}-{scheme}-explore-{name}", full_page=False)
    button = figure.locator(".interact")
    assert button.inner_text() == "Picture"
    button.click()
    assert figure.locator(".live").count() == 0 and button.inner_text() == "Explore"
    assert figure.locator(".plot > svg:visible").count() == 1


def test_explore_follows_the_palette(opened):
    """A chart that is open when the palette changes is drawn again in the other one's colors."""
    page, program, name = FIGURES[0]
    tab = opened(page)
    figure = figure_of(tab, program, name)
    explore(figure)
    line = figure.locator(".live .scatterlayer .js-line, .live .barlayer path").last
    before = line.evaluate("el => getComputedStyle(el).stroke + getComputedStyle(el).fill")
    tab.locator("label.md-header__button[for^=__palette]:visible").click()
    tab.wait_for_function(
        """([el, before]) => {
          const line = [...el.querySelectorAll('.live .scatterlayer .js-line, .live .barlayer path')].at(-1);
          return line && getComputedStyle(line).stroke + getComputedStyle(line).fill !== before;
        }""",
        arg=[figure.element_handle(), before],
    )


def test_explore_by_keyboard(opened):
    """Enter opens, arrow keys show and say one point after the other, Escape leads back to the button."""
    page, program, name = next(one for one in FIGURES if one[0] == "lora/")
    tab = opened(page)
    figure = figure_of(tab, program, name)
    button, status = figure.locator(".interact"), figure.locator("[role=status]")
    button.focus()
    tab.keyboard.press("Enter")
    figure.locator(".live:focus .main-svg").first.wait_for()
    points = record(program)["figures"][name]["plotly"]["data"][-1]
    for key, at in (("ArrowRight", 0), ("ArrowRight", 1), ("ArrowDown", 2), ("ArrowLeft", 1)):
        tab.keyboard.press(key)
        status.filter(has_text=re.compile(rf"\b{points['x'][at]}:")).wait_for()
        assert figure.locator(".hovertext").count() == 1
    tab.keyboard.press("Escape")
    assert figure.locator(".live").count() == 0 and status.inner_text() == ""
    assert button.evaluate("el => el === document.activeElement")


def test_explore_that_cannot_load_leaves_the_picture(opened):
    """Without the library: one line says so, the picture and the data stay, and a second try works."""
    page, program, name = FIGURES[0]
    tab = opened(page)
    figure = figure_of(tab, program, name)
    tab.route("**/plotly/**", lambda route: route.abort())
    figure.locator(".interact").click()
    figure.locator("[role=status]", has_text="could not be loaded").wait_for()
    assert figure.locator(".plot > svg:visible").count() == 1 and figure.locator(".interact").inner_text() == "Explore"
    tab.unroute("**/plotly/**")
    tab.watch.problems.clear()
    explore(figure)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_figure_is_to_scale(opened, scheme):
    """At 1440 px one unit is one pixel: a rank of 16 beside 4,096 is a line of two pixels beside 512."""
    tab = opened("", scheme=scheme)
    boxes = tab.locator(".scale-fig rect").evaluate_all(
        "all => all.map(el => el.getBoundingClientRect()).map(b => [b.width, b.height])"
    )
    assert boxes == [[512, 512], [2, 512], [512, 2]]
    for width in (1000, 768, 360, 320):
        tab.set_viewport_size({"width": width, "height": 800})
        square, left, upper = tab.locator(".scale-fig rect").evaluate_all(
            "all => all.map(el => el.getBoundingClientRect()).map(b => [b.width, b.height])"
        )
        assert left[0] / square[0] == pytest.approx(2 / 512, rel=0.05) and left[0] >= 1 - 1e-6
        assert upper[1] == left[0]
