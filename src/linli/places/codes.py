"""Codes on a unit's label: an unguessable one in the QR, and a short one in digits that a person can read aloud."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32: nothing that reads like something else
QR_LENGTH = 20  # 20 x 5 = 100 random bits
QR = re.compile(rf"[{ALPHABET}]{{{QR_LENGTH}}}")
SHORT = re.compile(r"\d{6,8}")
# Damm's quasigroup: catches every single wrong digit and every swap of two neighbours.
DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2), (7, 0, 9, 2, 1, 5, 4, 8, 6, 3), (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6), (6, 1, 2, 3, 0, 4, 5, 9, 7, 8), (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4), (8, 9, 4, 5, 3, 6, 2, 0, 1, 7), (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)  # fmt: skip


def new_qr() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(QR_LENGTH))


def is_qr(code: str) -> bool:
    return bool(QR.fullmatch(code))


def damm(digits: str) -> int:
    state = 0
    for digit in digits:
        state = DAMM[state][int(digit)]
    return state


def short_code(number: int) -> str:
    """The short code with serial `number`: its digits and one check digit, at least six in all."""
    body = f"{number:05d}"
    return body + str(damm(body))


def short_ok(code: str) -> bool:
    """Whether a typed short code can be right; a mistyped digit or two swapped ones are noticed."""
    return bool(SHORT.fullmatch(code)) and damm(code) == 0


def free_short_codes(taken: set[str]) -> Iterator[str]:
    """Short codes not in use, in random order, six digits while they last."""
    low, high = 10_000, 100_000
    while True:
        numbers = list(range(low, high))
        secrets.SystemRandom().shuffle(numbers)
        for number in numbers:
            code = short_code(number)
            if code not in taken:
                yield code
        low, high = high, high * 10
