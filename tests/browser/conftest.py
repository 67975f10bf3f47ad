"""A context with its own storage for each test."""

import pytest

from browser.serving import SCREENSHOTS, Watch


@pytest.fixture
def opened(chromium, address):
    """opened("rank/", width=360): a page of the site, and afterwards the proof that nothing went wrong on it."""
    contexts, watches = [], []

    def open_(page="", width=1440, height=None, scheme="light", ready=True, **options):
        phone = width < 600
        context = chromium.new_context(
            viewport={"width": width, "height": height or (740 if phone else 900)},
            color_scheme=scheme,
            has_touch=phone,
            is_mobile=phone,
            **options,
        )
        context.set_default_timeout(60_000)
        contexts.append(context)
        watches.append(Watch(context, address))
        tab = context.new_page()
        tab.watch = watches[-1]
        tab.goto(address + page)
        if ready and options.get("java_script_enabled", True):
            is_ready(tab)
        return tab

    yield open_
    for context in contexts:
        context.close()
    problems = [problem for watch in watches for problem in watch.problems]
    assert not problems, problems


def is_ready(tab):
    """Our script has seen this page: its "where from?" links are buttons (the 404 page has none)."""
    tab.wait_for_function(
        "() => window.document$ && [...document.querySelectorAll('a.from')].every(el => el.hasAttribute('aria-expanded'))"
    )
    tab.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def search_ready(tab):
    """The theme has read the search index."""
    tab.wait_for_function(
        "() => !/nitializing/.test(document.querySelector('.md-search-result__meta').textContent)", timeout=60_000
    )


@pytest.fixture(scope="session")
def picture():
    """Keep a screenshot for whoever looks at the test run."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    def keep(tab, name, **options):
        tab.screenshot(path=str(SCREENSHOTS / f"{name}.png"), **({"full_page": True} | options))

    return keep
