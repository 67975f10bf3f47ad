"""Draw the figures of records whose drawing code changed; re-runs nothing."""

from collections.abc import Callable

from lora_ref.site import figures
from lora_ref.site.fingerprint import fingerprint
from lora_ref.site.program import import_program, programs
from lora_ref.site.project import Project, UserError
from lora_ref.site.record import load_record, save_record


def draw_stale(
    project: Project, selection: str | None = None, every: bool = False, warn: Callable[[str], None] = print
) -> list[str]:
    """Names of the programs whose figures were drawn: new records, changed drawing code, damaged files."""
    todo, known = [], programs(project)
    if selection and selection not in known and not any(name.startswith(f"{selection}/") for name in known):
        raise UserError(f"expected a chapter or program, got {selection!r}; there are {', '.join(known)}")
    for name, program in known.items():
        if selection and name != selection and not name.startswith(f"{selection}/"):
            continue
        record = load_record(project.records, name)
        if record is None or "figures" not in program.functions:
            continue
        now = fingerprint(project, program).figures
        if every or record["figures_fingerprint"] != now or figures.check_files(project, record):
            todo.append((program, record, now))
    if not todo:
        return []
    with figures.painter() as page:
        for program, record, now in todo:
            try:
                drawn, uses = figures.evaluate(import_program(program).figures, record["values"])
            except KeyError as error:
                raise UserError(f"{program.name}: figures() reads a value that the record lacks: {error}") from None
            pictures = figures.draw(drawn, program.name, page)
            for drawing, picture in pictures.items():
                for problem in picture.problems:
                    warn(f"{program.name}.{drawing}: {problem}")
            entries = figures.save(project.records, program.name, pictures, uses)
            save_record(project.records, {**record, "figures": entries, "figures_fingerprint": now})
    return [program.name for program, _, _ in todo]
