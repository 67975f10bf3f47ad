"""Plotly's SVG reduced to what paints.

Absolute coordinates, no groups but those that share a style, no ids but those of patterns, colors as CSS
variables, the page's own font: a chart takes 3 kB instead of 10, follows the palette without JavaScript, and
is the same to the byte when it is drawn again.
"""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from lora_ref.site.palette import COLORS, variable

Mark = tuple[str, tuple[tuple[str, str], ...]]  # an element without its style, the style

# The properties that are kept, with the values that need not be written.
STYLE = {
    "fill": "#000000",
    "fill-opacity": "1",
    "stroke": "none",
    "stroke-opacity": "1",
    "stroke-width": "1",
    "stroke-dasharray": "none",
    "opacity": "1",
    "text-anchor": "start",
    "font-weight": "normal",
    "font-style": "normal",
    "font-size": "13",
    "shape-rendering": "auto",
}
GEOMETRY = {
    "path": ("d",),
    "rect": ("x", "y", "width", "height"),
    "circle": ("cx", "cy", "r"),
    "text": ("x", "y"),
}
# Paper around the letters keeps a label readable on a line.
HALO = 'stroke="var(--paper)" stroke-width="4" stroke-linejoin="round" paint-order="stroke"'
ALONE = re.compile(r"<style>.*?</style>")


def static(raw: str, labels: list[dict], layout: dict, *, size: str, prefix: str, alt: str) -> str:
    """The SVG file: Plotly's marks, and the labels at their exact anchors (Plotly would place them by
    the width of this machine's font). `prefix` makes ids unique on a page."""
    root = ET.fromstring(raw)
    patterns: dict[str, str] = {}
    marks = list(_marks(root, 0, 0, {}, patterns, prefix))
    found = {node.get("id"): node for node in root.iter() if node.tag.endswith("}pattern")}
    defs = "".join(_pattern(found[old], new) for old, new in patterns.items())
    body = (f"<defs>{defs}</defs>" if defs else "") + _grouped(marks)
    if labels:
        body += f"<g {HALO}>{_grouped([_label(note, layout) for note in labels])}</g>"
    # For the file opened by itself; on a page this would reach beyond the figure, so inline() leaves it out.
    used = sorted(set(re.findall(r"var\(--([a-z0-9-]+)\)", body)))
    alone = "svg{font-family:sans-serif;" + "".join(f"--{name}:{COLORS[name]};" for name in used) + "}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{size}" '
        f'viewBox="0 0 {_number(layout["width"])} {_number(layout["height"])}" role="img" '
        f'aria-label="{html.escape(alt)}" font-size="13" style="font-variant-numeric:tabular-nums">'
        f"<style>{alone}</style>{body}</svg>\n"
    )


def inline(file: str) -> str:
    """The SVG as it stands in a page, which has the palette and the font."""
    return ALONE.sub("", file.strip(), count=1)


def _marks(node: ET.Element, dx: float, dy: float, outer: dict, patterns: dict, prefix: str) -> Iterator[Mark]:
    """Everything that paints, in order."""
    tag = node.tag.rpartition("}")[2]
    if tag in ("defs", "clipPath") or node.get("display") == "none":
        return
    own = _style(node)
    style = outer | own
    style["opacity"] = _number(float(outer.get("opacity", 1)) * float(own.get("opacity", 1)), 3)
    transform = node.get("transform", "")
    if moved := re.fullmatch(r"translate\(([-\d.e]+)(?:[, ]+([-\d.e]+))?\)", transform.strip()):
        dx, dy, transform = dx + float(moved[1]), dy + float(moved[2] or 0), ""
    if tag in ("g", "svg"):
        if transform:
            raise ValueError(f"has a group that Plotly turned ({transform}), which cannot be made static")
        for child in node:
            yield from _marks(child, dx, dy, style, patterns, prefix)
    elif tag in GEOMETRY and not (tag == "path" and not re.search("[A-LN-Ya-ln-y]", node.get("d", ""))):
        if tag == "path" and "stroke" in style:
            style.setdefault("fill", "none")  # ticks rely on having no area
        if (paint := _paint(style, tag, patterns, prefix)) is not None:
            element = _element(node, tag, dx, dy, transform)
            yield (_inked(element, style.get("fill", "#000000")) if tag == "text" else element), paint


def _style(node: ET.Element) -> dict[str, str]:
    """Inline style and attributes, as far as they are kept, without units."""
    found = {key: value for key, value in node.attrib.items() if key in STYLE}
    for part in node.get("style", "").split(";"):
        key, _, value = part.partition(":")
        if key.strip() in STYLE:
            found[key.strip()] = value.strip()
    return {key: re.sub(r"(?<=\d)px\b", "", value) for key, value in found.items()}


def _paint(style: dict, tag: str, patterns: dict, prefix: str) -> tuple[tuple[str, str], ...] | None:
    """The style with what has no effect left out; None where nothing shows."""
    style = STYLE | style
    for paint in ("fill", "stroke"):
        if float(style[f"{paint}-opacity"]) == 0 or style[paint] == "transparent":
            style[paint] = "none"
    if float(style["stroke-width"]) == 0:
        style["stroke"] = "none"
    if style["fill"] == style["stroke"] == "none" or float(style["opacity"]) == 0:
        return None
    if style["stroke"] == "none":
        style |= {key: value for key, value in STYLE.items() if key.startswith("stroke-")}
    if style["fill"] == "none":
        style["fill-opacity"] = "1"
    if tag != "text":
        style |= {key: value for key, value in STYLE.items() if key.startswith(("font-", "text-"))}
    for paint in ("fill", "stroke"):
        if reference := re.fullmatch(r"url\([\"']?#(.+?)[\"']?\)", style[paint]):
            style[paint] = f"url(#{patterns.setdefault(reference[1], f'{prefix}-{len(patterns) + 1}')})"
        elif style[paint] != "none":
            style[paint] = variable(style[paint])
    if tag == "text":
        style["fill"] = STYLE["fill"]  # written by _inked()
    style["stroke-dasharray"] = style["stroke-dasharray"].replace(",", " ").replace("  ", " ")
    return tuple((key, value) for key, value in style.items() if value != STYLE[key])


def _element(node: ET.Element, tag: str, dx: float, dy: float, transform: str) -> str:
    own = {key: node.get(key, "").removesuffix("px") for key in GEOMETRY[tag]}
    if transform:  # turned text, say: the move stays outside
        own["transform"] = (f"translate({_number(dx)} {_number(dy)}) " if dx or dy else "") + transform
        dx = dy = 0
    if tag == "path" and (r := re.fullmatch(r"M([\d.]+),0A\1,\1 0 1,1 0,-\1A\1,\1 0 0,1 \1,0Z", own["d"])):
        tag, own = "circle", {"cx": _number(dx), "cy": _number(dy), "r": _number(float(r[1]), 2)}
    elif tag == "path":
        own["d"] = _moved(own["d"], dx, dy)
    else:
        by = {"x": dx, "cx": dx, "y": dy, "cy": dy}
        own = {key: _number(float(v or 0) + by.get(key, 0)) if key in GEOMETRY[tag] else v for key, v in own.items()}
    opening = f"<{tag}" + "".join(f' {key}="{value}"' for key, value in own.items())
    return f"{opening}>{''.join(_lines(node))}</text>" if tag == "text" else f"{opening}/>"


def _lines(node: ET.Element) -> Iterator[str]:
    """Text with its line breaks and weights."""
    yield html.escape(node.text or "", quote=False)
    for child in node:
        kept = {key: child.get(key, "") for key in ("x", "y", "dy") if child.get(key)}
        kept |= {key: value for key, value in _style(child).items() if key.startswith("font-") and value != STYLE[key]}
        inner = "".join(_lines(child))
        yield _with("<tspan>", tuple(kept.items())) + inner + "</tspan>" if kept else inner
        yield html.escape(child.tail or "", quote=False)


def _moved(d: str, dx: float, dy: float) -> str:
    """The path, moved: capital commands are absolute, small ones follow by themselves."""
    by = {"H": (dx,), "V": (dy,), "A": (0, 0, 0, 0, 0, dx, dy)} | dict.fromkeys("MLCSQT", (dx, dy))
    out = []
    for command, rest in re.findall(r"([A-DF-Za-df-z])([^A-DF-Za-df-z]*)", d):
        numbers = [float(n) for n in re.findall(r"-?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?", rest)]
        shift = by.get(command, (0,))
        out.append(command + " ".join(_number(n + shift[i % len(shift)]) for i, n in enumerate(numbers)))
    return "".join(out)


def _pattern(node: ET.Element, name: str) -> str:
    inner = []
    for child in node:
        tag, style = child.tag.rpartition("}")[2], _style(child)
        if tag == "path" and "fill" not in style:
            style["fill"] = "none"
        if tag in GEOMETRY and (paint := _paint(style, tag, {}, name)) is not None:
            inner.append(_with(_element(child, tag, 0, 0, ""), paint))
    side = [_number(float(node.get(key, "0").removesuffix("px")), 2) for key in ("width", "height")]
    size = f'width="{side[0]}" height="{side[1]}" patternUnits="userSpaceOnUse"'
    return f'<pattern id="{name}" {size}>{"".join(inner)}</pattern>'


def _label(note: dict, layout: dict) -> Mark:
    """An annotation as text at its anchor: lines of 16 units about its middle, bold as weight 600."""
    margin, at = layout["margin"], {}
    for axis, ref in (("x", note["xref"]), ("y", note["yref"])):
        low, high = (0, 1) if ref == "paper" else layout[f"{axis}axis"]["range"]
        at[axis] = (note[axis] - low) / (high - low)
    x = margin["l"] + at["x"] * (layout["width"] - margin["l"] - margin["r"]) + note["xshift"]
    y = margin["t"] + (1 - at["y"]) * (layout["height"] - margin["t"] - margin["b"]) - note["yshift"]
    lines = note["text"].split("<br>")
    bold = all(re.fullmatch(r"<b>[^<]*</b>", line) for line in lines)
    inner = []
    for i, line in enumerate(lines):
        text = html.escape(html.unescape(re.sub(r"</?b>", "\0", line)), quote=False)
        parts = text.split("\0")  # plain, bold, plain …
        if not bold:
            parts[1::2] = [f'<tspan font-weight="600">{part}</tspan>' for part in parts[1::2]]
        inner.append("".join(parts) if i == 0 else f'<tspan x="{_number(x)}" dy="16">{"".join(parts)}</tspan>')
    text = f'<text x="{_number(x)}" y="{_number(y - 8 * (len(lines) - 1) + 4.5)}">{"".join(inner)}</text>'
    anchor = {"left": "start", "center": "middle", "right": "end"}[note["xanchor"]]
    style = (("text-anchor", anchor), ("font-weight", "600" if bold else "normal"))
    return _inked(text, note["font"]["color"]), tuple(pair for pair in style if STYLE[pair[0]] != pair[1])


def _inked(text: str, drawn: str) -> str:
    """The color as a style of the text's own: a page's rule for text in figures outranks attributes."""
    return text.replace(">", f' style="fill:{variable(drawn)}">', 1)


def _grouped(marks: list[Mark]) -> str:
    """Neighbors that share a style share a group."""
    out, i = [], 0
    while i < len(marks):
        style, run = marks[i][1], [marks[i][0]]
        while i + len(run) < len(marks) and marks[i + len(run)][1] == style:
            run.append(marks[i + len(run)][0])
        i += len(run)
        group = "".join(run) if not style else _with(run[0], style) if len(run) == 1 else None
        out.append(group or _with("<g>", style) + "".join(run) + "</g>")
    return "".join(out)


def _with(element: str, style: tuple[tuple[str, str], ...]) -> str:
    written = "".join(f' {key}="{value}"' for key, value in style)
    return re.sub(r"/?>", lambda end: written + end[0], element, count=1)


def _number(value: float, digits: int = 1) -> str:
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
