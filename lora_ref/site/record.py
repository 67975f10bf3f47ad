"""A record: what one program measured, written by machine, committed, never edited by hand."""

import hashlib
import json
import math
import os
import tempfile
from pathlib import Path
from typing import Any

from lora_ref.site.project import Project, UserError

# A record is a plain dict with these keys; `by_seed` keeps each seed's own numbers for paired comparisons.
KEYS = [
    "program", "fingerprint", "figures_fingerprint", "sources", "device", "device_name", "versions", "threads", "seeds",
    "by_seed", "seconds", "measured_on", "values", "figures", "artifacts", "checksum",
]  # fmt: skip

Record = dict[str, Any]


def record_path(records: Path, name: str) -> Path:
    return records / f"{name}.json"


def load_record(records: Path, name: str) -> Record | None:
    """The record, checked against its checksum; None where there is none."""
    path = record_path(records, name)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{path}:{error.lineno}: expected JSON, got {error.msg}; restore it with git") from None
    if not isinstance(record, dict) or sorted(record) != sorted(KEYS):
        raise UserError(f"{path}:1: expected the keys {', '.join(KEYS)}; restore it with git or run {name} again")
    if record["checksum"] != checksum(record):
        raise UserError(
            f"{path}:1: the checksum differs: a value was changed by hand; restore the file with git, or measure "
            f"again with `python -m lora_ref.site run --all {name}`"
        )
    return record


def save_record(records: Path, record: Record) -> Path:
    """Round, sign and write whole or not at all."""
    record = rounded({**record, "checksum": ""})
    record["checksum"] = checksum(record)
    path = record_path(records, record["program"])
    write_whole(path, dump(record) + "\n")
    return path


def checksum(record: Record) -> str:
    content = {key: value for key, value in record.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def rounded(value: Any, where: str = "") -> Any:
    """Floats to six significant digits, so that a record reads well and a re-run can match it."""
    if isinstance(value, bool) or value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise UserError(
                f"expected a finite number for {where or 'a value'}, got {value}: the run diverged; nothing is written"
            )
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {str(key): rounded(item, f"{where}.{key}".lstrip(".")) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item, where) for item in value]
    raise UserError(
        f"expected plain numbers, texts and lists for {where or 'a value'}, got {type(value).__name__}; convert it in run()"
    )


def dump(value: Any, indent: int = 0) -> str:
    """JSON with sorted keys, one entry a line, and lists of plain values on one line: small diffs."""
    inner = "\n" + " " * (indent + 1)
    if isinstance(value, dict) and value:
        rows = [f"{json.dumps(key)}: {dump(value[key], indent + 1)}" for key in sorted(value)]
        return "{" + inner + ("," + inner).join(rows) + "\n" + " " * indent + "}"
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return "[" + inner + ("," + inner).join(dump(item, indent + 1) for item in value) + "\n" + " " * indent + "]"
    return json.dumps(value, sort_keys=True)


def write_whole(path: Path, content: str | bytes) -> None:
    """A temporary file beside it, flushed to the disk, then renamed: readers see the old or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def file_sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def artifact_problems(project: Project, record: Record) -> list[str]:
    """Files that the record's program made and that are missing or no longer what it made."""
    problems = []
    for name, digest in record["artifacts"].items():
        path = (project.records / record["program"]).parent / name
        if not path.exists():
            problems.append(f"{path.relative_to(project.root)}: missing; restore it with git")
        elif file_sha256(path) != digest:
            problems.append(
                f"{path.relative_to(project.root)}: differs from what {record['program']} made; restore it with git"
            )
    return problems
