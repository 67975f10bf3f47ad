"""What a screen reader is given: the accessibility tree of each widget, in each state worth it, as reviewed in aria/*.yml.

A number may be measured anew, so each is a # on both sides. To write the files again, and then review what changed in them:
ARIA=write python -m pytest tests/browser/test_aria.py
"""

import base64
import datetime
import difflib
import json
import os
import re
from pathlib import Path

import pytest

from browser.test_certificate import ready as drawn
from browser.test_checks import FIRST, FIRST_PAGE, answer, the_check
from browser.test_figures import explore
from browser.test_glossary import a_term
from browser.test_glossary import ready as defined
from browser.test_playground import settled

FOLDER = Path(__file__).parent / "aria"
RENEW = "If readers shall get it so, write it down and review the file:\n  ARIA=write python -m pytest"
DAY = datetime.date(2026, 1, 31)
CODE = base64.urlsafe_b64encode(json.dumps([1, "Ada", f"{DAY}", "0.1.0", 3, 9, 1, 5, "0"]).encode()).decode()


def plain(text: str) -> str:
    """Without what may change while a widget stays the same: numbers, the server's address, a certificate's code."""
    text = re.sub(r"http://127\.0\.0\.1:\d+/lesson/", "", text)
    text = re.sub(r"#[\w-]{40,}=*", "#…", text)
    text = re.sub(r"(?<!\[level=)\d+(?:[.,]\d+)*", "#", text)
    return re.sub(r"#(?: #)+", "#", text)  # the ticks of an axis: a measured range may need one more


def tree(widget) -> str:
    """Roles, names and states, one a line; nothing of what is hidden."""
    return plain("".join(f"{one.aria_snapshot()}\n" for one in widget.all() if one.is_visible()))


def compare(name: str, got: str) -> None:
    """As the file says; otherwise the difference, and how to renew the file."""
    file = FOLDER / f"{name}.yml"
    wanted = plain(file.read_text(encoding="utf-8")) if file.exists() else ""
    if got != wanted:
        names = (f"aria/{file.name}" if file.exists() else f"no aria/{file.name} yet", "in the browser")
        lines = difflib.unified_diff(wanted.splitlines(), got.splitlines(), *names, lineterm="")
        pytest.fail("\n".join([*lines, "", f"{RENEW} 'tests/browser/test_aria.py::test_tree[{name}]'"]), pytrace=False)


# ---- Each brings its page into a state and hands over what is looked at: widgets, with as little prose as may be.


def decompose(tab):
    tab.locator("lora-decompose fieldset").wait_for()
    return tab.locator("lora-decompose")


def steps(tab):
    tab.locator(".steps > [data-now]").wait_for()
    return tab.locator("lora-steps, .steps h2, .steps figure, .steps .way")


def playground(tab):
    tab.locator("lora-playground form").hover()
    settled(tab)
    return tab.locator("lora-playground")


def certificate(tab):
    """Of a known day, since a month is a word."""
    tab.clock.set_fixed_time(f"{DAY}T12:00:00")
    tab.reload()
    drawn(tab).locator("#certificate-name").fill("Ada")
    tab.get_by_role("img", name="Ada").wait_for()
    return tab.locator("lora-certificate")


def code(tab):
    tab.locator("lora-code dd").first.wait_for()
    return tab.locator("lora-code")


def progress(tab):
    tab.get_by_role("button", name="Export").wait_for()
    return tab.locator("lora-progress")


def handout(tab):
    tab.locator("lora-handout button").wait_for()
    return tab.locator("lora-handout")


def tooltip(tab):
    a_term(defined(tab)).focus()
    tab.locator(".term-card").wait_for()
    return tab.locator("lora-term:has([aria-describedby]), .term-card")


def card(tab):
    tab.locator(".answer a.from").press("Enter")
    tab.locator(".num-card").wait_for()
    return tab.locator(".answer a.from, .num-card")


def chart(tab):
    return tab.locator("figure.chart").first


def live_chart(tab):
    explore(chart(tab))
    return chart(tab)


STATES = {
    "quick-check-fresh": (FIRST_PAGE, lambda tab: the_check(tab, FIRST)),
    "quick-check-wrong": (FIRST_PAGE, lambda tab: answer(tab, FIRST, right=False)),
    "decompose-fresh": ("low-rank/", decompose),
    "switch": ("memory/", lambda tab: tab.locator(".switch .choose, .switch figure")),
    "steps-1": ("walkthrough/", steps),
    "steps-4": ("walkthrough/#step-4", steps),
    "playground-fresh": ("playground/", playground),
    "playground-other": ("playground/#model=Qwen2.5-3B&method=full&checkpointing=on", playground),
    "certificate": ("certificate/", certificate),
    "code": (f"code/#{CODE}", code),
    "progress": ("progress/", progress),
    "handout": ("progress/", handout),
    "tooltip": ("why/", tooltip),
    "card": ("low-rank/", card),
    "chart": ("rank/", chart),
    "chart-live": ("rank/", live_chart),
}


@pytest.mark.parametrize("name", STATES)
def test_tree(opened, name):
    page, reach = STATES[name]
    got = tree(reach(opened(page)))
    if os.environ.get("ARIA") == "write":
        (FOLDER / f"{name}.yml").write_text(got, encoding="utf-8")
    compare(name, got)


def test_no_file_without_a_state():
    assert {file.stem for file in FOLDER.iterdir()} <= set(STATES), "delete the file, or name its state in STATES"


# What may happen to a widget, and a line of the difference that tells.
CHANGES = {
    "another role": ("el => el.querySelector('button').setAttribute('role', 'link')", '+  - link "Check"'),
    "another name": ("el => el.querySelector('input').setAttribute('aria-label', 'Option')", '+  - radio "Option"'),
    "another state": ("el => { el.querySelector('input').disabled = true; }", " [disabled]"),
    "no name": ("el => el.querySelector('legend').remove()", "+- group:"),
    "not said": ("el => el.querySelector('fieldset').setAttribute('aria-hidden', 'true')", "-- group "),
}


def test_a_change_is_found(opened):
    """With what differs and what to do. As it is, and with another number, nothing differs."""
    box = the_check(opened(FIRST_PAGE), FIRST)
    box.evaluate("el => { window.whole = el.innerHTML; }")
    for script, line in CHANGES.values():
        compare("quick-check-fresh", tree(box))
        box.evaluate(script)
        with pytest.raises(pytest.fail.Exception) as error:
            compare("quick-check-fresh", tree(box))
        assert line in str(error.value) and "ARIA=write python -m pytest" in str(error.value)
        box.evaluate("el => { el.innerHTML = window.whole; }")
    with pytest.raises(pytest.fail.Exception, match="no aria/nothing.yml yet"):
        compare("nothing", tree(box))
    assert plain('- slider "Rank 8": "1,024.5"') == plain('- slider "Rank 16": "7"') == '- slider "Rank #": "#"'
    assert plain("- heading [level=2]") != plain("- heading [level=3]")
