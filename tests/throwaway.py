"""A small project of the same shape as ours, for tests that break things: made in a temporary folder."""

import re
import textwrap
from pathlib import Path

import yaml
from markdown import Markdown

from lora_ref.site import figures
from lora_ref.site.fingerprint import fingerprint
from lora_ref.site.numbers import Site
from lora_ref.site.program import programs
from lora_ref.site.project import Project
from lora_ref.site.record import save_record
from lora_ref.site.run import combined

ROOT = Path(__file__).parent.parent

PACKAGE = {
    "lora_ref/__init__.py": """
        from importlib import import_module

        _NAMES = {"Layer": "layer"}


        def __getattr__(name):
            return getattr(import_module(f"lora_ref.{_NAMES[name]}"), name)
        """,
    "lora_ref/layer.py": """
        from lora_ref.scale import scaling


        class Layer:
            \"\"\"A layer.\"\"\"

            def __init__(self, rank):
                self.rank = rank

            def forward(self, x):
                return x * scaling(self.rank)  # a comment
        """,
    "lora_ref/scale.py": """
        from lora_ref.formula import power


        def scaling(rank):
            return power(rank) / rank
        """,
    "lora_ref/formula.py": """
        EXPONENT = 2


        def power(rank):
            \"\"\"A formula, three imports away.\"\"\"
            return rank**EXPONENT


        def unrelated(x):
            return x + 3
        """,
}

PROGRAM = '''
    """A toy: the loss of a made-up method by rank, in nats, over three seeds."""

    DEVICE = "cpu"
    RANKS = (4, 8)
    DIRECTIONS = (4, 8)
    WIDTH = 64
    STEPS = 32
    SEEDS = (0, 1, 2)

    MEANING = {
        "loss_rank_*": "loss with * inner directions, nats",
        "losses": "loss by rank, nats",
        "ranks": "rank",
        "parameters": "numbers trained",
    }


    def run(seed, report):
        from lora_ref import Layer

        values = {"ranks": list(RANKS), "losses": [], "parameters": WIDTH * 2}
        for rank in RANKS:
            loss = Layer(rank).forward(2.5) / rank**2 + 0.01 * seed / rank
            values[f"loss_rank_{rank}"] = loss
            values["losses"].append(loss)
            report(rank, STEPS)
        return values


    def figures(values):
        return {"curve": [values["losses"], values["ranks"]]}
    '''

GPU_PROGRAM = '''
    """A toy that needs a GPU: its speed, in tokens a second."""

    DEVICE = "cuda"
    SEEDS = (0,)
    MEANING = {"tokens_per_second": "speed"}


    def run(seed, report):
        return {"tokens_per_second": 1.0}
    '''

GOOD_PAGE = """\
---
title: Toy
description: A page without numbers of its own
---
# How good is the toy?

At rank {{ given rank=8 }} the loss is {{ value toy/measure.loss_rank_8 .3f }} nats, says {{ cite toy2020 }}; they had {{ quote toy2020.loss }} on Llama-2-7B.
{.answer}

[The loss at rank {{ given rank=8 }} is lower than at rank {{ given rank=4 }}]{.claim #larger-rank-wins}.

## With {{ value toy/measure.parameters }} numbers {#numbers-trained}

| width | numbers | card |
| --- | --- | --- |
| {{ given width=64 }} | {{ calc count.full(width, width) ,d }} | H200 |

{{ figure toy/measure.curve }} **The loss falls with rank.** At {{ calc len(measure.RANKS) }} ranks.

{{ table toy/measure | ranks Rank | losses Loss .3f }} Loss by rank.

!!! note "About {{ given width=64 }} columns"

    Inside an admonition: {{ given width=64 }}, and see [the numbers of {{ given width=64 }}](#numbers-trained).

=== "Rank {{ given rank=4 }}"

    The scale is $\\frac{1}{2} W_0 + {{ given rank=4 }}\\, W_0$, and `width = 64` in code.

=== "Another"

    ```python
    from math import sqrt

    width = 64
    assert sqrt(width) == 8
    ```

![A square of {{ given width=64 }} columns](assets/square.svg)

A note[^why], with a mark as it is written: `{{ given width=64 }}`.

<p title="{{ given width=64 }} columns">In HTML: <b>{{ given width=64 }}</b>.</p>

1. First
2. Second

[^why]: Because of GPT-2.

## Sources

{{ sources }}
"""

CLAIM_TEST = """
    from lora_ref.site.claims import claim


    @claim("{hash}")
    def test_larger_rank_wins(values):
        assert values("toy/measure.loss_rank_8") < values("toy/measure.loss_rank_4")
    """

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" class="{size}" role="img" aria-label="Loss 2.5 at rank 8" '
    'viewBox="0 0 720 300"><text x="4" y="8">2.5</text><path d="M0 1L2 3"/></svg>\n'
)


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")


def make_project(root: Path, page: str = GOOD_PAGE) -> Project:
    """mkdocs.yml, two programs and the record of one, a page, a claim and its test."""
    from lora_ref.site.claims import claim_hash

    sentence = re.search(r"\[(The loss at rank .*?)\]\{\.claim", GOOD_PAGE)
    assert sentence
    write(root, PACKAGE)
    write(
        root,
        {
            "mkdocs.yml": mkdocs_yml(),
            "snippets/toy/measure.py": PROGRAM,
            "snippets/toy/speed.py": GPU_PROGRAM,
            "docs/toy.md": page,
            "docs/index.md": "# Start\n\nThe speed: {{ value toy/speed.tokens_per_second }}. See [the toy](toy.md).\n",
            "docs/names.yml": "- Llama-2-7B\n- GPT-2\n- H200\n",
            "docs/references.yml": """
                toy2020:
                  authors: Toy et al.
                  year: 2020
                  title: Toys
                  where: arXiv 2001.00001
                  url: https://example.org/2001
                  read: 2026-11-24
                  quotes:
                    loss: {value: 73.5, what: their loss, where: Table 6, wording: a loss of 73.5, read: 2026-11-24}
                """,
            "docs/assets/site.css": "p::after { content: '\\2192'; }\n",
            "docs/assets/square.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
            "overrides/main.html": '{% extends "base.html" %}\n',
            "tests/quotes.yml": "toy2020:\n  loss: 73.5\n",
            "tests/chapters/test_toy.py": CLAIM_TEST.format(hash=claim_hash(sentence[1])),
        },
    )
    project = Project(root)
    measure(project)
    return project


def measure(project: Project, name: str = "toy/measure") -> None:
    """Write the record of a program as a run would, in this process, without torch."""
    program = programs(project)[name]
    now = fingerprint(project, program)
    seeds = {str(seed): toy_values(program.constants, seed) for seed in program.seeds}
    curve = figures.Drawn(
        SVG.format(size="wide"), SVG.format(size="narrow"), "rank,loss\n4,2.5\n", "Loss 2.5 at rank 8",
        {"columns": ["rank", "loss"], "rows": [[4, 2.5]], "formats": ["", ".3g"]}, {"data": [], "layout": {}},
    )  # fmt: skip
    record = {
        "program": name, "fingerprint": now.run, "figures_fingerprint": now.figures, "sources": now.sources,
        "device": program.device, "device_name": "x86_64 CPU", "versions": {"python": "3.11.7", "torch": "2.13.0"},
        "threads": 1, "seeds": list(program.seeds), "by_seed": seeds, "seconds": 1.5, "measured_on": "2026-11-24",
        "values": combined(program, list(seeds.values())), "artifacts": {},
        "figures": figures.save(project.records, name, {"curve": curve}, {"curve": ["losses", "ranks"]}),
    }  # fmt: skip
    save_record(project.records, record)


def toy_values(constants: dict, seed: int) -> dict:
    """What the toy's run() returns, without importing its package."""
    ranks = constants["RANKS"]
    losses = [2.5 / rank + 0.01 * seed / rank for rank in ranks]
    values = {"ranks": list(ranks), "losses": losses, "parameters": constants["WIDTH"] * 2}
    return values | {f"loss_rank_{rank}": loss for rank, loss in zip(ranks, losses, strict=True)}


class _Loader(yaml.SafeLoader):
    pass


_Loader.add_multi_constructor("!", lambda loader, suffix, node: "")
_Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: "")


def extensions() -> list:
    """The site's own Markdown extensions, in its order."""
    return yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader=_Loader)["markdown_extensions"]


def mkdocs_yml() -> str:
    settings = {
        "site_name": "Toy",
        "theme": {"name": "material", "custom_dir": "overrides"},
        "extra_css": ["assets/site.css"],
        "markdown_extensions": extensions(),
        "nav": [{"Start": "index.md"}, {"Toy": "toy.md"}],
    }
    return yaml.safe_dump(settings, sort_keys=False)


def build(project: Project, name: str, text: str, nav: str = "Toy", overrides: str = "") -> str:
    """A page as the builders make it, without running one: the same extensions, a minimal page around the article."""
    names, settings = [], {}
    for extension in extensions():
        if isinstance(extension, dict):
            (key, value), *_ = extension.items()
            names.append(key)
            settings[key] = value or {}
        else:
            names.append(extension)
    settings["pymdownx.snippets"] = {**settings.get("pymdownx.snippets", {}), "base_path": [str(project.root)]}
    settings["lora_ref.site.marks"] = {"root": str(project.root), "page": name}
    front, body = {}, text
    if match := re.match(r"\A---\n(.*?)\n---\n", text, re.S):
        front, body = yaml.safe_load(match[1]) or {}, text[match.end() :]
    article = Markdown(extensions=names, extension_configs=settings).convert(body)
    return (
        f"<!doctype html><html><head><title>{front.get('title', 'Page')}</title>"
        f'<meta name="description" content="{front.get("description", "")}"></head><body>'
        f'<nav><a href="../{name}/">{nav}</a></nav>{overrides}<main><article>{article}</article></main></body></html>'
    )


def site(project: Project) -> Site:
    return Site(project)
