"""How devices join, as ThingsBoard has it: they register themselves by a profile's key and secret, and they say by
which secret a person may claim them.

Who connects as `provision` is nobody yet: it may ask on one topic, hears the answer on another, and has two minutes.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import orjson
import psycopg

from linli.devices import contracts
from linli.kernel.ids import new_id
from linli.telemetry.gateway import frames, topics
from linli.telemetry.gateway.frames import BadFrame
from linli.telemetry.gateway.mqtt import Connection
from linli.telemetry.gateway.payload import BadPayload, decode
from linli.telemetry.gateway.registry import Device, Registry
from linli.telemetry.gateway.talk import Talk

log = logging.getLogger("linli.gateway")
GUEST_S = 120.0
MAX_ASKS = 10  # a connection
MAX_WAITING = 200
MISSES, MISSES_S = 30, 60.0  # wrong keys from one address
MIN_SECRET = 16  # what a device brings itself; a shorter one is replaced by ours, and the answer says so
CLAIM_S = (1, 7 * 86_400, 86_400)  # least, most, usual
NOT_FOUND = {"status": "NOT_FOUND", "errorMsg": "Provision data was not found!"}
REASONS = {
    "closed": "the profile is off, over or has ended",
    "no-gateways": "this profile lets no gateways in",
    "not-registered": "no device of this name was registered before",
    "taken": "another device has this name",
    "speaks": "a device of this name is in service; somebody of the district must let it register again",
    "has-credential": "the device of this name has a credential already",
    "too-late": "the device of this name has its credential; somebody of the district must let it register again",
    "credential-taken": "this credential cannot be used; choose another",
    "model-retired": "the thing model of this profile is retired: no new device is of it",
    "full": "the profile has let in as many devices as it may",
}


class Offer(NamedTuple):
    """The credential that a device will have: its kind here and with ThingsBoard, its hash and end, what is told."""

    protocol: str
    kind: str
    hash: bytes
    hint: str
    value: Any
    certificate: str | None = None
    expires_at: str | None = None


class Hub(Protocol):
    """What is asked of the gateway."""

    registry: Registry
    talk: Talk

    async def refresh_some(self, ids: list[UUID]) -> None: ...
    def refused(self, connection: Connection, error: ValueError) -> None: ...
    def count_refusal(self, code: str) -> None: ...


class Joining:
    def __init__(self, gateway: Hub) -> None:
        self.gateway = gateway
        self.waiting = 0
        self.joined = 0
        self.misses: dict[str, tuple[int, float]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # --- over MQTT --------------------------------------------------------------------------------------------------

    def welcome(self, connection: Connection) -> None:
        """A guest came in: not for long."""
        connection.asked = 0
        asyncio.get_running_loop().call_later(GUEST_S, self._see_out, connection)

    @staticmethod
    def _see_out(connection: Connection) -> None:
        if connection.transport is not None:
            connection.part(frames.SILENT, "two minutes are enough to ask")
            connection.close()

    def hear(self, connection: Connection, topic: bytes, payload: bytes, packet: bytes) -> None:
        if topic != topics.PROVISION:
            raise BadFrame("who connects as provision may only ask for that", frames.NOT_ALLOWED)
        doc = decode(payload)
        connection.asked += 1
        if connection.asked > MAX_ASKS:
            raise BadFrame(f"more than {MAX_ASKS} requests", frames.NOT_ALLOWED)
        connection.pause()
        task = asyncio.get_running_loop().create_task(self._answer(connection, doc, packet))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, connection: Connection, doc: Any, packet: bytes) -> None:
        try:
            said = await self.provision(doc, connection.peer)
            connection.acknowledge(packet)
            connection.send(topics.PROVISION_ANSWER, orjson.dumps(said))
        finally:
            connection.resume()

    # --- provisioning -----------------------------------------------------------------------------------------------

    async def provision(self, doc: Any, peer: str) -> dict[str, Any]:
        """ThingsBoard's answer: SUCCESS with the credential, NOT_FOUND (wrong key or secret), or FAILURE and why."""
        if self.waiting >= MAX_WAITING or self._missed(peer):
            self.gateway.count_refusal("provision-busy")
            return _failure("too many requests at the moment; ask again in a minute")
        self.waiting += 1
        try:
            return await self._provision(doc, peer)
        except BadPayload as error:
            self.gateway.count_refusal("provision-shape")
            return _failure(str(error))
        except (psycopg.Error, OSError) as error:
            log.warning("a device could not be registered: %s", type(error).__name__)
            return _failure("not possible at the moment; ask again")
        finally:
            self.waiting -= 1

    async def _provision(self, doc: Any, peer: str) -> dict[str, Any]:
        key, secret = _texts(doc, "provisionDeviceKey", "provisionDeviceSecret")
        name = doc.get("deviceName") or f"D-{secrets.token_hex(8)}"
        if type(name) is not str or not 0 < len(name) <= 120 or not name.isprintable():
            raise BadPayload("deviceName", "has 1 to 120 characters, none a control")
        registry = self.gateway.registry
        offer = offered(registry.key, doc, name)
        same = registry.by_code.get(name)
        ask = {"key": key, "name": name, "new_id": str(new_id()), "protocol": offer.protocol, "hint": offer.hint,
               "gateway": doc.get("gateway") is True, "certificate": offer.certificate, "expires_at": offer.expires_at,
               "heard": same is not None and bool(same.sessions or same.last_seen)}  # fmt: skip
        hashed = contracts.secret_hash(registry.key, key, secret)
        status, found = await self.gateway.talk.store.provision(ask, hashed, offer.hash)
        if status in ("made", "again", "known"):
            self.joined += status != "known"
            await self.gateway.refresh_some([found])
            return {"status": "SUCCESS", "credentialsType": offer.kind, "credentialsValue": offer.value}
        self.gateway.count_refusal(f"provision-{status}")
        if status == "not-found":
            self._miss(peer)
            return NOT_FOUND
        if same is not None:
            same.refuse("somebody asked to register by this device's name", bad=False)
        return _failure(REASONS.get(status, status))

    def _missed(self, peer: str) -> bool:
        count, since = self.misses.get(peer, (0, 0.0))
        return count >= MISSES and time.monotonic() - since < MISSES_S

    def _miss(self, peer: str) -> None:
        count, since = self.misses.get(peer, (0, 0.0))
        now = time.monotonic()
        if now - since >= MISSES_S:
            count, since = 0, now
        if len(self.misses) > 10_000:
            self.misses.clear()
        self.misses[peer] = (count + 1, since)

    # --- claims -----------------------------------------------------------------------------------------------------

    async def claim(self, device: Device, doc: Any) -> None:
        """The device says by which secret, and how long, it may be claimed. Raises BadPayload when it may not."""
        secret, holds = claim_of(doc)
        hashed = contracts.secret_hash(self.gateway.registry.key, device.uuid, secret)
        if not await self.gateway.talk.store.claim(device.uid, hashed, holds):
            raise BadPayload("body", "what has an owner, or is no place's, cannot be claimed", "not-claimable")

    @staticmethod
    def check_claim(doc: Any) -> None:
        """Before anything waits for it. Raises BadPayload."""
        claim_of(doc)

    def hear_claim(self, connection: Connection, parts: list[tuple[Device, Any]], packet: bytes) -> None:
        """Acknowledged when all are kept; one that may not be claimed is told at the device, and hinders no other."""
        connection.pause()
        task = asyncio.get_running_loop().create_task(self._claims(connection, parts, packet))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _claims(self, connection: Connection, parts: list[tuple[Device, Any]], packet: bytes) -> None:
        try:
            for device, doc in parts:
                await self._claim(connection, device, doc)
            connection.acknowledge(packet)
        finally:
            connection.resume()

    async def _claim(self, connection: Connection, device: Device, doc: Any) -> None:
        while connection.transport is not None:
            try:
                await self.claim(device, doc)
                return
            except BadPayload as error:
                device.refuse(f"claim: {error}", bad=False)
                self.gateway.count_refusal(error.code)
                return
            except (psycopg.Error, OSError) as error:
                log.warning("a claim could not be kept: %s", type(error).__name__)
                await asyncio.sleep(1)


def claim_of(doc: Any) -> tuple[str, int]:
    """(secret, milliseconds)."""
    if type(doc) is not dict:
        raise BadPayload("body", "must be an object", "bad-shape")
    secret, holds = doc.get("secretKey"), doc.get("durationMs", CLAIM_S[2] * 1000)
    if type(secret) is not str or not 4 <= len(secret) <= 200:
        raise BadPayload("secretKey", "has 4 to 200 characters")
    if type(holds) is not int or not CLAIM_S[0] * 1000 <= holds <= CLAIM_S[1] * 1000:
        raise BadPayload("durationMs", f"must be {CLAIM_S[0]} to {CLAIM_S[1]} seconds, in milliseconds")
    return secret, holds


def offered(key: bytes, doc: dict[str, Any], name: str) -> Offer:
    """The credential that the device brings, as far as it is strong enough, else one of ours."""
    kind = doc.get("credentialsType") or "ACCESS_TOKEN"
    if kind == "ACCESS_TOKEN":
        token = _strong(doc.get("token"), "token")
        return Offer("", kind, contracts.token_hash(key, token), token[-4:], token)
    if kind == "MQTT_BASIC":
        client, user = (_word(doc.get(n), n) for n in ("clientId", "username"))
        user, password = user or name, _strong(doc.get("password"), "password")
        hashed = contracts.basic_hash(key, client, user, password)
        value = {"clientId": client, "userName": user, "password": password}
        return Offer(contracts.MQTT_BASIC, kind, hashed, user[-4:], value)
    if kind == "X509_CERTIFICATE":
        return _certified(key, doc.get("hash"))
    raise BadPayload("credentialsType", "is ACCESS_TOKEN, MQTT_BASIC or X509_CERTIFICATE")


def _certified(key: bytes, pem: Any) -> Offer:
    """ThingsBoard's gateway calls it hash; it is the certificate in PEM."""
    try:
        found = contracts.parse_certificate(pem if type(pem) is str else "")
    except ValueError as error:
        raise BadPayload("hash", str(error)) from None
    hashed = contracts.certificate_hash(key, found.der)
    return Offer(contracts.X509, "X509_CERTIFICATE", hashed, found.fingerprint[-4:], found.fingerprint,
                 found.der.hex(), found.expires_at.isoformat())  # fmt: skip


def _strong(given: Any, field: str) -> str:
    found = _word(given, field)
    return found if len(found) >= MIN_SECRET else contracts.new_token()


def _word(given: Any, field: str) -> str:
    if given is None:
        return ""
    if type(given) is not str or len(given) > 200 or not given.isprintable():
        raise BadPayload(field, "is a text of at most 200 characters, none a control")
    return given


def _texts(doc: Any, *names: str) -> list[str]:
    if type(doc) is not dict:
        raise BadPayload("body", "must be an object", "bad-shape")
    found = [doc.get(name) for name in names]
    for name, value in zip(names, found, strict=True):
        if type(value) is not str or not 0 < len(value) <= 200:
            raise BadPayload(name, "is missing")
    return [str(value) for value in found]


def _failure(reason: str) -> dict[str, Any]:
    return {"status": "FAILURE", "errorMsg": reason}
