"""Who may import whom: one walk over the whole repository, and the proof that it finds what it looks for."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

CORE = {"count", "memory", "checkpoint", "shapes", "model", "data", "train", "grid"}  # know no method
CLOSED_FORMS = {"count", "memory", "checkpoint"}  # the standard library only
BESIDE = {"inject", "initializers", "quantize", "cli"}  # not methods; every other module is one
MAY = {("dora", "lora")}  # the one method that is made of another
HEAVY = {"torch", "transformers", "peft", "sklearn"}
SKIPPED_FOLDERS = {".venv", ".venv-upgrade", ".git", ".cache", "build", "__pycache__", "node_modules"}


class Import(NamedTuple):
    module: str  # what is imported, in full
    name: str  # the name taken out of it, or "" for the module itself
    line: int
    function: str  # where: "" at module level, else the outermost function


def imports_of(path: Path, root: Path) -> Iterator[Import]:
    """Every import statement, and import_module("…") or __import__("…") of a plain string."""
    package = path.relative_to(root).parts[:-1]

    def walk(node: ast.AST, function: str) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            inside = function
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                inside = function or getattr(child, "name", "lambda")
            elif isinstance(child, ast.Import):
                yield from (Import(alias.name, "", child.lineno, function) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                above = package[: len(package) - child.level + 1] if child.level else ()
                base = ".".join([*above, *([child.module] if child.module else [])])
                for alias in child.names:
                    whole = base.replace(".", "/") + "/" + alias.name
                    if (root / f"{whole}.py").is_file() or (root / whole / "__init__.py").is_file():
                        yield Import(f"{base}.{alias.name}", "", child.lineno, function)
                    else:
                        yield Import(base, alias.name, child.lineno, function)
            elif isinstance(child, ast.Call) and child.args and isinstance(child.args[0], ast.Constant):
                called = getattr(child.func, "attr", getattr(child.func, "id", ""))
                if called in ("import_module", "__import__") and isinstance(child.args[0].value, str):
                    yield Import(child.args[0].value, "", child.lineno, function)
            yield from walk(child, inside)

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), "")


def sources(root: Path) -> Iterator[Path]:
    for folder, inner, files in os.walk(root):
        built = SKIPPED_FOLDERS | ({"site"} if Path(folder) == root else set())  # lora_ref/site is no build
        inner[:] = sorted(set(inner) - built)
        yield from (Path(folder, name) for name in sorted(files) if name.endswith(".py"))


def back_edges(root: Path) -> list[str]:
    """For each wrong import of the repository: file:line, what is imported, and why it may not be."""
    found = []
    for path in sources(root):
        where = path.relative_to(root)
        for one in imports_of(path, root):
            if why := refused(where, one, root):
                found.append(f"{where.as_posix()}:{one.line}: {one.module}{one.name and '.' + one.name}: {why}")
    return found


def refused(where: Path, one: Import, root: Path) -> str:
    """Why a file may not import this; "" if it may."""
    top, _, rest = one.module.partition(".")
    ours = rest.partition(".")[0] if top == "lora_ref" else ""  # the module of lora_ref, "" for the package itself
    if top == "snippets":
        return "nothing imports a program by name"
    if top == "tests" and where.parts[0] in ("lora_ref", "snippets"):
        return "only tests import tests"
    if where.parts[0] == "snippets":
        return of_a_program(one, top, ours, root)
    if where.parts[:2] == ("lora_ref", "site"):
        if top in HEAVY and not one.function:
            return "lora_ref.site runs without torch: import it where it is used"
        if top == "lora_ref" and ours not in CLOSED_FORMS | {"site"}:
            return "lora_ref.site knows closed forms only"
    elif where.parts[0] == "lora_ref":
        return of_the_library(where.stem, one, top, ours)
    return ""


def of_the_library(me: str, one: Import, top: str, ours: str) -> str:
    if me in CLOSED_FORMS and top not in sys.stdlib_module_names and ours not in CLOSED_FORMS:
        return "closed forms need the standard library only"
    if top != "lora_ref" or me == "__init__":
        return ""
    if ours == "site":
        return "the library knows no page"
    if not ours:
        return "import a name from the module that defines it"
    if me in CORE and ours not in CORE:
        return f"{me} knows no method"
    is_method = [each not in CORE | BESIDE for each in (me, ours)]
    if all(is_method) and me != ours and (me, ours) not in MAY:
        return "methods do not import each other"
    return ""


def of_a_program(one: Import, top: str, ours: str, root: Path) -> str:
    if top == "plotly" or ours == "site":
        return "" if one.function == "figures" else "drawing is imported inside figures()"
    if top == "lora_ref" and one.name and one.name not in defined_in(root / f"{one.module.replace('.', '/')}.py"):
        return "import a name from the module that defines it"
    return ""


def defined_in(path: Path) -> set[str]:
    if not path.is_file():
        return set()
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {leaf.id for target in targets for leaf in ast.walk(target) if isinstance(leaf, ast.Name)}
    return names


def test_the_repository_has_no_back_edge(root):
    assert not back_edges(root), "\n".join(back_edges(root))


def test_the_walk_sees_the_whole_repository(root):
    """A walk that reads nothing finds nothing."""
    edges = {
        (path.relative_to(root).as_posix(), one.module) for path in sources(root) for one in imports_of(path, root)
    }
    for edge in (
        ("lora_ref/inject.py", "lora_ref.lora"),  # inside a function
        ("lora_ref/memory.py", "lora_ref.count"),
        ("lora_ref/site/numbers.py", "lora_ref.count"),  # from lora_ref import count, memory
        ("lora_ref/site/run.py", "torch"),
        ("snippets/digits/ten_seconds.py", "lora_ref.site.chart"),
        ("tests/test_imports.py", "pytest"),
    ):
        assert edge in edges


# ---- the proof: a small clean tree, and one planted import at a time

CLEAN = {
    "lora_ref/__init__.py": "from importlib import import_module\n\ndef __getattr__(name):\n    return import_module(f'lora_ref.{name}')\n",
    "lora_ref/count.py": "import json\nfrom functools import cache\n",
    "lora_ref/memory.py": "from lora_ref import count\nfrom lora_ref.count import cache\n",
    "lora_ref/model.py": "import torch\n",
    "lora_ref/train.py": "import torch\nfrom lora_ref.model import torch\n",
    "lora_ref/data.py": "import ast\n",
    "lora_ref/grid.py": "import statistics\n",
    "lora_ref/lora.py": "from torch import nn\n\nclass LoRALinear:\n    pass\n",
    "lora_ref/dora.py": "from .lora import LoRALinear\n",
    "lora_ref/adapter.py": "from lora_ref.initializers import kaiming\n",
    "lora_ref/initializers.py": "kaiming = 1\n",
    "lora_ref/inject.py": "def inject():\n    from lora_ref.lora import LoRALinear\n",
    "lora_ref/site/__init__.py": "",
    "lora_ref/site/chart.py": "import plotly.graph_objects as go\n",
    "lora_ref/site/run.py": "from lora_ref import count, memory\nfrom . import chart\n\ndef go():\n    import torch\n",
    "snippets/rank/loss.py": (
        "def run(seed, report):\n    import torch\n    from lora_ref.lora import LoRALinear\n    from lora_ref import memory\n"
        "\n\ndef figures(values):\n    import plotly\n    from lora_ref.site import chart\n"
    ),
    "tests/test_lora.py": "import torch\nfrom lora_ref import LoRALinear\n",
    "site/copied.py": "import snippets.rank.loss\n",  # what a build leaves is not looked at
}

PLANTED = [
    # lora_ref.site
    ("lora_ref/site/run.py", "import torch", "runs without torch"),
    ("lora_ref/site/run.py", "import torch.nn as nn", "runs without torch"),
    ("lora_ref/site/run.py", "from transformers import AutoModel", "runs without torch"),
    ("lora_ref/site/run.py", "import os, peft", "runs without torch"),
    ("lora_ref/site/run.py", "try:\n    import sklearn\nexcept ImportError:\n    pass", "runs without torch"),
    ("lora_ref/site/run.py", "if True:\n    import torch", "runs without torch"),
    ("lora_ref/site/run.py", "class A:\n    import torch", "runs without torch"),
    ("lora_ref/site/run.py", "import importlib\nimportlib.import_module('torch')", "runs without torch"),
    ("lora_ref/site/run.py", "from lora_ref.lora import LoRALinear", "closed forms only"),
    ("lora_ref/site/run.py", "def later():\n    from lora_ref.train import train_model", "closed forms only"),
    ("lora_ref/site/run.py", "from lora_ref import grid", "closed forms only"),
    ("lora_ref/site/run.py", "from .. import model", "closed forms only"),
    ("lora_ref/site/run.py", "from lora_ref import LoRALinear", "closed forms only"),
    ("lora_ref/site/run.py", "import lora_ref", "closed forms only"),
    # methods
    ("lora_ref/adapter.py", "from lora_ref.lora import LoRALinear", "do not import each other"),
    ("lora_ref/adapter.py", "from . import dora", "do not import each other"),
    ("lora_ref/lora.py", "import lora_ref.dora", "do not import each other"),
    ("lora_ref/dora.py", "def f():\n    from lora_ref.adapter import x", "do not import each other"),
    ("lora_ref/lora.py", "from lora_ref.site import chart", "knows no page"),
    ("lora_ref/lora.py", "from lora_ref import GPT", "the module that defines it"),
    # what knows no method
    ("lora_ref/model.py", "from lora_ref.lora import LoRALinear", "model knows no method"),
    ("lora_ref/data.py", "import lora_ref.adapter", "data knows no method"),
    ("lora_ref/train.py", "def f():\n    from .inject import inject", "train knows no method"),
    ("lora_ref/grid.py", "from importlib import import_module\nimport_module('lora_ref.lora')", "grid knows no method"),
    ("lora_ref/grid.py", "from lora_ref.site import run", "knows no page"),
    # closed forms
    ("lora_ref/count.py", "import torch", "standard library only"),
    ("lora_ref/memory.py", "def f():\n    import numpy as np", "standard library only"),
    ("lora_ref/memory.py", "from lora_ref.lora import LoRALinear", "standard library only"),
    ("lora_ref/count.py", "from lora_ref import grid", "standard library only"),
    # programs
    ("snippets/rank/loss.py", "import plotly", "inside figures()"),
    ("snippets/rank/loss.py", "from plotly import graph_objects", "inside figures()"),
    ("snippets/rank/loss.py", "def helper():\n    import plotly.graph_objects as go", "inside figures()"),
    ("snippets/rank/loss.py", "from lora_ref.site import chart", "inside figures()"),
    ("snippets/rank/loss.py", "def f():\n    from lora_ref import LoRALinear", "the module that defines it"),
    ("snippets/rank/loss.py", "def f():\n    from lora_ref.dora import LoRALinear", "the module that defines it"),
    ("snippets/rank/loss.py", "from snippets.digits import ten", "imports a program by name"),
    ("snippets/rank/loss.py", "from tests.test_lora import x", "only tests import tests"),
    # programs are imported by nobody
    ("lora_ref/site/run.py", "def f():\n    import snippets.rank.loss", "imports a program by name"),
    ("lora_ref/lora.py", "import snippets", "imports a program by name"),
    ("tests/test_lora.py", "from snippets.rank.loss import run", "imports a program by name"),
    ("tests/test_lora.py", "from snippets import rank", "imports a program by name"),
    ("tools.py", "import snippets.rank.loss", "imports a program by name"),
    ("lora_ref/new_method.py", "from tests.conftest import root", "only tests import tests"),
    ("lora_ref/new_method.py", "from lora_ref.lora import LoRALinear", "do not import each other"),
]


def plant(root: Path, files: dict[str, str]) -> Path:
    for name, source in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return root


def test_a_clean_tree_has_no_back_edge(tmp_path):
    assert back_edges(plant(tmp_path, CLEAN)) == []


@pytest.mark.parametrize(("name", "planted", "why"), PLANTED)
def test_a_planted_back_edge_is_found_at_its_line(tmp_path, name, planted, why):
    before = CLEAN.get(name, "")
    plant(tmp_path, CLEAN | {name: before + planted + "\n"})
    (message,) = back_edges(tmp_path)
    line = before.count("\n") + next(n for n, text in enumerate(planted.split("\n"), 1) if "import" in text)
    line += planted.count("import_module('")  # the call stands below the import of import_module
    assert re.match(rf"{re.escape(name)}:{line}: .*{re.escape(why)}", message)


# ---- what really happens

# Whatever needs torch fails at once, and says so.
BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "transformers", "peft", "sklearn", "tokenizers", "numpy"} - set(ALLOWED):
            raise ImportError(f"blocked: {name}")
sys.meta_path.insert(0, Block())
"""


def python(code: str, root: Path, allowed: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", f"ALLOWED = {allowed!r}\n{BLOCKED}\n{code}"], cwd=root, capture_output=True, text=True
    )


def test_the_package_imports_nothing_heavy(root):
    done = python(
        "import lora_ref; import lora_ref.count, lora_ref.memory, lora_ref.grid; print(lora_ref.__all__)", root
    )
    assert done.returncode == 0, done.stderr
    assert "LoRALinear" in done.stdout


def test_the_block_bites(root):
    done = python("import lora_ref; lora_ref.LoRALinear", root)
    assert done.returncode == 1 and "ImportError: blocked: torch" in done.stderr


def test_lint_imports_no_torch(root):
    code = "import runpy; sys.argv = ['lora_ref.site', 'lint', '--help']\nrunpy.run_module('lora_ref.site', run_name='__main__')"
    done = python(code, root, allowed=("numpy",))
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_every_module_of_the_site_imports_without_torch(root):
    names = [path.stem for path in sorted((root / "lora_ref/site").glob("*.py")) if not path.stem.startswith("__")]
    code = f"from importlib import import_module\nfor name in {names!r}:\n    import_module('lora_ref.site.' + name)"
    done = python(code, root, allowed=("numpy",))  # Plotly brings numpy
    assert done.returncode == 0, done.stderr
