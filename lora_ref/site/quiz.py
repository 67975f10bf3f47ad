"""Checks: a question, three to five options, a reason for each, one of them right; written on a chapter's page.

    ::: check which-half-of-a-start
    Why may not both matrices start at zero?

    - [ ] layer: The layer would no longer start as the old one.
      : It would: the product is zero either way.
    - [x] still: Neither would ever move.
      : The gradient of each is a product with the other.
    - [ ] scale: The scale would be a division by zero.
      : The rank is what is divided by.
    :::

The name after `check` and the word before each option's colon are stable: what a reader has done is kept under
them, so that a mended typo loses nothing and another right option asks again. The chapter's page shows questions and
options alone. Verdicts and reasons stand on docs/answers/<chapter>.md, which holds `{{ answers <chapter> }}`.
"""

import hashlib
import html
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree as etree

from lora_ref.site import blocks
from lora_ref.site.math import letters
from lora_ref.site.numbers import MARK, MarkError, Page, Site, heading
from lora_ref.site.project import Project

FEWEST, MOST = 3, 5
ANSWERS = "answers/"
RIGHT, WRONG = "✓ Right.", "✗ No."

FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*\n.*?^[ \t]*\1[ \t]*$", re.M | re.S)
COMMENT = re.compile(r"<!--.*?-->", re.S)
START = re.compile(r"^:::[ \t]*(?P<kind>[a-z]+)[ \t]*(?P<name>[^\n]*?)[ \t]*$", re.M)
END = re.compile(r"^:::[ \t]*$", re.M)
OPTION = re.compile(
    r"[ ]{0,3}- (?P<box>\[(?P<right>[ xX]?)\](?:[ ]+(?P<key>[a-z]+(?:-[a-z]+)*):(?=\s|$))?)[ ]*(?P<text>.*)$"
)
REASON = re.compile(r"[ ]*:[ ]+(?P<text>.*)$")
NAME = re.compile(r"[a-z]+(?:-[a-z]+)*")
ANSWERS_MARK = re.compile(r"^\{\{\s*answers\s+(?P<page>[\w/-]+)\s*\}\}[ \t]*$", re.M)
LINK = re.compile(r"\]\(|\]\[|<a\b", re.I)
CLAIM = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\{\s*\.claim\s+#[a-z0-9-]+\s*\}")


@dataclass
class Words:
    """A stretch of the page's Markdown: where its first and last line stand, and its words in one line."""

    start: int
    end: int
    text: str = ""

    def add(self, start: int, end: int, text: str) -> None:
        self.end = end
        self.text = f"{self.text} {text.strip()}".strip()


@dataclass
class Option:
    key: str
    right: bool
    start: int
    words: Words
    reason: Words | None = None


@dataclass
class Check:
    name: str
    start: int
    end: int
    question: Words
    options: list[Option] = field(default_factory=list)
    kind: str = "check"
    of: str = ""  # the chapter, where its answer is shown
    problems: list[tuple[int, str]] = field(default_factory=list)  # (place, what was expected, what came)
    syntax: list[tuple[int, int]] = field(default_factory=list)  # what no reader sees: the fence, boxes and keys

    @property
    def hash(self) -> str:
        """Changes with the right option, and with no word of any option."""
        right = ",".join(option.key for option in self.options if option.right)
        return hashlib.sha256(f"{self.name}\n{right}".encode()).hexdigest()[:12]

    @property
    def label(self) -> str:
        """The name in words."""
        return self.name.replace("-", " ").capitalize()


def parse(text: str) -> list[Check]:
    """The checks of a page, in order; what is wrong with one is in its problems."""
    text = FENCE.sub(_blank, text)
    found, at = [], 0
    while match := START.search(text, at):
        end = END.search(text, match.end())
        following = START.search(text, match.end())
        if end is None or (following and following.start() < end.start()):
            check = Check(match["name"], match.start(), match.end(), Words(match.end(), match.end()))
            check.problems.append(
                (match.start(), "expected ::: on a line of its own after the last option, found none; close the check")
            )
            check.syntax.append(match.span())
            at = match.end()
        else:
            check = _check(text, match, end)
            at = end.end()
        found.append(check)
    return found


def _blank(match: re.Match) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def _check(text: str, opening: re.Match, closing: re.Match) -> Check:
    start, end = opening.end(), closing.start()
    name, _, of = opening["name"].partition(" ") if opening["kind"] == "answer" else (opening["name"], "", "")
    check = Check(name, opening.start(), closing.end(), Words(start, start), kind=opening["kind"], of=of)
    check.syntax += [opening.span(), closing.span()]
    at, part = start, check.question
    for line in COMMENT.sub(_blank, text[start:end]).split("\n"):
        line_end = at + len(line)
        if match := OPTION.match(line):
            box = at + match.start("box")
            part = Words(at + match.start("text"), line_end, match["text"].strip())
            check.options.append(Option(match["key"] or "", (match["right"] or "").lower() == "x", box, part))
            check.syntax.append((box, at + match.end("box")))
        elif (match := REASON.match(line)) and check.options:
            option = check.options[-1]
            if option.reason is None:
                option.reason = part = Words(at + match.start("text"), line_end)
            part.add(at, line_end, match["text"])
        elif line.strip():
            if not part.text:
                part.start = at
            part.add(at, line_end, line)
        at = line_end + 1
    check.problems += _problems(check)
    return check


def _problems(check: Check) -> Iterator[tuple[int, str]]:
    if check.kind not in ("check", "answer"):
        yield check.start, f"expected ::: check and a name, got ::: {check.kind}; write ::: check why-it-is-so"
    if not NAME.fullmatch(check.name):
        yield (
            check.start,
            f"expected a name of small letters and hyphens after ::: check, got {check.name!r}; it stays for good, "
            "since what readers have done is kept under it",
        )
    if "?" not in check.question.text:
        yield check.start, "expected a question, got no question mark before the first option; ask why, or which breaks"
    if not FEWEST <= len(check.options) <= MOST:
        yield check.start, f"expected three to five options, each as - [ ] word: text, got {len(check.options)}"
    right = sum(option.right for option in check.options)
    if right != 1:
        yield check.start, f"expected one right option, marked [x], got {right}; mark one"
    reasons = [option.reason for option in check.options if option.reason]
    for words in [check.question, *(option.words for option in check.options), *reasons]:
        if LINK.search(words.text):
            yield (
                words.start,
                "expected words without a link in a check, got one: it shows on two pages; put it in the text",
            )
    keys: set[str] = set()
    for option in check.options:
        if not option.key:
            yield (
                option.start,
                "expected a word and a colon before the option, as in - [ ] still: Neither moves; add one",
            )
        elif option.key in keys:
            yield option.start, f"expected another word for each option, got {option.key!r} again; rename one"
        keys.add(option.key)
        if not option.words.text:
            yield option.start, "expected the option's text after its word, found none; write it"
        if option.reason is None or not option.reason.text:
            yield (
                option.start,
                "expected a reason on the line below the option, as in : Because …, found none; say why it is right "
                "or what is wrong in it",
            )


# ---- chapters


@dataclass(frozen=True)
class Chapter:
    name: str  # "rank" for docs/rank.md
    title: str
    text: str
    checks: tuple[Check, ...]


def chapter(project: Project, name: str) -> Chapter:
    path = project.docs / f"{name}.md"
    if not path.is_file():
        raise MarkError(f"expected a page of docs/, got {name!r}; name the chapter, as in answers rank")
    text = path.read_text(encoding="utf-8")
    return Chapter(name, heading(text) or name, text, tuple(parse(text)))


LESSON = re.compile(r'<div class="lesson"[^>]*>(.*?)</div>', re.S)  # on the first page
LISTED = re.compile(r"^\d+\. .*?\]\(([\w-]+)\.md\)", re.M)


def chapters(project: Project) -> list[Chapter]:
    """The chapters that the first page lists, and every page with checks, in the order of the navigation."""
    first = project.docs / "index.md"
    lesson = LESSON.search(first.read_text(encoding="utf-8")) if first.is_file() else None
    listed = LISTED.findall(lesson[1]) if lesson else []
    config = project.root / "mkdocs.yml"
    nav = re.findall(r":\s*([\w/-]+)\.md\s*$", config.read_text(encoding="utf-8"), re.M) if config.exists() else []
    names = [path.relative_to(project.docs).with_suffix("").as_posix() for path in sorted(project.docs.rglob("*.md"))]
    names.sort(key=lambda name: nav.index(name) if name in nav else len(nav))
    return [found for name in names if (found := chapter(project, name)).checks or name in listed]


def answered(text: str) -> list[str]:
    """The chapters whose answers a page holds."""
    return [match["page"] for match in ANSWERS_MARK.finditer(FENCE.sub(_blank, text))]


def page(site: Site, name: str, text: str) -> Page:
    """The page, in which the marks of the checks that it answers mean what they mean in their chapter."""
    made = Page(site, name, text)
    made.context = "\n\n".join(
        chapter(site.project, one).text for one in answered(text) if (site.project.docs / f"{one}.md").is_file()
    )
    return made


def with_answers(project: Project, text: str) -> str:
    """Markdown in which each `answers` mark is the checks of its chapter, to be shown with verdicts and reasons."""

    def checks(match: re.Match) -> str:
        found = chapter(project, match["page"])
        if not found.checks:
            raise MarkError(f"expected checks in docs/{found.name}.md, found none; write one, or remove this page")
        shown = [found.text[check.start : check.end] for check in found.checks]
        return "\n\n".join(START.sub(rf"::: answer \g<name> {found.name}", one, count=1) for one in shown)

    return ANSWERS_MARK.sub(checks, text)


# ---- what a check becomes


# Two ways to the top of the site: `top` from the page's address, as a script goes; `links` as this builder wants links.


def element(check: Check, page_name: str, top: str, links: str, stash) -> etree.Element:
    """The form of a chapter's page, or the verdicts and reasons of the page of answers."""
    return _form(check, page_name, top, links, stash) if check.kind == "check" else _answer(check, links, stash)


def _form(check: Check, page_name: str, top: str, links: str, stash) -> etree.Element:
    answers = f"{ANSWERS}{page_name}/"
    box = etree.Element("div", {"class": "widget", "id": f"check-{check.name}", "data-search-exclude": ""})
    quick = etree.SubElement(box, "quick-check", {"data-check": check.name, "data-answers": f"{top}{answers}"})
    form = etree.SubElement(quick, "form")
    group = etree.SubElement(form, "fieldset")
    etree.SubElement(group, "legend").text = check.question.text
    for option in check.options:
        label = etree.SubElement(etree.SubElement(group, "div", {"class": "option"}), "label")
        etree.SubElement(label, "input", {"type": "radio", "name": check.name, "value": option.key})
        etree.SubElement(label, "span").text = option.words.text
    form[-1].tail = stash(
        '<p class="row"><button type="submit" class="solid" hidden disabled>Check</button> '
        '<button type="reset" class="quiet" hidden>Try again</button> '
        f'<a href="{links}{answers}#{check.name}">All answers, with reasons</a></p><p class="verdict" role="status"></p>'
    )
    return box


def _answer(check: Check, links: str, stash) -> etree.Element:
    section = etree.Element("section")
    # The contents name a section by its check's name: a formula has no place there.
    title = etree.SubElement(section, "h2", {"id": check.name, "data-toc-label": check.label})
    title.text = check.question.text
    answers = etree.SubElement(section, "check-answers", {"data-check": check.name, "data-hash": check.hash})
    listed = etree.SubElement(answers, "dl")
    for option in check.options:
        term = etree.SubElement(
            listed, "dt", {"data-option": option.key, "data-right": "yes" if option.right else "no"}
        )
        term.text = option.words.text
        reason = etree.SubElement(listed, "dd")
        verdict = etree.SubElement(reason, "b")
        verdict.text = RIGHT if option.right else WRONG
        verdict.tail = f" {option.reason.text if option.reason else ''}"
    # As finished HTML: a builder would take the address for one of a file.
    answers.tail = stash(f'<p><a href="{links}{check.of}/#check-{check.name}">Back to the question</a></p>')
    return section


def list_of_checks(site: Site, top: str, links: str) -> str:
    """Every chapter with its checks: what a reader sees on the page of progress, and what the scripts read.

    `data-of` names this set of checks: it changes when one comes, goes, or has another right option.
    """
    found = chapters(site.project)
    name = hashlib.sha256("".join(check.hash for one in found for check in one.checks).encode()).hexdigest()[:8]
    out = [f'<div class="checks" data-version="{version(site.project)}" data-of="{name}">']
    for one in found:
        of = Page(site, one.name, one.text)
        address = "" if one.name == "index" else f"{one.name}/"
        title = f'<h2><a href="{links}{address}">{plain(site, of, one.title)}</a></h2>'
        out.append(f'<section data-chapter="{top}{address}" data-name="{one.name}">{title}')
        out.append("<ul>" if one.checks else "")
        out += [
            f'<li data-check="{check.name}" data-hash="{check.hash}"><a href="{links}{address}#check-{check.name}">'
            f"{plain(site, of, check.question.text)}</a></li>"
            for check in one.checks
        ]
        out.append("</ul></section>" if one.checks else "</section>")
    return "".join(out) + "</div>"


def version(project: Project) -> str:
    """The lesson's version, which pyproject.toml alone states."""
    path = project.root / "pyproject.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))["project"]["version"] if path.is_file() else ""


def plain(site: Site, page: Page, words: str) -> str:
    """HTML of a sentence without its links, emphasis and formulas; a symbol stays as its letters."""
    words = letters(CLAIM.sub(r"\1", words))
    words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", words)
    names = re.compile("|".join(rf"(?<![\w-]){re.escape(name)}(?![\w])" for name in site.names) or "(?!)")
    out, at = [], 0
    for match in [*MARK.finditer(words), None]:
        text = re.sub(r"[*`]|(?<!\w)_|_(?!\w)|<[^>]*>", "", words[at : match.start() if match else len(words)])
        text, last = html.escape(html.unescape(text), quote=False), 0
        for name in names.finditer(text):
            out += [text[last : name.start()], blocks.name(name[0])]
            last = name.end()
        out.append(text[last:])
        if match:
            number = page.evaluate(match["kind"], (match["body"] or "").strip())
            value = html.escape(str(number.value) if number.value is not None else number.text)
            out.append(f'<data class="num" data-kind="{number.kind}" value="{value}">{html.escape(number.text)}</data>')
            at = match.end()
    return "".join(out)


# ---- the site's checks together


def findings(found: dict[str, list[tuple[str, Check]]], answers: dict[str, list[tuple[str, str]]]) -> Iterator[str]:
    """What is wrong between pages: `found` is page -> [(place, check)], `answers` page -> [(place, chapter)]."""
    seen: dict[str, str] = {}
    for name, checks in found.items():
        for place, check in checks:
            if check.name in seen:
                yield f"{place}: expected one check named {check.name}, got another at {seen[check.name]}; rename one"
            seen.setdefault(check.name, place)
        home = f"{ANSWERS}{name}"
        if checks and not any(of == name for _, of in answers.get(home, [])):
            yield (
                f"{checks[0][0]}: expected docs/{home}.md with {{{{ answers {name} }}}}, which the check reads, found "
                "none; write that page"
            )
    for name, marks in answers.items():
        for place, of in marks:
            if not found.get(of):
                yield f"{place}: expected checks in docs/{of}.md, found none; write one, or remove this page"
            elif name != f"{ANSWERS}{of}":
                yield f"{place}: expected the answers of {of} in docs/{ANSWERS}{of}.md, got them here; move the mark"


__all__ = ["Check", "Chapter", "chapters", "element", "findings", "list_of_checks", "page", "parse", "with_answers"]
