"""Domain events: written as outbox rows in the caller's transaction, published by the relay, consumed once each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

from linli.kernel import clock, ids, rows
from linli.kernel.envelope import Envelope

__all__ = ["CONSUMERS", "Envelope", "consumer", "emit"]


Handler = Callable[[Envelope], None]
CONSUMERS: dict[str, tuple[frozenset[str], Handler]] = {}


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
    rows.insert([OutboxEvent(id=UUID(e.id), type=type, envelope=asdict(e)) for e in told])
    return envelope.id


def consumer(name: str, *types: str) -> Callable[[Handler], Handler]:
    """Register `fn(envelope)` for event types; `jobs` runs it in one transaction with its inbox row."""

    def register(fn: Handler) -> Handler:
        if name in CONSUMERS:
            raise RuntimeError(f"two consumers are named {name}")
        CONSUMERS[name] = (frozenset(types), fn)
        return fn

    return register
