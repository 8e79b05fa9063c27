"""Devices as paho speaks for them: they register themselves, ask to be claimed, load their firmware chunk by chunk."""

from __future__ import annotations

import hashlib
import json
import queue
from types import TracebackType
from typing import Any

import paho.mqtt.client as paho

CHUNK = 700
ANSWER, REQUEST = "/provision/response", "/provision/request"
ATTRIBUTES, LOADS = "v1/devices/me/attributes", "v2/fw/response/+/chunk/+"


class Gauge:
    """`with Gauge(host, port, user) as gauge:` is connected; `heard` holds (topic, payload) of what came."""

    def __init__(self, host: str, port: int, user: str) -> None:
        self.address, self.heard = (host, port), queue.Queue[tuple[str, bytes]]()
        self.line = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self.line.username_pw_set(user)
        self.ready: queue.Queue[str] = queue.Queue()
        self.line.on_connect = lambda *what: self.ready.put(str(what[3]))
        self.line.on_subscribe = lambda *_: self.ready.put("subscribed")
        self.line.on_message = lambda _, __, m: self.heard.put((m.topic, m.payload))

    def __enter__(self) -> Gauge:
        self.line.connect(*self.address)
        self.line.loop_start()
        said = self.ready.get(timeout=20)
        assert said == "Success", said
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.line.disconnect()
        self.line.loop_stop()

    def listen(self, topic: str) -> None:
        self.line.subscribe(topic, qos=1)
        assert self.ready.get(timeout=20) == "subscribed"

    def tell(self, topic: str, body: Any) -> None:
        self.line.publish(topic, json.dumps(body) if not isinstance(body, str) else body, qos=1).wait_for_publish(20)

    def hear(self, start: str) -> tuple[str, bytes]:
        while True:
            topic, payload = self.heard.get(timeout=30)
            if topic.startswith(start):
                return topic, payload


def provision(host: str, port: int, key: str, secret: str, name: str) -> dict[str, Any]:
    """What the district answers to a device of this name."""
    with Gauge(host, port, "provision") as guest:
        guest.listen(ANSWER)
        guest.tell(REQUEST, {"deviceName": name, "provisionDeviceKey": key, "provisionDeviceSecret": secret})
        answer: dict[str, Any] = json.loads(guest.hear(ANSWER)[1])
        return answer


def load(gauge: Gauge, told: dict[str, Any]) -> bytes:
    """The file of these attributes, whole and checked."""
    gauge.listen(LOADS)
    found = b""
    while len(found) < told["fw_size"]:
        gauge.tell(f"v2/fw/request/1/chunk/{len(found) // CHUNK}", str(CHUNK))
        part = gauge.hear("v2/fw/response/1/")[1]
        assert part, "the rest of the file did not come"
        found += part
    assert hashlib.sha256(found).hexdigest() == told["fw_checksum"]
    return found


def reports(gauge: Gauge, state: str, **more: Any) -> None:
    gauge.tell(ATTRIBUTES, {"fw_state": state, **more})
