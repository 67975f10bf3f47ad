"""Judge the site as it was built: the second reader, which sees HTML and no Markdown.

Every digit in the text of an article, outside code and formulas, is in a <data> that a mark of the page made;
attributes, titles, navigation and search hold no other digits than those; no mark, token or broken link is left;
nothing is loaded from another host. It shares with lint.py only what a mark means.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lora_ref.site import blocks, figures, quiz, svg
from lora_ref.site.numbers import MARK, Number, Page, Site
from lora_ref.site.project import Project, UserError

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
CODE = {"code", "pre", "kbd", "samp"}
PLAIN = {"option", "textarea", "title"}  # shown, and no element can stand in them
FORMULAS = {"katex", "katex-display", "arithmatex"}
FREE_IN_FORMULAS = {"0", "1", "2"}
READ_ALOUD = {"alt", "title", "placeholder", "label", "summary", "aria-label", "aria-description", "aria-placeholder"}
READ_ALOUD |= {"aria-roledescription", "aria-valuetext", "aria-valuenow", "aria-keyshortcuts", "aria-braillelabel"}
LOADED = {"script", "img", "iframe", "source", "video", "audio", "embed", "track", "input"}
LOADED_LINKS = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch", "modulepreload", "manifest"}
DESCRIPTIONS = {"description", "author", "og:title", "og:description", "twitter:title", "twitter:description"}
LEFT = (
    "{{",
    "}}",
    "klzzwxh",
    "wzxhzdk",
    "\x02",
    "\x03",
    "[^",
    "](",
    "][",
    "]{",
    "{#",
    "{.",
    "{:",
    "```",
    "--8<--",
    "$$",
)


# ---- the tree


@dataclass
class Node:
    tag: str
    attributes: dict[str, str]
    line: int
    parent: "Node | None" = None
    children: list["Node | str"] = field(default_factory=list)

    @property
    def classes(self) -> set[str]:
        return set(self.attributes.get("class", "").split())

    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text() for child in self.children)

    def nodes(self) -> Iterator["Node"]:
        """This one and all below it."""
        yield self
        for child in self.children:
            if isinstance(child, Node):
                yield from child.nodes()

    def above(self) -> Iterator["Node"]:
        """This one and all that hold it, the nearest first."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("", {}, 1)
        self.at = self.root

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs}, self.getpos()[0], self.at)
        self.at.children.append(node)
        if tag not in VOID:
            self.at = node

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.at = self.at.parent or self.root

    def handle_endtag(self, tag: str) -> None:
        found = next((node for node in self.at.above() if node.tag == tag), None)
        if found is not None and found.parent is not None:
            self.at = found.parent

    def handle_data(self, data: str) -> None:
        self.at.children.append(data)


def parse(text: str) -> Node:
    builder = _Builder()
    builder.feed(text)
    builder.close()
    return builder.root


# ---- what marks produced


@dataclass
class Allowed:
    """The texts with digits that the marks of one page produce."""

    numbers: set[str] = field(
        default_factory=set
    )  # of value, calc, quote, given: the only ones that stand as plain text
    names: set[str] = field(default_factory=set)
    excepted: set[str] = field(default_factory=set)  # on a line that the page excepts, with its reason
    generated: set[str] = field(default_factory=set)  # in figures, tables, ledger, sources, records
    codes: set[str] = field(default_factory=set)  # in the code of those

    @property
    def plain(self) -> set[str]:
        return self.numbers | self.names | self.excepted


def allowed(site: Site, name: str, source: str) -> Allowed:
    page = quiz.page(site, name, source)
    found = Allowed(names=set(site.names), excepted=_excepted(source))
    entries: list[tuple[str, Number]] = []
    made: list[str] = []
    for match in MARK.finditer(source):
        kind, body = match["kind"], (match["body"] or "").strip()
        try:
            if kind == "cite":
                made.append(blocks.cite(site, page, body, True))
            elif kind == "term":
                continue  # words, which hold no digit but that of a name
            elif kind == "sources":
                made.append(blocks.sources(site, page))
            elif kind == "records":
                made.append(blocks.records_page(site, ""))
            elif kind in ("answers", "checks"):
                names = [body] if kind == "answers" else [chapter.name for chapter in quiz.chapters(site.project)]
                for one in names:
                    of = allowed(site, one, quiz.chapter(site.project, one).text)
                    found.numbers |= of.numbers
                    found.generated |= of.generated
            elif kind == "table":
                numbers, text = blocks.table(site, page, body)
                entries += [("n", number) for number in numbers]
                made.append(text)
            elif kind == "figure":
                number, text = blocks.figure(site, page, body, "")
                entries.append(("n", number))
                made.append(text)
            else:
                number = page.evaluate(kind, body)
                entries.append(("n", number))
                found.numbers.add(number.text)
                made.append(blocks.with_data(number.note))
        except UserError:
            continue  # such a mark stops the build
    made.append(blocks.ledger(entries, ""))
    for node in parse("".join(made)).nodes():
        if node.tag == "data":
            found.generated.add(node.text())
        if node.tag == "code":
            found.codes.add(" ".join(node.text().split()))
    return found


def _excepted(source: str) -> set[str]:
    """Numerals on lines for which the page gives a reason."""
    words: set[str] = set()
    lines = source.split("\n")
    for row, line in enumerate(lines):
        if "<!-- number-ok:" not in line:
            continue
        before, _, rest = line.partition("<!--")
        reason, _, after = rest.partition("-->")
        if not reason.partition(":")[2].strip():
            continue
        if (before + after).strip():
            words |= set(_numerals(unescape(before + after)))
            continue
        following = [following for following in lines[row + 1 :] if following.strip()]
        for number, excepted in enumerate(following):
            if number and not (following[0].lstrip().startswith("|") and excepted.lstrip().startswith("|")):
                break
            words |= set(_numerals(unescape(excepted)))
    return words


def _untested(source: str) -> Iterator[str]:
    """Code of fences that say notest, squeezed; not what is included from files that the tests run."""
    fence, code, untested = "", "", False
    for line in source.split("\n"):
        words = line.strip(" >\t")
        if fence and words == fence:
            if code and "8<--" not in code:
                yield _squeezed(code)
            fence = ""
        elif fence:
            code += line.lstrip(" >\t") if untested else ""
        elif words.startswith(("```", "~~~")):
            fence, code, untested = words[: len(words) - len(words.lstrip(words[0]))], "", "notest" in words


# ---- one page


def gate_page(site: Site, name: str, source: str, text: str) -> list[str]:
    """Findings in the HTML of one page; `name` and `source` say which Markdown it was built from."""
    return _PageGate(quiz.page(site, name, source), allowed(site, name, source), parse(text)).run()


class _PageGate:
    def __init__(self, page: Page, permitted: Allowed, root: Node, others: dict[str, Allowed] | None = None):
        self.site, self.page, self.name = page.site, page, page.name
        self.allowed, self.root = permitted, root
        self.others = others or {}  # the page at an address -> its texts, for navigation
        self.findings: list[str] = []
        self.articles = [node for node in root.nodes() if node.tag == "article"]
        self.footnotes = sum(node.attributes.get("id", "").startswith("fn:") for node in root.nodes())

    def run(self) -> list[str]:
        self._known_code()
        for article in self.articles:
            self._text(article)
        self._outside(self.root)
        for node in self.root.nodes():
            self._attributes(node)
            self._leftovers(node)
            self._scripts(node)
        return self.findings

    def _find(self, node: Node, words: str) -> None:
        self.findings.append(f"{self.name}, line {node.line} of the HTML, <{node.tag}>: {words}")

    def _plain(self, node: Node, text: str, what: str, also: Iterable[str] = ()) -> None:
        word = leftover(text, self.allowed.plain.union(also))
        if word:
            self._find(node, f'expected no digit in {what} but those of marks and names, got "{word}"')

    # ---- the text of the article
    def _text(self, node: Node) -> None:
        if node.tag in ("script", "style"):
            return
        if node.tag == "svg":
            self._drawing(node)
        elif node.tag == "math" or FORMULAS & node.classes:
            self._formula(node)
        elif node.tag in CODE:
            self._code(node)
        elif node.tag == "data":
            self._data(node)
        elif node.tag in PLAIN:
            self._plain(node, node.text(), f"<{node.tag}>")
        elif "footnote-ref" in node.classes:
            self._ordinal(node, node.text())
        else:
            for child in node.children:
                if isinstance(child, Node):
                    self._text(child)
                elif has_digit(child) and (word := leftover(child, self.allowed.excepted)):
                    self._find(node, f'expected every digit in a <data>, got "{word}" as text')

    def _ordinal(self, node: Node, text: str) -> None:
        """The number of a footnote, which Markdown counts."""
        word = "".join(character for character in text if character.isnumeric())
        if word and (not word.isascii() or not 1 <= int(word) <= self.footnotes):
            self._find(node, f'expected the number of one of {self.footnotes} footnotes, got "{word}"')

    def _data(self, node: Node) -> None:
        text, parent = node.text(), node.parent or self.root
        if not has_digit(text):
            return
        if "value" not in node.attributes:
            self._find(node, f'expected a value on the <data> of "{text}", got none')
        elif not shows(text, node.attributes["value"]):
            self._find(
                node, f'expected the text of a <data> to be its value, got "{text}" for {node.attributes["value"]}'
            )
        if "name" in node.classes and text in self.allowed.names:
            return
        if "num" in node.classes | parent.classes:
            known = self.allowed.numbers
        else:
            known = self.allowed.generated if any(_is_generated(above) for above in node.above()) else set()
            made = any({"chart", "record"} & above.classes for above in node.above())
            if not made and any(above.attributes.get("scope") == "col" for above in node.above()):
                known = self.allowed.names  # the head of a table of values, in the page's own words
        if text not in known:
            self._find(node, f'expected a <data> that a mark of this page made, got "{text}"')

    def _known_code(self) -> None:
        """Numbers of the tested code that the page shows, and of its programs."""
        sources = [program.path.read_text(encoding="utf-8") for program in self.page.programs]
        self.programs = {_squeezed(program.path.read_text(encoding="utf-8")) for program in self.site.programs.values()}
        self.untested = set(_untested(self.page.text))
        for article in self.articles:
            sources += [node.text() for node in article.nodes() if node.tag == "pre" and self._is_tested(node)]
        self.code_numbers = {_value(word) for source in sources for word in code_words(source)} - {None}

    def _is_tested(self, node: Node) -> bool:
        return _language(node) in ("python", "py") and _squeezed(node.text()) not in self.untested

    def _code(self, node: Node) -> None:
        text = node.text()
        if node.tag == "pre" and (self._is_tested(node) or _squeezed(text) in self.programs):
            return
        if "{{" in text or " ".join(text.split()) in self.allowed.codes:
            return
        for word in code_words(blanked(text, self.allowed.names | self.allowed.excepted)):
            if _value(word) not in self.code_numbers:
                self._find(node, f'expected a number that tested code of this page holds, got "{word}" in code')

    def _formula(self, node: Node) -> None:
        texts = {_bare(text) for text in self.allowed.numbers | self.allowed.excepted} | FREE_IN_FORMULAS
        spoken: list[str] = []
        for math in [below for below in node.nodes() if below.tag == "math"]:
            for number in math_numbers(math):
                spoken.append(number)
                if number not in texts:
                    self._find(node, f'expected 0, 1, 2 or the text of a mark in a formula, got "{number}"')
        shown = _without(node, "math")
        if Counter(filter(str.isnumeric, "".join(spoken))) != Counter(filter(str.isnumeric, shown)) and spoken:
            self._find(
                node, f'expected the same digits to be seen and to be read aloud, got "{" ".join(shown.split())}"'
            )
        elif not spoken:
            for word in _numerals(shown):
                if _bare(word) not in texts:
                    self._find(node, f'expected 0, 1, 2 or the text of a mark in a formula, got "{word}"')

    def _drawing(self, node: Node) -> None:
        """A figure's drawing is the record's own file; any other holds plain text of marks."""
        chart = next((above for above in node.above() if above.tag == "figure" and "chart" in above.classes), None)
        if chart is None:
            self._plain(node, node.text(), "a drawing")
            return
        address = chart.attributes.get("data-record", "")
        program = address.rpartition("records/")[2].removesuffix(".json")
        size = next((size for size in figures.SIZES if size in node.classes), "")
        path = figures.paths(self.site.project.records, program, chart.attributes.get("data-figure", "")).get(
            f"{size}.svg"
        )
        if path is None or not path.is_file():
            self._find(node, f"expected the drawing of {program}, found no file of it")
            return
        file = next(
            (below for below in parse(svg.inline(path.read_text(encoding="utf-8"))).nodes() if below.tag == "svg"), None
        )
        if file is None or _signature(file) != _signature(node):
            self._find(node, f"expected the drawing of {path.name} as its record has it, got another")

    # ---- everything else
    def _outside(self, node: Node) -> None:
        """Navigation, header, footer, title: plain text."""
        if node.tag in ("script", "style", "article"):
            return
        for child in node.children:
            if isinstance(child, Node):
                self._outside(child)
            elif has_digit(child):
                link = next((above for above in node.above() if above.tag == "a"), None)
                target = self.others.get(link.attributes.get("href", "")) if link else None
                self._plain(node, child, "navigation and titles", target.plain if target else ())
        if node.tag == "meta" and (node.attributes.get("name") or node.attributes.get("property")) in DESCRIPTIONS:
            self._plain(node, node.attributes.get("content", ""), "the page's description")

    def _attributes(self, node: Node) -> None:
        if any(
            above.tag == "svg" and any("chart" in figure.classes for figure in above.above()) for above in node.above()
        ):
            return  # compared with the file, attributes and all
        shown = READ_ALOUD | ({"value"} if node.tag in ("button", "option") or _is_text_field(node) else set())
        for name in shown & node.attributes.keys():
            value = node.attributes[name]
            if "footnote-backref" in node.classes and name == "title":
                self._ordinal(node, value)
            elif has_digit(value):
                self._plain(node, value, f"the attribute {name}")

    def _leftovers(self, node: Node) -> None:
        inside = {above.tag for above in node.above()}
        if inside & (CODE | {"script", "style", "math"}):
            return
        texts = [child for child in node.children if isinstance(child, str)]
        for text in [*texts, *node.attributes.values()]:
            for sign in LEFT:
                if sign in text and (sign in LEFT[:6] or "article" in inside) and not _is_style(node, text):
                    self._find(
                        node,
                        f'expected finished HTML, got "{sign}" in "{" ".join(text.split())[:60]}": a mark or link '
                        f"is left",
                    )
            if any("\ue000" <= character <= "\uf8ff" for character in text):
                self._find(node, "expected finished HTML, got a token that a mark left behind")

    def _scripts(self, node: Node) -> None:
        if not any(above.tag == "article" for above in node.above()):
            return
        if node.tag in ("script", "style", "iframe", "object", "embed"):
            self._find(node, f"expected text and figures in the article, got <{node.tag}>")
        for name, value in node.attributes.items():
            if name.startswith("on") or value.strip().lower().startswith("javascript:"):
                self._find(node, f"expected no script in the article, got the attribute {name}")


def _is_generated(node: Node) -> bool:
    """Whether marks make this element whole: the ledger, a figure, a table of values, sources, records."""
    made = {"ledger-wrap", "chart", "numbers", "nums", "sources", "record", "note", "foot"}
    return bool(made & node.classes) or node.tag == "cite"


def _is_text_field(node: Node) -> bool:
    hidden = ("range", "hidden", "radio", "checkbox")
    return node.tag == "input" and node.attributes.get("type", "text") not in hidden


def _is_style(node: Node, text: str) -> bool:
    return text in (node.attributes.get("style"), node.attributes.get("href"), node.attributes.get("data-md-state"))


def _language(node: Node) -> str:
    """The language of a highlighted block."""
    for above in [*node.above(), *node.nodes()]:
        for name in above.classes:
            if name.startswith("language-"):
                return name.removeprefix("language-")
        if above.tag == "article":
            break
    return ""


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _bare(text: str) -> str:
    """A mark's text as its digits stand in a formula."""
    return text.strip().removesuffix("%").lstrip("-−")


def _without(node: Node, tag: str) -> str:
    if node.tag in (tag, "style"):
        return ""
    return "".join(child if isinstance(child, str) else _without(child, tag) for child in node.children)


def _signature(node: Node) -> list[tuple]:
    """Elements, attributes and words of a drawing, in order."""
    return [
        (
            below.tag,
            sorted((name, value) for name, value in below.attributes.items() if not name.startswith("xmlns")),
            [child.strip() for child in below.children if isinstance(child, str) and child.strip()],
        )
        for below in node.nodes()
        if below.tag != "style"
    ]


# ---- digits in texts


def has_digit(text: str) -> bool:
    return any(character.isnumeric() for character in text)


def shows(text: str, value: str) -> bool:
    """Whether a text is the value, as it stands or rounded."""
    if text == value:
        return True
    number = text.replace(",", "").rstrip("%")
    mantissa, _, exponent = number.partition("e")
    try:
        step = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2])) / (100 if text.endswith("%") else 1)
        shown, held = float(number) / (100 if text.endswith("%") else 1), float(value)
    except ValueError:
        return False
    return abs(shown - held) <= step / 2 * (1 + 1e-9)


def blanked(text: str, known: Iterable[str]) -> str:
    """The text without the known ones: where one stands for itself and is no part of a longer number or word."""
    for word in sorted(known, key=len, reverse=True):
        if not has_digit(word):
            continue
        at = text.find(word)
        while at >= 0:
            end = at + len(word)
            if _ends(text, at - 1, -1) and _ends(text, end, 1):
                text = text[:at] + " " * len(word) + text[end:]
            at = text.find(word, at + 1)
    return text


def _ends(text: str, at: int, step: int) -> bool:
    """Whether a number or name may end beside this place."""
    if not 0 <= at < len(text):
        return True
    beyond = text[at + step] if 0 <= at + step < len(text) else " "
    return not text[at].isalnum() and text[at] != "_" and not (text[at] in ".," and beyond.isnumeric())


def leftover(text: str, known: Iterable[str]) -> str | None:
    """The first word with a digit that is none of the known texts."""
    words = [word for word in blanked(text, known).split() if has_digit(word)]
    return words[0] if words else None


def _numerals(text: str) -> Iterator[str]:
    """Runs of digits, with the points and commas inside them."""
    run = ""
    for at, character in enumerate(text + " "):
        following = text[at + 1] if at + 1 < len(text) else " "
        if character.isnumeric() or (run and character in ".," and following.isnumeric()):
            run += character
        elif run:
            yield run
            run = ""


def math_numbers(node: Node) -> Iterator[str]:
    """Numbers of a MathML formula: neighbors in one row are read as one."""
    row, joins = "", node.tag in ("math", "semantics", "mrow", "mstyle", "mpadded", "mphantom", "mtd", "menclose")
    for child in node.children:
        text = child if isinstance(child, str) else child.text() if child.tag in ("mn", "mo", "mtext", "mi") else None
        if text is not None and (has_digit(text) or text in (".", ",")):
            row += text.strip() if joins else f" {text.strip()} "
            continue
        if isinstance(child, Node) and joins and _is_tight(child):
            continue  # nothing is printed between its neighbors
        yield from _numerals(row)
        row = ""
        if isinstance(child, Node):
            yield from math_numbers(child)
    yield from _numerals(row)


def _is_tight(node: Node) -> bool:
    """Whether an element prints nothing, not even a space: KaTeX ends a negative space with U+2063."""
    negative = node.attributes.get("width", "").startswith("-") if node.tag == "mspace" else True
    return negative and (not node.text() or node.text().endswith("\u2063"))


def code_words(code: str) -> list[str]:
    """Numbers in code that are no part of a name."""
    words, at = [], 0
    while at < len(code):
        character, start = code[at], at
        if character.isnumeric():
            while at < len(code) and (code[at].isalnum() or code[at] in "._" or _is_inner(code, at)):
                at += 1
            words.append(code[start:at].rstrip("._"))
        elif character.isalpha() or character == "_":
            while at < len(code) and (code[at].isalnum() or code[at] in "._"):
                at += 1
            words += [digit for digit in code[start:at] if digit.isnumeric() and not digit.isascii()]
        else:
            at += 1
    return words


def _is_inner(code: str, at: int) -> bool:
    """A comma between digits, the sign of an exponent."""
    after = code[at + 1 : at + 2]
    return after.isdigit() and (
        (code[at] == "," and code[at + 1 : at + 4].isdigit()) or (code[at] in "+-" and code[at - 1] in "eE")
    )


def _value(word: str) -> float | None:
    try:
        return float(word.replace(",", "").replace("_", "")) if word.isascii() else None
    except ValueError:
        return None


# ---- the whole site


def gate(project: Project, site_folder: Path) -> list[str]:
    """Findings in the built site."""
    return _SiteGate(project, site_folder).run()


class _SiteGate:
    def __init__(self, project: Project, folder: Path):
        self.project, self.folder, self.site = project, folder.resolve(), Site(project)
        self.findings: list[str] = []
        self.sources = {
            path.relative_to(project.docs).with_suffix("").as_posix(): path.read_text(encoding="utf-8")
            for path in sorted(project.docs.rglob("*.md"))
        }
        self.pages = {
            path.relative_to(self.folder).as_posix(): parse(path.read_text(encoding="utf-8"))
            for path in sorted(self.folder.rglob("*.html"))
            if not path.relative_to(self.folder).as_posix().startswith("assets/")
        }
        self.allowed = {name: allowed(self.site, name, source) for name, source in self.sources.items()}
        self.ids = {
            page: {node.attributes[key] for node in root.nodes() for key in ("id", "name") if key in node.attributes}
            for page, root in self.pages.items()
        }
        self.base = self._base()

    def run(self) -> list[str]:
        for name in self.sources:
            if not any(name == self._source_of(page) for page in self.pages):
                self.findings.append(f"docs/{name}.md: expected a built page of it, found none; build the site again")
        for page, root in self.pages.items():
            name = self._source_of(page)
            permitted = self.allowed.get(name or "", Allowed(names=set(self.site.names)))
            others = self._others(page, root)
            label = f"docs/{name}.md" if name else page
            of = quiz.page(self.site, name or page, self.sources.get(name or "", ""))
            found = _PageGate(of, permitted, root, others).run()
            self.findings += [finding.replace(f"{name or page}, line", f"{label}, line", 1) for finding in found]
            self._links(page, root)
        self._search()
        self._styles()
        return self.findings

    def _source_of(self, page: str) -> str | None:
        """The name of the page that an HTML file was built from."""
        for name in (page.removesuffix("/index.html"), page.removesuffix(".html")):
            if name in self.sources:
                return name
        return None

    def _base(self) -> str:
        """The path under which the site is published, as its pages name it."""
        for node in self.pages.get("index.html", Node("", {}, 1)).nodes():
            if node.tag == "link" and node.attributes.get("rel") == "canonical":
                return urlsplit(node.attributes.get("href", "")).path or "/"
        return "/"

    def _others(self, page: str, root: Node) -> dict[str, Allowed]:
        found = {}
        for node in root.nodes():
            if node.tag == "a" and (target := self._resolve(page, node.attributes.get("href", ""))):
                name = self._source_of(target)
                if name:
                    found[node.attributes["href"]] = self.allowed[name]
        return found

    # ---- links
    def _resolve(self, page: str, url: str) -> str | None:
        """The file of the site that an address names; None where it leaves the site or nothing is there."""
        parts = urlsplit(url)
        if parts.scheme or parts.netloc:
            return None
        path = unquote(parts.path)
        if not path:
            return page
        if path.startswith("/"):
            if page != "404.html" or not path.startswith(self.base):
                return None  # would break under another path
            steps: list[str] = []
            path = path[len(self.base) :]
        else:
            steps = page.split("/")[:-1]
        for step in path.split("/"):
            if step == "..":
                if not steps:
                    return None
                steps.pop()
            elif step not in ("", "."):
                steps.append(step)
        target = "/".join(steps)
        for file in (target, f"{target}/index.html" if target else "index.html"):
            if (self.folder / file).is_file():
                return file
        return None

    def _links(self, page: str, root: Node) -> None:
        for node in root.nodes():
            for name, value in node.attributes.items():
                for url in _addresses(node, name, value):
                    self._link(page, node, name, url.strip())

    def _link(self, page: str, node: Node, name: str, url: str) -> None:
        parts = urlsplit(url)
        where = f"{page}, line {node.line}, <{node.tag} {name}>"
        if parts.scheme == "data":
            return
        if parts.scheme or parts.netloc:
            relations = set(node.attributes.get("rel", "").lower().split())
            loads = node.tag in LOADED or name == "style" or (node.tag == "link" and relations & LOADED_LINKS)
            if loads or (node.tag == "object") or (node.tag == "form"):
                self.findings.append(
                    f"{where}: expected nothing to be loaded from another host, got {url}; serve it from the site"
                )
            elif parts.scheme not in ("http", "https", "mailto"):
                self.findings.append(f"{where}: expected an address of the web, got {url}")
            return
        target = self._resolve(page, url)
        if target is None:
            self.findings.append(f"{where}: expected a page or file of the site, relative to this page, got {url}")
        elif parts.fragment and target in self.ids and unquote(parts.fragment) not in self.ids[target]:
            self.findings.append(f"{where}: expected an anchor of {target}, got #{parts.fragment}")

    # ---- search and styles
    def _search(self) -> None:
        path = self.folder / "search" / "search_index.json"
        if not path.is_file():
            return
        texts: dict[str, str] = {}
        for entry in json.loads(path.read_text(encoding="utf-8")).get("docs", []):
            page = self._resolve("index.html", entry["location"].partition("#")[0])
            if page is None or page not in self.pages:
                self.findings.append(f"search: expected a page of the site, got {entry['location']}")
                continue
            if page not in texts:
                texts[page] = _squeezed(
                    "".join(node.text() for node in self.pages[page].nodes() if node.tag in ("article", "title"))
                )
            for key in ("title", "text"):
                for word in parse(entry.get(key, "")).text().split():
                    if has_digit(word) and word not in texts[page]:
                        self.findings.append(
                            f'search: expected words of {page} alone, got "{word}" in the {key} of {entry["location"]}'
                        )

    def _styles(self) -> None:
        for path in sorted(self.folder.rglob("*.css")):
            name = path.relative_to(self.folder).as_posix()
            text = path.read_text(encoding="utf-8")
            for url in style_urls(text):
                if urlsplit(url).netloc:
                    self.findings.append(f"{name}: expected nothing to be loaded from another host, got {url}")
            own = (self.project.docs / name).is_file() and "/vendor/" not in name
            for shown in style_texts(text) if own else ():
                if word := leftover(shown, self.site.names):
                    self.findings.append(f'{name}: expected no digit in the content of a style, got "{word}"')


def _addresses(node: Node, name: str, value: str) -> Iterator[str]:
    if name in ("href", "src", "xlink:href", "data-record", "poster", "action") or (node.tag, name) == (
        "object",
        "data",
    ):
        if not (node.tag == "a" and "href" not in node.attributes) and value:
            yield value
    elif name == "srcset":
        yield from (part.split()[0] for part in value.split(",") if part.strip())
    elif name == "style":
        yield from style_urls(value)


def style_urls(text: str) -> Iterator[str]:
    """Addresses in url(…) and @import."""
    for sign in ("url(", "@import"):
        for part in text.split(sign)[1:]:
            part = part.lstrip()
            if sign == "@import" and part.startswith("url("):
                continue
            quote = part[:1] if part[:1] in "\"'" else ""
            end = (
                part.find(quote, 1)
                if quote
                else min(at for at in (part.find(")"), part.find(";"), len(part)) if at >= 0)
            )
            address = part[1:end] if quote else part[:end]
            if address and not address.startswith(("#", "var(")):
                yield address.strip()


def style_texts(text: str) -> Iterator[str]:
    """Strings that `content` puts on the page, escapes resolved."""
    first, *rest = text.split("/*")
    plain = first + "".join(part.partition("*/")[2] for part in rest)
    for before, rule in _pairs(plain.split("content")):
        head = rule.lstrip()
        if before[-1:] in ("-", "_") or before[-1:].isalnum() or not head.startswith(":"):
            continue
        quote, shown, at = "", "", 1
        while at < len(head) and (quote or head[at] not in ";}"):
            character = head[at]
            if quote and character == "\\":
                digits = ""
                while len(digits) < 6 and head[at + 1 : at + 2] in set("0123456789abcdefABCDEF"):
                    at += 1
                    digits += head[at]
                if digits:
                    shown += chr(min(int(digits, 16), 0x10FFFF))
                    at += head[at + 1 : at + 2] == " "  # which ends an escape
                else:
                    at += 1
                    shown += head[at : at + 1]
            elif character in "\"'" and quote in ("", character):
                quote = "" if quote else character
            elif quote:
                shown += character
            at += 1
        if shown:
            yield shown


def _pairs(parts: list[str]) -> Iterator[tuple[str, str]]:
    return zip(parts, parts[1:], strict=False)
