"""The Markdown extension that turns marks into numbers; the same in every builder that runs Python-Markdown.

Marks become opaque tokens before Markdown sees them (a bar in a mark would cut a table cell), and
tokens become HTML last of all, by where they stand: a linked number in text, a bare one in a
heading or label, plain text in an attribute, a formula or a picture, the mark itself in code.
What a mark means is in `numbers.py`; this file knows only where it stands.
"""

import html
import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as etree

import click
from markdown import Markdown
from markdown.extensions import Extension
from markdown.postprocessors import Postprocessor
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor

from lora_ref.site import blocks, glossary, quiz
from lora_ref.site.math import replace_arithmatex
from lora_ref.site.numbers import MARK, UNMEASURED, Number, Site
from lora_ref.site.project import Project, UserError, find_project

OPEN, CLOSE = "\ue000", "\ue001"  # private-use characters around a token's letters
TOKEN = re.compile(f"{OPEN}([a-z]+){CLOSE}")
NUMBER_KINDS = ("value", "calc", "quote", "given")
BLOCK_KINDS = ("figure", "table", "records", "sources", "checks")
WHOLE = ("records", "sources", "checks")  # blocks without a caption
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}

TAG = re.compile(r"""(<!--.*?-->|<(?:"[^"]*"|'[^']*'|[^'">])*>)""", re.S)
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
AS_WRITTEN = {"code", "pre", "kbd", "samp", "script", "style"}  # a mark in code is shown as a mark
PLAIN = {"svg", "math", "option", "title", "textarea"}  # no element can stand here
ANSWERS = "check-answers"  # what the script copies beside an option: its numbers have one link for each reason
NO_LINK = {"a", "label", "legend", "summary", "button", ANSWERS} | HEADINGS


@dataclass(frozen=True)
class Mark:
    kind: str
    body: str
    source: str  # as written


class MarksExtension(Extension):
    def __init__(self, **kwargs):
        self.config = {
            "root": ["", "the repository; by default the nearest folder with mkdocs.yml and snippets/"],
            "page": ["", "the page's name, for a text that is no file of docs/"],
        }
        super().__init__(**kwargs)

    def extendMarkdown(self, md: Markdown) -> None:
        root = self.getConfig("root")
        state = State(Project(Path(root)) if root else find_project(), self.getConfig("page"))
        state.moves_links = any(type(step).__module__.startswith("zensical.") for step in md.preprocessors)
        md.preprocessors.register(Remember(md, state), "lora-source", 200)  # before includes are expanded
        md.preprocessors.register(Answers(md, state), "lora-answers", 23)  # after fences (25)
        md.preprocessors.register(Tokenize(md, state), "lora-marks", 22)
        md.preprocessors.register(Checks(md, state), "lora-checks", 21)  # before raw HTML (20)
        md.treeprocessors.register(Forms(md, state), "lora-forms", 25)  # before inline Markdown (20)
        md.treeprocessors.register(
            Arrange(md, state), "lora-blocks", 7
        )  # after attribute lists (8), before the contents (5)
        md.postprocessors.register(Expand(md, state), "lora-expand", -10)  # last of all


def makeExtension(**kwargs) -> MarksExtension:
    return MarksExtension(**kwargs)


class BuildError(click.ClickException):
    """What stops both builders with one line; MkDocs shows no traceback for it."""

    exit_code = 2


class State:
    """What the steps share about the page at hand."""

    def __init__(self, project: Project, page_name: str):
        self.project, self.page_name = project, page_name

    moves_links = False  # Zensical takes every link of an article as one between sources, and moves it to the page

    @property
    def top(self) -> str:
        """What a link to the top of the site begins with, as this builder wants it written."""
        return "../" * self.page.name.count("/") if self.moves_links else up(self.page.name)

    def start(self, text: str) -> None:
        self.site = site_of(self.project)
        name = self.page_name or page_of(self.project, text)
        self.page = quiz.page(self.site, name, text)
        self.checks: list[quiz.Check] = []
        self.marks: list[Mark] = []
        self.plain: list[str] = []  # texts that marks put where no element can stand: the gate reads them

    def token(self, mark: Mark) -> str:
        self.marks.append(mark)
        letters, index = "", len(self.marks) - 1
        while True:
            letters = chr(97 + index % 26) + letters
            index //= 26
            if not index:
                return f"{OPEN}{letters.rjust(2, 'a')}{CLOSE}"

    def mark(self, letters: str) -> Mark:
        index = 0
        for letter in letters:
            index = index * 26 + ord(letter) - 97
        return self.marks[index]

    def number(self, mark: Mark) -> Number:
        try:
            return self.page.evaluate(mark.kind, mark.body)
        except UserError as error:
            raise self.error(mark.source, str(error)) from None

    def error(self, source: str, message: str) -> BuildError:
        """One line at the mark's place; both builders stop at it."""
        before, found, _ = self.page.text.partition(source)
        line = f":{before.count(chr(10)) + 1 + first_line(self.project, self.page.name)}" if found else ""
        return BuildError(f"docs/{self.page.name or 'page'}.md{line}: {source}: {message}")


_sites: dict[Path, tuple[tuple, Site]] = {}


def site_of(project: Project) -> Site:
    """The project's numbers, read again when a file behind them has changed (a live preview stays true)."""
    files = [
        *project.records.rglob("*.json"),
        *project.snippets.rglob("*.py"),
        *project.docs.glob("*.yml"),
        *project.root.glob("lora_ref/**/*.py"),
    ]
    version = tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(files))
    if project.root not in _sites or _sites[project.root][0] != version:
        _sites[project.root] = (version, Site(project))
    return _sites[project.root][1]


FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?\n---[ \t]*\n", re.S)


def page_of(project: Project, text: str) -> str:
    """The page that a text belongs to: builders hand an extension the text and not its name."""
    for path in project.docs.rglob("*.md"):
        if FRONT_MATTER.sub("", path.read_text(encoding="utf-8")).strip() == text.strip():
            return path.relative_to(project.docs).with_suffix("").as_posix()
    return ""


def first_line(project: Project, page: str) -> int:
    """How many lines of front matter a builder has cut off."""
    path = project.docs / f"{page}.md"
    match = FRONT_MATTER.match(path.read_text(encoding="utf-8")) if page and path.exists() else None
    return match.group().count("\n") if match else 0


class Remember(Preprocessor):
    def __init__(self, md: Markdown, state: State):
        super().__init__(md)
        self.state = state

    def run(self, lines: list[str]) -> list[str]:
        self.state.start("\n".join(lines))
        return lines


class Tokenize(Preprocessor):
    def __init__(self, md: Markdown, state: State):
        super().__init__(md)
        self.state = state

    def run(self, lines: list[str]) -> list[str]:
        text = MARK.sub(
            lambda match: self.state.token(Mark(match["kind"], (match["body"] or "").strip(), match[0])),
            "\n".join(lines),
        )
        return claims_to_spans(text).split("\n")


CLAIM_END = re.compile(r"\]\{\s*\.claim\s+#([a-z0-9-]+)\s*\}")


def claims_to_spans(text: str) -> str:
    """[words]{.claim #name} becomes a span; the words are Markdown and may hold links."""
    while match := CLAIM_END.search(text):
        start, depth = match.start(), 1
        while depth and start > 0:
            start -= 1
            depth += {"]": 1, "[": -1}.get(text[start], 0)
        if depth:
            raise BuildError(f"{match[0]}: expected an opening bracket before the claim, found none")
        words = text[start + 1 : match.start()]
        text = f'{text[:start]}<span class="claim" id="claim-{match[1]}">{words}</span>{text[match.end() :]}'
    return text


class Answers(Preprocessor):
    """Put in place of an `answers` mark the checks of its chapter."""

    def __init__(self, md: Markdown, state: State):
        super().__init__(md)
        self.state = state

    def run(self, lines: list[str]) -> list[str]:
        try:
            return quiz.with_answers(self.state.project, "\n".join(lines)).split("\n")
        except UserError as error:
            raise self.state.error("{{ answers", str(error)) from None


class Checks(Preprocessor):
    """Put a token in place of each check, whose words are Markdown of their own."""

    def __init__(self, md: Markdown, state: State):
        super().__init__(md)
        self.state = state

    def run(self, lines: list[str]) -> list[str]:
        text, at, out = "\n".join(lines), 0, []
        for check in quiz.parse(text):
            if check.problems:
                raise self.state.error(f"::: {check.kind} {check.name}", check.problems[0][1])
            token = self.state.token(Mark("check", str(len(self.state.checks)), f"::: check {check.name}"))
            self.state.checks.append(check)
            out += [text[at : check.start], f"\n\n{token}\n\n"]
            at = check.end
        return ("".join(out) + text[at:]).split("\n")


class Forms(Treeprocessor):
    """Build what a check becomes, before the Markdown in its words is read."""

    def __init__(self, md: Markdown, state: State):
        super().__init__(md)
        self.state = state

    def run(self, root: etree.Element) -> None:
        for parent in list(root.iter()):
            for place, child in enumerate(parent):
                match = TOKEN.fullmatch((child.text or "").strip()) if child.tag == "p" and not len(child) else None
                mark = self.state.mark(match[1]) if match else None
                if mark and mark.kind == "check":
                    check, page = self.state.checks[int(mark.body)], self.state.page.name
                    parent[place] = quiz.element(check, page, up(page), self.state.top, self.md.htmlStash.store)


class Arrange(Treeprocessor):
    """Paragraphs that begin with a block mark become figures; headings get their numbers."""

    def __init__(self, md: Markdown, state: State):
        super().__init__(md)
        self.state = state

    def run(self, root: etree.Element) -> None:
        for element in list(root.iter()):
            if element.tag == "p":
                self._block(element)
            elif element.tag in HEADINGS:
                self._heading(element)

    def _block(self, p: etree.Element) -> None:
        match = TOKEN.match((p.text or "").strip())
        if not match or self.state.mark(match[1]).kind not in BLOCK_KINDS:
            return
        mark = self.state.mark(match[1])
        rest = (p.text or "").strip()[match.end() :].lstrip()
        children = list(p)
        for child in children:
            p.remove(child)
        p.text = None
        if mark.kind in WHOLE:
            p.tag = "div"
            p.text = match[0]
            return
        p.tag = "figure"
        p.set("class", "chart" if mark.kind == "figure" else "numbers")
        name, _, drawing = mark.body.partition(".")
        if mark.kind == "figure" and (self.state.project.records / f"{name}.json").exists():
            p.set("data-record", f"{up(self.state.page.name)}records/{name}.json")
            p.set("data-figure", drawing)
        caption = etree.SubElement(p, "figcaption")
        caption.text = rest
        caption.extend(children)
        if not rest and not children:
            raise self.state.error(
                mark.source, "expected a caption after the mark, in the same paragraph: it says what to see"
            )
        caption.tail = match[0]

    def _heading(self, heading: etree.Element) -> None:
        tokens = TOKEN.search("".join(heading.itertext()))
        if tokens and not heading.get("id"):
            source = self.state.mark(tokens[1]).source
            raise self.state.error(
                source,
                "expected an explicit id on a heading that holds a mark, as in `## … {#name}`: its anchor would change with the number",
            )
        for parent in list(heading.iter()):
            self._resolve(parent)

    def _resolve(self, parent: etree.Element) -> None:
        """Tokens in a heading become <data>, before the table of contents copies the heading's text."""
        pieces = _split(parent.text)
        parent.text = pieces[0]
        at = 0
        for letters, after in pieces[1]:
            parent.insert(at, self._data(letters, after))
            at += 1
        for child in list(parent)[at:]:
            position = list(parent).index(child) + 1
            before, found = _split(child.tail)
            child.tail = before
            for offset, (letters, after) in enumerate(found):
                parent.insert(position + offset, self._data(letters, after))

    def _data(self, letters: str, tail: str) -> etree.Element:
        mark = self.state.mark(letters)
        number = self.state.number(mark)
        self.state.plain.append(number.text)  # the contents and the page's title repeat it as text
        element = etree.Element("data", {"class": "num", "data-kind": number.kind, "value": raw(number)})
        element.text, element.tail = number.text, tail
        return element


def _split(text: str | None) -> tuple[str, list[tuple[str, str]]]:
    parts = TOKEN.split(text or "")
    return parts[0], list(zip(parts[1::2], parts[2::2], strict=True))


class Expand(Postprocessor):
    """Walk over the finished HTML and put at each token what may stand there."""

    def __init__(self, md: Markdown, state: State):
        super().__init__(md)
        self.state = state

    def run(self, text: str) -> str:
        self.ledger: dict[tuple, tuple[str, Number]] = {}
        self.stack: list[tuple[str, bool, list[str]]] = []  # (tag, inside a formula, ids of the numbers in it)
        self.names = re.compile(
            "|".join(rf"(?<![\w-]){re.escape(name)}(?![\w])" for name in self.state.site.names) or "(?!)"
        )
        text = self._formulas(text)
        out: list[str] = []
        for chunk in TAG.split(text):
            out.append(self._tag(chunk) if chunk.startswith("<") and TAG.fullmatch(chunk) else self._text(chunk))
        return "".join(out) + self._ledger()

    def _formulas(self, text: str) -> str:
        def resolve(match: re.Match) -> str:
            return TOKEN.sub(lambda token: html.escape(in_tex(self._plain(token[1]))), match[0])

        text = re.sub(r'<(span|div) class="arithmatex">.*?</\1>', resolve, text, flags=re.S)
        try:
            return replace_arithmatex(text)
        except ValueError as error:
            raise BuildError(f"docs/{self.state.page.name or 'page'}.md: a formula is broken: {error}") from None

    def _plain(self, letters: str) -> str:
        mark = self.state.mark(letters)
        if mark.kind not in NUMBER_KINDS:
            raise self.state.error(
                mark.source, f"{mark.kind} cannot stand here: only value, calc, quote and given have a plain text"
            )
        text = self.state.number(mark).text
        self.state.plain.append(text)
        return text

    def _tag(self, tag: str) -> str:
        if tag == blocks.FROM:
            return self._from(self._refs("figure"))
        tag = TOKEN.sub(lambda token: html.escape(self._plain(token[1])), tag)
        match = re.match(r"<(/?)([a-zA-Z][\w:-]*)", tag)
        if not match:
            return tag
        name = match[2].lower()
        if match[1]:
            return self._close(name, tag)
        if name not in VOID and not tag.endswith("/>"):
            formula = bool(re.search(r'class="katex', tag)) or any(inside for _, inside, _ in self.stack)
            self.stack.append((name, formula, []))
        return tag

    def _close(self, name: str, tag: str) -> str:
        if not any(open_name == name for open_name, _, _ in self.stack):
            return tag
        refs: list[str] = []
        while self.stack:
            open_name, _, refs = self.stack.pop()
            if open_name == name:
                break
        if refs and name == "table":
            return f'{tag}<p class="foot">{self._from(refs)}</p>'
        if refs and name == "figure":  # written by hand, or not measured yet: nothing in it has asked
            return f'<p class="foot">{self._from(refs)}</p>{tag}'
        return f" {self._from(refs)}{tag}" if refs else tag

    def _from(self, refs: list[str]) -> str:
        """The one way to ask for all numbers of a block; whoever calls it has asked."""
        unique = list(dict.fromkeys(refs))
        refs.clear()
        if not unique:
            return ""
        return f'<a class="from" href="#{unique[0]}" data-refs="{" ".join(unique)}" data-search-exclude>where from?</a>'

    def _refs(self, name: str) -> list[str]:
        return next((refs for tag, _, refs in reversed(self.stack) if tag == name), [])

    def _text(self, text: str) -> str:
        tags = {name for name, _, _ in self.stack}
        if tags & AS_WRITTEN:
            return TOKEN.sub(lambda token: html.escape(self.state.mark(token[1]).source, quote=False), text)
        if tags & PLAIN or any(formula for _, formula, _ in self.stack):
            return TOKEN.sub(lambda token: html.escape(self._plain(token[1]), quote=False), text)
        parts = TOKEN.split(text)
        for at in range(0, len(parts), 2):
            parts[at] = self.names.sub(lambda match: blocks.name(match[0]), parts[at])
        for at in range(1, len(parts), 2):
            parts[at] = self._element(self.state.mark(parts[at]), bool(tags & NO_LINK))
        return "".join(parts)

    def _element(self, mark: Mark, bare: bool) -> str:
        page = self.state.page
        try:
            match mark.kind:
                case "cite":
                    return blocks.cite(self.state.site, page, mark.body, bare)
                case "term":
                    id, words = glossary.term(self.state.project, mark.body)
                    shown = self.names.sub(lambda match: blocks.name(match[0]), html.escape(words, quote=False))
                    return shown if bare else glossary.link(id, shown, self.state.top)
                case "sources":
                    return blocks.sources(self.state.site, page)
                case "checks":
                    return quiz.list_of_checks(self.state.site, up(page.name), self.state.top)
                case "records":
                    return blocks.records_page(self.state.site, self.state.top)
                case "table":
                    numbers, body = blocks.table(self.state.site, page, mark.body)
                    self._refs("figure").extend(self._enter(number) for number in numbers)
                    return f'<div class="scroll">{body}</div><p class="foot">{self._from(self._refs("figure"))}</p>'
                case "figure":
                    number, body = blocks.figure(self.state.site, page, mark.body, self.state.top)
                    if blocks.FROM not in body:  # not measured yet: there is nothing to ask for
                        return body
                    self._refs("figure").append(self._enter(number))
                    return body.replace(blocks.FROM, self._from(self._refs("figure")))
        except UserError as error:
            raise self.state.error(mark.source, str(error)) from None
        number = self.state.number(mark)
        if number.value is None:
            return f'<span class="unmeasured">{UNMEASURED}</span>'
        data = f'<data value="{html.escape(raw(number))}">{html.escape(number.text)}</data>'
        note = f' <span class="note">({blocks.with_data(number.note)})</span>' if number.note else ""
        if bare:
            if any(tag == ANSWERS for tag, _, _ in self.stack):
                self._owner().append(self._enter(number))
            return data.replace("<data ", f'<data class="num" data-kind="{number.kind}" ') + note
        ref = self._enter(number)
        self._owner().append(ref)
        return f'<a class="num" data-kind="{number.kind}" href="#{ref}" tabindex="-1">{data}</a>{note}'

    def _owner(self) -> list[str]:
        """The block that a number belongs to: the whole figure or table, otherwise the nearest paragraph or item."""
        for wide in ("figure", "table"):
            for name, _, refs in self.stack:
                if name == wide:
                    return refs
        for name, _, refs in reversed(self.stack):
            if name in ("p", "li", "dd", "dt", "td", "div", "section", "details"):
                return refs
        return self.stack[-1][2] if self.stack else []

    def _enter(self, number: Number) -> str:
        """The number's entry in the ledger, one for all equal ones."""
        if number.key not in self.ledger:
            self.ledger[number.key] = (f"n{len(self.ledger) + 1}", number)
        return self.ledger[number.key][0]

    def _ledger(self) -> str:
        return blocks.ledger(list(self.ledger.values()), self.state.top)


def raw(number: Number) -> str:
    """The machine-readable value."""
    return str(number.value) if number.value is not None else number.text


def in_tex(text: str) -> str:
    """1,024 and 5% as TeX sets them."""
    return text.replace(",", "{,}").replace("%", r"\%")


def up(page: str) -> str:
    """From a page's address to the top of the site."""
    parts = page.split("/")
    return "../" * (len(parts) - (parts[-1] == "index")) if page else ""
