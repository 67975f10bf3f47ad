"""Old addresses: each leads to a page in both builders, and no page of the past is gone without one."""

import re
import subprocess

import pytest
from browser.serving import ROOT, SITE_URL, mkdocs, serve
from test_builders import copy, zensical
from throwaway import make_project

from lora_ref.site import redirects
from lora_ref.site.gate import gate
from lora_ref.site.lint import lint
from lora_ref.site.project import Project, find_project


@pytest.fixture
def moved(tmp_path) -> Project:
    """Our source, in which two pages were renamed."""
    project = Project(copy(tmp_path))
    (project.root / redirects.TABLE).write_text("old-rank: rank\nold/records: reference/records\n", encoding="utf-8")
    redirects.write(project)
    return project


@pytest.mark.parametrize("builder", ["mkdocs", "zensical"])
def test_old_addresses_lead_on(moved, chromium, builder):
    """With a script the fragment goes along; without one the page leads on just the same; the gate has no objection."""
    build = mkdocs if builder == "mkdocs" else zensical
    result = build(cwd=moved.root, SITE_URL=SITE_URL) if builder == "mkdocs" else build(moved.root, SITE_URL=SITE_URL)
    assert result.returncode == 0, result.stdout + result.stderr
    site = moved.root / "site"
    for old, new in redirects.table(moved).items():
        html = (site / old / "index.html").read_text(encoding="utf-8")
        target = re.search(r'<a href="([^"]+)"', html)
        assert target and (site / old / target[1] / "index.html").resolve() == (site / new / "index.html").resolve()
    if builder == "mkdocs":
        assert [finding for finding in gate(moved, site) if "old" in finding] == []
    with serve(site) as address:
        for script in (True, False):
            tab = chromium.new_context(java_script_enabled=script).new_page()
            tab.goto(f"{address}old-rank/#check")
            tab.wait_for_url(f"{address}rank/#check" if script else f"{address}rank/")
            assert tab.locator("h1").first.is_visible()
            tab.context.close()


def test_ours_are_as_the_table_says():
    assert list(redirects.check(find_project())) == []


def test_no_page_of_the_past_is_gone():
    """Who renames a page writes down where it went."""
    git = ["git", "-C", str(ROOT), "log", "--format=", "--name-only", "--diff-filter=AR", "--", "docs/*.md"]
    result = subprocess.run(git, capture_output=True, text=True)
    if result.returncode or not result.stdout:
        pytest.skip("the history of this source is not here")
    project = find_project()
    once = {line.removeprefix("docs/").removesuffix(".md") for line in result.stdout.split("\n") if line}
    now = {path.relative_to(project.docs).with_suffix("").as_posix() for path in project.docs.rglob("*.md")}
    assert once - now - redirects.table(project).keys() == set(), "put it into docs/redirects.yml"


WRONG = {
    "nowhere": ("gone: toys\n", "docs/redirects.yml:1:1: expected a page of docs/ after gone, got 'toys'"),
    "a page": ("a: toy\ntoy: index\n", "docs/redirects.yml:2:1: expected a page that is gone, got 'toy', which is one"),
}


@pytest.mark.parametrize("what", WRONG)
def test_lint_says_what_is_wrong(tmp_path, what):
    text, message = WRONG[what]
    project = make_project(tmp_path)
    (project.root / redirects.TABLE).write_text(text)
    redirects.write(project)
    assert any(finding.startswith(message) for finding in lint(project)[0])


def test_lint_wants_the_pages_written(tmp_path):
    project = make_project(tmp_path)
    (project.root / redirects.TABLE).write_text("old: toy\n")
    assert any("docs/old/index.html:1:1: expected what docs/redirects.yml says" in one for one in lint(project)[0])
    [page] = redirects.write(project)
    assert not any("old/index.html" in one for one in lint(project)[0])
    (project.root / redirects.TABLE).write_text("")
    assert any("docs/old/index.html:1:1: expected what docs/redirects.yml says" in one for one in lint(project)[0])
    assert redirects.write(project) == [] and not page.exists()
