"""The larger pieces of HTML that marks become: figures, tables, sources, the ledger, the page of all records."""

import html
import re
from collections.abc import Iterable, Iterator
from functools import cache

from lora_ref.site import figures, glossary
from lora_ref.site.claims import chapter_tests
from lora_ref.site.math import letters
from lora_ref.site.numbers import (
    FORMAT,
    MARK,
    UNMEASURED,
    MarkError,
    Number,
    Page,
    Site,
    cited,
    heading,
    how_measured,
    shown,
)
from lora_ref.site.program import Program
from lora_ref.site.record import Record

FROM = "<!--from-->"  # where a figure's "where from?" goes, once its numbers are known
TAG = re.compile(r"(<[^>]*>)")
WITH_DIGIT = re.compile(r"[^\s<>()“”,;:]*\d(?:[^\s<>()“”;]*\d)?[^\s<>()“”.,;:]*")


def name(text: str) -> str:
    """A proper name that holds digits."""
    return f'<data class="name" value="{html.escape(text)}">{html.escape(text)}</data>'


def with_data(text: str) -> str:
    """HTML of ours in which every word with a digit, outside code, becomes a <data> element."""
    out, inside = [], 0  # how many open elements say that a digit here is accounted for
    for chunk in TAG.split(text):
        tag = re.match(r"<(/?)(code|pre|data)\b", chunk)
        if tag:
            inside += -1 if tag[1] else 1
        if not chunk.startswith("<") and not inside:
            chunk = _wrapped(html.unescape(chunk))
        out.append(chunk)
    return "".join(out)


def _wrapped(text: str) -> str:
    out, at = [], 0
    for match in WITH_DIGIT.finditer(text):
        out += [html.escape(text[at : match.start()], quote=False), name(match[0]).replace(' class="name"', "")]
        at = match.end()
    return "".join(out) + html.escape(text[at:], quote=False)


def anchor(program: str) -> str:
    return program.replace("/", "-")


def records_link(program: str, top: str, words: str = "record") -> str:
    return f'<a href="{top}reference/records/#{anchor(program)}">{words}</a>'


# ---- in a chapter


def figure(site: Site, page: Page, body: str, top: str) -> tuple[Number, str]:
    """(the ledger's entry for the whole figure, everything after its caption)."""
    path, _, drawing = body.strip().partition(".")
    program = site.program(path, page.chapter)
    found = site.status(program.name)
    if found.record is None and program.device == "cuda":
        number = Number("measured", "the figure", None, _first_line(program), "needs a GPU", source=program.name)
        link = records_link(program.name, top, "Its program")
        return number, f'<p class="unmeasured">This figure is {UNMEASURED}. {link} is ready to run.</p>'
    record = site.current(program)
    if drawing not in record["figures"]:
        known = ", ".join(record["figures"]) or "none yet: run `python -m lora_ref.site figures`"
        raise MarkError(f"{program.name} has no figure {drawing!r}; it has {known}")
    number = _whole(program, record, "the figure", site.note(program))
    note = f'<p class="note">{with_data(number.note)}</p>' if number.note else ""
    return number, note + figures.body(
        record["figures"][drawing],
        record,
        drawing,
        project=site.project,
        where=FROM,
        records=f"{top}records",
        program_href=f"{top}reference/records/#{anchor(program.name)}",
    )


def _first_line(program: Program) -> str:
    return program.docstring.split("\n")[0].rstrip(".")


def _whole(program: Program, record: Record, what: str, note: str) -> Number:
    """One ledger entry for everything in a figure or table."""
    return Number("measured", what, None, _first_line(program), how_measured(record), source=program.name, note=note)


def table(site: Site, page: Page, body: str) -> tuple[list[Number], str]:
    """`program | column Heading, words .3f | …`: lists of one record, side by side."""
    path, *columns = [part.strip() for part in body.split("|")]
    program = site.program(path, page.chapter)
    record = site.current(program)
    if not columns:
        raise MarkError(
            "expected columns after the program, as in `rank/loss_by_rank | ranks Rank ,d | losses Loss, nats .3f`"
        )
    head, cells = [], []
    for column in columns:
        words = column.split()
        spec = words.pop() if len(words) > 1 and FORMAT.fullmatch(words[-1]) else None
        values = record["values"].get(words[0])
        if not isinstance(values, list):
            raise MarkError(
                f"{program.name} has no list {words[0]!r}; it has {', '.join(n for n, v in record['values'].items() if isinstance(v, list))}"
            )
        spreads = record["values"].get(f"{words[0]}_sd") or [None] * len(values)
        head.append(" ".join(words[1:]) or words[0].replace("_", " "))
        cells.append(
            [_cell(value, spec, spread, len(record["seeds"])) for value, spread in zip(values, spreads, strict=True)]
        )
    if len({len(values) for values in cells}) != 1:
        raise MarkError(f"expected lists of one length, got {', '.join(str(len(values)) for values in cells)}")
    rows = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>'
        for row in zip(*cells, strict=True)
    )
    heads = "".join(f'<th scope="col">{with_data(html.escape(words))}</th>' for words in head)
    return [
        _whole(program, record, "the table", site.note(program))
    ], f'<table class="nums"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _cell(value: float | int | str, spec: str | None, spread: float | None, seeds: int) -> str:
    if isinstance(value, str):
        return with_data(html.escape(value))
    return f'<data value="{value}">{html.escape(shown(value, spec, spread, seeds))}</data>'


def cite(site: Site, page: Page, key: str, bare: bool) -> str:
    if key not in site.references:
        raise MarkError(
            f"expected a source of docs/references.yml, got {key!r}; there are {', '.join(site.references)}"
        )
    if not bare and not re.search(r"\{\{\s*sources\s*\}\}", page.text):
        raise MarkError("expected {{ sources }} on a page that cites, found none; end the page with it")
    entry = site.references[key]
    words = f'{html.escape(entry["authors"])}, <data value="{entry["year"]}">{entry["year"]}</data>'
    return f"<cite>{words}</cite>" if bare else f'<cite><a href="#cite-{key}">{words}</a></cite>'


def sources(site: Site, page: Page) -> str:
    """The sources that the page cites or quotes, dated."""
    keys: list[str] = []
    for match in MARK.finditer(page.text):
        if match["kind"] in ("cite", "quote") and (key := (match["body"] or "").split(".")[0].split()[0]) not in keys:
            keys.append(key)
    items = []
    for key in keys:
        entry = site.references.get(key)
        if entry is None:
            raise MarkError(f"expected a source of docs/references.yml, got {key!r}")
        text = with_data(f"{html.escape(cited(entry))}. ") + f"<i>{with_data(html.escape(entry['title']))}</i>. "
        link = f'<a href="{html.escape(entry["url"])}">{with_data(html.escape(entry["where"]))}</a>'
        items.append(f'<li id="cite-{key}">{text}{link}. {with_data("Read " + str(entry["read"]))}.</li>')
    return (
        f'<ol class="sources">{"".join(items)}</ol>' if items else "<p>No other source: every number here is ours.</p>"
    )


def ledger(entries: Iterable[tuple[str, Number]], top: str) -> str:
    """Every number of the page and where it comes from: what the cards show, and what print and no-script readers read."""
    items = []
    for ref, number in entries:
        how = with_data(number.how)
        if number.kind == "measured":
            how += f" {records_link(number.source.partition('.')[0], top)}"
        if number.inputs:
            how += " with " + "; ".join(
                f"{with_data(html.escape(source.what))} = {with_data(html.escape(source.text))} ({source.kind})"
                for source in number.inputs
            )
        note = f" ({with_data(number.note)})" if number.note else ""
        items.append(
            f'<li id="{ref}" data-kind="{number.kind}"><b>{with_data(html.escape(number.text))}</b> '
            f'<span class="what">{with_data(html.escape(number.what))}{note}</span> <span class="kind">{number.kind}</span> '
            f'<span class="how">{how}</span></li>'
        )
    if not items:
        return ""
    return (
        '<details class="ledger-wrap" id="numbers" data-search-exclude><summary>Every number of this page, and where it comes from'
        f'</summary><ol class="ledger">{"".join(items)}</ol></details>'
    )


# ---- the page of all records


def records_page(site: Site, top: str) -> str:
    """Every record, and turned round: which sentences use each value."""
    users = sentences(site)
    out = []
    for program in site.programs.values():
        found = site.status(program.name)
        record = found.record
        out.append(f'<section class="record"><h2 id="{anchor(program.name)}"><code>{program.name}</code></h2>')
        paragraphs = [with_data(html.escape(" ".join(part.split()))) for part in program.docstring.split("\n\n")]
        out.append("".join(f"<p>{part}</p>" for part in paragraphs))
        if record is None:
            out.append(f'<p class="unmeasured">{html.escape(found.state[0].upper() + found.state[1:])}.</p>')
        else:
            versions = ", ".join(f"{package} {version}" for package, version in record["versions"].items())
            facts = (
                f"{len(record['seeds'])} seed{'s' * (len(record['seeds']) > 1)} in {record['seconds']:,.0f} s on one {html.escape(record['device_name'])}"
                f"{' thread' if record['device'] == 'cpu' else ''}, {record['measured_on']}; {html.escape(versions)}"
            )
            out.append(
                f'<p class="fine">{with_data(facts)}. <a href="{top}records/{program.name}.json">The record</a>. '
            )
            out.append(f"Repeat: <code>python -m lora_ref.site run --all {program.name}</code></p>")
            out.append(_values_table(site, program.name, record, users, top))
        source = html.escape(program.path.read_text(encoding="utf-8"))
        out.append(
            f'<details class="source" data-search-exclude><summary>The program</summary><pre><code>{source}</code></pre></details></section>'
        )
    return "".join(out)


def _values_table(site: Site, program: str, record: dict, users: dict[str, list[tuple[str, str]]], top: str) -> str:
    rows = []
    tests = chapter_tests(site.project)
    for value in sorted(record["values"]):
        if value.endswith(("_sd", "_seeds")) and re.sub("_(sd|seeds)$", "", value) in record["values"]:
            continue
        full = f"{program}.{value}"
        uses = [
            f'<a href="{top}{"" if page == "index" else page + "/"}">{title(site, page)}</a>: {"; ".join(map(with_data, words))}'
            for page, words in _by_page(users.get(full, [])).items()
        ]
        drawn = [name for name, entry in record["figures"].items() if value in entry["uses"]]
        uses += [f"drawn in <code>{name}</code>" for name in drawn]
        uses += ["read by a claim’s test"] if any(tests.uses(f"{full}{end}") for end in ("", "_seeds")) else []
        meaning = site.programs[program].meaning(value) or ""
        held = record["values"][value]
        text = (
            " ".join(f"{item:.6g}" if isinstance(item, float) else str(item) for item in held)
            if isinstance(held, list)
            else f"{held:,}"
            if isinstance(held, int)
            else str(held)
        )
        spread = record["values"].get(f"{value}_sd")
        text += f" ± {spread:.2g}" if spread and isinstance(spread, float) else ""
        rows.append(
            f'<tr id="{anchor(program)}.{value}"><th scope="row"><code>{value}</code><br>{with_data(html.escape(meaning))}</th>'
            f"<td>{with_data(html.escape(text))}</td><td>{'<br>'.join(uses)}</td></tr>"
        )
    return (
        '<div class="scroll" data-search-exclude><table class="nums values"><thead><tr><th scope="col">value</th><th scope="col">measured</th>'
        f'<th scope="col">used in</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _by_page(uses: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Each page with its different sentences, in their order."""
    pages: dict[str, list[str]] = {}
    for page, words in uses:
        if words not in pages.setdefault(page, []):
            pages[page].append(words)
    return pages


@cache
def title(site: Site, page: str) -> str:
    """A page's first heading, as HTML; its name where that holds a mark."""
    found = heading((site.project.docs / f"{page}.md").read_text(encoding="utf-8"))
    return html.escape(page if found is None or MARK.search(found) else found, quote=False)


@cache
def _sentences(site: Site) -> dict[str, list[tuple[str, str]]]:
    users: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(site.project.docs.rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        page = Page(site, path.relative_to(site.project.docs).with_suffix("").as_posix(), text)
        for match in MARK.finditer(text):
            if _in_code(text, match.start()):
                continue
            for value, words in _uses(page, match):
                users.setdefault(value, []).append((page.name, words))
    return users


def _uses(page: Page, match: re.Match) -> Iterator[tuple[str, str]]:
    """("program.value", the words that show it) for each value that a mark brings onto its page."""
    kind, body = match["kind"], match["body"] or ""
    try:
        if kind == "table":
            path, *columns = [part.strip() for part in body.split("|")]
            program = page.site.program(path, page.chapter).name
            yield from ((f"{program}.{column.split()[0]}", "in a table") for column in columns if column)
        elif kind in ("value", "calc"):
            number = page.evaluate(kind, body)
            for source in (number, *number.inputs):
                if source.kind == "measured":
                    yield source.source.split("[")[0], sentence_around(page, match.start())
    except MarkError:
        return  # reported where it stands


def sentences(site: Site) -> dict[str, list[tuple[str, str]]]:
    """ "program.value" -> [(page, the sentence that shows it)]."""
    return _sentences(site)


def _in_code(text: str, at: int) -> bool:
    """Whether a place lies in a fence or a code span."""
    before = text[:at]
    line = before[before.rfind("\n") + 1 :]
    return line.count("`") % 2 == 1 or len(re.findall(r"^\s*(?:```|~~~)", before, re.M)) % 2 == 1


def sentence_around(page: Page, at: int) -> str:
    """The sentence that holds a mark, as escaped text with its numbers filled in; of a table, the mark's row."""
    text = page.text
    line = text.rfind("\n", 0, at) + 1
    if re.match(r" *\|", text[line:at]):
        words = text[line : text.find("\n", at)].strip("| ").replace(" | ", ", ")
    else:
        stops = ("\n\n", ". ", "? ", "! ", "\n# ", "\n- ", "\n::: ")
        starts = [found + len(stop) for stop in stops if (found := text.rfind(stop, 0, at)) >= 0]
        start = max(starts, default=0)
        ends = [found for stop in ("\n\n", "\n- ", ". ", ".\n", "? ", "! ") if (found := text.find(stop, at)) >= 0]
        words = text[start : min(ends, default=len(text)) + 1]

    def fill(match: re.Match) -> str:
        if match["kind"] == "term":
            return glossary.term(page.site.project, match["body"] or "")[1]
        if match["kind"] not in ("value", "calc", "quote", "given"):
            return ""
        try:
            return page.evaluate(match["kind"], match["body"] or "").text
        except MarkError:
            return "…"

    words = letters(MARK.sub(fill, words))
    words = re.sub(r"\]\{[^}]*\}|[*_`\[\]#|]|\{[^}]*\}|\([^)]*\.md[^)]*\)|<[^>]*>|\$", " ", words)
    return html.escape(" ".join(words.split()))
