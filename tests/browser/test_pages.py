"""Every page in every state of a reader's browser: it shows, it fits, it can be read and reached."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from browser.serving import PAGES, name_of

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
    """What axe has to say, one line a node."""
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
        picture(tab, f"{name_of(page)}-{width}-{scheme}")
    assert tab.locator("h1:visible").count() == 1
    for landmark in ("banner", "main", "navigation", "contentinfo"):
        assert tab.get_by_role(landmark).count(), landmark
    assert tab.evaluate("document.documentElement.lang") == "en"
    assert tab.title()
    assert not problems, "\n".join(problems)
