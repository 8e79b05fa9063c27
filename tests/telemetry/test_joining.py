"""Devices that register themselves and say by what they may be claimed: real gateway, PostgreSQL and sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as paho
import pytest
from django.conf import settings
from tests.certificates import certificate
from tests.telemetry.gatewaykit import Kit
from tests.telemetry.test_gateway_doors import certificate as server_certificate
from tests.telemetry.test_talk import Peer, peer

from linli.devices import contracts
from linli.devices.models import Claim, Credential, Device, ProvisioningProfile, ThingModel
from linli.engines.testing import some_port
from linli.kernel import clock
from linli.telemetry.gateway import joining

pytestmark = [pytest.mark.engines, pytest.mark.django_db(transaction=True)]
AREA = "340121403.001"


@pytest.fixture
def profile(key: bytes) -> ProvisioningProfile:
    model = ThingModel.objects.create(
        code="t_water", name_zh="水位", name_en="Water", subject="place", category="water"
    )
    return ProvisioningProfile.objects.create(
        key="K1", secret_hash=contracts.secret_hash(key, "K1", "S1"), name_zh="x", model=model, area_path=AREA,
        max_devices=5, gateways=True,
    )  # fmt: skip


class Guest(Peer):
    """Who has no credential yet, as the SDK's ProvisionClient: no client id, no password, QoS 0."""

    def __init__(self, kit: Kit, protocol: int = paho.MQTTv311) -> None:
        self.got: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.lost = False
        self.granted: queue.Queue[Any] = queue.Queue()
        self.mqtt = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=protocol)
        self.mqtt.username_pw_set("provision")
        self.mqtt.on_message = lambda _c, _u, m: self.got.put((m.topic, json.loads(m.payload)))
        self.mqtt.on_disconnect = lambda *_: setattr(self, "lost", True)
        self.mqtt.on_subscribe = lambda _c, _u, _m, codes, _p: self.granted.put([c.value for c in codes])
        self.mqtt.connect("127.0.0.1", kit.mqtt)
        self.mqtt.loop_start()

    def ask(self, **more: Any) -> dict[str, Any]:
        doc = {"provisionDeviceKey": "K1", "provisionDeviceSecret": "S1"} | more
        self.mqtt.publish("/provision/request", json.dumps(doc))
        topic, said = self.next()
        assert topic == "/provision/response"
        return said  # type: ignore[no-any-return]


@pytest.fixture
def guests() -> Iterator[Callable[..., Guest]]:
    made: list[Guest] = []

    def new(*args: Any) -> Guest:
        made.append(Guest(*args))
        return made[-1]

    yield new
    for one in made:
        one.close()


def enters(kit: Kit, user: str, password: str | None = None, client_id: str = "") -> bool:
    """Whether such a client is let in."""
    codes: queue.Queue[bool] = queue.Queue()
    one = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id or uuid.uuid4().hex)
    one.username_pw_set(user, password)
    one.on_connect = lambda _c, _u, _f, code, _p: codes.put(not code.is_failure)
    one.connect("127.0.0.1", kit.mqtt)
    one.loop_start()
    try:
        return codes.get(timeout=10)
    finally:
        one.disconnect()
        one.loop_stop()


@pytest.mark.parametrize("protocol", [paho.MQTTv311, paho.MQTTv5])
def test_a_stranger_registers_itself_and_speaks(
    played: Any, guests: Any, profile: ProvisioningProfile, protocol: int
) -> None:
    def play(kit: Kit) -> None:
        guest = guests(kit, protocol)
        assert guest.subscribe("/provision/response", "v1/devices/me/attributes")[1] in (0x80, 0x87)
        said = guest.ask(deviceName="WL-7")
        assert (said["status"], said["credentialsType"]) == ("SUCCESS", "ACCESS_TOKEN")
        assert guest.ask(deviceName="WL-7", provisionDeviceSecret="S2") == joining.NOT_FOUND
        assert guest.ask(deviceName="WL-7", provisionDeviceKey="K2") == joining.NOT_FOUND
        with peer(kit, said["credentialsValue"]) as one:  # at once: the gateway need not wait for the news
            assert one.say("v1/devices/me/telemetry", {"level": 1})
            taken = guest.ask(deviceName="WL-7")
            assert taken["status"] == "FAILURE" and "in service" in taken["errorMsg"]
            assert one.say("v1/devices/me/telemetry", {"level": 2}), "a thief with the key changes nothing"
        refused = kit.gateway.refusals
        assert refused["provision-not-found"] == 2 and refused["provision-speaks"] == 1

    played(play)
    device = Device.objects.get(code="WL-7")
    assert device.area_path == AREA and Credential.objects.filter(device=device, revoked_at=None).count() == 1


def test_a_lost_answer_and_two_at_once(played: Any, guests: Any, profile: ProvisioningProfile) -> None:
    def play(kit: Kit) -> None:
        first, second = guests(kit), guests(kit)
        for one in (first, second):
            one.mqtt.publish("/provision/request", json.dumps(
                {"provisionDeviceKey": "K1", "provisionDeviceSecret": "S1", "deviceName": "WL-8"}))  # fmt: skip
        told = [one.next()[1]["credentialsValue"] for one in (first, second)]
        assert told[0] != told[1] and sorted(enters(kit, token) for token in told) == [False, True], "one of the two"

    played(play)
    assert Device.objects.filter(code="WL-8").count() == 1


def test_credentials_that_the_device_brings(played: Any, guests: Any, profile: ProvisioningProfile) -> None:
    def play(kit: Kit) -> None:
        guest = guests(kit)
        own = guest.ask(deviceName="T-1", token="a-token-of-its-own-0", credentialsType="ACCESS_TOKEN")
        assert own["credentialsValue"] == "a-token-of-its-own-0" and enters(kit, "a-token-of-its-own-0")
        weak = guest.ask(deviceName="T-2", token="abc", credentialsType="ACCESS_TOKEN")["credentialsValue"]
        assert len(weak) > 20 and enters(kit, weak) and not enters(kit, "abc")
        basic = guest.ask(deviceName="T-3", credentialsType="MQTT_BASIC", clientId="c-3", username="u-3",
                          password="p" * 20)  # fmt: skip
        assert basic == {"status": "SUCCESS", "credentialsType": "MQTT_BASIC",
                         "credentialsValue": {"clientId": "c-3", "userName": "u-3", "password": "p" * 20}}  # fmt: skip
        assert enters(kit, "u-3", "p" * 20, "c-3")
        assert not enters(kit, "u-3", "p" * 20, "c-4") and not enters(kit, "u-3", "q" * 20, "c-3")
        assert not enters(kit, "p" * 20) and not enters(kit, "u-3")
        any_id = guest.ask(deviceName="T-4", credentialsType="MQTT_BASIC", username="u-4")["credentialsValue"]
        assert any_id["clientId"] == "" and enters(kit, "u-4", any_id["password"])
        for more in ({"credentialsType": "X509_CERTIFICATE", "hash": "x"}, {"credentialsType": "NONE"}):
            assert guest.ask(deviceName="T-5", **more)["status"] == "FAILURE"
        assert guest.ask(deviceName="T-5", gateway=True)["status"] == "SUCCESS"
        assert guest.ask(deviceName="T-6")["errorMsg"] == joining.REASONS["full"]

    played(play)
    assert Device.objects.get(code="T-5").gateway and not Device.objects.get(code="T-1").gateway


@pytest.mark.parametrize(
    ("topic", "body"),
    [("v1/devices/me/telemetry", '{"level": 1}'), ("/provision/request", "{"), ("v1/gateway/connect", "{}")],
)
def test_a_guest_may_do_nothing_else(
    played: Any, guests: Any, profile: ProvisioningProfile, topic: str, body: str
) -> None:
    def play(kit: Kit) -> None:
        guest = guests(kit)
        sent = guest.mqtt.publish(topic, body, qos=1)
        with pytest.raises(RuntimeError):
            sent.wait_for_publish(5)
            raise RuntimeError if not sent.is_published() else AssertionError
        assert kit.gateway.points == 0

    played(play)


def test_guests_do_not_stay_nor_ask_for_ever(
    played: Any, guests: Any, profile: ProvisioningProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def play(kit: Kit) -> None:
        guest = guests(kit)
        for _ in range(joining.MAX_ASKS):
            guest.ask(provisionDeviceKey="none")
        guest.mqtt.publish("/provision/request", "{}")
        with pytest.raises(queue.Empty):
            guest.next(2)
        kit.gateway.joining.misses["127.0.0.1"] = (joining.MISSES, 1e12)
        assert "too many" in guests(kit).ask(deviceName="WL-1")["errorMsg"], "not even the right key"
        monkeypatch.setattr(joining, "GUEST_S", 0.5)
        late = guests(kit)
        with pytest.raises(queue.Empty):
            late.next(2)
        assert late.lost

    played(play)
    assert not Device.objects.exists()


def test_over_http(played: Any, profile: ProvisioningProfile) -> None:
    def play(kit: Kit) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{kit.http}/api/v1", trust_env=False) as http:
            doc = {"provisionDeviceKey": "K1", "provisionDeviceSecret": "S1", "deviceName": "H-1"}
            said = http.post("/provision", json=doc).json()
            assert said["status"] == "SUCCESS"
            token = said["credentialsValue"]
            assert http.post(f"/{token}/telemetry", json={"level": 1}).status_code == 200
            assert http.post("/provision", json=doc).json()["status"] == "FAILURE"
            assert http.post("/provision", json=doc | {"provisionDeviceKey": "no"}).json() == joining.NOT_FOUND
            assert http.post("/provision", json=[]).json()["status"] == "FAILURE"
            assert (
                http.post("/provision", content=b"{").status_code == 400 and http.get("/provision").status_code == 405
            )
            assert http.post(f"/{token}/claim", json={"secretKey": "1234", "durationMs": 60000}).status_code == 200
            for bad in ({}, {"secretKey": "1"}, {"secretKey": "1234", "durationMs": 0}, []):
                assert http.post(f"/{token}/claim", json=bad).status_code == 422
            assert http.get(f"/{token}/claim").status_code == 405

    played(play)
    assert bytes(Claim.objects.get(device__code="H-1").secret_hash) == contracts.secret_hash(
        settings.HOME.secret(contracts.TOKEN_KEY), str(Device.objects.get(code="H-1").pk), "1234"
    )


def test_claims_of_a_device_and_of_children(played: Any, profile: ProvisioningProfile, key: bytes) -> None:
    model = profile.model
    hub = Device.objects.create(code="GW", name_zh="网关", model=model, area_path=AREA, gateway=True)
    mine = Device.objects.create(code="C1", name_zh="一", model=model, area_path=AREA, parent=hub, parent_name="C1")
    owned = Device.objects.create(code="C2", name_zh="二", model=model, area_path=AREA, parent=hub, parent_name="C2",
                                  owner_department="水务")  # fmt: skip
    Credential.objects.create(device=hub, token_hash=contracts.token_hash(key, "gw"))

    def play(kit: Kit) -> None:
        with peer(kit, "gw") as one:
            assert one.say("v1/devices/me/claim", {"secretKey": "abcd", "durationMs": 60000})
            doc = {"secretKey": "efgh", "durationMs": 60000}
            assert one.say("v1/gateway/claim", {"C1": doc, "C2": doc, "C1x": {"secretKey": ""}})
            assert not one.say("v1/devices/me/claim", {"secretKey": ""}), "what cannot be read cuts the line of 3.1.1"
        assert kit.gateway.refusals["not-claimable"] == 1

    played(play)
    found = {c.device_id: bytes(c.secret_hash) for c in Claim.objects.all()}
    assert found == {hub.pk: contracts.secret_hash(key, str(hub.pk), "abcd"),
                     mine.pk: contracts.secret_hash(key, str(mine.pk), "efgh")} and owned.pk not in found  # fmt: skip


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Whether a client with a certificate, or a user name, is let in over TLS; the port is the environment's."""
    cert, key = server_certificate(tmp_path)
    port = some_port()
    for name, value in (("TLS_CERT", cert), ("TLS_KEY", key), ("MQTTS_PORT", port)):
        monkeypatch.setenv(f"LINLI_{name}", str(value))

    def enter(shown: tuple[str, str] | None, user: str = "", then: Callable[[], Any] = bool) -> bool:
        codes: queue.Queue[bool] = queue.Queue()
        one = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=uuid.uuid4().hex)
        files = [tmp_path / f"{uuid.uuid4().hex}.pem" for _ in shown or ()]
        for path, text in zip(files, shown or (), strict=True):
            path.write_text(text)
        one.tls_set(str(cert), *(str(path) for path in files))
        if user:
            one.username_pw_set(user)
        one.on_connect = lambda _c, _u, _f, code, _p: codes.put(not code.is_failure)
        one.on_disconnect = lambda *_: codes.put(False)
        with contextlib.suppress(OSError):
            one.connect("127.0.0.1", port)
            one.loop_start()
            found = codes.get(timeout=10)
            then()
            one.disconnect()
            one.loop_stop()
            return found
        return False

    return enter


def test_certificates_of_devices(played: Any, guests: Any, profile: ProvisioningProfile, tls: Any, key: bytes) -> None:
    first, second, third, registered = (certificate() for _ in range(4))
    known = Device.objects.create(code="X-9", name_zh="x", model=profile.model, area_path=AREA)
    made = contracts.parse_certificate(registered[0])
    Credential.objects.create(device=known, token_hash=contracts.certificate_hash(key, made.der), protocol="x509",
                              certificate=made.der, expires_at=made.expires_at)  # fmt: skip
    Credential.objects.create(device=known, token_hash=contracts.token_hash(key, "token-x"))

    def play(kit: Kit) -> None:
        guest, told = guests(kit), {}
        for name, shown in (("X-1", first), ("X-2", second)):
            told[name] = guest.ask(deviceName=name, credentialsType="X509_CERTIFICATE", hash=shown[0])
            assert told[name]["credentialsType"] == "X509_CERTIFICATE"
        connected = lambda: {d.code for d in kit.gateway.registry.devices.values() if d.sessions}  # noqa: E731
        for shown, code in ((first, "X-1"), (second, "X-2"), (registered, "X-9")):
            seen: list[set[str]] = []
            assert tls(shown, then=lambda seen=seen: seen.append(connected())) and seen == [{code}], "all of one name"
        assert not tls(third), "nobody's"
        assert tls(None, "token-x") and tls(registered, "token-x") and not tls(first, "token-x"), "another's"
        assert not tls(None) and not tls(None, told["X-1"]["credentialsValue"]), "its fingerprint opens nothing"
        Credential.objects.filter(device__code="X-1").update(revoked_at=clock.now())
        asyncio.run_coroutine_threadsafe(kit.gateway.refresh(), kit.gateway._loop).result(10)
        assert not tls(first) and tls(second)

    played(play)


def test_a_gateway_hears_that_a_kind_is_retired(played: Any, profile: ProvisioningProfile, key: bytes) -> None:
    model = profile.model
    hub = Device.objects.create(code="GW", name_zh="网关", model=model, area_path=AREA, gateway=True)
    Credential.objects.create(device=hub, token_hash=contracts.token_hash(key, "gw"))
    ThingModel.objects.filter(pk=model.pk).update(retired_at=clock.now())

    def play(kit: Kit) -> None:
        with peer(kit, "gw") as one:
            assert one.say("v1/gateway/connect", {"device": "C-9", "type": "t_water"})
            mine = kit.gateway.registry.by_code["GW"]
            assert mine.error == "may not speak for 'C-9': type: thing model t_water is retired: no new device is of it"
            assert one.say("v1/gateway/telemetry", {"C-9": [{"level": 1}]}), "and goes on"
        assert kit.gateway.refusals["model-retired"] == 2 and kit.gateway.points == 0

    played(play)
    assert not Device.objects.filter(parent=hub).exists()
