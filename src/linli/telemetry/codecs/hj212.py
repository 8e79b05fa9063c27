"""HJ 212-2017 (and 2005): air, noise, dust and waste water stations. ASCII frames over TCP.

    ## 0101 QN=…;ST=…;CN=…;PW=…;MN=…;Flag=…;CP=&&DataTime=…;a34004-Rtd=…,a34004-Flag=N&& 1C80 CR LF

A value's code for the mapping is what stands before `=` (`a34004-Rtd`); statistics have their command before it
(`2051:a34004-Avg`), since the mean of a minute, an hour and a day are three things that may end at one moment.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from linli.telemetry.codecs.framing import GARBAGE, Broken, Decoder, Sample, Turn, crc_hj212, moment, seek

NAME = "hj212"
MAX_DATA = 4096  # the standard says 1,024; some stations send more
REAL_TIME, STATUS = "2011", "2021"
_GOOD = frozenset(("", "N", "n"))
_ANSWERS = frozenset(("9011", "9012", "9013", "9014"))
_OWN = (("QN", 32), ("ST", 4), ("CN", 6), ("PW", 16), ("MN", 40), ("Flag", 3), ("PNUM", 4), ("PNO", 4))
WRONG_NUMBER = 4  # QnRtn: MN or PW is not known


@dataclass(frozen=True, slots=True)
class Message:
    """One data segment; `cp` is what stands between the two `&&`."""

    qn: str
    st: str
    cn: str
    pw: str
    mn: str
    flag: int
    cp: str
    pnum: int = 0
    pno: int = 0

    @property
    def wants_answer(self) -> bool:
        return bool(self.flag & 1)


def encode(message: Message) -> bytes:
    """The frame of a message."""
    parts = f"PNUM={message.pnum};PNO={message.pno};" if message.flag & 2 else ""
    text = (
        f"QN={message.qn};ST={message.st};CN={message.cn};PW={message.pw};MN={message.mn};Flag={message.flag};"
        f"{parts}CP=&&{message.cp}&&"
    )
    data = text.encode("gb18030")
    return b"##%04d%b%04X\r\n" % (len(data), data, crc_hj212(data))


def parse(data: bytes) -> Message | Broken:
    """The message of a data segment whose check sum is right."""
    text = data.decode("gb18030", "replace")
    head, found, tail = text.partition("CP=&&")
    if not found or not tail.endswith("&&"):
        return Broken("header", "no CP=&&…&&")
    fields = dict(pair.partition("=")[::2] for pair in head.split(";") if pair)
    for name, limit in _OWN:
        if len(fields.get(name, "")) > limit:
            return Broken("header", f"{name} is too long")
    if not fields.get("MN") or not fields.get("CN"):
        return Broken("header", "MN or CN is missing")
    numbers = []
    for name in ("Flag", "PNUM", "PNO"):
        digits = fields.get(name) or "0"
        if not (digits.isascii() and digits.isdecimal()):
            return Broken("header", f"{name} is not a number")
        numbers.append(int(digits))
    flag, pnum, pno = numbers
    return Message(
        fields.get("QN", ""), fields.get("ST", ""), fields["CN"], fields.get("PW", ""), fields["MN"], flag,
        tail[:-2], pnum, pno,
    )  # fmt: skip


class HjDecoder(Decoder[Message]):
    def _next(self, data: bytes, at: int) -> tuple[Message | Broken | None, int]:
        start, skip = seek(data, b"##", at)
        if skip:
            return GARBAGE, at + skip
        if start < 0 or len(data) < start + 6:
            return None, at
        digits = data[start + 2 : start + 6]
        if not digits.isdigit():
            return Broken("header", "## is not followed by a length"), start + 1
        length = int(digits)
        if length > MAX_DATA:
            return Broken("too-long", f"a data segment of {length} bytes"), start + 2
        stop = start + 6 + length
        # The data segment holds no line end: one that comes early shows a wrong length before the missing bytes come.
        early = data.find(b"\r\n", start + 6, min(stop + 4, len(data)))
        if early >= 0:
            return Broken("length", "the frame ends before its length"), start + 2
        if len(data) < stop + 6:
            return None, at
        if data[stop + 4 : stop + 6] != b"\r\n":
            return Broken("length", "no line end where the length says"), start + 2
        body = data[start + 6 : stop]
        if data[stop : stop + 4].upper() != b"%04X" % crc_hj212(body):
            return Broken("checksum", "CRC is wrong"), start + 2
        return parse(body), stop + 6


def samples(message: Message, time_before: int | None = None) -> tuple[Sample, ...]:
    """The values of an upload. `time_before` is the time of an earlier part of the same upload."""
    ts = data_time(message)
    ts = time_before if ts is None else ts
    prefix = "" if message.cn in (REAL_TIME, STATUS) else f"{message.cn}:"
    good: list[tuple[str, float]] = []
    doubtful: list[tuple[str, float]] = []
    for group in message.cp.split(";"):
        fields = [pair.partition("=")[::2] for pair in group.split(",")]
        flags = {name[:-5]: value for name, value in fields if name.endswith("-Flag")}
        for name, value in fields:
            number = _number(value)
            code, _, kind = name.partition("-")
            if number is None or not kind or kind in ("Flag", "SampleTime") or len(name) > 40:
                continue
            (good if flags.get(code, "") in _GOOD else doubtful).append((prefix + name, number))
    found = (Sample(ts, tuple(good)), Sample(ts, tuple(doubtful), doubtful=True))
    return tuple(sample for sample in found if sample.values)


def data_time(message: Message) -> int | None:
    for group in message.cp.split(";"):
        if group.startswith("DataTime="):
            return moment(group[9:23], "%Y%m%d%H%M%S")
    return None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def answer(message: Message, cn: str, cp: str = "") -> bytes:
    """A reply of the centre to a message."""
    return encode(Message(message.qn, "91", cn, message.pw, message.mn, 4, cp))


class Talk:
    """One connection's conversation."""

    name = NAME

    def __init__(self, now: Callable[[], int]) -> None:
        self.decoder = HjDecoder()
        self._parts: tuple[str, int | None] = ("", None)

    def turn(self, message: Message) -> Turn:
        if message.cn in _ANSWERS:
            return Turn(message.mn, message.pw)
        wants = message.wants_answer
        refusal = answer(message, "9011", f"QnRtn={WRONG_NUMBER}") if wants else b""
        if message.cn[0] != "2":
            reply = answer(message, "9013") if wants else b""
            return Turn(message.mn, message.pw, reply=reply, refusal=refusal)
        reply = answer(message, "9014") if wants else b""
        key = f"{message.mn}/{message.cn}/{message.qn}"
        before = self._parts[1] if message.pnum > 1 and self._parts[0] == key else None
        found = samples(message, before)
        own = data_time(message)
        self._parts = (key, before if own is None else own)
        return Turn(message.mn, message.pw, found, reply, refusal)
