"""The house style of a chart: the short helpers that a program's figures() calls.

A program says what its marks mean (a line with its band, a level to compare with, a ledger of bytes) and
writes the alt text. Where a label stands is decided by layout.py, once for 720 and once for 328 units: a
figure is drawn twice instead of scaled, so labels stay 13 px on a phone. A text may be a pair: what stands
at 720, and a shorter one for 328.

Import this module inside figures() only, as `from lora_ref.site import chart`: it needs Plotly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from lora_ref.site.layout import Text, at_width, long
from lora_ref.site.palette import color

__all__ = [
    "MARKERS",
    "Part",
    "at_width",
    "bars",
    "color",
    "data",
    "ledger",
    "line",
    "new",
    "note",
    "rank_axis",
    "reference",
]
__all__ += ["table", "x_axis", "y_axis"]

DASHES = {"solid": "solid", "dash": "7px,5px", "dot": "2px,4px", "dashdot": "9px,4px,2px,4px"}
MARKERS = ("circle", "square", "diamond", "triangle-up")


def new(alt: str, *, height: tuple[int, int] = (360, 330)) -> go.Figure:
    """An empty chart; its height at 720 and at 328 units."""
    return go.Figure(layout={"meta": {"alt": alt, "chart": {"height": list(height), "labels": [], "series": []}}})


def line(
    fig: go.Figure,
    x: list,
    y: list,
    name: Text = "",
    *,
    sd: list | None = None,
    tone: str = "trained",
    dash: str = "solid",
    marker: str | None = "circle",
    format: str = ".3g",
    show: list | tuple = (),
    at: float | None = None,
    value: bool = True,
    join: bool = True,
) -> None:
    """A line with a marker on each point, its band (sd), and its name with the last value at its end.

    `show` lists the x whose values are written beside their points. The name stands beside the point at
    x = `at` instead where lines end together. value=False leaves its number out, join=False the line.
    """
    x, y, ink, label = list(x), list(y), color(tone), long(name)
    for one in [*show, *([] if at is None else [at])]:
        if one not in x:
            raise ValueError(f"the line {label!r} has no point at x = {one!r}, only at {x}")
    band: list[float] = []
    if sd is not None:
        band = [a + s for a, s in zip(y, sd, strict=True)] + [a - s for a, s in zip(y, sd, strict=True)]
        outline = band[: len(x)] + band[len(x) :][::-1]
        fig.add_scatter(x=x + x[::-1], y=outline, fill="toself", fillcolor=ink, opacity=0.2, mode="lines")
        fig.data[-1].update(line={"width": 0, "color": ink}, hoverinfo="skip")
    fig.add_scatter(
        x=x,
        y=y,
        name=label,
        mode="+".join(["lines"] * join + ["markers"] * bool(marker)),
        line={"color": ink, "width": 2.5, "dash": DASHES[dash]},
        marker={
            "symbol": marker or "circle",
            "size": 8,
            "color": ink,
            "line": {"color": color("paper"), "width": 1.5},
        },
        cliponaxis=False,
        hovertemplate="%{x}: %{y:" + format + "}<extra>" + label + "</extra>",
    )
    with _spec(fig) as spec:
        if name:
            i = len(x) - 1 if at is None else x.index(at)
            number = f"{y[i]:{format}}" if value else ""
            own = {"kind": "end" if at is None else "name", "text": name, "value": number}
            spec["labels"].append({"x": x[i], "y": y[i], "tone": tone} | own)
        for i in map(x.index, show):
            own = {"kind": "point", "text": f"{y[i]:{format}}", "line": len(spec["series"])}
            spec["labels"].append({"x": x[i], "y": y[i], "tone": tone} | own)
        cells = {"x": x, "y": y, "sd": sd and list(sd), "band": band}
        spec["series"].append({"name": label, "format": format, "join": join} | cells)


def reference(fig: go.Figure, y: float, name: Text, *, format: str = ".3g", dash: str | None = None) -> None:
    """A level to compare with; the first is dashed, the second dotted. The value follows the name."""
    with _spec(fig) as spec:
        before = sum(label["kind"] == "reference" for label in spec["labels"])
        own = {"kind": "reference", "text": name, "value": f"{y:{format}}"}
        spec["labels"].append({"y": y, "tone": "ink"} | own)
    style = {
        "color": color("ink"),
        "width": 1.5,
        "dash": DASHES[dash or ("dash", "dot", "dashdot")[before % 3]],
    }
    fig.add_shape(type="line", xref="paper", x0=0, x1=1, y0=y, y1=y, layer="below", line=style)


def note(fig: go.Figure, x: float, y: float | None, text: Text, *, tone: str = "ink-2") -> None:
    """A remark beside (x, y); y=None puts it under the top edge, for instance "↑ 3.97 before tuning"."""
    with _spec(fig) as spec:
        spec["labels"].append({"kind": "note", "x": x, "y": y, "text": text, "tone": tone})


def x_axis(
    fig: go.Figure,
    title: Text = "",
    *,
    ticks: list | None = None,
    format: str | None = None,
    log: bool = False,
    low: float | None = None,
    high: float | None = None,
    tone: str = "ink-2",
) -> None:
    """Ticks and limits follow from the data unless they are given; the title stands level with the ticks."""
    with _spec(fig) as spec:
        limits = {"low": low, "high": high, "ticks": ticks and list(ticks)}
        spec["x"] = {"title": title, "format": format, "log": log, "tone": tone} | limits


def y_axis(
    fig: go.Figure,
    title: Text = "",
    *,
    ticks: list | None = None,
    format: str | None = None,
    log: bool = False,
    low: float | None = None,
    high: float | None = None,
) -> None:
    """As x_axis(); the title stands above the axis, never turned. low=0 makes it start at zero."""
    with _spec(fig) as spec:
        limits = {"low": low, "high": high, "ticks": ticks and list(ticks)}
        spec["y"] = {"title": title, "format": format, "log": log} | limits


def rank_axis(fig: go.Figure, ranks: list, title: Text = ("rank r, each step doubles", "rank r")) -> None:
    """Each step doubles, in the color of rank."""
    x_axis(fig, title, ticks=ranks, format="d", log=True, tone="rank")


@dataclass(frozen=True)
class Part:
    """One quantity of a ledger: its name, its color; hatched for gradients."""

    name: Text
    tone: str
    hatch: bool = False


def ledger(
    fig: go.Figure,
    rows: dict[str, dict[str, float]],
    parts: list[Part],
    *,
    unit: str = "",
    format: str = ".1f",
    marks: dict[str, float] | None = None,
    notes: dict[str, Text] | None = None,
    high: float = 0,
) -> None:
    """Stacked horizontal bars: rows {name: {part: value}}, vertical marks {label: value}, notes after totals.

    With a single part these are plain bars with their values. Charts that share a `high`, the largest total of
    all of them, and their rows' names, share a scale.
    """
    names = [long(part.name) for part in parts]
    for row, values in rows.items():
        if unknown := sorted(set(values) - set(names)):
            raise ValueError(f"row {row!r} has {unknown}, which no part is called; there are {names}")
    longest = max(sum(values.values()) for values in rows.values())
    for part, name in zip(parts, names, strict=True):
        x = [values.get(name, 0) for values in rows.values()]
        # A hairline of paper between parts, but not around one so thin that nothing of it would be left.
        gaps = [1 if value > longest / 50 else 0 for value in x]
        marker: dict[str, Any] = {"color": color(part.tone), "line": {"width": gaps, "color": color("paper")}}
        if part.hatch:
            hatch = {"shape": "/", "size": 6, "solidity": 0.25, "fillmode": "overlay"}
            marker["pattern"] = hatch | {"fgcolor": color("paper"), "fgopacity": 1}
        hover = "%{customdata}: %{x:" + format + "} " + unit + "<extra>" + name + "</extra>"
        bars = {"x": x, "y": list(range(len(rows))), "customdata": list(rows)}
        fig.add_bar(orientation="h", name=name, marker=marker, hovertemplate=hover, **bars)
    with _spec(fig) as spec:
        book = {"rows": rows, "unit": unit, "format": format, "marks": marks or {}, "notes": notes or {}}
        book["high"] = high
        spec["ledger"] = book | {"parts": [{"name": part.name, "tone": part.tone} for part in parts]}


def bars(
    fig: go.Figure,
    rows: dict[str, float | None],
    *,
    ticks: dict[float, Text],
    heading: str,
    format: str = ",d",
    tone: str = "trained",
    notes: dict[str, Text] | None = None,
) -> None:
    """Horizontal bars on a log axis, {name: value}, each with its value and a note after it.

    They begin at the first tick, since a log axis has no zero: ticks {value: text} are powers of ten, and
    their gridlines show it. A row without a value (None) has its note alone, for what does not apply.
    heading: of the values in the data table.
    """
    notes, floor = notes or {}, min(ticks)
    for row, value in rows.items():
        if value is None and not notes.get(row):
            raise ValueError(f"row {row!r} has no value and no note; say in notes why it has none")
        if value is not None and value <= floor:
            raise ValueError(f"row {row!r} is {value}, and the bars begin at {floor}; give a lower first tick")
    shown = {row: value for row, value in rows.items() if value is not None}
    fig.add_bar(
        orientation="h",
        x=[math.log10(value / floor) for value in shown.values()],  # decades from the first tick
        y=[list(rows).index(row) for row in shown],
        customdata=[f"{value:{format}}" for value in shown.values()],
        marker={"color": color(tone), "line": {"width": 0}},
        hovertemplate="%{customdata}<extra></extra>",
    )
    with _spec(fig) as spec:
        axis = [{"value": value, "text": text} for value, text in sorted(ticks.items())]
        spec["bars"] = {"rows": rows, "ticks": axis, "format": format, "heading": heading, "notes": notes}


def table(fig: go.Figure, columns: dict[str, tuple[list, str]]) -> None:
    """The data table, where the one that follows from the marks will not do: {heading: (cells, format)}."""
    cells = [list(cells) for cells, _ in columns.values()]
    rows = [list(row) for row in zip(*cells, strict=True)]
    formats = [format for _, format in columns.values()]
    fig.layout.meta = dict(fig.layout.meta) | {
        "table": {"columns": list(columns), "rows": rows},
        "formats": formats,
    }


def data(fig: go.Figure) -> tuple[dict, list[str]]:
    """The table and a format for each column: the program's own, or what the marks hold."""
    meta = fig.layout.meta or {}
    spec = meta.get("chart", {})
    if "table" in meta:
        return meta["table"], list(meta.get("formats") or [""] * len(meta["table"]["columns"]))
    if "ledger" in spec:
        return _ledger_table(spec["ledger"])
    if "bars" in spec:
        rows, heading = spec["bars"]["rows"], spec["bars"]["heading"]
        return {"columns": ["", heading], "rows": [list(row) for row in rows.items()]}, ["", spec["bars"]["format"]]
    if spec.get("series"):
        return _series_table(spec)
    raise ValueError("a figure needs a data table: call chart.table()")


def _ledger_table(book: dict) -> tuple[dict, list[str]]:
    names = [long(part["name"]) for part in book["parts"]]
    unit = f", {book['unit']}" if book["unit"] else ""
    total = len(names) > 1
    columns = ["", *(name + unit for name in names), *["total" + unit] * total]
    rows = [
        [row, *(values.get(name) for name in names), *[sum(values.values())] * total]
        for row, values in book["rows"].items()
    ]
    return {"columns": columns, "rows": rows}, ["", *[book["format"]] * (len(columns) - 1)]


def _series_table(spec: dict) -> tuple[dict, list[str]]:
    """One column a line where all lines have the same x, else one row a point; references come last."""
    series, x, y = spec["series"], spec.get("x", {}), spec.get("y", {})
    x_name, y_name = (long(axis.get("title") or which).split(",")[0] for axis, which in ((x, "x"), (y, "y")))
    levels = [(long(label["text"]), label["y"]) for label in spec["labels"] if label["kind"] == "reference"]
    if all(one["x"] == series[0]["x"] for one in series):
        columns, formats, cells = [x_name], [x.get("format") or ""], [series[0]["x"]]
        for one in series:
            columns.append(one["name"] or y_name)
            cells.append(one["y"])
            if one["sd"]:
                columns.append("± sd")
                cells.append(one["sd"])
            formats += [one["format"]] * (len(columns) - len(formats))
        rows = [list(row) for row in zip(*cells, strict=True)]
        rows += [[name, level, *[None] * (len(columns) - 2)] for name, level in levels]
        return {"columns": columns, "rows": rows}, formats
    spread = any(one["sd"] for one in series)
    rows = [
        [one["name"], a, b, *([s] if spread else [])]
        for one in series
        for a, b, s in zip(one["x"], one["y"], one["sd"] or [None] * len(one["x"]), strict=True)
    ]
    rows += [[name, None, level, *([None] if spread else [])] for name, level in levels]
    formats = ["", x.get("format") or "", *[series[0]["format"]] * (1 + spread)]
    return {"columns": ["", x_name, y_name, *["± sd"] * spread], "rows": rows}, formats


class _spec:
    """What the chart means, kept in the figure's meta and written back when the block ends."""

    def __init__(self, fig: go.Figure):
        self.fig, self.meta = fig, fig.layout.meta
        if not self.meta or "chart" not in self.meta:
            raise ValueError("start a chart with chart.new(alt)")
        self.spec = dict(self.meta["chart"])

    def __enter__(self) -> dict:
        return self.spec

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.fig.layout.meta = dict(self.meta) | {"chart": self.spec}
