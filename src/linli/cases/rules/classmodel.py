"""A small text model: which class do these words sound like? Pure; numpy only, so that the web process can hold it.

A text becomes character n-grams, each by its CRC-32; the model is the n-grams it knows, their rarity, and one row of
whole numbers per n-gram. It holds no text, and is read without running anything that it brings.
"""

from __future__ import annotations

import io
import unicodedata
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

MAX_TEXT = 600
CHINESE, OTHER = "zh", "en"
LENGTHS = {CHINESE: (1, 3), OTHER: (2, 5)}
Array = np.ndarray[Any, Any]


def clean(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text[:MAX_TEXT]).lower().split())


def language(text: str) -> str:
    """Chinese as soon as there is a Chinese character in every five letters."""
    letters = [c for c in text[:MAX_TEXT] if c.isalpha()]
    chinese = sum("\u3400" <= c <= "\u9fff" for c in letters)
    return CHINESE if chinese and chinese * 5 >= len(letters) else OTHER


def grams(text: str, of: str) -> dict[int, int]:
    """Each n-gram's CRC-32 and how often it stands there; words of other scripts are padded with blanks."""
    low, high = LENGTHS[of]
    found: Counter[int] = Counter()
    for word in clean(text).split(" "):
        part = word if of == CHINESE else f" {word} "
        for n in range(low, high + 1):
            for i in range(len(part) - n + 1):
                found[zlib.crc32(part[i : i + n].encode())] += 1
    return found


@dataclass(frozen=True, slots=True)
class Guess:
    class_code: str
    confidence: float


@dataclass(frozen=True, slots=True)
class ClassModel:
    """`known` is sorted; `weights` are whole numbers from -127 to 127, times `scale` per class."""

    language: str
    classes: tuple[str, ...]
    known: Array
    rarity: Array
    weights: Array
    scale: Array
    bias: Array
    temperature: float

    def guess(self, text: str, limit: int = 3) -> list[Guess]:
        """The likeliest classes; empty when not one n-gram is known."""
        found = grams(text, self.language)
        if not found:
            return []
        hashes = np.fromiter(found, dtype=np.uint32, count=len(found))
        counts = np.fromiter(found.values(), dtype=np.float32, count=len(found))
        at = np.minimum(np.searchsorted(self.known, hashes), len(self.known) - 1)
        there = self.known[at] == hashes
        if not there.any():
            return []
        at, counts = at[there], counts[there]
        values = (1 + np.log(counts)) * self.rarity[at]
        values /= np.sqrt((values**2).sum())
        scores = (values @ self.weights[at].astype(np.float32)) * self.scale + self.bias
        chances = softmax(scores / self.temperature)
        best = np.argsort(-chances)[:limit]
        return [Guess(self.classes[i], round(float(chances[i]), 3)) for i in best]


def softmax(scores: Array) -> Array:
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def write(model: ClassModel) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(
        out, language=np.array(model.language), classes=np.array(model.classes), known=model.known,
        rarity=model.rarity, weights=model.weights, scale=model.scale, bias=model.bias,
        temperature=np.array(model.temperature),
    )  # fmt: skip
    return out.getvalue()


def read(data: bytes) -> ClassModel:
    """The model of `write`; plain arrays only, whatever the bytes say."""
    with np.load(io.BytesIO(data), allow_pickle=False) as held:
        return ClassModel(
            language=str(held["language"]), classes=tuple(str(c) for c in held["classes"]), known=held["known"],
            rarity=held["rarity"], weights=held["weights"], scale=held["scale"], bias=held["bias"],
            temperature=float(held["temperature"]),
        )  # fmt: skip
