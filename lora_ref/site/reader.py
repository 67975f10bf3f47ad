"""The source of a page as its reader meets it: what is shown, what is code, formula, link or hidden.

Nothing is rendered. What is not shown as text is replaced by blanks of the same length, so that a place in
what is left is a place in the file. Where Markdown is ambiguous, text stays visible: a finding too many is
mended in a minute, a numeral too few is printed.
"""

import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import yaml

from lora_ref.site import quiz
from lora_ref.site.numbers import MARK

FILL = "\ue010"  # stands for a mark: something is shown there, and it is accounted for
HIDDEN = "\x02"  # stands for an element: code, a formula, the address of a link
PRIVATE = re.compile("[\ue000-\uf8ff]")

FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?\n)---[ \t]*(?:\n|\Z)", re.S)
FENCE = re.compile(r"(?P<ws>[> \t]*)(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)$")
COMMENT = re.compile(r"<!--(.*?)-->", re.S)
ATTRIBUTE = r"""\s+[^\s"'<>/=`{}]+(?:\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'=<>`]+))?"""
TAG = re.compile(rf"<(?P<close>/?)(?P<name>[A-Za-z][\w:-]*)(?P<attributes>(?:{ATTRIBUTE})*)\s*(?P<empty>/?)>")
ONE_ATTRIBUTE = re.compile(r"""([^\s"'<>/=`{}]+)(?:\s*=\s*(?:"([^"<>]*)"|'([^'<>]*)'|([^\s"'=<>`]+)))?""")
ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);?")
CODE_SPAN = re.compile(r"(?<!\\)(?:\\\\)*(?P<ticks>`+)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)", re.S)
DOLLARS = re.compile(rf"(?<!\\)(?:\\\\)*\$(?!\s)(?P<tex>(?:\\.|[^\\${HIDDEN}])+?)(?<!\s)\$", re.S)
ROUND = re.compile(rf"(?<!\\)(?:\\\\)*\\\((?P<tex>(?:\\[^)]|[^\\{HIDDEN}])+?)\\\)", re.S)
DISPLAY = re.compile(
    r"\s*(?:\$\$(?P<a>(?:\\.|[^\\])+?)\$\$|\\\[(?P<b>(?:\\[^\]]|[^\\])+?)\\\]|(?P<c>\\begin\{([a-z]+\*?)\}(?:\\.|[^\\])+?\\end\{\4\}))\s*",
    re.S,
)
CLAIM_END = re.compile(r"\]\{\s*\.claim\s+#(?P<name>[a-z0-9-]+)\s*\}")
ATTRIBUTE_LIST = re.compile(
    r"\{:?[ ]*(?:(?:[#.][\w:-]+|[\w:-]+=(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s\"'{}]+)|[a-zA-Z][a-zA-Z-]*)(?:[ ]+|(?=\})))+\}"
)
LIST_ITEM = re.compile(r"(?P<indent>[ >]*)(?P<marker>[*+-]|\d+\.)[ ]+")
STARTS_BLOCK = re.compile(r"[ >]*(?:#{1,6}|===|!!!|\?\?\?|\[\^|(?:[*+-]|\d+\.)[ ]|:[ ]{1,3})")
OPENS_BLOCK = re.compile(
    r"[ ]*(?:===!?\+?|!!!|\?\?\?\+?)[ ]"
)  # a tab, an admonition: what follows is a block of its own
TABLE_RULE = re.compile(r"[ >]*\|?[ ]*:?-+:?[ ]*(?:\|[ ]*:?-+:?[ ]*)*\|?[ ]*$")
FOOTNOTE = re.compile(r"\[\^([^\]\s]+)\]")
REFERENCE = re.compile(r"^[ ]{0,3}(\[(?!\^)([^\[\]]+)\]:[ ]*(\S+))[ ]*(?:\"(.*)\"|'(.*)'|\((.*)\))?[ ]*$", re.M)

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
BLOCK_TAGS = set(
    re.findall(
        r"\w+",
        """address article aside blockquote body canvas center colgroup dd details div dl dt fieldset figcaption figure
        footer form group h1 h2 h3 h4 h5 h6 header hgroup hr html iframe legend li link main map math menu nav noscript
        object ol output p pre progress script section style summary table tbody td tfoot th thead title tr ul video""",
    )
)
CODE_TAGS = {"code", "pre", "kbd", "samp"}


@dataclass(frozen=True)
class Mark:
    kind: str
    body: str
    start: int
    source: str  # as written
    place: str  # text, heading, attribute, formula, comment, front matter


@dataclass(frozen=True)
class Fence:
    start: int
    end: int
    info: str
    code: str
    raw: bool = False  # inside a raw HTML block

    @property
    def classes(self) -> list[str]:
        """Words of the info string, the language first."""
        words = re.sub(r"[\w-]+=(\"[^\"]*\"|'[^']*')", "", self.info.strip().strip("{}")).split()
        dotted = next((word for word in words if word.startswith(".")), None)
        if self.info.strip().startswith("{") and dotted:
            words.remove(dotted)
            words.insert(0, dotted[1:])
        return words

    @property
    def language(self) -> str:
        return (self.classes or [""])[0].lstrip(".")


@dataclass(frozen=True)
class Piece:
    """A code span or a formula, or the value of an attribute that a reader meets (`name` is the attribute's)."""

    start: int
    text: str
    name: str = ""
    tag: str = ""


@dataclass(frozen=True)
class Tag:
    start: int
    end: int
    name: str
    closes: bool
    attributes: dict[str, str] = field(hash=False)


@dataclass(frozen=True)
class Claim:
    name: str
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Heading:
    start: int
    end: int
    text: str
    id: str | None


@dataclass(frozen=True)
class Link:
    start: int
    url: str
    raw: bool  # written in HTML: relative to the page's own address


@dataclass
class Source:
    """One page, read."""

    text: str
    visible: str = ""
    front: dict[str, str] = field(default_factory=dict)
    fences: list[Fence] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    shown_marks: list[Mark] = field(default_factory=list)  # marks in code: shown as marks
    comments: list[Piece] = field(default_factory=list)
    codes: list[Piece] = field(default_factory=list)
    formulas: list[Piece] = field(default_factory=list)
    attributes: list[Piece] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    checks: list[quiz.Check] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    footnotes: set[str] = field(default_factory=set)
    segments: list[tuple[int, int]] = field(default_factory=list)  # a paragraph, a heading, an item, a row
    problems: list[tuple[int, str]] = field(default_factory=list)

    def place(self, at: int) -> tuple[int, int]:
        """(line, column), counted from one."""
        line = _bisect(self._line_starts, at)
        return line + 1, at - self._line_starts[line] + 1

    def line(self, at: int) -> int:
        return self.place(at)[0]

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    @cached_property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    def segment(self, at: int) -> tuple[int, int]:
        """The paragraph, heading, item or row that holds a place."""
        return next(((start, end) for start, end in self.segments if start <= at < end), (at, at))

    def kind(self, at: int) -> str:
        """What stands there, in words."""
        line = self.lines[self.line(at) - 1].strip()
        for start, words in (
            ("#", "heading"),
            ("|", "table"),
            ("===", "title of a tab"),
            ("!!!", "title of an admonition"),
        ):
            if line.startswith(start):
                return words
        if line.startswith("???"):
            return "title of an admonition"
        if re.match(r"[*+-] |\d+\. ", line):
            return "list"
        return (
            "caption" if re.match(r"\{\{\s*(?:figure|table)\b", self.text[self.segment(at)[0] :].lstrip()) else "text"
        )


def _bisect(starts: list[int], at: int) -> int:
    low, high = 0, len(starts)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if starts[middle] <= at else (low, middle)
    return low


def read(text: str) -> Source:
    return _Reader(text).read()


class _Reader:
    def __init__(self, text: str):
        self.source = Source(text)
        self.left = list(text)

    def read(self) -> Source:
        text = self.source.text
        for match in PRIVATE.finditer(text):
            self._problem(
                match.start(),
                "expected text, got a private-use character, which the marks keep for themselves; remove it",
            )
        self._front_matter()
        self._fences()
        self._checks()
        self._marks()
        self._block_comments()
        self._claims()
        self._raw_regions()
        self._segments()
        self._display_formulas()
        for start, end in self.source.segments:
            if not self._is_raw(start):
                self._inline(start, end)
        self._comments()
        self._html()
        self._references()
        for start, end in self.source.segments:
            if not self._is_raw(start):
                self._links(start, end)
        self._attribute_lists()
        self._entities()
        self._list_markers()
        self._headings()
        for match in re.finditer(r"\{\{|\}\}", self._now()):
            self._problem(
                match.start(),
                "expected a mark such as {{ value rank/loss_by_rank.loss }}, got a stray brace pair; mend the mark",
            )
        self.source.visible = self._now().replace(HIDDEN, " ")
        self.source.marks.sort(key=lambda mark: mark.start)
        return self.source

    # ---- the text that is left
    def _now(self, start: int = 0, end: int | None = None) -> str:
        return "".join(self.left[start:end])

    def _hide(self, start: int, end: int, with_: str = " ") -> None:
        for at in range(start, end):
            if self.left[at] != "\n":
                self.left[at] = with_

    def _problem(self, at: int, words: str) -> None:
        self.source.problems.append((at, words))

    def _lines(self) -> Iterator[tuple[int, str]]:
        """(where it starts, line) of the text that is left."""
        at = 0
        for line in self._now().split("\n"):
            yield at, line
            at += len(line) + 1

    # ---- steps, in the order in which Markdown takes them
    def _front_matter(self) -> None:
        match = FRONT_MATTER.match(self.source.text)
        if not match:
            return
        try:
            loaded = yaml.safe_load(match[1]) or {}
        except yaml.YAMLError:
            loaded = {}
            self._problem(0, "expected YAML in the front matter, got something else; mend it")
        self.source.front = {key: str(loaded[key]) for key in ("title", "description", "subtitle") if key in loaded}
        for mark in MARK.finditer(match[0]):
            self.source.marks.append(
                Mark(mark["kind"], (mark["body"] or "").strip(), mark.start(), mark[0], "front matter")
            )
        self._hide(0, match.end())

    def _fences(self) -> None:
        lines = list(self._lines())
        row = 0
        while row < len(lines):
            start, line = lines[row]
            match = FENCE.match(line)
            row += 1
            if not match or ("`" in match["info"] and match["fence"][0] == "`"):
                continue
            info = match["info"].strip()
            if not re.fullmatch(r"(?:\.?[\w#.+-]+)?[ \t]*(?:\{[^\n]*\})?", info):
                self._problem(
                    start,
                    f"expected ```python or ```{{.python notest}}, got ```{info}: Markdown would not see a fence; "
                    f"put the options in braces",
                )
                continue
            close = self._fence_end(lines, row, len(match["ws"]), match["fence"])
            if close is None:
                self._problem(
                    start, f"expected a closing {match['fence']} with the same indent, found none; close the fence"
                )
                continue
            code = "\n".join(content[len(match["ws"]) :] for _, content in lines[row:close])
            end = lines[close][0] + len(lines[close][1])
            self.source.fences.append(Fence(start, end, info, code))
            for title in re.finditer(r"\btitle=(?:\"([^\"]*)\"|'([^']*)')", info):
                self.source.attributes.append(Piece(start, title[1] or title[2] or "", "title", "fence"))
            self._hide(start, end)
            row = close + 1

    @staticmethod
    def _fence_end(lines: list[tuple[int, str]], row: int, indent: int, fence: str) -> int | None:
        while row < len(lines):
            line = lines[row][1]
            prefix = len(line) - len(line.lstrip("> \t"))
            if line.strip() and prefix < indent:
                return None
            if line[indent:].rstrip() == fence:
                return row
            row += 1
        return None

    def _checks(self) -> None:
        """Checks: their fence, boxes and keys are not shown; questions, options and reasons are, as Markdown."""
        self.source.checks = quiz.parse(self._now())
        for check in self.source.checks:
            for start, end in check.syntax:
                self._hide(start, end)
            for at, words in check.problems:
                self._problem(at, words)

    def _marks(self) -> None:
        for match in MARK.finditer(self._now()):
            self.source.marks.append(
                Mark(match["kind"], (match["body"] or "").strip(), match.start(), match[0], "text")
            )
            self._hide(match.start(), match.end(), FILL)

    def _move_marks(self, start: int, end: int, place: str) -> None:
        """Marks between two places stand in a formula, an attribute, a comment; or in code, where they are shown."""
        for mark in [mark for mark in self.source.marks if start <= mark.start < end]:
            self.source.marks.remove(mark)
            if place == "code":
                self.source.shown_marks.append(mark)
            else:
                self.source.marks.append(Mark(mark.kind, mark.body, mark.start, mark.source, place))

    def _block_comments(self) -> None:
        for match in re.finditer(r"(?m)^[ ]{0,3}<!--(.*?)-->", self._now(), re.S):
            self._comment(match)

    def _comments(self) -> None:
        for match in COMMENT.finditer(self._now()):
            self._comment(match)

    def _comment(self, match: re.Match) -> None:
        inner = self.source.text[match.start(1) : match.end(1)].strip()
        self.source.comments.append(Piece(match.start(), inner))
        self._move_marks(match.start(), match.end(), "comment")
        self._hide(match.start(), match.end())

    def _claims(self) -> None:
        now = self._now()
        for match in CLAIM_END.finditer(now):
            start, depth = match.start(), 1
            while depth and start > 0:
                start -= 1
                depth += {"]": 1, "[": -1}.get(now[start], 0)
            if depth:
                self._problem(
                    match.start(),
                    "expected an opening bracket before the claim, found none; write [words]{.claim #name}",
                )
                continue
            words = self.source.text[start + 1 : match.start()]
            self.source.claims.append(Claim(match["name"], start + 1, match.start(), words))
            self._hide(start, start + 1)
            self._hide(match.start(), match.end())

    def _raw_regions(self) -> None:
        """Blocks of raw HTML, where Markdown does nothing; not those that say markdown="1"."""
        self.raw: list[tuple[int, int]] = []
        stack: list[tuple[str, bool, int]] = []  # (tag, raw, where it starts)
        now = self._now()
        for match in TAG.finditer(now):
            name = match["name"].lower()
            if name not in BLOCK_TAGS or name in VOID or match["empty"]:
                continue
            line_start = now.rfind("\n", 0, match.start()) + 1
            at_start = match.start() - line_start <= 3 and not now[line_start : match.start()].strip()
            if match["close"]:
                while any(open_name == name for open_name, _, _ in stack):
                    open_name, raw, start = stack.pop()
                    if raw and not any(outer for _, outer, _ in stack):
                        self.raw.append((start, match.end()))
                    if open_name == name:
                        break
            elif stack or at_start:
                value = dict(_attributes(match["attributes"])).get("markdown")
                inside_raw = any(outer for _, outer, _ in stack)
                stack.append((name, inside_raw or value not in ("1", "block", "span", ""), match.start()))
        if outermost := next((start for _, raw, start in stack if raw), None):
            self.raw.append((outermost, len(now)))
        for index, fence in enumerate(self.source.fences):
            if self._is_raw(fence.start):
                self.source.fences[index] = Fence(fence.start, fence.end, fence.info, fence.code, True)

    def _is_raw(self, at: int) -> bool:
        return any(start <= at < end for start, end in self.raw)

    def _segments(self) -> None:
        start: int | None = None
        last_end, split_next = 0, False
        rows = self._table_rows()
        for at, line in self._lines():
            blank = not line.strip()
            own = not blank and (self._is_raw(at) or at in rows)
            begins = blank or own or split_next or bool(STARTS_BLOCK.match(line))
            if begins and start is not None:
                self.source.segments.append((start, last_end))
                start = None
            if not blank and start is None:
                start = at
            last_end = at + len(line) + 1
            split_next = not blank and (own or bool(OPENS_BLOCK.match(line) or re.match(r"[ >]*#{1,6}", line)))
        if start is not None:
            self.source.segments.append((start, last_end))

    def _table_rows(self) -> set[int]:
        """Where the rows of tables start."""
        rows: set[int] = set()
        for block in self._blocks():
            if any(TABLE_RULE.match(line) and "|" in line for _, line in block):
                rows |= {at for at, line in block if "|" in line}
        return rows

    def _blocks(self) -> Iterator[list[tuple[int, str]]]:
        """Lines between blank lines."""
        block: list[tuple[int, str]] = []
        for at, line in [*self._lines(), (0, "")]:
            if line.strip():
                block.append((at, line))
            elif block:
                yield block
                block = []

    def _display_formulas(self) -> None:
        for block in list(self._blocks()):
            start, end = block[0][0], block[-1][0] + len(block[-1][1])
            if self._is_raw(start):
                continue
            match = DISPLAY.fullmatch(self._now(start, end))
            if match:
                self._formula(start, end, next(match[name] for name in "abc" if match[name]))

    def _formula(self, start: int, end: int, tex: str) -> None:
        self.source.formulas.append(Piece(start, tex))
        self._move_marks(start, end, "formula")
        self._hide(start, end, HIDDEN)

    def _inline(self, start: int, end: int) -> None:
        for match in CODE_SPAN.finditer(self._now(start, end)):
            self._code(
                start + match.start("ticks"),
                start + match.end(),
                start + match.start("code"),
                start + match.end("code"),
            )
        for pattern in (DOLLARS, ROUND):
            for match in pattern.finditer(self._now(start, end)):
                self._formula(start + match.start(), start + match.end(), match["tex"])

    def _code(self, start: int, end: int, inner_start: int, inner_end: int) -> None:
        self._move_marks(start, end, "code")
        self.source.codes.append(Piece(inner_start, self.source.text[inner_start:inner_end]))
        self._hide(start, end, HIDDEN)

    def _html(self) -> None:
        """Tags; the values of their attributes; what stands in <code>."""
        now = self._now()
        opened: tuple[str, int] | None = None
        for match in TAG.finditer(now):
            if re.search(r"\n[ \t]*\n", match[0]):
                continue
            name, closes = match["name"].lower(), bool(match["close"])
            attributes: dict[str, str] = {}
            for attribute in ONE_ATTRIBUTE.finditer(now, match.start("attributes"), match.end("attributes")):
                group = next((index for index in (2, 3, 4) if attribute[index] is not None), None)
                value = attribute[group] if group else ""
                attributes[attribute[1].lower()] = value
                if group:
                    self.source.attributes.append(Piece(attribute.start(group), value, attribute[1].lower(), name))
            self.source.tags.append(Tag(match.start(), match.end(), name, closes, attributes))
            if "id" in attributes:
                self.source.ids.append(attributes["id"])
            for key in ("href", "src"):
                if key in attributes:
                    self.source.links.append(Link(match.start(), attributes[key], True))
            self._move_marks(match.start(), match.end(), "attribute")
            self._hide(match.start(), match.end())
            if name in CODE_TAGS and not closes and opened is None:
                opened = (name, match.end())
            elif opened and name == opened[0] and closes:
                self._code(opened[1], match.start(), opened[1], match.start())
                opened = None

    def _references(self) -> None:
        now = self._now()
        self.references = {match[2].lower() for match in REFERENCE.finditer(now)}
        for match in REFERENCE.finditer(now):
            self.source.links.append(Link(match.start(3), match[3].strip("<>"), False))
            self._hide(match.start(1), match.end(1))
        for match in re.finditer(r"(?m)^[ ]{0,3}\[\^([^\]\s]+)\]:", now):
            self.source.footnotes.add(match[1])
            self._hide(match.start(), match.end())
        used = set()
        for match in FOOTNOTE.finditer(self._now()):
            if self._is_raw(match.start()):
                self._problem(match.start(), f"expected HTML, got {match[0]} in a block of raw HTML; move it out")
            elif match[1] in self.source.footnotes:
                used.add(match[1])
                self._hide(match.start(), match.end(), HIDDEN)
            else:
                self._problem(
                    match.start(),
                    f"expected a footnote {match[0]}: …, found none on this page; write it, or remove the mark",
                )
        for name in self.source.footnotes - used:
            self._problem(
                self.source.text.find(f"[^{name}]:"),
                f"expected a place that names the footnote [^{name}], found none; remove it",
            )

    def _links(self, start: int, end: int) -> None:
        now = self._now(start, end)
        for match in re.finditer(r"(?<!\\)\]\((?:[^\S\n]*)", now):
            if not self._has_opening(now, match.start()):
                continue
            address = _destination(now, match.end())
            if address is None:
                continue
            url_start, url_end, close = address
            self.source.links.append(Link(start + url_start, now[url_start:url_end].strip("<>"), False))
            self._move_marks(start + url_start, start + url_end, "attribute")
            self._hide(start + match.start(), start + url_end, HIDDEN)
            self._hide(start + close, start + close + 1, HIDDEN)
        for match in re.finditer(r"(?<!\\)\]\[([^\[\]]+)\]", self._now(start, end)):
            if match[1].lower() in self.references:
                self._hide(start + match.start(), start + match.end(), HIDDEN)
            elif self._has_opening(now, match.start()):
                self._problem(
                    start + match.start(),
                    f"expected a definition [{match[1]}]: address, found none on this page; write it",
                )

    @staticmethod
    def _has_opening(now: str, at: int) -> bool:
        depth = 1
        while at > 0:
            at -= 1
            if now[at] in "[]" and (at == 0 or now[at - 1] != "\\"):
                depth += 1 if now[at] == "]" else -1
                if not depth:
                    return True
        return False

    def _attribute_lists(self) -> None:
        now = self._now()
        for match in ATTRIBUTE_LIST.finditer(now):
            line_start = now.rfind("\n", 0, match.start()) + 1
            line_end = now.find("\n", match.end())
            line_end = len(now) if line_end < 0 else line_end
            before, after = now[line_start : match.start()], now[match.end() : line_end]
            if self._is_raw(match.start()) or not self._takes_attributes(now, before, after, line_start, line_end):
                continue
            if "}" in after:
                self._problem(
                    match.start(),
                    "expected one attribute list on a line, got another brace after it: Markdown joins the two; "
                    "break the line",
                )
            for item in re.finditer(r"#([\w:-]+)", re.sub(r"\"[^\"]*\"|'[^']*'", "", match[0])):
                self.source.ids.append(item[1])
            for item in re.finditer(r"([\w:-]+)=(?:\"([^\"\n]*)\"|'([^'\n]*)'|([^\s\"'{}]+))", match[0]):
                group = next(index for index in (2, 3, 4) if item[index] is not None)
                self.source.attributes.append(
                    Piece(match.start() + item.start(group), item[group], item[1].lower(), "{}")
                )
            self._move_marks(match.start(), match.end(), "attribute")
            self._hide(match.start(), match.end())

    @staticmethod
    def _takes_attributes(now: str, before: str, after: str, line_start: int, line_end: int) -> bool:
        """Whether Markdown reads a brace pair as attributes there; otherwise it prints it."""
        if not before.strip() and not after.strip():  # a line of its own, the last of its block
            above = now[: max(0, line_start - 1)].rpartition("\n")[2]
            below = now[line_end + 1 :].partition("\n")[0]
            return bool(above.strip()) and (
                not below.strip() or bool(LIST_ITEM.match(below)) or below.lstrip().startswith("<")
            )
        below = now[line_end + 1 :].partition("\n")[0]
        if before.endswith(" ") and not after.strip() and re.match(r"[ ]{0,3}:[ ]", below):  # a term that is defined
            return True
        if before.endswith(HIDDEN) or re.search(r"(?<=\S)[*_]+$", before):  # after code, a link, emphasis
            return True
        if before.endswith(" ") and (not after.strip() or after.lstrip().startswith("|")):
            return bool(re.match(r"[ >]*#{1,6}|.*\|", before)) or after.lstrip().startswith("|")
        return False

    def _entities(self) -> None:
        for match in ENTITY.finditer(self._now()):
            shown = html.unescape(match[0])
            if any(character.isnumeric() for character in shown):
                self._problem(
                    match.start(),
                    f"expected a mark for the numeral {shown!r}, found it typed as {match[0]}; use a mark",
                )
            if shown != match[0]:
                self._hide(match.start(), match.end())

    def _list_markers(self) -> None:
        """The ordinal of a list item, where Markdown starts a list: at the start of a block, or below such an item."""
        indent: int | None = None
        fresh = True
        lines = list(self._lines())
        for row, (at, line) in enumerate(lines):
            item = LIST_ITEM.match(line)
            if not line.strip():
                fresh = True
                continue
            if item and fresh and not self._is_indented_code(lines, row):
                indent = len(item["indent"])
            elif fresh:
                indent = None
            if item and indent is not None and len(item["indent"]) <= indent + 7:
                indent = len(item["indent"])
                if item["marker"] not in "*+-":
                    self._hide(at + item.start("marker"), at + item.end("marker"))
            fresh = bool(OPENS_BLOCK.match(line))

    @staticmethod
    def _is_indented_code(lines: list[tuple[int, str]], row: int) -> bool:
        """Whether the block that starts in this row is code by its indent: no list, tab or admonition holds it."""
        indent = _indent(lines[row][1])
        while indent >= 4:
            row -= 1
            while row >= 0 and (not lines[row][1].strip() or _indent(lines[row][1]) >= indent):
                row -= 1
            while row > 0 and lines[row - 1][1].strip() and _indent(lines[row - 1][1]) <= _indent(lines[row][1]):
                row -= 1  # the first line of that block
            if row < 0:
                return True
            above = lines[row][1]
            if LIST_ITEM.match(above) or OPENS_BLOCK.match(above) or re.match(r"[ ]*(?:\[\^[^\]]*\]:|:[ ])", above):
                return indent >= _indent(above) + 8
            indent = _indent(above)
            if indent < 4:
                return True
        return False

    def _headings(self) -> None:
        text = self.source.text
        lines = list(self._lines())
        for row, (at, line) in enumerate(lines):
            if self._is_raw(at):
                continue
            below = lines[row + 1][1] if row + 1 < len(lines) else ""
            title = re.match(r"[ >]*#{1,6}(?P<text>.*?)#*[ ]*$", line)
            under = re.fullmatch(r"(?:=+|-+)[ ]*", below) and line.strip() and "|" not in line
            if not title and not (under and (row == 0 or not lines[row - 1][1].strip())):
                continue
            end = at + len(line)
            written = text[at:end]
            own = re.search(r"\{[^{}]*#([\w:-]+)[^{}]*\}[ ]*$", written)
            words = re.sub(r"[ ]*\{:?[ ]*[#.][^{}]*\}[ ]*$", "", written.lstrip(" >#").rstrip("# "))
            self.source.headings.append(Heading(at, end, words, own[1] if own else None))
            for mark in [mark for mark in self.source.marks if at <= mark.start < end and mark.place == "text"]:
                self.source.marks.remove(mark)
                self.source.marks.append(Mark(mark.kind, mark.body, mark.start, mark.source, "heading"))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" >"))


def _attributes(text: str) -> Iterator[tuple[str, str]]:
    for match in ONE_ATTRIBUTE.finditer(text):
        yield match[1].lower(), next((match[index] for index in (2, 3, 4) if match[index] is not None), "")


def _destination(now: str, at: int) -> tuple[int, int, int] | None:
    """(start and end of the address, place of the closing bracket) of a link whose bracket opens just before `at`."""
    start, depth = at, 0
    if now[at : at + 1] == "<":
        end = now.find(">", at) + 1
        if not end:
            return None
    else:
        end = at
        while end < len(now) and not now[end].isspace() and (now[end] != ")" or depth):
            depth += {"(": 1, ")": -1}.get(now[end], 0)
            end += 1
    rest = re.compile(r"""\s*(?:"[^"\n]*"|'[^'\n]*')?\s*\)""").match(now, end)
    return (start, end, rest.end() - 1) if rest else None


def slug(words: str) -> str:
    """The anchor that the table of contents gives a heading."""
    words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", words)
    words = re.sub(r"<[^>]*>|[`*$]", "", html.unescape(words))
    words = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", words).strip().lower())


def anchors(source: Source) -> set[str]:
    """Every id of a page that its source shows: headings, explicit ids, claims, footnotes, the ledger."""
    found = {*source.ids, *(f"claim-{claim.name}" for claim in source.claims), "numbers"}
    found |= {f"fn:{name}" for name in source.footnotes}
    found |= {f"check-{check.name}" for check in source.checks}
    for heading in source.headings:
        name = heading.id or slug(heading.text)
        while name in found and not heading.id:
            match = re.fullmatch(r"(.*)_(\d+)", name)
            name = f"{match[1]}_{int(match[2]) + 1}" if match else f"{name}_1"
        found.add(name)
    return found
