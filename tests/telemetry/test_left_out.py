"""Sessions that are open when their credential is taken back: closed within seconds by every gateway that holds one,
and MQTT 5 hears the reason. Real gateways, PostgreSQL, relay, NATS and sockets; the services do what happens."""

from __future__ import annotations

import asyncio
import queue
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as paho
import pytest
from django.db import connection, connections
from tests.certificates import certificate
from tests.devices.conftest import person
from tests.telemetry.gatewaykit import Kit, gateway
from tests.telemetry.test_gateway_doors import certificate as server_certificate
from tests.telemetry.test_joining import AREA, Guest
from tests.telemetry.test_mqtt5 import Five, T
from tests.telemetry.test_talk import Peer

from linli.devices import contracts
from linli.devices.models import Device, ProvisioningProfile, ThingModel
from linli.devices.services import credentials, devices, provisioning
from linli.engines import process
from linli.engines.nats import Nats
from linli.engines.testing import some_port
from linli.kernel.relay import Relay
from linli.telemetry.gateway import frames, hub
from linli.telemetry.gateway.registry import PostgresSource

pytestmark = [pytest.mark.engines, pytest.mark.django_db(transaction=True)]
Played = Callable[[Callable[[list[Kit]], None]], None]
ME = person()
SOON = 8.0


@pytest.fixture
def model(key: bytes) -> ThingModel:
    return ThingModel.objects.create(code="t_water", name_zh="水位", name_en="Water", subject="place", category="water")


@pytest.fixture
def played_by(broker: Nats, run: Callable[..., Any], key: bytes) -> Callable[[int], Played]:
    """`play` runs beside so many gateways that follow the news as in a district."""

    def apart(play: Callable[[list[Kit]], None], kits: list[Kit]) -> None:
        try:
            play(kits)
        finally:
            connections.close_all()  # this thread's

    async def go(many: int, play: Callable[[list[Kit]], None]) -> None:
        at = connection.settings_dict
        url = f"postgresql://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
        relay = Relay(url, broker.url)
        relaying = asyncio.create_task(relay.run())
        sources = [PostgresSource(url) for _ in range(many)]
        try:
            async with gateway(broker, [], sources[0], key, follow=True) as first:
                if many == 1:
                    await asyncio.to_thread(apart, play, [first])
                    return
                async with gateway(broker, [], sources[1], key, follow=True) as second:
                    await asyncio.to_thread(apart, play, [first, second])
        finally:
            relay.stop()
            await relaying
            for source in sources:
                if source._db is not None:
                    await source._db.close()

    return lambda many: lambda play: run(go(many, play))


@pytest.fixture
def clients() -> Iterator[Callable[[Any], Any]]:
    made: list[Any] = []

    def keep(one: Any) -> Any:
        made.append(one)
        return one

    yield keep
    for one in made:
        one.close()


def new(model: ThingModel, code: str) -> tuple[Device, str]:
    device = Device.objects.create(code=code, name_zh=code, model=model, area_path=AREA)
    return device, credentials.create_credential(actor=ME, device_id=device.pk)[1]


def long_poll(kit: Kit, token: str, what: str) -> httpx.Response:
    with httpx.Client(base_url=f"http://127.0.0.1:{kit.http}/api/v1", trust_env=False, timeout=40) as http:
        return http.get(f"/{token}/{what}?timeout=30000")


def rotated(device: Device) -> None:
    credentials.rotate_credential(actor=ME, device_id=device.pk)


def revoked(device: Device) -> None:
    first = credentials.Credential.objects.filter(device=device).order_by("created_at")[0]
    credentials.revoke_credential(actor=ME, device_id=device.pk, credential_id=first.pk)


def retired(device: Device) -> None:
    devices.retire_device(actor=ME, device_id=device.pk)


@pytest.mark.parametrize(
    ("act", "told", "second_stays"),
    [
        (rotated, (frames.NOT_ALLOWED, hub.NOT_HELD), False), (revoked, (frames.NOT_ALLOWED, hub.NOT_HELD), True),
        (retired, (frames.BY_DISTRICT, hub.OUT_OF_SERVICE), False),
    ],
)  # fmt: skip
def test_every_gateway_closes_what_came_by_it(
    played_by: Any, clients: Any, model: ThingModel, act: Callable[[Device], None], told: Any, second_stays: bool
) -> None:
    device, token = new(model, "A")
    other = credentials.create_credential(actor=ME, device_id=device.pk)[1]
    neighbour = new(model, "B")[1]

    def play(kits: list[Kit]) -> None:
        with ThreadPoolExecutor(2) as pool:
            five = [clients(Five(kit, token, client_id=f"five-{n}")) for n, kit in enumerate(kits)]
            old, second, beside = (clients(Peer(kits[1], t)) for t in (token, other, neighbour))
            assert all(one.say(T, {"level": 1}) for one in (old, second, beside))
            polls: list[Future[httpx.Response]] = [
                pool.submit(long_poll, kits[0], token, what) for what in ("rpc", "attributes/updates")
            ]
            mine = kits[0].gateway.registry.by_code["A"]
            until(lambda: len(mine.sessions) == 3)
            act(device)
            for one in five:
                assert one.next("parted") == told
            for poll in polls:
                answer = poll.result(SOON)
                assert (answer.status_code, answer.json()["detail"]) == (401, told[1])
            until(lambda: old.lost)
            if second_stays:
                assert second.say(T, {"level": 2})
            else:
                until(lambda: second.lost)
            assert beside.say(T, {"level": 2})
            for kit in kits:
                left = kit.gateway.registry.devices.get(device.pk.bytes)
                assert left is None or set(left.sessions) == ({second.id} if kit is kits[1] and second_stays else set())

    played_by(2)(play)


def until(found: Callable[[], bool]) -> None:
    assert process.wait_until(found, SOON), "not within seconds"


class Shown(Five):
    """A client of MQTT 5 that shows a certificate, perhaps with a token besides."""

    def __init__(self, folder: Path, port: int, server: Path, shown: tuple[str, str], token: str = "") -> None:
        self.events: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.mqtt = c = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=uuid.uuid4().hex, protocol=paho.MQTTv5)
        files = [folder / f"{uuid.uuid4().hex}.pem" for _ in shown]
        for path, text in zip(files, shown, strict=True):
            path.write_text(text)
        c.tls_set(str(server), *(str(path) for path in files))
        if token:
            c.username_pw_set(token)
        c.on_connect = lambda _c, _u, _f, code, _p: self.events.put(("connected", code.value))
        c.on_disconnect = lambda _c, _u, _f, code, props: self.events.put(
            ("parted", (code.value, getattr(props, "ReasonString", "")))
        )
        c.connect("127.0.0.1", port)
        c.loop_start()
        self.code = self.next("connected")


def test_a_certificate_that_is_revoked_closes_its_line(
    played_by: Any, clients: Any, model: ThingModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, server_key = server_certificate(tmp_path)
    port = some_port()
    for name, value in (("TLS_CERT", server), ("TLS_KEY", server_key), ("MQTTS_PORT", port)):
        monkeypatch.setenv(f"LINLI_{name}", str(value))
    device, token = new(model, "X")
    first, second = certificate(), certificate()
    rows = [credentials.create_certificate(actor=ME, device_id=device.pk, pem=one[0]) for one in (first, second)]

    def play(kits: list[Kit]) -> None:
        alone, both, stays = (clients(Shown(tmp_path, port, server, *how))
                              for how in ((first,), (second, token), (second,)))  # fmt: skip
        assert (alone.code, both.code, stays.code) == (0, 0, 0)
        credentials.revoke_credential(actor=ME, device_id=device.pk, credential_id=rows[0].pk)
        assert alone.next("parted") == (frames.NOT_ALLOWED, hub.NOT_HELD)
        assert alone.next("connected") != 0, "and it comes in no more"
        rotated(device)  # the token that was told besides the certificate
        assert both.next("parted") == (frames.NOT_ALLOWED, hub.NOT_HELD)
        mine = kits[0].gateway.registry.by_code["X"]
        until(lambda: len(mine.sessions) == 1)
        assert stays.events.empty()

    played_by(1)(play)


def test_a_credential_that_is_over_closes_its_line_at_the_next_look(
    played_by: Any, clients: Any, model: ThingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody tells of the end of a grace; all are looked at once a minute, here once a second."""
    monkeypatch.setattr("linli.telemetry.gateway.main.REFRESH_S", 1.0)
    device, token = new(model, "A")

    def play(kits: list[Kit]) -> None:
        one = clients(Five(kits[0], token))
        credentials.rotate_credential(actor=ME, device_id=device.pk, grace_s=3)
        assert one.say(T, b'{"level": 1}') == (0, "")
        assert one.next("parted") == (frames.NOT_ALLOWED, hub.NOT_HELD)

    played_by(1)(play)


def test_a_profile_that_is_blocked_lets_in_no_guest_who_is_there(
    played_by: Any, clients: Any, model: ThingModel, key: bytes
) -> None:
    row = ProvisioningProfile.objects.create(
        key="K1", secret_hash=contracts.secret_hash(key, "K1", "S1"), name_zh="x", model=model, area_path=AREA,
        max_devices=5,
    )  # fmt: skip

    def play(kits: list[Kit]) -> None:
        guest = clients(Guest(kits[0]))
        said = guest.ask(deviceName="P-1")
        mine = clients(Five(kits[0], said["credentialsValue"]))
        provisioning.update_profile(actor=ME, profile_id=row.pk, version=1, fields={"enabled": False})
        assert guest.ask(deviceName="P-2")["status"] == "FAILURE"
        assert mine.say(T, b'{"level": 1}') == (0, ""), "who is in keeps what it has"
        provisioning.update_profile(actor=ME, profile_id=row.pk, version=2, fields={"enabled": True})
        provisioning.renew_secret(actor=ME, profile_id=row.pk)
        assert guest.ask(deviceName="P-2")["status"] == "NOT_FOUND"
        # it may register again by a person's word: what came in by the former credential is cut
        again, secret = provisioning.renew_secret(actor=ME, profile_id=row.pk)
        provisioning.reopen_device(actor=ME, device_id=Device.objects.get(code="P-1").pk)
        until(lambda: guest.ask(deviceName="P-1", provisionDeviceSecret=secret)["status"] == "SUCCESS")
        assert mine.next("parted") == (frames.NOT_ALLOWED, hub.NOT_HELD) and again.key == "K1"

    played_by(1)(play)
    assert not Device.objects.filter(code="P-2").exists()
