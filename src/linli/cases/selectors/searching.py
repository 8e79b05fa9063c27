"""Finding by words: rare words through their index, common ones among the newest cases first.

An index of words gives all cases that hold a word, in no order: right for a word in one case of a thousand, dear for
one in every tenth. How common a word is, PostgreSQL has counted already: for one word its planner chooses well. For
several it must guess how often they meet, and a wrong guess has it read every case; so these are looked for among the
newest, and only then in all that hold them.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

from linli.cases import tables
from linli.cases.rules import words
from linli.cases.selectors import fast
from linli.kernel.errors import Invalid

NUMBER = re.compile(r"\d{4}-\d{2}-\d{3,8}")
COMMON = 0.005  # from this share on, walking the newest is cheaper than fetching all that hold the words
UNSEEN = 0.0002  # the share of what is too rare to be among the counted ones
REMEMBER_S = 600
_SHARES = """SELECT most_common_elems::text::text[], most_common_elem_freqs FROM pg_stats
    WHERE schemaname = current_schema() AND tablename = 'cases_case' AND attname = 'tokens'"""
_known: tuple[float, dict[str, float]] = (0.0, {})


@dataclass(frozen=True, slots=True)
class Search:
    """A condition on `cases_case c`, the share of cases that it is expected to let in, and whether that is a guess."""

    sql: str
    params: list[Any]
    share: float
    guessed: bool = False


def shares() -> dict[str, float]:
    """How common the common words are: the planner's own counts, remembered for ten minutes."""
    global _known
    if _known[0] < time.monotonic():
        found = fast.rows(_SHARES, [])
        counted = dict(zip(found[0][0] or [], found[0][1] or [], strict=False)) if found else {}
        _known = (time.monotonic() + REMEMBER_S, counted)
    return _known[1]


def like(text: str) -> str:
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")


def search(q: str) -> Search:
    """By number, or by words: each word's rarest pair goes to the index, a longer word is checked letter by letter."""
    if NUMBER.fullmatch(q):
        return Search("c.number = %s", [q], 0.0)
    runs = words.query_runs(q)
    if not runs:
        raise Invalid("q", "holds no letter or digit to search for")
    counted, rarest, share = shares(), [], 1.0
    for entries, _ in runs:
        found, entry = min((counted.get(e, UNSEEN), e) for e in entries)
        rarest.append(entry)
        share *= found
    parts, params = ["c.tokens @> %s"], [sorted(set(rarest))]
    for _, phrase in runs:
        if phrase:
            sql, values = _phrase(phrase)
            parts.append(sql)
            params += values
    return Search(" AND ".join(parts), params, share, len(runs) > 1 or bool(runs[0][1]))


def _phrase(phrase: str) -> tuple[str, list[Any]]:
    """The letters in this order. CASE: the planner takes it for one case in two, not for rarer than its pair."""
    classes = [c.code for c in tables.catalogue().classes.values() if phrase in c.zh]
    pattern = f"%{like(phrase)}%"
    sql = "c.text LIKE %s OR c.address LIKE %s" + (" OR c.class_code = ANY(%s)" if classes else "")
    return f"CASE WHEN {sql} THEN true ELSE false END", [pattern, pattern, *([classes] if classes else [])]
