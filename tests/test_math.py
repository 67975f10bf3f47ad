"""Formulas: what KaTeX gets, what the page gets, and what stops the build."""

import html
import math as standard
import subprocess
import sys
import threading

import markdown
import pytest

from lora_ref.site import math

TEX = r"h = \frozen{W_0}\act{x} + \frac{\alpha}{\rank{r}}\,\trained{B}\trained{A}\act{x}"


def page(text: str) -> str:
    extensions = ["pymdownx.arithmatex", "tables"]
    settings = {"pymdownx.arithmatex": {"generic": True}}
    return math.replace_arithmatex(markdown.markdown(text, extensions=extensions, extension_configs=settings))


def test_inline_and_display_have_mathml():
    inline, display = math.render(TEX, False), math.render(TEX, True)
    assert inline.startswith('<span class="katex">') and "<math" in inline
    assert display.startswith('<span class="katex-display">') and 'display="block"' in display


def test_deterministic_and_the_same_in_another_thread():
    first = math.render(TEX, True)
    math.render.cache_clear()
    seen = []
    thread = threading.Thread(target=lambda: seen.append(math.render(TEX, True)))
    thread.start()
    thread.join()
    math.render.cache_clear()
    assert [math.render(TEX, True)] == seen == [first]


@pytest.mark.parametrize("name", math.COLORS)
def test_color_is_a_class(name):
    out = math.render(rf"\{name}{{W_0}} + y")
    assert f'<span class="enclosing {name}">' in out
    assert "style" not in out.split(f"enclosing {name}")[1][:2], "a color is a class, never a style"


def test_a_formula_cannot_define_a_command_for_the_next_one():
    math.render(r"\gdef\secret{1} \secret")
    with pytest.raises(ValueError, match="secret"):
        math.render(r"\secret + 0")


@pytest.mark.parametrize(
    ("tex", "message"),
    [
        (r"\frac{a", "Unexpected end of input"),
        (r"\nosuchcommand", "Undefined control sequence"),
        (r"x_1_2", "Double subscript"),
        (r"\htmlClass{red}{x}", "is not allowed here"),
        (r"\href{https://example.org}{x}", "is not allowed here"),
        (r"é", "unicodeTextInMathMode"),
    ],
)
def test_bad_formula_raises_with_its_reason_and_its_source(tex, message):
    with pytest.raises(ValueError, match=message) as error:
        math.render(tex)
    assert tex in str(error.value)


def test_escaped_text_reaches_katex_unescaped():
    out = page(r"If $a < b$ and $\{c\} \& d$, then `$e$` stays code.")
    assert "<mo>&lt;</mo>" in out and "&amp;lt;" not in out
    assert "<code>$e$</code>" in out
    assert out.count('<span class="arithmatex"><span class="katex">') == 2


def test_display_block_and_table_cell():
    out = page("$$\n\\rank{r} \\ll d\n$$\n\n| a |\n| - |\n| $\\lVert x \\rVert$ |\n")
    assert '<div class="arithmatex"><span class="katex-display">' in out
    assert '<td><span class="arithmatex"><span class="katex">' in out


def test_a_rendered_page_stays_as_it_is():
    once = page("$a$ and\n\n$$b$$")
    assert math.replace_arithmatex(once) == once
    assert "\\(" not in once and "\\[" not in once


def test_a_bad_formula_in_a_page_raises():
    with pytest.raises(ValueError, match="Undefined control sequence"):
        page(r"fine $x$, broken $\nosuch$")


def test_source_is_not_repeated_in_the_page_and_the_picture_is_not_searched():
    out = math.render(TEX)
    assert html.escape(r"\frac") not in out and "<annotation" not in out
    assert '<span class="katex-html" aria-hidden="true" data-search-exclude>' in out


def test_the_name_does_not_shadow_the_standard_library():
    assert standard.sqrt(4) == 2 and math.render is not getattr(standard, "render", None)
    code = "import runpy, math; runpy.run_module('lora_ref.site.math', run_name='x'); assert math.sqrt(4) == 2"
    subprocess.run([sys.executable, "-c", code], check=True)
