"""What must not stand in public words: patterns of the packs, beside those of numbers that intake masks anyway."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

HELD = "text-held"  # a case's flag: its words wait for a person
MASKED = re.compile(r"\*{2,}")  # what intake has masked already


@dataclass(frozen=True, slots=True)
class Pattern:
    """Of what is found the first `keep` characters stay, so that readers see what it was."""

    code: str
    expression: re.Pattern[str]
    keep: int


def found(text: str, patterns: Sequence[Pattern]) -> tuple[str, ...]:
    """Codes of the patterns that occur; `masked` where intake has masked something."""
    hits = [p.code for p in patterns if p.expression.search(text)]
    return (*hits, *(("masked",) if MASKED.search(text) else ()))


def masked(text: str, patterns: Sequence[Pattern]) -> str:
    """`text` as the public may read it."""
    for pattern in patterns:
        for match in reversed(list(pattern.expression.finditer(text))):
            shown = match[0][: pattern.keep] + "*" * (len(match[0]) - pattern.keep)
            text = text[: match.start()] + shown + text[match.end() :]
    return text
