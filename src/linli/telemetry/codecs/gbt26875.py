"""GB/T 26875.3-2011: fire panels of buildings, through their user information transmission device.

    @@ | serial 2 | version 2 | time 6 | source 6 | destination 6 | length 2 | command 1 | data | sum 1 | ##

Numbers are little-endian; the time runs second, minute, hour, day, month, year. A station's number is its source
address as twelve digits, the highest byte first; a component's is that, `/` and its eight-digit address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from linli.telemetry.codecs.framing import GARBAGE, Broken, Decoder, Sample, Turn, digits_of, moment, seek

NAME = "gbt26875"
MAX_DATA = 1024
CONTROL, SEND, CONFIRM, REQUEST, REPLY, DENY = 1, 2, 3, 4, 5, 6
SYSTEM, COMPONENT, ANALOG, OPERATION, DEVICE, DEVICE_OPERATION = 1, 2, 3, 4, 21, 24
_SIZES = {SYSTEM: 4, COMPONENT: 40, ANALOG: 10, OPERATION: 4, DEVICE: 1, DEVICE_OPERATION: 2}  # without the time
_SILENT = frozenset((5, 6, 7, 8, 25, 26, 28))  # versions, settings and clocks: confirmed, not kept
_HEAD = 27


@dataclass(frozen=True, slots=True)
class Packet:
    serial: int
    version: bytes
    time: bytes
    source: bytes
    destination: bytes
    command: int
    data: bytes = b""

    @property
    def number(self) -> str:
        return self.source[::-1].hex()


def encode(packet: Packet) -> bytes:
    body = (
        packet.serial.to_bytes(2, "little") + packet.version + packet.time + packet.source + packet.destination
        + len(packet.data).to_bytes(2, "little") + bytes((packet.command,)) + packet.data
    )  # fmt: skip
    return b"@@" + body + bytes((sum(body) & 0xFF,)) + b"##"


class PanelDecoder(Decoder[Packet]):
    def _next(self, data: bytes, at: int) -> tuple[Packet | Broken | None, int]:
        start, skip = seek(data, b"@@", at)
        if skip:
            return GARBAGE, at + skip
        if start < 0 or len(data) < start + _HEAD:
            return None, at
        head = data[start : start + _HEAD]
        length = int.from_bytes(head[24:26], "little")
        if length > MAX_DATA:
            return Broken("too-long", f"a data unit of {length} bytes"), start + 1
        stop = start + _HEAD + length
        if len(data) < stop + 3:
            return None, at
        if data[stop + 1 : stop + 3] != b"##":
            return Broken("length", "no ## where the length says"), start + 1
        if sum(data[start + 2 : stop]) & 0xFF != data[stop]:
            return Broken("checksum", "sum is wrong"), start + 1
        return (
            Packet(
                int.from_bytes(head[2:4], "little"), head[4:6], head[6:12], head[12:18], head[18:24], head[26],
                data[start + _HEAD : stop],
            ),
            stop + 3,
        )  # fmt: skip


def time_of(raw: bytes) -> int | None:
    """Six bytes, second first, to ms UTC."""
    return None if max(raw) > 99 else moment("".join(f"{part:02}" for part in raw[::-1]), "%y%m%d%H%M%S")


def time_bytes(ms: int) -> bytes:
    digits = digits_of(ms, "%S%M%H%d%m%y")
    return bytes(int(digits[i : i + 2]) for i in range(0, 12, 2))


def samples(packet: Packet) -> tuple[Sample, ...] | str:
    """The information objects of a packet, or why they cannot be read."""
    if len(packet.data) < 2:
        return "the data unit is empty"
    kind, count = packet.data[0], packet.data[1]
    if kind in _SILENT:
        return ()
    if kind not in _SIZES:
        return f"information of type {kind} is not read here"
    step = _SIZES[kind] + 6
    if len(packet.data) != 2 + count * step:
        return f"{count} objects of type {kind} do not have {len(packet.data) - 2} bytes"
    return tuple(_objects(kind, packet.data[2:], step, packet.number))


def _objects(kind: int, data: bytes, step: int, number: str) -> Iterator[Sample]:
    for at in range(0, len(data), step):
        one = data[at : at + step]
        ts = time_of(one[-6:])
        if kind == SYSTEM:
            yield Sample(ts, (("system", float(int.from_bytes(one[2:4], "little"))),))
        elif kind == OPERATION:
            yield Sample(ts, (("operation", float(one[2])),))
        elif kind in (DEVICE, DEVICE_OPERATION):
            yield Sample(ts, (("device" if kind == DEVICE else "device-operation", float(one[0])),))
        else:
            part = f"{number}/{one[3:7][::-1].hex()}"
            if kind == COMPONENT:
                yield Sample(ts, (("component", float(int.from_bytes(one[7:9], "little"))),), part=part)
            else:
                value = float(int.from_bytes(one[8:10], "little", signed=True))
                yield Sample(ts, ((f"analog-{one[7]}", value),), part=part)


def answer(packet: Packet, command: int, now: int) -> bytes:
    """The centre's confirmation or denial of a packet."""
    return encode(
        Packet(packet.serial, packet.version, time_bytes(now), packet.destination, packet.source, command)
    )  # fmt: skip


class Talk:
    """One connection's conversation."""

    name = NAME

    def __init__(self, now: Callable[[], int]) -> None:
        self.decoder = PanelDecoder()
        self._now = now

    def turn(self, packet: Packet) -> Turn:
        if packet.command != SEND:
            return Turn(packet.number)
        found = samples(packet)
        confirm, deny = (answer(packet, command, self._now()) for command in (CONFIRM, DENY))
        if isinstance(found, str):
            return Turn(packet.number, refusal=deny, note=found)
        return Turn(packet.number, samples=found, reply=confirm, refusal=deny)
