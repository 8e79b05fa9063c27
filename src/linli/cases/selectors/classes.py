"""Which class a report may be: learnt from closed cases, else by the words of the classes. Suggested, never applied."""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from linli.cases import tables
from linli.cases.models import ClassModel
from linli.cases.rules import classmodel, words
from linli.kernel.masks import mask_text

LOOK_EVERY_S = 60.0
LIMIT = 3


@dataclass(frozen=True, slots=True)
class Held:
    """A model in memory (a few MB), and what was measured of it."""

    id: UUID
    model: classmodel.ClassModel
    told: dict[str, Any]


_held: dict[str, tuple[float, Held | None]] = {}


def forget() -> None:
    _held.clear()


def current(language: str) -> Held | None:
    """The newest model of a language; whether there is a newer one is asked once a minute."""
    looked, held = _held.get(language, (-LOOK_EVERY_S, None))
    now = time.monotonic()
    if now - looked < LOOK_EVERY_S:
        return held
    newest = ClassModel.objects.filter(language=language).order_by("-trained_at")
    found = newest.values("id", "trained_at", "cases", "classes", "measured").first()
    if found is None:
        held = None
    elif held is None or held.id != found["id"]:
        weights = ClassModel.objects.values_list("weights", flat=True).get(pk=found["id"])
        told = {k: found["measured"].get(k) for k in ("top1", "top3", "macro_f1", "majority", "older", "newer")}
        held = Held(found["id"], classmodel.read(bytes(weights)),
                    {"language": language, "trained_at": found["trained_at"], "cases": found["cases"],
                     "classes": found["classes"], **told})  # fmt: skip
    _held[language] = (now, held)
    return held


def suggestions(text: str, limit: int = LIMIT) -> dict[str, Any]:
    """The likeliest classes with how sure that is, and how good the model has been; by words when it knows nothing."""
    clear = mask_text(text)[0]
    held = current(classmodel.language(clear))
    known = tables.catalogue().classes
    learnt = held.model.guess(clear, limit) if held else []
    items = [_shown(g.class_code, g.confidence, "learnt") for g in learnt if g.class_code in known]
    there = {i["code"] for i in items}
    for code in by_words(clear, limit):
        if len(items) < limit and code not in there:
            items.append(_shown(code, None, "words"))
    return {"items": items, "model": held.told if held else None}


def _shown(code: str, confidence: float | None, by: str) -> dict[str, Any]:
    found = tables.catalogue().classes[code]
    return {"code": code, "zh": found.zh, "en": found.en, "confidence": confidence, "by": by}


@lru_cache(maxsize=1)
def _entries(day: Any) -> tuple[dict[str, tuple[str, ...]], dict[str, float]]:
    """Word → classes whose name has it; how telling the word is."""
    found: dict[str, set[str]] = defaultdict(set)
    for c in tables.catalogue().classes.values():
        if c.valid_from <= day:
            for token in words.tokens(c.zh, c.en):
                if len(token) > 1:
                    found[token].add(c.code)
    total = len(tables.catalogue().classes)
    return ({t: tuple(sorted(codes)) for t, codes in found.items()},
            {t: math.log(1 + total / len(codes)) for t, codes in found.items()})  # fmt: skip


def by_words(text: str, limit: int = LIMIT) -> list[str]:
    """Classes whose names share words with the text."""
    entries, telling = _entries(tables.today())
    score: Counter[str] = Counter()
    for token in words.tokens(text):
        for code in entries.get(token, ()):
            score[code] += telling[token]  # type: ignore[assignment]
    return [code for code, _ in sorted(score.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]]
