"""The interactive update of docs/low-rank.md: by keyboard, by buttons, without JavaScript, on a phone."""

import json
import re

import pytest

from browser.serving import DOCS
from browser.test_pages import OVERFLOW, findings

PAGE = "low-rank/"
COUNTS = json.loads((DOCS / "records/low_rank/two_thin.json").read_text(encoding="utf-8"))["values"]
SHAPES = ("square", "tall", "wide")


def parts(tab):
    widget = tab.locator("lora-decompose")
    return widget, widget.locator("input[type=range]"), widget.locator(".say")


def said(say):
    return re.sub(r"\s+", " ", say.inner_text().replace("where from?", "")).strip()


def test_every_rank_of_every_shape(opened):
    """Each stop of the slider says what the record counted, in the sentence, in aria-valuetext and in the picture."""
    tab = opened(PAGE)
    widget, slider, say = parts(tab)
    for index, shape in enumerate(SHAPES):
        widget.locator("select").select_option(index=index)
        slider.press("Home")
        whole = COUNTS[f"numbers_whole_{shape}"]
        for rank, both in zip(COUNTS[f"ranks_{shape}"], COUNTS[f"numbers_{shape}"], strict=True):
            verdict = (
                "break-even" if both == whole else f"{abs(whole - both)} {'saved' if both < whole else 'too many'}"
            )
            text = said(say)
            assert f"r = {rank} the two thin matrices hold {both} numbers and the whole update {whole}" in text
            assert all(word in text for word in verdict.split()), text
            assert slider.get_attribute("aria-valuetext") == f"rank {rank}: {both} numbers against {whole}"
            assert widget.locator("output").inner_text() == str(rank)
            slider.press("ArrowRight")
        assert slider.input_value() == str(COUNTS[f"ranks_{shape}"][-1])


def test_keys_buttons_and_reset(opened):
    tab = opened(PAGE)
    widget, slider, say = parts(tab)
    start, first = slider.input_value(), said(say)
    less, more = widget.locator("[data-step='-1']"), widget.locator("[data-step='1']")
    slider.press("End")
    assert more.is_disabled() and not less.is_disabled()
    slider.press("Home")
    assert less.is_disabled() and slider.input_value() == str(COUNTS["ranks_square"][0])
    more.click()
    slider.press("ArrowLeft")
    more.click()
    more.click()
    assert slider.input_value() == str(COUNTS["ranks_square"][2])
    assert widget.locator("[role=status]").inner_text() == said(say)
    widget.locator("select").select_option(index=1)
    widget.get_by_role("button", name="Reset").click()
    assert (slider.input_value(), said(say)) == (start, first)
    assert widget.locator("select").evaluate("el => el.selectedIndex") == 0
    # The button that just switched itself off hands the focus on.
    for _ in COUNTS["ranks_square"]:
        if not less.is_disabled():
            less.click()
    assert slider.evaluate("el => el === document.activeElement")


def test_summary_waits_for_the_change(opened):
    """Pictures answer on input, assistive technology hears one sentence when the slider comes to rest."""
    tab = opened(PAGE)
    widget, slider, say = parts(tab)
    slider.evaluate("el => { el.value = el.max; el.dispatchEvent(new Event('input', {bubbles: true})); }")
    assert "too many" in said(say)
    assert widget.locator("[role=status]").inner_text() == ""
    slider.evaluate("el => el.dispatchEvent(new Event('change', {bubbles: true}))")
    assert widget.locator("[role=status]").inner_text() == said(say)


def test_guess(opened):
    """Break-even shows only after a guess, which is drawn on the slider and remembered; or after Skip."""
    tab = opened(PAGE)
    widget, *_ = parts(tab)
    even, mine = widget.locator(".even"), widget.locator(".mine")
    assert not even.is_visible() and not mine.is_visible()
    guess = widget.get_by_role("radio").nth(1)
    guess.check()
    assert even.is_visible() and mine.is_visible()
    assert "break-even" in even.inner_text()
    assert widget.locator(".told").inner_text().startswith("It is 8: there both hold 256 numbers.")
    widget.get_by_role("radio", name="8").check()
    assert widget.locator(".told").inner_text() == "Yes: at 8 both hold 256 numbers."
    guess.check()
    tab.reload()
    widget.locator(".even:not([hidden])").wait_for()
    assert guess.is_checked() and mine.is_visible()
    widget.get_by_role("button", name="Skip").click()
    assert even.is_visible() and not mine.is_visible() and not guess.is_checked()
    assert widget.locator(".told").inner_text() == ""


def test_static_picture_is_what_the_script_draws(opened):
    """Without JavaScript the same picture, the same sentence, and nothing that would do nothing."""
    still = opened(PAGE, java_script_enabled=False)
    alive = opened(PAGE)
    paths = "els => els.map(el => el.getAttribute('d'))"
    drawn = [tab.locator("lora-decompose svg path").evaluate_all(paths) for tab in (still, alive)]
    assert drawn[0] == drawn[1] and all(drawn[0])
    assert said(parts(still)[2]) == said(parts(alive)[2])
    assert still.locator("lora-decompose :is(input, button, select):visible").count() == 0
    boxes = "els => els.map(el => el.getAttribute('viewBox'))"
    assert len({tuple(tab.locator("lora-decompose svg").evaluate_all(boxes)) for tab in (still, alive)}) == 1


def test_instant_navigation_and_back(opened):
    tab = opened(PAGE)
    for _ in range(2):
        tab.locator("a.md-nav__link[href*='rank/']:visible").last.click()
        tab.wait_for_function("!document.querySelector('lora-decompose')")
        tab.go_back()
        tab.locator("lora-decompose .sliding:visible").wait_for()
    parts(tab)[1].press("End")
    assert "too many" in said(parts(tab)[2])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 320])
def test_states(opened, picture, scheme, width):
    """Every state can be read, reached and fits."""
    tab = opened(PAGE, width=width, scheme=scheme)
    widget, slider, _ = parts(tab)
    problems = []
    for name, act in {
        "fresh": lambda: None,
        "guessed": lambda: widget.get_by_role("radio").nth(2).check(),
        "most": lambda: slider.press("End"),
        "tall": lambda: widget.locator("select").select_option(index=1),
    }.items():
        act()
        problems += findings(tab, name) + tab.evaluate(OVERFLOW)
        picture(tab, f"decompose-{name}-{width}-{scheme}", full_page=False)
    small = widget.locator("button, select, label").evaluate_all(
        "els => els.map(el => el.getBoundingClientRect()).filter(box => Math.min(box.width, box.height) < 24).length"
    )
    assert not problems and not small, problems


def test_answers_within_a_frame_budget(opened):
    """From the slider's input to the next paint, with the processor at a quarter of its speed."""
    tab = opened(PAGE)
    session = tab.context.new_cdp_session(tab)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    took = tab.evaluate("""async () => {
      const slider = document.querySelector('lora-decompose input[type=range]'), took = [];
      for (let rank = 1; rank <= +slider.max; rank += 1) {
        await new Promise(requestAnimationFrame);
        const start = performance.now();
        slider.value = rank;
        slider.dispatchEvent(new Event('input', {bubbles: true}));
        document.body.getBoundingClientRect();
        took.push(performance.now() - start);
      }
      return took.sort((a, b) => a - b);
    }""")
    assert took[len(took) // 2] < 50, took
