"""What makes a record stale, and what does not; the same hash under every Python."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from throwaway import ROOT, make_project, write

from lora_ref.site.fingerprint import Fingerprint, explain, fingerprint, reach
from lora_ref.site.program import programs
from lora_ref.site.project import Project, UserError


@pytest.fixture
def project(tmp_path) -> Project:
    return make_project(tmp_path)


def of(project: Project, name: str = "toy/measure") -> Fingerprint:
    return fingerprint(project, programs(project)[name])


def edit(project: Project, file: str, old: str, new: str) -> None:
    path = project.root / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


STALE = {
    "a formula three imports away, through a lazy package": ("lora_ref/formula.py", "rank**EXPONENT", "rank**EXPONENT + 0", "power"),
    "a constant three imports away": ("lora_ref/formula.py", "EXPONENT = 2", "EXPONENT = 2.0", "EXPONENT"),
    "a method of a class": ("lora_ref/layer.py", "x * scaling(self.rank)", "scaling(self.rank) * x", "Layer.forward"),
    "another method of that class": ("lora_ref/layer.py", "self.rank = rank", "self.rank = +rank", "Layer.__init__"),
    "a default argument": ("lora_ref/scale.py", "def scaling(rank)", "def scaling(rank=1)", "scaling"),
    "a constant of the program": ("snippets/toy/measure.py", "WIDTH = 64", "WIDTH = 65", "WIDTH"),
    "run()": ("snippets/toy/measure.py", "0.01 * seed", "0.02 * seed", "run"),
    "seeds": ("snippets/toy/measure.py", "SEEDS = (0, 1, 2)", "SEEDS = (0, 1, 3)", "SEEDS"),
    "a statement at import": ("lora_ref/formula.py", "EXPONENT = 2", "EXPONENT = 2\nprint(EXPONENT)", "statement"),
}  # fmt: skip


@pytest.mark.parametrize("case", STALE)
def test_an_edit_that_changes_a_result_is_seen_and_named(project, case):
    file, old, new, part = STALE[case]
    before = of(project)
    edit(project, file, old, new)
    after = of(project)
    assert after.run != before.run
    assert file in (why := explain(before.sources, after.sources)) and part in why


FRESH = {
    "a comment": ("lora_ref/layer.py", "# a comment", "# another"),
    "a docstring": ("lora_ref/formula.py", "A formula, three imports away.", "Else."),
    "a docstring that is new": ("lora_ref/scale.py", "def scaling(rank):", 'def scaling(rank):\n    """Words."""'),
    "the program's docstring": ("snippets/toy/measure.py", "A toy: the loss", "A game: the loss"),
    "formatting": ("lora_ref/formula.py", "    return rank**EXPONENT", "    return (\n        rank   **   EXPONENT\n    )"),
    "a function that nothing reaches": ("lora_ref/formula.py", "return x + 3", "return x + 4"),
    "a label of a figure": ("snippets/toy/measure.py", '{"curve": [', '{"curve": ["label", '),
    "meaning": ("snippets/toy/measure.py", '"rank",', '"the rank",'),
    "a package's __init__": ("lora_ref/__init__.py", "_NAMES = {", "OTHER = 1\n_NAMES = {"),
}  # fmt: skip


@pytest.mark.parametrize("case", FRESH)
def test_an_edit_that_changes_no_result_is_not_seen(project, case):
    file, old, new = FRESH[case]
    before = of(project)
    edit(project, file, old, new)
    assert of(project).run == before.run


def test_a_label_changes_the_hash_of_the_figures_alone(project):
    before = of(project)
    edit(project, "snippets/toy/measure.py", '{"curve": [', '{"curve": ["label", ')
    after = of(project)
    assert after.figures != before.figures and after.run == before.run


def test_a_change_of_combine_keeps_the_seeds(project):
    path = project.snippets / "toy" / "measure.py"
    path.write_text(path.read_text() + "\n\ndef combine(seeds):\n    return seeds[0]\n")
    before = of(project)
    edit(project, "snippets/toy/measure.py", "return seeds[0]", "return seeds[1]")
    after = of(project)
    assert after.run != before.run and after.seeds == before.seeds


def test_a_change_makes_its_dependents_stale_and_no_other(project):
    before, other = of(project), of(project, "toy/speed")
    edit(project, "lora_ref/formula.py", "rank**EXPONENT", "rank**EXPONENT * 1")
    assert of(project).run != before.run and of(project, "toy/speed") == other


def test_files_that_are_read_count(project):
    edit(project, "snippets/toy/measure.py", "STEPS = 32", 'STEPS = 32\nREADS = ("corpus.txt",)')
    missing = of(project)
    assert missing.sources["corpus.txt"] == "missing"
    (project.root / "corpus.txt").write_text("sympy==1.14\n")
    before = of(project)
    (project.root / "corpus.txt").write_text("sympy==1.15\n")
    after = of(project)
    assert len({missing.run, before.run, after.run}) == 3
    assert explain(before.sources, after.sources) == "corpus.txt changed"
    assert explain(before.sources, missing.sources) == "corpus.txt is missing"


def test_a_data_file_beside_a_module_counts_undeclared(project):
    edit(
        project, "lora_ref/formula.py", "return rank**EXPONENT", 'return rank**EXPONENT + len(__file__ + "table.json")'
    )
    before = of(project)
    (project.root / "lora_ref" / "table.json").write_text("1")
    with_file = of(project)
    (project.root / "lora_ref" / "table.json").write_text("2")
    assert len({before.run, with_file.run, of(project).run}) == 3


def test_a_property_and_its_setter_both_count(project):
    """Two definitions of one name: the second does not hide the first."""
    edit(
        project,
        "lora_ref/layer.py",
        "    def forward(",
        "    @property\n    def size(self):\n        return 1\n\n    @size.setter\n    def size(self, new):\n        pass\n\n    def forward(",
    )
    before = of(project)
    edit(project, "lora_ref/layer.py", "return 1", "return 2")
    assert of(project).run != before.run


def test_both_branches_of_a_condition_count(project):
    edit(project, "lora_ref/formula.py", "EXPONENT = 2", "if True:\n    EXPONENT = 2\nelse:\n    EXPONENT = 4")
    before = of(project)
    edit(project, "lora_ref/formula.py", "EXPONENT = 4", "EXPONENT = 5")
    assert of(project).run != before.run


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("return eval('rank')", "eval hides what is imported"),
        ("return __import__('math').pi", "__import__ hides what is imported"),
        ("import importlib\n    return importlib.import_module('a')", "import_module hides what is imported"),
        ("return globals()", "globals hides what is imported"),
    ],
)
def test_what_a_walk_cannot_follow_is_an_error(project, code, message):
    edit(project, "lora_ref/formula.py", "return rank**EXPONENT", code)
    with pytest.raises(UserError, match=message):
        of(project)


def test_a_syntax_error_is_one_line(project):
    edit(project, "lora_ref/formula.py", "return rank**EXPONENT", "return rank**04")
    with pytest.raises(
        UserError, match=r"^lora_ref/formula.py:\d+: expected Python, got a syntax error: [^\n]*; mend it$"
    ):
        of(project)


def test_a_star_import_is_an_error(project):
    edit(project, "lora_ref/scale.py", "from lora_ref.formula import power", "from lora_ref.formula import *")
    with pytest.raises(UserError, match="expected names to be imported from lora_ref.formula, got \\*"):
        of(project)


def test_a_name_that_a_package_does_not_define_is_an_error(project):
    edit(project, "snippets/toy/measure.py", "import Layer", "import Player")
    with pytest.raises(UserError, match="to say where 'Player' is defined"):
        of(project)


@pytest.mark.parametrize(
    "code",
    [
        "import lora_ref.formula\n\n\ndef run(seed, report):\n    return lora_ref.formula.power(2)",
        "import lora_ref.formula as other\n\n\ndef run(seed, report):\n    return other.power(2)",
        "from lora_ref import formula\n\n\ndef run(seed, report):\n    return formula.power(2)",
        "def run(seed, report):\n    from lora_ref.formula import power as other\n\n    return other(2)",
        "def run(seed, report):\n    return helper()\n\n\ndef helper():\n    from lora_ref import formula\n\n    return formula.power",
        "from lora_ref.formula import power\n\nTABLE = {'power': power}\n\n\ndef run(seed, report):\n    return TABLE['power'](2)",
        "class Base:\n    from lora_ref.formula import power\n\n\nclass Own(Base):\n    pass\n\n\ndef run(seed, report):\n    return Own()",
        "try:\n    from lora_ref.formula import power\nexcept ImportError:\n    power = None\n\n\ndef run(seed, report):\n    return power",
    ],
)
def test_every_way_to_import_is_followed(project, code):
    path = project.snippets / "toy" / "other.py"
    path.write_text(f"{code}\n")
    before = reach(project.root, path, {"run"})
    edit(project, "lora_ref/formula.py", "rank**EXPONENT", "rank**EXPONENT + 1")
    assert reach(project.root, path, {"run"}) != before


# ---- the same hash under every Python

# One of everything that prints differently in ast.dump, ast.unparse or repr of different versions.
ZOO = '''
    """A docstring."""
    from dataclasses import dataclass
    from math import sqrt

    NUMBERS = 1, 1.0, 1e300, 1e-7, 0x10, 1_000, 1j, -1, True, None, ..., "text", 'it\\'s "quoted"', b"\\x00", "é", "\\n\\t"
    TEXT = f"{sqrt(2):.3f} {NUMBERS!r:>{10}} {{braces}} {'nested'} {sqrt(4)=} {sqrt(2):}" "joined" f"{1}"


    @dataclass(frozen=True)
    class Animal:
        """Words."""

        legs: int = 4

        def walk(self, /, a, *rest, b: int = 2, **more) -> "Animal":
            """Words."""
            with open(a) as file, open(b):
                yield from (x for x in file if x)
            match rest:
                case [1, *_] | {"a": 1, **others} if others:
                    return lambda x, y=1: x if y else ~x
                case Animal(legs=4) as animal:
                    raise ValueError(animal) from None
            try:
                del a[1:2, ::3]
            except* (TypeError, KeyError) as error:
                assert error, "message"
            else:
                global NUMBERS
            while (n := len(rest)) > 1:
                n -= 1
                continue
            return {**more, "a": [*rest]}, {1, 2}, a @ b, not a, a is not b, 1 < n <= 3


    async def run(seed, report):
        async for x in report:
            await x
        async with report as a:
            print(TEXT, Animal().walk, sep="")
    '''
ZOO_HASH = "8800fc02c4926fdc6d5d60c66b872f8f"

ASK = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from lora_ref.site.fingerprint import digest, fingerprint, reach
from lora_ref.site.program import programs
from lora_ref.site.project import Project
zoo = Path(sys.argv[2])
found = {"zoo": digest(reach(zoo.parent, zoo, {"run"}))}
project = Project(Path(sys.argv[1]))
for name, program in programs(project).items():
    found[name] = fingerprint(project, program)[:2]
print(json.dumps([list(sys.version_info[:2]), found]))
"""


def ask(python: str, zoo: Path) -> tuple[tuple[int, int], dict]:
    """(version, hashes) that another interpreter finds; nothing need be installed there."""
    out = subprocess.run(
        [python, "-I", "-B", "-c", ASK, str(ROOT), str(zoo)], capture_output=True, text=True, check=True
    )
    version, found = json.loads(out.stdout)
    return tuple(version), found


def other_pythons() -> dict[tuple[int, int], str]:
    """Newer interpreters on this machine, by version: on the PATH, or where pyenv, uv and conda put them."""
    candidates = [shutil.which(f"python3.{minor}") for minor in range(12, 16)]
    home = Path.home()
    for folder in (
        home / ".pyenv/versions",
        home / ".local/share/uv/python",
        home / "miniconda3/envs",
        Path("/opt/hostedtoolcache/Python"),
    ):
        candidates += [
            str(path) for path in sorted(folder.glob("*/bin/python3")) + sorted(folder.glob("*/x64/bin/python3"))
        ]
    found = {}
    for candidate in filter(None, candidates):
        code = "import sys; print(*sys.version_info[:2])"
        out = subprocess.run(
            [candidate, "-I", "-c", code], capture_output=True, text=True, env={**os.environ, "PYENV_VERSION": ""}
        )
        if out.returncode == 0:
            version = tuple(map(int, out.stdout.split()))
            if version > (3, 11) and version != sys.version_info[:2]:
                found.setdefault(version, candidate)
    return found


@pytest.fixture
def zoo(tmp_path) -> Path:
    write(tmp_path, {"zoo/zoo.py": ZOO})
    return tmp_path / "zoo" / "zoo.py"


def test_the_hash_of_all_syntax_is_the_committed_one(zoo):
    """Holds where no other interpreter is at hand."""
    assert ask(sys.executable, zoo)[1]["zoo"] == ZOO_HASH


def test_newer_pythons_find_the_same_hashes(zoo):
    pythons = other_pythons()
    if not pythons:
        pytest.skip("no other Python here; get one with `pyenv install 3.13` or `uv python install 3.13`")
    _, own = ask(sys.executable, zoo)
    for python in pythons.values():
        version, found = ask(python, zoo)
        assert found == own, f"Python {version} finds other hashes"


def test_the_zoo_is_all_of_the_grammar():
    """Every kind of statement and most kinds of expression stand in it."""
    import ast

    kinds = {type(node).__name__ for node in ast.walk(ast.parse(textwrap.dedent(ZOO)))}
    wanted = {
        name for name in dir(ast) if isinstance(getattr(ast, name), type) and issubclass(getattr(ast, name), ast.stmt)
    }
    known = kinds | {"stmt", "TypeAlias", "TryStar", "Import", "Nonlocal", "Break", "Pass", "For", "If", "Try"}
    assert wanted - known == set()
