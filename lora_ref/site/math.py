"""Formulas, rendered while the site is built.

KaTeX runs in a small JavaScript engine inside Python, so a reader downloads no math script and a contributor
installs no Node. The result is HTML with MathML beside it for assistive technology. A formula that KaTeX does not
understand raises `ValueError`, which stops the build.

A symbol has the color of its matrix in the pictures: `\\frozen{W_0}`, `\\trained{B}`, `\\rank{r}`, `\\act{x}`,
`\\opt{m}`. The names are CSS classes; `assets/site.css` gives them their colors.
"""

import html
import re
import threading
from functools import cache
from pathlib import Path

import quickjs

KATEX = Path(__file__).parent / "vendor" / "katex.min.js"
COLORS = ("frozen", "trained", "rank", "act", "opt")

# `strict` and `trust` throw, because KaTeX would otherwise print a warning or show the command in red and go on.
SETUP = """
var colors = %s, macros = {};
colors.forEach(function (name) { macros["\\\\" + name] = "\\\\htmlClass{" + name + "}{#1}"; });
function render(tex, display) {
  return katex.renderToString(tex, {
    displayMode: display,
    macros: Object.assign({}, macros),
    strict: function (code, message) {
      if (code !== "htmlExtension") throw new Error(message + " [" + code + "]");
      return "ignore";
    },
    trust: function (context) {
      if (context.command === "\\\\htmlClass" && colors.indexOf(context.class) >= 0) return true;
      throw new Error(context.command + " is not allowed here; the color macros are \\\\" + colors.join(", \\\\"));
    },
  });
}
"""

# The source of the formula is of no use to a reader, and the picture of it would fill the search with loose letters.
ANNOTATION = re.compile(r"<annotation\b.*?</annotation>", re.DOTALL)
VISUAL = '<span class="katex-html" aria-hidden="true">'

ARITHMATEX = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\s*'
    r"(?:\\\((?P<inline>.*?)\\\)|\\\[(?P<display>.*?)\\\])"
    r"\s*</(?P=tag)>",
    re.DOTALL,
)

_engines = threading.local()


def _engine():
    """KaTeX in an engine of this thread: an engine may only be called from the thread that made it."""
    if not hasattr(_engines, "render"):
        context = quickjs.Context()
        context.eval(KATEX.read_text(encoding="utf-8"))
        context.eval(SETUP % list(COLORS))
        _engines.context, _engines.render = context, context.get("render")
    return _engines.render


@cache
def render(tex: str, display: bool = False) -> str:
    """HTML with MathML for one formula; `display` gives it a line of its own."""
    try:
        out = _engine()(tex, display)
    except quickjs.JSException as error:
        message = str(error).splitlines()[0].replace("ParseError: ", "").replace("Error: ", "", 1)
        raise ValueError(f"{message}\n  in the formula: {tex.strip()}") from None
    return ANNOTATION.sub("", out).replace(VISUAL, VISUAL[:-1] + " data-search-exclude>")


def replace_arithmatex(page: str) -> str:
    r"""Renders what pymdownx.arithmatex (generic) marked: `\(..\)` in spans, `\[..\]` in divs, HTML-escaped."""

    def formula(match: re.Match) -> str:
        display = match["display"] is not None
        tex = html.unescape(match["display"] if display else match["inline"])
        tag = match["tag"]
        return f'<{tag} class="arithmatex">{render(tex, display)}</{tag}>'

    return ARITHMATEX.sub(formula, page)


def letters(text: str) -> str:
    """Markdown without its formulas: each $…$ becomes its symbols as plain text, for where none can be set."""
    return re.sub(r"\$([^$]+)\$", lambda formula: _symbols(formula[1]), text)


def _symbols(tex: str) -> str:
    tex = re.sub(r"_\{[^{}]*\}|_\w|\\[,;:! ]", " ", tex).replace(r"\times", "×").replace(r"\alpha", "α")
    return " ".join(re.sub(r"\\[a-zA-Z]+|[{}\\]", " ", tex).split()).replace(" / ", "/")
