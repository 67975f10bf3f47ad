"""A chart laid out at a width: margins, ticks, gridlines, and each label where nothing else stands.

Nothing here asks a browser: text is measured by an upper estimate, so every machine lays a chart out alike.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go

from lora_ref.site.palette import color, text_color

WIDE, NARROW = 720, 328
SIZE, LEADING = 13, 16
Text = str | tuple[str, str]  # what stands at 720 units, or (that, a shorter one for 328)
Box = tuple[float, float, float, float]  # x0, y0, x1, y1
BOLD = ("end", "name")  # labels that name a line
# What it costs to write over a marker, a line, a reference, the edge of a band.
POINT, LINE, REFERENCE, BAND = 120, 60, 25, 8


def at_width(fig: go.Figure, width: int) -> go.Figure:
    """A copy of the figure, laid out for that width."""
    out = go.Figure(fig)
    out.layout.template = None
    out.update_layout(
        width=width,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        font={"size": SIZE, "color": color("ink-2"), "family": "Arial"},
        hoverlabel={"bgcolor": color("paper"), "bordercolor": color("hair"), "font": {"color": color("ink")}},
    )
    spec = (fig.layout.meta or {}).get("chart")
    if spec:
        out.layout.height = spec["height"][width < 500]
        draw = _ledger if "ledger" in spec else _bars if "bars" in spec else _lines
        draw(out, spec, width, width < 500)
    return out


# --- lines --------------------------------------------------------------------------------------------------


@dataclass
class Axis:
    low: float
    high: float
    ticks: list
    labels: list[str]
    log: bool = False

    def to(self, value: float) -> float:
        """The value as Plotly counts along the axis."""
        return math.log10(value) if self.log else value

    def share(self, value: float) -> float:
        return (self.to(value) - self.to(self.low)) / (self.to(self.high) - self.to(self.low))


@dataclass
class Frame:
    """The plot in pixels, with what already stands in it."""

    left: float
    top: float
    right: float
    bottom: float
    width: float
    x: Axis
    y: Axis
    strokes: list[tuple[Box, float]] = field(default_factory=list)  # a segment, and what it costs to write over it
    boxes: list[Box] = field(default_factory=list)  # labels

    def px(self, x: float) -> float:
        return self.left + self.x.share(x) * (self.right - self.left)

    def py(self, y: float) -> float:
        return self.bottom - self.y.share(y) * (self.bottom - self.top)

    def cost(self, box: Box) -> float:
        x0, y0, x1, y1 = box
        cost = 5000.0 * (x0 < -1 or x1 > self.width + 1 or y0 < -2)
        cost += 400 * (x0 < self.left + 1 or y1 > self.bottom + 4)
        cost += sum(900 for a0, b0, a1, b1 in self.boxes if x0 < a1 and a0 < x1 and y0 < b1 and b0 < y1)
        return cost + sum(weight for segment, weight in self.strokes if _crosses(box, segment))


def _lines(out: go.Figure, spec: dict, width: int, narrow: bool) -> None:
    height = out.layout.height
    x, y = _axis(spec, "x"), _axis(spec, "y")
    x_title, y_title = (_pick(spec.get(which, {}).get("title", ""), narrow) for which in "xy")
    labels: list[dict[str, Any]] = [label | {"text": _pick(label["text"], narrow)} for label in spec["labels"]]
    # In the right margin stand the names of lines that end there and of references; on a phone only short
    # names of several lines, because the plot is narrow already.
    reach = x.to(x.high) - 0.02 * (x.to(x.high) - x.to(x.low))
    ends = [label for label in labels if label["kind"] == "end" and x.to(label["x"]) >= reach]
    beside = ends if narrow else [*ends, *(label for label in labels if label["kind"] == "reference")]
    for label in beside:
        label["lines"] = _wrap(label["text"], 84 if narrow else 170, label["kind"] in BOLD)
        label["lines"] += [label["value"]] if label["value"] else []
    if narrow and (len(ends) < 2 or max(map(_width, ends)) > 76):
        beside = []
    last_tick = text_width(x.labels[-1]) / 2 if x.ticks[-1] == x.high else 0
    title_beside = bool(x_title) and not narrow and text_width(x_title) <= 180
    gap = 10 if narrow else max(18, math.ceil(last_tick) + 12) if title_beside else 18
    margin = gap + max(map(_width, beside)) if beside else max(last_tick, 6)
    if title_beside:
        margin = max(margin, gap + text_width(x_title))

    frame = Frame(
        left=math.ceil(max(map(text_width, y.labels)) + 10),
        top=34 if y_title else 10,
        right=width - math.ceil(margin),
        bottom=height - (28 if title_beside or not x_title else 48),
        width=width,
        x=x,
        y=y,
    )
    _obstruct(frame, spec, labels)
    if y_title:
        frame.boxes.append((0, 4, text_width(y_title), 21))
    placed = _place_beside(frame, beside, gap)
    inside = [label for label in labels if label not in beside]
    for kind in ("note", "end", "reference", "name", "point"):  # what has least freedom comes first
        group = [label for label in inside if label["kind"] == kind]
        for own in dict.fromkeys(label.get("line") for label in group):
            placed += _place_inside(frame, [label for label in group if label.get("line") == own])

    # A gridline that runs beside a reference only disturbs it.
    levels = [frame.py(label["y"]) for label in labels if label["kind"] == "reference"]
    clear = [tick for tick in y.ticks if all(abs(frame.py(tick) - level) > 12 for level in levels)]
    grid = [{"xref": "paper", "x0": 0, "x1": 1, "y0": tick, "y1": tick} | _hair("line") for tick in clear]
    out.layout.shapes = [*grid, *(shape.to_plotly_json() for shape in out.layout.shapes)]
    tone = spec.get("x", {}).get("tone", "ink-2")
    ticks = {"ticks": "outside", "ticklen": 5, "tickcolor": color("rank" if tone == "rank" else "hair")}
    out.update_layout(
        margin=_margin(frame.left, width - frame.right, frame.top, height - frame.bottom),
        xaxis=_plotly_axis(x, text_color(tone), _thinned(frame)) | ticks,
        yaxis=_plotly_axis(y, color("ink-2"), y.labels) | {"ticks": "", "ticklabelstandoff": 8},
    )
    notes = [_tied(frame, label) for label in placed]
    if y_title:
        notes.append(_note(y_title, "ink-2", "left", x=0, xshift=-frame.left, y=1, yshift=21))
    if x_title:
        shift: dict[str, Any] = {"x": 1, "xshift": gap, "yshift": -16.5} if title_beside else {"x": 0, "yshift": -38}
        notes.append(_note(x_title, tone, "left", y=0, **shift))
    out.layout.annotations = notes


def _obstruct(frame: Frame, spec: dict, labels: list[dict]) -> None:
    for one in spec["series"]:
        points = [(frame.px(a), frame.py(b)) for a, b in zip(one["x"], one["y"], strict=True)]
        frame.strokes += [((px - 3, py, px + 3, py), POINT) for px, py in points]
        if one["join"]:
            frame.strokes += [((*a, *b), LINE) for a, b in pairwise(points)]
        for edge in (one["band"][: len(points)], one["band"][len(points) :]):
            outline = [(px, frame.py(b)) for (px, _), b in zip(points, edge, strict=False)]
            frame.strokes += [((*a, *b), BAND) for a, b in pairwise(outline)]
    for label in labels:
        if label["kind"] == "reference":
            level = frame.py(label["y"])
            frame.strokes.append(((frame.left, level, frame.right, level), REFERENCE))


def _place_beside(frame: Frame, labels: list[dict], gap: int) -> list[dict]:
    """In the right margin, level with their lines, pushed apart where they touch."""
    labels = sorted(labels, key=lambda label: frame.py(label["y"]))
    if sum(len(label["lines"]) * LEADING + 4 for label in labels) > frame.bottom - frame.top + 16:
        labels = [label | {"lines": [" ".join(label["lines"])]} for label in labels]
    half = [len(label["lines"]) * LEADING / 2 for label in labels]
    centers = [frame.py(label["y"]) for label in labels]
    for _ in range(200):
        for i, (a, b) in enumerate(pairwise(half)):
            push = max(0, a + b + 4 - (centers[i + 1] - centers[i])) / 2
            centers[i], centers[i + 1] = centers[i] - push, centers[i + 1] + push
        centers = [min(max(c, h - 2), frame.bottom + 4 - h) for c, h in zip(centers, half, strict=True)]
    placed = [label | {"px": frame.right + gap, "py": c} for label, c in zip(labels, centers, strict=True)]
    frame.boxes += [_box(label, label["px"], label["py"], "left") for label in placed]
    return [label | {"anchor": "left", "beside": True} for label in placed]


def _place_inside(frame: Frame, labels: list[dict]) -> list[dict]:
    """Each label where it costs least: near its point, clear of lines, markers and other labels. The values
    along one line stand on one side of it where they can."""
    for label in labels:
        text, value = label["text"], label.get("value")
        between = ", " if label["kind"] == "reference" else ": " if re.search(r"\d", text) else " "
        label["lines"] = [f"{text}{between}{value}" if value else text]
    places = [_places(frame, label) for label in labels]
    if labels[0]["kind"] == "point":
        nearest = list(zip(*(options[:8] for options in places), strict=True))
        free = [
            sum(frame.cost(_box(label, *place)) < 50 for label, place in zip(labels, row, strict=True))
            for row in nearest
        ]
        side = free.index(max(free))
        places = [[options[side], *options] for options in places]
    placed = []
    for label, options in zip(labels, places, strict=True):
        # A place further down the list costs one more, so clear beats near.
        costs = [
            frame.cost(_box(label, *place)) + _across(frame, label, place[1]) + i for i, place in enumerate(options)
        ]
        px, py, anchor = options[costs.index(min(costs))]
        frame.boxes.append(_box(label, px, py, anchor))
        placed.append(label | {"px": px, "py": py, "anchor": anchor, "beside": False})
    return placed


def _across(frame: Frame, label: dict, py: float) -> float:
    """A name on the other side of a reference than its point seems to belong to the reference."""
    if label["kind"] == "reference" or label["y"] is None:
        return 0
    low, high = sorted((py, frame.py(label["y"])))
    return 40 * sum(low < y0 < high for (_, y0, _, y1), weight in frame.strokes if weight == REFERENCE and y0 == y1)


def _places(frame: Frame, label: dict) -> list[tuple[float, float, str]]:
    """Where a label may stand, best first."""
    if label["kind"] == "reference":
        level, room = frame.py(label["y"]), max(frame.right - frame.left - 4 - _width(label), 0)
        return [(frame.left + 4 + room * k / 8, level + dy, "left") for dy in (-11, 12) for k in (0, 8, *range(1, 8))]
    x = frame.px(label["x"])
    if label["y"] is None:
        steps = [
            (side * (11 + gap), dy, "left" if side > 0 else "right")
            for gap in (0, 8, 20)
            for side in (1, -1)
            for dy in (0, LEADING)
        ]
        return [(x + dx, frame.top + 9 + dy, anchor) for dx, dy, anchor in steps]
    steps = []
    if label["kind"] == "end":
        steps += [(dx, -17 - gap, "right") for gap in (0, 6) for dx in (0, -24, -60)]
    for gap in (0, 6, 14, 24):
        above, below = -16 - gap, 17 + gap
        steps += [(4, above, "left"), (0, above, "center"), (-4, above, "right"), (10 + gap, 0, "left")]
        steps += [(4, below, "left"), (0, below, "center"), (-4, below, "right"), (-10 - gap, 0, "right")]
    return [(x + dx, frame.py(label["y"]) + dy, anchor) for dx, dy, anchor in steps]


def _box(label: dict, px: float, py: float, anchor: str) -> Box:
    width, half = _width(label), len(label["lines"]) * LEADING / 2
    x0 = px - {"left": 0, "center": width / 2, "right": width}[anchor]
    return x0 - 2, py - half, x0 + width + 2, py + half


def _crosses(box: Box, segment: Box) -> bool:
    """Does the segment, as thick as a line, meet the box? (Liang and Barsky's clipping.)"""
    x1, y1, x2, y2 = segment
    dx, dy, start, end = x2 - x1, y2 - y1, 0.0, 1.0
    sides = ((-dx, x1 - box[0] + 3), (dx, box[2] + 3 - x1), (-dy, y1 - box[1] + 1), (dy, box[3] + 1 - y1))
    for p, q in sides:
        if p == 0:
            if q < 0:
                return False
        elif p < 0:
            start = max(start, q / p)
        else:
            end = min(end, q / p)
    return start <= end


def _tied(frame: Frame, label: dict) -> dict:
    """The label as Plotly's annotation, tied to its data: it follows when the interactive chart is zoomed."""
    lines = list(label["lines"])
    if label["kind"] in BOLD:
        plain = 1 if label["beside"] and label["value"] and len(lines) > 1 else 0
        lines = [f"<b>{line}</b>" if i < len(lines) - plain else line for i, line in enumerate(lines)]
    where = {}
    if label["beside"]:
        where |= {"x": 1, "xshift": label["px"] - frame.right}
    elif label["kind"] == "reference":
        where |= {"x": 0, "xshift": label["px"] - frame.left}
    else:
        where |= {"xref": "x", "x": frame.x.to(label["x"]), "xshift": label["px"] - frame.px(label["x"])}
    if label["y"] is None:
        where |= {"y": 1, "yshift": frame.top - label["py"]}
    else:
        where |= {"yref": "y", "y": frame.y.to(label["y"]), "yshift": frame.py(label["y"]) - label["py"]}
    return _note("<br>".join(lines), label["tone"], label["anchor"], **where)


def _axis(spec: dict, which: str) -> Axis:
    """Limits and ticks: as given, else from the data."""
    given = spec.get(which, {})
    references = [label["y"] for label in spec["labels"] if label["kind"] == "reference"]
    values = [value for one in spec["series"] for value in one[which]]
    if not values:
        raise ValueError("a chart needs a line or a ledger")
    if which == "y":
        values += [value for one in spec["series"] for value in one["band"]] + references
    low, high, format = min(values), max(values), given.get("format")
    for name, bound, lost in (("low", given.get("low"), min), ("high", given.get("high"), max)):
        if bound is not None and lost(bound, low if name == "low" else high) != bound:
            raise ValueError(f"{which}_axis({name}={bound}) leaves out data from {low} to {high}; a note() can name it")
    ticks = given.get("ticks")
    if given.get("log"):
        if low <= 0:
            raise ValueError(f"a log axis cannot show {low}")
        ticks = ticks or [10.0**k for k in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
        floor, ceiling = min(low, *ticks), max(high, *ticks)
    elif ticks and which == "x":
        floor, ceiling = min(low, *ticks), max(high, *ticks)
    else:
        # Outward to the next half step, and air above for the names of lines that end inside the plot.
        span = (high - low) or abs(high) or 1.0
        half = _nice(span / 4.5) / 2
        last = max(value for one in spec["series"] for value in one["x"])
        air = any(label["kind"] == "end" and label["x"] != last for label in spec["labels"])
        below, above = (0.04 * span, (0.12 if air else 0.04) * span) if which == "y" else (0, 0)
        floor, ceiling = (
            math.floor((low - below) / half + 1e-9) * half,
            math.ceil((high + above) / half - 1e-9) * half,
        )
    low = floor if given.get("low") is None else given["low"]
    high = ceiling if given.get("high") is None else given["high"]
    if not ticks:
        step = _nice((high - low) / 4.5, format)
        ticks = [round(k * step, 12) for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
        format = format or f",.{len(f'{step:.10f}'.rstrip('0').partition('.')[2])}f"
    return Axis(low, high, list(ticks), [_tick(tick, format or "g") for tick in ticks], bool(given.get("log")))


def _nice(rough: float, format: str | None = None) -> float:
    """The round step nearest to a rough one; none that the format would round, as .1f does a step of 0.25."""
    power = 10.0 ** math.floor(math.log10(rough))
    steps = [m * power for m in (1, 2, 2.5, 5, 10)]
    if digits := re.fullmatch(r",?\.(\d)([f%])", format or ""):
        places = int(digits[1]) + 2 * (digits[2] == "%")
        steps = [step for step in steps if math.isclose(step, round(step, places))] or steps
    return min(steps, key=lambda step: abs(math.log(step / rough)))


def _tick(value: float, format: str) -> str:
    return re.sub(r"e([+-])0*(\d)", lambda e: "e" + e[1].strip("+") + e[2], f"{value:{format}}")  # 1e-4, not 1e-04


def _thinned(frame: Frame) -> list[str]:
    """Tick labels: every second or fourth where all of them would touch, counted from the last."""
    axis = frame.x
    for every in (1, 2, 4, 8):
        kept = [i for i in range(len(axis.ticks)) if (len(axis.ticks) - 1 - i) % every == 0]
        spans = [(frame.px(axis.ticks[i]), text_width(axis.labels[i]) / 2) for i in kept]
        if all(b - a >= wa + wb + 8 for (a, wa), (b, wb) in pairwise(spans)):
            break
    return [label if i in kept else "" for i, label in enumerate(axis.labels)]


def _plotly_axis(axis: Axis, ink: str, labels: list[str]) -> dict:
    return {
        "type": "log" if axis.log else "linear",
        "range": [axis.to(axis.low), axis.to(axis.high)],
        "tickmode": "array",
        "tickvals": axis.ticks,
        "ticktext": labels,
        "tickfont": {"color": ink, "size": SIZE},
        "tickangle": 0,
        **{key: False for key in ("showgrid", "zeroline", "showline", "automargin")},
    }


# --- ledgers ------------------------------------------------------------------------------------------------


def _ledger(out: go.Figure, spec: dict, width: int, narrow: bool) -> None:
    book = spec["ledger"]
    rows, several = book["rows"], len(book["parts"]) > 1
    sums = {row: sum(values.values()) for row, values in rows.items()}
    unit = f" {book['unit']}" if book["unit"] else ""
    totals = {row: f"{value:{book['format']}}{unit}" for row, value in sums.items()}
    thick, top, line = 22, 30 if book["marks"] else 6, LEADING + 2
    # In a row: its name (at the left, on a phone above), the names of its parts, the bar at its foot.
    above = line * several + line * narrow
    pitch = above + thick + (16 if several or narrow else 12)
    left = 0 if narrow else math.ceil(max(text_width(row, bold=True) for row in rows) + 14)
    # One scale, on which every total and every mark's label still fits.
    needs = [(text_width(totals[row], bold=True) + 10, value) for row, value in sums.items()]
    needs += [(text_width(mark) / 2 + 1, value) for mark, value in book["marks"].items()]
    needs += [(text_width(f"{book['high']:{book['format']}}{unit}", bold=True) + 10, book["high"])]
    scale = min((width - left - need) / value for need, value in needs if value > 0)
    plot = pitch * (len(rows) - 1) + above + thick
    first = -(above + thick / 2) / pitch
    out.layout.height = top + plot + 6
    hidden = {"visible": False, "fixedrange": True, "automargin": False}
    out.update_layout(
        barmode="stack",
        bargap=round(1 - thick / pitch, 4),
        margin=_margin(left, 0, top, 6),
        xaxis=hidden | {"range": [0, (width - left) / scale]},
        yaxis=hidden | {"range": [first + plot / pitch, first]},
    )
    out.layout.shapes = [
        {"x0": value, "x1": value, "yref": "paper", "y0": 0, "y1": 1} | _hair("hair", dash="1px,3px")
        for value in book["marks"].values()
    ]
    notes = []
    for mark, value in book["marks"].items():
        inward = max(0.0, text_width(mark) / 2 - value * scale - left)
        notes.append(_note(mark, "ink-2", "center", xref="x", x=value, xshift=inward, y=1, yshift=14))
    for i, (row, values) in enumerate(rows.items()):
        lift = thick / 2 + line * several + 8 if narrow else 0
        notes.append(_note(f"<b>{row}</b>", "ink", "left", x=0, xshift=-left, yref="y", y=i, yshift=lift))
        if several:
            notes += _part_names(book, values, i, left, scale, thick, width, narrow)
        text, remark = f"<b>{totals[row]}</b>", _pick(book["notes"].get(row, ""), narrow)
        room = width - left - sums[row] * scale - 8 - text_width(totals[row], bold=True)
        if remark and text_width(f", {remark}") <= room:
            text += f", {remark}"
        notes.append(_note(text, "ink", "left", xref="x", x=sums[row], xshift=8, yref="y", y=i))
    out.layout.annotations = notes


def _part_names(book, values, i, left, scale, thick, width, narrow) -> list[dict]:
    """Above each part of a bar its name and value, or its name alone where only so all of them have room."""
    best: list[dict] = []
    alone = sum(value > 0 for value in values.values()) == 1  # then the total is its value
    for style in ("name", "short name") if alone else ("name and value", "name", "short name"):
        notes, free, start = [], 0.0, 0.0
        for part in book["parts"]:
            value = values.get(long(part["name"]), 0)
            text = _pick(part["name"], narrow or style == "short name")
            if style == "name and value":
                text += f" {value:{book['format']}}"
            x = left + start * scale
            if value * scale >= 8 and x >= free and x + text_width(text) <= width:
                where = {"xref": "x", "x": start, "yref": "y", "y": i, "yshift": thick / 2 + 9}
                notes.append(_note(text, part["tone"], "left", **where))
                free = x + text_width(text) + 2
            start += value
        best = notes if len(notes) > len(best) else best
    return best


# --- bars on a log axis -------------------------------------------------------------------------------------


def _bars(out: go.Figure, spec: dict, width: int, narrow: bool) -> None:
    book = spec["bars"]
    rows, ticks, floor = book["rows"], book["ticks"], book["ticks"][0]["value"]
    values = {row: "" if value is None else f"{value:{book['format']}}" for row, value in rows.items()}
    thick, line, top = 16, LEADING + 4, 26
    pitch = thick + (line + 12 if narrow else 10)  # on a phone a row's name stands above its bar
    left = 0 if narrow else math.ceil(max(map(text_width, rows)) + 14)
    # One scale, on which every value still fits beside its bar; a note follows it where there is room.
    lengths = {row: 0.0 if value is None else math.log10(value / floor) for row, value in rows.items()}
    need = {row: text_width(value, bold=True) + 10 for row, value in values.items()}
    scale = min((width - left - need[row]) / length for row, length in lengths.items() if length > 0)
    decades = [math.log10(tick["value"] / floor) for tick in ticks]
    plot = pitch * len(rows)
    out.layout.height = top + plot + 6
    first = -((line if narrow else 0) + thick / 2 + 6) / pitch
    hidden = {"visible": False, "fixedrange": True, "automargin": False}
    out.update_layout(
        bargap=round(1 - thick / pitch, 4),
        margin=_margin(left, 0, top, 6),
        xaxis=hidden | {"range": [0, (width - left) / scale]},
        yaxis=hidden | {"range": [first + plot / pitch, first]},
    )
    seen = [decade for decade in decades if decade * scale <= width - left]
    out.layout.shapes = [{"x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1} | _hair("line") for x in seen]
    notes, free = [], -1.0
    for decade, tick in zip(decades, ticks, strict=True):
        text, x = _pick(tick["text"], narrow), left + decade * scale
        half = text_width(text) / 2
        start = max(x - half, 0.0)
        if text and start >= free and start + 2 * half <= width and x <= width:
            notes.append(_note(text, "ink-2", "center", xref="x", x=decade, xshift=start + half - x, y=1, yshift=13))
            free = start + 2 * half + 8
    for i, (row, value) in enumerate(values.items()):
        lift = thick / 2 + 10 if narrow else 0
        notes.append(_note(row, "ink", "left", x=0, xshift=-left, yref="y", y=i, yshift=lift))
        remark = _pick(book["notes"].get(row, ""), narrow)
        text = f"<b>{value}</b>" if value else remark
        between = f"{value}, {remark}"
        if value and remark and lengths[row] * scale + 8 + text_width(between, bold=True) <= width - left:
            text += f", {remark}"
        where = {"xref": "x", "x": lengths[row], "yref": "y", "y": i}
        notes.append(_note(text, "ink", "left", xshift=8 if value or not narrow else 0, **where))
    out.layout.annotations = notes


# --- small parts --------------------------------------------------------------------------------------------


def long(text: Text) -> str:
    return text if isinstance(text, str) else text[0]


def _pick(text: Text, narrow: bool) -> str:
    return text if isinstance(text, str) else text[narrow]


def _margin(left: float, right: float, top: float, bottom: float) -> dict:
    return {"l": left, "r": right, "t": top, "b": bottom, "pad": 0, "autoexpand": False}


def _hair(tone: str, dash: str = "solid") -> dict:
    return {"type": "line", "layer": "below", "line": {"color": color(tone), "width": 1, "dash": dash}}


def _note(text: str, tone: str, anchor: str, *, xref="paper", yref="paper", xshift=0.0, yshift=0.0, **at) -> dict:
    font = {"color": text_color(tone)}
    style = {"showarrow": False, "xanchor": anchor, "yanchor": "middle", "align": anchor}
    shift = {"xshift": round(xshift, 1), "yshift": round(yshift, 1)}
    return {"text": text, "font": font, "xref": xref, "yref": yref} | style | shift | at


def _wrap(text: str, limit: float, bold: bool) -> list[str]:
    """As few lines as the limit allows, then as even as they can be."""
    best = _filled(text, limit, bold)
    while limit > 24 and len(lines := _filled(text, limit, bold)) <= len(best):
        best, limit = lines, limit - 4
    return best


def _filled(text: str, limit: float, bold: bool) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and text_width(f"{lines[-1]} {word}", bold) <= limit:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _width(label: dict) -> float:
    return max(text_width(line, bold=label["kind"] in BOLD) for line in label["lines"])


_WIDTHS = {  # in ems, of the usual sans serif fonts; other letters and digits 0.58
    letter: width
    for width, letters in (
        (0.24, "ijl'|"),
        (0.31, " !,./:;I[]\\ft"),
        (0.36, "r()-`·"),
        (0.52, "csvxyzkJ"),
        (0.60, "+<=>~×±"),
        (0.63, "FTZ"),
        (0.69, "ABEKPSVXY&"),
        (0.75, "CDHNRUw"),
        (0.80, "GOQ"),
        (0.87, "mM"),
        (0.93, "W%"),
        (1.05, "—@→↑↓…"),
    )
    for letter in letters
}


def text_width(text: str, bold: bool = False) -> float:
    """An upper estimate in px at 13 px, for the various system fonts of readers."""
    return round(1.12 * SIZE * sum(_WIDTHS.get(letter, 0.58) for letter in text) * (1.08 if bold else 1), 1)
