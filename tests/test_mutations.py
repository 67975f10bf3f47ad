"""One digit changed at random, hundreds of times: in chapters, marks, records, quotes, givens, constants, closed forms.

Each change has to be caught by the guard that stands where it was made. What is not caught has to be
equivalent, and why is worked out again for each: the reader meets nothing else, or what he meets is as true.

    MUTATION_SEED=7 MUTATIONS=1000 pytest tests/test_mutations.py
"""

import ast
import contextlib
import importlib.util
import io
import os
import random
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from throwaway import ROOT

from lora_ref.site import blocks, figures, orphans
from lora_ref.site.fingerprint import fingerprint
from lora_ref.site.gate import parse
from lora_ref.site.lint import Linter, PageReport
from lora_ref.site.numbers import MARK, UNMEASURED, Page, split_format
from lora_ref.site.program import DESCRIPTIONS, programs
from lora_ref.site.project import Project, UserError
from lora_ref.site.reader import LIST_ITEM, Fence, Source, read
from lora_ref.site.run import status

SEED = int(os.environ.get("MUTATION_SEED", "2026"))
COUNT = int(os.environ.get("MUTATIONS", "350"))
SHARES = {"chapter": 3, "mark": 3, "given": 2, "record": 2, "drawing": 1, "quote": 1, "constant": 2, "closed form": 2}


@dataclass(frozen=True)
class Place:
    """A digit in a file."""

    kind: str
    file: str
    at: int


@dataclass(frozen=True)
class Mutation:
    place: Place
    before: str
    after: str
    text: str  # of the whole file, changed

    def __str__(self) -> str:
        start, end = max(0, self.place.at - 30), self.place.at + 30
        around = f"{self.text[start : self.place.at]}[{self.before}→{self.after}]{self.text[self.place.at + 1 : end]}"
        return f"{self.place.kind}, {self.place.file}: …{around!r}…"


# ---- where digits are


@cache
def text_of(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


def digits(text: str, start: int = 0, end: int | None = None) -> Iterator[int]:
    for at in range(start, len(text) if end is None else end):
        if text[at] in "0123456789":
            yield at


def places() -> dict[str, list[Place]]:
    """Every digit that may be changed, by kind."""
    found: dict[str, list[Place]] = {kind: [] for kind in SHARES}

    def add(kind: str, file: str, start: int = 0, end: int | None = None) -> None:
        found[kind] += [Place(kind, file, at) for at in digits(text_of(file), start, end)]

    for path in sorted((ROOT / "docs").rglob("*.md")):
        file = path.relative_to(ROOT).as_posix()
        add("chapter", file)
        for match in MARK.finditer(text_of(file)):
            add("given" if match["kind"] == "given" else "mark", file, match.start(), match.end())
    measured = [program for program in programs(Project(ROOT)).values() if status(Project(ROOT), program).record]
    for program in measured:
        record = f"docs/records/{program.name}.json"
        add("record", record)
        for figure in status(Project(ROOT), program).record["figures"]:
            for path in figures.paths(ROOT / "docs" / "records", program.name, figure).values():
                add("drawing", path.relative_to(ROOT).as_posix())
        for start, end in constants_of(program.path.read_text(encoding="utf-8"), capitals=True):
            add("constant", program.path.relative_to(ROOT).as_posix(), start, end)
    for start, end in quoted_in(text_of("docs/references.yml")):
        add("quote", "docs/references.yml", start, end)
    for match in re.finditer(r"(?m)^  \w+: (.*)$", text_of("tests/quotes.yml")):
        add("quote", "tests/quotes.yml", match.start(1), match.end(1))
    for file in ("lora_ref/count.py", "lora_ref/memory.py"):
        for start, end in constants_of(text_of(file), capitals=False):
            add("closed form", file, start, end)
    return found


def constants_of(source: str, capitals: bool) -> Iterator[tuple[int, int]]:
    """Where numbers stand: in the constants that configure a program, or anywhere in a module's code."""
    lines = [0, *(match.end() for match in re.finditer("\n", source))]
    for node in ast.parse(source).body:
        names = {leaf.id for leaf in ast.walk(node) if isinstance(leaf, ast.Name) and isinstance(leaf.ctx, ast.Store)}
        if capitals and not (isinstance(node, ast.Assign) and all(name.isupper() for name in names)):
            continue
        if capitals and names & set(DESCRIPTIONS):
            continue
        for leaf in ast.walk(node):
            if (
                isinstance(leaf, ast.Constant)
                and isinstance(leaf.value, int | float)
                and not isinstance(leaf.value, bool)
            ):
                yield lines[leaf.lineno - 1] + leaf.col_offset, lines[leaf.end_lineno - 1] + leaf.end_col_offset


def quoted_in(text: str) -> Iterator[tuple[int, int]]:
    """Values in docs/references.yml, and where the source's own wording repeats them."""
    for quote in re.finditer(r"(?ms)^      value: (\S+)\n(.*?)(?=^    \S|^\S|\Z)", text):
        yield quote.start(1), quote.end(1)
        wording = re.search(rf"(?m)^      wording: .*?(?<![\d.])({re.escape(quote[1])})(?![\d.])", quote[2])
        if wording:
            yield quote.start(2) + wording.start(1), quote.start(2) + wording.end(1)


def mutations(seed: int, count: int) -> list[Mutation]:
    chance = random.Random(seed)
    known = places()
    total = sum(SHARES.values())
    out = []
    for kind, share in SHARES.items():
        for _ in range(-(-count * share // total)):
            place = chance.choice(known[kind])
            text = text_of(place.file)
            before = text[place.at]
            after = chance.choice([digit for digit in "0123456789" if digit != before])
            out.append(Mutation(place, before, after, text[: place.at] + after + text[place.at + 1 :]))
    return out


# ---- the guards


class Guards:
    """The guards, each on what was changed alone. `project` is a copy that may be written to."""

    def __init__(self, project: Project):
        self.project = project
        self.linter = Linter(Project(ROOT))
        self.reports = {name: self.linter.page(name) for name in self.linter.texts}
        self.reached = {
            name: set(fingerprint(project, program).sources)
            for name, program in programs(project).items()
            if program.device == "cpu"
        }

    def caught(self, mutation: Mutation) -> str | None:
        """What a guard says; None where none says anything."""
        guard: Callable[[str, str], Iterator[str]] = {
            "chapter": self.page, "mark": self.page, "given": self.page, "record": self.record, "drawing": self.drawing,
            "quote": self.quote, "constant": self.record, "closed form": self.closed_form,
        }[mutation.place.kind]  # fmt: skip
        return next(guard(mutation.place.file, mutation.text), None)

    def page(self, file: str, text: str) -> Iterator[str]:
        """Lint of this page, and of what it is to use and to claim; a changed example, run."""
        name = file.removeprefix("docs/").removesuffix(".md")
        for before, after in zip(self.linter.sources[name].fences, read(text).fences, strict=False):
            if before.code != after.code and is_tested(after) and not holds(after.code):
                yield "the example fails, or shows what it does not print"
        changed: PageReport = self.linter.page(name, text)
        yield from changed.findings
        reports = list({**self.reports, name: changed}.values())
        yield from self.linter.claims_and_tests(reports)
        yield from orphans.check_uses(self.linter.site, reports, self.linter.tests)
        yield from orphans.check_quotes(self.linter.site, reports)
        yield from orphans.check_names(self.linter.site, {**self.linter.texts, name: text}.values())

    @contextlib.contextmanager
    def written(self, file: str, text: str) -> Iterator[None]:
        path = self.project.root / file
        before = path.read_text(encoding="utf-8")
        path.write_text(text, encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(before, encoding="utf-8")

    def record(self, file: str, text: str) -> Iterator[str]:
        """The state of the record of this file, or of this program."""
        name = re.sub(r"^(docs/records|snippets)/|\.(json|py)$", "", file)
        with self.written(file, text):
            try:
                found = status(self.project, programs(self.project)[name])
            except UserError as error:
                yield str(error)
                return
            if found.state != "fresh":
                yield f"{found.state}: {found.why}"

    def drawing(self, file: str, text: str) -> Iterator[str]:
        name = file.removeprefix("docs/records/").split(".")[0]
        with self.written(file, text):
            found = status(self.project, programs(self.project)[name])
            yield from figures.check_files(self.project, found.record)

    def quote(self, file: str, text: str) -> Iterator[str]:
        with self.written(file, text):
            from lora_ref.site.numbers import Site

            yield from orphans.check_quotes(Site(self.project), list(self.reports.values()))

    def closed_form(self, file: str, text: str) -> Iterator[str]:
        """The programs that reach it are stale; or a test of the form fails with the changed source."""
        with self.written(file, text):
            for name, program in programs(self.project).items():
                if any(source.startswith(f"{file}:") for source in self.reached.get(name, ())):
                    try:
                        found = status(self.project, program)
                    except UserError as error:
                        yield str(error)
                        return
                    if found.state == "stale":
                        yield f"{name} is stale: {found.why}"
        yield from failing(file, text)


def failing(file: str, text: str) -> Iterator[str]:
    """Names of the quick tests of a module that fail once its source is this one."""
    name = Path(file).stem
    changed = importlib.util.module_from_spec(importlib.util.spec_from_file_location(f"lora_ref.{name}", ROOT / file))
    import lora_ref

    original = sys.modules[f"lora_ref.{name}"]
    try:
        exec(compile(text, str(ROOT / file), "exec"), vars(changed))
        sys.modules[f"lora_ref.{name}"] = changed
        setattr(lora_ref, name, changed)
        spec = importlib.util.spec_from_file_location(f"changed_test_{name}", ROOT / "tests" / f"test_{name}.py")
        tests = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(tests)
        for test, cases in QUICK[name].items():
            function = getattr(tests, test)
            for case in cases(tests):
                function(*case)
    except Exception as error:
        yield f"{type(error).__name__} in the tests of {name}: {error}"
    finally:
        sys.modules[f"lora_ref.{name}"] = original
        setattr(lora_ref, name, original)


# The tests of the closed forms that build no model: (module -> test -> its cases).
QUICK = {
    "count": {
        "test_one_matrix": lambda tests: [()],
        "test_break_even_ranks_solve_their_equations": lambda tests: [(16, 16), (128, 512), (4096, 1024)],
        "test_break_even_of_the_small_gpt": lambda tests: [()],
        "test_flops_are_those_that_torch_counts": lambda tests: [(4,)],
        "test_flops_ratio": lambda tests: [()],
        "test_the_small_gpt": lambda tests: [()],
        "test_public_totals": lambda tests: [(case,) for case in tests.PUBLIC if "total" in case],
        "test_public_adapters": lambda tests: [(case,) for case in tests.PUBLIC if case["method"] != "full"],
    },
    "memory": {
        "test_ledger_of_llama_2_7b": lambda tests: [()],
        "test_ledger_of_lora": lambda tests: [()],
        "test_nf4": lambda tests: [()],
    },
}


# ---- what no guard has to catch


def equivalent(guards: Guards, mutation: Mutation) -> str | None:
    """Why a change that was not caught is as true as what stood there; None where it is not."""
    place = mutation.place
    if place.kind not in ("chapter", "mark", "given"):
        return None
    old, new = read(text_of(place.file)), read(mutation.text)
    name = place.file.removeprefix("docs/").removesuffix(".md")
    if any(comment.start <= place.at <= comment.start + len(comment.text) + 8 for comment in old.comments):
        return "a comment, which no reader meets"
    if in_list_marker(old, place.at):
        return "the ordinal of a list item, which Markdown counts itself"
    for before, after in zip(old.marks, new.marks, strict=False):
        if before.start <= place.at < before.start + len(before.source) and before.start == after.start:
            pages = (Page(guards.linter.site, name, old.text), Page(guards.linter.site, name, new.text))
            return equivalent_mark(pages, (before.kind, before.body), (after.kind, after.body))
    for mark in old.shown_marks:
        if mark.start <= place.at < mark.start + len(mark.source):
            return "a mark that is shown as it is written: no number stands there"
    for fence in old.fences:
        if fence.start <= place.at < fence.end:
            changed = next(other for other in new.fences if other.start == fence.start)
            if MARK.search(fence.code) and fence.language not in ("python", "py"):
                return "a mark that is shown as it is written: no number stands there"
            if is_tested(fence) and holds(changed.code):
                return "a choice of an example: it was run changed, and all that it shows and asserts still holds"
    return None


def in_list_marker(source: Source, at: int) -> bool:
    line, column = source.place(at)
    item = LIST_ITEM.match(source.lines[line - 1])
    return bool(item) and item.start("marker") <= column - 1 < item.end("marker") and source.visible[at] == " "


def equivalent_mark(pages: tuple[Page, Page], old: tuple[str, str], new: tuple[str, str]) -> str | None:
    (kind, before), (_, after) = old, new
    if kind == "table":
        if re.sub(r"\d", "", before) != re.sub(r"\d", "", after):
            return None
        cells = [
            [(float(node.attributes["value"]), node.text()) for node in parse(blocks.table(page.site, page, body)[1]).nodes()
             if node.tag == "data" and re.fullmatch(r"-?[\d.]+(?:e-?\d+)?", node.attributes["value"])]
            for page, body in zip(pages, (before, after), strict=True)
        ]  # fmt: skip
        same = [value for value, _ in cells[0]] == [value for value, _ in cells[1]]
        return ROUNDING if same and all(is_rounding(text, value) for value, text in cells[1]) else None
    if kind not in ("value", "calc", "quote", "given"):
        return None
    shown = pages[0].evaluate(kind, before), pages[1].evaluate(kind, after)
    if shown[0].text == shown[1].text and split_format(before)[0] == split_format(after)[0]:
        return "the text that is shown is the same"
    if shown[0].text == shown[1].text == UNMEASURED:
        return "not yet measured: no number stands there"
    if split_format(before)[0] == split_format(after)[0] and is_rounding(shown[1].text, shown[1].value):
        return ROUNDING
    if kind == "given" and shown[1].how.startswith("We chose this: one of "):
        return "another choice that the program makes as well; all that is computed from it follows, and no value stands beside it"
    return None


ROUNDING = "another rounding of the same value, as true: no more digits than the value has"


def is_rounding(text: str, value: float) -> bool:
    """Whether a text is the value, correctly rounded, with a digit that says something."""
    number = text.replace(",", "")
    share = number.endswith("%")
    places = len(number.rstrip("%").partition("e")[0].partition(".")[2])
    exponent = int(number.partition("e")[2] or 0) if "e" in number else 0
    step = 10.0 ** (exponent - places) / (100 if share else 1)
    shown = float(number.rstrip("%")) / (100 if share else 1)
    return abs(shown - value) <= step / 2 * (1 + 1e-9) and (shown != 0 or value == 0)


def is_tested(fence: Fence) -> bool:
    return fence.language in ("python", "py") and "notest" not in fence.classes


def holds(code: str) -> bool:
    """Whether an example runs and prints what it says after `#>`."""
    expected = [line.strip().removeprefix("#>").strip() for line in code.split("\n") if line.strip().startswith("#>")]
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "example", "exec"), {"__name__": "example"})
    except Exception:
        return False
    return [line.strip() for line in printed.getvalue().splitlines()] == expected


# ---- the tests


@pytest.fixture(scope="module")
def guards(tmp_path_factory) -> Guards:
    root = tmp_path_factory.mktemp("copy")
    for folder in ("snippets", "lora_ref", "docs", "tests"):
        shutil.copytree(
            ROOT / folder, root / folder, ignore=shutil.ignore_patterns("vendor", "__pycache__", "assets", "browser")
        )
    for file in ("mkdocs.yml", "corpus.txt"):
        shutil.copy(ROOT / file, root / file)
    guards = Guards(Project(root))
    findings = [finding for report in guards.reports.values() for finding in report.findings]
    assert not findings, "the pages have findings of their own; mend them first:\n" + "\n".join(findings)
    return guards


def test_where_nothing_changed_nothing_is_caught(guards):
    """Otherwise all below would be caught for a reason that has nothing to do with it."""
    for kind, known in places().items():
        assert known, f"no digit of kind {kind}"
        for file in {place.file for place in known}:
            text = text_of(file)
            assert guards.caught(Mutation(Place(kind, file, 0), "", "", text)) is None, file


def test_every_changed_digit_is_caught_or_is_equivalent(guards):
    print(f"MUTATION_SEED={SEED} MUTATIONS={COUNT}")
    caught, alike, survivors = Counter(), Counter(), []
    chosen = mutations(SEED, COUNT)
    assert len(chosen) >= 300
    for mutation in chosen:
        if guards.caught(mutation):
            caught[mutation.place.kind] += 1
        elif reason := equivalent(guards, mutation):
            alike[reason] += 1
        else:
            survivors.append(str(mutation))
    print(f"caught {sum(caught.values())} of {len(chosen)}: {dict(caught)}")
    for reason, count in alike.most_common():
        print(f"equivalent, {count}: {reason}")
    assert not survivors, "\n".join(survivors)
    assert sum(caught.values()) >= 0.8 * len(chosen), "too much is called equivalent"


@pytest.mark.parametrize(
    ("text", "value", "is_one"),
    [
        ("0.31", 0.31375, True), ("0.32", 0.31375, False), ("0.314", 0.31375, True), ("0", 0.31375, False), ("31%", 0.31375, True),
        ("3.1e-01", 0.31375, True), ("1,024", 1024, True), ("1,025", 1024, False), ("2.50", 2.5, True), ("0", 0, True),
    ],
)  # fmt: skip
def test_what_is_a_rounding(text, value, is_one):
    assert is_rounding(text, value) == is_one
