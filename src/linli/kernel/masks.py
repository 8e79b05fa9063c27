"""Masks: how a personal value looks to someone who has not stated why they need it, and free text without numbers."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

# One character to one character, so that positions in the masked text are those of the text itself.
_DIGITS = str.maketrans(
    "０１２３４５６７８９〇零一二三四五六七八九幺－—–＋（）．　＠", "0123456789001234567891---+(). @"
)
_SEP = r"[-. ]?"
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    # It begins where its letters begin: without that, each letter of a long word would be tried as a beginning.
    ("email", re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")),
    ("id_number", re.compile(
        r"(?<!\d)[1-9]\d{5}[- ]?(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[- ]?\d{3}[\dXx](?![\dXx])")),
    ("phone", re.compile(rf"(?<!\d)(?:\+?(?:00)?86{_SEP})?1[3-9]\d{_SEP}\d{{4}}{_SEP}\d{{4}}(?!\d)")),
    ("phone", re.compile(rf"(?<!\d)(?:\+?(?:00)?86{_SEP})?1[3-9](?:[-. ]?\d){{9}}(?!\d)")),
    ("phone", re.compile(rf"(?<!\d)(?<!\d\.)\(?0\d{{2,3}}\)?{_SEP}\d{{4}}{_SEP}\d{{3,4}}(?!\d)")),
    ("phone", re.compile(r"(?<![\d.])(?:\+?1[-. ])?(?:\(\d{3}\)[-. ]{0,2}|\d{3}[-. ]{1,3})\d{3}[-. ]{1,3}\d{4}(?!\d)")),
    ("phone", re.compile(r"\+\d{1,3}(?:[-. ]?\d){7,12}(?!\d)")),
    ("phone", re.compile(
        r"(?:(?<=电话)|(?<=手机)|(?<=[Tt]el)|(?<=[Cc]all)|(?<=phone))[:： .]{0,3}(\d{3,4}[- ]?\d{4})(?!\d)")),
)  # fmt: skip
# Identifiers and hashes hold runs of digits that are nobody's number.
_OURS = re.compile(r"\b(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32,})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """A personal value found in free text."""

    kind: str
    value: str

    def __repr__(self) -> str:
        return f"Found({self.kind}, {mask(self.kind, self.value)})"


def mask(category: str, value: str) -> str:
    """`value` as shown without a stated purpose; for unknown categories nothing of it is shown."""
    if not value:
        return ""
    if category == "phone":
        digits = normal("phone", value)
        if len(digits) >= 11:
            return digits[:3] + "*" * (len(digits) - 7) + digits[-4:]
        return "*" * max(len(digits) - 2, 3) + digits[-2:] if len(digits) > 5 else "***"
    if category == "id_number":
        return value[:4] + "*" * (len(value) - 8) + value[-4:] if len(value) >= 15 else "***"
    if category == "name":
        return value[0] + "*" * min(max(len(value) - 1, 1), 2)
    if category == "email":
        name, _, host = value.partition("@")
        return f"{name[:1]}***@{host}"
    return "***"


def normal(category: str, value: str) -> str:
    """The form of `value` that equal values share."""
    text = unicodedata.normalize("NFKC", value).strip()
    if category == "phone":
        digits = "".join(c for c in text.translate(_DIGITS) if c.isdigit())
        digits = digits.removeprefix("00") if digits.startswith("0086") else digits
        return digits[2:] if len(digits) == 13 and digits.startswith("861") else digits
    if category == "id_number":
        return text.replace(" ", "").replace("-", "").upper()
    return " ".join(text.casefold().split())


def mask_text(text: str) -> tuple[str, list[Found]]:
    """`text` with phones, ID numbers and e-mail addresses masked, and what was found, in order of place."""
    plain = text.translate(_DIGITS)
    spans: list[tuple[int, int, str]] = [(*m.span(), "") for m in _OURS.finditer(text)]
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(plain):
            start, end = match.span(1) if match.re.groups else match.span()
            if not any(start < e and s < end for s, e, _ in spans):
                spans.append((start, end, kind))
    found, out, at = [], [], 0
    for start, end, kind in sorted(s for s in spans if s[2]):
        found.append(Found(kind, text[start:end]))
        out += [text[at:start], mask(kind, plain[start:end])]
        at = end
    return "".join([*out, text[at:]]), found
