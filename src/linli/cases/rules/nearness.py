"""How much an open case nearby looks like the one on its way in, and why. Pure: distance, age, class and words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from linli.cases.rules import words

CLASS, CLOSE, LIKE, FRESH = 0.30, 0.25, 0.35, 0.10  # how much each tells; together one
ALIKE = 0.25  # from here on words are called alike


@dataclass(frozen=True, slots=True)
class Reach:
    """How far and how long back a case of a class counts as the same matter."""

    radius_m: float = 200
    window_hours: float = 168


@dataclass(frozen=True, slots=True)
class Voices:
    """From how many voices on a case gets which priority, and what it never exceeds."""

    steps: tuple[tuple[int, int], ...] = ()
    cap: int = 0

    def priority(self, voices: int, now: int) -> int:
        """Never lowered; never above the cap by voices alone."""
        earned = max((p for count, p in self.steps if voices >= count), default=0)
        return max(now, min(earned, self.cap))


@dataclass(frozen=True, slots=True)
class Near:
    score: float
    zh: str
    en: str
    likeness: float


def pieces(text: str) -> frozenset[str]:
    """Pairs of Chinese characters and whole words: single characters tell too little."""
    return frozenset(t for t in words.tokens(text) if len(t) > 1)


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Dice's share of common pieces, 0 to 1."""
    both = len(one) + len(other)
    return 2 * len(one & other) / both if both else 0.0


def judge(*, distance_m: float, age_h: float, same_class: bool, like: float, reach: Reach) -> Near:
    """The score for sorting, and the reason in words."""
    close = max(0.0, 1 - distance_m / max(reach.radius_m, 1))
    fresh = max(0.0, 1 - age_h / max(reach.window_hours, 1))
    score = CLASS * same_class + CLOSE * close + LIKE * like + FRESH * fresh
    parts = [(f"{distance_m:.0f} 米", f"{distance_m:.0f} m")]
    if same_class:
        parts.insert(0, ("同类", "same class"))
    if like >= ALIKE:
        parts.append((f"文字相近 {like:.0%}", f"words {like:.0%} alike"))
    if age_h > reach.window_hours:
        parts.append(("早于并案时限", "older than its window"))
    zh, en = (" · ".join(said) for said in zip(*parts, strict=True))
    return Near(round(score, 4), zh, en, round(like, 3))


def rarest(tokens: Iterable[str], often: dict[str, float], otherwise: float, most: float) -> list[str]:
    """The most telling words of a text, as long as together they are expected in at most `most` rows."""
    chosen: list[str] = []
    spent = 0.0
    for token in sorted({t for t in tokens if len(t) > 1}, key=lambda t: (often.get(t, otherwise), t)):
        spent += often.get(token, otherwise)
        if chosen and spent > most:
            break
        chosen.append(token)
    return chosen
