"""Figures of a record: static SVG at two widths, CSV, data table and trimmed Plotly JSON; and their HTML.

All figures of a batch are rendered by Plotly in one headless Chromium page. Reading a record needs neither
Plotly nor a browser: both are imported where they draw.
"""

from __future__ import annotations

import base64
import copy
import csv
import hashlib
import html as html_
import io
import json
import re
import shutil
from collections import UserDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lora_ref.site import svg
from lora_ref.site.palette import variable
from lora_ref.site.project import Project, UserError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
TRACES = {"scatter", "bar"}  # of those in the page's Plotly bundle ("basic")
SIZES = ("wide", "narrow")
AGAIN = "python -m lora_ref.site figures"


@dataclass(frozen=True)
class Drawn:
    """One figure, ready for its record and for the files beside it."""

    wide: str
    narrow: str
    csv: str
    alt: str
    table: dict
    plotly: dict
    problems: tuple[str, ...] = ()  # labels cut off or on each other, as this machine's fonts show them

    def entry(self, uses: list[str]) -> dict:
        """What the record keeps; the SVGs are files, and their hashes tell when one was edited by hand."""
        hashes = {size: _sha256(getattr(self, size)) for size in SIZES}
        return {
            "alt": self.alt,
            "uses": sorted(uses),
            "plotly": self.plotly,
            "svg": hashes,
            "table": self.table,
        }


# --- what a figure shows ------------------------------------------------------------------------------------


class Uses(UserDict):
    """A record's values that remember which of them were read."""

    def __init__(self, values: Mapping[str, Any]):
        self.names: set[str] = set()
        super().__init__(values)

    def __getitem__(self, name: str) -> Any:  # get(), items() and the like come through here
        value = super().__getitem__(name)
        self.names.add(name)
        return value


def evaluate(figures: Callable[[Mapping], dict], values: Mapping[str, Any]) -> tuple[dict, dict[str, list[str]]]:
    """The program's figures, and for each the names of the values that it shows.

    One call tells what all figures together read. Where there are several, each such value is changed once:
    figures() is pure, so a figure that stays the same does not show it.
    """
    seen = Uses(copy.deepcopy(dict(values)))
    drawn = figures(seen)
    names = sorted(seen.names)
    if len(drawn) < 2:
        return drawn, {name: names for name in drawn}
    before = {name: figure.to_json() for name, figure in drawn.items()}
    uses: dict[str, list[str]] = {name: [] for name in drawn}
    for value in names:
        after: dict[str, str] = {}
        for change in (_other, _other_end):
            # What makes no sense to the program raises; then every figure names it: better once too often.
            with suppress(ValueError, KeyError, IndexError, TypeError, ArithmeticError):
                changed = figures(copy.deepcopy(dict(values)) | {value: change(values[value])})
                after = {name: figure.to_json() for name, figure in changed.items()}
                break
        for name, text in before.items():
            if after.get(name) != text:
                uses[name].append(value)
    return drawn, uses


def _other(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | float):
        return value * 2 + 1
    if isinstance(value, str):
        return value + "'"
    if isinstance(value, Mapping):
        return {key: _other(one) for key, one in value.items()}
    return [_other(one) for one in value]


def _other_end(value: Any) -> Any:
    return [*value[:-1], _other_end(value[-1])] if isinstance(value, list) and value else _other(value)


# --- drawing ------------------------------------------------------------------------------------------------


def find_browser(own: str = "") -> str:
    """Any Chromium: one in PATH, or `own`, where Playwright would have installed one."""
    for path in filter(None, (*map(shutil.which, BROWSERS), own)):
        if Path(path).exists():
            return path
    raise UserError("expected a Chromium to draw figures with, found none in PATH; run `sudo apt-get install chromium`")


@contextmanager
def painter(browser: Any = None) -> Iterator[Any]:
    """A page with Plotly loaded: one browser, its own or the one given, draws for many programs."""
    try:
        from playwright.sync_api import sync_playwright
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise UserError(f'expected {error.name} to draw figures with; run `pip install -e ".[site,train]"`') from None
    with ExitStack() as stack:
        if browser is None:
            chromium = stack.enter_context(sync_playwright()).chromium
            path = find_browser(chromium.executable_path)
            browser = stack.enter_context(chromium.launch(executable_path=path))
        page = stack.enter_context(browser.new_context(offline=True)).new_page()
        page.set_content("<!doctype html><meta charset=utf-8><body></body>")
        page.add_script_tag(content=get_plotlyjs())
        yield page


def draw(figures: Mapping[str, Any], program: str = "", page: Any = None) -> dict[str, Drawn]:
    """Every figure at both widths; with the program's name ids are unique on a page of several programs."""
    if page is None:
        with painter() as own:
            return draw(figures, program, own)
    drawn = {}
    for name, figure in figures.items():
        try:
            drawn[name] = _draw(figure, re.sub(r"\W+", "-", f"{program}-{name}").strip("-"), page)
        except ValueError as error:
            raise UserError(f"{program or 'figures'}: figure {name!r} {error}") from None
    return drawn


def _draw(figure: Any, prefix: str, page: Any) -> Drawn:
    from lora_ref.site import chart, layout

    alt = " ".join(str((figure.layout.meta or {}).get("alt") or "").split())
    if not alt:
        raise ValueError("has no alt text; write it from the data: chart.new(alt)")
    if foreign := {trace.type for trace in figure.data} - TRACES:
        raise ValueError(
            f"has a {', '.join(sorted(foreign))}; the Plotly of the page draws {' and '.join(sorted(TRACES))}"
        )
    drawings, layouts, problems, data = {}, {}, [], []
    for size, width in zip(SIZES, (layout.WIDE, layout.NARROW), strict=True):
        laid = _plain(json.loads(str(layout.at_width(figure, width).to_json())))
        data, outer = laid["data"], laid["layout"]
        free = [note for note in outer.get("annotations", []) if note.get("showarrow", True)]
        labels = [note for note in outer.get("annotations", []) if note not in free]
        raw = page.evaluate(
            "([figure, size]) => Plotly.toImage(figure, {format: 'svg', imageDataOnly: true, ...size})",
            [
                {"data": data, "layout": outer | {"annotations": free}},
                {k: outer[k] for k in ("width", "height")},
            ],
        )
        drawings[size] = svg.static(raw, labels, outer, size=size, prefix=f"{prefix}-{size}", alt=alt)
        problems += [f"{problem} at {width}" for problem in crowded(page, drawings[size])]
        layouts[size] = _stored(outer)
    table, formats = chart.data(figure)
    table = _rounded(json.loads(json.dumps(table, default=lambda array: array.tolist()))) | {"formats": formats}
    narrow = {key: value for key, value in layouts["narrow"].items() if layouts["wide"].get(key) != value}
    plotly = _rounded(_named({"data": data, "layout": layouts["wide"], "narrow": narrow}))
    return Drawn(**drawings, csv=_csv(table), alt=alt, table=table, plotly=plotly, problems=tuple(problems))


# A narrow and a wide one of the fonts that readers have.
FONTS = ("Arial, 'Liberation Sans', sans-serif", "Verdana, 'DejaVu Sans', sans-serif")
CROWDED = """([svg, font]) => {
  const holder = document.body.appendChild(document.createElement('div'));
  holder.innerHTML = svg;
  const root = holder.querySelector('svg');
  const [, , width, height] = root.getAttribute('viewBox').split(' ').map(Number);
  root.style.cssText += `;position:absolute;width:${width}px;height:${height}px;font-family:${font}`;
  const found = [], box = (el, name, inset) => {
    const {x, y, width, height} = el.getBBox();
    return {name, x0: x + 1, x1: x + width - 1, y0: y + inset, y1: y + height - inset};
  };
  const texts = [...root.querySelectorAll('text')].filter(el => el.textContent);
  const boxes = texts.map(el => box(el, `"${el.textContent}"`, 3));
  const dots = [...root.querySelectorAll('circle')].map(el => box(el, 'a marker', 1));
  texts.forEach((el, i) => {
    const a = boxes[i], size = parseFloat(getComputedStyle(el).fontSize);
    if (size < 12) found.push(`${a.name} is only ${size} px`);
    if (a.x0 < -1 || a.x1 > width + 1 || a.y0 < 0 || a.y1 > height) found.push(`${a.name} is cut off`);
    const touches = b => a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1;
    const under = [...boxes.slice(i + 1), ...dots].filter(touches);
    found.push(...under.map(b => `${a.name} stands on ${b.name}`));
  });
  holder.remove();
  return found;
}"""


def crowded(page: Any, drawing: str) -> list[str]:
    """Labels of an SVG that are too small, cut off, or stand on each other or on a marker."""
    return list(dict.fromkeys(problem for font in FONTS for problem in page.evaluate(CROWDED, [drawing, font])))


def _plain(node: Any) -> Any:
    """Plotly packs arrays as base64; a record is read by people."""
    if isinstance(node, dict) and {"bdata", "dtype"} <= set(node):
        import numpy

        array = numpy.frombuffer(base64.b64decode(node["bdata"]), dtype=node["dtype"])
        return array.reshape([int(n) for n in str(node.get("shape", array.size)).split(",")]).tolist()
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in node.items()}
    return [_plain(one) for one in node] if isinstance(node, list) else node


def _stored(layout: dict) -> dict:
    """Without what other parts of the record hold, and what the page decides: its width and its font."""
    font = {key: value for key, value in layout["font"].items() if key != "family"}
    return {key: value for key, value in layout.items() if key not in ("template", "width", "meta")} | {"font": font}


def _named(node: Any) -> Any:
    """Colors by name."""
    if isinstance(node, dict):
        return {key: _named(value) for key, value in node.items() if value is not None}
    if isinstance(node, list):
        return [_named(one) for one in node]
    is_color = isinstance(node, str) and re.fullmatch(r"#[0-9a-fA-F]{3,8}|rgba?\(.*\)", node)
    return variable(node) if is_color and node != "rgba(0,0,0,0)" else node


def _rounded(node: Any) -> Any:
    if isinstance(node, float):
        return float(f"{node:.6g}")
    if isinstance(node, dict):
        return {key: _rounded(value) for key, value in node.items()}
    return [_rounded(one) for one in node] if isinstance(node, list) else node


def _csv(table: Mapping) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([table["columns"], *table["rows"]])
    return out.getvalue()


# --- the files beside a record ------------------------------------------------------------------------------


def paths(records: Path, program: str, figure: str) -> dict[str, Path]:
    return {kind: records / f"{program}.{figure}.{kind}" for kind in ("wide.svg", "narrow.svg", "csv")}


def save(records: Path, program: str, drawn: Mapping[str, Drawn], uses: Mapping[str, list[str]]) -> dict[str, dict]:
    """Writes the files, removes those of figures that are gone; what it returns is the record's `figures`."""
    keep = set()
    for name, one in drawn.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise UserError(f"{program}: expected a figure's name in lower case with underscores, got {name!r}")
        for path, text in zip(paths(records, program, name).values(), (one.wide, one.narrow, one.csv), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            keep.add(path)
    for path in _beside(records, program) - keep:
        path.unlink()
    return {name: one.entry(uses.get(name, [])) for name, one in drawn.items()}


def _beside(records: Path, program: str) -> set[Path]:
    base = records / program
    name = re.compile(re.escape(base.name) + r"\.[a-z][a-z0-9_]*\.(wide\.svg|narrow\.svg|csv)")
    return {path for path in base.parent.glob(f"{base.name}.*") if name.fullmatch(path.name)}


def check_files(project: Project, record: Mapping) -> list[str]:
    """What is wrong with the files beside a record: missing, left over, or not what the record says."""
    program, problems, known = record["program"], [], set()
    for name, entry in record["figures"].items():
        hashes = {f"{size}.svg": entry["svg"][size] for size in SIZES} | {"csv": _sha256(_csv(entry["table"]))}
        for kind, path in paths(project.records, program, name).items():
            known.add(path)
            shown = path.relative_to(project.root).as_posix()
            if not path.is_file():
                problems.append(f"{shown}: missing; draw it with `{AGAIN} {program}`")
            elif _sha256(_read(path)) != hashes[kind]:
                problems.append(f"{shown}: differs from what its record drew (edited by hand?); `{AGAIN} {program}`")
    left = sorted(path.relative_to(project.root).as_posix() for path in _beside(project.records, program) - known)
    return problems + [f"{path}: belongs to no figure of {program}; remove it" for path in left]


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# --- HTML ---------------------------------------------------------------------------------------------------


def html(entry: Mapping, record: Mapping, name: str, *, caption: str, **rest: Any) -> str:
    """The whole <figure>, its caption given as HTML; the rest as in body()."""
    base = f"{rest.get('records', 'records')}/{record['program']}"
    return (
        f'<figure class="chart" data-record="{html_.escape(base)}.json" data-figure="{html_.escape(name)}">'
        f"<figcaption>{caption}</figcaption>{body(entry, record, name, **rest)}</figure>"
    )


def body(
    entry: Mapping,
    record: Mapping,
    name: str,
    *,
    project: Project,
    where: str,
    records: str = "records",
    program_href: str = "#the-program",
) -> str:
    """What follows a figure's caption. `where`: the "where from?" link; `records`: URL of the folder."""
    program, drawings = record["program"], []
    for size in SIZES:
        path = paths(project.records, program, name)[f"{size}.svg"]
        if not path.is_file():
            raise UserError(f"{path.relative_to(project.root)}: missing; draw it with `{AGAIN} {program}`")
        drawings.append(svg.inline(_read(path)))
    csv_name = words(f"{Path(program).name}.csv")
    return (
        f'<div class="plot" data-search-exclude>{"".join(drawings)}</div>'
        f'<details class="data" data-search-exclude><summary>Data</summary>{table_html(entry["table"])}</details>'
        '<p class="foot" data-search-exclude><button class="interact" type="button" hidden>Explore</button> '
        f'<a href="{html_.escape(f"{records}/{program}.{name}.csv")}">{csv_name}</a> '
        f'<a href="{html_.escape(program_href)}">Program</a> {where}</p>'
    )


def table_html(table: Mapping) -> str:
    # A corner without a heading is no heading.
    head = "".join(f'<th scope="col">{words(c)}</th>' if c else "<td></td>" for c in table["columns"])
    rows = []
    for row in table["rows"]:
        first, *cells = (_cell(value, format) for value, format in zip(row, table["formats"], strict=True))
        rows.append(f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>')
    return f'<table class="nums"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _cell(value: Any, format: str) -> str:
    if value is None or isinstance(value, str):
        return words(value or "")
    if format.endswith("d") and float(value).is_integer():
        value = int(value)
    return f'<data value="{value}">{value:{format or ("g" if isinstance(value, float) else ",d")}}</data>'


def words(text: str) -> str:
    """Text as HTML; each word with a digit is data: a number by its value, any other (NF4) as a name."""
    parts = re.split(r"([^\s()\"“”,;:]*\d(?:[^\s()\"“”;:]*[\w%])?)", text)
    for i, part in enumerate(parts):
        shown = html_.escape(part, quote=False)
        number = part.replace(",", "").replace("−", "-")
        if i % 2 == 0:
            parts[i] = shown
        elif re.fullmatch(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?", number):
            parts[i] = f'<data value="{number}">{shown}</data>'
        else:
            parts[i] = f'<data class="name" value="{html_.escape(part)}">{shown}</data>'
    return "".join(parts)
