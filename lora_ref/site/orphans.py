"""What belongs to no one: values, figures, quotes, names and files that nothing uses, and records that do not hold."""

import difflib
import html
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import yaml

from lora_ref.site import figures
from lora_ref.site.claims import ChapterTests
from lora_ref.site.fingerprint import fingerprint
from lora_ref.site.numbers import Site, load_yaml
from lora_ref.site.project import UserError
from lora_ref.site.record import Record

if TYPE_CHECKING:
    from lora_ref.site.lint import PageReport

UNITS = (
    "%|‰|x|×|b|k|m|bn|g|kb|mb|gb|tb|kib|mib|gib|bits?|bytes?|s|ms|min|h|hours?|minutes?|seconds?|days?|px|nats?|tokens?|times|"
    "epochs?|steps?|layers?|percent|parameters?|points?"
)


def near(name: str, known: Iterable[str]) -> str:
    known = sorted(known)
    found = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or known[:5]
    return f"near it are {', '.join(found)}" if found else "there are none"


@lru_cache(maxsize=16)
def _names_pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(rf"(?<![\w-]){re.escape(name)}(?!\w)" for name in names) or "(?!)")


def without_names(text: str, names: list[str]) -> str:
    """The text with its proper names blanked out."""
    return _names_pattern(tuple(names)).sub(lambda match: " " * len(match[0]), text)


def check(site: Site, reports: Iterable["PageReport"], tests: ChapterTests) -> list[str]:
    reports = list(reports)
    return [
        *(finding for name in site.programs for finding in check_record(site, name)),
        *check_files(site),
        *check_uses(site, reports, tests),
        *check_quotes(site, reports),
        *check_names(site),
    ]


# ---- records


def check_record(site: Site, name: str) -> list[str]:
    """Fresh, whole, drawn, described."""
    program = site.programs[name]
    found = site.status(name)
    where = f"docs/records/{name}.json:1:1"
    source = program.path.relative_to(site.project.root).as_posix()
    gpu = program.device == "cuda"
    if found.record is None:
        if gpu and found.state != "damaged":
            return []
        return [f"{where}: expected a record of {source}, it is {found.state}: {found.why}"]
    if found.state == "damaged" or (found.state == "stale" and not gpu):
        return [
            f"{where}: expected a fresh record, it is {found.state}: {found.why}; run `python -m lora_ref.site "
            f"run {name}`"
        ]
    record = found.record
    findings = [f"{where}: {problem}" for problem in figures.check_files(site.project, record)]
    if "figures" in program.functions and record["figures_fingerprint"] != fingerprint(site.project, program).figures:
        findings.append(
            f"{where}: expected figures of today's code, got older ones; draw with `python -m lora_ref.site "
            f"figures {name}`"
        )
    for value in record["values"]:
        if base_of(value, record) == value and not program.meaning(value):
            findings.append(
                f'{source}:1:1: expected MEANING to say what {value} is, found nothing; add "{value}": "…, in its unit"'
            )
    return findings


def base_of(value: str, record: Record) -> str:
    """loss for loss_sd and loss_seeds."""
    for suffix in ("_sd", "_seeds"):
        if value.endswith(suffix) and value.removesuffix(suffix) in record["values"]:
            return value.removesuffix(suffix)
    return value


def check_files(site: Site) -> list[str]:
    """Files of docs/records that belong to no program."""
    project = site.project
    known = set()
    for name in site.programs:
        record = site.status(name).record
        known.add(project.records / f"{name}.json")
        if record:
            folder = (project.records / name).parent
            known |= {folder / artifact for artifact in record["artifacts"]}
            known |= {
                path for figure in record["figures"] for path in figures.paths(project.records, name, figure).values()
            }
    findings = []
    for path in sorted(project.records.rglob("*")):
        if path.is_file() and path not in known and path.suffix != ".md":
            where = path.relative_to(project.root).as_posix()
            what = "a program" if path.suffix == ".json" else "a record that made it"
            findings.append(
                f"{where}:1:1: expected {what} for this file, found none; remove it, or restore what made it"
            )
    return findings


def check_uses(site: Site, reports: list["PageReport"], tests: ChapterTests) -> list[str]:
    """Every value is shown, drawn or read by a claim's test; every figure stands on a page."""
    shown = {value for report in reports for value in report.values}
    drawn = {figure for report in reports for figure in report.figures}
    findings = []
    for name, program in site.programs.items():
        record = site.status(name).record
        if record is None:
            continue
        where = f"docs/records/{name}.json:1:1"
        used = {value.partition(".")[2] for value in shown if value.startswith(f"{name}.")}
        used |= {value for entry in record["figures"].values() for value in entry["uses"]}
        used |= {value for value in record["values"] if tests.uses(f"{name}.{value}")}
        used |= {value for value in record["values"] if tests.uses(f"{name}.{value}_seeds")}
        used = {base_of(value, record) for value in used}
        for value in record["values"]:
            if base_of(value, record) == value and value not in used:
                source = program.path.relative_to(site.project.root).as_posix()
                findings.append(
                    f"{where}: expected a page, figure or claim test that uses {value}, found none; use it, or "
                    f"drop it from {source}"
                )
        for figure in record["figures"]:
            if (name, figure) not in drawn:
                findings.append(
                    f"{where}: expected a page that shows the figure {figure}, found none; show it, or drop it"
                )
    return findings


# ---- quotes and names


def check_quotes(site: Site, reports: list["PageReport"]) -> list[str]:
    quoted = {quote for report in reports for quote in report.quotes}
    cited = {key for report in reports for key in report.cited} | {quote.partition(".")[0] for quote in quoted}
    transcribed = transcription(site)
    lines = _lines_of(site, "docs/references.yml")
    findings = []
    for source, entry in site.references.items():
        if source not in cited:
            findings.append(
                f"{lines(source)}: expected a page that cites or quotes {source}, found none; cite it, or remove it"
            )
        for key, quote in entry.get("quotes", {}).items():
            if f"{source}.{key}" not in quoted:
                findings.append(
                    f"{lines(key)}: expected a page that shows the quote {source}.{key}, found none; show it, or "
                    f"remove it"
                )
            findings += _transcribed(site, source, key, quote, transcribed, lines(key))
    for source, keys in transcribed.items():
        for key in keys or {}:
            if key not in site.references.get(source, {}).get("quotes", {}):
                findings.append(
                    f"tests/quotes.yml:1:1: expected {source}.{key} in docs/references.yml, found none; remove it here"
                )
    return findings


def transcription(site: Site) -> dict[str, dict[str, Any]]:
    return load_yaml(site.project, "tests/quotes.yml") or {}


def _transcribed(site: Site, source: str, key: str, quote: dict, transcribed: dict, where: str) -> Iterator[str]:
    """The quote agrees with what someone else read in the source, and with its own wording."""
    value = quote.get("value")
    other = (transcribed.get(source) or {}).get(key)
    if other is None:
        yield (
            f"{where}: expected {source}.{key} in tests/quotes.yml, read in the source a second time, found "
            f"none; add it there"
        )
    elif other != value or type(other) is not type(value):
        yield (
            f"{where}: expected {other!r}, which tests/quotes.yml has for {source}.{key}, got {value!r}; look "
            f"into the source, mend one"
        )
    wording = without_names(str(quote.get("wording", "")), site.names)
    if re.search(r"\d", wording) and not any(_agrees(value, *found) for found in WORDED.findall(wording)):
        yield (
            f"{where}: expected the value {value!r} in the wording of {source}.{key}, got “{wording}”; mend one of them"
        )


WORDED = re.compile(r"(\d[\d,]*(?:\.\d+)?)\s*([KMBT]|thousand|million|billion|trillion)?")
SCALES = {
    "": 1,
    "K": 1e3,
    "M": 1e6,
    "B": 1e9,
    "T": 1e12,
    "thousand": 1e3,
    "million": 1e6,
    "billion": 1e9,
    "trillion": 1e12,
}


def _agrees(value: Any, digits: str, unit: str) -> bool:
    """Whether a number of the source's wording is the value, as it stands or with its unit worked out."""
    number = float(digits.replace(",", ""))
    return isinstance(value, int | float) and abs(value) in (number, number * SCALES[unit])


def _lines_of(site: Site, file: str):
    text = (
        (site.project.root / file).read_text(encoding="utf-8").split("\n")
        if (site.project.root / file).exists()
        else []
    )

    def line(key: str) -> str:
        row = next((row for row, words in enumerate(text, 1) if words.strip().lstrip("- ").startswith(key)), 1)
        return f"{file}:{row}:1"

    return line


def check_names(site: Site, pages: Iterable[str] | None = None) -> list[str]:
    """Proper names that a reader meets somewhere; no units and shares among them."""
    project = site.project
    lines = _lines_of(site, "docs/names.yml")
    texts = list(pages or (path.read_text(encoding="utf-8") for path in sorted(project.docs.rglob("*.md"))))
    texts.append((project.root / "mkdocs.yml").read_text(encoding="utf-8"))
    for name, program in site.programs.items():
        texts += [program.docstring, *program.constants.get("MEANING", {}).values()]
        record = site.status(name).record
        texts += [f"{entry['alt']} {entry['table']}" for entry in record["figures"].values()] if record else []
    pattern = _names_pattern(tuple(site.names))
    used = {match[0] for text in texts for match in pattern.finditer(text)}
    findings = []
    for name in site.names:
        if not any(character.isnumeric() for character in name):
            findings.append(f"{lines(name)}: expected names that hold a digit, got {name!r}; remove it")
        elif re.fullmatch(rf"[\W\d_]*\d[\W\d_]*(?:{UNITS})?\b[\W\d_]*(?:{UNITS})?", name, re.I):
            findings.append(
                f"{lines(name)}: expected proper names, got {name!r}, which is a number or a number with its "
                f"unit; use a mark"
            )
        elif name not in used:
            findings.append(f"{lines(name)}: expected a page that holds the name {name!r}, found none; remove it")
    return findings


# ---- texts around the pages: navigation, theme, style sheet


class _Loader(yaml.SafeLoader):
    """mkdocs.yml with its own tags (!ENV, !!python/name) left empty."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: "")
_Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: "")


def check_theme(site: Site) -> list[str]:
    from lora_ref.site.lint import MEND, READ_ALOUD, numerals

    project = site.project
    findings = []

    def judge(file: str, text: str, shown: str, line: int, where: str) -> None:
        for _, word in numerals(without_names(html.unescape(shown), site.names)):
            found = next((row for row, words in enumerate(text.split("\n")[line - 1 :], line) if word in words), line)
            findings.append(f'{file}:{found}:1: expected words, got the typed numeral "{word}" ({where}); {MEND}')

    config = (project.root / "mkdocs.yml").read_text(encoding="utf-8")
    loaded = load_yaml(project, "mkdocs.yml", _Loader) or {}
    for title in [
        *nav_titles(loaded.get("nav") or []),
        *(loaded.get(key) or "" for key in ("site_name", "site_description", "copyright")),
    ]:
        judge("mkdocs.yml", config, str(title), 1, "navigation")
    for path in sorted((project.root / "overrides").rglob("*.html")):
        file, text = path.relative_to(project.root).as_posix(), path.read_text(encoding="utf-8")
        for line, shown, where in template_texts(text, READ_ALOUD):
            judge(file, text, shown, line, where)
    for path in sorted((project.docs / "assets").glob("*.css")):
        file, text = path.relative_to(project.root).as_posix(), path.read_text(encoding="utf-8")
        for line, shown in css_contents(text):
            judge(file, text, shown, line, "content of a style")
    return findings


def nav_titles(nav: Any) -> Iterator[str]:
    for item in nav if isinstance(nav, list) else [nav]:
        if isinstance(item, dict):
            for title, inside in item.items():
                yield str(title)
                if not isinstance(inside, str):
                    yield from nav_titles(inside)


def template_texts(text: str, read_aloud: re.Pattern[str]) -> Iterator[tuple[int, str, str]]:
    """(line, text, what it is) of what a template shows: its text, attributes, and the strings in its expressions."""

    def blank(match: re.Match) -> str:
        return re.sub(r"[^\n]", " ", match[0])

    text = re.sub(r"\{#.*?#\}|<!--.*?-->", blank, text, flags=re.S)
    for code in re.finditer(r"\{\{.*?\}\}|\{%.*?%\}", text, re.S):
        for string in re.finditer(r"'([^'\n]*)'|\"([^\"\n]*)\"", code[0]):
            words = string[1] or string[2] or ""
            if not re.search(r"[/=<>]|\.\w+$", words):
                yield text.count("\n", 0, code.start()) + 1, words, "template"
    text = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", blank, text, flags=re.S)
    text = re.sub(r"<(script|style)\b.*?</\1>", blank, text, flags=re.S)
    for tag in re.finditer(r"<[A-Za-z][^>]*>", text):
        for attribute in re.finditer(r"""([\w:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""", tag[0]):
            if read_aloud.fullmatch(attribute[1].lower()):
                yield (
                    text.count("\n", 0, tag.start()) + 1,
                    attribute[2] or attribute[3] or "",
                    f"attribute {attribute[1]}",
                )
    for row, line in enumerate(re.sub(r"<[^>]*>", blank, text).split("\n"), 1):
        if line.strip():
            yield row, line, "template"


def css_contents(text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of every string that a style sheet puts on the page."""
    text = re.sub(r"/\*.*?\*/", lambda match: re.sub(r"[^\n]", " ", match[0]), text, flags=re.S)
    for rule in re.finditer(r"(?<![\w-])content\s*:([^;}]*)", text):
        for string in re.finditer(r"\"((?:\\.|[^\"\\])*)\"|'((?:\\.|[^'\\])*)'", rule[1], re.S):
            written = string[1] or string[2] or ""
            yield (
                text.count("\n", 0, rule.start()) + 1,
                re.sub(r"\\([0-9a-fA-F]{1,6})\s?", lambda match: chr(min(int(match[1], 16), 0x10FFFF)), written),
            )


__all__ = ["check", "check_record", "check_theme", "without_names", "near", "UserError"]
