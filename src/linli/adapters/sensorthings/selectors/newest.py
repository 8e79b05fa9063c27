"""The newest readings of devices, asked of history once an answer, however often the answer needs them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from linli.telemetry import facade as telemetry

Newest = dict[str, tuple[int, float, int, int]]  # property → (time in ms, value, flags, when received in ms)
_asked: ContextVar[dict[UUID, Newest] | None] = ContextVar("sensorthings_newest", default=None)


@contextmanager
def asked_once() -> Iterator[None]:
    """Within one answer, what was asked of a device is not asked again: all parts of it tell the same."""
    token = _asked.set({})
    try:
        yield
    finally:
        _asked.reset(token)


def of(devices: Iterable[UUID]) -> dict[UUID, Newest]:
    wanted, known = set(devices), _asked.get()
    found = {d: known[d] for d in wanted if d in known} if known else {}
    lacking = [d for d in wanted if d not in found]
    if lacking:
        found |= zip(lacking, telemetry.newest(lacking), strict=True)
        if known is not None:
            known |= found
    return found
