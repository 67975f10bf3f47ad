"""Where things are, and the one kind of error that a user sees."""

from dataclasses import dataclass
from pathlib import Path


class UserError(Exception):
    """Something the user can mend: one line with what was expected, what came, what to do next. Exit code 2."""


@dataclass(frozen=True)
class Project:
    root: Path

    @property
    def docs(self) -> Path:
        return self.root / "docs"

    @property
    def records(self) -> Path:
        return self.root / "docs" / "records"

    @property
    def snippets(self) -> Path:
        return self.root / "snippets"

    @property
    def tests(self) -> Path:
        return self.root / "tests"

    @property
    def cache(self) -> Path:
        """Unfinished work: finished seeds of programs that have others to go. Outside git."""
        return self.root / ".cache"


def find_project(start: Path | None = None) -> Project:
    """The nearest folder at or above `start` that holds mkdocs.yml and snippets/."""
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "mkdocs.yml").is_file() and (folder / "snippets").is_dir():
            return Project(folder)
    raise UserError(
        f"expected mkdocs.yml and snippets/ in {start} or above, found neither; run this inside the repository"
    )
