"""Packets of MQTT 3.1.1 and 5 as bytes: fields, properties, CONNECT, and the answers. Knows no sockets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

MAX_PACKET = 256 * 1024
MAX_WORDS = 200  # bytes of a reason
CONNECT, PUBLISH, PUBACK, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 4, 8, 10, 12, 14
FLAGS = {6: 2, SUBSCRIBE: 2, UNSUBSCRIBE: 2}  # of the first byte, but PUBLISH; of all others 0
# Reason codes of MQTT 5, 2.4.
OK, MALFORMED, PROTOCOL, BAD_VERSION, BAD_ID, BAD_LOGIN, NOT_ALLOWED = 0, 0x81, 0x82, 0x84, 0x85, 0x86, 0x87
UNAVAILABLE, BUSY, STOPPING, BAD_METHOD, SILENT, TAKEN_OVER, BAD_TOPIC = 0x88, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x90
BAD_ALIAS, TOO_LARGE, QUOTA, BY_DISTRICT, BAD_PAYLOAD, NO_RETAIN = 0x94, 0x95, 0x97, 0x98, 0x99, 0x9A
NONE_THERE, BAD_FILTER, NO_QOS, NO_SHARED, NO_IDENTIFIERS = 0x11, 0x8F, 0x9B, 0x9E, 0xA1
OF_PUBACK = frozenset((BAD_TOPIC, NOT_ALLOWED, QUOTA, BAD_PAYLOAD))
"""Codes that concern one message only; by any other the line ends."""
OLD_CODES = {BAD_VERSION: 1, BAD_ID: 2, UNAVAILABLE: 3, BUSY: 3, BAD_LOGIN: 4}
"""What 3.1.1 calls a refused CONNECT; everything else is 5, not authorized."""

_BYTE, _TWO, _FOUR, _VAR, _TEXT, _BYTES, _PAIR = range(7)
_KINDS = (
    dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), _BYTE)
    | dict.fromkeys((0x13, 0x21, 0x22, 0x23), _TWO)
    | dict.fromkeys((0x02, 0x11, 0x18, 0x27), _FOUR)
    | dict.fromkeys((0x03, 0x08, 0x12, 0x15, 0x1A, 0x1C, 0x1F), _TEXT)
    | {0x0B: _VAR, 0x09: _BYTES, 0x16: _BYTES, 0x26: _PAIR}
)
EXPIRY, METHOD, PROBLEMS, RECEIVE_MAX, ALIAS, USER, LARGEST = 0x11, 0x15, 0x17, 0x21, 0x23, 0x26, 0x27
IS_TEXT, REPLY_TO, SECRET, REPLIES = 0x01, 0x08, 0x16, 0x19
OF_CONNECT = frozenset((EXPIRY, METHOD, SECRET, PROBLEMS, REPLIES, RECEIVE_MAX, 0x22, USER, LARGEST))
OF_WILL = frozenset((0x18, IS_TEXT, 0x02, 0x03, REPLY_TO, 0x09, USER))
OF_PUBLISH = frozenset((IS_TEXT, 0x02, 0x03, REPLY_TO, 0x09, ALIAS, USER))
OF_SUBSCRIBE = frozenset((0x0B, USER))
OF_ANSWER = frozenset((0x1F, USER))
OF_DISCONNECT = frozenset((EXPIRY, 0x1F, USER))


class BadFrame(ValueError):
    """A packet that breaks MQTT, or asks for what is not offered. The text is the reason that is counted; `code` is
    what MQTT 5 calls it."""

    def __init__(self, reason: str, code: int = PROTOCOL) -> None:
        super().__init__(reason)
        self.code = code


class Cut(BadFrame):
    """The packet ends before its fields do."""

    def __init__(self, reason: str = "packet is cut short") -> None:
        super().__init__(reason, MALFORMED)


class WrongVersion(BadFrame):
    """`level` is what the client speaks."""

    def __init__(self, level: int) -> None:
        super().__init__("only MQTT 3.1.1 and 5 are spoken here", BAD_VERSION)
        self.level = level


def take(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    """A length-prefixed field and where it ends."""
    if at + 2 > end:
        raise Cut
    stop = at + 2 + (data[at] << 8 | data[at + 1])
    if stop > end:
        raise Cut
    return data[at + 2 : stop], stop


def text(raw: bytes) -> str:
    try:
        found = raw.decode()
    except UnicodeDecodeError:
        raise BadFrame("text is not UTF-8", MALFORMED) from None
    if "\x00" in found:
        raise BadFrame("text holds U+0000", MALFORMED)
    return found


def published_to(topic: bytes) -> str:
    """The name of a topic that may be published to. Raises BadFrame."""
    name = text(topic)
    if not name:
        raise BadFrame("topic to publish to is empty")
    if "+" in name or "#" in name:
        raise BadFrame("topic to publish to holds a wildcard", BAD_TOPIC)
    return name


def length(data: bytes, at: int, end: int) -> tuple[int, int]:
    """(remaining length, where the packet's body starts); -1 when more bytes are needed."""
    value = 0
    for i in range(4):
        if at + i >= end:
            return -1, 0
        byte = data[at + i]
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value, at + i + 1
    raise BadFrame("a length has more than four bytes", MALFORMED)


def encode_length(value: int) -> bytes:
    out = bytearray()
    while True:
        value, byte = value >> 7, value & 127
        if not value:
            out.append(byte)
            return bytes(out)
        out.append(byte | 128)


def properties(data: bytes, at: int, end: int, allowed: frozenset[int]) -> tuple[dict[int, Any], int]:
    """The properties of a packet of MQTT 5 that starts at `at`, and where they end."""
    size, at = length(data, at, end)
    if size < 0 or at + size > end:
        raise Cut
    stop, found = at + size, dict[int, Any]()
    while at < stop:
        name = data[at]
        if name not in allowed:
            raise BadFrame(f"property 0x{name:02x} is not for this packet", MALFORMED)
        if name in found and name != USER:
            raise BadFrame(f"property 0x{name:02x} stands there twice")
        found[name], at = _value(_KINDS[name], data, at + 1, stop)
    return found, stop


def _value(kind: int, data: bytes, at: int, end: int) -> tuple[Any, int]:
    if kind == _VAR:
        value, at = length(data, at, end)
        if value < 0:
            raise Cut
        return value, at
    if kind in (_TEXT, _BYTES):
        raw, at = take(data, at, end)
        return (text(raw) if kind == _TEXT else raw), at
    if kind == _PAIR:
        key, at = take(data, at, end)
        value_of, at = take(data, at, end)
        return (text(key), text(value_of)), at
    size = {_BYTE: 1, _TWO: 2, _FOUR: 4}[kind]
    if at + size > end:
        raise Cut
    return int.from_bytes(data[at : at + size], "big"), at + size


@dataclass(slots=True)
class Connect:
    """What a client says first. `clean`: it wants nothing of an earlier session."""

    level: int
    client_id: str
    user: str
    password: str
    keep_alive: int
    clean: bool
    will: tuple[bytes, bytes] | None
    asks: dict[int, Any] = field(default_factory=dict)


def parse_connect(data: bytes, at: int, end: int) -> Connect:
    """Raises WrongVersion, or BadFrame."""
    protocol, at = take(data, at, end)
    if at + 4 > end:
        raise Cut
    level, flags = data[at], data[at + 1]
    keep_alive = data[at + 2] << 8 | data[at + 3]
    at += 4
    if protocol != b"MQTT" or level not in (4, 5):
        raise WrongVersion(level if protocol == b"MQTT" else 3)
    _check_flags(flags, five=level == 5)
    asks: dict[int, Any] = {}
    if level == 5:
        asks, at = properties(data, at, end, OF_CONNECT)
        _check_asks(asks)
    client_id, at = take(data, at, end)
    will = None
    if flags & 4:
        if level == 5:
            told, at = properties(data, at, end, OF_WILL)
            check_told(told)
        topic, at = take(data, at, end)
        message, at = take(data, at, end)
        will = (topic, message)
    user, at = take(data, at, end) if flags & 0x80 else (b"", at)
    password, at = take(data, at, end) if flags & 0x40 else (b"", at)
    if at != end:
        raise BadFrame("CONNECT has bytes left over", MALFORMED)
    secret = password.decode(errors="backslashreplace")  # any bytes; those that are no text are nobody's
    return Connect(level, text(client_id), text(user), secret, keep_alive, bool(flags & 2), will, asks)


def speaks_five(data: bytes, at: int) -> bool:
    """Whether a CONNECT is of MQTT 5, however broken what follows is."""
    return data[at : at + 7] == b"\0\4MQTT\5"


def _check_flags(flags: int, *, five: bool) -> None:
    """The flags of CONNECT. What MQTT 5 is told this server has not is refused; 3.1.1 could not know: its will is
    spoken at QoS 1 and not retained."""
    if flags & 1:
        raise BadFrame("reserved CONNECT flag is set", MALFORMED)
    if flags & 0x18 == 0x18 or (flags & 0x38 and not flags & 4):
        raise BadFrame("the flags of the will are wrong", MALFORMED)
    if five:
        if flags & 0x10:
            raise BadFrame("QoS 2 is not offered, for a will neither", NO_QOS)
        if flags & 0x20:
            raise BadFrame("retained messages are not offered, wills neither", NO_RETAIN)
    elif flags & 0x40 and not flags & 0x80:
        raise BadFrame("a password without a user name", MALFORMED)


def _check_asks(asks: dict[int, Any]) -> None:
    if asks.get(RECEIVE_MAX, 1) == 0:
        raise BadFrame("the receive maximum is 0")
    if asks.get(LARGEST, 1) == 0:
        raise BadFrame("the maximum packet size is 0")
    if asks.get(PROBLEMS, 0) > 1 or asks.get(REPLIES, 0) > 1:
        raise BadFrame("what is yes or no is neither 0 nor 1")
    if SECRET in asks and METHOD not in asks:
        raise BadFrame("authentication data without a method")


def check_told(told: dict[int, Any]) -> None:
    """The properties of PUBLISH or of a will."""
    if told.get(IS_TEXT, 0) > 1:
        raise BadFrame("the payload format indicator is neither 0 nor 1")
    if REPLY_TO in told and ("+" in told[REPLY_TO] or "#" in told[REPLY_TO]):
        raise BadFrame("the response topic holds a wildcard")


class Wish(NamedTuple):
    """One topic filter of SUBSCRIBE or UNSUBSCRIBE."""

    name: str
    qos: int


def parse_filters(kind: int, data: bytes, at: int, end: int, *, five: bool) -> tuple[bytes, list[Wish]]:
    """(packet identifier, filters)."""
    if at + 2 >= end:
        raise Cut
    packet, at = data[at : at + 2], at + 2
    if packet == b"\0\0":
        raise BadFrame("packet identifier is 0")
    if five:
        asks, at = properties(data, at, end, OF_SUBSCRIBE)
        if 0x0B in asks:
            raise BadFrame("subscription identifiers are not offered", NO_IDENTIFIERS)
    wishes = []
    while at < end:
        raw, at = take(data, at, end)
        if not raw:
            raise BadFrame("a topic filter is empty", MALFORMED)
        qos = 0
        if kind == SUBSCRIBE:
            if at >= end:
                raise Cut
            options, at = data[at], at + 1
            qos = options & 3
            if qos == 3 or options & (0xC0 if five else 0xFC) or options & 0x30 == 0x30:
                raise BadFrame("subscription options are wrong", MALFORMED)
        wishes.append(Wish(text(raw), qos))
    if not wishes:
        raise BadFrame("no topic filter")
    return packet, wishes


def connack(code: int, *, five: bool, said: bytes = b"") -> bytes:
    """The answer to CONNECT; `said` are properties of MQTT 5."""
    if not five:
        return bytes((0x20, 2, 0, OLD_CODES.get(code, 5) if code else 0))
    body = bytes((0, code)) + encode_length(len(said)) + said
    return b"\x20" + encode_length(len(body)) + body


def welcome(asks: dict[int, Any], assigned: str) -> bytes:
    """What this server tells MQTT 5 about itself: QoS 1 at most, nothing retained, no kept sessions, no identifiers, no
    sharing."""
    said = b"\x24\x01\x25\x00" + b"\x27" + MAX_PACKET.to_bytes(4, "big") + b"\x29\x00\x2a\x00"
    if asks.get(EXPIRY):
        said += b"\x11\0\0\0\0"
    if assigned:
        said += b"\x12" + len(assigned).to_bytes(2, "big") + assigned.encode()
    return said


def reasoned(head: bytes, packet: bytes, code: int, reason: str) -> bytes:
    """PUBACK or DISCONNECT of MQTT 5 with a reason code, and in words when `reason` is given."""
    body = packet + bytes((code,)) + reason_string(reason)
    return head + encode_length(len(body)) + body


def in_words(reason: str) -> bytes:
    """The property of an answer of MQTT 5 that is its reason in words; nothing without one."""
    if not reason:
        return b""
    words = reason.encode()[:MAX_WORDS].decode("utf-8", "ignore").encode()
    return b"\x1f" + len(words).to_bytes(2, "big") + words


def reason_string(reason: str) -> bytes:
    """The properties of an answer of MQTT 5: its reason in words, or none."""
    said = in_words(reason)
    return encode_length(len(said)) + said
