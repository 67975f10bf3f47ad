"""The whole lesson on paper: every chapter, figure, answer and source, no id twice, nothing cut, and each number's reference."""

import re

import pytest

from browser.serving import DOCS, name_of
from browser.test_checks import ALL, CHAPTERS, LESSON
from browser.test_pages import findings
from lora_ref.site import glossary
from lora_ref.site.project import find_project

PAGE = "progress/"
BUTTON = "Print the whole lesson"
PAPER = 680  # px: an A4 sheet without its margins
ORDER = ["", *LESSON, *(f"answers/{page}" for page in CHAPTERS), "reference/glossary/"]


def made(tab):
    """The document as it stands when the dialog opens."""
    tab.wait_for_function("() => customElements.get('lora-handout')")
    tab.evaluate("() => { window.print = () => { window.asked = (window.asked || 0) + 1; }; }")
    tab.get_by_role("button", name=BUTTON).press("Enter")
    tab.wait_for_function("() => window.asked")
    return tab


@pytest.fixture
def paper(opened):
    tab = made(opened(PAGE, width=PAPER, scheme="dark"))
    tab.emulate_media(media="print", color_scheme="dark")
    return tab


SHAPE = """el => Object.fromEntries(['h1', 'h2', 'h3', 'p', 'figure', 'svg', 'table', 'pre', 'dt', 'dd', 'legend', '.option', 'a.num',
  '.ledger li', '.sources li', '.katex', 'details'].map(kind => [kind, el.querySelectorAll(`${kind}:not(.foot, .row, .verdict)`).length]))"""


def test_every_part_of_every_page(opened, paper):
    """In order: the first page, the chapters, their answers, the glossary; and of each all that its page has."""
    parts = paper.locator(".handout > article")
    names = [f"{name_of(page.removeprefix('reference/'))}-top" for page in ORDER]
    assert parts.evaluate_all("all => all.map(el => el.id)") == names
    for at, page in enumerate(ORDER):
        shape = parts.nth(at).evaluate(SHAPE)
        original = opened(page, java_script_enabled=False)
        wanted = original.locator("article").evaluate(SHAPE)
        if not page:
            wanted["p"] += 1  # when and from where it was printed
        assert shape == wanted, page
        heading = original.locator("h1").inner_text()
        assert parts.nth(at).locator("h1").inner_text() == heading
        original.context.close()


def test_all_answers(paper):
    text = paper.locator(".handout").inner_text()
    assert text.count("✓ Right.") == len(ALL)
    assert text.count("✗ No.") == sum(len(check.options) - 1 for _, check in ALL)
    for page, check in ALL:
        assert paper.locator(f"[id='answers-{page.rstrip('/')}-{check.name}']").count() == 1
    assert paper.locator(".handout dl dt[id^=glossary-]").count() == len(glossary.terms(find_project(DOCS)))


def test_ids_and_links(paper):
    """No id twice in the whole page; a link between chapters leads to its place in this document, any other to the web."""
    twice, dangling, relative = paper.evaluate("""() => {
      const ids = [...document.querySelectorAll('[id]')].map(el => el.id);
      const links = [...document.querySelectorAll('.handout a[href]')].map(a => a.getAttribute('href'));
      const refers = [...document.querySelectorAll('.handout [for], .handout [aria-labelledby], .handout [aria-describedby]')]
        .flatMap(el => ['for', 'aria-labelledby', 'aria-describedby'].flatMap(name => (el.getAttribute(name) || '').split(' ')).filter(Boolean));
      return [ids.filter((id, at) => ids.indexOf(id) !== at),
        [...links.filter(href => href.startsWith('#')).map(href => href.slice(1)), ...refers].filter(id => !document.getElementById(id)),
        links.filter(href => !/^(#|https?:|mailto:)/.test(href))];
    }""")
    assert (twice, dangling, relative) == ([], [], [])
    pages = [page for page in ORDER if page]
    host = paper.url.partition("/lesson/")[0]
    for href in paper.locator(".handout a[href]").evaluate_all("all => all.map(a => a.getAttribute('href'))"):
        inside = href.removeprefix(f"{host}/lesson/").partition("#")[0]
        assert not href.startswith(host) or inside not in pages, f"{href} leads out of the document, to a part of it"


def test_every_number_says_where_from(paper):
    """The small figure beside it is the place in the list at the end of the same chapter, and that list is open."""
    wrong = paper.evaluate("""() => [...document.querySelectorAll('.handout article a.num')].filter(a => {
      const entry = document.getElementById(a.hash.slice(1)), list = entry && [...entry.parentElement.children];
      return !entry || entry.closest('article') !== a.closest('article') || !entry.getClientRects().length
        || getComputedStyle(a, '::after').content !== `"${list.indexOf(entry) + 1}"`
        || !entry.textContent.includes(a.textContent.trim());
    }).map(a => a.outerHTML)""")
    assert wrong == []
    answers = paper.evaluate("""() => [...document.querySelectorAll('.handout check-answers dd')]
      .filter(dd => dd.querySelector('data.num') && !/^[\\d, ]+$/.test(dd.querySelector('.refs')?.textContent)).map(dd => dd.outerHTML)""")
    assert answers == []


def test_nothing_is_cut(paper, picture):
    """At the width of the sheet: no part is wider, all folds are open, nothing is left that could be pressed."""
    found = paper.evaluate("""() => {
      const parts = [...document.querySelectorAll('.handout *')], shows = el => el.getClientRects().length;
      return {
        wide: parts.filter(el => el.getBoundingClientRect().right > innerWidth + 1 && !el.closest('.katex-mathml, .katex svg'))
          .map(el => el.outerHTML.slice(0, 100)).slice(0, 5),
        cut: parts.filter(el => el.matches('pre, pre code, table, svg, .scroll') && el.clientWidth && el.scrollWidth > el.clientWidth + 1)
          .map(el => el.outerHTML.slice(0, 100)).slice(0, 5),
        closed: parts.filter(el => el.matches('details > :not(summary)') && !shows(el)).length,
        pressed: parts.filter(el => el.matches('button, select, .from, .foot') && shows(el)).length,
        beside: [...document.querySelectorAll('body > :not(.paper)')].filter(shows).length,
        paper: getComputedStyle(document.querySelector('.handout')).getPropertyValue('--paper').trim(),
      };
    }""")
    assert found == {"wide": [], "cut": [], "closed": 0, "pressed": 0, "beside": 0, "paper": "#fff"}
    for at, page in enumerate(ORDER):
        part = paper.locator(".handout > article").nth(at)
        part.screenshot(path=str(DOCS.parent / "artifacts" / "screenshots" / f"handout-{at:02}-{name_of(page)}.png"))


def test_the_pages(paper, tmp_path):
    """Each chapter, the answers and the glossary begin on a page of their own; the page on the screen comes back."""
    starts = paper.locator(".handout > article").evaluate_all("all => all.map(el => getComputedStyle(el).breakBefore)")
    assert starts == [
        "page" if page in (*LESSON, f"answers/{next(iter(CHAPTERS))}", "reference/glossary/") else "auto"
        for page in ORDER
    ]
    pdf = paper.pdf(format="A4", prefer_css_page_size=True, path=tmp_path / "handout.pdf")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) > len(ORDER)
    assert paper.locator(".handout").count() == 0
    paper.emulate_media(media="screen")
    assert paper.locator("h1").is_visible() and paper.locator("lora-handout [role=status]").text_content() == ""
    made(paper)  # and once more
    assert paper.evaluate("() => window.asked") >= 1


def test_it_is_read_aloud_by_nobody(opened):
    """While the dialog is open the document on the screen is as it was."""
    tab = made(opened(PAGE))
    assert not tab.locator(".handout h1").first.is_visible() and tab.locator("main h1").is_visible()
    assert not findings(tab)


def test_from_the_first_page(opened):
    tab = opened("")
    tab.get_by_role("link", name="the whole lesson on paper").click()
    tab.wait_for_url("**/progress/#print")
    made(tab)
    assert tab.locator(".handout > article").count() == len(ORDER)


def test_a_chapter_that_cannot_be_loaded(opened):
    """No handout with a gap."""
    tab = opened(PAGE)
    tab.wait_for_function("() => customElements.get('lora-handout')")
    tab.route(f"**/lesson/{next(iter(LESSON))}", lambda route: route.abort())
    tab.evaluate("() => { window.print = () => { window.asked = 1; }; }")
    tab.get_by_role("button", name=BUTTON).click()
    tab.wait_for_function(
        "() => document.querySelector('lora-handout [role=status]').textContent.includes('could not be loaded')"
    )
    assert tab.evaluate("() => window.asked") is None and tab.locator(".handout").count() == 0
    tab.watch.problems.clear()  # the browser says that the request failed
    tab.unroute("**/*")
    tab.unroute_all()
    made(tab)


def test_from_a_file(chromium, site):
    tab = chromium.new_page()
    tab.goto((site / PAGE / "index.html").as_uri())
    tab.get_by_role("button", name=BUTTON).click()
    assert "From a file" in tab.locator("lora-handout [role=status]").inner_text()
    tab.close()


def test_without_javascript(opened):
    tab = opened(PAGE, java_script_enabled=False)
    assert "Each of them prints on its own" in tab.locator("lora-handout").inner_text()
    assert tab.get_by_role("button", name=BUTTON).count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
def test_states(opened, picture, width, scheme):
    tab = opened(PAGE, width=width, scheme=scheme)
    tab.wait_for_function("() => customElements.get('lora-handout')")
    picture(tab, f"handout-button-{width}-{scheme}")
    assert not findings(tab)
    assert tab.get_by_role("button", name=BUTTON).bounding_box()["height"] >= (44 if width < 600 else 36)
