"""From programs to pages: run programs, keep records, draw figures, check every number.

Errors that a user can mend are one line on stderr and exit code 2.
"""

import importlib.util
import json
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from lora_ref.site import run as running
from lora_ref.site.program import programs, read_program
from lora_ref.site.project import Project, UserError, find_project
from lora_ref.site.record import load_record, save_record

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=(__doc__ or "").split("\n\n")[0]
)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

Selection = Annotated[
    str | None,
    typer.Argument(help="A chapter, as in rank, or a program, as in rank/loss_by_rank; everything when left out."),
]
Records = Annotated[
    Path | None,
    typer.Option(help="Write records into this folder, not docs/records: for a machine that hands files back."),
]


@app.command("run")
def run_command(
    selection: Selection = None,
    device: Annotated[str | None, typer.Option(help="Only programs for this device: cpu or cuda.")] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Run those with a fresh record, too, and start each from nothing.")
    ] = False,
    records: Records = None,
    time_limit: Annotated[
        float | None,
        typer.Option(
            min=1,
            help="Stop after this many seconds. Finished seeds are kept; the same command goes on with the others.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option(help="Run nothing: say what would run, and exit with 3 if there is something.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="How many processes at a time, one thread each; one for each core when left out."),
    ] = None,
) -> None:
    """Run each program whose record is missing or stale and whose device is here; write its record."""
    project = find_project()
    if device not in (None, "cpu", "cuda"):
        raise UserError(f"expected --device cpu or cuda, got {device!r}")
    chosen = running.choose(project, selection, device, all_, records)
    skipped = [] if device == "cpu" else _waiting_for_gpu(project, selection)
    if not chosen:
        out.print(
            "Every record is fresh; nothing to run." + (f" Waiting for a GPU: {', '.join(skipped)}." if skipped else "")
        )
        return
    if dry_run:
        out.print(f"To run: {', '.join(program.name for program in chosen)}")
        raise typer.Exit(3)
    _need_torch()
    with _progress() as (progress, tasks):

        def show(name: str, seed: int, step: int, steps: int) -> None:
            key = (name, seed)
            if key not in tasks:
                tasks[key] = progress.add_task(f"{name}, seed {seed}", total=steps)
            progress.update(tasks[key], completed=step, total=steps)

        def done(program, record) -> None:
            progress.console.print(
                f"measured {program.name}: {len(record['seeds'])} seed(s) in {record['seconds']:.0f} s"
            )

        left = running.run_programs(
            project, chosen, records=records, time_limit=time_limit, every=all_, jobs=jobs, progress=show, done=done
        )
    if left:
        out.print(
            f"The time limit came first: {', '.join(p.name for p in left)} unfinished. Finished seeds are kept; the same command goes on."
        )
        raise typer.Exit(1)
    if skipped:
        out.print(f"Waiting for a GPU: {', '.join(skipped)}.")


def _need_torch() -> None:
    if importlib.util.find_spec("torch") is None:
        raise UserError('expected torch to run programs with, found none; install it with `pip install -e ".[train]"`')


class _progress:
    """A bar for each seed on a terminal; nothing on a pipe but the lines that `done` prints."""

    def __enter__(self):
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps, left"),
            TimeRemainingColumn(),
        )
        self.progress = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
        self.progress.start()
        return self.progress, {}

    def __exit__(self, *_):
        self.progress.stop()


def _waiting_for_gpu(project: Project, selection: str | None) -> list[str]:
    return [
        name
        for name, program in programs(project).items()
        if program.device == "cuda"
        and (not selection or name.startswith(selection))
        and running.status(project, program).state != "fresh"
    ]


@app.command("status")
def status_command(
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print JSON: a list of objects with program, state, why, device, age_days, versions_differ."
        ),
    ] = False,
    strict: Annotated[
        bool, typer.Option(help="Exit with 1 unless every record is fresh, those of GPU programs included.")
    ] = False,
) -> None:
    """Say of each record whether it is fresh, stale and why, missing, or waiting for a GPU; how old; which versions differ."""
    project = find_project()
    rows = [_status_row(running.status(project, program)) for program in programs(project).values()]
    if as_json:
        print(json.dumps(rows, indent=1))
    else:
        table = Table("program", "state", "device", "age", "why", box=None, pad_edge=False)
        for row in rows:
            age = "" if row["age_days"] is None else f"{row['age_days']} d"
            why = row["why"] or (f"other versions here: {row['versions_differ']}" if row["versions_differ"] else "")
            table.add_row(row["program"], row["state"], row["device"], age, why)
        out.print(table)
    if strict and any(row["state"] != "fresh" for row in rows):
        raise typer.Exit(1)


def _status_row(found: running.Status) -> dict:
    record = found.record
    differ = ""
    if record:
        here = running._circumstances("cpu")["versions"]
        differ = ", ".join(
            f"{name} {old} → {here[name]}"
            for name, old in record["versions"].items()
            if name in here and here[name] != old
        )
    age = (date.today() - date.fromisoformat(record["measured_on"])).days if record else None
    return {
        "program": found.program.name,
        "state": found.state,
        "why": found.why,
        "device": found.program.device,
        "age_days": age,
        "versions_differ": differ,
    }


@app.command("figures")
def figures_command(
    selection: Selection = None,
    all_: Annotated[bool, typer.Option("--all", help="Draw those that are up to date, too.")] = False,
) -> None:
    """Draw figures whose data or drawing code changed. Runs no program; needs Plotly and a Chromium."""
    from lora_ref.site import draw

    names = draw.draw_stale(find_project(), selection, all_)
    out.print(f"drawn: {', '.join(names)}" if names else "Every figure is up to date.")


@app.command("lint")
def lint_command() -> None:
    """Check the pages as they are written: numerals, marks, claims, records, links. Builds and runs nothing."""
    from lora_ref.site import lint

    project = find_project()
    started = time.monotonic()
    findings, exceptions = lint.lint(project)
    for finding in findings:
        print(finding)
    for exception in exceptions:
        print(f"exception: {exception}")
    print(
        f"{len(findings)} finding(s) in {time.monotonic() - started:.1f} s, {len(exceptions)} exception(s) written on pages"
    )
    if findings:
        raise typer.Exit(1)


@app.command("gate")
def gate_command(site: Annotated[Path, typer.Argument(help="The folder of the built site.")] = Path("site")) -> None:
    """Check the pages as they are built: every digit is accounted for, no mark and no dead link is left."""
    from lora_ref.site import gate

    if not (site / "index.html").exists():
        raise UserError(f"expected a built site in {site}, found no index.html; build it with `make site`")
    findings = gate.gate(find_project(), site)
    for finding in findings:
        print(finding)
    print(f"{len(findings)} finding(s) in {site}")
    if findings:
        raise typer.Exit(1)


@app.command("redirects")
def redirects_command() -> None:
    """Write the pages at old addresses that docs/redirects.yml names."""
    from lora_ref.site import redirects

    project = find_project()
    written = redirects.write(project)
    print("\n".join(path.relative_to(project.root).as_posix() for path in written) or "No page was renamed.")


@app.command("records")
def records_command(
    selection: Selection = None,
    accept: Annotated[bool, typer.Option(help="Put the new records in the place of the old ones.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write the report into this file, too, as Markdown.")] = None,
) -> None:
    """Run programs again, beside their records, and report each value that drifted out of its tolerance."""
    from lora_ref.site.record import write_whole

    project = find_project()
    chosen = running.choose(project, selection, None, True, None)
    _need_torch()
    with tempfile.TemporaryDirectory() as folder, _progress() as (progress, tasks):

        def show(name: str, seed: int, step: int, steps: int) -> None:
            if (name, seed) not in tasks:
                tasks[name, seed] = progress.add_task(f"{name}, seed {seed}", total=steps)
            progress.update(tasks[name, seed], completed=step, total=steps)

        running.run_programs(project, chosen, records=Path(folder), every=True, progress=show)
        rows = []
        for program in chosen:
            old, new = load_record(project.records, program.name), load_record(Path(folder), program.name)
            assert new is not None
            rows += running.compare(program, old["values"] if old else {}, new["values"])
            if accept:
                made = (project.records / program.name).parent
                for name in program.artifacts:
                    write_whole(made / name, ((Path(folder) / program.name).parent / name).read_bytes())
                save_record(
                    project.records, {**new, "figures": old["figures"] if old else {}, "figures_fingerprint": ""}
                )
    _print_drift(rows, report)


def _print_drift(rows: list[running.Drift], report: Path | None) -> None:
    moved = [row for row in rows if not row.ok]
    table = Table("program", "value", "old", "new", "tolerance", "verdict", box=None, pad_edge=False)
    lines = ["| program | value | old | new | tolerance | verdict |", "| --- | --- | --- | --- | --- | --- |"]
    for row in moved:
        cells = [
            row.program,
            row.value,
            _short(row.old),
            _short(row.new),
            "timing" if row.tolerance is None else f"{row.tolerance:g}",
            "drifted",
        ]
        table.add_row(*cells)
        lines.append(f"| {' | '.join(cells)} |")
    verdict = f"{len(rows)} values measured again, {len(moved)} drifted"
    if moved:
        out.print(table)
    out.print(verdict)
    if report:
        report.write_text("\n".join([*(lines if moved else []), "", verdict, ""]))
    if moved:
        raise typer.Exit(1)


def _short(value) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)[:40]


@app.command("check")
def check_command(
    turn: Annotated[
        str,
        typer.Option(
            help="Which of the longer programs are checked: another text, another choice; CI gives the commit."
        ),
    ] = "",
    short: Annotated[float, typer.Option(help="Always check programs that take up to this many seconds a seed.")] = 20,
    budget: Annotated[float, typer.Option(help="Seconds to spend on the longer ones, one seed each.")] = 300,
) -> None:
    """Measure one seed of some programs again and compare it with the record; the base model is evaluated, not trained."""
    from lora_ref.site import check

    _print_drift(check.check(find_project(), turn, short, budget, lambda line: out.print(line)), None)


@app.command("pack")
def pack_command(
    folder: Annotated[Path, typer.Argument(help="The built site, as mkdocs build leaves it.")],
) -> None:
    """Take comments and white space out of the scripts and styles of a built site."""
    from lora_ref.site.pack import pack

    if not (folder / "assets").is_dir():
        raise UserError(f"expected a built site with assets/ in it, got {folder}; build one: mkdocs build --strict")
    packed = pack(folder)
    before, after = (sum(sizes) for sizes in zip(*((a, b) for _, a, b in packed), strict=True)) if packed else (0, 0)
    out.print(f"{len(packed)} files packed, {before / 1000:.1f} kB to {after / 1000:.1f} kB")


@app.command("trace")
def trace_command(
    name: Annotated[str, typer.Argument(help="A program, as in rank/loss_by_rank.")],
    seed: Annotated[int, typer.Option(help="Which seed.")] = 0,
) -> None:
    """Run one seed of one program here and show everything, a traceback included; keep nothing."""
    project = find_project()
    program = (
        read_program(project, project.snippets / f"{name}.py") if (project.snippets / f"{name}.py").exists() else None
    )
    if program is None:
        raise UserError(f"expected a program, got {name!r}; there are {', '.join(programs(project))}")
    with tempfile.TemporaryDirectory() as folder:
        running.measure(project.root, name, seed, Path(folder))
        print((Path(folder) / f"seed_{seed}.json").read_text())


def main() -> None:
    try:
        code = app(standalone_mode=False)
    except UserError as error:
        print(f"lora_ref.site: {error}", file=sys.stderr)
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        print("stopped; finished seeds are kept", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        if not hasattr(error, "format_message"):  # what typer raises for a wrong option or argument
            raise
        print(f"lora_ref.site: {error.format_message()} See `python -m lora_ref.site --help`.", file=sys.stderr)  # type: ignore[attr-defined]
        sys.exit(2)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
