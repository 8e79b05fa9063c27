"""What the codecs share: finding frames in a stream of bytes, giving up on broken ones, check sums, local time.

A codec never raises for what a device sent. A frame that cannot be read is a `Broken` in its place among the others;
reading goes on at the next beginning of a frame. After `MAX_BROKEN` broken ones in a row a decoder is `dead`: it takes
no more, and its connection should be closed. So neither time nor memory grows with what a stranger sends.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Generic, TypeVar

MAX_BROKEN = 32
CHINA = timezone(timedelta(hours=8))
"""All four protocols tell Beijing time."""
Frame = TypeVar("Frame")


@dataclass(frozen=True, slots=True)
class Broken:
    """Bytes that are no frame. `code` is garbage, header, length, escape, checksum, cut or too-long."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Sample:
    """Values of one moment. `ts` is ms UTC, or None when the frame tells no time (or an impossible one)."""

    ts: int | None
    values: tuple[tuple[str, float], ...]
    doubtful: bool = False  # the device itself says that these are no measurements: fault, calibration, maintenance
    part: str = ""  # the number of a part of the station, such as one smoke detector of a panel


@dataclass(frozen=True, slots=True)
class Turn:
    """What one frame asks of the gateway: to know the station, to store the samples, and then to send `reply`."""

    number: str
    secret: str = ""
    samples: tuple[Sample, ...] = ()
    reply: bytes = b""
    refusal: bytes = b""  # sent instead when the station is unknown or its samples are not taken
    enters: bool = True  # the frame tells who it is; another one is good only after such a one
    position: bool = False  # tells where a vehicle is
    note: str = ""  # what could not be read or is not kept; nothing of the frame is stored
    close: bool = False


class Decoder(Generic[Frame]):
    """Feeds on pieces of a stream. Whatever the pieces, the same bytes give the same items."""

    def __init__(self) -> None:
        self._rest = b""
        self._garbage = False  # told once until the next good frame
        self._broken = 0
        self.dead = False

    @property
    def waiting(self) -> bool:
        """Whether the beginning of a frame is held that has not ended."""
        return bool(self._rest)

    def feed(self, data: bytes) -> list[Frame | Broken]:
        """What is whole by now."""
        return self._run(self._rest + data)

    def idle(self) -> list[Frame | Broken]:
        """Nothing came for a while: give up on the frame that has not ended, and look at what it held back."""
        out: list[Frame | Broken] = []
        while self._rest and not self.dead:
            rest, self._rest = self._rest, b""
            self._tell(Broken("cut", "the frame does not end"), out)
            out += self._run(rest[1:])
        return out

    def _run(self, data: bytes) -> list[Frame | Broken]:
        out: list[Frame | Broken] = []
        at = 0
        while not self.dead:
            item, end = self._next(data, at)
            if item is None and end == at:
                break
            at = end
            if item is not None:
                self._tell(item, out)
        self._rest = b"" if self.dead else data[at:]
        return out

    def _tell(self, item: Frame | Broken, out: list[Frame | Broken]) -> None:
        if isinstance(item, Broken):
            if item.code == "garbage" and self._garbage:
                return
            self._garbage = True
            self._broken += 1
            self.dead = self._broken >= MAX_BROKEN
        else:
            self._garbage, self._broken = False, 0
        out.append(item)

    def _next(self, data: bytes, at: int) -> tuple[Frame | Broken | None, int]:
        """The next item and where to go on; (None, at) when more bytes are needed."""
        raise NotImplementedError


GARBAGE = Broken("garbage", "bytes between frames")


def seek(data: bytes, mark: bytes, at: int) -> tuple[int, int]:
    """(where `mark` begins or -1, how many bytes from `at` cannot belong to it)."""
    start = data.find(mark, at)
    if start >= 0:
        return start, start - at
    keep = 1 if len(mark) == 2 and len(data) > at and data[-1] == mark[0] else 0
    return -1, len(data) - at - keep


def _table() -> tuple[int, ...]:
    found = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
        found.append(value)
    return tuple(found)


_T = _table()


def crc_modbus(data: bytes) -> int:
    """CRC-16/MODBUS, as SL 651 has it."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _T[(crc ^ byte) & 0xFF]
    return crc


def crc_hj212(data: bytes) -> int:
    """HJ 212's own: the byte goes onto the high half of the register, and the low half is dropped."""
    crc = 0xFFFF
    for byte in data:
        crc = _T[crc >> 8 ^ byte]
    return crc


def bcd(data: bytes) -> str | None:
    """The digits, or None when a half byte is none."""
    text = data.hex()
    return text if text.isdecimal() else None


def moment(digits: str | None, form: str) -> int | None:
    """Beijing time in digits to ms UTC; None when there is no such moment."""
    try:
        return int(datetime.strptime(digits or "", form).replace(tzinfo=CHINA).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def digits_of(ms: int, form: str) -> str:
    """ms UTC to Beijing time in digits."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(CHINA).strftime(form)
