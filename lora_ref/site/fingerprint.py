"""What a program's result depends on: a hash of every definition that its run() reaches.

The walk starts at run(), combine() and the constants and follows names, through imports, into
every first-party module, definition by definition. It reads syntax trees and executes nothing.
Comments, docstrings and layout change nothing; a formula changes the hash of exactly the
programs that reach it.

What a walk over names cannot follow (import_module, exec, eval, globals) is an error in reached
code, so that nothing escapes it. Package __init__ files are looked through and not hashed.
"""

import ast
import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from lora_ref.site.program import DESCRIPTIONS, Program
from lora_ref.site.project import Project, UserError
from lora_ref.site.record import file_sha256

UNFOLLOWABLE = {"import_module", "__import__", "exec", "eval", "globals"}
FILE_NAME = re.compile(r"[A-Za-z_][\w-]*\.(?!py$)\w+")
WHOLE = "*"  # stands for every name of a module


class Fingerprint(NamedTuple):
    run: str  # what the values depend on
    figures: str  # what the drawings depend on, beside the values
    sources: dict[str, str]  # "lora_ref/lora.py:LoRALinear.forward" -> hash of that part
    seeds: dict[str, str]  # of them, what each seed's own result depends on: all but combine()


def fingerprint(project: Project, program: Program) -> Fingerprint:
    constants = {name for name in program.constants if name not in DESCRIPTIONS}
    seeds = reach(project.root, program.path, {"run"} | constants)
    for name in program.reads:
        path = project.root / name
        seeds[name] = file_sha256(path)[:16] if path.exists() else "missing"
    sources = seeds | reach(project.root, program.path, {"combine"} & program.functions)
    drawing = reach(project.root, program.path, {"figures"} & program.functions)
    painter = project.root / "lora_ref" / "site" / "figures.py"
    if drawing and painter.exists():
        drawing |= reach(project.root, painter, {"draw"})
    return Fingerprint(digest(sources), digest(drawing), sources, seeds)


def explain(old: dict[str, str], new: dict[str, str]) -> str:
    """Why a record is stale, by file and definition: "lora_ref/lora.py changed (LoRALinear.forward)"."""
    by_file: dict[tuple[str, str], list[str]] = {}
    for part in sorted(old.keys() | new.keys()):
        if old.get(part) != new.get(part):
            file, _, name = part.partition(":")
            word = (
                "is missing"
                if new.get(part) == "missing"
                else "changed"
                if part in old and part in new
                else "is new"
                if part in new
                else "is no longer used"
            )
            by_file.setdefault((file, word), []).append(name)
    return "; ".join(
        f"{file} {word}" + (f" ({', '.join(filter(None, names))})" if any(names) else "")
        for (file, word), names in by_file.items()
    )


def reach(root: Path, path: Path, names: set[str]) -> dict[str, str]:
    """Hash of each definition reached from `names` of the module at `path`."""
    sources: dict[str, str] = {}
    todo = [(path, name) for name in sorted(names)]
    seen = set(todo)
    modules: dict[Path, _Module] = {}
    done: set[ast.stmt] = set()
    while todo:
        path, name = todo.pop()
        if path not in modules:
            modules[path] = _module(root, path, path.read_text(encoding="utf-8"))
        module = modules[path]
        where = path.relative_to(root).as_posix()
        nodes = list(module.effects)
        if name == WHOLE:
            nodes += [node for group in module.bindings.values() for node in group]
            found = list(module.imports.values())
        elif name in module.bindings:
            nodes += module.bindings[name]
            found = []
        elif name in module.imports:
            found = [module.imports[name]]
        else:
            raise UserError(f"{where}: expected a definition of {name!r}, found none at the top level; define it there")
        named: dict[str, int] = {}  # a name may be defined twice: a property and its setter, two branches
        for node in [node for node in dict.fromkeys(nodes) if node not in done]:  # one statement may bind two names
            done.add(node)
            for part, digest in _parts(node):
                named[part] = named.get(part, 0) + 1
                sources[f"{where}:{part}" + (f" ({named[part]})" if named[part] > 1 else "")] = digest
            found += list(_follow(root, path, module, node))
            for file in _data(path, node):
                sources[file.relative_to(root).as_posix()] = file_sha256(file)[:16]
        for item in found:
            if item not in seen:
                seen.add(item)
                todo.append(item)
    return sources


class _Module(NamedTuple):
    bindings: dict[str, list[ast.stmt]]  # name -> the statements that define it
    imports: dict[str, tuple[Path, str]]  # name -> the first-party definition it stands for
    effects: list[ast.stmt]  # statements that do something when the module is imported


@lru_cache(maxsize=512)
def _module(root: Path, path: Path, source: str) -> _Module:
    bindings: dict[str, list[ast.stmt]] = {}
    imports: dict[str, tuple[Path, str]] = {}
    effects: list[ast.stmt] = []
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        where = path.relative_to(root).as_posix()
        raise UserError(f"{where}:{error.lineno}: expected Python, got a syntax error: {error.msg}; mend it") from None
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports |= dict(_imported(root, path, node))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bindings.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and (bound := _bound(node)):
            for name in bound:
                bindings.setdefault(name, []).append(node)
        elif not _is_text(node):
            effects.append(node)
            for inner in ast.walk(node):
                if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                    bindings.setdefault(inner.id, []).append(node)
                elif isinstance(inner, ast.Import | ast.ImportFrom):
                    imports |= dict(_imported(root, path, inner))
    return _Module(bindings, imports, effects)


def _bound(node: ast.Assign | ast.AnnAssign) -> list[str]:
    """Names that an assignment binds; none where it writes into an object, which is an effect."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    leaves = [
        leaf for target in targets for leaf in (target.elts if isinstance(target, ast.Tuple | ast.List) else [target])
    ]
    return (
        [leaf.id for leaf in leaves if isinstance(leaf, ast.Name)]
        if all(isinstance(leaf, ast.Name) for leaf in leaves)
        else []
    )


class _Mentions(NamedTuple):
    imports: list[ast.Import | ast.ImportFrom]
    names: list[str]
    files: list[str]  # texts that may be names of files
    hidden: tuple[str, int] | None  # a way to import that cannot be followed, and its line


@lru_cache(maxsize=20_000)
def _mentions(node: ast.AST) -> _Mentions:
    """What a piece of code names."""
    found = _Mentions([], [], [], None)
    for inner in _nodes(node):
        if isinstance(inner, ast.Import | ast.ImportFrom):
            found.imports.append(inner)
        elif isinstance(inner, ast.Name):
            found.names.append(inner.id)
        elif isinstance(inner, ast.Constant) and FILE_NAME.fullmatch(str(inner.value)):
            found.files.append(str(inner.value))
        name = inner.id if isinstance(inner, ast.Name) else inner.attr if isinstance(inner, ast.Attribute) else None
        # model.eval() is PyTorch's; a bare eval(...) is not.
        if name in UNFOLLOWABLE and not (isinstance(inner, ast.Attribute) and name in ("eval", "exec")):
            return found._replace(hidden=(name, getattr(inner, "lineno", 1)))
    return found


def _follow(root: Path, path: Path, module: _Module, node: ast.AST) -> Iterator[tuple[Path, str]]:
    """Every first-party definition that a piece of code names."""
    mentions = _mentions(node)
    if mentions.hidden:
        name, line = mentions.hidden
        raise UserError(
            f"{path.relative_to(root)}:{line}: {name} hides what is imported, so a change behind it would go unseen; import "
            "the name itself"
        )
    for statement in mentions.imports:
        yield from (target for _, target in _imported(root, path, statement))
    for name in mentions.names:
        if name in module.bindings:
            yield path, name
        elif name in module.imports:
            yield module.imports[name]


def _data(path: Path, node: ast.AST) -> Iterator[Path]:
    """Files beside a module that its code names, such as models.json: their content counts, too."""
    return (file for name in _mentions(node).files if (file := path.with_name(name)).is_file())


def _imported(root: Path, path: Path, node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, tuple[Path, str]]]:
    """(local name, definition) for each first-party name that an import statement brings."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if file := _file(root, alias.name):
                yield alias.asname or alias.name.split(".")[0], (file, WHOLE)
        return
    base = node.module or ""
    if node.level:
        package = path.relative_to(root).with_suffix("").parts[: -node.level]
        base = ".".join([*package, *([node.module] if node.module else [])])
    for alias in node.names:
        if alias.name == "*" and _file(root, base):
            raise UserError(
                f"{path.relative_to(root)}:{node.lineno}: expected names to be imported from {base}, got *, which hides what "
                "is used; import the names"
            )
        if submodule := _file(root, f"{base}.{alias.name}"):
            yield alias.asname or alias.name, (submodule, WHOLE)
        elif file := _file(root, base):
            yield alias.asname or alias.name, _through_package(root, file, base, alias.name)
        elif (root / base.replace(".", "/")).is_dir():
            raise UserError(
                f"{path.relative_to(root)}:{node.lineno}: expected {base} to define {alias.name!r}, found nothing"
            )


def _file(root: Path, module: str) -> Path | None:
    stem = root.joinpath(*module.split("."))
    for file in (stem.with_name(stem.name + ".py"), stem / "__init__.py"):
        if file.is_file():
            return file
    return None


def _through_package(root: Path, file: Path, package: str, name: str) -> tuple[Path, str]:
    """Where a package's name is really defined: by a re-export, or by a lazy table {"name": "module"}."""
    if file.name != "__init__.py":
        return file, name
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for local, target in _imported(root, file, node):
                if local == name:
                    return target
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == name and isinstance(value, ast.Constant):
                    module = str(value.value).lstrip(".").removeprefix(f"{package}.")
                    if target := _file(root, f"{package}.{module}"):
                        return target, name
    raise UserError(
        f"{file.relative_to(root)}: expected {package} to say where {name!r} is defined, found nothing; import it from its module"
    )


@lru_cache(maxsize=20_000)
def _parts(node: ast.stmt) -> list[tuple[str, str]]:
    """(name, hash) of a statement; of a class, one for each method and one for the rest, so that a change can be named."""
    if isinstance(node, ast.ClassDef):
        methods = [item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
        others = [item for item in node.body if item not in methods]
        rest = ast.ClassDef(node.name, node.bases, node.keywords, others, node.decorator_list)
        return [*((f"{node.name}.{method.name}", _hash(method)) for method in methods), (node.name, _hash(rest))]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return [(node.name, _hash(node))]
    if isinstance(node, ast.Assign | ast.AnnAssign) and (names := _bound(node)):
        return [(",".join(names), _hash(node))]
    digest = _hash(node)
    return [(f"statement {digest[:6]}", digest)]


def _hash(node: ast.AST) -> str:
    digest = hashlib.sha256()
    for piece in _walk(node):
        digest.update(piece.encode() + b"\0")
    return digest.hexdigest()[:16]


def _walk(node: ast.AST) -> Iterator[str]:
    """Node names, non-empty fields, ascii of constants: the same text in every Python version.

    Not ast.dump or ast.unparse, whose output differs between versions.
    """
    yield type(node).__name__
    for name, value in _fields(node):
        yield name
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, ast.AST):
                if not _is_text(item):
                    yield from _walk(item)
            else:
                yield f"{type(item).__name__} {ascii(item)}"
    yield "end"


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all below it that counts."""
    yield node
    for _, value in _fields(node):
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, ast.AST):
                yield from _nodes(item)


def _fields(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """Fields that can change a result: no positions, contexts or comments, and no shapes of a function's signature."""
    for name, value in ast.iter_fields(node):
        shape = (name == "annotation" and isinstance(node, ast.arg)) or name == "returns"
        if isinstance(node, ast.JoinedStr):  # some versions put empty texts between the parts of an f-string
            value = [part for part in value if not (isinstance(part, ast.Constant) and part.value == "")]
        if name == "format_spec" and isinstance(value, ast.AST) and not any(_fields(value)):
            continue
        if name not in ("ctx", "kind", "type_comment") and not shape and value is not None and value != []:
            yield name, value


def _is_text(node: ast.AST) -> bool:
    """A string that stands alone: a docstring or a comment in disguise."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def digest(sources: dict[str, str]) -> str:
    return hashlib.sha256(
        "\n".join(f"{part} {digest}" for part, digest in sorted(sources.items())).encode()
    ).hexdigest()[:32]
