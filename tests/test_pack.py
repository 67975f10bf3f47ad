"""What is published is packed: our own files, once, and nothing else."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lora_ref.site.pack import pack

ASSETS = Path(__file__).parent.parent / "docs/assets"
SCRIPT = (
    "// a comment\nconst words = `kept   as  it is`; // another\n\nif (words) {\n  f( /[/]x  y/.test(words) );\n}\n"
)
STYLE = "/* a comment */\n.a { color: red; }\n\n@media print { .a { color: black; } }\n"


def a_site(folder):
    for name, text in {"site.css": STYLE, "widgets/a.js": SCRIPT, "vendor/b.js": SCRIPT, "data.json": "{ }"}.items():
        path = folder / "assets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_ours_shrink_and_what_others_made_stays(tmp_path):
    site = a_site(tmp_path)
    packed = pack(site)
    assert [(name, before) for name, before, _ in packed] == [
        ("assets/site.css", len(STYLE)),
        ("assets/widgets/a.js", len(SCRIPT)),
    ]
    script = (site / "assets/widgets/a.js").read_text()
    assert "`kept   as  it is`" in script and "/[/]x  y/" in script and "comment" not in script
    assert len(script) == packed[1][2]
    assert (site / "assets/site.css").read_text() == ".a{color:red}@media print{.a{color:black}}"
    assert (site / "assets/vendor/b.js").read_text() == SCRIPT and (site / "assets/data.json").read_text() == "{ }"
    assert pack(site) == []


def test_a_folder_that_is_no_site_is_said(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "lora_ref.site", "pack", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert f"expected a built site with assets/ in it, got {tmp_path}; build one: mkdocs build" in result.stderr


NESTED = re.compile(r"`[^`]*\$\{[^}`]*`")  # the packer takes spaces out of a template within a template


def test_the_pattern_finds_a_template_within_a_template():
    assert NESTED.search("f(`a ${b ? `c  d` : e}`)") and not NESTED.search("f(`a ${b}`, `c ${d}`)")


@pytest.mark.parametrize(
    "script", sorted([*ASSETS.glob("*.js"), *ASSETS.glob("widgets/*.js")]), ids=lambda path: path.stem
)
def test_no_template_within_a_template(script):
    assert not NESTED.search(script.read_text(encoding="utf-8")), "give the inner text a name, then use it"
