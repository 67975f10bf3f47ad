"""Claims: comparisons in the text, each held up by a test that reads records.

On the page:   [Rank {{ given rank=8 }} comes within a tenth of a nat of full fine-tuning]{.claim #rank-8-near-full}
In its test, tests/chapters/test_<chapter>.py:

    @claim("3f1c9a0b")
    def test_rank_8_near_full(values):
        assert 0 < values("rank/loss_by_rank.loss_rank_8") - values("rank/loss_by_rank.loss_full") < 0.1

The hash is that of the sentence: who changes the sentence reads the test again. `lint` prints the
right one. Each test is run again with the values that it read swapped, and has to fail then.
"""

import ast
import hashlib
import math
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from xml.etree import ElementTree as etree

from lora_ref.site.numbers import UNMEASURED
from lora_ref.site.program import programs
from lora_ref.site.project import Project, UserError
from lora_ref.site.run import Status, status

Function = TypeVar("Function", bound=Callable)


def claim(hash: str) -> Callable[[Function], Function]:
    """Marks a test as the one that holds up a claim whose sentence has this hash."""

    def decorate(function: Function) -> Function:
        function.claim = hash  # type: ignore[attr-defined]
        return function

    return decorate


def claim_hash(text: str) -> str:
    """Of a claim's source text, marks as written; line breaks and spaces do not count."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:8]


# ---- reading records in tests


class Values:
    """Reads values of records by name, and remembers which.

    `values("rank/loss_by_rank.loss_rank_8")` is the value, `…_seeds` the list of each seed's own.
    swap: names whose values are exchanged, to see whether a test notices.
    """

    def __init__(
        self, project: Project, swap: Mapping[str, str] | None = None, states: dict[str, Status] | None = None
    ):
        self.project = project
        self.swap = dict(swap or {})
        self.read: dict[str, Any] = {}
        self.states = {} if states is None else states  # of the programs read so far; one dict serves many readers

    def __call__(self, name: str) -> Any:
        self.read[name] = self._value(name)
        return self._value(self.swap[name]) if name in self.swap else self.read[name]

    def _value(self, name: str) -> Any:
        program, dot, value = name.partition(".")
        record = self._record(program) if dot else None
        if record is None:
            raise UserError(f"expected chapter/program.value, got {name!r}")
        if value in record["values"]:
            return record["values"][value]
        own = value.removesuffix("_seeds")
        seeds = [record["by_seed"][str(seed)] for seed in record["seeds"]]
        if own != value and all(own in seed for seed in seeds):
            return [seed[own] for seed in seeds]
        raise UserError(f"{program} has no value {value!r}; it has {', '.join(sorted(record['values']))}")

    def _record(self, program: str) -> Mapping[str, Any]:
        if program not in self.states:
            known = programs(self.project)
            if program not in known:
                raise UserError(f"expected a program, got {program!r}; there are {', '.join(known)}")
            self.states[program] = status(self.project, known[program])
        found = self.states[program]
        if found.state == "fresh" and found.record is not None:
            return found.record
        if found.program.device == "cuda" and found.state != "damaged":
            import pytest

            pytest.skip(UNMEASURED)
        raise UserError(f"the record of {program} is {found.state}: {found.why}")


class Drawings:
    """Reads drawings that are typed on a page, `<svg id="claim-to-scale" …>`: `drawing("index", "to-scale")`.

    stretch: the index of an element whose width and height are changed, to see whether a test notices.
    """

    def __init__(self, project: Project, stretch: int | None = None):
        self.project, self.stretch = project, stretch
        self.read: list[tuple[str, str]] = []

    def __call__(self, page: str, name: str) -> etree.Element:
        text = (self.project.docs / f"{page}.md").read_text(encoding="utf-8")
        source = drawing_source(text, name)
        if source is None:
            raise UserError(f'expected <svg id="claim-{name}" …> in docs/{page}.md, found none')
        root = etree.fromstring(re.sub(r"\{\{.*?\}\}", "", source))
        self.read.append((page, name))
        shapes = self.shapes(root)
        if self.stretch is not None and self.stretch < len(shapes):
            for key in ("width", "height", "r", "x2", "y2"):
                if key in shapes[self.stretch].attrib:
                    shapes[self.stretch].set(key, str(2 * float(shapes[self.stretch].get(key, "0")) + 1))
        return root

    @staticmethod
    def shapes(root: etree.Element) -> list[etree.Element]:
        return [
            element
            for element in root.iter()
            if element is not root and {"width", "height", "r", "x2"} & set(element.attrib)
        ]


def drawing_source(text: str, name: str) -> str | None:
    """The source of a drawing with this id, from its opening to its closing tag."""
    match = re.search(rf'<svg\b[^>]*\bid="claim-{re.escape(name)}".*?</svg>', text, re.S)
    return match[0] if match else None


# ---- statistics over paired seeds

# Two-sided 95 % quantiles of Student's t, by degrees of freedom (NIST/SEMATECH e-Handbook, table 1.3.6.7.2).
T_QUANTILES = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


def paired_interval(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
    """(low, high): 95 % t interval of the mean of a - b, each pair from one seed."""
    if len(a) != len(b) or len(a) < 2:
        raise ValueError(f"expected two lists of one length, two seeds or more, got {len(a)} and {len(b)} numbers")
    differences = [x - y for x, y in zip(a, b, strict=True)]
    quantile = T_QUANTILES[min(len(differences) - 1, len(T_QUANTILES)) - 1]
    mean = statistics.fmean(differences)
    half = quantile * statistics.stdev(differences) / math.sqrt(len(differences))
    return mean - half, mean + half


# ---- the tests, read without running them


@dataclass
class ClaimTest:
    name: str
    path: Path
    line: int
    hash: str | None  # None for a test without @claim


@dataclass
class ChapterTests:
    """tests/chapters: the tests of each chapter, and the names of values that they read."""

    tests: dict[str, dict[str, ClaimTest]] = field(default_factory=dict)  # chapter -> name -> test
    reads: list[re.Pattern[str]] = field(default_factory=list)

    def uses(self, value: str) -> bool:
        return any(pattern.fullmatch(value) for pattern in self.reads)


def chapter_tests(project: Project) -> ChapterTests:
    found = ChapterTests()
    for path in sorted((project.tests / "chapters").glob("*.py")):
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except SyntaxError as error:
            raise UserError(
                f"{path.relative_to(project.root)}:{error.lineno}: expected Python, got a syntax error: {error.msg}"
            ) from None
        chapter = path.stem.removeprefix("test_").replace("_", "-")  # test_low_rank.py is low-rank.md's
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.tests.setdefault(chapter, {})[node.name] = ClaimTest(node.name, path, node.lineno, _hash_of(node))
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and re.fullmatch(r"[a-z0-9_/]+\.\w+", node.value)
            ):
                found.reads.append(re.compile(re.escape(node.value)))
            if isinstance(node, ast.JoinedStr):  # f"rank/loss_by_rank.loss_rank_{rank}"
                parts = [
                    re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"\w+" for part in node.values
                ]
                if re.match(r"[a-z0-9_]+/[a-z0-9_]+\\\.\w", "".join(parts)):
                    found.reads.append(re.compile("".join(parts)))
    return found


def _hash_of(node: ast.FunctionDef) -> str | None:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).split(".")[-1] == "claim":
            first = decorator.args[0] if decorator.args else None
            return str(first.value) if isinstance(first, ast.Constant) else ""
    return None


# ---- can a test fail? It is run again with the values that it read exchanged


def cannot_fail(project: Project, test: Callable) -> list[str]:
    """What shows that a claim's test does not hold it up: nothing, for one whose every value matters."""
    import inspect

    wanted = inspect.signature(test).parameters
    if unknown := set(wanted) - {"values", "drawing"}:
        return [f"expected the arguments values and drawing, got {', '.join(unknown)}"]

    def run(values: Values, drawing: Drawings) -> bool:
        """Whether the test passes."""
        try:
            test(**{name: {"values": values, "drawing": drawing}[name] for name in wanted})
        except AssertionError:
            return False
        except Exception:
            if values.swap or drawing.stretch is not None:
                return True  # an accident, such as lists of different length, shows nothing
            raise
        return True

    values, drawing = Values(project), Drawings(project)
    if not run(values, drawing):
        return ["the test fails"]
    problems = []
    if drawing.read:
        counts = [len(Drawings.shapes(Drawings(project)(page, name))) for page, name in drawing.read]
        if not all(
            any(not run(Values(project, None, values.states), Drawings(project, index)) for index in range(count))
            for count in counts
        ):
            problems.append("expected it to fail once a shape of the drawing is stretched, and it passes")
    if len(values.read) < 2 and not drawing.read:
        problems.append(
            f"expected it to read two values or more, so that they can be swapped; it reads {len(values.read)}"
        )
    names = list(values.read)
    noticed = set()
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            alike = isinstance(values.read[one], list) == isinstance(values.read[other], list)
            if (
                alike
                and {one, other} - noticed
                and not run(Values(project, {one: other, other: one}, values.states), Drawings(project))
            ):
                noticed |= {one, other}
    if unnoticed := [name for name in names if name not in noticed]:
        problems.append(
            f"expected it to fail once {', '.join(unnoticed)} is swapped with another value that it reads, and it "
            f"passes; "
            "compare it with one that has to be larger or smaller"
        )
    return problems
