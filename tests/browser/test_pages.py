"""Every page in every state of a reader's browser: it shows, it fits, it can be read and reached."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from browser.conftest import search_ready
from browser.serving import CHAPTERS, PAGES, name_of

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

OVERFLOW = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.querySelectorAll('.md-content *')].filter(el => {
    const box = el.getBoundingClientRect();
    return box.width && box.right > width + 1 && getComputedStyle(el).position !== 'fixed';
  }).slice(0, 5).map(el => `${el.tagName}.${el.className?.baseVal ?? el.className}: ${el.textContent.slice(0, 40)}`)
    .concat(`the page is ${document.documentElement.scrollWidth} px wide`);
}"""

# Each text node's color against the nearest painted background below it, as the browser has resolved them. Figures
# stand on paper and their labels have a halo of it.
CONTRAST = """() => {
  const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1});
  const context = canvas.getContext('2d', {willReadFrequently: true});
  const rgba = (color) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const ground = (el) => {
    const layers = [];
    for (; el; el = el.parentElement) {
      const color = rgba(getComputedStyle(el).backgroundColor);
      if (color[3]) layers.push(color);
      if (color[3] === 1) break;
    }
    return layers.reverse().reduce((under, top) => over(top, under), rgba(getComputedStyle(document.body).backgroundColor));
  };
  const light = (color) => color.slice(0, 3).map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), el = walker.currentNode.parentElement;
    if (!text || el.closest('script, style, noscript, .katex-mathml') || !el.getClientRects().length) continue;
    const style = getComputedStyle(el);
    if (style.visibility === 'hidden') continue;
    const drawn = el.closest('svg');
    let under = ground(el), color = rgba(drawn ? style.fill : style.color);
    if (el.closest('.scale-fig .on')) under = rgba(getComputedStyle(document.querySelector('.scale-fig rect')).fill);
    color = over(color, under);
    const [a, b] = [light(color), light(under)].sort((a, b) => b - a), ratio = (a + .05) / (b + .05);
    seen += 1;
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${el.tagName}.${el.className?.baseVal ?? el.className}: ${text.slice(0, 40)}`);
  }
  return {found: [...new Set(found)], seen};
}"""


def findings(tab, state=""):
    """What axe has to say, one line a node, once nothing moves: colors in transition have another contrast."""
    tab.evaluate("""() => Promise.race([
      Promise.allSettled(document.getAnimations().map(one => one.finished)), new Promise(done => setTimeout(done, 3000))
    ]).then(() => null)""")
    result = Axe().run(tab, options={"runOnly": TAGS, "resultTypes": ["violations"]})
    return [
        f"{state}: {one['id']}: {node['target']} {node['html'][:120]}"
        for one in result.response["violations"]
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("widths", [(1440, 768), (360, 320)], ids=["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", [*PAGES, "404.html"], ids=lambda page: name_of(page) if page else "index")
def test_page(opened, picture, page, scheme, widths):
    tab = opened(page, width=widths[0], scheme=scheme, ready=page != "404.html")
    if page == "404.html":
        tab.watch.problems.clear()
    problems = []
    for width in widths:
        tab.set_viewport_size({"width": width, "height": 900})
        problems += [f"{width}: {one}" for one in tab.evaluate(OVERFLOW)]
        contrast = tab.evaluate(CONTRAST)
        assert contrast["seen"] > 10
        problems += [f"{width}: {one}" for one in contrast["found"]]
        problems += findings(tab, str(width))
        if width in (1440, 360) or scheme == "light":
            picture(tab, f"{name_of(page)}-{width}-{scheme}")
    assert tab.locator("h1:visible").count() == 1
    for landmark in ("banner", "main", "navigation", "contentinfo"):
        assert tab.get_by_role(landmark).count(), landmark
    assert tab.evaluate("document.documentElement.lang") == "en"
    assert tab.title()
    assert not problems, "\n".join(problems)


def open_card(tab):
    tab.locator(".answer .from, .md-content a.from").first.click()
    tab.locator(".num-card").wait_for()


def open_ledger(tab):
    tab.locator("#numbers > summary").click()
    tab.locator(".ledger li").first.wait_for()


def open_data(tab):
    for fold in tab.locator(".md-content details:not(#numbers) > summary").all():
        fold.click()


def open_chart(tab):
    tab.locator(".interact").first.click()
    tab.locator(".live .main-svg").first.wait_for()


def open_search(tab):
    search_ready(tab)
    if tab.viewport_size["width"] < 960:
        tab.locator("label.md-header__button[for=__search]").click()
    tab.locator(".md-search__input").click()
    tab.keyboard.type("matrix")
    tab.locator(".md-search-result__item").first.wait_for()


def open_drawer(tab):
    tab.locator("label.md-header__button[for=__drawer]").click()
    tab.wait_for_timeout(400)


STATES = [
    ("lora/", open_card),
    ("lora/", open_ledger),
    ("lora/", open_chart),
    ("memory/", open_chart),
    ("memory/", open_ledger),
    ("rank/", open_search),
    ("reference/records/", open_data),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("page", "change"), STATES, ids=lambda value: getattr(value, "__name__", None) or name_of(value)
)
def test_used(opened, picture, page, change, scheme):
    tab = opened(page, width=1440, scheme=scheme)
    change(tab)
    if change is not open_card:
        tab.evaluate("scrollTo(0, 0)")  # nothing half under the header, which axe takes for a small target
    tab.wait_for_timeout(300)
    problems = [*findings(tab), *tab.evaluate(OVERFLOW), *tab.evaluate(CONTRAST)["found"]]
    picture(tab, f"{name_of(page)}-1440-{scheme}-{change.__name__}", full_page=False)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("change", [open_card, open_chart, open_drawer, open_search])
def test_used_on_a_phone(opened, picture, change):
    tab = opened("lora/", width=360)
    change(tab)
    tab.wait_for_timeout(300)
    problems = [*findings(tab), *tab.evaluate(OVERFLOW)]
    picture(tab, f"lora-360-light-{change.__name__}", full_page=False)
    assert not problems, "\n".join(problems)


# What is there to be operated comes with the script, and it shows one step at a time: test_steps.py looks at all of them.
WITHOUT_CONTROLS = """el => {
  el.querySelectorAll('.switch').forEach(one => one.classList.remove('switch'));   // all its states, one below the other
  el.querySelectorAll('.done, [data-live], button, .choose, .steps, .status, lora-playground form, .setup').forEach(one => one.remove());
  return el.innerText;
}"""


def text_of(source: str) -> str:
    return " ".join(source.split())


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_without_javascript(opened, picture, page):
    """All text, figures, tables and the ledger are there, and a number's link opens its entry."""
    with_script = text_of(opened(page).locator("article").evaluate(WITHOUT_CONTROLS))
    tab = opened(page, java_script_enabled=False)
    for button in tab.locator(".interact").all():
        assert not button.is_visible()
    for kind in ("h1", "h2", "p", "li", "figcaption", ".plot", "td", "th", ".katex", "pre"):
        for element in tab.locator(f"article {kind}:not(details *, [hidden], [hidden] *, :empty, .fields)").all():
            assert element.is_visible(), element.evaluate("el => el.outerHTML.slice(0, 200)")
    for drawing in tab.locator("svg.wide").all():
        assert drawing.bounding_box()["width"] > 600
    if page in CHAPTERS:  # other pages are made of what a script shows
        assert text_of(tab.locator("article").evaluate(WITHOUT_CONTROLS)) == with_script
    links = tab.locator("article a.num")
    if links.count():
        link = links.first
        ref = link.get_attribute("href")
        entry = tab.locator(ref)
        assert not entry.is_visible()
        link.click()
        entry.wait_for()
        assert entry.is_visible() and link.inner_text() in entry.inner_text()
        for other in tab.locator(".ledger li").all():
            assert other.is_visible() and other.bounding_box()["height"] > 10
        picture(tab, f"{name_of(page)}-1440-light-no-script", full_page=False)


PRINTED = """() => {
  const shows = el => { const box = el.getBoundingClientRect(); return box.height > 4 && box.width > 4; };
  return {
    closed: [...document.querySelectorAll('.ledger li, .data table, .source pre')].filter(el => !shows(el)).length,
    marks: [...document.querySelectorAll('article a.num')].filter(el => !/\\d/.test(getComputedStyle(el, '::after').content)).length,
    clutter: [...document.querySelectorAll('.from, .foot, button, .md-header, .md-sidebar, .md-footer')].filter(shows).length,
    cut: [...document.querySelectorAll('pre, table, svg.wide')].filter(el => el.scrollWidth > el.clientWidth + 1 && el.clientWidth).length,
    paper: getComputedStyle(document.documentElement).getPropertyValue('--paper').trim(),
    ink: getComputedStyle(document.querySelector('h1')).color,
  };
}"""


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
@pytest.mark.parametrize("page", [page for page in PAGES if not page.startswith("reference/")], ids=name_of)
def test_print(opened, picture, page, script):
    """On paper: black on white from the dark palette too, the ledger open, each number with its reference."""
    tab = opened(page, width=720, scheme="dark", java_script_enabled=script)
    tab.emulate_media(media="print", color_scheme="dark")
    found = tab.evaluate(PRINTED)
    picture(tab, f"{name_of(page)}-print{'' if script else '-no-script'}")
    assert found == {"closed": 0, "marks": 0, "clutter": 0, "cut": 0, "paper": "#fff", "ink": "rgb(26, 30, 35)"}
    pdf = tab.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 1


def test_reduced_motion(opened):
    tab = opened("lora/", reduced_motion="reduce")
    moving = tab.evaluate("""() => [...document.querySelectorAll('*')].filter(el => {
      const style = getComputedStyle(el);
      return style.transitionProperty !== 'none' && parseFloat(style.transitionDuration) || style.animationName !== 'none';
    }).map(el => el.className).slice(0, 5)""")
    assert moving == []


@pytest.mark.parametrize("page", ["", "lora/", "memory/"], ids=name_of)
def test_forced_colors(opened, picture, page):
    """The system's colors: numbers keep their underline, marks in figures keep their shapes."""
    tab = opened(page, forced_colors="active")
    styles = tab.evaluate(
        "() => [...document.querySelectorAll('article a.num')].map(el => getComputedStyle(el).textDecorationLine)"
    )
    assert styles and set(styles) == {"underline"}
    drawn = tab.evaluate("""() => [...document.querySelectorAll('svg.wide :is(path, rect, circle)')]
      .map(el => getComputedStyle(el)).filter(style => style.fill === 'none' && style.stroke === 'none').length""")
    assert drawn == 0
    picture(tab, f"{name_of(page)}-1440-forced-colors")
    assert not tab.evaluate(OVERFLOW)
