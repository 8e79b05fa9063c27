"""Search words of a device: single characters and bigrams, so that two Chinese characters use an index."""

from __future__ import annotations

import re

_WORDS = re.compile(r"\w+")


def bigrams(text: str) -> set[str]:
    """`一号泵站` → 一号 号泵 泵站 and each character; Latin letters likewise, in lower case."""
    found: set[str] = set()
    for word in _WORDS.findall(text.lower()):
        found.update(word)
        found.update(word[i : i + 2] for i in range(len(word) - 1))
    return found


def terms(*texts: str) -> list[str]:
    """What is stored with a row and indexed (GIN)."""
    return sorted(set().union(*(bigrams(t) for t in texts)))


def needed(query: str) -> list[str]:
    """Terms that every hit of `query` must have: bigrams, or the character itself for words of one."""
    found: set[str] = set()
    for word in _WORDS.findall(query.lower()):
        found.update([word] if len(word) == 1 else (word[i : i + 2] for i in range(len(word) - 1)))
    return sorted(found)
