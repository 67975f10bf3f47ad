"""Measure a part of the records again: the short programs always, the longer ones in turn."""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path

from lora_ref.site import run as running
from lora_ref.site.program import Program, programs
from lora_ref.site.project import Project
from lora_ref.site.record import load_record


def check(project: Project, turn: str, short: float, budget: float, say: Callable[[str], None]) -> list[running.Drift]:
    """One seed of each chosen program, compared with what its record says of that seed."""
    rows: list[running.Drift] = []
    number = int(hashlib.sha256(turn.encode()).hexdigest(), 16)
    for program in due(project, number, short, budget):
        record = load_record(project.records, program.name)
        assert record is not None
        seed = program.seeds[number % len(program.seeds)]
        with tempfile.TemporaryDirectory() as folder, running.local_executor(1) as executor:
            new = executor.submit(
                running.remeasure, project.root, program.name, seed, Path(folder), number % 1000
            ).result()
        found = running.compare(program, {**record["values"], **record["by_seed"][str(seed)]}, new)
        say(
            f"{program.name}, seed {seed}: {len(found)} values measured again, {sum(not row.ok for row in found)} drifted"
        )
        rows += found
    return rows


def due(project: Project, number: int, short: float, budget: float) -> list[Program]:
    """CPU programs with a record: all up to `short` seconds a seed, then others in an order that `number` turns."""
    timed = []
    for program in programs(project).values():
        record = load_record(project.records, program.name) if program.device == "cpu" else None
        if record is not None:
            timed.append((program, program.constants.get("CHECK_SECONDS", record["seconds"] / len(record["seeds"]))))
    chosen = [program for program, seconds in timed if seconds <= short]
    longer = [(program, seconds) for program, seconds in timed if seconds > short]
    longer.sort(key=lambda item: hashlib.sha256(f"{number} {item[0].name}".encode()).hexdigest())
    for program, seconds in longer:
        if seconds <= budget:
            budget -= seconds
            chosen.append(program)
    return chosen
