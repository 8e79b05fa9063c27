"""Who hears what: listeners in groups of equal rights and wishes, a ring of recent events, and live values.

An event is encoded once and matched once per group; all connections of a group share the bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

import orjson

from linli.kernel.actor import Actor, contains
from linli.kernel.envelope import Envelope

VALUE_PERMISSION = "devices.view"
HIDDEN = ("audience", "permission")
RESET = b"event: reset\ndata: {}\n\n"


class Sink(Protocol):
    """A connection that takes frames and never blocks; False means it was too slow and is being dropped."""

    def send(self, frame: bytes) -> bool: ...
    def drop(self, why: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What a listener asked for: types (`case.changed`, `alarm.*`, `*`, and `value` by name only) and an area."""

    types: frozenset[str] = frozenset(("*",))
    area: str = ""
    public: bool = False

    def names(self, event_type: str) -> bool:
        return bool(
            event_type in self.types or "*" in self.types or event_type.partition(".")[0] + ".*" in self.types
        )  # fmt: skip

    @property
    def values(self) -> bool:
        return "value" in self.types and not self.public


@dataclass(frozen=True, slots=True)
class Entry:
    """An event of the stream with its frame."""

    sequence: int
    envelope: Envelope
    frame: bytes


@dataclass(eq=False, slots=True)
class Listener:
    sink: Sink
    actor: Actor
    wish: Wish
    credential: str = ""
    group: Group | None = None

    @property
    def account(self) -> str:
        return str(self.actor.account_id or "")


@dataclass(eq=False)
class Group:
    """Listeners with the same grants and the same wish."""

    actor: Actor
    wish: Wish
    members: set[Listener] = field(default_factory=set)
    values: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    _areas: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _value_areas: dict[str, bool] = field(default_factory=dict)

    def may(self, permission: str, area: str) -> bool:
        """Default deny: an event that names no permission goes to nobody on staff."""
        if not permission:
            return False
        if permission not in self._areas:
            self._areas[permission] = self.actor.areas(permission)
        return any(contains(a, area) for a in self._areas[permission])

    def wants(self, envelope: Envelope) -> bool:
        wish = self.wish
        if not wish.names(envelope.type) or (wish.area and envelope.area and not contains(wish.area, envelope.area)):
            return False
        if envelope.audience == "public":
            return True
        if envelope.audience != "staff" or wish.public or self.actor.kind == "public":
            return False
        return self.may(envelope.permission, envelope.area)

    def keep_values(self, items: Iterable[list[Any]]) -> None:
        """Remember the latest of each series until the next flush."""
        seen = self._value_areas
        for item in items:
            area = item[1]
            wanted = seen.get(area)
            if wanted is None:
                if len(seen) > 20_000:
                    seen.clear()
                wanted = seen[area] = contains(self.wish.area, area) and self.may(VALUE_PERMISSION, area)
            if wanted:
                self.values[item[0], item[2]] = item


class Hub:
    """All listeners, the ring of recent events, and the epoch that names them."""

    def __init__(self, ring: int = 20_000) -> None:
        self.ring: deque[Entry] = deque(maxlen=ring)
        self.epoch = ""
        self.last = 0
        self.since: datetime | None = None
        self.groups: dict[tuple[Any, ...], Group] = {}
        self.listeners: set[Listener] = set()
        self.by_account: dict[str, set[Listener]] = {}
        self.delivered = 0
        self.on_revoke: Callable[[], None] = lambda: None

    # listeners

    def add(self, listener: Listener, last_event_id: str = "") -> None:
        """Join, with what was missed since `last_event_id`; an unknown epoch or a gap sends `reset`."""
        self._enlist(listener)
        self.listeners.add(listener)
        self.by_account.setdefault(listener.account, set()).add(listener)
        listener.sink.send(b"retry: 2000\n" + (self._missed(listener, last_event_id) if last_event_id else b""))
        listener.sink.send(self.tick())

    def remove(self, listener: Listener) -> None:
        self.listeners.discard(listener)
        self.by_account.get(listener.account, set()).discard(listener)
        if not self.by_account.get(listener.account):
            self.by_account.pop(listener.account, None)
        self._leave(listener)

    def renew(self, listener: Listener, actor: Actor) -> None:
        """The listener's rights changed."""
        if actor.grants != listener.actor.grants:
            self._leave(listener)
            listener.actor = actor
            self._enlist(listener)

    def _enlist(self, listener: Listener) -> None:
        key = (listener.actor.kind, listener.actor.grants, listener.wish)
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = Group(listener.actor, listener.wish)
        group.members.add(listener)
        listener.group = group

    def _leave(self, listener: Listener) -> None:
        group = listener.group
        if group is not None:
            group.members.discard(listener)
            if not group.members:
                self.groups.pop((group.actor.kind, group.actor.grants, group.wish), None)
        listener.group = None

    def _missed(self, listener: Listener, last_event_id: str) -> bytes:
        epoch, _, number = last_event_id.rpartition("-")
        if epoch != self.epoch or not number.isdigit() or int(number) > self.last:
            return RESET
        after = int(number)
        oldest = self.ring[0].sequence if self.ring else self.last + 1
        if after + 1 < oldest:
            return RESET
        return b"".join(e.frame for e in self.ring if e.sequence > after and self._hears(listener, e.envelope))

    def _hears(self, listener: Listener, envelope: Envelope) -> bool:
        if envelope.audience.startswith("account:"):
            return self._own(listener, envelope)
        return listener.group is not None and listener.group.wants(envelope)

    @staticmethod
    def _own(listener: Listener, envelope: Envelope) -> bool:
        return envelope.audience == f"account:{listener.account}" and listener.wish.names(envelope.type)

    # events

    def begin(self, epoch: str, first: int, since: datetime | None = None) -> None:
        """(Re)start of the feed at sequence `first`. Another epoch makes every screen read anew.

        After a loss the relay fills the new stream with the events of days. They are for the consumers: screens have
        read anew, or were opened later, so what was written before `since` is passed over.
        """
        self.since = since
        if epoch != self.epoch:
            was, self.epoch = self.epoch, epoch
            self.ring.clear()
            self.last = first - 1
            if was:
                self.send_all(RESET)

    def event(self, sequence: int, data: bytes) -> None:
        """An event of the stream, in order of sequence."""
        if sequence <= self.last:
            return
        try:
            fields = orjson.loads(data)
            envelope = Envelope(**{k: v for k, v in fields.items() if k in Envelope.__slots__})
        except (orjson.JSONDecodeError, TypeError, AttributeError):
            self.last = sequence
            return
        self.last = sequence
        if envelope.type != "session.revoked" and self._old(envelope):
            return
        frame = self.frame(envelope.type, fields, sequence)
        entry = Entry(sequence, envelope, frame)
        self.ring.append(entry)
        if envelope.type == "session.revoked":
            self._revoke(envelope)
            return
        self._spread(envelope, frame)

    def _old(self, envelope: Envelope) -> bool:
        try:
            return self.since is not None and datetime.fromisoformat(envelope.at) < self.since
        except (TypeError, ValueError):  # no time, or one without offset
            return False

    def passing(self, name: str, data: bytes) -> None:
        """A message without storage, `{"area", "permission", ...}`: sent on now or never."""
        try:
            fields = orjson.loads(data)
            envelope = Envelope(id="", type=name, at="", kind=name, ref="", area=str(fields.get("area", "")),
                                permission=str(fields.get("permission", "")),
                                audience=str(fields.get("audience", "staff")))  # fmt: skip
        except (orjson.JSONDecodeError, AttributeError):
            return
        self._spread(envelope, self.frame(name, fields, None))

    def frame(self, name: str, fields: dict[str, Any], sequence: int | None) -> bytes:
        body = orjson.dumps({k: v for k, v in fields.items() if k not in HIDDEN})
        lead = b"" if sequence is None else f"id: {self.epoch}-{sequence}\n".encode()
        return b"%bevent: %b\ndata: %b\n\n" % (lead, name.replace("\n", "").encode(), body)

    def _spread(self, envelope: Envelope, frame: bytes) -> None:
        if envelope.audience.startswith("account:"):
            account = envelope.audience.removeprefix("account:")
            for listener in list(self.by_account.get(account, ())):
                if account and self._own(listener, envelope):
                    self._to(listener, frame)
            return
        for group in list(self.groups.values()):
            if group.wants(envelope):
                for listener in list(group.members):
                    self._to(listener, frame)

    def _to(self, listener: Listener, frame: bytes) -> None:
        self.delivered += 1
        if not listener.sink.send(frame):
            self.remove(listener)

    def _revoke(self, envelope: Envelope) -> None:
        """Drop the listeners of a session (`data.session_id`), or all of an account (`data.account_id`)."""
        self.on_revoke()
        session = str(envelope.data.get("session_id") or "")
        account = str(envelope.data.get("account_id") or "")
        for listener in list(self.by_account.get(account, ()) if account else self.listeners):
            own = str(listener.actor.session_id or "")
            if own == session if session else (account or own == envelope.ref):
                self.drop(listener, "session revoked")

    def drop(self, listener: Listener, why: str) -> None:
        self.remove(listener)
        listener.sink.drop(why)

    # time and values

    def tick(self) -> bytes:
        """The heartbeat: server time, and the id up to which the listener has heard everything meant for it."""
        body = orjson.dumps({"at": datetime.now(UTC).isoformat(timespec="milliseconds")})
        return b"id: %b-%d\nevent: tick\ndata: %b\n\n" % (self.epoch.encode(), self.last, body)

    def send_all(self, frame: bytes) -> None:
        for listener in list(self.listeners):
            if not listener.sink.send(frame):
                self.remove(listener)

    def values(self, data: bytes) -> None:
        """A batch of latest values from `sense`."""
        groups = [g for g in self.groups.values() if g.wish.values]
        if not groups:
            return
        try:
            items = orjson.loads(data)["items"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return
        for group in groups:
            group.keep_values(items)

    def flush_values(self) -> None:
        """Send each group the values kept since the last flush, as one frame."""
        for group in list(self.groups.values()):
            if not group.values:
                continue
            items, group.values = list(group.values.values()), {}
            frame = b"event: value\ndata: %b\n\n" % orjson.dumps({"items": items})
            for listener in list(group.members):
                self._to(listener, frame)


def uuid_or_none(value: Any) -> UUID | None:
    return UUID(str(value)) if value else None
