"""Reading time counts what a reader reads: words and numbers, not code, tags or the names in a mark."""

import pytest

from lora_ref.site.project import find_project
from lora_ref.site.reading import WORDS_A_MINUTE, minutes, words


def test_words():
    assert words("Rank {{ value rank/loss_by_rank.loss_rank_8_nats .3f }} is *enough*, isn't it?") == 6
    assert words("---\ntitle: Start\n---\n# Two words\n") == 2
    assert words("Look:\n\n```python\nprint('not read')\n```\n<p class='fine'>read</p> $\\rank{r} = dk/(d+k)$") == 3


def test_minutes():
    text = (find_project().docs / "why.md").read_text(encoding="utf-8")
    assert minutes("why") == words(text) / WORDS_A_MINUTE
    assert minutes("why", "rank") == pytest.approx(minutes("why") + minutes("rank"))
