"""From page to page: nothing is loaded twice, nothing is left behind, and what is searched is found."""

import json
import re

import pytest

from browser.conftest import is_ready, search_ready
from browser.serving import CHAPTERS, PAGES, name_of, source_of
from browser.test_figures import explore


def shown(tab, source):
    """The page's own title stands at its top, and our script has seen it."""
    title = re.search(r"^# (.+)$", source.read_text(encoding="utf-8"), re.M)[1]
    tab.wait_for_function("title => document.querySelector('main h1')?.textContent.trim() === title", arg=title)
    is_ready(tab)


def go(tab, page):
    """By the lesson's own navigation, once the theme knows which pages there are."""
    tab.wait_for_load_state("networkidle")
    tab.locator(".md-sidebar--primary a.md-nav__link:visible, .lesson a:visible").evaluate_all(
        "(all, end) => all.find(a => a.pathname.endsWith(end)).click()", f"/lesson/{page}"
    )
    tab.wait_for_url(f"**/lesson/{page}")
    shown(tab, source_of(page))


def follow(tab, page):
    """By a link of the text, to a page that the navigation does not name."""
    tab.locator("article a").evaluate_all(
        "(all, end) => all.find(a => a.pathname.endsWith(end)).click()", f"/lesson/{page}"
    )
    tab.wait_for_url(f"**/lesson/{page}*")
    shown(tab, source_of(page))


COUNT_PURGES = """() => {
  const purge = window.realPurge ??= Plotly.purge;
  window.purged = 0;
  Plotly.purge = (...all) => { window.purged += 1; return purge(...all); };
}"""


def test_there_and_back_three_times(opened):
    """Instant navigation under the sub-path: one document, cards and charts work after each turn, charts are purged."""
    tab = opened("lora/")
    tab.evaluate("window.same = true")
    for _ in range(3):
        figure = tab.locator("figure.chart").first
        explore(figure)
        tab.evaluate(COUNT_PURGES)
        go(tab, "rank/")
        tab.wait_for_function("window.same && window.purged === 1")  # no chart of the page before is alive
        assert tab.locator(".live").count() == 0
        tab.locator(".answer a.num").first.click()
        tab.locator(".num-card").wait_for()
        tab.go_back()
        tab.wait_for_url("**/lesson/lora/")
        shown(tab, source_of("lora/"))
        assert tab.locator(".num-card").count() == 0
        assert tab.locator("figure.chart .interact:visible").first.inner_text() == "Explore"
        assert tab.locator("figure.chart").first.locator("[role=status]").count() == 1
    assert len([url for url in tab.watch.requests if "plotly" in url]) == 1


@pytest.mark.parametrize("page", [page for page in PAGES if page], ids=name_of)
def test_every_page_is_reached_from_the_first(opened, page):
    """On foot: the first page lists the chapters, the navigation leads on; formulas bring their style along."""
    tab = opened("")
    tab.evaluate("window.same = true")
    if page in CHAPTERS:
        go(tab, page)
    elif page.startswith("answers/"):
        go(tab, page.removeprefix("answers/"))
        follow(tab, page)
    elif page == "code/":
        go(tab, "lora/")
        go(tab, "certificate/")
        follow(tab, page)
    else:
        go(tab, "lora/")
        go(tab, page)
    assert tab.evaluate("window.same") is True
    assert tab.locator("h1").count() == 1
    if tab.locator(".katex").count():
        assert tab.locator(".katex").first.evaluate("el => getComputedStyle(el).fontFamily").startswith("KaTeX")


def test_the_palette_is_kept(opened):
    tab = opened("lora/")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = tab.evaluate(paper)
    tab.locator("label.md-header__button[for^=__palette]:visible").click()
    dark = tab.evaluate(paper)
    assert dark != light
    go(tab, "rank/")
    assert tab.evaluate(paper) == dark
    tab.goto(tab.url.replace("rank/", ""))  # a page load of its own
    is_ready(tab)
    assert tab.evaluate(paper) == dark


def test_blocked_storage_leaves_a_working_page(opened):
    tab = opened("lora/", ready=False)
    tab.add_init_script("""for (const name of ['localStorage', 'sessionStorage'])
      Object.defineProperty(window, name, {get() { throw new DOMException('blocked', 'SecurityError'); }});""")
    tab.reload()
    tab.watch.problems.clear()
    assert tab.locator("h1").is_visible() and tab.locator("article svg.wide").first.is_visible()


@pytest.mark.parametrize(("word", "page"), [("detour", "lora/"), ("doubling", "rank/"), ("activations", "memory/")])
def test_search_finds_a_word_of_a_chapter(opened, picture, word, page):
    """The result leads there; numbers are plain text in it, without the words of our controls."""
    tab = opened("")
    search_ready(tab)
    tab.locator(".md-search__input").click()
    tab.keyboard.type(word)
    tab.locator(".md-search-result__item").first.wait_for()
    more = tab.locator(".md-search-result__more summary")
    for fold in more.all():
        fold.click()
    text = tab.locator(".md-search-result__list").inner_text()
    for noise in ("where from?", "Repeat:", "{{", "data-", "Explore", "not used"):
        assert noise not in text, noise
    picture(tab, f"search-{word}", full_page=False)
    links = tab.locator(".md-search-result__link").evaluate_all("all => all.map(a => a.pathname)")
    assert any(link.endswith(f"/{page}") for link in links), links
    tab.locator(f'.md-search-result__link[href*="/{page}"]').first.click()
    tab.wait_for_url(f"**/lesson/{page}**")
    shown(tab, source_of(page))
    assert word in tab.locator("main article").inner_text().lower()


def test_the_search_index_holds_numbers_and_no_noise(site):
    """Once for all pages: what the index keeps is what a reader reads."""
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    chapters = {name_of(page): "" for page in PAGES if not page.startswith("reference/")}
    for entry in index["docs"]:
        name = name_of(entry["location"].split("#")[0])
        if name in chapters:
            chapters[name] += f"{entry['title']} {entry['text']} "
    for name, text in chapters.items():
        for noise in ("where from?", "Every number of this page", "{{", "katex", "data-kind", "Explore", ".csv"):
            assert noise not in text, (name, noise)
    assert "nats" in chapters["rank"] and "90.8%" in chapters["lora"]
