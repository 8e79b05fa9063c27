"""What an SL 651 report says: serial number, time of sending, and elements with their values.

An element is an identifier, a definition byte (upper five bits: bytes of data, lower three: decimals) and BCD digits.
Its code for the mapping is the identifier in hexadecimal (`39`: water level), or the letters of an ASCII report (`Z`).
`45` is a word of bits. `F4` is rain and `F5` to `FC` are levels of every five minutes of the past hour.
"""

from __future__ import annotations

import math

from linli.telemetry.codecs.framing import Sample, bcd, moment

STATION, TIME, MANUAL, PICTURE, STEP, DURATION, STATUS, RAIN_HOUR, LEVELS = (
    0xF1, 0xF0, 0xF2, 0xF3, 0x04, 0x05, 0x45, 0xF4, range(0xF5, 0xFD)
)  # fmt: skip
FIVE_MINUTES = 300_000
MAX_VALUES = 2_000
Values = dict[int | None, dict[str, float]]


class BadBody(ValueError):
    """The body breaks the standard; nothing of it is taken."""


def samples(body: bytes, function: int, *, ascii: bool = False) -> tuple[Sample, ...]:
    """The values of a report, by their times."""
    found = _ascii(body) if ascii else _Elements(body).read()
    return tuple(Sample(ts, tuple(values.items())) for ts, values in found.items() if values)


class _Elements:
    """Reads the elements of a HEX body from left to right."""

    def __init__(self, body: bytes) -> None:
        if len(body) < 8:
            raise BadBody("a report has a serial number and a time")
        self.body = body
        self.at = 8
        self.time = moment(bcd(body[2:8]), "%y%m%d%H%M%S")
        self.step = 0
        self.count = 0
        self.values: Values = {}

    def read(self) -> Values:
        while self.at < len(self.body):
            kind = self._take(1)[0]
            if kind in (MANUAL, PICTURE):
                break
            if kind == STATION:
                self._take(7)
            elif kind == TIME:
                self._take(1)
                self.time = moment(bcd(self._take(5)), "%y%m%d%H%M")
            else:
                self._element(kind)
        return self.values

    def _take(self, size: int) -> bytes:
        piece = self.body[self.at : self.at + size]
        if len(piece) < size:
            raise BadBody("the body ends within an element")
        self.at += size
        return piece

    def _element(self, kind: int) -> None:
        code = f"{kind:02X}"
        if kind == 0xFF:
            code += f"{self._take(1)[0]:02X}"
        definition = self._take(1)[0]
        size, decimals = definition >> 3, definition & 7
        if kind == STEP:
            self.step = _step(self._take(size))
        elif kind == RAIN_HOUR or kind in LEVELS:
            self._hour(code, self._take(size), 1 if kind == RAIN_HOUR else 2, 10 if kind == RAIN_HOUR else 100)
        elif kind == STATUS:
            self._put(code, float(int.from_bytes(self._take(size), "big")), 0)
        elif kind == DURATION:
            self._take(size)
        else:
            self._numbers(code, size, decimals)

    def _numbers(self, code: str, size: int, decimals: int) -> None:
        """One value; after a time step, one after another until the body ends."""
        if size == 0:
            raise BadBody(f"element {code} has no data")
        again = True
        index = 0
        while again:
            value = number(self._take(size), decimals)
            if value is not None:
                self._put(code, value, index * self.step)
            index += 1
            again = bool(self.step) and self.at < len(self.body)

    def _hour(self, code: str, data: bytes, width: int, divisor: int) -> None:
        count = len(data) // width
        for index in range(count):
            raw = data[index * width : (index + 1) * width]
            if raw != b"\xff" * width:
                self._put(code, int.from_bytes(raw, "big") / divisor, (index + 1 - count) * FIVE_MINUTES)

    def _put(self, code: str, value: float, later: int) -> None:
        self.count += 1
        if self.count > MAX_VALUES:
            raise BadBody(f"more than {MAX_VALUES} values")
        ts = None if self.time is None else self.time + later
        self.values.setdefault(ts, {})[code] = value


def _step(data: bytes) -> int:
    """Days, hours and minutes to ms."""
    digits = bcd(data)
    if digits is None or len(digits) != 6:
        raise BadBody("the time step has six digits")
    return ((int(digits[:2]) * 24 + int(digits[2:4])) * 60 + int(digits[4:])) * 60_000


def number(data: bytes, decimals: int) -> float | None:
    """BCD digits, negative after FF; None when the station had no value (all F or all A)."""
    sign = 1
    if len(data) > 1 and data[0] == 0xFF:
        sign, data = -1, data[1:]
    digits = bcd(data)
    return None if digits is None else sign * int(digits) / 10**decimals


def _ascii(body: bytes) -> Values:
    """`0003` `591011154947` and then words: ST address class, TT time, and pairs of identifier and value."""
    text = body.decode("latin-1")
    if len(text) < 16 or not text[:4].isalnum():
        raise BadBody("a report has a serial number and a time")
    time = moment(text[4:16], "%y%m%d%H%M%S")
    found: Values = {}
    words = text[16:].split()
    at = 0
    while at + 1 < len(words):
        name, value = words[at], words[at + 1]
        at += 2
        if name == "ST":
            at += at < len(words) and len(words[at]) == 1
        elif name == "TT":
            time = moment(value, "%y%m%d%H%M")
        elif (amount := _amount(value)) is not None and len(name) <= 12:
            found.setdefault(time, {})[name] = amount
        if sum(map(len, found.values())) > MAX_VALUES:
            raise BadBody(f"more than {MAX_VALUES} values")
    return found


def _amount(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
