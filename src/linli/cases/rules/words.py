"""Search words: Chinese text as single characters and pairs, other scripts as lower-case words.

A pair is what a trigram index cannot find: 漏水 is one entry of the index on `tokens`.
"""

from __future__ import annotations

import re
import unicodedata

RUN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f]+|[0-9a-zA-Z\u00c0-\u024f]+")
FIRST_CJK = 0x3400
MAX_TOKENS = 1500


def _is_cjk(run: str) -> bool:
    return ord(run[0]) >= FIRST_CJK


def _runs(text: str) -> list[str]:
    return RUN.findall(unicodedata.normalize("NFKC", text).lower())


def tokens(*texts: str) -> list[str]:
    """The entries under which a text is found."""
    found: dict[str, None] = {}
    for text in texts:
        for run in _runs(text):
            if _is_cjk(run):
                found.update(dict.fromkeys(run))
                found.update(dict.fromkeys(run[i : i + 2] for i in range(len(run) - 1)))
            else:
                found[run[:40]] = None
    return list(found)[:MAX_TOKENS]


def query_runs(q: str) -> list[tuple[list[str], str]]:
    """Of each word asked for: its entries, all of which a text with the word has, and the word itself where these do
    not say all (Chinese words of more than two characters)."""
    found = []
    for run in dict.fromkeys(_runs(q)):
        if not _is_cjk(run):
            found.append(([run[:40]], ""))
        elif len(run) == 1:
            found.append(([run], ""))
        else:
            found.append(([run[i : i + 2] for i in range(len(run) - 1)], run if len(run) > 2 else ""))
    return found


def query_tokens(q: str) -> tuple[list[str], list[str]]:
    """(entries that must all be there, longer Chinese words to check letter by letter)."""
    runs = query_runs(q)
    return list(dict.fromkeys(e for entries, _ in runs for e in entries)), [phrase for _, phrase in runs if phrase]
