"""SL 651-2014: rain, river and flood stations. Frames in HEX/BCD (7E 7E) and in ASCII (01), with confirmations.

    7E7E | centre 1 | station 5 | password 2 | function 1 | direction, length 2 | 02 | body | 03 | CRC 2

An ASCII frame begins with 01 and has the same fields as hexadecimal characters. Downwards the station comes before the
centre. What is in a body: `sl651_body`. Pictures and frames in several packets are refused: see `Talk.turn`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from linli.telemetry.codecs.framing import GARBAGE, Broken, Decoder, Turn, crc_modbus, digits_of
from linli.telemetry.codecs.sl651_body import BadBody, samples

NAME = "sl651"
STX, ETX, EOT, ENQ, ACK, NAK, SYN, ETB, ESC = 0x02, 0x03, 0x04, 0x05, 0x06, 0x15, 0x16, 0x17, 0x1B
KEEP_ALIVE, PICTURE = 0x2F, 0x36
_REPORTS = frozenset((0x30, 0x31, 0x32, 0x33, 0x34, 0x35))
_ENDS = frozenset((ETX, EOT, ENQ, ACK, NAK, ETB, ESC))
_HEX_DIGITS = frozenset(b"0123456789ABCDEFabcdef")
_HEX_HEAD, _ASCII_HEAD = 14, 24  # up to and with STX


@dataclass(frozen=True, slots=True)
class Packet:
    """One frame. `packets` is 0, or the number of packets of the whole of which this is `number`."""

    ascii: bool
    down: bool
    centre: int
    station: str
    password: str
    function: int
    body: bytes
    end: int = ETX
    packets: int = 0
    number: int = 0


def encode(packet: Packet) -> bytes:
    centre, station = f"{packet.centre:02X}", packet.station
    many = f"{packet.packets:03X}{packet.number:03X}" if packet.packets else ""
    extra = (len(many) if packet.ascii else len(many) // 2) if many else 0
    head = (
        (station + centre if packet.down else centre + station)
        + packet.password
        + f"{packet.function:02X}{0x8000 * packet.down | len(packet.body) + extra:04X}"
    )
    start = bytes((SYN if packet.packets else STX,))
    if packet.ascii:
        data = b"\x01" + head.encode() + start + many.encode() + packet.body + bytes((packet.end,))
        return data + b"%04X" % crc_modbus(data)
    data = b"\x7e\x7e" + bytes.fromhex(head) + start + bytes.fromhex(many) + packet.body + bytes((packet.end,))
    return data + crc_modbus(data).to_bytes(2, "big")


class StationDecoder(Decoder[Packet]):
    def _next(self, data: bytes, at: int) -> tuple[Packet | Broken | None, int]:
        if at >= len(data):
            return None, at
        if data[at] == 0x01:
            return self._ascii(data, at)
        if data[at] == 0x7E:
            if len(data) < at + 2:
                return None, at
            if data[at + 1] == 0x7E:
                return self._hex(data, at)
        starts = [found for mark in (b"\x01", b"\x7e") if (found := data.find(mark, at + 1)) >= 0]
        return GARBAGE, min(starts, default=len(data))

    def _hex(self, data: bytes, at: int) -> tuple[Packet | Broken | None, int]:
        if len(data) < at + _HEX_HEAD:
            return None, at
        start = data[at + 13]
        if start not in (STX, SYN):
            return Broken("header", "no STX or SYN after the head"), at + 1
        length = int.from_bytes(data[at + 11 : at + 13], "big") & 0x0FFF
        for extra in (0, 3) if start == SYN else (0,):  # stations differ on whether SYN's own three bytes count
            stop = at + _HEX_HEAD + length + extra
            if len(data) < stop + 3:
                return None, at
            if data[stop] not in _ENDS:
                continue
            if crc_modbus(data[at : stop + 1]) == int.from_bytes(data[stop + 1 : stop + 3], "big"):
                return _packet(data[at + 2 : at + 13].hex().upper(), start, data[at + 14 : stop], data[stop]), stop + 3
            if start == STX:
                return Broken("checksum", "CRC is wrong"), at + 1
        return Broken("length" if start == STX else "checksum", "no end of text where the length says"), at + 1

    def _ascii(self, data: bytes, at: int) -> tuple[Packet | Broken | None, int]:
        head = data[at + 1 : at + _ASCII_HEAD - 1]
        if not _HEX_DIGITS.issuperset(head):
            return GARBAGE, at + 1
        if len(data) < at + _ASCII_HEAD:
            return None, at
        start = data[at + 23]
        if start not in (STX, SYN):
            return Broken("header", "no STX or SYN after the head"), at + 1
        length = int(head[18:22], 16) & 0x0FFF
        for extra in (0, 6) if start == SYN else (0,):
            stop = at + _ASCII_HEAD + length + extra
            if len(data) < stop + 5:
                return None, at
            if data[stop] not in _ENDS:
                continue
            if data[stop + 1 : stop + 5].upper() == b"%04X" % crc_modbus(data[at : stop + 1]):
                text = head.decode().upper()
                return _packet(text, start, data[at + _ASCII_HEAD : stop], data[stop], ascii=True), stop + 5
            if start == STX:
                return Broken("checksum", "CRC is wrong"), at + 1
        return Broken("length" if start == STX else "checksum", "no end of text where the length says"), at + 1


def _packet(head: str, start: int, body: bytes, end: int, ascii: bool = False) -> Packet | Broken:
    down = int(head[18], 16) >= 8
    centre, station = (head[10:12], head[:10]) if down else (head[:2], head[2:12])
    packets = number = 0
    if start == SYN:
        size = 6 if ascii else 3
        text = body[:size].decode("latin-1") if ascii else body[:size].hex()
        try:
            packets, number = int(text[:3], 16), int(text[3:6], 16)
        except ValueError:
            return Broken("header", "the number of packets cannot be read")
        body = body[size:]
    return Packet(ascii, down, int(centre, 16), station, head[12:16], int(head[16:18], 16), body, end, packets, number)


def answer(packet: Packet, end: int, now: int) -> bytes:
    """The centre's reply to a report: the same serial number, our time; ESC leaves the station on line, EOT ends."""
    time = digits_of(now, "%y%m%d%H%M%S")
    body = packet.body[:4] + time.encode() if packet.ascii else packet.body[:2] + bytes.fromhex(time)
    return encode(
        Packet(packet.ascii, True, packet.centre, packet.station, packet.password, packet.function, body, end)
    )  # fmt: skip


class Talk:
    """One connection's conversation. A report that cannot be kept is not confirmed: the station keeps it."""

    name = NAME

    def __init__(self, now: Callable[[], int]) -> None:
        self.decoder = StationDecoder()
        self._now = now

    def turn(self, packet: Packet) -> Turn:
        number, password = packet.station, packet.password
        if packet.down or packet.function == KEEP_ALIVE:
            return Turn(number, password)
        if packet.function == PICTURE or packet.packets:
            return Turn(number, password, note="pictures and reports in several packets are not kept")
        refusal = answer(packet, EOT, self._now()) if packet.function not in _REPORTS else b""
        if packet.function not in _REPORTS:
            return Turn(number, password, refusal=refusal, note=f"function {packet.function:02X} is not read here")
        try:
            found = samples(packet.body, packet.function, ascii=packet.ascii)
        except BadBody as error:
            return Turn(number, password, note=str(error))
        return Turn(number, password, found, answer(packet, ESC, self._now()))
