"""The glossary: a definition list in docs/reference/glossary.md, whose terms have ids; chapters mark a term's first use.

    {{ term rank }}                                  shows the words of the glossary
    {{ term optimizer-state optimizer states }}      shows its own

In the page it is a link to the entry. A script (docs/assets/widgets/lora-term.js) shows what the entry says in place.
"""

import re

from lora_ref.site.numbers import MarkError
from lora_ref.site.orphans import near
from lora_ref.site.project import Project

PAGE = "reference/glossary"
ENTRY = re.compile(r"^(?P<words>\S[^\n]*?)[ ]+\{#(?P<id>[a-z][a-z0-9-]*)\}[ ]*\n(?=[ ]{0,3}:[ ])", re.M)


def terms(project: Project) -> dict[str, str]:
    """id -> words of every entry."""
    path = project.docs / f"{PAGE}.md"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return {entry["id"]: entry["words"] for entry in ENTRY.finditer(text)}


def term(project: Project, body: str) -> tuple[str, str]:
    """(id, words to show) of a mark."""
    id, _, words = body.strip().partition(" ")
    known = terms(project)
    if id not in known:
        raise MarkError(f"expected a term of docs/{PAGE}.md, got {id!r}; {near(id, known)}")
    return id, words.strip() or known[id]


def link(id: str, words: str, top: str) -> str:
    """HTML of words that lead to their entry."""
    return f'<lora-term><a href="{top}{PAGE}/#{id}">{words}</a></lora-term>'
