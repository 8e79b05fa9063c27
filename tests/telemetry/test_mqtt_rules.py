"""What the standards of MQTT say of packets that break them, over real sockets; the numbers in brackets are theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from tests.telemetry.gatewaykit import Kit, gateway, row

from linli.engines.nats import Nats
from linli.telemetry.gateway import frames
from linli.telemetry.gateway.frames import encode_length

pytestmark = pytest.mark.engines
Run = Callable[..., Any]
T, A, RPC = "v1/devices/me/telemetry", "v1/devices/me/attributes", "v1/devices/me/rpc/request/+"
DEVICE = row("A", "token-a")


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return len(raw).to_bytes(2, "big") + raw


def pack(first: int, body: bytes) -> bytes:
    return bytes((first,)) + encode_length(len(body)) + body


def hello(
    level: int = 4, flags: int = 0x82, asks: bytes = b"", will: bytes = b"", user: bytes = b"token-a", rest: bytes = b""
) -> bytes:  # fmt: skip
    told = encode_length(len(asks)) + asks if level == 5 else b""
    return pack(0x10, text("MQTT") + bytes((level, flags)) + b"\0\x3c" + told + text("abc") + will + text(user) + rest)


def publish(
    topic: str | bytes, *, first: int = 0x32, told: bytes | None = None, payload: bytes = b'{"level":1}'
) -> bytes:
    """`told`: properties of MQTT 5."""
    number = b"\0\x07" if first & 6 else b""
    properties = b"" if told is None else encode_length(len(told)) + told
    return pack(first, text(topic) + number + properties + payload)


def subscribe(*wishes: tuple[str, int], five: bool = False) -> bytes:
    return pack(0x82, b"\0\x03" + (b"\0" if five else b"") + b"".join(text(n) + bytes((o,)) for n, o in wishes))


def unsubscribe(*names: str) -> bytes:
    return pack(0xA2, b"\0\x04\0" + b"".join(text(name) for name in names))


class Line:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, kit: Kit, *packets: bytes) -> Line:
        line = cls(*await asyncio.open_connection("127.0.0.1", kit.mqtt))
        line.writer.write(b"".join(packets))
        return line

    async def next(self, seconds: float = 5) -> tuple[int, bytes]:
        """(first byte, body) of the next packet; (0, b"") when the line is closed."""
        async with asyncio.timeout(seconds):
            try:
                first = (await self.reader.readexactly(1))[0]
                size, shift = 0, 0
                while (byte := (await self.reader.readexactly(1))[0]) > 127:
                    size, shift = size | (byte & 127) << shift, shift + 7
                return first, await self.reader.readexactly(size | byte << shift)
            except (asyncio.IncompleteReadError, ConnectionError):
                return 0, b""

    async def entered(self) -> bytes:
        """The properties of CONNACK."""
        first, body = await self.next()
        assert first == 0x20 and body[1] == 0, body
        return body[2:]


def play(broker: Nats, run: Run, act: Callable[[Kit], Any]) -> None:
    async def go() -> None:
        async with gateway(broker, [DEVICE]) as kit:
            await act(kit)

    run(go())


CUT: dict[str, bytes] = {
    "PINGREQ with a body": b"\xc0\x01x",
    "PINGREQ with flags [2.2.2-2]": b"\xc1\0",
    "PUBACK with flags [2.2.2-2]": b"\x41\x02\0\x01",
    "DISCONNECT with a body": b"\xe0\x01\0",
    "an empty filter [4.7.3-1]": subscribe(("", 0)),
    "DUP at QoS 0 [3.3.1-2]": publish(T, first=0x38),
    "an empty topic [4.7.3-1]": publish(""),
    "a topic that is no text [3.3.2-1]": publish(b"\xff"),
}
NO_CONNECT: dict[str, bytes] = {
    "a password without a user name [3.1.2-22]": hello(flags=0x42),
    "QoS of no will [3.1.2-13]": hello(flags=0x8A),
    "no will is retained [3.1.2-15]": hello(flags=0xA2),
    "a will of QoS 3 [3.1.2-14]": hello(flags=0x9E, will=text(T) + text("{}")),
}


def test_3_1_1_is_cut_off(broker: Nats, run: Run) -> None:
    async def act(kit: Kit) -> None:
        for name, packet in CUT.items():
            line = await Line.to(kit, hello(), packet)
            await line.entered()
            assert await line.next() == (0, b""), name
        for name, packet in NO_CONNECT.items():
            assert await (await Line.to(kit, packet)).next() == (0, b""), name

    play(broker, run, act)


PARTED: dict[str, tuple[bytes, int]] = {
    "QoS 3": (publish(T, first=0x36, told=b""), frames.MALFORMED),
    "QoS 2 [3.2.2-11]": (publish(T, first=0x34, told=b""), frames.NO_QOS),
    "retained [3.2.2-14]": (publish(T, first=0x33, told=b""), frames.NO_RETAIN),
    "an alias [3.3.2-9]": (publish(T, told=b"\x23\0\x01"), frames.BAD_ALIAS),
    "an empty topic": (publish("", told=b""), frames.PROTOCOL),
    "a topic that is no text": (publish(b"\xff", told=b""), frames.MALFORMED),
    "payload format 2": (publish(T, told=b"\x01\x02"), frames.PROTOCOL),
    "an answer to a wildcard [3.3.2-14]": (publish(T, told=b"\x08" + text("a/+")), frames.PROTOCOL),
    "DUP at QoS 0": (publish(T, first=0x38, told=b""), frames.MALFORMED),
    "an empty filter": (subscribe(("", 0), five=True), frames.MALFORMED),
    "PINGREQ with a body": (b"\xc0\x01x", frames.MALFORMED),
    "PUBREL with flags": (b"\x60\x02\0\x01", frames.MALFORMED),
    "DISCONNECT to another server": (pack(0xE0, b"\0\x04\x1c" + text("x")), frames.MALFORMED),
}


def test_5_is_parted_with_the_code(broker: Nats, run: Run) -> None:
    async def act(kit: Kit) -> None:
        for name, (packet, code) in PARTED.items():
            line = await Line.to(kit, hello(5), packet)
            await line.entered()
            first, body = await line.next()
            assert (first, body[0]) == (0xE0, code), (name, first, body)
            assert await line.next() == (0, b""), name

    play(broker, run, act)


REFUSED: dict[str, tuple[bytes, int]] = {
    "receive maximum 0": (hello(5, asks=b"\x21\0\0"), frames.PROTOCOL),
    "maximum packet size 0": (hello(5, asks=b"\x27\0\0\0\0"), frames.PROTOCOL),
    "problem information 2": (hello(5, asks=b"\x17\x02"), frames.PROTOCOL),
    "response information 2": (hello(5, asks=b"\x19\x02"), frames.PROTOCOL),
    "data without a method": (hello(5, asks=b"\x16\0\x01x"), frames.PROTOCOL),
    "an expiry twice": (hello(5, asks=b"\x11\0\0\0\x01" * 2), frames.PROTOCOL),
    "a property of PUBLISH": (hello(5, asks=b"\x23\0\x01"), frames.MALFORMED),
    "the reserved flag": (hello(5, flags=0x83), frames.MALFORMED),
    "a will of QoS 2 [3.2.2-12]": (hello(5, flags=0x96, will=b"\0" + text(T) + text("{}")), frames.NO_QOS),
    "a retained will [3.2.2-13]": (hello(5, flags=0xA6, will=b"\0" + text(T) + text("{}")), frames.NO_RETAIN),
    "a stranger": (hello(5, user=b"nobody"), frames.NOT_ALLOWED),
}


def test_5_is_refused_by_connack_in_words_and_by_nothing_else(broker: Nats, run: Run) -> None:
    async def act(kit: Kit) -> None:
        for name, (packet, code) in REFUSED.items():
            line = await Line.to(kit, packet)
            first, body = await line.next()
            assert (first, body[:2]) == (0x20, bytes((0, code))) and body[3] == 0x1F and len(body) > 8, (name, body)
            assert await line.next() == (0, b""), name
        quiet = await Line.to(kit, hello(5, asks=b"\x17\0", user=b"other"))
        assert await quiet.next() == (0x20, bytes((0, frames.NOT_ALLOWED, 0))), "no words for who wants none"

    play(broker, run, act)


def test_any_bytes_may_be_a_password(broker: Nats, run: Run) -> None:
    """In both versions; a wrong one is a wrong one, and no broken packet."""

    async def act(kit: Kit) -> None:
        for level, code in ((4, 5), (5, frames.NOT_ALLOWED)):
            line = await Line.to(kit, hello(level, 0xC2, user=b"nobody", rest=text(b"\xff\xfe\0")))
            first, body = await line.next()
            assert (first, body[1]) == (0x20, code)

    play(broker, run, act)


def test_what_is_offered_is_announced(broker: Nats, run: Run) -> None:
    async def act(kit: Kit) -> None:
        told = await (await Line.to(kit, hello(5))).entered()
        assert told[1:5] == b"\x24\x01\x25\x00" and told.endswith(b"\x29\x00\x2a\x00")

    play(broker, run, act)


def test_subscriptions_are_replaced_and_let_go_one_by_one(broker: Nats, run: Run) -> None:
    async def act(kit: Kit) -> None:
        answers = ("v1/devices/me/attributes/response/+", "v1/devices/me/rpc/response/+")
        wishes = [(answers[0], 0), (answers[1], 1), (RPC, 1), ("$share/g/" + A, 0)]
        line = await Line.to(kit, hello(5), subscribe(*wishes, five=True), subscribe((RPC, 0), five=True))
        await line.entered()
        assert await line.next() == (0x90, b"\0\x03\0\0\x01\x01" + bytes((frames.NO_SHARED,)))
        assert await line.next() == (0x90, b"\0\x03\0\0")
        source: Any = kit.gateway.source
        source.commands.append((7, DEVICE.device_id, "open", None, True))
        kit.gateway.talk.look([kit.gateway.registry.by_code["A"]], again=False)
        first, _ = await line.next()
        assert first == 0x30, "QoS 0, as it was asked for last [3.8.4-3]"
        line.writer.write(unsubscribe(answers[0], A, answers[1], answers[1]))
        assert await line.next() == (0xB0, b"\0\x04\0\0\x11\0\x11")

    play(broker, run, act)


def test_nothing_larger_than_the_client_takes_is_sent(broker: Nats, run: Run) -> None:
    async def act(kit: Kit) -> None:
        line = await Line.to(kit, hello(5, asks=b"\x27\0\0\0\x40"), subscribe((A, 1), (RPC, 1), five=True))
        await line.entered()
        await line.next()
        device = kit.gateway.registry.by_code["A"]
        (session,) = device.sessions.values()
        session.tell_attributes({"a": "x" * 28})  # a packet of 65 bytes [3.1.2-24]
        session.command(1, "x" * 40, None, lambda: None)
        assert not session.in_flight, "its place is free"  # type: ignore[attr-defined]
        assert "as large as that" in device.error
        session.tell_attributes({"a": "x" * 27})
        first, body = await line.next()
        assert first == 0x30 and len(body) == 62
        line.writer.write(publish(T, told=b"", payload=b"nonsense"))
        assert await line.next() == (0x40, b"\0\x07" + bytes((frames.BAD_PAYLOAD, 0))), "no words [3.4.2-2]"

    play(broker, run, act)


@pytest.mark.parametrize(("code", "spoken"), [(b"", False), (b"\0", False), (b"\x04", True), (b"\x80", True)])
def test_the_will_is_spoken_unless_all_is_well(broker: Nats, run: Run, code: bytes, spoken: bool) -> None:
    """[3.14.4-3]: only the code 0 takes it back."""

    async def act(kit: Kit) -> None:
        will = b"\0" + text("v2/t") + text('{"level": 3}')
        line = await Line.to(kit, hello(5, 0x86, will=will), pack(0xE0, code))
        await line.entered()
        assert await line.next() == (0, b"")
        found: Sequence[Any] = await kit.stored(1, 3 if spoken else 1)
        assert [v for *_, v, _ in found] == ([3.0] if spoken else [])

    play(broker, run, act)
