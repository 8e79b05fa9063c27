"""Devices load what their campaign brings: a real gateway, PostgreSQL and store, a stock MQTT client."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import queue
import time
import uuid
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import paho.mqtt.client as paho
import pytest
from paho.mqtt.properties import Properties
from tests.telemetry.gatewaykit import Kit

from linli.devices import contracts
from linli.devices.firmware_models import Campaign, Firmware, Update
from linli.devices.models import Credential, Device, ThingModel
from linli.engines.process import wait_until
from linli.kernel import ids, storage
from linli.telemetry.gateway import firmware, main

pytestmark = [pytest.mark.engines, pytest.mark.django_db(transaction=True)]
DATA = bytes(range(256)) * 2000  # 512,000 bytes
TITLE = {"title": "gauge", "version": "2.0"}


@pytest.fixture
def devices(key: bytes) -> list[Device]:
    model = ThingModel.objects.create(code="t_water", name_zh="水位", name_en="Water", subject="place", category="w")
    made = [Device.objects.create(code=c, name_zh=c, model=model, area_path="340121403") for c in ("A", "B")]
    for device in made:
        Credential.objects.create(device=device, token_hash=contracts.token_hash(key, device.code.lower()))
    return made


@pytest.fixture
def campaign(devices: list[Device]) -> Campaign:
    """A is told, B is not."""
    kept = storage.store().put(storage.new_key(), DATA)
    row = Firmware.objects.create(model=devices[0].model, kind="firmware", size=len(DATA), file_id=ids.new_id(),
                                  sha256=kept.sha256, key=kept.key, area_path="340121403", **TITLE)  # fmt: skip
    made = Campaign.objects.create(firmware=row, name="x", stages=[50, 100], stage=1, state="running")
    for device, stage, state in zip(devices, (1, 2), ("told", "waiting"), strict=True):
        Update.objects.create(campaign=made, device=device, kind="firmware", stage=stage, state=state)
    return made


class Loader:
    """A stock client; `got` holds (topic, bytes)."""

    def __init__(self, kit: Kit, token: str, protocol: int = paho.MQTTv311, largest: int = 0) -> None:
        self.got: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.refused: queue.Queue[Any] = queue.Queue()
        self.lost = False
        self.mqtt = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=uuid.uuid4().hex, protocol=protocol)
        self.mqtt.username_pw_set(token)
        self.mqtt.on_message = lambda _c, _u, m: self.got.put((m.topic, m.payload))
        self.mqtt.on_publish = lambda _c, _u, _m, code, _p: self.refused.put(code) if code.is_failure else None
        self.mqtt.on_disconnect = lambda *_: setattr(self, "lost", True)
        more = {}
        if largest:
            more["properties"] = Properties(1)
            more["properties"].MaximumPacketSize = largest
        self.mqtt.connect("127.0.0.1", kit.mqtt, **more)
        self.mqtt.loop_start()
        self.mqtt.subscribe([("v2/fw/response/+/chunk/+", 0), ("v2/fw/error", 0)])

    def ask(self, number: int, chunk: int, size: str = "", word: str = "fw") -> None:
        self.mqtt.publish(f"v2/{word}/request/{number}/chunk/{chunk}", size, qos=1)

    def next(self) -> tuple[str, bytes]:
        return self.got.get(timeout=15)


@contextlib.contextmanager
def loader(*args: Any) -> Iterator[Loader]:
    one = Loader(*args)
    try:
        yield one
    finally:
        one.mqtt.disconnect()
        one.mqtt.loop_stop()


def test_chunk_by_chunk_and_all_at_once(played: Callable, campaign: Campaign) -> None:
    def play(kit: Kit) -> None:
        with loader(kit, "a") as one:
            whole = b""
            for i in range(9):
                one.ask(1, i, "60000")
                topic, data = one.next()
                assert topic == f"v2/fw/response/1/chunk/{i}"
                whole += data
            assert hashlib.sha256(whole).digest() == hashlib.sha256(DATA).digest()
            one.ask(1, 9, "60000")
            assert one.next() == ("v2/fw/response/1/chunk/9", b""), "beyond the end"
            one.ask(1, 1)
            assert one.next()[1] == DATA[60000:120000], "the size that was said under this number"
            one.ask(2, 0)
            assert one.next() == ("v2/fw/response/2/chunk/0", DATA)
            sent = 2 * len(DATA) + 60000
            assert wait_until(lambda: kit.gateway.firmware.sent == sent, 5), "counted once it is written"
            assert not one.lost

    played(play)


def test_who_is_not_told_gets_nothing_and_stays_connected(played: Callable, campaign: Campaign) -> None:
    def play(kit: Kit) -> None:
        with loader(kit, "b") as one:
            one.ask(1, 0, "1000")
            topic, data = one.next()
            assert topic == "v2/fw/error" and b"nothing is to be loaded" in data
            one.mqtt.publish("v1/devices/me/telemetry", '{"level": 1}', qos=1).wait_for_publish(5)
            assert not one.lost
        with loader(kit, "b", paho.MQTTv5) as one:
            one.ask(1, 0, "1000")
            assert one.refused.get(timeout=10).value == 0x87
        with loader(kit, "a") as one:
            one.ask(1, 0, "1000", "sw")
            with pytest.raises(queue.Empty):
                one.got.get(timeout=1)
            assert kit.gateway.refusals["no-firmware"] == 3

    played(play)


def test_a_pause_is_felt_and_another_file_is_not_mixed_in(
    played: Callable,
    campaign: Campaign,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(firmware, "KNOWN_S", 0.0)
    monkeypatch.setattr(firmware, "NOTHING_S", 0.0)
    other = storage.store().put(storage.new_key(), b"other" * 1000)
    row = Firmware.objects.create(model=campaign.firmware.model, kind="firmware", title="gauge", version="3", size=5000,
                                  file_id=ids.new_id(), sha256=other.sha256, key=other.key)  # fmt: skip

    def play(kit: Kit) -> None:
        with loader(kit, "a") as one:
            one.ask(1, 0, "1000")
            assert one.next()[1] == DATA[:1000]
            Campaign.objects.update(state="paused")
            one.ask(1, 1, "1000")
            assert one.next()[0] == "v2/fw/error"
            Campaign.objects.update(state="running", firmware=row)
            one.ask(1, 1, "1000")
            assert b"another one" in one.next()[1]
            one.ask(2, 0, "1000")
            assert one.next()[1] == (b"other" * 1000)[:1000]

    played(play)


@pytest.mark.parametrize(
    ("topic", "body"),
    [("v2/fw/request/1/chunk/x", ""), ("v2/fw/request/1/chunk/0", "-1"), ("v2/xx/request/1/chunk/0", ""),
     ("v2/fw/response/1/chunk/0", "")],
)  # fmt: skip
def test_what_is_no_request_cuts_the_line(played: Callable, campaign: Campaign, topic: str, body: str) -> None:
    def play(kit: Kit) -> None:
        with loader(kit, "a") as one:
            one.mqtt.publish(topic, body, qos=1)
            end = time.monotonic() + 10
            while not one.lost and time.monotonic() < end:
                time.sleep(0.05)
            assert one.lost

    played(play)


def test_a_device_has_a_pace_and_a_client_a_limit(
    played: Callable,
    campaign: Campaign,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(firmware, "BURST", 500_000.0)
    monkeypatch.setattr(firmware, "BYTES_PER_S", 500_000.0)

    def play(kit: Kit) -> None:
        with loader(kit, "a") as one:
            begun = time.monotonic()
            for n in range(3):
                one.ask(n, 0)
            assert [len(one.next()[1]) for _ in range(3)] == [len(DATA)] * 3
            assert time.monotonic() - begun > 0.9, "half a megabyte a second after the first"
        with loader(kit, "a", paho.MQTTv5, 10_000) as one:
            one.ask(1, 0)
            assert one.refused.get(timeout=10).value == 0x87 and b"10000 bytes" in one.next()[1]
            one.ask(1, 0, "9000")
            assert len(one.next()[1]) == 9000

    played(play)


def test_the_cache_is_bounded_and_a_file_is_read_once(
    played: Callable,
    campaign: Campaign,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads: list[str] = []
    kept, get = storage.store(), type(storage.store()).get
    monkeypatch.setattr(type(kept), "get", lambda self, k: reads.append(k) or get(self, k))
    monkeypatch.setattr(firmware, "CACHE", len(DATA) + 1)
    monkeypatch.setattr(firmware, "KNOWN_S", 0.0)
    second = storage.store().put(storage.new_key(), DATA[::-1])
    row = Firmware.objects.create(
        model=campaign.firmware.model, kind="firmware", title="gauge", version="3", size=len(DATA),
        file_id=ids.new_id(), sha256=second.sha256, key=second.key,
    )  # fmt: skip
    Update.objects.update(state="told")

    def play(kit: Kit) -> None:
        with loader(kit, "a") as one, loader(kit, "b") as two:
            for i in range(4):
                one.ask(1, i, "10000")
                two.ask(1, i, "10000")
            assert [one.next()[1] for _ in range(4)] == [two.next()[1] for _ in range(4)]
            assert len(reads) == 1
            Campaign.objects.update(firmware=row)
            one.ask(2, 0, "10000")
            assert one.next()[1] == DATA[::-1][:10000]
            assert list(kit.gateway.firmware.files) == [second.key]

    played(play)


def test_a_change_is_felt_at_once(played: Callable, campaign: Campaign, devices: list[Device]) -> None:
    """What is remembered of a device holds until it is told something else."""

    def play(kit: Kit) -> None:
        with loader(kit, "a") as one:
            one.ask(1, 0, "1000")
            assert one.next()[1] == DATA[:1000]
            Campaign.objects.update(state="paused")
            one.ask(2, 0, "1000")
            assert one.next()[1] == DATA[:1000], "remembered for a while"
            news = {"ref": str(devices[0].pk), "data": {"change": "attributes", "names": ["fw_title"]}}
            told = main.News(kit.gateway).device(SimpleNamespace(data=json.dumps(news)))
            asyncio.run_coroutine_threadsafe(told, kit.gateway._loop).result(10)
            one.ask(3, 0, "1000")
            assert one.next()[0] == "v2/fw/error"

    played(play)


def test_over_http(played: Callable, campaign: Campaign) -> None:
    def play(kit: Kit) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{kit.http}/api/v1", trust_env=False) as http:
            # As ThingsBoard's SDK for HTTP asks: one chunk more than there are.
            parts = [http.get("/a/firmware", params=TITLE | {"size": 100_000, "chunk": i}) for i in range(7)]
            assert b"".join(p.content for p in parts) == DATA and parts[6].content == b""
            assert parts[0].headers["content-length"] == "100000"
            assert http.get("/a/firmware").content == DATA, "all of it, piece by piece"
            assert http.get("/a/firmware", params=TITLE | {"version": "1"}).status_code == 400
            assert http.get("/a/firmware", params=TITLE | {"title": "pump"}).status_code == 400
            assert (
                http.get("/b/firmware", params=TITLE).status_code == 404 and http.get("/a/software").status_code == 404
            )
            assert http.get("/a/firmware", params={"size": "x"}).status_code == 422
            assert http.post("/a/firmware").status_code == 405 and http.get("/none/firmware").status_code == 401

    played(play)


def test_what_it_says_is_kept(played: Callable, campaign: Campaign, devices: list[Device]) -> None:
    def play(kit: Kit) -> None:
        with loader(kit, "a") as one:
            said = '{"current_fw_title": "gauge", "current_fw_version": "2.0", "fw_state": "UPDATED"}'
            one.mqtt.publish("v1/devices/me/telemetry", said, qos=1).wait_for_publish(10)

    played(play)
    assert Update.objects.get(device=devices[0]).state == "updated"
