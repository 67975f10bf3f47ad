"""The six steps of docs/walkthrough.md: by mouse, by keyboard, by address, without JavaScript, on paper, on a phone."""

import json
import re

import pytest
from test_budgets import OBSERVE, SHIFT

from browser.conftest import is_ready
from browser.serving import DOCS
from browser.test_pages import CONTRAST, OVERFLOW, findings

PAGE = "walkthrough/"
STEPS = 6
COUNTS = json.loads((DOCS / "records/low_rank/two_thin.json").read_text(encoding="utf-8"))["values"]
GRID = json.loads((DOCS / "records/rank/loss_by_rank.json").read_text(encoding="utf-8"))["values"]


def alive(tab):
    tab.locator(".steps > [data-now]").wait_for()
    return tab


def current(tab):
    """The number of the one step that shows; the list above names the same one."""
    shown = [i for i, title in enumerate(tab.locator(".steps h2").all(), 1) if title.is_visible()]
    assert len(shown) == 1, shown
    marked = tab.locator("lora-steps a[aria-current=step]").evaluate_all("all => all.map(a => a.hash)")
    assert marked == [f"#step-{shown[0]}"]
    return shown[0]


def focused(tab):
    """The number of the step whose heading has the focus."""
    found = tab.evaluate("[document.activeElement.localName, document.activeElement.id]")
    assert found[0] == "h2", found
    return int(found[1].removeprefix("step-"))


def arrives(tab, step):
    tab.wait_for_function("at => document.activeElement.id === `step-${at}`", arg=step)
    assert current(tab) == focused(tab) == step
    assert tab.evaluate("location.hash") == f"#step-{step}"
    top, header = (tab.locator(name).first.bounding_box() for name in (f"#step-{step}", ".md-header"))
    assert header["height"] <= top["y"] < 900 - top["height"], "the new heading stands in view, under the header"


def step(tab, number):
    return tab.locator(".steps > li").nth(number - 1)


def said(tab, number):
    text = " ".join(step(tab, number).locator(".say").all_inner_texts())
    return re.sub(r"\s+", " ", text.replace("where from?", "")).strip()


def test_by_mouse(opened):
    """Next to the end, Previous to the start, and any step from the list; focus goes to the new heading."""
    tab = alive(opened(PAGE))
    assert current(tab) == 1 and tab.evaluate("location.hash") == ""
    assert tab.evaluate("document.activeElement === document.body")
    for number in range(2, STEPS + 1):
        step(tab, number - 1).locator(".way a").last.click()
        arrives(tab, number)
    for number in range(STEPS - 1, 0, -1):
        step(tab, number + 1).get_by_role("link", name="Previous").click()
        arrives(tab, number)
    for number in (4, 2, 6):
        tab.locator("lora-steps a").nth(number - 1).click()
        arrives(tab, number)


def test_by_keyboard(opened):
    """Tab to a link, Enter, and Tab goes on inside the new step."""
    tab = alive(opened(PAGE))
    for number in range(2, STEPS + 1):
        link = step(tab, number - 1).locator(".way a").last
        link.focus()
        tab.keyboard.press("Enter")
        arrives(tab, number)
        tab.keyboard.press("Tab")
        assert tab.evaluate("at => document.activeElement.closest('.steps > li')?.querySelector('h2').id", number) == (
            f"step-{number}"
        )


def test_back_and_forward(opened):
    tab = alive(opened(PAGE))
    for number in (3, 5):
        tab.locator("lora-steps a").nth(number - 1).click()
        arrives(tab, number)
    tab.go_back()
    arrives(tab, 3)
    tab.go_back()
    tab.wait_for_function("location.hash === ''")
    assert current(tab) == 1
    tab.go_forward()
    arrives(tab, 3)


@pytest.mark.parametrize("number", range(1, STEPS + 1))
def test_by_address(opened, number):
    """A link to a step opens it; one to a heading inside a step opens that step."""
    tab = alive(opened(f"{PAGE}#step-{number}"))
    assert current(tab) == number
    assert tab.locator(f"#step-{number}").bounding_box()["y"] < 500
    if number == STEPS:
        tab.goto(re.sub("#.*", "#merging", tab.url))
        assert current(tab) == STEPS


def test_other_anchors_change_no_step(opened):
    tab = alive(opened(f"{PAGE}#step-4"))
    tab.evaluate("location.hash = 'sources'")
    tab.wait_for_timeout(100)
    assert current(tab) == 4
    assert tab.evaluate("document.activeElement.localName") != "h2"


def test_one_step_before_the_script(opened):
    """The style alone shows the step that the address names, so nothing moves once the script is there."""
    for address, number in ((PAGE, 1), (f"{PAGE}#step-4", 4)):
        tab = opened("lora/")
        tab.route("**/lora-steps.js", lambda route: route.abort())
        tab.goto(tab.url.replace("lora/", address))
        assert [title.is_visible() for title in tab.locator(".steps h2").all()] == [
            at == number for at in range(1, STEPS + 1)
        ]
        tab.watch.problems.clear()


@pytest.mark.parametrize("place", [PAGE, f"{PAGE}#step-4"])
@pytest.mark.parametrize("width", [1440, 360])
def test_nothing_moves(opened, place, width):
    tab = opened("lora/", width=width, ready=False)
    tab.add_init_script(f"({OBSERVE})()")
    tab.goto(tab.url.replace("lora/", place))
    is_ready(alive(tab))
    tab.wait_for_timeout(500)
    assert tab.evaluate("vitals.shift") <= SHIFT


# ---- what is tried out


@pytest.mark.parametrize(
    ("number", "values"), [(1, ["prices", "tone", "prompt"]), (2, ["lora", "full"]), (6, ["swap", "merge"])]
)
def test_choices_answer(opened, number, values):
    """Each option by the keyboard: its answer shows, alone; assistive technology hears it."""
    tab = alive(opened(f"{PAGE}#step-{number}"))
    radios = step(tab, number).locator("[type=radio]")
    radios.first.focus()
    for value in values:
        option = step(tab, number).locator(f"[type=radio][value={value}]")
        option.press("Space")
        shown = [
            part.get_attribute("data-if") for part in step(tab, number).locator("[data-if]").all() if part.is_visible()
        ]
        assert shown == [value]
        assert said(tab, number) and said(tab, number)[:20] in tab.locator(".status").inner_text()
    names = radios.evaluate_all("all => all.map(one => one.value)")
    radios.first.check()
    for value in names[1:]:
        tab.keyboard.press("ArrowDown")
        assert step(tab, number).locator(f"[data-if={value}]").is_visible()


def test_plaid(opened):
    """The square is the column times the row, whatever is switched on; the diagonal alone cannot be had."""
    tab = alive(opened(f"{PAGE}#step-3"))
    here = step(tab, 3)
    a, b = here.locator("[data-a]").all(), here.locator("[data-b]").all()

    def square():
        return here.locator(".plaid i").evaluate_all("all => all.map(one => one.className === 'on')")

    def product():
        return [row.is_checked() and column.is_checked() for row in b for column in a]

    assert square() == product() and any(square())
    for box in (a[0], b[1], a[1], a[3]):
        box.press("Space")
        assert square() == product()
        assert f"{sum(square())} of {len(square())}" in said(tab, 3) or "diagonal" in said(tab, 3)
    for box in (*a, *b):
        box.uncheck()
    assert not any(square()) and "Nothing is lit" in said(tab, 3)
    for box in (*a, *b):
        box.check()
    assert all(square()) and f"takes {len(a)} directions" in said(tab, 3)
    assert tab.locator(".status").inner_text() == said(tab, 3)


def test_detour(opened):
    """Every stop of the slider says, and draws, what the closed form counts; the static picture is the first."""
    still = opened(PAGE, java_script_enabled=False)
    tab = alive(opened(f"{PAGE}#step-4"))
    drawn = "all => all.map(one => one.getAttribute('d') ?? one.outerHTML)"
    slider = step(tab, 4).get_by_role("slider")
    assert still.locator("#claim-detour-drawn :is(path, circle)").count()
    first = still.locator("#claim-detour-drawn path").evaluate_all(drawn)
    slider.press("ArrowRight")
    assert step(tab, 4).locator("#claim-detour-drawn path").evaluate_all(drawn) != first
    slider.press("ArrowLeft")
    assert step(tab, 4).locator("#claim-detour-drawn path").evaluate_all(drawn) == first
    slider.press("Home")
    side = COUNTS["ranks_tall"][-1]  # as many rows as the narrow side of that shape
    for rank in range(1, side + 1):
        both, whole = 2 * rank * side, side * side
        lines = (
            step(tab, 4)
            .locator(".ba")
            .evaluate_all("all => all.map(one => one.getAttribute('d').split('M').length - 1)")
        )
        assert sum(lines) == both
        assert f"With {rank} in the middle, the detour has {both} lines and the weight {whole}" in said(tab, 4)
        verdict = "nothing is saved" if both == whole else "train the weight" if both > whole else "."
        assert said(tab, 4).endswith(verdict) or verdict in said(tab, 4)
        assert slider.get_attribute("aria-valuetext") == f"{rank} in the middle, {both} lines"
        slider.press("ArrowRight")
    assert slider.input_value() == str(side)


def test_hunt(opened):
    """Losses are hidden until opened; the sentence counts, and knows the lowest of those that the record has."""
    tab = alive(opened(f"{PAGE}#step-5"))
    boxes = step(tab, 5).locator(".hunt input").all()
    losses = [f"{loss:.2f}" for rank in (1, 8, 64) for loss in GRID[f"losses_by_rate_rank_{rank}_nats"]]
    assert len(boxes) == len(losses)
    lowest = min(map(float, losses))
    for opened_so_far, (box, loss) in enumerate(zip(boxes, losses, strict=True), 1):
        value = box.locator("xpath=following-sibling::span")
        assert not value.is_visible()
        box.press("Space")
        assert value.is_visible() and value.inner_text() == loss
        best = min(map(float, losses[:opened_so_far]))
        assert f"{opened_so_far} opened. Lowest so far: {best:.2f}," in said(tab, 5)
        assert ("None is lower" in said(tab, 5)) == (best == lowest)
    assert "rank 64" in said(tab, 5)
    for box in boxes:
        box.uncheck()
    assert said(tab, 5) == "Where would you begin?"


# ---- everywhere else


def test_without_javascript(opened):
    """All steps, all answers, all losses; nothing that would do nothing but native controls."""
    tab = opened(PAGE, java_script_enabled=False)
    for part in tab.locator(".steps :is(h2, h3, p:not(.foot), figure, [data-if], td, svg)").all():
        assert part.is_visible(), part.evaluate("el => el.outerHTML.slice(0, 120)")
    assert tab.locator(".hunt td span:visible").count() == tab.locator(".hunt td").count()
    tab.locator("lora-steps a").nth(3).click()
    assert tab.locator("#step-4").bounding_box()["y"] < 200


def test_print(opened):
    tab = alive(opened(f"{PAGE}#step-4", width=720))
    tab.emulate_media(media="print")
    for part in tab.locator(".steps :is(h2, figure, [data-if], .hunt td span)").all():
        assert part.is_visible(), part.evaluate("el => el.outerHTML.slice(0, 120)")
    assert not tab.locator("lora-steps").is_visible() and tab.locator(".way:visible").count() == 0


def test_there_and_back_three_times(opened):
    tab = alive(opened(f"{PAGE}#step-3"))
    tab.evaluate("window.same = true")
    for _ in range(3):
        step(tab, 3).locator("p > a:not(.num, .from)").first.click()
        tab.wait_for_function("!document.querySelector('lora-steps')")
        tab.go_back()
        alive(tab)
        is_ready(tab)
        assert current(tab) == 3 and tab.evaluate("window.same") is True
        assert tab.locator(".status").count() == 1
        tab.locator("lora-steps a").nth(4).click()
        arrives(tab, 5)
        tab.go_back()
        arrives(tab, 3)
    assert len([url for url in tab.watch.requests if "lora-steps.js" in url]) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
def test_states(opened, picture, scheme, width):
    """Every step in use can be read, reached and fits."""
    tab = alive(opened(PAGE, width=width, scheme=scheme))
    problems = []
    for number in range(1, STEPS + 1):
        tab.locator("lora-steps a").nth(number - 1).click()
        arrives(tab, number)
        for control in step(tab, number).locator("input").all()[:2]:
            control.press("Space")
        tab.evaluate("scrollTo(0, 0)")
        tab.wait_for_timeout(100)
        problems += tab.evaluate(OVERFLOW) + tab.evaluate(CONTRAST)["found"]
        if number in (1, 4, 5):
            problems += findings(tab, f"step {number}")
        picture(tab, f"steps-{number}-{width}-{scheme}", full_page=False)
    small = tab.locator("article :is(input, .way a, lora-steps a)").evaluate_all(
        """els => els.map(el => (el.closest('label') ?? el).getBoundingClientRect())
             .filter(box => box.width && Math.min(box.width, box.height) < 15).length"""
    )
    assert not problems and not small, problems


def test_script_and_style_are_small(opened):
    import gzip

    widgets = DOCS / "assets" / "widgets"
    assert len(gzip.compress((widgets / "lora-steps.js").read_bytes())) <= 2500
    assert len(gzip.compress((widgets / "lora-steps.css").read_bytes())) <= 850
