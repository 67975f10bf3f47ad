"""What a mark means: every number that a reader sees, and where it comes from.

    {{ value rank/loss_by_rank.loss_rank_4 .3f }}   measured: from a record
    {{ calc count.lora(d, d, rank=rank) ,d }}       computed: a closed form, or arithmetic over the page's numbers
    {{ quote hu2021.wikisql_full }}                 quoted: from docs/references.yml
    {{ given rank=8 }}                              given: a choice of ours, equal to a constant or a tested argument

A format is Python's, begins with "." or "," and stands last. Without one, a measured value shows
as many digits as survive its spread.
"""

import ast
import html
import inspect
import math
import operator
import re
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from lora_ref import checkpoint, count, memory
from lora_ref.site import reading
from lora_ref.site.program import Program, programs
from lora_ref.site.project import Project, UserError
from lora_ref.site.record import Record
from lora_ref.site.run import Status, status

MARK = re.compile(r"\{\{\s*(?P<kind>[a-z]+)(?:\s+(?P<body>[^{}]*?))?\s*\}\}")
FORMAT = re.compile(r"(?:,\.\d+|,|\.\d+)[dfeg%]")
UNMEASURED = "not yet measured on a GPU"
EARLIER = "measured with earlier code"
KEPT = 6  # significant digits that a record keeps


class MarkError(UserError):
    """A mark that means nothing; the message says what was expected, what came, and what to do."""


@dataclass(frozen=True)
class Number:
    """One number on a page."""

    kind: str  # measured, computed, quoted, given
    text: str  # as a reader sees it
    value: float | int | None  # as a program reads it; None where nothing has been measured yet
    what: str  # in words
    how: str  # HTML: where it comes from
    inputs: tuple["Number", ...] = ()
    source: str = ""  # the name of the record value, quote or constant
    note: str = ""  # shown beside the number: measured with earlier code

    @property
    def key(self) -> tuple:
        """Two numbers with the same key share an entry of the ledger."""
        return self.kind, self.text, self.what, self.how


def load_yaml(project: Project, file: str, loader: type = yaml.SafeLoader) -> Any:
    """What a YAML file holds; None where there is no file."""
    path = project.root / file
    if not path.exists():
        return None
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except yaml.YAMLError as error:
        line = mark.line + 1 if (mark := getattr(error, "problem_mark", None)) else 1
        words = getattr(error, "problem", None) or "it cannot be read"
        raise UserError(f"{file}:{line}:1: expected YAML, got something else: {words}; mend it") from None


class Site:
    """The numbers of the project: programs, records, references. Loaded once and kept."""

    def __init__(self, project: Project):
        self.project = project
        self.programs: dict[str, Program] = programs(project)
        self._status: dict[str, Status] = {}

    def status(self, name: str) -> Status:
        if name not in self._status:
            self._status[name] = status(self.project, self.programs[name])
        return self._status[name]

    @cached_property
    def references(self) -> dict[str, dict]:
        loaded = load_yaml(self.project, "docs/references.yml") or {}
        for source, entry in loaded.items():
            for needed in ("authors", "year", "title", "where", "url", "read"):
                if needed not in (entry or {}):
                    raise UserError(
                        f"docs/references.yml:1:1: expected {needed} of the source {source}, found none; add it"
                    )
        return loaded

    @cached_property
    def names(self) -> list[str]:
        """Proper names that hold digits, longest first."""
        listed = load_yaml(self.project, "docs/names.yml")
        return sorted(listed or [], key=len, reverse=True)

    def program(self, name: str, chapter: str) -> Program:
        """By full name, or by its last part where that is unambiguous: first in the chapter, then anywhere."""
        if name in self.programs:
            return self.programs[name]
        if f"{chapter}/{name}" in self.programs:
            return self.programs[f"{chapter}/{name}"]
        found = [program for full, program in self.programs.items() if full.endswith(f"/{name}")]
        if len(found) == 1:
            return found[0]
        raise MarkError(f"expected a program, got {name!r}; there are {_near(name, self.programs)}")

    def current(self, program: Program) -> Record:
        """The program's record, if its numbers may be shown: a stale one only where its device may be missing."""
        found = self.status(program.name)
        if found.record is None:
            raise MarkError(f"{program.name} has no record ({found.state}): {found.why}")
        if found.state != "fresh" and program.device == "cpu":
            again = f"run `python -m lora_ref.site run {program.name}`"
            raise MarkError(f"the record of {program.name} is {found.state}: {found.why}; {again}")
        return found.record

    def note(self, program: Program) -> str:
        """What is said beside a number that earlier code measured."""
        found = self.status(program.name)
        stale = found.record is not None and found.state == "stale"
        return f"{EARLIER}, {found.record['measured_on']}" if stale and found.record else ""

    def measured(self, program: Program, name: str, spec: str | None = None) -> Number:
        """The number that a record holds under a name (`curve[2]` for an item of a list)."""
        match = re.fullmatch(r"(\w+)\[(\d+)\]", name)
        base, index = (match[1], match[2]) if match else (name, None)
        what = program.meaning(base.removesuffix("_sd"))
        if self.status(program.name).state == UNMEASURED and what:
            how = f"<code>{program.name}</code> needs a GPU"
            return Number("measured", UNMEASURED, None, what, how, source=f"{program.name}.{name}")
        record = self.current(program)
        if base not in record["values"]:
            raise MarkError(f"{program.name} has no value {base!r}; it has {_near(base, record['values'])}")
        value = record["values"][base]
        if index is not None:
            if not isinstance(value, list) or int(index) >= len(value):
                raise MarkError(
                    f"{program.name}.{base} has no item {index}: it holds {len(value) if isinstance(value, list) else 'one number'}"
                )
            value = value[int(index)]
        if isinstance(value, list | str):
            raise MarkError(
                f"{program.name}.{base} is a {type(value).__name__}, expected a number; name an item, {base}[0], or use a table"
            )
        spread = record["values"].get(f"{base}_sd")
        spread = spread[int(index)] if isinstance(spread, list) and index is not None else spread
        kept_digits(value, spec)
        text = shown(value, spec, spread if isinstance(spread, float | int) else None, len(record["seeds"]))
        how = how_measured(record, spread if isinstance(spread, float | int) else None)
        words = (what or base) + (" (standard deviation over the seeds)" if base.endswith("_sd") else "")
        return Number("measured", text, value, words, how, source=f"{program.name}.{base}", note=self.note(program))


def kept_digits(value: float | int, spec: str | None) -> None:
    """Refuse a format that shows more significant digits than a record keeps: they would be made up."""
    match = re.fullmatch(r",?\.(\d+)([feg%])", spec or "")
    if not match or not isinstance(value, float) or not value:
        return
    places, kind = int(match[1]), match[2]
    before = math.floor(math.log10(abs(value))) + 1 + (2 if kind == "%" else 0)
    if {"f": before + places, "%": before + places, "e": places + 1, "g": places}[kind] > KEPT:
        raise MarkError(
            f"expected at most {KEPT} significant digits, which a record keeps, got {spec}; show fewer digits"
        )


def shown(value: float | int, spec: str | None, spread: float | None, seeds: int) -> str:
    """A value as text: in the format asked for, if its spread bears that many digits."""
    if spec is None:
        if isinstance(value, int):
            return f"{value:,d}"
        if not spread:
            return f"{value:.4g}"
        return f"{value:.{max(0, -math.floor(math.log10(spread)))}f}"
    if spread and (match := re.fullmatch(r",?\.(\d+)[f%]", spec)):
        step = 10.0 ** -(int(match[1]) + (2 if spec.endswith("%") else 0))
        error = spread / math.sqrt(seeds)
        if step < error / 10:
            raise MarkError(
                f"expected digits that survive the spread, got {spec}: the mean is known to ± {error:.2g}; show fewer digits"
            )
    if isinstance(value, float) and spec.endswith("d"):
        if not value.is_integer():
            raise MarkError(f"expected a whole number for the format {spec}, got {value!r}; use .1f or the like")
        value = int(value)
    return format(value, spec)


def how_measured(record: Record, spread: float | None = None) -> str:
    """HTML: seeds and spread, device, versions, date, and the command that repeats it."""
    seeds = len(record["seeds"])
    parts = [
        f"{seeds} seeds, ± {spread:.2g}" if spread is not None and seeds > 1 else f"{seeds} seed{'s' * (seeds > 1)}"
    ]
    threads = "one CPU thread" if record["device"] == "cpu" else html.escape(record["device_name"])
    parts += [threads, f"torch {record['versions'].get('torch', 'not used')}", record["measured_on"]]
    return f"{', '.join(parts)}. Repeat: <code>python -m lora_ref.site run --all {record['program']}</code>"


def heading(text: str) -> str | None:
    """The title that a page's Markdown begins with, without its id; None where it has none."""
    found = re.search(r"^# +(.+?)(?:\s*\{[^{}]*\})?\s*$", text, re.M)
    return found[1] if found else None


@dataclass
class Page:
    """The numbers of one page: evaluates its marks in any order, since a given counts for the whole page."""

    site: Site
    name: str  # "rank" for docs/rank.md
    text: str  # Markdown
    numbers: list[Number] = field(default_factory=list)
    context: str = ""  # Markdown of the chapter whose checks the page answers: its choices count here too

    @property
    def chapter(self) -> str:
        return Path(self.name).name

    @property
    def whole(self) -> str:
        return f"{self.text}\n\n{self.context}"

    @cached_property
    def givens(self) -> dict[str, list[tuple[float | int, str]]]:
        """name -> [(value, label)] of every given of the page."""
        found: dict[str, list[tuple[float | int, str]]] = {}
        for match in MARK.finditer(self.whole):
            if match["kind"] == "given" and (parsed := _parse_given(match["body"] or "")):
                entry = (parsed[1], parsed[2])
                if entry not in found.setdefault(parsed[0], []):
                    found[parsed[0]].append(entry)
        return found

    @cached_property
    def programs(self) -> list[Program]:
        """Programs of this chapter, and those that the page's marks name."""
        mine = [program for program in self.site.programs.values() if program.chapter == self.chapter]
        named = re.findall(
            r"[a-z0-9_]+/[a-z0-9_]+", " ".join(match["body"] or "" for match in MARK.finditer(self.whole))
        )
        bodies = " ".join(match["body"] or "" for match in MARK.finditer(self.whole) if match["kind"] == "calc")
        last_parts = {name.split("/")[1]: name for name in self.site.programs}
        named += [last_parts[part] for part in re.findall(r"\b([a-z]\w*)\.", bodies) if part in last_parts]
        included = re.findall(r"snippets/([a-z0-9_]+/[a-z0-9_]+)\.py", self.whole)
        others = [self.site.programs[name] for name in dict.fromkeys(named + included) if name in self.site.programs]
        return mine + [program for program in others if program not in mine]

    @cached_property
    def arguments(self) -> list[tuple[str, float | int]]:
        """Keyword arguments and assignments in the page's own fenced Python, which the tests run."""
        found = []
        for block in python_fences(self.whole):
            for node in ast.walk(block):
                if isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant):
                    found.append((node.arg, node.value.value))
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                    found += [(target.id, node.value.value) for target in node.targets if isinstance(target, ast.Name)]
        return found

    def evaluate(self, kind: str, body: str) -> Number:
        """The number of one mark; raises MarkError."""
        make = {"value": self._value, "calc": self._calc, "quote": self._quote, "given": self._given}.get(kind)
        if make is None:
            raise MarkError(
                f"expected value, calc, quote, given, cite, figure, table, records, answers, checks or term, got {kind!r}"
            )
        return make(body)

    # ---- measured
    def _value(self, body: str) -> Number:
        name, spec = split_format(body)
        path, dot, value = name.partition(".")
        if not dot:
            raise MarkError(f"expected chapter/program.value, got {name!r}; for example rank/loss_by_rank.loss_rank_4")
        return self.site.measured(self.site.program(path, self.chapter), value, spec)

    # ---- quoted
    def _quote(self, body: str) -> Number:
        name, spec = split_format(body)
        source, _, key = name.partition(".")
        entry = self.site.references.get(source)
        if entry is None:
            raise MarkError(
                f"expected a source of docs/references.yml, got {source!r}; there are {_near(source, self.site.references)}"
            )
        quotes = entry.get("quotes", {})
        if key not in quotes:
            raise MarkError(f"{source} has no quote {key!r}; it has {_near(key, quotes)}")
        quote = quotes[key]
        for needed in ("value", "what", "where", "wording", "read"):
            if needed not in quote:
                raise MarkError(f"the quote {name} lacks {needed!r}; add it in docs/references.yml")
        text = (
            format(quote["value"], spec)
            if spec
            else f"{quote['value']:,}"
            if isinstance(quote["value"], int)
            else str(quote["value"])
        )
        where = f"{cited(entry)}, {quote['where']}: “{quote['wording']}” Read {quote['read']}."
        how = f'<a href="{html.escape(entry["url"])}">{html.escape(where)}</a>'
        return Number("quoted", text, quote["value"], quote["what"], how, source=name)

    # ---- given
    def _given(self, body: str) -> Number:
        parsed = _parse_given(body)
        if parsed is None:
            raise MarkError(f"expected name=number, as in given rank=8, got {body!r}")
        name, value, label, spec = parsed
        where = self._equal_to(name, value)
        if where is None:
            raise MarkError(
                f"{name}={value!r} equals no constant {name.upper()} of {', '.join(p.name for p in self.programs) or 'a program'} "
                "and no argument of a fenced example on this page; a given names a choice that the code makes"
            )
        choices = {known for known, words in self.givens.get(name, []) if words == label}
        if len(choices) > 1 and (label or not where.startswith("one of ")):  # a label names one choice
            values = " and ".join(repr(known) for known, _ in self.givens[name])
            raise MarkError(
                f"{name} is given as {values} on this page; add a label, as in {{{{ given {name}={value!r} in the example }}}}"
            )
        text = format(value, spec) if spec else repr(value)
        words = f"{name.replace('_', ' ')}{f' {label}' if label else ''}"
        return Number("given", text, value, words, f"We chose this: {html.escape(where)}", source=f"{name}={value!r}")

    def _equal_to(self, name: str, value: float | int) -> str | None:
        """What the given equals, in words."""
        for program in self.programs:
            for constant, held in program.constants.items():
                if constant == name.upper() and _same(held, value):
                    return f"{constant} of {program.name}"
                if (
                    constant in (f"{name.upper()}S", f"{name.upper()}ES")
                    and isinstance(held, tuple | list)
                    and any(_same(item, value) for item in held)
                ):
                    return f"one of {constant} of {program.name}"
        if any(argument == name and _same(held, value) for argument, held in self.arguments):
            return f"{name} in the example on this page"
        return None

    # ---- computed
    def _calc(self, body: str) -> Number:
        expression, spec = split_format(body)
        expression = html.unescape(expression)
        try:
            tree = ast.parse(expression, mode="eval").body
        except SyntaxError:
            raise MarkError(f"expected an expression, got {expression!r}") from None
        sources = _Sources(self)
        value = Calculation(sources, 0).evaluate(tree)
        if sources.unmeasured:
            return Number(
                "computed",
                UNMEASURED,
                None,
                expression,
                f"<code>{html.escape(expression)}</code>",
                tuple(sources.numbers.values()),
            )
        if not sources.numbers and not sources.closed_forms:
            raise MarkError(
                f"{expression!r} is a literal in disguise: it names no given, value or closed form; use given or value"
            )
        if not sources.closed_forms and all(Calculation(sources, turn).evaluate(tree) == value for turn in (1, 2)):
            raise MarkError(
                f"{expression!r} is a literal in disguise: it does not depend on what it names; use given or value"
            )
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise MarkError(f"{expression!r} gives a {type(value).__name__}, expected a number")
        if any(number.kind == "measured" for number in sources.numbers.values()):
            kept_digits(value, spec)
        text = shown(value, spec, None, 1)
        how = f"<code>{html.escape(expression)}</code>"
        notes = [number.note for number in sources.numbers.values() if number.note]
        return Number(
            "computed",
            text,
            value,
            _in_words(tree),
            how,
            tuple(sources.numbers.values()),
            note=notes[0] if notes else "",
        )


def _in_words(tree: ast.expr) -> str:
    """What is computed: the first lines of the docstrings of the closed forms that the expression calls."""
    words = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            module = MODULES.get(getattr(node.func.value, "id", ""))
            text = (inspect.getdoc(getattr(module, node.func.attr, None)) or "").split("\n")[0]
            if text and node.func.attr != "model":
                words.append(text.split(":")[0].rstrip("."))
    return " over ".join(dict.fromkeys(words)) or "arithmetic over the numbers below"


class _Sources:
    """What the names in an expression stand for."""

    def __init__(self, page: Page):
        self.page = page
        self.numbers: dict[str, Number] = {}
        self.closed_forms = 0
        self.unmeasured = False

    def given(self, name: str) -> float | int:
        values = self.page.givens.get(name)
        if not values:
            raise MarkError(
                f"expected a given of this page, got {name!r}; write {{{{ given {name}=… }}}} somewhere on it, or use program.value"
            )
        if len({value for value, _ in values}) > 1:
            raise MarkError(
                f"{name} is given as {' and '.join(repr(value) for value, _ in values)} on this page; use program.CONSTANT in calc"
            )
        value, label = values[0]
        self.numbers[name] = self.page._given(f"{name}={value!r} {label}".strip())
        return value

    def attribute(self, program: str, name: str, item: int = 0) -> Any:
        """program.value of a record, or program.CONSTANT; of a list, the ledger shows one item."""
        found = self.page.site.program(program, self.page.chapter)
        if name.isupper():
            if name not in found.constants:
                raise MarkError(f"{found.name} has no constant {name}; it has {_near(name, found.constants)}")
            held = found.constants[name]
            how = f"We chose this: {name} of {found.name}"
            self.numbers[f"{program}.{name}"] = Number(
                "given", str(held), None, name.lower().replace("_", " "), how, source=f"{found.name}.{name}"
            )
            return held
        record = self.page.site.status(found.name).record
        if record is not None and isinstance(record["values"].get(name), list):
            number = self.page.site.measured(found, f"{name}[{item}]")
            self.numbers[f"{program}.{name}[{item}]"] = number
            return record["values"][name]
        number = self.page.site.measured(found, name)
        self.numbers[f"{program}.{name}"] = number
        if number.value is None:
            self.unmeasured = True
            return 1.0
        return number.value


OPERATORS: dict[type, Callable] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
}  # fmt: skip
FUNCTIONS: dict[str, Callable] = {
    "min": min, "max": max, "sum": sum, "len": len, "abs": abs, "round": round, "mean": statistics.fmean,
    "sqrt": math.sqrt, "log2": math.log2, "log10": math.log10, "exp": math.exp,
}  # fmt: skip
MODULES = {"count": count, "memory": memory, "checkpoint": checkpoint, "reading": reading}


class Calculation:
    """Evaluate an expression over names; the only free literals are powers of ten.

    turn: 0 for the true values; otherwise each input is changed, each by another factor, so that
    an expression that does not depend on its inputs shows itself.
    """

    def __init__(self, sources: _Sources, turn: int):
        self.sources, self.turn = sources, turn

    def evaluate(self, node: ast.expr) -> Any:
        try:
            return self._evaluate(node)
        except ZeroDivisionError:
            raise MarkError(f"{ast.unparse(node)!r} divides by zero") from None
        except (TypeError, ValueError, OverflowError, KeyError, IndexError) as error:
            raise MarkError(f"{ast.unparse(node)!r} cannot be computed: {error}") from None

    def _evaluate(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=str(text)):
                return text  # the name of a model or a precision
            case ast.Constant(value=value):
                raise MarkError(
                    f"expected names, got the literal {value!r}; name it with given, or use a closed form of "
                    "count, memory or checkpoint (a power of ten may scale a product, and 1 - x is a share)"
                )
            case ast.Name(id=name):
                return self._changed(name, self.sources.given(name))
            case ast.Attribute(value=ast.Name(id=program), attr=name):
                return self._changed(f"{program}.{name}", self.sources.attribute(program, name))
            case ast.Subscript(
                value=ast.Attribute(value=ast.Name(id=program), attr=name), slice=ast.Constant(value=int(item))
            ):
                return self._changed(f"{program}.{name}", self.sources.attribute(program, name, item))[item]
            case ast.Subscript(value=held, slice=ast.Constant(value=item)):
                return self._evaluate(held)[item]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self._evaluate(operand)
            case ast.BinOp(op=operation) if type(operation) in OPERATORS:
                left, right = self._operand(node, node.left), self._operand(node, node.right)
                if isinstance(operation, ast.Pow) and abs(right) > 64:
                    raise MarkError(f"{ast.unparse(node)!r}: expected an exponent up to 64, got {right}")
                return OPERATORS[type(operation)](left, right)
            case ast.Tuple(elts=items) | ast.List(elts=items):
                return tuple(self._evaluate(item) for item in items)
            case ast.Call(func=ast.Name(id=name), args=arguments) if name in FUNCTIONS:
                return FUNCTIONS[name](*map(self._evaluate, arguments))
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=name)) if owner in MODULES:
                function = closed_form(owner, name)
                self.sources.closed_forms += 1
                keywords = {keyword.arg: self._evaluate(keyword.value) for keyword in node.keywords if keyword.arg}
                return function(*map(self._evaluate, node.args), **keywords)
        raise MarkError(
            f"expected names, + - * / // % **, {', '.join(FUNCTIONS)} and closed forms of count, memory and checkpoint, "
            f"got {ast.unparse(node)!r}"
        )

    def _operand(self, node: ast.BinOp, side: ast.expr) -> Any:
        """An operand; the one place where a literal may stand: 10**k as a factor, 1 before a minus."""
        if isinstance(side, ast.Constant):
            scales = isinstance(node.op, ast.Mult | ast.Div) and is_power_of_ten(side.value)
            share = isinstance(node.op, ast.Sub) and side is node.left and side.value == 1
            if scales or share:
                return side.value
        return self._evaluate(side)

    def _changed(self, name: str, value: Any) -> Any:
        if not self.turn or isinstance(value, str):
            return value
        if isinstance(value, tuple | list):
            return [self._changed(f"{name}{i}", item) for i, item in enumerate(value)] + [1] * self.turn
        factor = (
            2 + self.turn + list(self.sources.numbers).index(name) if name in self.sources.numbers else 2 + self.turn
        )
        return value * factor + self.turn


def closed_form(owner: str, name: str) -> Callable:
    """A public function that count, memory or checkpoint defines."""
    module = MODULES[owner]
    function = getattr(module, name, None)
    if name.startswith("_") or not callable(function) or function.__module__ != module.__name__:
        public = [other for other in vars(module) if not other.startswith("_")]
        raise MarkError(f"{owner} has no closed form {name!r}; it has {_near(name, public)}")
    return function


def is_power_of_ten(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and value > 0
        and value != 1
        and f"{value:e}".startswith("1.000000e")
    )


def split_format(body: str) -> tuple[str, str | None]:
    """("rank/x.loss", ".3f") of "rank/x.loss .3f"."""
    head, _, last = body.strip().rpartition(" ")
    return (head.strip(), last) if head and FORMAT.fullmatch(last) else (body.strip(), None)


def _parse_given(body: str) -> tuple[str, float | int, str, str | None] | None:
    """(name, value, label, format) of "rank=16 for the large model ,d"."""
    rest, spec = split_format(body)
    match = re.fullmatch(r"([a-z]\w*)\s*=\s*(-?[\d._]+(?:e-?\d+)?)(?:\s+(.+))?", rest)
    if not match:
        return None
    try:
        return match[1], ast.literal_eval(match[2]), match[3] or "", spec
    except (ValueError, SyntaxError):
        return None


def python_fences(text: str) -> list[ast.Module]:
    """The fenced Python of a page that parses, tabs and admonitions included."""
    blocks = []
    for match in re.finditer(
        r"^(?P<indent>[ \t]*)(?P<fence>```+|~~~+)[ \t]*\{?[ \t.]*(?:python|py)\b[^\n]*\n(?P<code>.*?)^(?P=indent)(?P=fence)",
        text,
        re.M | re.S,
    ):
        code = re.sub(rf"^{match['indent']}", "", match["code"], flags=re.M)
        try:
            blocks.append(ast.parse(code))
        except SyntaxError:
            continue
    return blocks


def cited(entry: dict) -> str:
    """ "Hu et al., 2021"."""
    return f"{entry['authors']}, {entry['year']}"


def _same(held: Any, value: float | int) -> bool:
    return isinstance(held, int | float) and not isinstance(held, bool) and held == value


def _near(name: str, known: Any) -> str:
    import difflib

    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5) or list(known)[:6]
    return ", ".join(map(str, near)) or "none yet"
