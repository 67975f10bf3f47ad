"""Words that a newcomer may not know: their meaning on hover and focus, to be dismissed and pointed at, tapped, or followed."""

import pytest

from browser.serving import CHAPTERS, DOCS, name_of, source_of
from browser.test_pages import CONTRAST, OVERFLOW, findings
from lora_ref.site import glossary
from lora_ref.site.numbers import MARK
from lora_ref.site.project import find_project

TERMS = glossary.terms(find_project(DOCS))
PAGE = "why/"
CARD = ".term-card"


def terms_of(page: str) -> list[str]:
    """The ids that a page marks, in order."""
    found = MARK.finditer(source_of(page).read_text(encoding="utf-8"))
    return [match["body"].split()[0] for match in found if match["kind"] == "term"]


def a_term(tab, at: int = 0):
    return tab.locator("lora-term a").nth(at)


def ready(tab):
    tab.wait_for_function("() => customElements.get('lora-term')")
    return tab


def test_hover(opened):
    """WCAG: shown by the pointer, stays while the pointer is on it, leaves with Escape without moving pointer or focus."""
    tab = ready(opened(PAGE))
    card = tab.locator(CARD)
    a_term(tab).hover()
    card.wait_for()
    assert card.get_attribute("role") == "tooltip" and card.locator("dt").inner_text() == TERMS["pre-training"]
    assert a_term(tab).get_attribute("aria-describedby") == card.get_attribute("id")
    assert tab.locator("[id='pre-training']").count() == 0, "no id comes twice"
    card.hover()
    tab.wait_for_timeout(600)
    assert card.is_visible()
    tab.keyboard.press("Escape")
    assert card.count() == 0 and a_term(tab).get_attribute("aria-describedby") is None
    a_term(tab).hover()
    card.wait_for()
    tab.mouse.move(2, 2)
    card.wait_for(state="detached")


def test_keyboard(opened):
    """Focus shows, Escape hides and keeps the focus, Tab goes on, Enter follows the link."""
    tab = ready(opened(PAGE))
    for at, term in enumerate(terms_of(PAGE)):
        a_term(tab, at).focus()
        tab.keyboard.press("Shift")  # the focus is the keyboard's
        tab.locator(CARD).wait_for()
        assert tab.locator(f"{CARD} dt").inner_text() == TERMS[term]
        tab.keyboard.press("Escape")
        assert tab.locator(CARD).count() == 0
        assert a_term(tab, at).evaluate("el => el === document.activeElement")
        tab.keyboard.press("Tab")
    a_term(tab).focus()
    tab.locator(CARD).wait_for()
    tab.keyboard.press("Tab")
    tab.wait_for_function("() => !document.querySelector('.term-card dt')?.textContent.includes('pre-training')")
    a_term(tab).focus()
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/reference/glossary/#pre-training")
    tab.locator("dt#pre-training").wait_for()


def test_tap(opened):
    """On a phone the first tap shows the meaning at the bottom, with a way to the glossary; a tap elsewhere closes it."""
    tab = ready(opened(PAGE, width=360))
    a_term(tab).tap()
    card = tab.locator(CARD)
    card.wait_for()
    assert tab.url.endswith(PAGE)
    box, term = card.bounding_box(), a_term(tab).bounding_box()
    assert abs(box["y"] + box["height"] - 740) < 2 and term["y"] + term["height"] <= box["y"]
    tab.locator("h1").tap()
    card.wait_for(state="detached")
    a_term(tab).tap()
    card.get_by_role("link", name="In the glossary").tap()
    tab.wait_for_url("**/reference/glossary/#pre-training")


def test_glossary_that_cannot_be_loaded(opened):
    """Nothing shows, and the word stays a link."""
    tab = ready(opened(PAGE))
    tab.route("**/reference/glossary/", lambda route: route.abort())
    a_term(tab).hover()
    tab.wait_for_timeout(500)
    assert tab.locator(CARD).count() == 0
    tab.watch.problems.clear()  # the browser says that the request failed
    tab.unroute("**/reference/glossary/")
    tab.mouse.move(2, 2)
    a_term(tab).hover()
    tab.locator(CARD).wait_for()


def test_after_instant_navigation(opened):
    tab = ready(opened(PAGE))
    a_term(tab).hover()
    tab.locator(CARD).wait_for()
    tab.locator("a.md-nav__link[href*='low-rank/']:visible").first.click()
    tab.wait_for_url("**/low-rank/")
    tab.wait_for_function("() => document.querySelector('h1').textContent.includes('low rank')")
    assert tab.locator(CARD).count() == 0
    a_term(tab).hover()
    tab.locator(CARD).wait_for()
    assert tab.locator(f"{CARD} dt").inner_text() == TERMS[terms_of("low-rank/")[0]]


def test_without_javascript(opened):
    tab = opened(PAGE, java_script_enabled=False)
    a_term(tab, 1).click()
    assert tab.url.endswith("reference/glossary/#nat") and tab.locator("dt#nat + dd").is_visible()


@pytest.mark.parametrize("page", CHAPTERS, ids=name_of)
def test_few_stops_and_no_move(opened, page):
    """A term is a stop of the Tab key, so each is marked once on a page; the glossary is read only when asked for."""
    tab = opened(page)
    marked = terms_of(page)
    links = tab.locator("lora-term a")
    assert links.evaluate_all("all => all.map(a => a.hash.slice(1))") == marked
    assert len(marked) == len(set(marked)) <= 20
    assert not [url for url in tab.watch.requests if "glossary" in url]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
def test_states(opened, picture, width, scheme):
    tab = ready(opened(PAGE, width=width, scheme=scheme))
    a_term(tab, 1).hover() if width > 600 else a_term(tab, 1).tap()
    tab.locator(CARD).wait_for()
    tab.wait_for_timeout(200)
    picture(tab, f"term-{width}-{scheme}", full_page=False)
    problems = [*findings(tab), *tab.evaluate(OVERFLOW), *tab.evaluate(CONTRAST)["found"]]
    assert not problems, "\n".join(problems)


def test_forced_colors_and_print(opened, picture):
    tab = ready(opened(PAGE, forced_colors="active"))
    a_term(tab).hover()
    tab.locator(CARD).wait_for()
    picture(tab, "term-forced", full_page=False)
    assert tab.locator(CARD).evaluate("el => getComputedStyle(el).borderTopStyle") == "solid"
    tab.emulate_media(media="print")
    assert not tab.locator(CARD).is_visible()
