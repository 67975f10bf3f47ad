"""A switch of docs/memory.md: native radios and a style sheet. The n-th radio shows the n-th state."""

import pytest

from browser.test_figures import explore
from browser.test_pages import CONTRAST, OVERFLOW, findings

PAGE = "memory/"
FORMATS = ["fp32", "mixed", "bf16", "bf16, eight-bit Adam"]
EACH = pytest.mark.parametrize("chosen", range(len(FORMATS)), ids=["fp32", "mixed", "bf16", "8bit"])


def shown(tab):
    return [state.is_visible() for state in tab.locator(".switch > .state").all()]


def alone(chosen):
    return [index == chosen for index in range(len(FORMATS))]


def test_each_state_by_mouse(opened):
    tab = opened(PAGE)
    group = tab.get_by_role("group", name="Number format").get_by_role("radio").all()
    assert [radio.get_attribute("name") for radio in group] == ["precision"] * len(FORMATS)
    assert shown(tab) == alone(0)
    labels = tab.locator(".choose label")
    assert [" ".join(text.split()) for text in labels.all_inner_texts()] == FORMATS
    seen = set()
    for chosen in (2, 0, 3, 1):
        labels.nth(chosen).click()
        assert group[chosen].is_checked() and shown(tab) == alone(chosen)
        state = tab.locator(".switch > .state").nth(chosen)
        seen.add(state.locator("figcaption").inner_text())
        assert state.locator("figure svg.wide").bounding_box()["width"] > 600
    assert len(seen) == len(FORMATS)


def test_each_state_by_keyboard(opened):
    """One tab stop; arrow keys choose, and go round."""
    tab = opened(PAGE)
    tab.locator(".choose input").first.focus()
    for chosen in (1, 2, 3, 0):
        tab.keyboard.press("ArrowRight")
        assert shown(tab) == alone(chosen)
        assert tab.locator(".choose input").nth(chosen).evaluate("el => el === document.activeElement")
    tab.keyboard.press("ArrowUp")
    assert shown(tab) == alone(3)
    tab.keyboard.press("Tab")
    inside = tab.evaluate(
        "() => [...document.querySelectorAll('.switch > .state')].findIndex(el => el.contains(document.activeElement))"
    )
    assert inside == 3


def test_one_scale_in_all_states(opened):
    """Switching compares: a gigabyte is as long in every state. A total stands where its bar ends."""
    tab = opened(PAGE)
    scales = set()
    for figure in tab.locator(".switch figure svg.wide").all():
        totals = figure.locator("text", has_text=" GB").evaluate_all(
            "all => all.map(el => [parseFloat(el.textContent), +el.getAttribute('x')])"
        )
        assert len(totals) == 3
        (low, start), (high, end) = min(totals), max(totals)
        scales.add(round((end - start) / (high - low), 1))
    assert len(scales) == 1, scales


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_all_states_on_paper(opened, picture, script):
    tab = opened(PAGE, width=720, java_script_enabled=script)
    tab.emulate_media(media="print")
    assert shown(tab) == [True] * len(FORMATS)
    assert not tab.locator(".choose").is_visible()
    tops = [state.bounding_box()["y"] for state in tab.locator(".switch > .state").all()]
    assert tops == sorted(set(tops))
    picture(tab, f"memory-switch-print-{script}")


def test_all_states_without_javascript(opened):
    tab = opened(PAGE, java_script_enabled=False)
    assert shown(tab) == [True] * len(FORMATS)
    assert not tab.locator(".choose").is_visible()


@EACH
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_state_can_be_read(opened, picture, chosen, scheme):
    tab = opened(PAGE, width=1440, scheme=scheme)
    problems = []
    for width in (1440, 360):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.locator(".choose input").nth(chosen).check()
        problems += [*findings(tab, str(width)), *tab.evaluate(OVERFLOW), *tab.evaluate(CONTRAST)["found"]]
        picture(tab, f"memory-switch-{chosen}-{width}-{scheme}", full_page=False)
    assert not problems, "\n".join(problems)


def test_on_a_phone(opened):
    tab = opened(PAGE, width=360)
    for chosen in range(len(FORMATS)):
        label = tab.locator(".choose label").nth(chosen)
        assert label.bounding_box()["height"] >= 40
        label.tap()
        assert shown(tab) == alone(chosen)
        assert tab.evaluate(OVERFLOW) == []
        assert tab.locator(".switch > .state").nth(chosen).locator("figure svg.narrow").bounding_box()["width"] > 250


def test_a_chart_in_a_state(opened):
    """Explore works in a state that was hidden at first, and outlives being hidden, in another palette too."""
    tab = opened(PAGE)
    tab.locator(".choose input").nth(1).check()
    figure = tab.locator(".switch > .state").nth(1).locator("figure")
    explore(figure)
    width = figure.locator(".live .main-svg").first.bounding_box()["width"]
    assert width > 600
    figure.locator(".live").focus()
    tab.keyboard.press("ArrowRight")
    figure.locator("[role=status]", has_text="Ledger: ").wait_for()
    tab.locator(".choose input").nth(0).check()
    assert not figure.is_visible()
    tab.locator("label.md-header__button[for^=__palette]:visible").click()
    tab.wait_for_timeout(300)
    tab.locator(".choose input").nth(1).check()
    box = figure.locator(".live .main-svg").first.bounding_box()
    assert box["width"] == width and box["height"] > 100
    background = "el => getComputedStyle(el.querySelector('.live .main-svg')).backgroundColor"
    paper = "() => getComputedStyle(document.body).backgroundColor"
    tab.wait_for_function(f"el => ({background})(el) === ({paper})()", arg=figure.element_handle())


def test_switching_moves_nothing_above(opened):
    tab = opened(PAGE)
    tops = set()
    for chosen in (0, 1, 2, 3):
        tab.locator(".choose input").nth(chosen).check()
        tops.add(tab.locator(".choose").evaluate("el => Math.round(el.getBoundingClientRect().top + scrollY)"))
    assert len(tops) == 1


def test_instant_navigation_there_and_back(opened):
    tab = opened(PAGE)
    for _ in range(3):
        tab.locator(".choose input").nth(2).check()
        assert shown(tab) == alone(2)
        tab.locator(".md-footer__link--next").click()
        tab.wait_for_function("() => !document.querySelector('.switch')")
        tab.go_back()
        tab.locator(".switch").wait_for()
        checked = [radio.is_checked() for radio in tab.locator(".choose input").all()]
        assert sum(checked) == 1 and shown(tab) == checked
