"""Figures: drawn the same twice, small, readable at both widths, and honest about their files."""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lora_ref.site import figures, svg
from lora_ref.site.palette import COLORS
from lora_ref.site.project import Project, UserError, find_project

pytest.importorskip("plotly", reason="figures are drawn with Plotly: pip install -e '.[site,train]'")
pytest.importorskip("playwright", reason="figures are drawn in a browser: pip install -e '.[site,train]'")
from lora_ref.site import chart, layout  # noqa: E402

ROOT = find_project(Path(__file__).parent).root
RANKS = [1, 2, 4, 8, 16, 32, 64]
VALUES = {
    "ranks": RANKS,
    "loss_nats": [3.427, 3.326, 3.254, 3.2, 3.162, 3.141, 3.137],
    "loss_nats_sd": [0.013, 0.011, 0.009, 0.008, 0.006, 0.004, 0.003],
    "loss_same_nats": 3.07,
    "loss_all_nats": 2.995,
    "loss_before_nats": 3.97,
    "frozen_gb": 13.5,
    "unused": 1.0,
}


def sample(values):
    """Three charts as programs draw them; the numbers are made up."""
    losses, before = values["loss_nats"], values["loss_before_nats"]
    curve = chart.new(f'Line chart. Loss <on "code"> falls from {losses[0]:.3f} to {losses[-1]:.3f}.')
    chart.rank_axis(curve, values["ranks"])
    chart.y_axis(curve, "loss, nats a token")
    chart.line(
        curve,
        values["ranks"],
        losses,
        "LoRA",
        sd=values["loss_nats_sd"],
        format=".3f",
        show=[values["ranks"][0], 8],
    )
    chart.reference(curve, values["loss_same_nats"], "same 24 matrices in full", format=".3f")
    chart.reference(curve, values["loss_all_nats"], "everything in full", format=".3f")
    chart.note(curve, values["ranks"][0], None, f"↑ {before:.2f} before tuning")

    parts = [
        chart.Part("frozen weights", "frozen"),
        chart.Part("weights", "trained"),
        chart.Part(("gradients", "grad."), "trained", hatch=True),
        chart.Part(("Adam, two states", "Adam"), "opt"),
    ]
    rows = {
        "Full, fp32": {"weights": 27.0, "gradients": 27.0, "Adam, two states": 53.9},
        "LoRA, bf16 base": {"frozen weights": values["frozen_gb"], "weights": 0.2, "gradients": 0.2},
    }
    marks = {"24 GB card": 24, "80 GB": 80, "141 GB": 141}
    memory = chart.new("Two stacked bars.")
    chart.ledger(memory, rows, parts, unit="GB", marks=marks, notes={"LoRA, bf16 base": "of it 0.4 trained"})

    sweep = chart.new("Four lines over the learning rate.")
    names = {"r = 1": "rank", "r = 8": "trained", "r = 64": "ink-2", "full": "ink"}
    rates = [1e-4, 3e-4, 1e-3, 3e-3]
    chart.x_axis(sweep, "learning rate", ticks=rates, format=".0e", log=True)
    for i, (name, tone) in enumerate(names.items()):
        y = [0.2 * abs(k - 2) + 0.01 * i for k in range(4)]
        looks = {"tone": tone, "marker": chart.MARKERS[i], "dash": list(chart.DASHES)[i]}
        chart.line(sweep, rates, y, name, value=False, **looks)
    return {"curve": curve, "memory": memory, "sweep": sweep}


@pytest.fixture(scope="module")
def first(chromium):
    """Drawn in a browser that was closed again."""
    path = figures.find_browser(chromium.browser_type.executable_path)
    another = chromium.browser_type.launch(executable_path=path)
    with figures.painter(another) as page:
        drawn = figures.draw(sample(VALUES), "rank/loss_by_rank", page)
    another.close()
    return drawn


@pytest.fixture(scope="module")
def page(first, chromium):
    with figures.painter(chromium) as page:
        yield page


@pytest.fixture(scope="module")
def drawn(page):
    return figures.draw(sample(VALUES), "rank/loss_by_rank", page)


NAMES = pytest.mark.parametrize("name", ["curve", "memory", "sweep"])
SIZES = pytest.mark.parametrize("size", figures.SIZES)


def fresh(alt="A chart."):
    fig = chart.new(alt)
    chart.line(fig, [1, 2], [0.1, 0.2], "a")
    return fig


# --- drawing -----------------------------------------------------------------------------------------------


def test_drawing_again_in_another_browser_gives_the_same_bytes(first, drawn):
    assert first == drawn
    assert json.dumps(first["curve"].entry([])) == json.dumps(drawn["curve"].entry([]))


@NAMES
def test_labels_are_readable_and_apart(drawn, name):
    assert drawn[name].problems == ()


def test_the_check_for_crowded_labels_can_fail(page):
    texts = '<text x="0" y="20">first</text><text x="20" y="20">second</text>'
    texts += '<text x="0" y="60" font-size="9">small</text>'
    bad = f'<svg viewBox="0 0 80 80" font-size="13">{texts}<text x="60" y="40">cut off</text></svg>'
    found = figures.crowded(page, bad)
    for expected in ('"first" stands on "second"', '"small" is only 9 px', '"cut off" is cut off'):
        assert expected in found


@NAMES
@SIZES
def test_svg_is_small_and_follows_the_palette(drawn, name, size):
    text = getattr(drawn[name], size)
    shown = svg.inline(text)
    assert len(gzip.compress(shown.encode())) < 1500
    assert not re.search(
        r"#[0-9a-fA-F]{6}|rgb\(|clip-path|font-family|transform|<style|url\((?!#rank-loss_by_rank-)", shown
    )
    assert set(re.findall(r"var\(--([\w-]+)\)", shown)) <= set(COLORS)
    assert set(re.findall(r' id="([^"]*)"', shown)) <= {f"rank-loss_by_rank-{name}-{size}-1"}
    assert shown.startswith(f'<svg xmlns="http://www.w3.org/2000/svg" class="{size}" viewBox="0 0 ')
    assert f'viewBox="0 0 {720 if size == "wide" else 328} ' in shown
    # By itself the file has the light palette.
    assert "--trained:#d55e00" in text


def test_alt_text_is_escaped_and_labels_are_text(drawn):
    wide = drawn["curve"].wide
    assert 'role="img" aria-label="Line chart. Loss &lt;on &quot;code&quot;&gt; falls from 3.427 to 3.137."' in wide
    for label in (
        "↑ 3.97 before tuning",
        "LoRA",
        "3.137",
        "same 24 matrices in full",
        "rank r, each step doubles",
    ):
        assert f">{label}<" in wide
    assert ">LoRA 3.137<" in drawn["curve"].narrow  # inside the plot, in one line


def test_hatch_says_gradients_without_color(drawn):
    assert drawn["memory"].wide.count("<pattern") == 1
    assert 'fill="url(#rank-loss_by_rank-memory-wide-1)"' in drawn["memory"].wide


def test_what_is_stored_is_plain(drawn):
    text = json.dumps(drawn["curve"].plotly)
    assert not re.search(r"#[0-9a-fA-F]{6}|rgb\(|bdata|\"template|\"width\": 720|family", text)
    assert "var(--trained)" in text
    assert set(drawn["curve"].plotly) == {"data", "layout", "narrow"}
    assert drawn["curve"].plotly["narrow"]["margin"]["r"] < drawn["curve"].plotly["layout"]["margin"]["r"]


def test_numpy_columns_are_stored_as_lists(page):
    numpy = pytest.importorskip("numpy")
    fig = chart.new("Numpy.")
    chart.line(fig, numpy.arange(1, 5), numpy.linspace(0.1, 0.4, 4), "a", format=".1f")
    stored = figures.draw({"a": fig}, "p", page)["a"]
    assert stored.plotly["data"][0]["y"] == [0.1, 0.2, 0.3, 0.4]
    assert stored.table["rows"][1] == [2, 0.2]


@NAMES
def test_the_page_can_draw_what_is_stored(page, drawn, name):
    bundle = ROOT / "docs/assets/vendor/plotly/plotly-basic.min.js"
    stored = json.dumps(drawn[name].plotly)
    stored = json.loads(re.sub(r"var\(--([\w-]+)\)", lambda found: COLORS[found[1]], stored))
    other = page.context.new_page()
    other.set_content("<div id=plot></div>")
    other.add_script_tag(content=bundle.read_text(encoding="utf-8"))
    draw = "f => Plotly.newPlot('plot', f.data, {...f.layout, ...f.narrow}).then(plot => plot._fullData.length)"
    assert other.evaluate(draw, stored) == len(stored["data"])
    other.close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda fig: fig.add_scatter(x=[1], y=[0.1], line={"color": "#123456"}), "drawn in #123456"),
        (lambda fig: fig.add_scatter(x=[1], y=[0.1]), "has no dark value"),
        (lambda fig: fig.add_heatmap(z=[[1]]), "has a heatmap; the Plotly of the page draws bar and scatter"),
        (lambda fig: fig.update_layout(meta=dict(fig.layout.meta) | {"alt": " "}), "has no alt text"),
    ],
)
def test_what_a_page_could_not_show_is_an_error(page, change, message):
    fig = fresh()
    change(fig)
    with pytest.raises(UserError, match=re.escape(message)):
        figures.draw({"a": fig}, "rank/x", page)


def test_no_browser_is_one_clear_line(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="sudo apt-get install chromium"):
        figures.find_browser()


def test_reading_needs_neither_plotly_nor_a_browser():
    heavy = "{'plotly', 'playwright', 'torch', 'numpy'}"
    code = f"import sys, lora_ref.site.figures; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# --- the house style ---------------------------------------------------------------------------------------


def test_chart_errors_say_what_there_is():
    with pytest.raises(ValueError, match="no color is called 'red'; there are frozen"):
        chart.color("red")
    with pytest.raises(ValueError, match="has no point at x = 3, only at"):
        chart.line(chart.new("a"), [1, 2], [1, 2], "a", show=[3])
    with pytest.raises(ValueError, match="which no part is called"):
        chart.ledger(chart.new("a"), {"row": {"b": 1}}, [chart.Part("a", "trained")])
    fig = fresh()
    chart.y_axis(fig, low=0.15)
    with pytest.raises(ValueError, match="leaves out data from 0.1"):
        chart.at_width(fig, 720)


def test_a_gridline_beside_a_reference_is_left_out():
    fig = chart.at_width(sample(VALUES)["curve"], 720)
    levels = [shape.y0 for shape in fig.layout.shapes]
    assert 3.0 not in levels and 3.1 in levels and 2.995 in levels


def test_the_pointer_on_a_ledger_says_which_row_and_part():
    memory = sample(VALUES)["memory"]
    for bar, part in zip(memory.data, ("frozen weights", "weights", "gradients", "Adam, two states"), strict=True):
        assert list(bar.customdata) == ["Full, fp32", "LoRA, bf16 base"]
        assert bar.hovertemplate == "%{customdata}: %{x:.1f} GB<extra>" + part + "</extra>"


@pytest.mark.parametrize("width", [720, 328])
def test_ledgers_with_one_high_share_a_scale(width):
    def reach(total, high):
        fig = chart.new("a")
        chart.ledger(fig, {"Ledger": {"a": total}}, [chart.Part("a", "trained")], unit="GB", high=high)
        return chart.at_width(fig, width).layout.xaxis.range[1]

    assert reach(40.6, 127.2) == reach(127.2, 127.2) == reach(127.2, 0)
    assert reach(40.6, 0) < reach(40.6, 127.2)


def test_tick_labels_thin_out_on_a_phone():
    fig = chart.new("a")
    chart.x_axis(fig, ticks=[10**k for k in range(9)], format=",d", log=True)
    chart.line(fig, [1, 10**8], [1, 2], "a")
    shown = [label for label in chart.at_width(fig, 328).layout.xaxis.ticktext if label]
    assert shown == ["1", "10,000", "100,000,000"]


def test_text_is_measured_generously(page):
    for text in (
        "same 24 matrices in full",
        "LoRA 3.137",
        "Adam, two states 53.9",
        "rank r, each step doubles",
        "110 GB",
    ):
        page.set_content(f'<svg><text font-family="Arial, Liberation Sans" font-size="13">{text}</text></svg>')
        width = page.evaluate("document.querySelector('text').getBBox().width")
        assert width <= layout.text_width(text) <= 1.35 * width


def test_tables_follow_from_the_marks(drawn):
    curve = drawn["curve"].table
    assert curve["columns"] == ["rank r", "LoRA", "± sd"]
    assert curve["rows"][0] == [1, 3.427, 0.013]
    assert curve["rows"][-1] == ["everything in full", 2.995, None]
    assert curve["formats"] == ["d", ".3f", ".3f"]
    memory = drawn["memory"].table
    assert memory["columns"][0] == "" and memory["columns"][-1] == "total, GB"
    assert memory["rows"][0] == ["Full, fp32", None, 27.0, 27.0, 53.9, 107.9]
    assert drawn["memory"].csv.splitlines()[1] == '"Full, fp32",,27.0,27.0,53.9,107.9'


def test_lines_over_different_x_make_a_long_table():
    fig = fresh()
    chart.line(fig, [1, 3], [0.3, 0.4], "b", tone="ink", sd=[0.1, 0.1])
    table, _ = chart.data(fig)
    assert table["columns"] == ["", "x", "y", "± sd"]
    assert table["rows"] == [["a", 1, 0.1, None], ["a", 2, 0.2, None], ["b", 1, 0.3, 0.1], ["b", 3, 0.4, 0.1]]


METHODS = {"Full": 6_738_415_616, "LoRA": 39_976_960, "A prompt": 81_920, "BitFit": None}
POWERS = {10**4: "10,000", 10**6: ("1 million", ""), 10**8: "100 million", 10**10: ""}


def methods(**more):
    fig = chart.new("Bars.")
    notes = {"LoRA": "0.59%", "BitFit": "not applicable"}
    chart.bars(fig, METHODS, **({"ticks": POWERS, "heading": "numbers trained", "notes": notes} | more))
    return fig


@SIZES
def test_bars_on_a_log_axis_are_as_long_as_their_logarithms(page, size):
    drawn = figures.draw({"a": methods()}, "p", page)["a"]
    assert drawn.problems == ()
    shown = svg.inline(getattr(drawn, size))
    bars = re.findall(r"M([\d.]+) [\d.]+V[\d.]+H([\d.]+)V", shown)
    lengths = [float(right) - float(left) for left, right in bars]
    # decades from the first tick: 5.83, 3.60 and 0.91
    assert [length / lengths[0] for length in lengths] == pytest.approx([1, 0.618, 0.157], abs=2e-3)
    for label in ("6,738,415,616", "LoRA", "BitFit", "not applicable", "100 million"):
        assert f">{label}<" in shown or f">{label}</tspan>" in shown
    assert (">1 million<" in shown) == (size == "wide")


def test_the_table_of_bars_is_their_values(page):
    drawn = figures.draw({"a": methods()}, "p", page)["a"]
    assert drawn.table["columns"] == ["", "numbers trained"]
    assert [row[1] for row in drawn.table["rows"]] == [6_738_415_616, 39_976_960, 81_920, None]
    assert drawn.csv.splitlines()[-1] == "BitFit,"


def test_bars_that_cannot_be_drawn_say_why():
    with pytest.raises(ValueError, match="row 'BitFit' has no value and no note; say in notes why"):
        methods(notes={})
    with pytest.raises(ValueError, match="row 'A prompt' is 81920, and the bars begin at 1000000; give a lower first"):
        methods(ticks={10**6: "1 million", 10**8: "100 million"})


# --- what a figure shows ---------------------------------------------------------------------------------


def test_each_figure_names_the_values_that_it_shows():
    drawn, uses = figures.evaluate(sample, VALUES)
    losses = ["loss_all_nats", "loss_before_nats", "loss_nats", "loss_nats_sd", "loss_same_nats"]
    assert uses == {"curve": [*losses, "ranks"], "memory": ["frozen_gb"], "sweep": []}
    assert list(drawn) == list(uses)


@pytest.mark.parametrize(
    ("read", "names"),
    [
        (lambda values: values["a"], {"a"}),
        (lambda values: values.get("b"), {"b"}),
        (lambda values: values.get("c", 0), set()),
        (lambda values: dict(values), {"a", "b"}),
        (lambda values: {**values}, {"a", "b"}),
        (lambda values: list(values.values()), {"a", "b"}),
        (lambda values: "a" in values, set()),
    ],
)
def test_reading_a_value_is_noticed(read, names):
    values = figures.Uses({"a": 1, "b": [2]})
    read(values)
    assert values.names == names


# --- files and HTML --------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path, drawn):
    project = Project(tmp_path)
    entries = figures.save(project.records, "rank/loss_by_rank", drawn, {"curve": ["loss_nats"]})
    return project, json.loads(json.dumps({"program": "rank/loss_by_rank", "figures": entries}))


def test_files_are_what_the_record_says(saved):
    project, record = saved
    assert figures.check_files(project, record) == []
    assert record["figures"]["curve"]["uses"] == ["loss_nats"]
    assert len(list((project.records / "rank").iterdir())) == 9


def test_a_hand_edited_missing_or_left_over_file_is_found(saved, drawn):
    project, record = saved
    wide = project.records / "rank/loss_by_rank.curve.wide.svg"
    wide.write_text(wide.read_text(encoding="utf-8").replace("3.137", "3.037"), encoding="utf-8")
    table = project.records / "rank/loss_by_rank.curve.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("3.137", "3.037"), encoding="utf-8")
    (project.records / "rank/loss_by_rank.memory.narrow.svg").unlink()
    (project.records / "rank/loss_by_rank.old.csv").write_text("a\n")
    (project.records / "rank/loss_by_rank_again.curve.csv").write_text("another program's\n")
    found = figures.check_files(project, record)
    assert [problem.split(": ")[0].rpartition("/")[2] for problem in found] == [
        "loss_by_rank.curve.wide.svg",
        "loss_by_rank.curve.csv",
        "loss_by_rank.memory.narrow.svg",
        "loss_by_rank.old.csv",
    ]
    assert "edited by hand?" in found[0] and "missing" in found[2] and "belongs to no figure" in found[3]
    figures.save(project.records, "rank/loss_by_rank", drawn, {})
    assert figures.check_files(project, record) == []  # drawn again, the left-over one removed
    assert (project.records / "rank/loss_by_rank_again.curve.csv").exists()


def test_figure_html(saved):
    project, record = saved
    where = '<a class="from" href="#n3">where from?</a>'
    options = {"project": project, "where": where, "records": "../records", "program_href": "../reference/#x"}
    html = figures.html(record["figures"]["curve"], record, "curve", caption="<b>Less each time.</b>", **options)
    assert html.startswith(
        '<figure class="chart" data-record="../records/rank/loss_by_rank.json" data-figure="curve">'
        '<figcaption><b>Less each time.</b></figcaption><div class="plot" data-search-exclude>'
        '<svg xmlns="http://www.w3.org/2000/svg" class="wide"'
    )
    assert html.count("<svg") == 2 and "<style" not in html and "\n" not in html
    assert '<a href="../records/rank/loss_by_rank.curve.csv">loss_by_rank.csv</a>' in html
    assert html.endswith(f'<a href="../reference/#x">Program</a> {where}</p></figure>')
    (project.records / "rank/loss_by_rank.curve.wide.svg").unlink()
    with pytest.raises(UserError, match=r"curve\.wide\.svg: missing"):
        figures.html(record["figures"]["curve"], record, "curve", caption="", **options)


@NAMES
def test_every_digit_of_the_data_table_is_data(drawn, name):
    html = figures.table_html(drawn[name].table)
    outside = re.sub(r"<[^>]*>", "", re.sub(r"<data[^>]*>[^<]*</data>", "", html))
    assert not re.search(r"\d", outside)
    assert '<th scope="col"></th>' not in html


def test_words_with_digits_are_numbers_or_names():
    assert figures.words("LoRA, r = 8") == 'LoRA, r = <data value="8">8</data>'
    assert figures.words("Full, fp32") == 'Full, <data class="name" value="fp32">fp32</data>'
    assert figures.words("6,738 of 1e-4 & more.") == (
        '<data value="6738">6,738</data> of <data value="1e-4">1e-4</data> &amp; more.'
    )
    assert figures.table_html({"columns": ["a"], "rows": [[3.2]], "formats": [".3f"]}).count(
        '<data value="3.2">3.200</data>'
    )


def test_committed_figures_are_readable(page):
    found = [
        f"{path.relative_to(ROOT)}: {problem}"
        for path in sorted((ROOT / "docs/records").rglob("*.svg"))
        for problem in figures.crowded(page, path.read_text(encoding="utf-8"))
    ]
    assert not found


def test_ticks_show_all_digits_of_their_step():
    """With one decimal asked for, no step of a quarter: 3.25 would stand there as 3.2."""
    fig = chart.new("A falling line.")
    chart.line(fig, [1, 2, 3], [3.55, 2.9, 2.4], "loss", format=".2f")
    chart.y_axis(fig, "loss", format=".1f")
    axis = chart.at_width(fig, 720).layout.yaxis
    assert [float(text) for text in axis.ticktext] == [round(tick, 9) for tick in axis.tickvals]
    assert len(axis.tickvals) >= 3
