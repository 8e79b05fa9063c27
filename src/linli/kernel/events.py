"""Domain events: written as outbox rows in the caller's transaction, published by the relay, consumed once each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

from linli.kernel import clock, ids, rows
from linli.kernel.envelope import Envelope

__all__ = ["CONSUMERS", "Consumer", "Envelope", "consumer", "emit"]


Handler = Callable[[Envelope], None]
Interest = Callable[[], Callable[[Envelope], bool]]


class Consumer(NamedTuple):
    """What `consumer` registered: types (`case.*` and `*` are patterns), the handler, and what narrows the types."""

    types: frozenset[str]
    handler: Handler
    interest: Interest | None


CONSUMERS: dict[str, Consumer] = {}


def emit(
    *,
    type: str,
    kind: str,
    ref: UUID | str,
    area: str = "",
    permission: str = "",
    data: dict[str, Any] | None = None,
    audience: str = "staff",
    centre: UUID | None = None,
    public: dict[str, Any] | None = None,
) -> str:
    """Add an event to the outbox of the transaction in progress; returns its id.

    With `public`, the same news goes to anybody as an event of its own, with that data only.
    """
    from linli.kernel.models import OutboxEvent

    envelope = Envelope(
        id=str(ids.new_id()), type=type, at=clock.now().isoformat(), kind=kind, ref=str(ref), area=area,
        centre=str(centre) if centre else None, audience=audience, permission=permission, data=data or {},
    )  # fmt: skip
    told = [envelope]
    if public is not None:
        told.append(replace(envelope, id=str(ids.new_id()), audience="public", permission="", data=public))
    rows.insert([OutboxEvent(id=UUID(e.id), type=type, envelope=e.plain()) for e in told])
    return envelope.id


def consumer(name: str, *types: str, interest: Interest | None = None) -> Callable[[Handler], Handler]:
    """Register `fn(envelope)` for event types; `jobs` runs it in one transaction with its inbox row.

    `interest()` is asked once for a batch that has come, and gives a test for its events; what fails the test costs no
    row and no transaction. It may read but never write, and what it knows must be read when asked, not before: who
    wished for an event before it happened is found then, whichever process took the wish.
    """

    def register(fn: Handler) -> Handler:
        if name in CONSUMERS:
            raise RuntimeError(f"two consumers are named {name}")
        CONSUMERS[name] = Consumer(frozenset(types), fn, interest)
        return fn

    return register
