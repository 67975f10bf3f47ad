"""Judge the pages as they are written, without building or running anything.

    docs/rank.md:12:5: expected a mark, got the typed numeral "42" (table); use value, calc, quote or given, …

Exceptions are written on the page, on the line before, with their reason, and are all returned:
`<!-- number-ok: reason -->` for a numeral, `<!-- no-claim: reason -->` for a comparing word.
The gate (gate.py) reads the built HTML and shares nothing with this file but the meaning of marks.
"""

import ast
import html
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from lora_ref.site import blocks, glossary, orphans, quiz, redirects
from lora_ref.site.claims import ChapterTests, chapter_tests, claim_hash
from lora_ref.site.comparing import comparisons
from lora_ref.site.numbers import MarkError, Number, Site, is_power_of_ten, split_format
from lora_ref.site.project import Project, UserError
from lora_ref.site.reader import FILL, Fence, Mark, Piece, Source, anchors, read

MEND = (
    "use value, calc, quote or given, list a proper name in docs/names.yml, or say why on the line before: "
    "<!-- number-ok: reason -->"
)
READ_ALOUD = re.compile(
    r"alt|title|placeholder|label|summary|aria-(?!hidden|controls|labelledby|describedby|owns|details)[a-z]+"
)
# Powers of ten that a calculation may divide or multiply by, and the words that name them.
UNITS = {
    ast.Div: {3: "thousand|kB", 6: "million|MB", 9: "billion|GB", 12: "trillion|TB"},
    ast.Mult: {2: "percent|%", 3: "ms|milliseconds", 6: "µs|microseconds", 9: "ns|nanoseconds"},
}
FREE_IN_FORMULAS = {"0", "1", "2"}
PYTHON = {"python", "py"}
RUN_AS = {"python3", "pycon", "ipython", "py3"}
CODE_NUMBER = re.compile(r"(?<![\w.])(?:\d[\d_]*(?:,\d{3})*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?[^\W\d]*")


@dataclass
class PageReport:
    """What one page says and uses."""

    name: str
    findings: list[str] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)
    values: set[str] = field(default_factory=set)  # "rank/loss_by_rank.loss_rank_4"
    quotes: set[str] = field(default_factory=set)  # "hu2021.wikisql_full"
    cited: set[str] = field(default_factory=set)
    figures: set[tuple[str, str]] = field(default_factory=set)
    claims: dict[str, tuple[str, str]] = field(default_factory=dict)  # name -> (place, hash)
    checks: list[tuple[str, quiz.Check]] = field(default_factory=list)  # (place, check)
    answers: list[tuple[str, str]] = field(default_factory=list)  # (place, the chapter whose answers stand here)


def lint(project: Project) -> tuple[list[str], list[str]]:
    """(findings, exceptions) of the whole site."""
    try:
        linter = Linter(project)
        reports = [linter.page(name) for name in linter.texts]
        findings = [finding for report in reports for finding in report.findings]
        findings += linter.claims_and_tests(reports)
        findings += quiz.findings(
            {report.name: report.checks for report in reports}, {report.name: report.answers for report in reports}
        )
        findings += orphans.check(linter.site, reports, linter.tests)
        findings += orphans.check_theme(linter.site)
        findings += redirects.check(project)
    except UserError as error:  # a program or record that cannot be read at all
        return [str(error)], []
    return findings, [exception for report in reports for exception in report.exceptions]


class Linter:
    """The site as it is written; `page` judges one page, in this text or another."""

    def __init__(self, project: Project):
        self.project = project
        self.site = Site(project)
        self.texts = {
            path.relative_to(project.docs).with_suffix("").as_posix(): path.read_text(encoding="utf-8")
            for path in sorted(project.docs.rglob("*.md"))
        }
        self.sources = {name: read(text) for name, text in self.texts.items()}
        self._anchors: dict[str, set[str]] = {}

    @cached_property
    def tests(self) -> ChapterTests:
        return chapter_tests(self.project)

    def page(self, name: str, text: str | None = None) -> PageReport:
        source = self.sources[name] if text is None else read(text)
        return _PageLint(self, name, source).run()

    def anchors(self, name: str) -> set[str]:
        if name not in self._anchors:
            self._anchors[name] = self.anchors_of(self.sources[name])
        return self._anchors[name]

    def anchors_of(self, source: Source) -> set[str]:
        found = anchors(source)
        for mark in source.marks:
            if mark.kind in ("cite", "quote"):
                found.add(f"cite-{mark.body.partition('.')[0]}")
            if mark.kind == "answers" and mark.body in self.sources:
                found |= {check.name for check in self.sources[mark.body].checks}
            if mark.kind == "records":
                found |= {blocks.anchor(program) for program in self.site.programs}
        return found

    def claims_and_tests(self, reports: Iterable[PageReport]) -> list[str]:
        """Every claim has its test with the right hash, every such test its claim."""
        findings = []
        claims: dict[str, dict[str, tuple[str, str]]] = {}
        for report in reports:
            chapter = PurePosixPath(report.name).name
            for name, (place, hash) in report.claims.items():
                claims.setdefault(chapter, {})["test_" + name.replace("-", "_")] = (place, hash)
        for chapter, wanted in claims.items():
            for name, (place, hash) in wanted.items():
                test = self.tests.tests.get(chapter, {}).get(name)
                file = f"tests/chapters/test_{chapter.replace('-', '_')}.py"
                if test is None:
                    findings.append(
                        f'{place}: expected a test of this claim, found none; write @claim("{hash}") def '
                        f"{name}(values) in {file}"
                    )
                elif test.hash != hash:
                    came = "no @claim" if test.hash is None else f'@claim("{test.hash}")'
                    findings.append(
                        f'{place}: expected @claim("{hash}") at {file}:{test.line}, got {came}: the sentence '
                        f"changed; read the test again, then "
                        "put this hash there"
                    )
        for chapter, tests in self.tests.tests.items():
            for test in tests.values():
                if test.hash is not None and test.name not in claims.get(chapter, {}):
                    claim = test.name.removeprefix("test_").replace("_", "-")
                    findings.append(
                        f"{test.path.relative_to(self.project.root)}:{test.line}:1: expected a claim "
                        f"[...]{{.claim #{claim}}} on the page "
                        f"of {chapter}, found none; remove the test, or state the claim"
                    )
        return findings


class _PageLint:
    def __init__(self, linter: Linter, name: str, source: Source):
        self.linter, self.site, self.source = linter, linter.site, source
        self.page = quiz.page(linter.site, name, source.text)
        self.report = PageReport(name)
        self.terms: dict[str, int] = {}  # id -> where it is marked

    def run(self) -> PageReport:
        self._comments()
        self.report.checks = [(self._place(check.start), check) for check in self.source.checks]
        for at, words in self.source.problems:
            self._find(at, words, numeral="numeral" in words)
        numbers = self._marks()
        self._visible()
        self._front_matter()
        self._attributes()
        self._formulas()
        self._fences()
        self._codes()
        self._claims()
        self._ties(numbers)
        self._links()
        self._elements()
        return self.report

    # ---- findings and exceptions
    def _find(self, at: int, words: str, *, numeral: bool = False, comparison: bool = False) -> None:
        line, column = self.source.place(at)
        if (numeral and line in self.number_ok) or (comparison and line in self.no_claim):
            return
        self.report.findings.append(f"docs/{self.report.name}.md:{line}:{column}: {words}")

    def _place(self, at: int) -> str:
        line, column = self.source.place(at)
        return f"docs/{self.report.name}.md:{line}:{column}"

    def _comments(self) -> None:
        self.number_ok: set[int] = set()
        self.no_claim: set[int] = set()
        self.notest: set[int] = set()
        for comment in self.source.comments:
            match = re.match(r"(number-ok|no-claim|notest)\b:?\s*(.*)", comment.text, re.S)
            if not match:
                continue
            if not match[2].strip():
                self._find(
                    comment.start, f"expected a reason after {match[1]}, found none; write <!-- {match[1]}: reason -->"
                )
                continue
            lines = self._covered(comment)
            {"number-ok": self.number_ok, "no-claim": self.no_claim, "notest": self.notest}[match[1]].update(lines)
            self.report.exceptions.append(
                f"docs/{self.report.name}.md:{self.source.line(comment.start)}: {match[1]}: "
                f"{' '.join(match[2].split())}"
            )

    def _covered(self, comment: Piece) -> list[int]:
        """The lines that an exception is for: its own if text shares it, else the next, or the table or fence there."""
        lines = self.source.lines
        row = self.source.line(comment.start) - 1
        if re.sub(r"<!--.*?-->", "", lines[row]).strip() and "-->" in lines[row]:
            return [row + 1]
        while row < len(lines) and "-->" not in lines[row]:
            row += 1
        row += 1
        while row < len(lines) and not lines[row].strip():
            row += 1
        for fence in self.source.fences:
            if self.source.line(fence.start) == row + 1:
                return list(range(row + 1, self.source.line(fence.end) + 1))
        end = row + 1
        while (
            lines[row : row + 1]
            and lines[row].lstrip().startswith("|")
            and end < len(lines)
            and lines[end].lstrip().startswith("|")
        ):
            end += 1
        return list(range(row + 1, end + 1))

    # ---- marks
    def _marks(self) -> list[tuple[Mark, Number]]:
        numbers = []
        for mark in self.source.marks:
            try:
                numbers += [(mark, number) for number in self._evaluate(mark)]
            except UserError as error:
                self._find(mark.start, f"{mark.source}: {error}")
        return numbers

    def _evaluate(self, mark: Mark) -> list[Number]:
        if mark.place == "front matter":
            raise MarkError("expected words, got a mark: the front matter is not expanded; move it into the text")
        match mark.kind:
            case "figure":
                self._starts_block(mark, "a caption")
                number, _ = blocks.figure(self.site, self.page, mark.body, "")
                program, _, drawing = mark.body.partition(".")
                full = self.site.program(program.strip(), self.page.chapter).name
                self.report.figures.add((full, drawing.strip()))
                return []
            case "table":
                self._starts_block(mark, "a caption")
                blocks.table(self.site, self.page, mark.body)
                program, *columns = mark.body.split("|")
                full = self.site.program(program.strip(), self.page.chapter).name
                self.report.values |= {f"{full}.{column.split()[0]}" for column in columns}
                for column in columns:
                    self._plain(mark.start, " ".join(split_format(column)[0].split()[1:]), "head of a table")
                return []
            case "cite":
                blocks.cite(self.site, self.page, mark.body, mark.place == "heading")
                self.report.cited.add(mark.body)
                self._in_text(mark)
                return []
            case "term":
                self._term(mark)
                return []
            case "sources":
                self._starts_block(mark, "")
                blocks.sources(self.site, self.page)
                return []
            case "records" | "checks":
                self._starts_block(mark, "")
                return []
            case "answers":
                self._starts_block(mark, "")
                quiz.chapter(self.linter.project, mark.body)
                self.report.answers.append((self._place(mark.start), mark.body))
                return []
        number = self.page.evaluate(mark.kind, mark.body)
        if mark.kind == "calc":
            self._scales(mark)
        if mark.place == "comment":
            return []
        if mark.place == "heading":
            heading = next(heading for heading in self.source.headings if heading.start <= mark.start < heading.end)
            if heading.id is None:
                raise MarkError(
                    "expected an explicit id on a heading that holds a mark, as in `## … {#name}`: its anchor "
                    "would change with the number"
                )
        for source in (number, *number.inputs):
            if source.kind == "measured":
                self.report.values.add(source.source.split("[")[0])
            if source.kind == "quoted":
                self.report.quotes.add(source.source)
        return [number]

    def _starts_block(self, mark: Mark, needed: str) -> None:
        start, end = self.source.segment(mark.start)
        after = self.source.text[mark.start + len(mark.source) : end].strip()
        if mark.place != "text" or self.source.text[start : mark.start].strip(" >\n"):
            raise MarkError(
                f"expected {mark.kind} at the start of a paragraph of its own, got it inside one; put it on a new line"
            )
        if needed and not after:
            raise MarkError(f"expected {needed} after the mark, in the same paragraph: it says what to see")

    def _term(self, mark: Mark) -> None:
        """In text, where a link can stand, and once a page: each is a stop of the Tab key."""
        id, words = glossary.term(self.linter.project, mark.body)
        in_check = any(check.start <= mark.start < check.end for check in self.source.checks)
        if in_check or mark.place != "text":
            place = "check" if in_check else mark.place
            article = "an" if place == "attribute" else "a"
            raise MarkError(
                f"expected a term in the text, got {article} {place}, where no link stands; mark it where the text first uses it"
            )
        first = self.terms.setdefault(id, mark.start)
        if first != mark.start:
            raise MarkError(
                f"expected each term to be marked once on a page, got it again after line {self.source.line(first)}; write the word"
            )
        self._plain(mark.start, words, "term")

    def _in_text(self, mark: Mark) -> None:
        if mark.place not in ("text", "heading"):
            raise MarkError(
                f"{mark.kind} cannot stand in a {mark.place}: only value, calc, quote and given have a plain text"
            )

    # ---- numerals
    def _visible(self) -> None:
        masked = self._without_names(self.source.visible)
        for at, word in numerals(masked):
            kind = self.source.kind(at)
            shown = self.source.text[at : at + len(word)]
            self._find(at, f'expected a mark, got the typed numeral "{shown}" ({kind}); {MEND}', numeral=True)

    def _without_names(self, text: str) -> str:
        return orphans.without_names(text, self.site.names)

    def _plain(self, at: int, text: str, where: str) -> None:
        """Text that is shown as it stands: an attribute, a title."""
        marks = re.sub(r"\{\{.*?\}\}", lambda match: " " * len(match[0]), text, flags=re.S)
        shown = html.unescape(marks)
        for _, word in numerals(self._without_names(shown)):
            self._find(at, f'expected a mark, got the typed numeral "{word}" ({where}); {MEND}', numeral=True)

    def _front_matter(self) -> None:
        for key, value in self.source.front.items():
            row = next((row for row, line in enumerate(self.source.lines) if line.startswith(f"{key}:")), 0)
            at = sum(len(line) + 1 for line in self.source.lines[:row])
            for _, word in numerals(self._without_names(html.unescape(value))):
                self._find(
                    at,
                    f'expected words, got the typed numeral "{word}" (front matter: {key}); leave it out: no mark '
                    f"works there",
                )

    def _attributes(self) -> None:
        for attribute in self.source.attributes:
            typed = attribute.name == "value" and attribute.tag in ("input", "button", "option")
            if READ_ALOUD.fullmatch(attribute.name) or typed:
                self._plain(attribute.start, attribute.text, f"attribute {attribute.name}")
            if attribute.name == "markdown" and attribute.text not in ("1", "block", "span"):
                self._find(
                    attribute.start,
                    f'expected markdown="1", "block" or "span", got {attribute.text!r}; Markdown would stay as it is',
                )

    def _formulas(self) -> None:
        indices: dict[str, list[int]] = {}
        for formula in self.source.formulas:
            for number in formula_numbers(formula.text):
                if number not in FREE_IN_FORMULAS:
                    self._find(
                        formula.start,
                        f'expected a mark, got the typed numeral "{number}" (formula): only 0, 1 and 2 are free '
                        f"in one; {MEND}",
                        numeral=True,
                    )
            for index in indexed(formula.text):
                indices.setdefault(index, []).append(formula.start)
        for index, places in indices.items():
            elsewhere = sum(
                indexed(piece.text).count(index) for other in self._other_sources() for piece in other.formulas
            )
            if len(places) + elsewhere == 1:
                self._find(
                    places[0],
                    f"expected the symbol {index} to be used again, found it once on the site: an index counts or "
                    f"names; mend or drop it",
                    numeral=True,
                )

    def _other_sources(self) -> Iterator[Source]:
        return (source for name, source in self.linter.sources.items() if name != self.report.name)

    # ---- code
    def _fences(self) -> None:
        self.code_numbers: set[float] = set()
        for fence in self.source.fences:
            includes = [line for line in fence.code.split("\n") if re.match(r"\s*;*-+8<-+", line)]
            only_includes = bool(includes) and all(
                line in includes or not line.strip() for line in fence.code.split("\n")
            )
            self._fence(fence, only_includes, bool(includes))
            if only_includes:
                for line in includes:
                    self._include(fence, line)
            elif fence.language in PYTHON and "notest" not in fence.classes:
                self.code_numbers |= numbers_in_code(fence.code)
        for at, line in self._outside_fences():
            if re.match(r"\s*-+8<-+", line):
                self._find(at, "expected an include inside a fence, got one in the text; put it in ```{.python notest}")
        for program in self.page.programs:
            self.code_numbers |= numbers_in_code(program.path.read_text(encoding="utf-8"))

    def _outside_fences(self) -> Iterator[tuple[int, str]]:
        at = 0
        for line in self.source.visible.split("\n"):
            yield at, line
            at += len(line) + 1

    def _fence(self, fence: Fence, only_includes: bool, includes: bool) -> None:
        python, words = fence.language in PYTHON, fence.classes[1:]
        if fence.language in RUN_AS:
            self._find(fence.start, f"expected ```python, which the tests run, got ```{fence.language}; write python")
        if python and fence.raw:
            self._find(
                fence.start,
                "expected Python fences outside raw HTML, got one in a block, where the tests miss it; move it out",
            )
        if python and any(word.lstrip(".") == "notest" and word != "notest" for word in words):
            self._find(
                fence.start,
                "expected ```{.python notest}, got .notest with a dot, which the tests do not know; remove the dot",
            )
        if python and includes and "notest" not in words:
            self._find(
                fence.start,
                "expected ```{.python notest} around an include, since the tests would run its line; add notest",
            )
        if includes and not only_includes:
            self._find(fence.start, "expected a fence with includes alone, got other lines beside them; split it")
        if python and "notest" in words and not includes and self.source.line(fence.start) not in self.notest:
            self._find(
                fence.start,
                "expected a reason for notest, found none; put <!-- notest: reason --> on the line before, or test it",
            )
        if not only_includes and (not python or "notest" in words):
            self.source.codes.append(Piece(fence.start, fence.code, "fence"))

    def _include(self, fence: Fence, line: str) -> None:
        match = re.fullmatch(r"""\s*-+8<-+[ \t]+["']([^"':]+)(?::([A-Za-z][\w-]*))?["']""", line.rstrip())
        if not match:
            self._find(
                fence.start,
                f'expected --8<-- "snippets/chapter/program.py:section", got {line.strip()}; name a section, not lines',
            )
            return
        path = self.linter.project.root / match[1]
        if not path.is_file() or not match[1].startswith(("snippets/", "lora_ref/", "tests/")):
            self._find(
                fence.start,
                f"expected a tested file of snippets/, lora_ref/ or tests/ to include, got {match[1]}; name one",
            )
            return
        text = path.read_text(encoding="utf-8")
        if match[2]:
            name = re.escape(match[2])
            section = re.search(
                rf"8<-+[ \t]+\[start:\s*{name}\s*\].*?\n(.*?)^[^\n]*8<-+[ \t]+\[end:\s*{name}\s*\]", text, re.S | re.M
            )
            if not section:
                self._find(
                    fence.start,
                    f"expected {match[1]} to hold the section {match[2]}, found none; mark it with # --8<-- [start:…]",
                )
                return
            text = section[1]
        self.code_numbers |= numbers_in_code(text)

    def _codes(self) -> None:
        """A number in a code span, or in a fence that is not tested Python, occurs in the tested code of the page."""
        for code in self.source.codes:
            if any(code.start <= mark.start < code.start + len(code.text) for mark in self.source.shown_marks):
                continue
            where = "a fence that no test runs" if code.name else "code"
            text = self._without_names(code.text)
            for at, word in code_numerals(text):
                if not known_number(word, self.code_numbers):
                    offset = 0 if code.name else at
                    self._find(
                        code.start + offset,
                        f'expected a number of a tested snippet of this page, got the typed numeral "{word}" '
                        f"({where}); "
                        "take it from a fence or program of the page, or use a mark",
                        numeral=True,
                    )

    # ---- claims
    def _claims(self) -> None:
        spans = []
        for claim in self.source.claims:
            spans.append((claim.start, claim.end))
            self._add_claim(claim.name, claim.start, claim.text)
        for tag in self.source.tags:
            name = tag.attributes.get("id", "")
            if tag.name == "svg" and not tag.closes:
                close = self.source.text.find("</svg>", tag.end)
                if not name.startswith("claim-"):
                    self._find(
                        tag.start,
                        'expected id="claim-NAME" on a drawing that is typed, found none: its geometry states '
                        "something; "
                        "give it one and a test that reads it with `drawing`, or make it a figure",
                    )
                elif close > 0:
                    self._add_claim(
                        name.removeprefix("claim-"), tag.start, self.source.text[tag.start : close + len("</svg>")]
                    )
        for match in re.finditer(r"\{[^{}\n]*\.claim\b[^{}\n]*\}", self.source.visible):
            self._find(
                match.start(), "expected a claim as [words]{.claim #name}, got another order or form; write it so"
            )
        # What an option says is no statement of ours: its reason is, and so is the question.
        spans += [
            (option.words.start, option.words.end + 1) for check in self.source.checks for option in check.options
        ]
        for start, end in self.source.segments:
            for at, words in comparisons(self.source.visible[start:end]):
                if not any(first <= start + at < last for first, last in spans):
                    self._find(
                        start + at,
                        f'expected a claim around the comparison "{words}", found none; write '
                        f"[sentence]{{.claim #name}} and its test, "
                        "or say on the line before why it states no measured relation: <!-- no-claim: reason -->",
                        comparison=True,
                    )

    def _add_claim(self, name: str, at: int, text: str) -> None:
        line, column = self.source.place(at)
        if name in self.report.claims:
            self._find(at, f"expected one claim named {name}, got two; rename one")
        self.report.claims[name] = (f"docs/{self.report.name}.md:{line}:{column}", claim_hash(text))

    # ---- what a sentence says about a number, and which number it shows
    def _ties(self, numbers: list[tuple[Mark, Number]]) -> None:
        """Where a paragraph says "rank 4", the values beside it are those of rank 4."""
        in_claim = [(claim.start, claim.end) for claim in self.source.claims]  # a test holds those up
        paragraphs: dict[tuple[int, int], list[tuple[Mark, Number]]] = {}
        for mark, number in numbers:
            if not any(start <= mark.start < end for start, end in in_claim):
                paragraphs.setdefault(self.source.segment(mark.start), []).append((mark, number))
        for (start, end), marks in paragraphs.items():
            stops = [start + match.end() for match in re.finditer(r"[.!?]\s", self.source.visible[start:end])]
            said: dict[str, list[tuple[int, float]]] = {}
            shown: dict[str, list[tuple[int, float]]] = {}
            for mark, number in marks:
                name, _, value = number.source.partition("=")
                if mark.kind == "given":
                    said.setdefault(name, []).append((mark.start, float(value)))
                else:
                    for setting, held in self._settings(mark, number):
                        shown.setdefault(setting, []).append((mark.start, held))
            for setting in said.keys() & shown.keys():
                for first, last in zip([start, *stops], [*stops, end], strict=True):
                    names = [(at, value) for at, value in said[setting] if first <= at < last]
                    values = [(at, value) for at, value in shown[setting] if first <= at < last]
                    if _unique(names) != _unique(values):
                        self._tied(setting, said[setting], values)

    def _tied(self, setting: str, said: list[tuple[int, float]], values: list[tuple[int, float]]) -> None:
        """Each value is of the setting that was named last before it, or else first after it."""
        for at, value in values:
            before = [named for place, named in said if place < at]
            named = before[-1] if before else said[0][1]
            if named != value:
                self._find(
                    at,
                    f"expected a value of {setting} {named:g}, which stands beside it, got one of {setting} {value:g}; "
                    "mend the mark or the words",
                )

    def _settings(self, mark: Mark, number: Number) -> list[tuple[str, float]]:
        """[("rank", 4)] for values that their program describes with a setting, loss_rank_* or "its * directions", or lists
        by ranks.
        """
        found = []
        for source in (number, *number.inputs):
            program, _, name = source.source.split("[")[0].partition(".")
            if source.kind == "measured" and program in self.site.programs:
                for pattern, meaning in self.site.programs[program].constants.get("MEANING", {}).items():
                    match = re.fullmatch(re.escape(pattern).replace(r"\*", r"(\d+)"), name.removesuffix("_sd"))
                    setting = re.search(r"([a-z]+)_\*", pattern)
                    counted = re.search(r"\* (?:\w+ )?(\w+)s\b", meaning)  # "its * largest directions"
                    if match and match.groups():
                        found += [(words[1], float(match[1])) for words in (setting, counted) if words]
                        break
        for path, name, index in re.findall(r"([\w/]+)\.(\w+)\[(\d+)\]", mark.body):
            program = self.site.program(path, self.page.chapter)
            record = self.site.status(program.name).record
            values = record["values"] if record else {}
            lists = {
                key.lower(): held
                for key, held in {**program.constants, **values}.items()
                if isinstance(held, list | tuple)
            }
            for given in self.page.givens:
                steps = lists.get(f"{given}s", ())
                if name in values and f"{given}s" != name and len(steps) == len(values[name]) > int(index):
                    found.append((given, float(steps[int(index)])))
        return found

    def _scales(self, mark: Mark) -> None:
        """A power of ten in a calculation is one that the unit beside it names."""
        try:
            tree = ast.parse(html.unescape(split_format(mark.body)[0]), mode="eval")
        except SyntaxError:
            return  # reported by its evaluation
        above = self.source.text.rfind("\n\n", 0, mark.start)
        below = self.source.text.find("\n\n", mark.start)
        block = re.sub(r"\{\{.*?\}\}", " ", self.source.text[above + 1 : below if below > 0 else None], flags=re.S)
        for node in ast.walk(tree):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
                for side in (node.left, node.right):
                    if isinstance(side, ast.Constant) and is_power_of_ten(side.value):
                        units = UNITS[type(node.op)].get(round(math.log10(float(str(side.value)))), "")
                        if not units or not re.search(rf"(?<![\w])(?:{units})(?!\w)", block):
                            names = (
                                units.replace("|", ", ") or "a power of ten that has a name, such as 1e9 (GB, billion)"
                            )
                            self._find(
                                mark.start, f"expected {names} beside {ast.unparse(node)}; mend the power or the words"
                            )

    # ---- links
    def _links(self) -> None:
        for link in self.source.links:
            url = html.unescape(link.url)
            if FILL in url or re.match(r"(?:https?:|mailto:)", url):
                continue
            if problem := self._broken(url, link.raw):
                self._find(link.start, problem)

    def _broken(self, url: str, raw: bool) -> str | None:
        if re.match(r"[a-z][a-z0-9+.-]*:", url, re.I):
            return f"expected an address that begins with https:, got {url}; change it"
        if url.startswith("/"):
            return f"expected a link relative to this page, got {url}, which breaks under a sub-path; write it relative"
        path, _, fragment = url.partition("#")
        path = path.partition("?")[0]
        here = PurePosixPath(self.report.name)
        if not path:
            known = self.linter.anchors_of(self.source)
            if fragment and fragment not in known and not re.fullmatch(r"n\d+", fragment):
                return f"expected an anchor of this page, got #{fragment}; {orphans.near(fragment, known)}"
            return None
        docs = self.linter.project.docs
        if raw:
            base = here.parent if here.name == "index" else here
            target = _joined(base, path)
            if target is None:
                return f"expected a link inside the site, got {url}; mend it"
            page = "index" if target == "" else target
            page = (
                page
                if page in self.linter.sources
                else f"{page}/index"
                if f"{page}/index" in self.linter.sources
                else None
            )
            if page is None:
                return (
                    None
                    if (docs / target).is_file()
                    else f"expected a page or file of docs/, got {url}; mend the address"
                )
        else:
            target = _joined(here.parent, path)
            if target is None or not (docs / target).is_file():
                return f"expected a page or file of docs/ (a page by its .md), got {url}; mend the address"
            page = target.removesuffix(".md") if target.endswith(".md") else None
        if fragment and page and fragment not in self.linter.anchors(page) and not re.fullmatch(r"n\d+", fragment):
            return (
                f"expected an anchor of docs/{page}.md, got #{fragment}; "
                f"{orphans.near(fragment, self.linter.anchors(page))}"
            )
        return None

    # ---- elements that have no place on a page
    def _elements(self) -> None:
        for tag in self.source.tags:
            if tag.closes:
                continue
            if tag.name in ("script", "style", "iframe", "object", "embed"):
                self._find(
                    tag.start, f"expected text and figures, got <{tag.name}>; put scripts and styles in docs/assets"
                )
            if tag.name == "data":
                self._find(tag.start, "expected a mark, got <data> typed by hand; use value, calc, quote or given")
            for name in tag.attributes:
                if name.startswith("on"):
                    self._find(tag.start, f"expected no script on a page, got the attribute {name}; remove it")


def _unique(settings: list[tuple[int, float]]) -> list[float]:
    return list(dict.fromkeys(value for _, value in settings))


def _joined(base: PurePosixPath, path: str) -> str | None:
    parts = [part for part in base.parts if part != "."]
    for part in path.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


# ---- numbers in texts


def numerals(text: str) -> Iterator[tuple[int, str]]:
    """(place, word) of every word that holds a character that is a number, in any script."""
    for match in re.finditer(r"[^\s\x02\ue010]+", text):
        word = match[0]
        places = [index for index, character in enumerate(word) if character.isnumeric()]
        if places:
            first, last = places[0], places[-1]
            while first > 0 and word[first - 1].isalnum():
                first -= 1
            while last + 1 < len(word) and (word[last + 1].isalnum() or word[last + 1] == "%"):
                last += 1
            yield match.start() + first, word[first : last + 1]


def formula_numbers(tex: str) -> list[str]:
    """Numerals of a formula as they are printed: digits with nothing printed between them are one."""
    tex = re.sub(r"\\!|\{\}|(?<=\d)\s+(?=\d)", "", tex)
    tex = re.sub(r"\{([.,])\}", r"\1", tex)
    found = re.findall(r"\d+(?:[.,]\d+)*|\.\d+", tex)
    return found + [character for character in tex if character.isnumeric() and not character.isascii()]


def indexed(tex: str) -> list[str]:
    r"""Symbols with a number as their index: W_0, \frozen{W_0}, x_{1}."""
    return [f"{symbol}_{index}" for symbol, index in re.findall(r"(\\?[A-Za-z]+|\})_\{?(\d+)", tex)]


def code_numerals(code: str) -> Iterator[tuple[int, str]]:
    """Numbers in code that are no part of a name: 0.5 and 7B, not float32 or lora_A2."""
    for match in CODE_NUMBER.finditer(code):
        yield match.start(), match[0]
    for at, character in enumerate(code):
        if character.isnumeric() and not character.isdecimal() or character.isdecimal() and not character.isascii():
            yield at, character


def numbers_in_code(code: str) -> set[float]:
    """Every number that a piece of Python holds."""
    import textwrap

    try:
        nodes = list(ast.walk(ast.parse(textwrap.dedent(code))))
    except SyntaxError:  # a section may begin or end inside a block
        return {value for _, word in code_numerals(code) if (value := _as_number(word)) is not None}
    return {
        float(node.value)
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool)
    }


def known_number(word: str, known: set[float]) -> bool:
    value = _as_number(word)
    return value is not None and value in known


def _as_number(word: str) -> float | None:
    try:
        return float(word.replace(",", "").replace("_", ""))
    except ValueError:
        return None


__all__ = ["Linter", "PageReport", "lint", "Path"]
