"""Two builders read the same source: they print the same text and numbers, and stop at the same mistakes."""

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from browser.serving import CHAPTERS, PAGES, ROOT, SITE_URL, built_site, mkdocs, name_of, once

COPIED = ("docs", "overrides", "snippets", "lora_ref", "tests", "mkdocs.yml", "pyproject.toml", "corpus.txt")


def copy(folder: Path) -> Path:
    """The source, to build without touching ours and to break."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.safetensors")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored, dirs_exist_ok=True)
            for weights in (ROOT / name).rglob("*.safetensors"):  # large, and never written to
                (folder / weights.relative_to(ROOT)).symlink_to(weights)
        elif (ROOT / name).exists():
            shutil.copy2(ROOT / name, folder / name)
    return folder


def zensical(folder: Path, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [Path(sys.executable).with_name("zensical"), "build", "--clean", "--strict"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def build_both(folder: Path) -> None:
    copy(folder)
    result = zensical(folder, SITE_URL=SITE_URL)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="session")
def sites(tmp_path_factory) -> tuple[Path, Path]:
    """What MkDocs and what Zensical makes, both under a sub-path."""
    return built_site(tmp_path_factory), once(tmp_path_factory, "zensical", build_both) / "site"


class Article(HTMLParser):
    """The text of <article> and its numbers, in order."""

    VOID = {"br", "hr", "img", "input", "link", "meta", "wbr", "source", "area", "base", "col", "embed", "track"}

    def __init__(self, html: str):
        super().__init__()
        self.depth = self.skipped = 0
        self.words, self.numbers, self.links = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "article":
            self.depth = 1
        elif self.depth and tag not in self.VOID:
            self.depth += 1
        if not self.depth:
            return
        left_out = tag in ("button", "style", "script") or "headerlink" in (attrs.get("class") or "")
        if tag not in self.VOID and (self.skipped or left_out):
            self.skipped += 1
        if tag == "data":
            self.numbers.append(attrs.get("value"))
        if tag in ("p", "li", "td", "th", "h1", "h2", "h3", "div", "figure", "br", "tr", "pre", "summary", "span"):
            self.words.append(" ")
        if tag == "a" and not self.skipped and "href" in attrs:
            self.links.append(attrs["href"])

    def handle_endtag(self, tag):
        if self.depth and tag not in self.VOID:
            self.depth = 0 if tag == "article" else self.depth - 1
            self.skipped = max(0, self.skipped - 1)

    def handle_data(self, data):
        if self.depth and not self.skipped:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def article(site: Path, page: str) -> Article:
    found = Article((site / page / "index.html").read_text(encoding="utf-8"))
    assert found.text and not found.depth
    return found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_same_text_and_numbers(sites, page):
    """No exceptions: every word and every number of every article."""
    ours, theirs = (article(site, page) for site in sites)
    assert theirs.numbers == ours.numbers
    assert theirs.text == ours.text
    assert len(ours.numbers) > 5 or page not in CHAPTERS


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_under_a_sub_path_every_link_is_relative(sites, page):
    """Nothing in an article points to the top of the host."""
    for site in sites:
        found = article(site, page)
        assert [link for link in found.links if link.startswith("/")] == []
        for link in found.links:
            if re.match(r"[a-z]+:", link):
                continue
            target = (site / page / link.partition("#")[0]).resolve()
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), (page, link)
            anchor = link.partition("#")[2]
            if anchor and target.suffix == ".html":
                assert f'id="{anchor}"' in target.read_text(encoding="utf-8"), (page, link)


@pytest.mark.parametrize("page", CHAPTERS, ids=name_of)
def test_no_mark_is_left(sites, page):
    for site in sites:
        html = (site / page / "index.html").read_text(encoding="utf-8")
        assert "{{" not in html and "\ue000" not in html


# ---- what stops both

BROKEN = {
    "a broken mark": ("{{ valeu rank/loss_by_rank.loss_rank_4_nats }}", "expected value, calc, quote, given"),
    "a literal in disguise": ("{{ calc count.lora(64, 64, rank=4) ,d }}", "expected names, got the literal"),
    "an unknown name": ("{{ value rank/loss_by_rank.loss_rank_5_nats .3f }}", "has no value 'loss_rank_5_nats'"),
    "a broken formula": (r"$\frozen{W_0$", "a formula is broken"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_mistake_stops_both_builders(tmp_path, what):
    """One line that names file and line; MkDocs prints no traceback."""
    mark, message = BROKEN[what]
    copy(tmp_path)
    chapter = tmp_path / "docs" / "mistake.md"
    chapter.write_text(f"---\ntitle: A mistake\n---\n# A mistake\n\nFine so far.\n\nHere: {mark}.\n", encoding="utf-8")
    config = tmp_path / "mkdocs.yml"
    config.write_text(
        config.read_text(encoding="utf-8").replace("nav:\n  - Start", "nav:\n  - Mistake: mistake.md\n  - Start")
    )
    for name, result in (
        ("mkdocs", mkdocs("--site-dir", str(tmp_path / "out"), cwd=tmp_path)),
        ("zensical", zensical(tmp_path)),
    ):
        said = result.stdout + result.stderr
        assert result.returncode != 0, (name, said)
        assert message in said, (name, said)
        place = "docs/mistake.md" if what == "a broken formula" else "docs/mistake.md:8"
        assert place in said, (name, said)
        if name == "mkdocs":
            wall = [line for line in said.splitlines() if line.strip() and not line.startswith("INFO")]
            assert "Traceback" not in said and len(wall) <= 4, said


# ---- no stale number


def test_a_changed_record_shows_at_once(tmp_path):
    """Both builders, built twice: after a record changed, the second build shows the new value."""
    from lora_ref.site.record import load_record, save_record

    records = copy(tmp_path) / "docs" / "records"
    shown = {}
    for turn, share in enumerate((None, 0.123456)):
        if share:
            record = load_record(records, "digits/ten_seconds")
            record["values"]["accuracy_rank_4"] = share
            save_record(records, record)
        for build in ("mkdocs", "zensical"):
            result = mkdocs(cwd=tmp_path) if build == "mkdocs" else zensical(tmp_path)
            assert result.returncode == 0, result.stdout + result.stderr
            shown[build, turn] = article(tmp_path / "site", "lora/")
    for build in ("mkdocs", "zensical"):
        before, after = shown[build, 0], shown[build, 1]
        assert "12.3%" not in before.text and "12.3%" in after.text
        assert "0.123456" in after.numbers
    assert json.dumps(shown["mkdocs", 1].numbers) == json.dumps(shown["zensical", 1].numbers)
