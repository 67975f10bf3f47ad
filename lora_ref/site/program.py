"""A program, read without running it: its constants, its device, its seeds, what it reads and makes."""

import ast
import importlib.util
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from lora_ref.site.project import Project, UserError

DEVICES = ("cpu", "cuda")
# Constants that say something about a program and change none of its results.
DESCRIPTIONS = ("MEANING", "TOLERANCE", "CHECK_SECONDS")


@dataclass(frozen=True)
class Program:
    name: str  # "rank/loss_by_rank"
    path: Path
    docstring: str
    constants: dict[str, Any] = field(hash=False)  # every capital name and its literal value
    functions: frozenset[str]

    @property
    def chapter(self) -> str:
        return self.name.split("/")[0]

    @property
    def device(self) -> str:
        return self.constants["DEVICE"]

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(self.constants["SEEDS"])

    @property
    def reads(self) -> tuple[str, ...]:
        """Files it reads, relative to the repository."""
        return tuple(self.constants.get("READS", ()))

    @property
    def artifacts(self) -> tuple[str, ...]:
        """Files it makes, beside its record."""
        return tuple(self.constants.get("ARTIFACTS", ()))

    def meaning(self, value: str) -> str | None:
        """What a value is, in words: from MEANING, where "*" in a key stands for a part of the name."""
        for pattern, words in self.constants.get("MEANING", {}).items():
            match = re.fullmatch(re.escape(pattern).replace(r"\*", "(.+)"), value)
            if match:
                return words.replace("*", match[1]) if match.groups() else words
        return None

    def tolerance(self, value: str) -> float | None:
        """Largest difference that a re-run may show; None for timings, which are judged by order only.

        From TOLERANCE (same patterns as MEANING), otherwise by the unit in the name.
        """
        for pattern, allowed in self.constants.get("TOLERANCE", {}).items():
            if re.fullmatch(re.escape(pattern).replace(r"\*", "(.+)"), value):
                return allowed
        if value.startswith("seconds_") or "per_second" in value or "speedup" in value:
            return None
        return 1e-3 if "nats" in value else 1e-6


def programs(project: Project) -> dict[str, Program]:
    """Every program by name, sorted."""
    paths = sorted(path for path in project.snippets.glob("*/*.py") if not path.name.startswith("_"))
    return {program.name: program for program in (read_program(project, path) for path in paths)}


def read_program(project: Project, path: Path) -> Program:
    name = path.relative_to(project.snippets).with_suffix("").as_posix()
    where = path.relative_to(project.root).as_posix()
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise UserError(f"{where}:{error.lineno}: expected Python, got a syntax error: {error.msg}") from None
    constants: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            constants |= _literals(node, where)
    functions = frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))
    docstring = ast.get_docstring(tree) or ""
    if not docstring:
        raise UserError(f"{where}:1: expected a docstring that says what is measured, in what unit; write one")
    for needed in ("DEVICE", "SEEDS"):
        if needed not in constants:
            raise UserError(
                f"{where}:1: expected a constant {needed}, found none; add {needed} = {'(0,)' if needed == 'SEEDS' else chr(34) + 'cpu' + chr(34)}"
            )
    if constants["DEVICE"] not in DEVICES:
        raise UserError(f'{where}:1: expected DEVICE "cpu" or "cuda", got {constants["DEVICE"]!r}')
    if "run" not in functions:
        raise UserError(f"{where}:1: expected a function run(seed, report), found none; it measures one seed")
    return Program(name, path, docstring, constants, functions)


def _literals(node: ast.Assign, where: str) -> dict[str, Any]:
    """Capital names bound by one assignment: `A = 1` or `A, B = 1, 2`."""
    target = node.targets[0]
    names = [element.id for element in ast.walk(target) if isinstance(element, ast.Name)]
    if not any(name.isupper() for name in names):
        return {}
    try:
        value = ast.literal_eval(node.value)
    except ValueError:
        raise UserError(
            f"{where}:{node.lineno}: expected literals for {', '.join(names)}, since constants are the whole "
            "configuration and are read without running; write the values out"
        ) from None
    return {names[0]: value} if isinstance(target, ast.Name) else dict(zip(names, value, strict=True))


def import_program(program: Program) -> ModuleType:
    """Execute the program's module (its functions can then be called). Needs what it imports."""
    name = "snippets_" + re.sub(r"\W", "_", program.name)
    spec = importlib.util.spec_from_file_location(name, program.path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
