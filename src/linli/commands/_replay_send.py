"""How `linli replay` speaks to the district: as an outside client, by API, MQTT and HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from linli.home import Home
from linli.sim.web import Client, Refused
from linli.telemetry.mqtt_client import MqttClient
from linli.telemetry.mqtt_client import Refused as MqttRefused

TELEMETRY = "v1/devices/me/telemetry"
CHUNK = 50  # most rows of a message
Reading = tuple[int, dict[str, float]]


@dataclass
class Doors:
    """Where the district listens. Credentials are those the operator gave, else the demo's own integrator."""

    origin: str
    host: str
    mqtt_port: int
    http_port: int
    api_key: str | None
    home: Home

    @classmethod
    def of(cls, home: Home, api_key: str | None) -> Doors:
        env = home.run_env()
        if not env:
            raise Refusal(f"{home.path} has no running district")
        host = env.get("LINLI_DEVICE_HOST", "127.0.0.1")
        host = "127.0.0.1" if host == "0.0.0.0" else host
        return cls(env["LINLI_PUBLIC_URL"], host, int(env["LINLI_MQTT_PORT"]), int(env["LINLI_DEVICE_PORT"]),
                   api_key, home)  # fmt: skip

    def client(self) -> Client:
        client = Client(self.origin, key=self.api_key)
        if self.api_key is None:
            path = self.home.path / "secrets" / "demo-accounts.json"
            if not path.exists():
                raise Refusal("this is not a demo district: give --api-key (linli apikey create) or --token")
            accounts = json.loads(path.read_text())
            client.sign_in("integrator", accounts["integrator"])
        return client


class Refusal(Exception):
    """The replay cannot go on; the text is for the person at the terminal."""


def device_token(client: Client, code: str, model: str, names: tuple[str, str], place: dict[str, Any]) -> str:
    """A new token of the device `code`, which is made when it does not exist."""
    try:
        found = [d for d in client.pages("devices", q=code) if d["code"] == code]
        if found:
            device = found[0]
        else:
            body = {"code": code, "model": model, "name_zh": names[0], "name_en": names[1], **place}
            device = client.post("devices", body)
        return str(client.post(f"devices/{device['id']}/credentials")["token"])
    except Refused as error:
        raise Refusal(str(error)) from error


def place_beside(client: Client, model: str) -> dict[str, Any]:
    """Where a device of this model stands, or any device: a recording has no place in this district."""
    for query in ({"model": model}, {}):
        for device in client.get("devices", limit=20, **query)["items"]:
            if device.get("lon") is not None:
                return {"lon": device["lon"], "lat": device["lat"]}
    return {}


class Sender:
    """Sends one device's rows in order; `put` returns when they are durable at the platform.

    One message is under way at a time: rows that come meanwhile wait and go together in the next. Two at once would
    each connect after a break and, with one client id, put each other out again and again.
    """

    def __init__(self, doors: Doors, token: str, door: str, warn: Callable[[str], None]) -> None:
        self.doors, self.token, self.door, self.warn = doors, token, door, warn
        self._mqtt: MqttClient | None = None
        self._http: httpx.AsyncClient | None = None
        self._waiting: list[Reading] = []
        self._taken = self._durable = 0  # rows given to `put`, rows at the platform
        self._line = asyncio.Lock()

    async def put(self, rows: list[Reading]) -> None:
        self._waiting += rows
        self._taken += len(rows)
        mine = self._taken
        async with self._line:
            while self._durable < mine:
                part = self._waiting[:CHUNK]
                await self._send(orjson.dumps([{"ts": at, "values": values} for at, values in part]))
                del self._waiting[: len(part)]
                self._durable += len(part)

    async def _send(self, payload: bytes) -> None:
        for attempt in range(30):
            try:
                if self.door == "mqtt":
                    await self._publish(payload)
                else:
                    await self._post(payload)
                return
            except (MqttRefused, OSError, httpx.TransportError) as error:
                if attempt == 29:
                    raise Refusal(f"the district does not take readings: {error}") from error
                await self.close()
                await asyncio.sleep(min(5.0, 0.2 * 2**attempt))

    async def _publish(self, payload: bytes) -> None:
        if self._mqtt is None:
            self._mqtt = MqttClient(self.doors.host, self.doors.mqtt_port, self.token, client_id="linli-replay")
            await self._mqtt.connect(keep_alive=0)
        await self._mqtt.publish(TELEMETRY, payload)

    async def _post(self, payload: bytes) -> None:
        if self._http is None:
            base = f"http://{self.doors.host}:{self.doors.http_port}"
            self._http = httpx.AsyncClient(base_url=base, timeout=40, trust_env=False)
        path = f"/api/v1/{self.token}/telemetry?backfill=1"
        while True:
            answer = await self._http.post(path, content=payload)
            if answer.status_code not in (429, 503):
                break
            await asyncio.sleep(float(answer.headers.get("retry-after", 1)))
        if answer.status_code == 401:
            raise MqttRefused("the token is not known yet")
        if answer.status_code != 200:
            raise Refusal(f"the district refused: {answer.text[:300]}")
        for warning in answer.json().get("warnings", ()):
            self.warn(warning["reason"])

    async def close(self) -> None:
        if self._mqtt is not None:
            with contextlib.suppress(OSError):
                await self._mqtt.close()
            self._mqtt = None
        if self._http is not None:
            await self._http.aclose()
            self._http = None
