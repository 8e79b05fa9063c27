"""Who is not known to this gateway is asked for once before it is refused; a flood of bad credentials asks little."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import paho.mqtt.client as paho
import pytest
from django.db import connection, connections
from tests.telemetry.gatewaykit import Kit, gateway, row
from tests.telemetry.test_joining import Guest, enters, profile
from tests.telemetry.test_mqtt5 import Five

from linli.devices.models import Credential, ProvisioningProfile
from linli.engines.nats import Nats
from linli.kernel import clock
from linli.telemetry.gateway import frames, newcomers
from linli.telemetry.gateway.registry import PostgresSource
from linli.telemetry.mqtt_client import MqttClient, Refused, connect_packet

pytestmark = pytest.mark.engines
Run = Callable[..., Any]
__all__ = ["profile"]  # a fixture


@pytest.fixture
def two(broker: Nats, run: Run, key: bytes) -> Callable[[Callable[[Kit, Kit], None]], None]:
    """`play` runs beside two gateways of one district, to which no news comes."""

    def apart(play: Callable[[Kit, Kit], None], one: Kit, other: Kit) -> None:
        try:
            play(one, other)
        finally:
            connections.close_all()  # this thread's

    async def go(play: Callable[[Kit, Kit], None]) -> None:
        at = connection.settings_dict
        url = f"postgresql://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
        sources = [PostgresSource(url), PostgresSource(url)]
        try:
            async with gateway(broker, [], sources[0], key) as one, gateway(broker, [], sources[1], key) as other:
                await asyncio.to_thread(apart, play, one, other)
        finally:
            for source in sources:
                if source._db is not None:
                    await source._db.close()

    return lambda play: run(go(play))


def post(kit: Kit, token: str) -> int:
    url = f"http://127.0.0.1:{kit.http}/api/v1/{token}/telemetry"
    return httpx.post(url, json={"level": 1}, trust_env=False, timeout=20).status_code


@pytest.mark.django_db(transaction=True)
def test_a_device_registers_at_one_gateway_and_comes_to_the_other(two: Any, profile: ProvisioningProfile) -> None:
    def play(one: Kit, other: Kit) -> None:
        guest = Guest(one)
        made = [guest.ask(deviceName=f"N-{n}")["credentialsValue"] for n in range(3)]
        basic = guest.ask(deviceName="N-b", credentialsType="MQTT_BASIC", clientId="c", password="p" * 20)
        guest.close()
        five = Five(other, made[0])
        assert five.code == 0 and five.say("v1/devices/me/telemetry", b'{"level": 1}') == (0, "")
        five.close()
        assert enters(other, "N-1", made[1]), "the device's code and its token"
        assert post(other, made[2]) == 200
        login = basic["credentialsValue"]
        assert enters(other, login["userName"], login["password"], client_id="c")
        assert not enters(other, login["userName"], login["password"], client_id="d")
        assert other.gateway.newcomers.questions == 5 and enters(other, made[0])
        assert other.gateway.newcomers.questions == 5, "who is known is not asked for"

    two(play)


@pytest.mark.django_db(transaction=True)
def test_what_does_not_hold_is_not_let_in_by_asking(two: Any, profile: ProvisioningProfile) -> None:
    def play(one: Kit, other: Kit) -> None:
        guest = Guest(one)
        made = [guest.ask(deviceName=f"N-{n}")["credentialsValue"] for n in range(2)]
        guest.close()
        Credential.objects.filter(device__code="N-0").update(revoked_at=clock.now())
        Credential.objects.filter(device__code="N-1").update(expires_at=clock.now())
        assert not enters(other, made[0]) and not enters(other, made[1]) and post(other, made[0]) == 401

    two(play)


def played(broker: Nats, run: Run, play: Callable[[Kit], Any]) -> None:
    async def go() -> None:
        async with gateway(broker, [row("A", "token-a")]) as kit:
            await play(kit)

    run(go())


async def comes(kit: Kit, token: str) -> int:
    """The code of CONNACK."""
    reader, writer = await asyncio.open_connection("127.0.0.1", kit.mqtt)
    writer.write(connect_packet(uuid.uuid4().hex, token))
    try:
        return (await asyncio.wait_for(reader.readexactly(4), 15))[3]
    finally:
        writer.close()


def test_a_flood_asks_little_and_hinders_nobody_who_is_known(broker: Nats, run: Run) -> None:
    async def play(kit: Kit) -> None:
        waiting = kit.gateway.newcomers
        begun = time.monotonic()
        flood = [asyncio.ensure_future(comes(kit, f"bad-{n}")) for n in range(400)]
        await asyncio.sleep(0.05)
        assert await comes(kit, "token-a") == 0
        codes = await asyncio.gather(*flood)
        assert set(codes) <= {5, 3} and codes.count(5) >= newcomers.MAX_PEER
        assert waiting.questions <= 1 + (time.monotonic() - begun) / newcomers.PAUSE_S
        assert not waiting.waiting and codes.count(3) == kit.gateway.refusals["unknown-busy"]
        before = waiting.questions
        assert await comes(kit, f"bad-{codes.index(5)}") == 5 and waiting.questions == before, "not asked for again"

    played(broker, run, play)


def test_too_many_at_once_are_told_so(broker: Nats, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newcomers, "MAX_PEER", 3)

    async def play(kit: Kit) -> None:
        answer = asyncio.Event()
        source: Any = kit.gateway.source
        whose = source.whose

        async def slow(hashes: list[bytes]) -> Any:
            await answer.wait()
            return await whose(hashes)

        source.whose = slow
        source.rows.append(row("B", "token-b"))
        first = [asyncio.ensure_future(comes(kit, token)) for token in ("token-b", "bad-1", "bad-2")]
        await asyncio.sleep(0.3)
        assert await comes(kit, "bad-3") == 3, "at once, and no word on who it is"
        assert await comes(kit, "token-a") == 0
        assert await asyncio.to_thread(post, kit, "bad-4") == 503
        answer.set()
        assert await asyncio.gather(*first) == [0, 5, 5]

    played(broker, run, play)


def test_nobody_waits_for_long(broker: Nats, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newcomers, "WAIT_S", 0.4)

    async def play(kit: Kit) -> None:
        source: Any = kit.gateway.source
        asked: list[int] = []

        async def never(hashes: list[bytes]) -> Any:
            asked.append(len(hashes))
            await asyncio.Event().wait()

        source.whose = never
        begun = time.monotonic()
        five = await asyncio.to_thread(Five, kit, "bad-1")
        assert five.code == frames.BUSY and time.monotonic() - begun < 3 and "looked up" in five.told.ReasonString
        five.close()
        assert await asyncio.to_thread(post, kit, "bad-2") == 503
        with pytest.raises(Refused, match="code 3"):
            await MqttClient("127.0.0.1", kit.mqtt, "bad-3").connect()
        assert asked == [1], "one question at a time"

    played(broker, run, play)


def test_who_leaves_while_it_waits_is_forgotten(broker: Nats, run: Run) -> None:
    async def play(kit: Kit) -> None:
        source: Any = kit.gateway.source
        answer = asyncio.Event()
        whose = source.whose

        async def slow(hashes: list[bytes]) -> Any:
            await answer.wait()
            return await whose(hashes)

        source.whose = slow
        source.rows.append(row("B", "token-b"))
        _, writer = await asyncio.open_connection("127.0.0.1", kit.mqtt)
        writer.write(connect_packet("x", "token-b"))
        await asyncio.sleep(0.2)
        writer.transport.abort()
        await asyncio.sleep(0.2)
        answer.set()
        assert await comes(kit, "token-b") == 0
        for _ in range(50):
            await asyncio.sleep(0.05)
            if not kit.gateway.registry.by_code["B"].sessions:
                break
        assert not kit.gateway.registry.by_code["B"].sessions and not kit.gateway.connections

    played(broker, run, play)


def test_what_comes_behind_connect_waits_too(broker: Nats, run: Run) -> None:
    """A client need not wait for CONNACK before it speaks."""

    async def play(kit: Kit) -> None:
        source: Any = kit.gateway.source
        source.rows.append(row("B", "token-b"))
        reader, writer = await asyncio.open_connection("127.0.0.1", kit.mqtt)
        writer.write(connect_packet("x", "token-b") + b"\xc0\0")
        assert await asyncio.wait_for(reader.readexactly(6), 5) == b"\x20\x02\0\0\xd0\0"
        writer.close()

    played(broker, run, play)


def test_many_who_are_new_come_at_once(broker: Nats, run: Run) -> None:
    """A few questions let them all in."""

    async def play(kit: Kit) -> None:
        source: Any = kit.gateway.source
        source.rows += [row(f"N{n}", f"new-{n}") for n in range(90)]
        assert set(await asyncio.gather(*(comes(kit, f"new-{n}") for n in range(90)))) == {0}
        assert kit.gateway.newcomers.questions < 20
        with ThreadPoolExecutor(1) as pool:
            one = paho.Client(paho.CallbackAPIVersion.VERSION2)
            one.username_pw_set("new-1")
            assert await asyncio.get_running_loop().run_in_executor(pool, one.connect, "127.0.0.1", kit.mqtt) == 0
            one.disconnect()

    played(broker, run, play)
