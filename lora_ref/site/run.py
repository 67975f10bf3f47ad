"""Run programs and keep what they measured.

One seed is the unit: it runs in a process of its own, on one thread, and its result is written
at once. A run that is killed resumes with the seeds that are missing; a record is written when
all its seeds are there, whole or not at all.
"""

import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from lora_ref.site.fingerprint import digest, explain, fingerprint
from lora_ref.site.program import Program, import_program, programs, read_program
from lora_ref.site.project import Project, UserError
from lora_ref.site.record import Record, artifact_problems, file_sha256, load_record, rounded, save_record, write_whole

THREADS = 1  # two contended threads are slower than two processes, and change the last digits
RECORDED_VERSIONS = ("torch", "numpy", "tokenizers", "scikit-learn", "transformers")


@dataclass
class Status:
    """The state of one program's record; `why` is empty for a fresh one."""

    program: Program
    state: str  # fresh, stale, missing, not yet measured on a GPU, damaged
    why: str
    record: Record | None


def status(project: Project, program: Program, records: Path | None = None) -> Status:
    try:
        record = load_record(records or project.records, program.name)
    except UserError as error:
        return Status(program, "damaged", str(error), None)
    if record is None:
        state = "not yet measured on a GPU" if program.device == "cuda" else "missing"
        return Status(program, state, f"run `python -m lora_ref.site run {program.name}`", None)
    now = fingerprint(project, program)
    if record["fingerprint"] != now.run:
        return Status(program, "stale", explain(record["sources"], now.sources), record)
    if problems := artifact_problems(project, record) if records is None else []:
        return Status(program, "damaged", "; ".join(problems), record)
    return Status(program, "fresh", "", record)


class Report:
    """What a running program is given: progress, the files that it declared to read, the files that it makes."""

    def __init__(self, project: Project, program: Program, folder: Path, seed: int, turn: int = 0):
        self.project, self.program, self.folder, self.seed = project, program, folder, seed
        self.turn = turn  # which part of a long check is due, counted up by commit
        self._last = 0.0

    def __call__(self, step: int, steps: int) -> None:
        """Note that `step` of `steps` is done; at most twice a second, as a file that the parent reads."""
        if time.monotonic() - self._last > 0.5 or step >= steps:
            self._last = time.monotonic()
            (self.folder / f"seed_{self.seed}.progress").write_text(f"{step} {steps}")

    def read(self, name: str) -> Path:
        if name not in self.program.reads:
            raise UserError(
                f"{self.program.name}: expected {name} in READS, so that a change of it is noticed; add it there"
            )
        path = self.project.root / name
        if not path.exists():
            raise UserError(
                f"{name} is missing and {self.program.name} starts from it; restore it with git, or run the program that makes it"
            )
        maker = self._maker(path)
        if maker and maker["artifacts"][path.name] != file_sha256(path):
            raise UserError(
                f"{name} differs from what {maker['program']} made; restore it with git, or run {maker['program']} again"
            )
        return path

    def _maker(self, path: Path) -> Record | None:
        """The record beside a file that a program made."""
        for other in programs(self.project).values():
            if path.name in other.artifacts and (self.project.records / other.name).parent == path.parent:
                return load_record(self.project.records, other.name)
        return None

    def artifact(self, name: str) -> Path:
        """Where to write a file that the program declared in ARTIFACTS; it is put beside the record when all is done."""
        if name not in self.program.artifacts:
            raise UserError(f"{self.program.name}: expected {name} in ARTIFACTS; add it there")
        return self.folder / name

    def made(self, name: str) -> Path:
        """The file that this program made before, for a recheck."""
        path = (self.project.records / self.program.name).parent / name
        if not path.exists():
            raise UserError(
                f"{path.relative_to(self.project.root)} is missing; restore it with git, or run {self.program.name}"
            )
        return path


def measure(root: Path, name: str, seed: int, folder: Path) -> None:
    """Run one seed of one program in this process and write its result. What every executor is given."""
    program, report = _prepare(root, name, seed, folder)
    started = time.monotonic()
    values = import_program(program).run(seed, report)
    seconds = time.monotonic() - started
    result = {"values": rounded(values, name), "seconds": round(seconds, 1), **_circumstances(program.device)}
    write_whole(folder / f"seed_{seed}.json", json.dumps(result))


def remeasure(root: Path, name: str, seed: int, folder: Path, turn: int) -> dict[str, Any]:
    """Measure one seed again: all of it, or what the program's recheck() takes as enough."""
    program, report = _prepare(root, name, seed, folder, turn)
    module = import_program(program)
    if "recheck" in program.functions:
        record = load_record(report.project.records, name)
        assert record is not None
        return rounded(module.recheck(seed, {**record["values"], **record["by_seed"][str(seed)]}, report), name)
    return rounded(module.run(seed, report), name)


def _prepare(root: Path, name: str, seed: int, folder: Path, turn: int = 0) -> tuple[Program, Report]:
    project = Project(root)
    program = read_program(project, project.snippets / f"{name}.py")
    folder.mkdir(parents=True, exist_ok=True)
    import torch

    torch.set_num_threads(THREADS)
    if program.device == "cuda" and not torch.cuda.is_available():
        raise UserError(
            f"{name} measures a GPU and torch sees none here; nothing falls back to the CPU. Run it where a GPU is"
        )
    return program, Report(project, program, folder, seed, turn)


def _circumstances(device: str) -> dict[str, Any]:
    """What a result was made with and on; no host name, no path."""
    versions = {"python": platform.python_version()}
    for package in RECORDED_VERSIONS:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    if device == "cuda":
        import torch

        device_name = torch.cuda.get_device_name()
    else:
        device_name = f"{platform.machine()} CPU"
    return {"versions": versions, "device_name": device_name, "measured_on": date.today().isoformat()}


def combined(program: Program, by_seed: list[dict[str, Any]]) -> dict[str, Any]:
    """The program's combine(), or mean and standard deviation (NAME_sd) over the seeds."""
    if "combine" in program.functions:
        return import_program(program).combine(by_seed)
    if len(by_seed) == 1:
        return dict(by_seed[0])
    values: dict[str, Any] = {}
    for name, first in by_seed[0].items():
        columns = [result[name] for result in by_seed]
        if isinstance(first, list):
            values[name] = [statistics.fmean(items) for items in zip(*columns, strict=True)]
            values[f"{name}_sd"] = [statistics.stdev(items) for items in zip(*columns, strict=True)]
        elif len(set(columns)) == 1:
            values[name] = first  # a count, the same for every seed
        else:
            values[name] = statistics.fmean(columns)
            values[f"{name}_sd"] = statistics.stdev(columns)
    return values


def has_gpu() -> bool:
    """Whether torch sees a CUDA device; asked in a process of its own, and only where a driver is."""
    if not (shutil.which("nvidia-smi") or list(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists()):
        return False
    if importlib.util.find_spec("torch") is None:
        return True  # the driver says so; torch, once installed, has the last word
    code = "import torch, sys; sys.exit(not torch.cuda.is_available())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def choose(
    project: Project, selection: str | None, device: str | None, every: bool, records: Path | None
) -> list[Program]:
    """The programs to run, those that others read from first: all stale or missing ones whose device is here."""
    known = programs(project)
    if selection and selection not in known and not any(name.startswith(f"{selection}/") for name in known):
        raise UserError(f"expected a chapter or program, got {selection!r}; there are {', '.join(known)}")
    wanted = [p for name, p in known.items() if not selection or name == selection or name.startswith(f"{selection}/")]
    if device:
        wanted = [program for program in wanted if program.device == device]
    if not every:
        places = {records, None}  # a record made elsewhere counts, and so does one that is committed
        wanted = [p for p in wanted if all(status(project, p, place).state != "fresh" for place in places)]
    if any(program.device == "cuda" for program in wanted) and not has_gpu():
        if device == "cuda" or (selection in known and known[selection].device == "cuda"):
            raise UserError(
                "expected a CUDA device, and torch sees none here; nothing falls back to the CPU. Run this where a GPU is"
            )
        wanted = [program for program in wanted if program.device == "cpu"]
    return sorted(wanted, key=lambda program: (_depth(program, known), program.name))


def _depth(program: Program, known: dict[str, Program]) -> int:
    """How many programs stand before this one: 0 for one that reads no other's file."""
    makers = [
        other
        for other in known.values()
        for made in other.artifacts
        if f"docs/records/{Path(other.name).parent}/{made}" in program.reads
    ]
    return 1 + max(_depth(maker, known) for maker in makers) if makers else 0


def work_folder(project: Project, program: Program, records: Path | None) -> Path:
    """Where finished seeds wait for the others; code or data that they depend on give another folder."""
    base = records / ".unfinished" if records else project.cache / "unfinished"
    return base / program.name / digest(fingerprint(project, program).seeds)[:16]


def run_programs(
    project: Project,
    chosen: list[Program],
    *,
    records: Path | None = None,
    time_limit: float | None = None,
    every: bool = False,
    jobs: int | None = None,
    progress: Callable[[str, int, int, int], None] = lambda name, seed, step, steps: None,
    done: Callable[[Program, Record], None] = lambda program, record: None,
) -> list[Program]:
    """Run the chosen programs, level by level; return those that the time limit left unfinished."""
    deadline = time.monotonic() + time_limit if time_limit else None
    if not every:
        chosen = [program for program in chosen if not _combined_anew(project, program, records, done)]
    known = programs(project)
    left: list[Program] = []
    for depth in sorted({_depth(program, known) for program in chosen}):
        for device in ("cpu", "cuda"):
            level = [p for p in chosen if _depth(p, known) == depth and p.device == device]
            workers = 1 if device == "cuda" else jobs or os.cpu_count() or 1  # two trainings never share a GPU
            if level:
                left += _run_level(project, level, workers, records, deadline, every, progress, done)
    return left


def _run_level(project, level, workers, records, deadline, every, progress, done) -> list[Program]:
    folders = {program.name: work_folder(project, program, records) for program in level}
    for program in level:
        if every:  # asked for anew: what earlier runs left does not count
            shutil.rmtree(folders[program.name], ignore_errors=True)
        folders[program.name].mkdir(parents=True, exist_ok=True)
    tasks = [(p, seed) for p in level for seed in p.seeds if not (folders[p.name] / f"seed_{seed}.json").exists()]
    executor = local_executor(workers)
    futures = {executor.submit(measure, project.root, p.name, seed, folders[p.name]): (p, seed) for p, seed in tasks}
    written: set[str] = set()
    try:
        pending = set(futures)
        while True:
            finished, pending = wait(pending, timeout=0.5) if pending else (set(), set())
            for future in finished:
                _raise_if_failed(future, *futures[future])
            for program in level:
                folder = folders[program.name]
                for seed in program.seeds:
                    _show(progress, program, seed, folder)
                if program.name not in written and all((folder / f"seed_{s}.json").exists() for s in program.seeds):
                    written.add(program.name)
                    done(program, _write_record(project, program, folder, records))
            if not pending:
                break
            if deadline and time.monotonic() > deadline:
                break
    finally:
        _stop(executor)
    return [program for program in level if program.name not in written]


def _combined_anew(project: Project, program: Program, records: Path | None, done: Callable) -> bool:
    """Whether only combine() changed, so that the seeds' own results still hold: then they are combined again."""
    record = status(project, program, records).record
    now = fingerprint(project, program)
    if record is None or any(record["sources"].get(part) != digest for part, digest in now.seeds.items()):
        return False
    values = combined(program, [record["by_seed"][str(seed)] for seed in program.seeds])
    fresh = {"values": rounded(values, program.name), "fingerprint": now.run, "sources": now.sources}
    save_record(records or project.records, {**record, **fresh, "figures_fingerprint": ""})
    done(program, record)
    return True


def local_executor(workers: int) -> ProcessPoolExecutor:
    """Fresh processes, each on one thread; the thread count is set before torch is imported."""
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(THREADS)
    return ProcessPoolExecutor(
        max_workers=workers, mp_context=get_context("spawn"), initializer=_end_with, initargs=(os.getpid(),)
    )


def _end_with(parent: int) -> None:
    """End this worker once its parent is gone: nobody would know that it goes on."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _stop(executor: Executor) -> None:
    processes = list((getattr(executor, "_processes", None) or {}).values())
    executor.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()


def _raise_if_failed(future: Future, program: Program, seed: int) -> None:
    error = future.exception()
    if error is None:
        return
    if isinstance(error, UserError):
        raise error
    raise UserError(
        f"{program.name}, seed {seed} failed: {type(error).__name__}: {str(error).strip() or 'the process ended'}; finished seeds "
        f"are kept. To see all of it: `python -m lora_ref.site trace {program.name} --seed {seed}`"
    ) from error


def _show(progress: Callable, program: Program, seed: int, folder: Path) -> None:
    try:
        step, steps = map(int, (folder / f"seed_{seed}.progress").read_text().split())
    except (FileNotFoundError, ValueError):
        return
    progress(program.name, seed, step, steps)


def _write_record(project: Project, program: Program, folder: Path, records: Path | None) -> Record:
    results = {seed: json.loads((folder / f"seed_{seed}.json").read_text()) for seed in program.seeds}
    last = results[program.seeds[-1]]
    target = records or project.records
    now = fingerprint(project, program)
    if digest(now.seeds)[:16] != folder.name:
        raise UserError(f"{program.name}: its code or data changed while it ran; nothing is written, run it again")
    artifacts = {}
    for name in program.artifacts:
        beside = (target / program.name).parent / name
        write_whole(beside, (folder / name).read_bytes())
        artifacts[name] = file_sha256(beside)
    record = {
        "program": program.name,
        "fingerprint": now.run,
        "figures_fingerprint": "",
        "sources": now.sources,
        "device": program.device,
        "device_name": last["device_name"],
        "versions": last["versions"],
        "threads": THREADS,
        "seeds": list(program.seeds),
        "by_seed": {str(seed): result["values"] for seed, result in results.items()},
        "seconds": round(sum(result["seconds"] for result in results.values()), 1),
        "measured_on": max(result["measured_on"] for result in results.values()),
        "values": rounded(combined(program, [results[seed]["values"] for seed in program.seeds]), program.name),
        "figures": {},
        "artifacts": artifacts,
    }
    save_record(target, record)
    shutil.rmtree(folder)
    return record


# ---- measuring again: does the record still hold?


@dataclass
class Drift:
    program: str
    value: str
    old: Any
    new: Any
    tolerance: float | None
    ok: bool


def compare(program: Program, old: dict[str, Any], new: dict[str, Any]) -> list[Drift]:
    """Each value measured again, beside the recorded one; a timing is shown and never judged."""
    rows = []
    for name, value in new.items():
        allowed = program.tolerance(name)
        if name not in old:
            rows.append(Drift(program.name, name, None, value, allowed, False))
            continue
        rows.append(
            Drift(program.name, name, old[name], value, allowed, allowed is None or _near(old[name], value, allowed))
        )
    return rows


def _near(old: Any, new: Any, allowed: float) -> bool:
    if isinstance(old, list):
        return (
            isinstance(new, list)
            and len(old) == len(new)
            and all(_near(a, b, allowed) for a, b in zip(old, new, strict=True))
        )
    if isinstance(old, str) or isinstance(new, str):
        return old == new
    return abs(old - new) <= max(allowed, 1e-6 * abs(old))
