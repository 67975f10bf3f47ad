"""The colors of the site by the names of what they mean. A build without Plotly can read this."""

# A color means one quantity everywhere; "-t" is the same color for text (4.5:1 on paper). The values are the
# light palette's: Plotly rejects CSS variables, so charts are drawn with these and stored with var(--NAME).
COLORS = {
    "frozen": "#65717f",
    "frozen-t": "#556170",
    "trained": "#d55e00",
    "trained-t": "#b04a00",
    "rank": "#0072b2",
    "rank-t": "#006aa6",
    "act": "#009e73",
    "act-t": "#00755a",
    "opt": "#c36c9c",
    "opt-t": "#9c4577",
    "ink": "#1a1e23",
    "ink-2": "#57606b",
    "hair": "#838c97",
    "line": "#d8dce1",
    "paper": "#ffffff",
}
_NAMES = {value: name for name, value in COLORS.items()}


def color(name: str) -> str:
    """The color to draw with; what is stored is var(--NAME)."""
    if name not in COLORS:
        raise ValueError(f"no color is called {name!r}; there are {', '.join(COLORS)}")
    return COLORS[name]


def text_color(name: str) -> str:
    return color(f"{name}-t" if f"{name}-t" in COLORS else name)


def variable(drawn: str) -> str:
    """The CSS variable for a color that a chart was drawn with; without one it has no dark value."""
    if drawn.startswith("rgb("):
        drawn = "#{:02x}{:02x}{:02x}".format(*(int(part) for part in drawn[4:-1].split(",")))
    if drawn.lower() not in _NAMES:
        raise ValueError(f"drawn in {drawn}, which has no dark value; take one of chart.color(): {', '.join(COLORS)}")
    return f"var(--{_NAMES[drawn.lower()]})"
