"""Pages that were renamed: docs/redirects.yml says where each old one is now, and a small page at the old address leads there.

    rank-and-loss: rank        # docs/rank-and-loss.md became docs/rank.md

Builders copy docs/rank-and-loss/index.html as it is. `python -m lora_ref.site redirects` writes those pages; lint sees to it
that they are there, and that each leads to a page.
"""

from collections.abc import Iterator
from pathlib import Path

from lora_ref.site.numbers import load_yaml
from lora_ref.site.project import Project

TABLE = "docs/redirects.yml"
MADE = "<!-- made from docs/redirects.yml -->"
PAGE = """<!doctype html>
{made}
<html lang="en">
<head>
<meta charset="utf-8">
<title>This page has moved</title>
<link rel="canonical" href="{to}">
<meta name="robots" content="noindex">
<script>location.replace("{to}" + location.hash)</script>
<meta http-equiv="refresh" content="0; url={to}">
</head>
<body><main><h1>This page has moved</h1><p><a href="{to}">It is here now.</a></p></main></body>
</html>
"""


def table(project: Project) -> dict[str, str]:
    """old page -> page, by their names without .md."""
    return load_yaml(project, TABLE) or {}


def pages(project: Project) -> dict[Path, str]:
    """The file of each old address, and what it holds."""
    return {
        project.docs / old / "index.html": PAGE.format(
            made=MADE, to="../" * (old.count("/") + 1) + ("" if new == "index" else f"{new}/")
        )
        for old, new in table(project).items()
    }


def written(project: Project) -> list[Path]:
    """The pages that stand at old addresses."""
    found = sorted(project.docs.rglob("index.html"))
    return [path for path in found if MADE in path.read_text(encoding="utf-8")]


def write(project: Project) -> list[Path]:
    """Write what the table asks for, and remove what it no longer does."""
    wanted = pages(project)
    for path in written(project):
        if path not in wanted:
            path.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(wanted)


def check(project: Project) -> Iterator[str]:
    """Findings: an old address that leads nowhere, or that is a page again, and files that are not as the table says."""
    text = (project.root / TABLE).read_text(encoding="utf-8").split("\n") if (project.root / TABLE).is_file() else []
    for old, new in table(project).items():
        row = next((row for row, line in enumerate(text, 1) if line.startswith(f"{old}:")), 1)
        if not (project.docs / f"{new}.md").is_file():
            yield f"{TABLE}:{row}:1: expected a page of docs/ after {old}, got {new!r}; name the page it became, without .md"
        if (project.docs / f"{old}.md").is_file():
            yield f"{TABLE}:{row}:1: expected a page that is gone, got {old!r}, which is one; remove this line"
    wanted = pages(project)
    for path in sorted({*wanted, *written(project)}):
        if path not in wanted or not path.is_file() or path.read_text(encoding="utf-8") != wanted[path]:
            where = path.relative_to(project.root).as_posix()
            yield f"{where}:1:1: expected what {TABLE} says, got something else; run `python -m lora_ref.site redirects`"
