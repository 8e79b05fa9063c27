"""Stations over TCP, seen by clients that know only their protocol: real sockets, the real gateway, a real NATS."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import generate_latest
from tests.telemetry.gatewaykit import Kit, gateway, row
from tests.telemetry.test_codecs import FIRE_COMPONENT, JT_POSITION

from linli.devices.contracts import PROTOCOLS, RegistryRow
from linli.engines.nats import Nats
from linli.engines.testing import some_port
from linli.telemetry import stream
from linli.telemetry.batch import CLAMPED, CODED, DOUBTFUL, NO_TIME, PRIVATE
from linli.telemetry.codecs import gbt26875, hj212, jtt808, sl651
from linli.telemetry.codecs.all import NAMES, ports
from linli.telemetry.codecs.framing import digits_of
from linli.telemetry.gateway import metrics, stations
from linli.telemetry.mapping import load
from linli.telemetry.mqtt_client import MqttClient, Refused

pytestmark = pytest.mark.engines
Run = Callable[..., Any]
PHONE = "13305189341"


@pytest.fixture
def doors(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    found = {name: some_port() for name in NAMES}
    monkeypatch.setenv("LINLI_TCP_PORTS", ",".join(f"{name}={port}" for name, port in found.items()))
    return found


def now() -> int:
    return int(time.time()) * 1000


def hj(cp: str, *, mn: str = "MN1", pw: str = "123456", cn: str = "2011", flag: int = 5) -> bytes:
    time_ = digits_of(now(), "%Y%m%d%H%M%S")
    return hj212.encode(hj212.Message(time_ + "000", "22", cn, pw, mn, flag, f"DataTime={time_};{cp}"))


class Client:
    """A socket with a decoder of its own for the replies."""

    def __init__(self, port: int, decoder: Any) -> None:
        self.port, self.decoder = port, decoder

    async def __aenter__(self) -> Client:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def reply(self, seconds: float = 10) -> Any:
        """The next frame, or None when the connection ends."""
        async with asyncio.timeout(seconds):
            while data := await self.reader.read(4096):
                if items := self.decoder.feed(data):
                    (item,) = items
                    return item
        return None

    async def ask(self, data: bytes) -> Any:
        self.send(data)
        return await self.reply()


AIR = row("AIR", "token-a", model="air_station", properties={}, stations=[("hj212", "MN1", "123456")])


def device(kit: Kit, code: str) -> Any:
    return next(d for d in kit.gateway.registry.devices.values() if d.code == code)


def test_the_names_are_the_same_everywhere() -> None:
    assert set(NAMES) == set(PROTOCOLS) - {"outside"} == set(load()), "outside: the numbers of platforms, which push"
    assert ports("hj212=5001, sl651=5002") == {"hj212": 5001, "sl651": 5002} and ports("") == {}
    for wrong in ("modbus=1", "hj212", "hj212=0", "hj212=70000", "hj212=1,hj212=2", "hj212=1,sl651=1", "hj212=x"):
        with pytest.raises(ValueError):
            ports(wrong)


def test_hj212_is_answered_when_it_is_stored(broker: Nats, run: Run, doors: dict[str, int]) -> None:
    async def go() -> None:
        async with gateway(broker, [AIR]) as kit, Client(doors["hj212"], hj212.HjDecoder()) as c:
            moment = now()
            cp = "a34004-Rtd=35.5,a34004-Flag=N;a01006-Rtd=101.3,a01006-Flag=N;a01001-Rtd=9,a01001-Flag=D;w01018-Rtd=7"
            os.kill(broker_pid(broker), signal.SIGSTOP)
            try:
                c.send(hj(cp))
                with pytest.raises(TimeoutError):
                    await c.reply(0.7)
                assert kit.gateway.points == 4
            finally:
                os.kill(broker_pid(broker), signal.SIGCONT)
            answer = await c.reply()
            assert (answer.cn, answer.mn, answer.st) == ("9014", "MN1", "91")
            found = {p: (ts, v, f) for _, p, ts, v, f in await kit.stored(4)}
            assert {p: (v, f) for p, (_, v, f) in found.items()} == {
                "pm25": (35.5, 0), "pressure": (1013.0, 0), "w01018-Rtd": (7.0, 0), "temperature": (9.0, DOUBTFUL),
            }  # fmt: skip
            assert all(abs(ts - moment) < 5_000 for ts, _, _ in found.values())
            for byte in hj("a34004-Rtd=36"):
                c.send(bytes((byte,)))
                await asyncio.sleep(0)
            assert (await c.reply()).cn == "9014"
            c.send(hj("a34004-Rtd=37", flag=4))  # wants no answer
            assert (await c.ask(hj("PolId=x", cn="1013"))).cn == "9013"
            assert device(kit, "AIR").sessions
            assert [v for _, _, _, v, _ in await kit.stored(6)][4:] == [36.0, 37.0]

    run(go())


def broker_pid(broker: Nats) -> int:
    assert broker.child is not None
    return broker.child.pid


def test_strangers_are_refused_and_seen(
    broker: Nats, run: Run, doors: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    async def go() -> None:
        off = row("OFF", "token-o", enabled=False, stations=[("hj212", "MN9", "")])
        async with gateway(broker, [AIR, off]) as kit:
            async with Client(doors["hj212"], hj212.HjDecoder()) as c:
                for one in (hj("a=1", mn="STRANGE1"), hj("a=1", pw="654321"), hj("a=1", mn="MN9"), hj("a=1", mn="mn1")):
                    answer = await c.ask(one)
                    assert (answer.cn, answer.cp) == ("9011", "QnRtn=4")
                assert (await c.ask(hj("a=1", mn="STRANGE1"))).cn == "9011"
                assert await c.reply() is None
            assert kit.gateway.refusals["unknown-station"] == 5 and kit.gateway.points == 0
            told = [r.getMessage() for r in caplog.records if "no enabled device" in r.getMessage()]
            assert len(told) == 4 and "…NGE1" in told[0] and "STRANGE1" not in str(told)
            # What is written on the box opens no other door.
            with pytest.raises(Refused):
                await MqttClient("127.0.0.1", kit.mqtt, "MN1").connect()
            text = generate_latest(metrics.registry(kit.gateway)).decode()
            assert 'linli_gateway_refused_total{reason="unknown-station"} 5.0' in text
            assert 'linli_gateway_tcp_frames_total{protocol="hj212"} 5.0' in text

    with caplog.at_level(logging.WARNING, "linli.gateway"):
        run(go())


def test_what_cannot_be_kept_is_told_at_the_device(broker: Nats, run: Run, doors: dict[str, int]) -> None:
    async def go() -> None:
        async with gateway(broker, [AIR]) as kit, Client(doors["hj212"], hj212.HjDecoder()) as c:
            assert (await c.ask(hj("a34004-Rtd=1;a34004-Zzz=3"))).cn == "9014"
            assert "no mapping names a34004-Zzz" in device(kit, "AIR").error
            assert (await c.ask(hj("a\0\n-Zzz=3"))).cn == "9014"
            assert "names a??-Zzz" in device(kit, "AIR").error  # Postgres takes no U+0000
            assert (await c.ask(hj("a\0-Rtd=3"))).cn == "9011" and kit.gateway.refusals["bad-name"] == 1
            damaged = hj("a34004-Rtd=2").replace(b"Rtd", b"Rtx")
            assert (await c.ask(damaged + hj("a34004-Rtd=3"))).cn == "9014"
            assert "checksum" in device(kit, "AIR").error and kit.gateway.refusals["tcp-checksum"] == 1
            assert [v for *_, v, _ in await kit.stored(2)] == [1.0, 3.0]
            too_many = ";".join(f"x{i}-Rtd=1" for i in range(150))
            await c.ask(hj(too_many))
            refused = await c.ask(hj(too_many.replace("x", "y")))
            assert refused.cn == "9011" and kit.gateway.refusals["too-many-names"] == 1
            c.send(b"##0100" * 40)
            assert (await c.ask(b"\r\n" + b"##zz" * 40)) is None
            await asyncio.sleep(0.05)
            assert not device(kit, "AIR").sessions and not kit.gateway.connections

    run(go())


def test_sl651_confirms_and_leaves_the_station_on_line(broker: Nats, run: Run, doors: dict[str, int]) -> None:
    async def go() -> None:
        hydro = row("HY", "token-h", model="hydro_station", properties={}, stations=[("sl651", "0012345678", "1234")])
        async with gateway(broker, [hydro]) as kit, Client(doors["sl651"], sl651.StationDecoder()) as c:
            time_ = digits_of(now(), "%y%m%d%H%M%S")
            body = bytes.fromhex(f"0007{time_}F1F1001234567848F0F0{time_[:10]}3923000012342019000105452000000002")
            frame = sl651.encode(sl651.Packet(False, False, 1, "0012345678", "1234", 0x32, body))
            reply = await c.ask(frame)
            assert reply.down and reply.end == sl651.ESC and reply.body[:2] == b"\x00\x07"
            found = {p: (v, f) for _, p, _, v, f in await kit.stored(4)}
            assert found == {
                "stage": (1.234, 0), "rain_day": (10.5, 0), "mains_off": (0.0, CODED), "battery_low": (1.0, CODED),
            }  # fmt: skip
            text = sl651.Packet(True, False, 1, "0012345678", "1234", 0x32, f"0008{time_} Z 2.5".encode())
            assert (await c.ask(sl651.encode(text))).ascii
            c.send(sl651.encode(sl651.Packet(False, False, 1, "0012345678", "9999", 0x32, body)))  # another password
            c.send(sl651.encode(sl651.Packet(False, False, 1, "0012345678", "1234", 0x36, body)))  # a picture
            assert (await c.ask(frame)).body[:2] == b"\x00\x07"
            assert kit.gateway.refusals["unknown-station"] == 1 and "pictures" in device(kit, "HY").error

    run(go())


def test_gbt26875_panels_and_their_parts(broker: Nats, run: Run, doors: dict[str, int]) -> None:
    panel = row("P", "token-p", model="fire_panel", properties={}, stations=[("gbt26875", "000000000379", "")])
    part = ("gbt26875", "000000000379/0002000a", "")
    smoke = row("S", "token-s", model="smoke_detector", properties={}, stations=[part])

    async def go(rows: list[RegistryRow], expected: tuple[str, str, float]) -> None:
        async with gateway(broker, rows) as kit, Client(doors["gbt26875"], gbt26875.PanelDecoder()) as c:
            reply = await c.ask(FIRE_COMPONENT)
            assert reply.command == gbt26875.CONFIRM and reply.serial == 1
            assert [(d, p, v) for d, p, _, v, _ in await kit.stored(1)] == [expected]
            source = bytes.fromhex("790300000000")
            time_ = gbt26875.time_bytes(now())
            for state, fire in ((0x0003, 1.0), (0x0001, 0.0)):
                data = b"\x01\x01\x01\x01" + state.to_bytes(2, "little") + time_
                packet = gbt26875.Packet(2, b"\x01\x01", time_, source, bytes(6), gbt26875.SEND, data)
                assert (await c.ask(gbt26875.encode(packet))).command == gbt26875.CONFIRM
                kit.start = (await stream.bounds(kit.nc))[1]
                last = {(d, p): v for d, p, _, v, _ in await kit.stored(5)}
                assert len(last) == 5 and last["P", "fire"] == fire and last["P", "fault"] == 0
            bad = gbt26875.Packet(3, b"\x01\x01", time_, source, bytes(6), gbt26875.SEND, b"\xc8\x01x")
            assert (await c.ask(gbt26875.encode(bad))).command == gbt26875.DENY
            assert "type 200" in device(kit, "P").error
            stranger = gbt26875.Packet(3, b"\x01\x01", time_, b"\x01" * 6, bytes(6), gbt26875.SEND, b"")
            assert (await c.ask(gbt26875.encode(stranger))).command == gbt26875.DENY

    run(go([panel, smoke], ("S", "alarm", 1.0)))
    run(go([panel], ("P", "fire", 1.0)))  # a part without a device of its own raises the panel's


def terminal(kind: int, body: bytes, phone: str = PHONE, serial: int = 1, version: int = 0) -> bytes:
    return jtt808.encode(jtt808.Packet(kind, phone, serial, body, version))


def registration(terminal_id: str) -> bytes:
    return (
        bytes(4)
        + b"LINLI"
        + b"M".ljust(20, b"\0")
        + terminal_id.encode().ljust(7, b"\0")
        + b"\x01"
        + "皖A1".encode("gbk")
    )


def test_jtt808_registers_enters_and_reports(broker: Nats, run: Run, doors: dict[str, int]) -> None:
    body = jtt808.parse(JT_POSITION[1:-1]).body  # type: ignore[union-attr]
    position = body[:4] + b"\0\0\0\3" + body[8:22] + bytes.fromhex(digits_of(now(), "%y%m%d%H%M%S")) + body[28:]

    async def go() -> None:
        truck = row("T", "token-t", model="duty_vehicle", subject="vehicle", properties={},
                    stations=[("jtt808", PHONE, "T000007")])  # fmt: skip
        fixed = row("F", "token-f", stations=[("jtt808", "13800000000", "")])
        async with gateway(broker, [truck, fixed]) as kit:
            async with Client(doors["jtt808"], jtt808.TerminalDecoder()) as c:
                assert (await c.ask(terminal(0x0200, position))).body[-1] == 1  # has not said who it is
                refused = await c.ask(terminal(0x0100, registration("WRONG")))
                assert refused.kind == 0x8100 and refused.body == b"\x00\x01\x04"
                reply = await c.ask(terminal(0x0100, registration("T000007")))
                assert reply.kind == 0x8100 and reply.body[2] == 0
                code = reply.body[3:]
            async with Client(doors["jtt808"], jtt808.TerminalDecoder()) as c:
                assert (await c.ask(terminal(0x0102, b"T000007.guessed"))).body[-1] == 1
                assert (await c.ask(terminal(0x0102, code))).body[-1] == 0
                assert (await c.ask(terminal(0x0002, b""))).body[-1] == 0
                reply = await c.ask(terminal(0x0200, position, serial=9))
                assert reply.body.hex() == "0009020000"
                found = {p: v for _, p, _, v, _ in await kit.stored(9)}
                assert found["lat"] == 12.222222 and found["ignition"] == 1 and found["sos"] == 1
                assert {f & PRIVATE for *_, f in await kit.stored(9)} == {PRIVATE}
                assert found["odometer"] == 10.0 and found["fuel"] == 12.5 and "x03" not in found
                assert (await c.ask(terminal(0x0003, b""))).body[-1] == 0 and await c.reply() is None
            async with Client(doors["jtt808"], jtt808.TerminalDecoder()) as c:
                await c.ask(terminal(0x0100, registration("any"), "13800000000"))
                reply = await c.ask(terminal(0x0200, position, "13800000000"))
                assert reply.body[-1] == 1 and kit.gateway.refusals["position-of-no-vehicle"] == 1
            assert {d for d, *_ in await kit.stored(10, seconds=1)} == {"T"}

    run(go())


def test_a_second_connection_takes_over_and_a_lost_number_is_out(broker: Nats, run: Run, doors: dict[str, int]) -> None:
    async def go() -> None:
        rows = [AIR]
        async with gateway(broker, rows) as kit:
            async with (
                Client(doors["hj212"], hj212.HjDecoder()) as one,
                Client(doors["hj212"], hj212.HjDecoder()) as two,
            ):
                assert (await one.ask(hj("a34004-Rtd=1"))).cn == "9014"
                assert (await two.ask(hj("a34004-Rtd=2"))).cn == "9014"
                assert await one.reply() is None
                rows[0] = row("AIR", "token-a", model="air_station")
                await kit.gateway.refresh()
                assert (await two.ask(hj("a34004-Rtd=3"))).cn == "9011"
            assert [v for *_, v, _ in await kit.stored(3, seconds=1)] == [1.0, 2.0]

    run(go())


def test_limits(broker: Nats, run: Run, doors: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stations, "QUIET_S", 0.2)
    monkeypatch.setattr(stations, "BURST_BYTES", 20_000.0)

    async def go() -> None:
        async with gateway(broker, [AIR]) as kit, Client(doors["hj212"], hj212.HjDecoder()) as c:
            c.send(b"##0100QN=" + hj("a34004-Rtd=1"))  # the first never ends; the second waits behind it
            assert (await c.reply(3)).cn == "9014"
            old = hj("a34004-Rtd=4").replace(digits_of(now(), "%Y").encode(), b"1999")
            old = hj212.encode(
                hj212.Message("1", "22", "2011", "123456", "MN1", 5, "DataTime=19990101000000;a34004-Rtd=4")
            )
            assert (await c.ask(old)).cn == "9014"
            assert [f for *_, f in await kit.stored(2)][1] == NO_TIME | CLAMPED
            for _ in range(300):
                c.send(hj("a34004-Rtd=5", flag=4))
            await asyncio.sleep(0.5)
            assert kit.gateway.refusals["slowed-down"] >= 1
            (connection,) = kit.gateway.connections
            connection.paused, connection.heard = 0, connection.heard - 2_000
            kit.gateway.sweep()
            assert kit.gateway.refusals["keep-alive"] == 1

    run(go())
