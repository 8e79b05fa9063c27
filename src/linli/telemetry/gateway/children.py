"""A gateway that speaks for others, as ThingsBoard's does: `v1/gateway/…`.

Whoever it names is its own child, or nobody: it can never speak for a device that the district did not give it. A name
that is new becomes a device at the gateway's own place.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, cast

import orjson
import psycopg

from linli.kernel.steady import SteadyClock
from linli.telemetry.gateway import frames, topics
from linli.telemetry.gateway.frames import BadFrame
from linli.telemetry.gateway.joining import Joining
from linli.telemetry.gateway.mqtt import Connection
from linli.telemetry.gateway.payload import BadPayload, Message, decode, shape
from linli.telemetry.gateway.registry import VIA_GATEWAY, Device, Registry, RegistrySource
from linli.telemetry.gateway.talk import Talk, chosen, named

log = logging.getLogger("linli.gateway")
MAX_NAMES = 1_000  # children in one message
DENIED_S = 60.0


class ChildSession:
    """A child as it is reached over its gateway's connection."""

    __slots__ = ("connection", "device")
    credentials: tuple[bytes, ...] = ()

    def __init__(self, connection: Connection, device: Device) -> None:
        self.connection = connection
        self.device = device

    @property
    def wants_commands(self) -> bool:
        return bool(self.connection.topics & topics.CHILDREN_COMMANDS)

    @property
    def wants_attributes(self) -> bool:
        return bool(self.connection.topics & topics.CHILDREN_ATTRIBUTES)

    def command(self, number: int, method: str, params: Any, then: Callable[[], None]) -> None:
        sure = self.connection.topics & topics.CHILDREN_COMMANDS * topics.SURE
        data = {"id": number, "method": method, "params": params}
        body = orjson.dumps({"device": self.device.parent_name, "data": data})
        self.connection.send(topics.CHILD_RPC, body, then if sure else None)

    def tell_attributes(self, values: dict[str, Any]) -> None:
        body = orjson.dumps({"device": self.device.parent_name, "data": values})
        self.connection.send(topics.CHILD_ATTRIBUTES, body)

    def close(self) -> None:
        """The child may not speak any more, or its gateway says that it is gone."""
        children = self.connection.children or {}
        children.pop(self.device.parent_name, None)
        if self.device.sessions.get(key := _key(self.connection)) is self:
            del self.device.sessions[key]
            self.device.state_changed = True

    def dismiss(self, code: int, reason: str) -> None:
        self.close()


class Joint:
    """Acknowledges one packet when all its parts are on disk."""

    __slots__ = ("connection", "left", "packet")

    def __init__(self, connection: Connection, packet: bytes, parts: int) -> None:
        self.connection, self.packet, self.left = connection, packet, parts

    def done(self) -> bool:
        return False

    def set_result(self, _: None) -> None:
        self.left -= 1
        if not self.left:
            self.connection.acknowledge(self.packet)


def _key(connection: Connection) -> str:
    return f"{VIA_GATEWAY}{id(connection):x}"


class Hub(Protocol):
    """What is asked of the gateway."""

    registry: Registry
    source: RegistrySource
    talk: Talk
    clock: SteadyClock
    joining: Joining

    def take_message(self, device: Device, message: Message, ack: Any) -> float: ...
    def keep_attributes(self, device: Device, doc: Any, ack: Any) -> None: ...
    def slow_down(self, connection: Connection, seconds: float) -> None: ...
    def refused(self, connection: Connection, error: ValueError) -> None: ...
    def count_refusal(self, code: str) -> None: ...


class Children:
    def __init__(self, gateway: Hub) -> None:
        self.gateway = gateway
        self.denied: dict[tuple[bytes, str], tuple[float, str]] = {}  # until when, and why
        self._tasks: set[asyncio.Task[None]] = set()

    def hear(self, connection: Connection, what: str, payload: bytes, packet: bytes) -> None:
        """A publish of a gateway to `v1/gateway/<what>`."""
        doc = decode(payload)
        if type(doc) is not dict:
            raise BadPayload("body", "must be an object", "bad-shape")
        parts = {"telemetry": self._telemetry, "attributes": self._attributes, "claim": self._claim}
        if what in parts:
            doc = {_name(name, "body"): value for name, value in doc.items()}
            act = parts[what]
            self._with(connection, dict.fromkeys(doc, ""), partial(act, connection, doc, packet))
            return
        acts = {"connect": self._connect, "disconnect": self._disconnect, "attributes/request": self._asked,
                "rpc": self._answered}  # fmt: skip
        if what not in acts:
            raise BadFrame(f"topic {topics.CHILDREN + what[:80]!r} is not offered", frames.NOT_ALLOWED)
        name = _name(doc.get("device"), "device")
        kind = doc.get("type") if what == "connect" and isinstance(doc.get("type"), str) else ""
        self._with(connection, {name: str(kind)[:60]}, partial(acts[what], connection, name, doc, packet))

    # --- acts, when all children are known --------------------------------------------------------------------------

    def _connect(self, connection: Connection, name: str, doc: dict[str, Any], packet: bytes) -> None:
        self._child(connection, name)
        connection.acknowledge(packet)

    def _disconnect(self, connection: Connection, name: str, doc: dict[str, Any], packet: bytes) -> None:
        session = (connection.children or {}).get(name)
        if session is not None:
            session.close()
        connection.acknowledge(packet)

    def _telemetry(self, connection: Connection, doc: dict[str, Any], packet: bytes) -> None:
        waits = [0.0]

        def take(child: Device, values: Any, joint: Joint) -> None:
            waits.append(self.gateway.take_message(child, shape(values), joint))

        self._each(connection, doc, packet, take)
        if wait := max(waits):
            self.gateway.slow_down(connection, wait)

    def _attributes(self, connection: Connection, doc: dict[str, Any], packet: bytes) -> None:
        self._each(connection, doc, packet, self.gateway.keep_attributes)

    def _claim(self, connection: Connection, doc: dict[str, Any], packet: bytes) -> None:
        found = [(child, value) for name, value in doc.items() if (child := self._child(connection, name)) is not None]
        self.gateway.joining.hear_claim(connection, found, packet)

    def _each(
        self, connection: Connection, doc: dict[str, Any], packet: bytes, act: Callable[[Device, Any, Joint], None]
    ) -> None:
        """A child whose part cannot be read is refused alone: a gateway that is cut off would only send it again."""
        joint = Joint(connection, packet, len(doc) + 1)
        for name, values in doc.items():
            child = self._child(connection, name)
            if child is None:
                joint.set_result(None)
                continue
            try:
                act(child, values, joint)
            except BadPayload as error:
                self._refuse(connection, child, error)
                joint.set_result(None)
        joint.set_result(None)

    def _asked(self, connection: Connection, name: str, doc: dict[str, Any], packet: bytes) -> None:
        child = self._child(connection, name)
        connection.acknowledge(packet)
        if child is None:
            return
        names = named([doc["key"]] if "key" in doc else doc.get("keys"))

        def then(client: dict[str, Any], shared: dict[str, Any]) -> None:
            """One that is asked for is `value`, several are `values`; of nothing neither is said."""
            values = client if doc.get("client") else shared
            found = chosen(values, names) if names else values
            said: dict[str, Any] = {"id": doc.get("id"), "device": name}
            if found:
                said |= {"value": found[names[0]]} if len(names) == 1 else {"values": found}
            connection.send(topics.CHILD_ANSWER, orjson.dumps(said))

        self.gateway.talk.ask(child, then)

    def _answered(self, connection: Connection, name: str, doc: dict[str, Any], packet: bytes) -> None:
        child, number = self._child(connection, name), doc.get("id")
        if isinstance(number, str) and number.isascii() and number.isdigit() and len(number) < 19:
            number = int(number)
        if child is None or type(number) is not int:
            connection.acknowledge(packet)
            return
        self.gateway.talk.answer(child, number, doc.get("data"), partial(connection.acknowledge, packet))

    # --- who they are -----------------------------------------------------------------------------------------------

    def _child(self, connection: Connection, name: str) -> Device | None:
        """The child, reached over this connection from now on. None: this gateway may not speak for that name."""
        gateway = cast(Device, connection.device)
        child = self.gateway.registry.child(gateway, name)
        if child is None:
            _, why = self._denied(gateway, name)
            gateway.refuse(f"may not speak for {name!r}" + (f": {why}" if why else ""), bad=False)
            self.gateway.count_refusal("model-retired" if why else "not-a-child")
            return None
        children = connection.children = connection.children if connection.children is not None else {}
        if name not in children:
            session = children[name] = ChildSession(connection, child)
            child.sessions[_key(connection)] = session
            child.last_seen = self.gateway.clock.now_ms()
            child.state_changed = True
            self.gateway.talk.look([child], again=True)
        return child

    def _refuse(self, connection: Connection, child: Device, error: BadPayload) -> None:
        child.refuse(str(error))
        cast(Device, connection.device).refuse(f"{child.parent_name}: {error}", bad=False)
        self.gateway.count_refusal(error.code)

    def _with(self, connection: Connection, kinds: dict[str, str], act: Callable[[], None]) -> None:
        """Do `act` when those of the names that are new are devices. The connection is not read meanwhile."""
        if len(kinds) > MAX_NAMES:
            raise BadPayload("body", f"more than {MAX_NAMES} devices in one message", "too-many-names")
        gateway, now = cast(Device, connection.device), time.monotonic()
        missing = {
            name: kind for name, kind in kinds.items()
            if self.gateway.registry.child(gateway, name) is None and self._denied(gateway, name)[0] < now
        }  # fmt: skip
        if not missing:
            act()
            return
        connection.pause()
        task = asyncio.get_running_loop().create_task(self._make(connection, missing, act))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _make(self, connection: Connection, kinds: dict[str, str], act: Callable[[], None]) -> None:
        gateway = cast(Device, connection.device)
        try:
            while kinds and connection.transport is not None:
                try:
                    await self._make_some(gateway, kinds)
                except (psycopg.Error, OSError) as error:
                    log.warning("a gateway's children could not be looked up: %s", type(error).__name__)
                    await asyncio.sleep(1)
            if connection.transport is not None:
                act()
        except (BadFrame, BadPayload) as error:
            self.gateway.refused(connection, error)
            connection.close()
        finally:
            connection.resume()

    async def _make_some(self, gateway: Device, kinds: dict[str, str]) -> None:
        """Takes out of `kinds` who is known or denied by now."""
        made = []
        for name, kind in list(kinds.items()):
            found, why = await self.gateway.talk.store.child(gateway.uid, name, kind)
            if found is None:
                self._deny(gateway, name, why)
                del kinds[name]
            else:
                made.append(found)
        self.gateway.registry.replace_some(made, await self.gateway.source.some(made))
        kinds.clear()

    def _denied(self, gateway: Device, name: str) -> tuple[float, str]:
        return self.denied.get((gateway.id, name), (0.0, ""))

    def _deny(self, gateway: Device, name: str, why: str) -> None:
        if len(self.denied) > 10_000:
            self.denied.clear()
        self.denied[gateway.id, name] = time.monotonic() + DENIED_S, why

    def left(self, connection: Connection) -> None:
        """The gateway's connection is gone, and with it its children's."""
        for session in list((connection.children or {}).values()):
            session.close()


def _name(name: Any, field: str) -> str:
    if type(name) is not str or not 0 < len(name) <= 120 or not name.isprintable():
        raise BadPayload(field, "a device's name has 1 to 120 characters, none a control", "bad-name")
    return name
