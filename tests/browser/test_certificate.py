"""The certificate and its code: what it says of whom, names of any script, paper, keyboard, and that it proves nothing."""

import base64
import datetime
import json
import re
import xml.etree.ElementTree as etree

import pytest

from browser.serving import DOCS
from browser.test_checks import ALL, KEY, LESSON, READY, answer, the_check
from browser.test_pages import CONTRAST, OVERFLOW, findings
from lora_ref import count
from lora_ref.site import quiz
from lora_ref.site.project import find_project

PAGE, CODE = "certificate/", "code/"
VERSION = quiz.version(find_project(DOCS))
SHEET = ".sheet svg"
MARKED = next(iter(LESSON)).rstrip("/")  # a chapter that a reader has marked
WIDE, HIGH = 1188, 840

NAMES = {
    "latin": "Ada Lovelace",
    "apostrophe": "Siobhán O’Brien-Łukaszewicz",
    "arabic": "محمد بن موسى الخوارزمي",
    "hebrew": "עדה לאבלייס",
    "chinese": "華羅庚",
    "devanagari": "श्रीनिवास रामानुजन्",
    "thai": "สมชาย ใจดี",
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈",
    "accents": "Z" + "\u0310" * 40,
    "markup": "<script>window.hacked = 1</script><img src=x onerror='window.hacked=1'>",
    "entities": "&amp; &lt;b&gt; \"quoted\" 'and' ]]>",
    "controls": "a\u0007\u202eb\u0000\ud800c\uffff",
    "long words": "Wolfeschlegelsteinhausenbergerdorff " * 6,
    "one long word": "W" * 200,
    "many": "漢字" * 100,
    "much arabic": "عبد الرحمن " * 19,
    "spaces": "   ",
}  # fmt: skip


def ready(tab):
    tab.locator(SHEET).wait_for()
    return tab


def named(tab, name: str):
    """Typed as a browser hands it over, halves of characters included."""
    tab.locator("#certificate-name").evaluate(
        "(el, text) => { el.value = JSON.parse(text).slice(0, 200); el.dispatchEvent(new Event('input', {bubbles: true})); }",
        json.dumps(name),
    )
    return tab.locator(SHEET)


def words(tab) -> str:
    return " ".join(tab.locator(f"{SHEET} text").all_text_contents())


def address_of(tab) -> str:
    return tab.locator("lora-certificate").evaluate("el => el.address")


def decoded(address: str) -> list:
    code = address.partition("#")[2]
    assert re.fullmatch(r"[\w-]+", code)
    return json.loads(base64.urlsafe_b64decode(code + "=" * (-len(code) % 4)))


def keep(tab, checks: int, chapters: list[str]):
    done = {
        "version": 2,
        "checks": {check.name: check.hash for _, check in ALL[:checks]},
        "chapters": dict.fromkeys(chapters, True),
    }
    tab.evaluate("([key, kept]) => localStorage.setItem(key, JSON.stringify(kept))", [KEY, done])
    tab.reload()
    return ready(tab)


def done(checks: int, chapters: list[str]) -> int:
    """How many chapters are: marked, or all their checks answered."""
    answered = {check.name for _, check in ALL[:checks]}
    return sum(
        page.rstrip("/") in chapters or bool(found) and all(check.name in answered for check in found)
        for page, found in LESSON.items()
    )


def test_what_it_says(opened):
    """Name, date, version of the lesson, n of m; self-attested, and no word that claims more."""
    tab = keep(ready(opened(PAGE)), 2, [MARKED])
    named(tab, "Ada Lovelace")
    said = words(tab)
    today = datetime.date.today()
    assert "Ada Lovelace" in said and f"Lesson version {VERSION}" in said
    assert f"{today:%B} {today.day}, {today.year}" in said
    assert (
        f"2 of {len(ALL)}" in said
        and f"{done(2, [MARKED])} of {len(LESSON)}" in said
        and "a part of the lesson" in said
    )
    assert "Self-attested" in said and "proves nothing" in said
    everything = (tab.locator("article").inner_text() + tab.locator(SHEET).inner_html()).lower()
    assert not re.search(r"verif|credential|certified|accredit|official", everything)


def test_it_follows_what_is_done(opened):
    tab = ready(opened(PAGE))
    assert "has opened the lesson" in words(tab) and f"0 of {len(ALL)}" in words(tab)
    keep(tab, len(ALL), [page.rstrip("/") for page, checks in LESSON.items() if not checks])
    assert "has worked through the whole lesson" in words(tab)
    assert f"{len(ALL)} of {len(ALL)}" in words(tab) and f"{len(LESSON)} of {len(LESSON)}" in words(tab)
    keep(tab, len(ALL), [])
    assert "a part of the lesson" in words(tab), "a chapter is open"


def test_drawn_to_scale(opened):
    """The lines beside the square are as thin as the matrices that they stand for."""
    tab = ready(opened(PAGE))
    box = "all => all.map(el => [+el.getAttribute('width'), +el.getAttribute('height')])"
    [[wide, high]] = tab.locator(f"{SHEET} .frozen-drawn").evaluate_all(box)
    lines = tab.locator(f"{SHEET} .trained-drawn").evaluate_all(box)
    width = count.model("Llama-2-7B")["hidden_size"]
    assert wide == high and sorted(map(max, lines)) == [wide, wide]
    shown = int(re.search(r"at rank (\d+)", words(tab))[1])
    for line in lines:
        assert min(line) / wide == pytest.approx(shown / width)
    assert (
        f"{width:,}" in tab.locator("#drawn + p").inner_text() and str(shown) in tab.locator("#drawn + p").inner_text()
    )


@pytest.mark.parametrize("kind", NAMES)
def test_names(opened, picture, kind):
    """Shown as text, within its place, in a file that is well-formed, and the same again from the code."""
    tab = ready(opened(PAGE))
    sheet = named(tab, NAMES[kind])
    picture(tab, f"certificate-{kind.replace(' ', '-')}", full_page=False)
    assert tab.evaluate("() => window.hacked") is None
    assert sheet.locator("script, img, foreignObject").count() == 0
    lines = sheet.locator(".name")
    shown = "".join(lines.all_text_contents())
    typed = NAMES[kind].encode("utf-16", "surrogatepass").decode("utf-16", "replace")[:200]
    if kind in ("controls", "accents"):
        assert re.fullmatch(r"a +b +c|Z\u0310{3}", shown)
    else:
        assert re.sub(r"\s", "", shown) == re.sub(r"\s", "", typed)
    boxes = lines.evaluate_all(
        "all => all.map(el => el.getBBox()).map(({x, y, width, height}) => [x, y, width, height])"
    )
    others = sheet.evaluate(
        "el => [...el.querySelectorAll('text:not(.name)')].map(one => one.getBBox()).map(({x, y, width, height}) => [x, y, width, height])"
    )
    for x, y, width, height in boxes:
        assert x >= 0 and x + width <= WIDE - 60 and y > 60
        for left, top, across, high in others:
            apart = x + width <= left or left + across <= x or y + height <= top + 2 or top + high <= y + 2
            assert apart, "the name lies over other words"
    for x, y, width, height in others:
        assert x >= 0 and x + width <= WIDE and y + height <= HIGH, "cut at the edge of the paper"
    heights = sorted(y for _, y, _, _ in boxes)
    assert all(b - a > 10 for a, b in zip(heights, heights[1:], strict=False))
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Download as SVG").click()
    file = etree.parse(download.value.path()).getroot()
    assert file.tag == "{http://www.w3.org/2000/svg}svg"
    assert not [el for el in file.iter() if el.tag.endswith(("script", "img", "foreignObject"))]
    code = decoded(address_of(tab))
    assert code[:2] == [1, " ".join(re.sub(r"\s+", " ", code[1]).split())]
    tab.goto(address_of(tab))
    tab.locator("lora-code dd").first.wait_for()
    assert tab.locator("lora-code dd").first.inner_text() == (code[1] or "left open")
    assert tab.evaluate("() => window.hacked") is None


def test_the_file_stands_alone(opened, tmp_path, chromium):
    """Opened on its own: no style or font from anywhere, and its code is a link."""
    tab = ready(opened(PAGE))
    named(tab, "Ada Lovelace")
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Download as SVG").press("Enter")
    assert download.value.suggested_filename == "lora-measured-certificate.svg"
    path = tmp_path / "certificate.svg"
    download.value.save_as(path)
    text = path.read_text(encoding="utf-8")
    assert "url(" not in text and "var(" not in text and "@import" not in text
    file = chromium.new_page(viewport={"width": 1188, "height": 840})
    asked = []
    file.on("request", lambda request: asked.append(request.url))
    file.goto(path.as_uri())
    assert asked == [path.as_uri()]
    assert file.locator("a").first.evaluate("el => el.href.baseVal") == address_of(tab)
    assert file.locator(".name").evaluate("el => getComputedStyle(el).fill") == "rgb(26, 30, 35)"
    file.close()


def test_nothing_is_stored_or_sent(opened):
    tab = ready(opened(PAGE))
    asked = len(tab.watch.requests)
    named(tab, "Ada Lovelace")
    tab.wait_for_timeout(200)
    assert tab.watch.requests[asked:] == []
    stored = tab.evaluate("() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert "Ada" not in stored and "QWRh" not in stored
    tab.reload()
    assert "Ada" not in words(ready(tab))


def test_only_the_certificate_is_printed(opened, picture):
    """One sheet, on its side; and the page is back when the dialog closes."""
    tab = ready(opened(PAGE, scheme="dark"))
    named(tab, "Ada Lovelace")
    tab.evaluate("() => { window.print = () => { window.asked = 1; }; }")
    tab.get_by_role("button", name="Print").press("Enter")
    tab.wait_for_function("() => window.asked")
    tab.emulate_media(media="print")
    seen = tab.evaluate("""() => [...document.querySelectorAll('body *')].filter(el => el.children.length === 0
      && el.textContent.trim() && !el.closest('script, style, title')).filter(el => el.getClientRects().length)
      .map(el => el.closest('.paper') ? 'paper' : el.outerHTML.slice(0, 80))""")
    assert set(seen) == {"paper"}
    assert tab.locator(".paper svg").evaluate("el => getComputedStyle(el).backgroundColor") == "rgb(255, 255, 255)"
    picture(tab, "certificate-print", full_page=False)
    pdf = tab.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    [box] = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", pdf)
    assert float(box[0]) > float(box[1]), "on its side"
    assert tab.locator(".paper").count() == 0
    tab.emulate_media(media="screen")
    assert tab.locator("h1").is_visible() and tab.evaluate(
        "() => document.adoptedStyleSheets.every(one => !/@page/.test([...one.cssRules].map(rule => rule.cssText).join('')))"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 768, 360])
def test_states(opened, picture, width, scheme):
    """The paper is light whatever the palette; all can be read, reached and fits."""
    tab = ready(opened(PAGE, width=width, scheme=scheme))
    problems = []
    for state, name in (("open", ""), ("named", "Ada Lovelace")):
        named(tab, name)
        picture(tab, f"certificate-{state}-{width}-{scheme}")
        problems += [*findings(tab, state), *tab.evaluate(OVERFLOW), *tab.evaluate(CONTRAST)["found"]]
    assert tab.locator(f"{SHEET} > rect").first.evaluate("el => getComputedStyle(el).fill") == "rgb(255, 255, 255)"
    tab.goto(address_of(tab))
    tab.locator("lora-code dd").first.wait_for()
    picture(tab, f"code-{width}-{scheme}")
    problems += [*findings(tab, "code"), *tab.evaluate(OVERFLOW), *tab.evaluate(CONTRAST)["found"]]
    small = tab.locator("lora-code :is(button, input)").evaluate_all(
        "all => all.filter(el => el.getBoundingClientRect().height < 24).length"
    )
    assert not problems and not small, "\n".join(problems)


def test_forced_colors(opened, picture):
    tab = ready(opened(PAGE, forced_colors="active"))
    named(tab, "Ada Lovelace")
    picture(tab, "certificate-forced")
    assert tab.locator(f"{SHEET} .frozen-drawn").evaluate("el => getComputedStyle(el).fill") == "rgb(101, 113, 127)"
    assert tab.get_by_role("button", name="Print").evaluate("el => getComputedStyle(el).borderTopStyle") == "solid"


@pytest.mark.parametrize("page", [PAGE, f"{CODE}#{{code}}", "progress/"])
@pytest.mark.parametrize("width", [1440, 360])
def test_nothing_moves(chromium, address, page, width):
    """The room of what the script brings is there before."""
    tab = chromium.new_context(viewport={"width": width, "height": 900}).new_page()
    tab.add_init_script("""window.shift = 0; new PerformanceObserver(list => list.getEntries().forEach(entry => {
      if (!entry.hadRecentInput) window.shift += entry.value; })).observe({type: 'layout-shift', buffered: true});""")
    tab.goto(address + page.format(code=packed(GOOD)), wait_until="load")
    tab.wait_for_timeout(1200)
    assert tab.locator(".sheet svg, lora-code dd, .checks .mark").first.is_visible()
    assert tab.evaluate("() => window.shift") <= 0.01
    tab.context.close()


# ---- the code

GOOD = [1, "Ada", "2026-11-24", "0.1.0", 3, 9, 1, 5, "00000000"]


def packed(what) -> str:
    return base64.urlsafe_b64encode(json.dumps(what).encode()).decode().rstrip("=")


def test_the_page_that_the_code_opens(opened):
    """It shows what the code says, and that nothing is proven by it; and whether the checks are today's."""
    tab = keep(ready(opened(PAGE)), 3, [MARKED])
    named(tab, "Ada Lovelace")
    tab.goto(address_of(tab))
    tab.locator("lora-code dd").first.wait_for()
    said = dict(
        zip(tab.locator("lora-code dt").all_inner_texts(), tab.locator("lora-code dd").all_inner_texts(), strict=True)
    )
    today = datetime.date.today()
    assert said == {
        "Name": "Ada Lovelace", "Date": f"{today:%B} {today.day}, {today.year}", "Lesson version": VERSION,
        "Checks answered right": f"3 of {len(ALL)}", "Chapters done": f"{done(3, [MARKED])} of {len(LESSON)}",
        "Which checks": "those that stand here today",
    }  # fmt: skip
    assert "nobody has looked" in tab.locator("lora-code [role=status]").inner_text()
    assert "Nothing is proven by it" in tab.locator(".answer").inner_text()
    tab.locator("#code-text").fill(packed(GOOD))
    tab.get_by_role("button", name="Read it out").press("Enter")
    tab.wait_for_function("() => document.querySelector('lora-code dd')?.textContent === 'Ada'")
    assert "another edition" in tab.locator("lora-code dd").last.inner_text()
    tab.evaluate("code => { location.hash = code; }", packed([1, "Grace", *GOOD[2:]]))
    tab.wait_for_function("() => document.querySelector('lora-code dd')?.textContent === 'Grace'")


NO_CODES = {
    "nothing that is one": "hello",
    "cut": packed(GOOD)[:-9],
    "an object": packed({"name": "Ada"}),
    "another edition": packed([2, *GOOD[1:]]),
    "more than all": packed([*GOOD[:4], 10, 9, 1, 5, "0"]),
    "markup as a count": packed([*GOOD[:4], "<b>9</b>", 9, 1, 5, "0"]),
    "no date": packed([1, "Ada", "yesterday", *GOOD[3:]]),
    "a name without end": packed([1, "A" * 5000, *GOOD[2:]]),
}


@pytest.mark.parametrize("kind", NO_CODES)
def test_what_is_no_code(opened, kind):
    tab = opened(f"{CODE}#{NO_CODES[kind]}")
    say = tab.locator("lora-code [role=status]")
    say.wait_for()
    assert say.inner_text() == "This is no code of a certificate, or a part of it is missing."
    assert tab.locator("lora-code dd").count() == 0


def test_without_javascript(opened):
    tab = opened(PAGE, java_script_enabled=False)
    assert "can draw no certificate" in tab.locator("lora-certificate").inner_text()
    assert tab.locator("lora-certificate :is(input, button):visible").count() == 0
    tab.get_by_role("link", name="what the code says").click()
    assert "cannot read a code" in tab.locator("lora-code").inner_text()
    assert tab.locator("lora-code :is(input, button):visible").count() == 0


def test_from_a_file(chromium, site):
    """A page may not read another one there: it says so, and shows no control that does nothing."""
    tab = chromium.new_page()
    tab.goto((site / PAGE / "index.html").as_uri())
    tab.wait_for_function("() => /file|loaded/.test(document.querySelector('.sheet').textContent)")
    assert "From a file" in tab.locator(".sheet").inner_text()
    assert tab.locator("lora-certificate :is(input, button):visible").count() == 0
    tab.close()


def test_the_list_cannot_be_loaded(opened):
    tab = opened("", ready=False)
    tab.route("**/progress/", lambda route: route.abort())
    tab.goto(tab.url + PAGE)
    tab.wait_for_function("() => /file|loaded/.test(document.querySelector('.sheet').textContent)")
    assert "could not be loaded" in tab.locator(".sheet").inner_text()
    tab.watch.problems.clear()  # the browser says that the request failed


# ---- the whole way


def tab_to(tab, found: str, most: int = 200):
    """The Tab key alone, to the first element that the selector names."""
    for _ in range(most):
        tab.keyboard.press("Tab")
        if tab.evaluate("query => document.activeElement.matches(query)", found):
            return
    raise AssertionError(f"{found} is not reached with the Tab key on {tab.url}")


def test_from_the_first_page_to_the_certificate_by_keyboard(opened):
    """The first page, a chapter, a check, the chapter marked, what is open, the certificate, print: no pointer."""
    page, check = ALL[0]
    tab = opened("")
    tab_to(tab, f".lesson a:is([href='{page}'], [href$='/{page}'])")
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"**/{page}")
    tab.wait_for_function(READY)
    tab.wait_for_function("() => customElements.get('quick-check')")
    the_check(tab, check).get_by_role("button", name="Check").wait_for()
    tab_to(tab, f"quick-check[data-check='{check.name}'] input")
    tab.keyboard.press("Space")
    for _ in range(next(at for at, option in enumerate(check.options) if option.right)):
        tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    tab.wait_for_function(f"() => document.querySelector('.progress').textContent.startsWith('1 of {len(ALL)}')")
    tab_to(tab, ".done input")
    tab.keyboard.press("Space")
    tab.wait_for_function("() => document.querySelector('.md-nav--primary .mark[data-state=done]')")
    tab_to(tab, ".done a", 2)
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/progress/")
    tab.wait_for_selector("lora-progress .progress")
    tab_to(tab, "article a[href*='certificate']")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/certificate/")
    ready(tab)
    tab.evaluate("() => { window.print = () => { window.asked = 1; }; }")
    tab_to(tab, "#certificate-name")
    tab.keyboard.type("Ada Lovelace")
    tab_to(tab, "lora-certificate button[data-do=print]", 2)
    tab.keyboard.press("Enter")
    tab.wait_for_function("() => window.asked")
    assert decoded(address_of(tab))[:2] == [1, "Ada Lovelace"] and decoded(address_of(tab))[4:8] == [
        1,
        len(ALL),
        1,
        len(LESSON),
    ]


def test_on_a_phone(opened, picture):
    page, check = ALL[0]
    tab = opened(page, width=360)
    tab.wait_for_selector(".done")
    answer(tab, check, True)
    tab.locator(".done input").tap()
    tab.wait_for_function("() => document.querySelector('.done input').checked")
    tab.locator(".done a").tap()
    tab.wait_for_url("**/progress/")
    tab.locator("article a[href*='certificate']").tap()
    tab.wait_for_url("**/certificate/")
    ready(tab)
    tab.locator("#certificate-name").fill("Ada Lovelace")
    assert f"1 of {len(ALL)}" in words(tab) and f"1 of {len(LESSON)}" in words(tab)
    for control in tab.locator("lora-certificate :is(input, button)").all():
        assert control.bounding_box()["height"] >= 44
