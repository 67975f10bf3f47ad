"""Checks and progress in a browser: every option of every check by keyboard, storage in every mood, every state read by axe."""

import gzip
import json

import pytest

from browser.serving import DOCS, name_of
from browser.test_pages import CONTRAST, OVERFLOW, findings
from lora_ref.site import quiz
from lora_ref.site.project import find_project

KEY = "lora-measured-v1"
LESSON = {f"{chapter.name}/": chapter.checks for chapter in quiz.chapters(find_project(DOCS))}
CHAPTERS = {page: checks for page, checks in LESSON.items() if checks}
ALL = [(page, check) for page, checks in CHAPTERS.items() for check in checks]
FIRST_PAGE, FIRST = ALL[0]

READY = "() => document.querySelector('.md-nav--primary .progress')"


def place(check, right: bool) -> int:
    """Where an option stands that is right, or that is not."""
    return next(at for at, option in enumerate(check.options) if option.right == right)


def the_check(tab, check):
    return tab.locator(f"quick-check[data-check='{check.name}']")


def answer(tab, check, right: bool):
    """By pointer; the keyboard has a test of its own."""
    box = the_check(tab, check)
    box.get_by_role("radio").nth(place(check, right)).check()
    box.get_by_role("button", name="Check").click()
    box.locator(".why").first.wait_for()
    return box


def focus(tab) -> str:
    return tab.evaluate("() => document.activeElement.value || document.activeElement.textContent")


def kept(tab):
    return json.loads(tab.evaluate(f"() => localStorage.getItem('{KEY}')") or "null")


def with_storage(tab, script: str):
    """The page again, with a browser whose storage behaves so from the start."""
    tab.context.add_init_script(script)
    tab.reload()
    tab.wait_for_function(READY)


@pytest.mark.parametrize("page", CHAPTERS, ids=name_of)
def test_each_option_by_keyboard(opened, page):
    """Arrows choose and never submit; Check says right or not and why, for each option; Try again starts anew."""
    tab = opened(page)
    for check in CHAPTERS[page]:
        box = the_check(tab, check)
        verdict, radios = box.locator("[role=status]"), box.get_by_role("radio")
        assert radios.count() == len(check.options)
        assert verdict.text_content() == ""
        for at, option in enumerate(check.options):
            box.get_by_role("radio").first.focus()
            tab.keyboard.press("Space")
            for _ in range(at):
                tab.keyboard.press("ArrowDown")
            assert focus(tab) == option.key and radios.nth(at).is_checked()
            assert verdict.text_content() == "" and box.locator(".why").count() == 0
            tab.keyboard.press("Tab")
            assert focus(tab) == "Check"
            tab.keyboard.press("Enter")
            box.locator(".why").first.wait_for()
            assert verdict.text_content().startswith("✓ Right." if option.right else "✗ Not this one.")
            reasons = box.locator(".option").evaluate_all(
                "all => all.map(el => [el.querySelector('.why b').textContent, el.querySelector('.why').textContent.length])"
            )
            assert [word for word, _ in reasons] == [quiz.RIGHT if one.right else quiz.WRONG for one in check.options]
            assert all(length > 20 for _, length in reasons)
            assert box.locator("[data-chosen] input").get_attribute("value") == option.key
            assert box.locator(".option a, .option [id='numbers']").count() == 0
            for radio in radios.all():
                assert box.locator(f"#{radio.get_attribute('aria-describedby')}").count() == 1
            tab.keyboard.press("Tab")
            assert focus(tab) == "Try again"
            tab.keyboard.press("Enter")
            assert verdict.text_content() == "" and box.locator(".why, [data-chosen], input:checked").count() == 0
            assert focus(tab) == check.options[0].key


def test_check_with_nothing_chosen_asks_for_a_choice(opened):
    tab = opened(FIRST_PAGE)
    box = the_check(tab, FIRST)
    box.get_by_role("button", name="Check").press("Enter")
    assert box.locator("[role=status]").text_content() == "Choose an option first."
    assert not [url for url in tab.watch.requests if "/answers/" in url], "the answers are read when asked for"
    answer(tab, FIRST, False)
    box.get_by_role("radio").nth(place(FIRST, True)).check()
    assert box.locator(".why").count() == 0 and box.locator("[role=status]").text_content() == ""
    assert not kept(tab), "a wrong option is nothing done"


def test_answers_that_cannot_be_loaded(opened):
    tab = opened(FIRST_PAGE)
    tab.route("**/answers/**", lambda route: route.abort())
    box = the_check(tab, FIRST)
    box.get_by_role("radio").first.check()
    box.get_by_role("button", name="Check").click()
    tab.wait_for_function(
        "el => el.textContent.includes('could not be loaded')", arg=box.locator(".verdict").element_handle()
    )
    assert box.get_by_role("link").is_visible()
    tab.watch.problems.clear()  # the browser says that the request failed
    tab.unroute("**/answers/**")
    answer(tab, FIRST, True)


def test_progress_is_kept_and_shown(opened):
    tab = opened(FIRST_PAGE)
    tab.wait_for_function(READY)
    bar, of = tab.locator(".md-sidebar--primary .progress"), len(ALL)
    assert bar.text_content() == f"0 of {of} checks done"
    mark = tab.locator(".md-nav__item--active > a .mark")
    states = []
    for check in CHAPTERS[FIRST_PAGE]:
        answer(tab, check, True)
        tab.wait_for_function(
            "text => document.querySelector('.progress').textContent === text",
            arg=f"{len(states) + 1} of {of} checks done",
        )
        states.append(mark.get_attribute("data-state"))
    assert states == ["part"] * (len(states) - 1) + ["done"]
    own = f"{len(states)} of {len(states)} checks done"
    assert mark.get_attribute("aria-label") == own and mark.get_attribute("role") == "img"
    assert kept(tab) == {
        "version": 2,
        "checks": {check.name: check.hash for check in CHAPTERS[FIRST_PAGE]},
        "chapters": {},
    }
    answer(tab, FIRST, False)  # what is done stays done
    tab.reload()
    tab.wait_for_function(READY)
    assert bar.text_content() == f"{len(states)} of {of} checks done"
    assert bar.locator("progress").evaluate("el => [el.value, el.max]") == [len(states), of]
    # Another right option asks again.
    tab.evaluate(f"""() => {{ const all = JSON.parse(localStorage.getItem('{KEY}'));
      all.checks['{FIRST.name}'] = 'older'; localStorage.setItem('{KEY}', JSON.stringify(all)); }}""")
    tab.reload()
    tab.wait_for_function(READY)
    assert bar.text_content() == f"{len(states) - 1} of {of} checks done"


def test_two_tabs(opened):
    tab = opened(FIRST_PAGE)
    other = tab.context.new_page()
    other.goto(tab.url)
    other.wait_for_function(READY)
    tab.wait_for_function(READY)
    answer(tab, FIRST, True)
    other.wait_for_function("() => document.querySelector('.progress').textContent.startsWith('1 of')")
    answer(other, CHAPTERS[FIRST_PAGE][1], True)
    tab.wait_for_function("() => document.querySelector('.progress').textContent.startsWith('2 of')")
    assert len(kept(tab)["checks"]) == 2


STORAGE = {
    "blocked": ("for (const name of ['getItem', 'setItem', 'removeItem']) Storage.prototype[name] = () => { throw new DOMException('no', 'SecurityError'); };", "keep nothing"),
    "full": ("Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };", "no room"),
    "corrupt": (f"localStorage.getItem('{KEY}-unreadable') || localStorage.setItem('{KEY}', '{{oops');", "could not be read"),
    "another kind": (f"localStorage.getItem('{KEY}-unreadable') || localStorage.setItem('{KEY}', '[3]');", "could not be read"),
    "a later edition": (f"localStorage.setItem('{KEY}', JSON.stringify({{version: 9, checks: {{}}}}));", "later edition"),
}  # fmt: skip


@pytest.mark.parametrize("mood", STORAGE)
def test_storage_that_does_not_work(opened, mood):
    """The page works and counts, and one quiet note says what is not kept."""
    script, words = STORAGE[mood]
    tab = opened(FIRST_PAGE)
    with_storage(tab, script)
    for at, check in enumerate(CHAPTERS[FIRST_PAGE][:2], 1):
        answer(tab, check, True)
        tab.wait_for_function("at => document.querySelector('.progress').textContent.startsWith(`${at} of`)", arg=at)
        assert tab.locator(".kept").count() == 1 and words in tab.locator(".kept").text_content()
    if mood == "blocked":  # the theme's own scripts say so, and go on
        tab.watch.problems[:] = [one for one in tab.watch.problems if not one.endswith(": no")]
    if mood == "a later edition":
        assert kept(tab) == {"version": 9, "checks": {}}, "left as it is"
    if mood == "corrupt":
        assert tab.evaluate(f"() => localStorage.getItem('{KEY}-unreadable')") == "{oops"


def test_an_earlier_version_is_taken_over(opened):
    tab = opened(FIRST_PAGE)
    with_storage(
        tab, f"localStorage.setItem('{KEY}', JSON.stringify({{'{FIRST.name}': '{FIRST.hash}', gone: 'x', odd: 3}}));"
    )
    assert tab.locator(".progress").first.text_content().startswith("1 of")
    answer(tab, CHAPTERS[FIRST_PAGE][1], True)
    tab.wait_for_function("() => document.querySelector('.progress').textContent.startsWith('2 of')")
    assert (
        kept(tab)["version"] == 2
        and kept(tab)["checks"][FIRST.name] == FIRST.hash
        and tab.locator(".kept").count() == 0
    )


def test_the_page_of_progress(opened, tmp_path):
    tab = opened(FIRST_PAGE)
    answer(tab, FIRST, True)
    tab.goto(tab.url.split("/lesson/")[0] + "/lesson/progress/")
    tab.wait_for_function(READY)
    states = tab.locator(".checks li .mark").evaluate_all("all => all.map(el => el.ariaLabel)")
    assert states == ["done" if check is FIRST else "open" for _, check in ALL]
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Export").press("Enter")
    file = tmp_path / "progress.json"
    download.value.save_as(file)
    assert json.loads(file.read_text()) == {"version": 2, "checks": {FIRST.name: FIRST.hash}, "chapters": {}}
    tab.once("dialog", lambda dialog: dialog.dismiss())
    tab.get_by_role("button", name="Reset").press("Enter")
    assert kept(tab)["checks"] == {FIRST.name: FIRST.hash}
    tab.once("dialog", lambda dialog: dialog.accept())
    tab.get_by_role("button", name="Reset").press("Enter")
    tab.wait_for_function("() => !document.querySelector('.checks [data-state=done]')")
    assert kept(tab)["checks"] == {}
    wrong = tmp_path / "wrong.json"
    wrong.write_text("no")
    for path, words in ((wrong, "holds no progress"), (file, "Imported")):
        with tab.expect_file_chooser() as chooser:
            tab.get_by_role("button", name="Import").press("Enter")
        chooser.value.set_files(path)
        tab.wait_for_function(
            "words => document.querySelector('lora-progress [role=status]').textContent.includes(words)", arg=words
        )
    tab.wait_for_function("() => document.querySelectorAll('.checks [data-state=done]').length === 1")


def test_there_and_back_three_times(opened):
    """With instant navigation or without: one bar, one circle a link, and checks that work."""
    tab, pages = opened(FIRST_PAGE), list(CHAPTERS)[:2]
    for turn in range(6):
        page = pages[(turn + 1) % 2]
        # Whatever the theme has made of the address; low-rank/ also ends in rank/.
        tab.evaluate(
            """page => [...document.querySelectorAll('.md-nav--primary a.md-nav__link')]
              .find(el => el.pathname.endsWith(`/lesson/${page}`) && !el.hash).click()""",
            page,
        )
        tab.wait_for_url(f"**/lesson/{page}")
        check = CHAPTERS[page][0]
        the_check(tab, check).get_by_role("button", name="Check").wait_for()
        tab.wait_for_function(READY)
        box = answer(tab, check, turn % 2 == 0)
        assert box.locator(".why").count() == len(check.options)
        counts = tab.evaluate("""() => [document.querySelectorAll('.md-nav--primary .progress').length,
          Math.max(...[...document.querySelectorAll('.md-nav__link')].map(el => el.querySelectorAll('.mark').length)),
          document.querySelectorAll('.why').length]""")
        assert counts == [1, 1, len(check.options)]


def test_without_javascript(opened):
    tab = opened(FIRST_PAGE, java_script_enabled=False)
    for check in CHAPTERS[FIRST_PAGE]:
        box = the_check(tab, check)
        assert box.locator("legend").is_visible() and box.locator("label").count() == len(check.options)
        assert not box.locator("button:visible").count()
        href = box.get_by_role("link", name="All answers").get_attribute("href")
        assert href.endswith(f"answers/{FIRST_PAGE}#{check.name}")
    the_check(tab, FIRST).get_by_role("radio").first.press("Enter")
    assert "?" not in tab.url
    the_check(tab, FIRST).get_by_role("link").click()
    assert tab.locator("dd").first.is_visible() and tab.get_by_text("✓ Right.").count() == len(CHAPTERS[FIRST_PAGE])
    tab.goto(tab.url.partition("answers/")[0] + "progress/")
    assert tab.locator(".checks li a").count() == len(ALL) and not tab.locator("lora-progress").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 768, 320])
def test_every_state(opened, picture, width, scheme):
    """axe, contrast and width: nothing chosen, wrong, right, and the page of progress afterwards."""
    tab = opened(FIRST_PAGE, width=width, scheme=scheme)
    problems = []

    def look(state):
        contrast = tab.evaluate(CONTRAST)["found"]
        problems.extend(findings(tab, state) + [f"{state}: {one}" for one in tab.evaluate(OVERFLOW) + contrast])
        picture(tab, f"check-{state}-{width}-{scheme}", full_page=False)

    the_check(tab, FIRST).get_by_role("button", name="Check").click()
    look("nothing")
    answer(tab, FIRST, False).scroll_into_view_if_needed()
    look("wrong")
    answer(tab, FIRST, True)
    look("right")
    tab.goto(tab.url.partition(FIRST_PAGE)[0] + "progress/")
    tab.wait_for_selector(".checks .mark")
    look("progress")
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("option", [{"reduced_motion": "reduce"}, {"forced_colors": "active"}], ids=["still", "forced"])
def test_other_ways_to_see(opened, picture, option):
    tab = opened(FIRST_PAGE, **option)
    box = answer(tab, FIRST, False)
    assert box.locator(".verdict").is_visible()
    moving = "all => all.filter(el => parseFloat(getComputedStyle(el).transitionDuration) > 0).length"
    if "reduced_motion" in option:
        assert tab.locator("quick-check *").evaluate_all(moving) == 0
    else:
        assert box.locator("[data-chosen]").evaluate("el => getComputedStyle(el).borderLeftStyle") == "solid"
    assert not findings(tab)
    box.scroll_into_view_if_needed()
    picture(tab, f"check-{next(iter(option))}", full_page=False)


def test_on_paper_answers_stand_at_the_end(opened):
    tab = opened(FIRST_PAGE)
    tab.evaluate(
        "() => addEventListener('beforeprint', () => { window.paper = document.querySelector('.printed')?.textContent; })"
    )
    tab.pdf()
    paper = tab.evaluate("() => window.paper")
    assert paper.count("✓ Right.") == len(CHAPTERS[FIRST_PAGE])
    assert paper.count("✗ No.") == sum(len(check.options) - 1 for check in CHAPTERS[FIRST_PAGE])
    assert tab.locator(".printed").count() == 0


def test_our_scripts_stay_small():
    """What every page loads; what a page's widgets add to it is counted in test_budgets.py."""
    scripts = (DOCS / "assets").glob("*.js")
    assert sum(len(gzip.compress(path.read_bytes())) for path in scripts) <= 10_000


# ---- a chapter marked as done

NO_CHECKS = next(page for page, checks in LESSON.items() if not checks)


def the_mark(tab):
    return tab.locator(".done").get_by_role("checkbox")


def of_chapters(tab, page: str) -> str:
    """What the navigation's circle beside a chapter says."""
    return tab.evaluate(
        """page => [...document.querySelectorAll('.md-nav--primary a.md-nav__link')]
          .find(a => a.pathname.endsWith(`/lesson/${page}`) && !a.hash).querySelector('.mark').dataset.state""",
        page,
    )


@pytest.mark.parametrize("page", LESSON, ids=name_of)
def test_each_chapter_can_be_marked(opened, page):
    """By keyboard, at its end: the circle beside it fills, the mark is kept, and can be taken back."""
    tab = opened(page)
    tab.wait_for_function(READY)
    name, box = page.rstrip("/"), the_mark(tab)
    assert box.count() == 1 and not box.is_checked() and of_chapters(tab, page) == "none"
    box.press("Space")
    tab.wait_for_function("() => document.querySelector('.done input').checked")
    assert of_chapters(tab, page) == "done" and kept(tab) == {"version": 2, "checks": {}, "chapters": {name: True}}
    assert box.evaluate("el => el === document.activeElement"), "the focus stays"
    tab.reload()
    tab.wait_for_function(READY)
    assert the_mark(tab).is_checked() and of_chapters(tab, page) == "done"
    the_mark(tab).uncheck()
    assert of_chapters(tab, page) == "none" and kept(tab)["chapters"] == {}


def test_only_chapters_have_the_mark(opened):
    for page in ("", "progress/", "certificate/", "reference/glossary/"):
        tab = opened(page)
        tab.wait_for_function("() => window.lesson && document.querySelector('.mark, .progress')")
        assert tab.locator(".done").count() == 0, page


def test_a_chapter_is_done_when_its_checks_are(opened):
    tab = opened(FIRST_PAGE)
    tab.wait_for_function(READY)
    for check in CHAPTERS[FIRST_PAGE]:
        answer(tab, check, True)
    tab.wait_for_function("() => document.querySelector('.done input').disabled")
    assert the_mark(tab).is_checked() and "This chapter is done" in tab.locator(".done").inner_text()
    assert kept(tab)["chapters"] == {}, "it follows from the checks: another right option opens it again"


def test_a_mark_takes_no_room(opened):
    """It stands where the page is free anyway, so nothing that was painted moves."""
    tab = opened(NO_CHECKS, width=360)
    tab.wait_for_selector(".done")
    with_, without = (tab.evaluate("() => document.documentElement.scrollHeight"), None)
    tab.locator(".done").evaluate("el => el.remove()")
    without = tab.evaluate("() => document.documentElement.scrollHeight")
    assert with_ == without


def test_the_way_on(opened):
    """To what is open, and once nothing is, to the certificate."""
    tab = opened(NO_CHECKS)
    tab.wait_for_selector(".done a")
    assert tab.locator(".done a").get_attribute("href").endswith("/lesson/progress/")
    everything = {"checks": {check.name: check.hash for _, check in ALL}, "chapters": {}}
    everything["chapters"] = {page.rstrip("/"): True for page, checks in LESSON.items() if not checks}
    tab.evaluate(f"() => localStorage.setItem('{KEY}', '{json.dumps({'version': 2} | everything)}')")
    tab.reload()
    tab.wait_for_selector(".done a")
    assert tab.locator(".done a").get_attribute("href").endswith("/lesson/certificate/")
    tab.locator(".done a").click()
    tab.wait_for_url("**/certificate/")


@pytest.mark.parametrize("mood", STORAGE)
def test_a_mark_where_storage_does_not_work(opened, mood):
    script, words = STORAGE[mood]
    tab = opened(NO_CHECKS)
    with_storage(tab, script)
    for wanted in (True, False, True):
        the_mark(tab).set_checked(wanted)
        tab.wait_for_function("on => document.querySelector('.done input').checked === on", arg=wanted)
        assert of_chapters(tab, NO_CHECKS) == ("done" if wanted else "none")
    tab.wait_for_selector(".kept")
    assert tab.locator(".kept").count() == 1 and words in tab.locator(".kept").text_content()
    if mood == "blocked":  # the theme's own scripts say so, and go on
        tab.watch.problems[:] = [one for one in tab.watch.problems if not one.endswith(": no")]
    if mood == "a later edition":
        assert kept(tab) == {"version": 9, "checks": {}}, "left as it is"


def test_the_version_before_had_no_marks(opened):
    """Migration from one to two: checks stay done, and marks are added to them."""
    tab = opened(NO_CHECKS)
    with_storage(
        tab,
        f"sessionStorage.x ||= localStorage.setItem('{KEY}', JSON.stringify({{version: 1, checks: {{'{FIRST.name}': '{FIRST.hash}'}}}})) || 1;",
    )
    assert tab.locator(".progress").first.text_content().startswith("1 of")
    the_mark(tab).check()
    tab.wait_for_function("() => document.querySelector('.done input').checked")
    assert kept(tab) == {
        "version": 2, "checks": {FIRST.name: FIRST.hash}, "chapters": {NO_CHECKS.rstrip("/"): True},
    }  # fmt: skip


def test_marks_in_two_tabs(opened):
    tab = opened(NO_CHECKS)
    tab.wait_for_function(READY)
    other = tab.context.new_page()
    other.goto(tab.url.replace(NO_CHECKS, FIRST_PAGE))
    other.wait_for_function(READY)
    the_mark(tab).check()
    other.wait_for_function("() => document.querySelector('.md-nav--primary .mark[data-state=done]')")
    the_mark(other).check()
    tab.wait_for_function("() => document.querySelectorAll('.md-nav--primary a > .mark[data-state=done]').length >= 2")
    assert set(kept(tab)["chapters"]) == {NO_CHECKS.rstrip("/"), FIRST_PAGE.rstrip("/")}
    the_mark(tab).uncheck()
    other.wait_for_function(
        "() => document.querySelectorAll('.md-nav--primary a > .mark[data-state=done]').length === 1"
    )


def test_progress_lists_chapters(opened):
    """Each with its circle and a link; exported, forgotten and imported with the checks."""
    tab = opened(NO_CHECKS)
    tab.wait_for_function(READY)
    the_mark(tab).check()
    tab.goto(tab.url.replace(NO_CHECKS, "progress/"))
    tab.wait_for_selector("lora-progress .progress")
    states = tab.locator("[data-chapter]").evaluate_all(
        "all => all.map(el => [new URL(el.querySelector('h2 a').href).pathname, el.querySelector('h2 .mark').dataset.state])"
    )
    assert states == [[f"/lesson/{page}", "done" if page == NO_CHECKS else "none"] for page in LESSON]
    assert tab.locator("lora-progress .progress").all_text_contents() == [
        f"0 of {len(ALL)} checks done", f"1 of {len(LESSON)} chapters done",
    ]  # fmt: skip
    tab.once("dialog", lambda dialog: dialog.accept())
    tab.get_by_role("button", name="Reset").press("Enter")
    tab.wait_for_function("() => !document.querySelector('[data-chapter] .mark[data-state=done]')")
    assert kept(tab) == {"version": 2, "checks": {}, "chapters": {}}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
def test_a_marked_chapter_can_be_read(opened, picture, width, scheme):
    tab = opened(NO_CHECKS, width=width, scheme=scheme)
    tab.wait_for_selector(".done")
    the_mark(tab).check()
    tab.locator(".done").scroll_into_view_if_needed()
    picture(tab, f"done-{width}-{scheme}", full_page=False)
    problems = [*findings(tab), *tab.evaluate(OVERFLOW), *tab.evaluate(CONTRAST)["found"]]
    assert not problems, "\n".join(problems)
    assert tab.locator(".done label").bounding_box()["height"] >= 24


def test_a_mark_in_forced_colors_and_print(opened, picture):
    tab = opened(NO_CHECKS, forced_colors="active")
    tab.wait_for_selector(".done")
    the_mark(tab).check()
    picture(tab, "done-forced")
    tab.emulate_media(media="print")
    assert not tab.locator(".done").is_visible()
