"""How long the lesson's pages take to read, worked out from their text when they are built."""

import re

from lora_ref.site.project import find_project

WORDS_A_MINUTE = 200  # slow enough for a second language

UNREAD = re.compile(r"\A---\n.*?\n---\n|```.*?```|<!--.*?-->|^:::.*$|</?[a-z][^>]*>", re.S | re.M)
MARK = re.compile(r"\{\{.*?\}\}|\$\$?[^$]+\$\$?", re.S)


def minutes(*pages: str) -> float:
    """Minutes to read so many words at two hundred a minute: each number or formula is a word, code is none."""
    texts = [(find_project().docs / f"{page}.md").read_text(encoding="utf-8") for page in pages]
    return sum(words(text) for text in texts) / WORDS_A_MINUTE


def words(text: str) -> int:
    """Words of a page as its reader meets them."""
    return len(re.findall(r"\w[\w'’-]*", MARK.sub(" number ", UNREAD.sub(" ", text))))
