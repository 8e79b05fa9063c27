"""JT/T 808-2013 and -2019: terminals of vehicles. `7E … 7E`, escapes 7D 01 and 7D 02, XOR check sum.

The number of a terminal is the phone number in its head, without leading zeros. It says who it is by 0100 (register,
which answers with a code) or 0102 (that code); what comes before is refused. Positions: `Turn.position`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from hmac import compare_digest
from operator import xor

from linli.telemetry.codecs.framing import GARBAGE, Broken, Decoder, Sample, Turn, bcd, moment

NAME = "jtt808"
MAX_FRAME = 1_100  # after unescaping: 1,023 of body, head and check sum
GENERAL, HEARTBEAT, LOGOUT, REGISTER, ENTER, LOCATION, BATCH = 0x0001, 0x0002, 0x0003, 0x0100, 0x0102, 0x0200, 0x0704
ANSWER, REGISTERED = 0x8001, 0x8100
DONE, FAILED, WRONG, UNSUPPORTED = 0, 1, 2, 3
NO_TERMINAL = 4  # result of 0x8100
MAX_BATCH = 100


@dataclass(frozen=True, slots=True)
class Packet:
    """One message. `version` is 0 for 2013, else the protocol version of the 2019 head."""

    kind: int
    phone: str
    serial: int
    body: bytes = b""
    version: int = 0
    encrypted: bool = False
    packets: int = 0
    number: int = 0


def encode(packet: Packet) -> bytes:
    flags = len(packet.body) | (0x4000 if packet.version else 0) | (0x2000 if packet.packets else 0)
    head = packet.kind.to_bytes(2, "big") + (flags | 0x0400 * packet.encrypted).to_bytes(2, "big")
    if packet.version:
        head += bytes((packet.version,))
    head += bytes.fromhex(packet.phone.zfill(20 if packet.version else 12)) + packet.serial.to_bytes(2, "big")
    if packet.packets:
        head += packet.packets.to_bytes(2, "big") + packet.number.to_bytes(2, "big")
    data = head + packet.body
    data += bytes((reduce(xor, data),))
    return b"\x7e" + data.replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02") + b"\x7e"


def parse(chunk: bytes) -> Packet | Broken:
    """What stands between two 7E."""
    data = _unescape(chunk)
    if data is None:
        return Broken("escape", "7D is followed by neither 01 nor 02")
    if len(data) < 13:
        return Broken("length", "shorter than a head")
    if reduce(xor, data):
        return Broken("checksum", "XOR is wrong")
    flags = int.from_bytes(data[2:4], "big")
    newer, split = bool(flags & 0x4000), bool(flags & 0x2000)
    at = 4 + newer
    stop = at + (10 if newer else 6)
    end = stop + 2 + (4 if split else 0)
    if len(data) < end + 1 or len(data) - end - 1 != flags & 0x03FF:
        return Broken("length", "the body is not as long as the head says")
    phone = bcd(data[at:stop])
    if phone is None or (newer and not data[4]):
        return Broken("header", "the phone number is not made of digits" if phone is None else "version 0")
    packets, number = (
        (int.from_bytes(data[stop + 2 : stop + 4], "big"), int.from_bytes(data[stop + 4 : end], "big"))
        if split
        else (0, 0)
    )
    if split and not packets:
        return Broken("header", "a message of 0 packets")
    return Packet(
        int.from_bytes(data[:2], "big"), phone.lstrip("0"), int.from_bytes(data[stop : stop + 2], "big"), data[end:-1],
        data[4] if newer else 0, bool(flags & 0x1C00), packets, number,
    )  # fmt: skip


def _unescape(chunk: bytes) -> bytes | None:
    if chunk.count(b"\x7d") != chunk.count(b"\x7d\x01") + chunk.count(b"\x7d\x02"):
        return None
    return chunk.replace(b"\x7d\x02", b"\x7e").replace(b"\x7d\x01", b"\x7d")


class TerminalDecoder(Decoder[Packet]):
    """Every 7E both ends and begins: terminals that send one between two frames are read as well."""

    def __init__(self) -> None:
        super().__init__()
        self._lost = True  # until the first 7E, and within a frame that is too long

    def _next(self, data: bytes, at: int) -> tuple[Packet | Broken | None, int]:
        stop = data.find(b"\x7e", at)
        if self._lost:
            if stop < 0:
                return (GARBAGE, len(data)) if len(data) > at else (None, at)
            self._lost = False
            return (GARBAGE, stop + 1) if stop > at else (None, stop + 1)
        if stop == at:
            return None, at + 1
        if (stop if stop >= 0 else len(data)) - at > 2 * MAX_FRAME:
            self._lost = True
            return Broken("too-long", f"more than {2 * MAX_FRAME} bytes without 7E"), at + 2 * MAX_FRAME
        if stop < 0:
            return None, at
        return parse(data[at:stop]), stop + 1


def location(body: bytes) -> Sample | None:
    """The sample of a position report; None when it is cut short. Without a fix it holds no position."""
    if len(body) < 28:
        return None
    alarm, status, lat, lon = (int.from_bytes(body[i : i + 4], "big") for i in range(0, 16, 4))
    altitude = int.from_bytes(body[16:18], "big", signed=True)
    speed, direction = (int.from_bytes(body[i : i + 2], "big") for i in (18, 20))
    values: dict[str, float] = {"alarm": float(alarm), "status": float(status)}
    if status & 2 and lat <= 90_000_000 and lon <= 180_000_000:
        values |= {
            "lat": (-lat if status & 4 else lat) / 1e6, "lon": (-lon if status & 8 else lon) / 1e6,
            "altitude": float(altitude), "speed": speed / 10, "direction": float(direction),
        }  # fmt: skip
    at = 28
    while at + 2 <= len(body):
        kind, size = body[at], body[at + 1]
        raw = body[at + 2 : at + 2 + size]
        if len(raw) < size:
            return None
        if size in (1, 2, 4):
            values[f"x{kind:02X}"] = float(int.from_bytes(raw, "big"))
        at += 2 + size
    return Sample(moment(bcd(body[22:28]), "%y%m%d%H%M%S"), tuple(values.items()))


def batch(body: bytes) -> tuple[Sample, ...] | None:
    """The samples of 0704, or None when it cannot be read whole."""
    if len(body) < 3:
        return None
    count, at = int.from_bytes(body[:2], "big"), 3
    found = []
    while at < len(body) and len(found) < MAX_BATCH:
        size = int.from_bytes(body[at : at + 2], "big")
        one = location(body[at + 2 : at + 2 + size])
        if one is None or len(body) < at + 2 + size:
            return None
        found.append(one)
        at += 2 + size
    return tuple(found) if len(found) == count and at == len(body) else None


def terminal_id(packet: Packet) -> str | None:
    """What a registration says of the terminal itself."""
    at, size = (45, 30) if packet.version else (29, 7)
    if not packet.version and len(packet.body) < 37:
        at = 17  # 2011: the model has 8 bytes
    raw = packet.body[at : at + size]
    return raw.strip(b"\x00 ").decode("gb18030", "replace") if len(raw) == size else None


def code_of(packet: Packet) -> str:
    """The code that 0102 brings back."""
    if packet.version and packet.body:
        return packet.body[1 : 1 + packet.body[0]].decode("gb18030", "replace")
    return packet.body.decode("gb18030", "replace")


class Talk:
    """One connection's conversation. `code_for(phone, terminal)` gives the code, the same at every gateway; it begins
    with the terminal's own id and a dot, so that 0102 says both."""

    name = NAME

    def __init__(self, now: Callable[[], int], code_for: Callable[[str, str], str]) -> None:
        self.decoder = TerminalDecoder()
        self._code_for = code_for
        self._serial = -1

    def turn(self, packet: Packet) -> Turn:
        phone = packet.phone
        if packet.kind == GENERAL:
            return Turn(phone, enters=False)
        if packet.packets or packet.encrypted:
            note = "messages in several packets and encrypted ones are not read"
            return Turn(phone, enters=False, refusal=self._answer(packet, UNSUPPORTED), note=note)
        if packet.kind == REGISTER:
            return self._register(packet)
        if packet.kind == ENTER:
            code = code_of(packet)
            terminal = code.rpartition(".")[0]
            failed = self._answer(packet, FAILED)
            if not compare_digest(code.encode(), self._code_for(phone, terminal).encode()):
                return Turn(phone, enters=False, refusal=failed, note="the code is wrong")
            return Turn(phone, terminal, reply=self._answer(packet, DONE), refusal=failed)
        done, failed = self._answer(packet, DONE), self._answer(packet, FAILED)
        if packet.kind in (LOCATION, BATCH):
            one = location(packet.body) if packet.kind == LOCATION else None
            found = (one,) if one else batch(packet.body) if packet.kind == BATCH else None
            if found is None:
                wrong = self._answer(packet, WRONG)
                return Turn(phone, enters=False, refusal=wrong, note="the position report cannot be read")
            return Turn(phone, samples=found, reply=done, refusal=failed, enters=False, position=True)
        if packet.kind in (HEARTBEAT, LOGOUT):
            return Turn(phone, reply=done, refusal=failed, enters=False, close=packet.kind == LOGOUT)
        note = f"message {packet.kind:04X} is not read here"
        return Turn(phone, enters=False, refusal=self._answer(packet, UNSUPPORTED), note=note)

    def _register(self, packet: Packet) -> Turn:
        terminal = terminal_id(packet)
        if terminal is None:
            refusal = self._answer(packet, WRONG)
            return Turn(packet.phone, enters=False, refusal=refusal, note="the registration cannot be read")
        code = self._code_for(packet.phone, terminal).encode()
        return Turn(
            packet.phone, terminal, reply=self._registered(packet, DONE, code),
            refusal=self._registered(packet, NO_TERMINAL),
        )  # fmt: skip

    def _answer(self, packet: Packet, result: int) -> bytes:
        body = packet.serial.to_bytes(2, "big") + packet.kind.to_bytes(2, "big") + bytes((result,))
        return self._encode(packet, ANSWER, body)

    def _registered(self, packet: Packet, result: int, code: bytes = b"") -> bytes:
        return self._encode(packet, REGISTERED, packet.serial.to_bytes(2, "big") + bytes((result,)) + code)

    def _encode(self, packet: Packet, kind: int, body: bytes) -> bytes:
        self._serial = (self._serial + 1) & 0xFFFF
        return encode(Packet(kind, packet.phone, self._serial, body, packet.version))
