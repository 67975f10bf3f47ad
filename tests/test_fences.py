"""Every Python block of the pages runs, and shows what it really prints.

The pages are collected beside this file (conftest.py), so each fence is a test of its own, run by
pytest-markdown-docs. Here it is proved that none is missed: what a reader sees is taken from the
rendered HTML, and each Python block in it was run or is included from a tested file.
"""

import ast
import re
import subprocess
import sys
import textwrap
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import pytest
from markdown import Markdown
from markdown_it import MarkdownIt
from mkdocs.utils.yaml import get_yaml_loader, yaml_load
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound
from pytest_examples import CodeExample
from pytest_markdown_docs.plugin import FenceSyntax, extract_fence_tests, parse_superfences_block_info

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
INCLUDE = re.compile(r'--8<-- "([^":]+):([a-z_]+)"')


class Fence(NamedTuple):
    line: int  # of its first line of code, from 1
    code: str


def run_fences(page: Path, parser: MarkdownIt) -> list[Fence]:
    """What pytest-markdown-docs runs of a page."""
    text = page.read_text(encoding="utf-8")
    tests = extract_fence_tests(parser, text, 0, page, fence_syntax=FenceSyntax.superfences)
    # It puts blank lines before the code, for right line numbers.
    return [Fence(test.start_line + 1, test.source[test.start_line :]) for test in tests]


def left_out(page: Path, parser: MarkdownIt) -> list[Fence]:
    """Python fences that ask not to be run."""
    tokens = parser.parse(page.read_text(encoding="utf-8"))
    fences = [(token, parse_superfences_block_info(token.info)) for token in tokens if token.type == "fence"]
    return [Fence(token.map[0] + 2, token.content) for token, info in fences if "notest" in info and is_python(info[0])]


# ---- what a reader sees


def is_python(language: str) -> bool:
    """Python under any of its names: py, python3, pycon …"""
    try:
        return get_lexer_by_name(language).name.startswith(("Python", "IPython"))
    except ClassNotFound:
        return False


class Blocks(HTMLParser):
    """Code blocks of an HTML page: (language or "", code)."""

    def __init__(self):
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.open: list[tuple[str, str]] = []  # (tag, language), of the elements around

    def handle_starttag(self, tag, attrs):
        classes = (dict(attrs).get("class") or "").split()
        language = next((name.removeprefix("language-") for name in classes if name.startswith("language-")), "")
        if tag in ("div", "pre", "code"):
            self.open.append((tag, language))
        if tag == "pre":
            self.found.append((next((name for _, name in reversed(self.open) if name), ""), ""))
        elif tag == "code" and language and self.inside():
            self.found[-1] = (language, self.found[-1][1])

    def handle_endtag(self, tag):
        if self.open and self.open[-1][0] == tag:
            self.open.pop()

    def handle_data(self, data):
        if self.inside():
            language, code = self.found[-1]
            self.found[-1] = (language, code + data)

    def inside(self) -> bool:
        return any(tag == "pre" for tag, _ in self.open)


def extensions() -> tuple[list[str], dict[str, dict]]:
    """Those of mkdocs.yml and MkDocs' own. Without the marks: they make no code block and need every record."""
    with (ROOT / "mkdocs.yml").open(encoding="utf-8") as file:
        written = yaml_load(file, get_yaml_loader())["markdown_extensions"]
    named = [item if isinstance(item, dict) else {item: {}} for item in written]
    options = {name: dict(settings or {}) for item in named for name, settings in item.items()}
    del options["lora_ref.site.marks"]
    options["pymdownx.highlight"]["pygments_lang_class"] = True  # the language, as a class
    options["pymdownx.snippets"]["base_path"] = [str(ROOT)]
    return ["toc", "tables", "fenced_code", *options], options


def shown_blocks(page: Path) -> list[tuple[str, str]]:
    names, options = extensions()
    text = re.sub(r"\A---\n.*?\n---\n", "", page.read_text(encoding="utf-8"), flags=re.S)
    blocks = Blocks()
    blocks.feed(Markdown(extensions=names, extension_configs=options).convert(text))
    return blocks.found


def looks_like_python(code: str) -> bool:
    """Of a block that names no language: whether it is more than a word, a path or an expression."""
    try:
        tree = ast.parse(textwrap.dedent(code))
    except (SyntaxError, ValueError):
        return False
    telling = ast.Import | ast.ImportFrom | ast.Assign | ast.AugAssign | ast.Call | ast.FunctionDef | ast.ClassDef
    return any(isinstance(node, telling) for node in ast.walk(tree))


def same(code: str) -> str:
    return "\n".join(line.rstrip() for line in textwrap.dedent(code).strip("\n").split("\n"))


def included(fence: Fence) -> tuple[str, str]:
    """(the code that a fence includes, what is wrong with it): one section of a file that something else tests."""
    match = INCLUDE.fullmatch(fence.code.strip())
    if not match:
        return "", "notest is for an include of one named section, nothing else: let it run"
    name, section = match.groups()
    path, folder = ROOT / name, name.partition("/")[0]
    tested = path.is_file() and (
        folder == "snippets" or (folder == "lora_ref" and (ROOT / "tests" / f"test_{path.stem}.py").is_file())
    )
    if not tested:
        return "", f"{name} is no program of snippets/ and no module of lora_ref/ with tests: include tested code only"
    text = path.read_text(encoding="utf-8")
    parts = re.findall(rf"# --8<-- \[start:{section}\]\n(.*?)\n[ ]*# --8<-- \[end:{section}\]", text, re.S)
    if len(parts) != 1:
        return "", f"expected one section {section!r} in {name}, found {len(parts)}"
    return parts[0], ""


def problems(page: Path, parser: MarkdownIt) -> list[str]:
    """What is wrong with the Python blocks of a page, other than failing."""
    found = []
    accounted = Counter(same(fence.code) for fence in run_fences(page, parser))
    for fence in left_out(page, parser):
        code, problem = included(fence)
        accounted[same(code)] += 1
        found += [f"{page.name}:{fence.line}: {problem}"] if problem else []
    for language, code in shown_blocks(page):
        if language in ("", "text") and looks_like_python(code):
            found.append(f"{page.name}: Python without its language, so nothing runs it: {first_line(code)}")
        elif is_python(language):
            accounted[same(code)] -= 1
    for code, count in accounted.items():
        if count < 0:
            found.append(f"{page.name}: shown and never run: {first_line(code)}")
        elif count > 0 and code:
            found.append(f"{page.name}: run and never shown: {first_line(code)}")
    return found


def first_line(code: str) -> str:
    return code.strip().split("\n")[0]


# ---- the pages


def pytest_generate_tests(metafunc):
    if "printing" in metafunc.fixturenames:
        parser = metafunc.config.hook.pytest_markdown_docs_markdown_it()
        fences = [(page, fence) for page in PAGES for fence in run_fences(page, parser)]
        chosen = [(page, fence) for page, fence in fences if re.search(r"print\(|^ *#>", fence.code, re.M)]
        metafunc.parametrize("printing", chosen, ids=[f"{page.name}:{fence.line}" for page, fence in chosen])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_python_block_is_missed(page, pytestconfig):
    assert not problems(page, pytestconfig.hook.pytest_markdown_docs_markdown_it())


def test_the_output_shown_is_the_output(printing, eval_example):
    page, fence = printing
    lines = []

    def count(file, frame, args):
        ours = file.samefile(frame.filename)
        line = " ".join(map(str, args))
        lines.extend([line] if ours and "\n" not in line else [])
        return ours

    eval_example.set_config(line_length=120)
    eval_example.include_print = count
    eval_example.run_print_check(CodeExample.create(fence.code, path=page, start_line=fence.line))
    # pytest-examples compares below each print that ran; what is shown elsewhere was never printed.
    assert len(re.findall(r"^ *#>", fence.code, re.M)) == len(lines)


# ---- the proof: this file and conftest.py, beside pages that are wrong

INDENTED = "    "
GOOD_FENCE = "```python\nprint(1 + 1)\n#> 2\n```\n"
BAD_FENCE = '```python\nraise SystemError("it ran")\n```\n'


def inside(fence: str, head: str) -> str:
    return f"# Page\n\n{head}\n\n{textwrap.indent(fence, INDENTED)}"


GOOD = {
    "good": f"# Page\n\nText.\n\n{GOOD_FENCE}\n!!! note\n\n{textwrap.indent(GOOD_FENCE, INDENTED)}",
    "good_prose": "---\ntitle: Page\n---\n# Page\n\nNo code but `words`.\n\n```text\nx = 1 and so on\n```\n\n```sh\nmake site\n```\n",
    "good_include": '# Page\n\n```{.python notest title="a.py"}\n--8<-- "snippets/a/b.py:part"\n```\n',
    "good_include_tab": '# Page\n\n=== "Tab"\n\n    ```{.python notest}\n    --8<-- "lora_ref/lora.py:part"\n    ```\n',
}
RUNS_AND_FAILS = {
    "plain": f"# Page\n\n{BAD_FENCE}",
    "tab": inside(BAD_FENCE, '=== "Tab"'),
    "second_tab": inside(GOOD_FENCE, '=== "One"') + "\n" + inside(BAD_FENCE, '=== "Two"').removeprefix("# Page\n"),
    "admonition": inside(BAD_FENCE, "!!! note"),
    "details": inside(BAD_FENCE, '??? question "Why"'),
    "tab_in_admonition": inside(textwrap.indent(BAD_FENCE, INDENTED), '!!! note\n\n    === "Tab"'),
    "list": inside(BAD_FENCE, "- An item"),
    "markdown_in_html": f'# Page\n\n<div markdown="1">\n\n{BAD_FENCE}\n</div>\n',
    "braces": BAD_FENCE.replace("python", '{.python title="a.py"}'),
    "alias": BAD_FENCE.replace("python", "py"),
    "tildes": BAD_FENCE.replace("```", "~~~"),
    "syntax": "# Page\n\n```python\nfor\n```\n",
    "bare_include": '# Page\n\n```python\n--8<-- "snippets/a/b.py:part"\n```\n',
}
SHOWS_WRONG_OUTPUT = {
    "wrong_output": GOOD_FENCE.replace("#> 2", "#> 3"),
    "no_output": GOOD_FENCE.replace("#> 2\n", ""),
    "output_of_nothing": GOOD_FENCE.replace("print(1 + 1)\n", "1 + 1\n"),
    "output_of_another_branch": "```python\nprint(1)\n#> 1\nif 0:\n    print(2)\n    #> 2\n```\n",
    "wrong_output_in_a_tab": inside(GOOD_FENCE.replace("#> 2", "#> 2.0"), '=== "Tab"'),
}
MISSED = {
    "no_blank_line": f"# Page\n\n!!! note\n{textwrap.indent(GOOD_FENCE, INDENTED)}",
    "raw_html": '# Page\n\n<pre><code class="language-python">x = 1</code></pre>\n',
    "raw_html_div": '# Page\n\n<div class="language-python highlight"><pre><code>x = 1</code></pre></div>\n',
    "html_without_blank": f'# Page\n\n<div markdown="1">\n{GOOD_FENCE}</div>\n',
    "console": "# Page\n\n```pycon\n>>> 1 + 1\n2\n```\n",
    "indented": "# Page\n\nText.\n\n    import torch\n    x = torch.zeros(2)\n",
    "no_language": "# Page\n\n```\nx = f(1)\n```\n",
    "called_text": "# Page\n\n```text\nimport os\n```\n",
    "notest": "# Page\n\n```{.python notest}\nx = 1\n```\n",
    "notest_and_more": '# Page\n\n```{.python notest}\n--8<-- "snippets/a/b.py:part"\nx = 1\n```\n',
    "whole_file": '# Page\n\n```{.python notest}\n--8<-- "snippets/a/b.py"\n```\n',
    "untested_file": '# Page\n\n```{.python notest}\n--8<-- "lora_ref/untested.py:part"\n```\n',
    "not_closed": "# Page\n\n```python\nx = 1\n",
}
WRONG = RUNS_AND_FAILS | SHOWS_WRONG_OUTPUT | MISSED


def guard(name: str) -> str:
    return "CodeFence" if name in RUNS_AND_FAILS else "output_shown" if name in SHOWS_WRONG_OUTPUT else "missed"


def test_each_wrong_page_fails_where_it_should_and_good_ones_pass(tmp_path):
    section = "# --8<-- [start:part]\nx = 1\n# --8<-- [end:part]\n"
    files = {f"docs/{name}.md": text for name, text in (GOOD | WRONG).items()}
    files |= {name: section for name in ("snippets/a/b.py", "lora_ref/lora.py", "lora_ref/untested.py")}
    files["tests/test_lora.py"] = ""
    for name in ("mkdocs.yml", "tests/conftest.py", "tests/test_fences.py"):
        files[name] = (ROOT / name).read_text(encoding="utf-8")
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "tests/test_fences.py", "-rA", "-p", "no:cacheprovider"]
    command += [f"--rootdir={tmp_path}", "-k", "CodeFence or missed or output_shown"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    results = re.findall(r"^(PASSED|FAILED|ERROR) (\S+?)(?: - .*)?$", done.stdout, re.M)
    failed: dict[str, list[str]] = {}
    for result, test in results:
        failed.setdefault(re.search(r"(\w+)\.md", test)[1], []).extend([test] if result != "PASSED" else [])
    assert set(failed) == set(GOOD | WRONG), done.stdout + done.stderr
    assert {name: failed[name] for name in GOOD} == {name: [] for name in GOOD}
    assert [name for name in WRONG if not any(guard(name) in test for test in failed[name])] == []
