"""Which device speaks: the district's registry in memory.

A change of some devices costs those devices, however many there are. Once a minute, and whenever news may have been
missed, the stamps of all rows are compared with those that are known, page by page, and only what differs is read.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import orjson
import psycopg

from linli.devices import contracts
from linli.devices.contracts import RegistryRow
from linli.kernel.ids import new_id
from linli.kernel.steady import SteadyClock
from linli.telemetry import stamps
from linli.telemetry.batch import PRIVATE, partition_of
from linli.telemetry.payloads import Payload

log = logging.getLogger("linli.gateway")
LARGEST = 9e299  # a number; larger ones are refused
MAX_NAMES = 200  # distinct properties of one device, between two checks of the whole registry
AT_ONCE = 1_000  # rows that are read at a time
_PAGE = 5_000  # stamps
POINTS_PER_S = 5_000.0
BURST = 50_000.0
VIA_GATEWAY = "\0"  # how the key of a session begins that is its gateway's; no client id does
Limits = tuple[float, float] | None


class Session(Protocol):
    """A device's open connection, its own or its gateway's. `credentials`: the hashes by which it came in, all of which
    must hold while it is open; none where its gateway speaks, or where each message proves itself."""

    credentials: tuple[bytes, ...]

    @property
    def wants_commands(self) -> bool: ...
    @property
    def wants_attributes(self) -> bool: ...
    def command(self, number: int, method: str, params: Any, then: Callable[[], None]) -> None: ...
    def tell_attributes(self, values: dict[str, Any]) -> None: ...
    def close(self) -> None: ...
    def dismiss(self, code: int, reason: str) -> None:
        """The device may not go on: it is told why where the line has words, its will is not spoken, and it is closed.
        `code` as in MQTT 5."""


class Login(NamedTuple):
    """Who may come in, and by which credentials."""

    device: Device
    credentials: tuple[bytes, ...]


class Kind(NamedTuple):
    """What devices of one model share. `payload`: by which what they publish is read, where it is not in our forms."""

    properties: dict[str, Any]
    names: dict[str, Limits]
    numbers: frozenset[str]
    payload: Payload | None = None


def kind_of(properties: dict[str, Any], payload: Payload | None = None) -> Kind:
    numbers = frozenset(n for n, spec in properties.items() if spec.get("type") == "number")
    return Kind(properties, {name: _limits(spec) for name, spec in properties.items()}, numbers, payload)


class Device:
    """What the gateway keeps of one device; counters are increments since the last note."""

    __slots__ = (
        "attributes", "bad", "budget", "checked", "clamped", "code", "enabled", "error", "flags", "gateway", "hashes",
        "id", "kind", "last_seen", "late", "long", "messages", "model", "names", "parent", "parent_name", "partition",
        "points", "refused", "sessions", "spent_at", "stamp", "state_changed", "subject", "translate", "uuid",
    )  # fmt: skip

    def __init__(self, row: RegistryRow, kind: Kind, partitions: int) -> None:
        self.uuid = str(row.device_id)
        self.id = row.device_id.bytes
        self.partition = partition_of(self.id, partitions)
        self.sessions: dict[str, Session] = {}
        self.messages = self.points = self.bad = self.refused = self.late = self.clamped = 0
        self.error = ""
        self.last_seen = 0
        self.state_changed = False
        self.attributes: dict[str, Any] = {}
        self.budget = BURST
        self.spent_at = time.monotonic()
        self.checked = 0
        self.update(row, kind)

    def update(self, row: RegistryRow, kind: Kind) -> None:
        self.code, self.stamp = row.code, row.stamp
        self.model, self.subject = row.model, row.subject
        self.flags = 0 if row.subject in contracts.OPEN_SUBJECTS else PRIVATE
        self.enabled = row.enabled
        self.gateway = row.gateway and row.subject in contracts.OPEN_SUBJECTS
        self.parent = row.parent_id.bytes if row.parent_id is not None else b""
        self.parent_name = row.parent_name
        self.translate = row.translate
        self.hashes = [bytes(h) for h in row.credential_hashes or ()]
        self.kind = kind
        self.long = bool(row.translate) or kind.payload is not None  # no message of it goes the short way
        self.names = kind.names  # its model's, and what else it sends: `learn`

    def left_out(self) -> list[Session]:
        """Its sessions that may not go on: all of one that was taken out of service, else those whose credential does
        not hold any more."""
        every = list(self.sessions.values())
        return every if not self.enabled else [s for s in every if any(c not in self.hashes for c in s.credentials)]

    @property
    def numbers(self) -> frozenset[str]:
        return self.kind.numbers

    def learn(self, fresh: Iterable[str]) -> None:
        """Properties that its model does not know. The model's own table is everybody's: it stays as it is."""
        self.names = {**self.names, **dict.fromkeys(fresh)}

    @property
    def uid(self) -> UUID:
        return UUID(bytes=self.id)

    def allow(self, points: int) -> float:
        """Take `points` from the rate budget; returns the seconds to wait before the next message."""
        now = time.monotonic()
        self.budget = min(BURST, self.budget + (now - self.spent_at) * POINTS_PER_S) - points
        self.spent_at = now
        return 0.0 if self.budget >= 0 else -self.budget / POINTS_PER_S

    def refuse(self, reason: str, *, bad: bool = True) -> None:
        if bad:
            self.bad += 1
        else:
            self.refused += 1
        # What devices send may be in it: Postgres takes no U+0000, and one such text would hold up everybody's notes.
        self.error = "".join(c if c.isprintable() else "?" for c in reason[:200])
        self.state_changed = True


def _limits(spec: dict[str, Any]) -> Limits:
    low, high = spec.get("min"), spec.get("max")
    if low is None and high is None:
        return None
    return (-LARGEST if low is None else float(low), LARGEST if high is None else float(high))


class RegistrySource(Protocol):
    """`certificates` of these devices, or of all; `whose`: the devices of these credentials, as far as they hold;
    `stamps`: (device id, stamp of its row) of all, page by page."""

    async def certificates(self, ids: list[UUID] | None = None) -> list[bytes]: ...
    async def whose(self, hashes: list[bytes]) -> list[UUID]: ...
    def stamps(self) -> AsyncIterator[list[tuple[UUID, int]]]: ...
    async def some(self, ids: list[UUID]) -> list[RegistryRow]: ...


class PostgresSource:
    """Reads the view of `devices`; one connection, made again when it breaks."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._db: psycopg.AsyncConnection[Any] | None = None
        self._lock = asyncio.Lock()

    async def _rows(self, sql: str, args: tuple[Any, ...] = ()) -> list[Any]:
        async with self._lock:
            if self._db is None or self._db.closed or self._db.broken:
                self._db = await psycopg.AsyncConnection.connect(self.url, autocommit=True, connect_timeout=5)
            try:
                return await (await self._db.execute(sql, args)).fetchall()
            except psycopg.Error:
                await self._db.close()
                raise

    async def agree(self, clock: SteadyClock) -> None:
        """Bring `clock` to PostgreSQL's."""
        await clock.ask(self._rows)

    def stamps(self) -> AsyncIterator[stamps.Page]:
        return stamps.pages(lambda after, size: self._rows(contracts.REGISTRY_STAMPS_SQL, (after, size)), _PAGE)

    async def some(self, ids: list[UUID]) -> list[RegistryRow]:
        return [RegistryRow(*row) for row in await self._rows(contracts.REGISTRY_STAMPED_SQL, (ids, ids))]

    async def whose(self, hashes: list[bytes]) -> list[UUID]:
        """The devices of these credentials."""
        return [row[0] for row in await self._rows(contracts.WHOSE_SQL, (hashes,))]

    async def note(self, notes: str) -> None:
        await self._rows(contracts.NOTE_GATEWAY_SQL, (notes,))

    async def attributes(self, ids: list[UUID]) -> dict[UUID, tuple[dict[str, Any], dict[str, Any]]]:
        """Of each device: what it told of itself, what the district tells it."""
        return {i: (client, shared) for i, client, shared in await self._rows(contracts.ATTRIBUTES_SQL, (ids,))}

    async def take_commands(self, ids: list[UUID], again: bool) -> list[Any]:
        """(number, device id, method, params, one way) of what these devices are asked to do now."""
        return await self._rows(contracts.COMMANDS_TAKE_SQL, (ids, again))

    async def settle_commands(self, told: str) -> None:
        await self._rows(contracts.COMMANDS_SETTLE_SQL, (told,))

    async def child(self, gateway: UUID, name: str, kind: str) -> tuple[UUID | None, str]:
        """The device that a gateway calls `name`, made when it is new; None when the gateway may not have it, and why
        where there is more to say."""
        args = (gateway, name, kind, new_id(), contracts.search_words(name))
        found: tuple[UUID | None, str] = (await self._rows(contracts.CHILD_SQL, args))[0]
        return found

    async def provision(self, ask: dict[str, Any], secret: bytes, credential: bytes) -> tuple[str, Any]:
        """(status, device id) of a device that registers itself; see `contracts.PROVISION_SQL`."""
        args = (orjson.dumps(ask).decode(), secret, credential, contracts.search_words(ask["name"]))
        found: tuple[str, Any] = (await self._rows(contracts.PROVISION_SQL, args))[0]
        return found

    async def certificates(self, ids: list[UUID] | None = None) -> list[bytes]:
        return [bytes(row[0]) for row in await self._rows(contracts.CERTIFICATES_SQL, (ids, ids))]

    async def firmware(self, device: UUID, kind: str) -> Any:
        """(id, key, size, title, version) of what a device is to load now, or None."""
        return next(iter(await self._rows(contracts.FIRMWARE_SQL, (device, kind))), None)

    async def claim(self, device: UUID, secret: bytes, holds_ms: int) -> bool:
        """Keep by which secret a device may be claimed; False when it may not be."""
        return bool((await self._rows(contracts.CLAIM_SQL, (device, secret, holds_ms)))[0][0])


class Registry:
    """Devices by id and by token hash. `find(token)` is one HMAC and one look-up."""

    def __init__(self, key: bytes, partitions: int, payloads: Mapping[str, Payload] | None = None) -> None:
        self.key = key
        self.partitions = partitions
        self.payloads = payloads or {}  # by thing model
        self.devices: dict[bytes, Device] = {}
        self.by_hash: dict[bytes, Device] = {}
        self.by_code: dict[str, Device] = {}
        self.by_name: dict[tuple[bytes, str], Device] = {}  # (gateway's id, its name for the child)
        self.loaded = False
        self._kinds: dict[str, Kind] = {}
        self._round = 0

    def token(self, token: str) -> Login | None:
        """The enabled device that may speak by this token."""
        return self._login(contracts.token_hash(self.key, token))

    def basic(self, client_id: str, user: str, password: str) -> Login | None:
        """By a client id, user name and password of MQTT; a credential without a client id goes with any."""
        names = dict.fromkeys((client_id, ""))
        found = (self._login(contracts.basic_hash(self.key, name, user, password)) for name in names)
        return next((one for one in found if one is not None), None)

    def hashes(self, user: str, password: str, client_id: str) -> list[bytes]:
        """Of all that a client of MQTT may mean by these words: `token` and `basic` look for them."""
        tokens = [contracts.token_hash(self.key, word) for word in (user, password) if word]
        if not password:
            return tokens
        names = dict.fromkeys((client_id, ""))
        return tokens + [contracts.basic_hash(self.key, name, user, password) for name in names]

    def certified(self, der: bytes) -> Login | None:
        """By the certificate that a connection showed."""
        return self._login(contracts.certificate_hash(self.key, der))

    def _login(self, credential: bytes) -> Login | None:
        device = self.by_hash.get(credential)
        return Login(device, (credential,)) if device is not None and device.enabled else None

    def station(self, protocol: str, number: str, secret: str) -> Device | None:
        """By its number in a protocol. A number that was registered with a secret needs it; one without takes any."""
        for word in dict.fromkeys((secret, "")):
            device = self.by_hash.get(contracts.station_hash(self.key, protocol, number, word))
            if device is not None and device.enabled:
                return device
        return None

    def child(self, gateway: Device, name: str) -> Device | None:
        device = self.by_name.get((gateway.id, name))
        return device if device is not None and device.enabled else None

    # --- as it changes ----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """A check of the whole registry begins: `differing` for each page of stamps, then `unseen`, then `end`."""
        self._round += 1

    def differing(self, page: Iterable[tuple[UUID, int]]) -> list[UUID]:
        """Whose row is new or another one than that which is known."""
        found = []
        for key, stamp in page:
            device = self.devices.get(key.bytes)
            if device is None or device.stamp != stamp:
                found.append(key)
            else:
                device.checked = self._round
        return found

    def unseen(self) -> list[UUID]:
        """Who is known and was on no page: to be asked for once more, for it may be newer than its page."""
        return [d.uid for d in self.devices.values() if d.checked != self._round]

    def end(self) -> list[Device]:
        """The check is over; returns who may not speak and is connected."""
        self.loaded = True
        for device in self.devices.values():
            device.names = device.kind.names
        return [d for d in self.devices.values() if d.sessions and not d.enabled]

    def replace_some(self, ids: Iterable[UUID], rows: Iterable[RegistryRow]) -> list[Device]:
        """Take the rows of `ids`, a device without one is gone; returns devices that may no longer speak, or
        not by the credentials with which they came (`Device.left_out`)."""
        put = {device.id: device for device in map(self._put, rows)}
        gone = [d for i in ids if i.bytes not in put and (d := self.devices.pop(i.bytes, None)) is not None]
        for device in gone:
            self._forget(device)
            device.enabled = False
        return [*gone, *(d for d in put.values() if d.sessions and d.left_out())]

    def _put(self, row: RegistryRow) -> Device:
        kind = self._kind(row)
        device = self.devices.get(row.device_id.bytes)
        if device is None:
            device = self.devices[row.device_id.bytes] = Device(row, kind, self.partitions)
        else:
            self._forget(device)
            before = device.parent, device.parent_name
            device.update(row, kind)
            if before != (device.parent, device.parent_name):
                for session in [s for key, s in device.sessions.items() if key.startswith(VIA_GATEWAY)]:
                    session.close()
        device.checked = self._round
        for one in device.hashes:
            self.by_hash[one] = device
        self.by_code[device.code] = device
        if device.parent:
            self.by_name[device.parent, device.parent_name] = device
        return device

    def _kind(self, row: RegistryRow) -> Kind:
        """One for all devices of a model. A model that was changed has another one from then on."""
        properties = row.properties or {}
        kind = self._kinds.get(row.model)
        if kind is None or kind.properties != properties:
            kind = self._kinds[row.model] = kind_of(properties, self.payloads.get(row.model))
        return kind

    def _forget(self, device: Device) -> None:
        """Nothing finds it any more. What another has taken over meanwhile is that one's: whoever gets another gateway,
        or another name with it, is not spoken for any more by the old one's."""
        for one in device.hashes:
            if self.by_hash.get(one) is device:
                del self.by_hash[one]
        if self.by_code.get(device.code) is device:
            del self.by_code[device.code]
        if device.parent and self.by_name.get((device.parent, device.parent_name)) is device:
            del self.by_name[device.parent, device.parent_name]
