"""What a group of requests tells history, or takes out of it, waits here until the whole group has succeeded.

Outside of a group everything goes at once. Observations posted one after another in a batch wait for each other, too:
history is told once, and waited for once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection

from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.selectors import observing
from linli.telemetry import facade as telemetry

Reading = tuple[UUID, str, int, int, float, int]  # as `telemetry.write` takes it
Series = tuple[UUID, str]
FORGET_AT_ONCE = 10_000
_held: ContextVar[Held | None] = ContextVar("sensorthings_pending", default=None)


@dataclass(slots=True)
class Held:
    """Of one group, by series: readings to tell, times (ms) of those to forget; and what is done after both."""

    told: dict[Series, dict[int, Reading]] = field(default_factory=dict)
    gone: dict[Series, set[int]] = field(default_factory=dict)
    after: dict[Any, Callable[[], None]] = field(default_factory=dict)
    order: list[tuple[Series, int]] = field(default_factory=list)  # of `told`

    def back(self, mark: int) -> None:
        """As it was when so many readings were told: a request that failed tells nothing."""
        for series, t in self.order[mark:]:
            self.told[series].pop(t, None)
        del self.order[mark:]

    def send(self) -> None:
        """The last of the group's transaction: what the database has against it, it says before anything leaves."""
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for (device, prop), times in self.gone.items():
            many = sorted(times)
            for at in range(0, len(many), FORGET_AT_ONCE):
                telemetry.forget(device, prop, many[at : at + FORGET_AT_ONCE])
        if readings := [one for many in self.told.values() for one in many.values()]:
            telemetry.write(readings)
        for do in self.after.values():
            do()


@contextmanager
def group() -> Iterator[Held]:
    """Within it nothing goes to history before `send`. Stands inside of the group's transaction."""
    held = Held()
    token = _held.set(held)
    try:
        yield held
    finally:
        _held.reset(token)


def write(readings: Sequence[Reading]) -> None:
    """Tell history, in pieces that it takes."""
    held = _held.get()
    if held is None:
        for at in range(0, len(readings), telemetry.MAX_WRITE):
            telemetry.write(readings[at : at + telemetry.MAX_WRITE])
        return
    for one in readings:
        held.told.setdefault((one[0], one[1]), {})[one[2]] = one
        held.order.append(((one[0], one[1]), one[2]))
    if len(held.order) > telemetry.MAX_WRITE:
        raise Wrong(f"a group tells at most {telemetry.MAX_WRITE} observations")


def forget(device: UUID, prop: str, times: Sequence[int]) -> None:
    """Take readings out of history. What a group has told or changed already, it does not change again."""
    held = _held.get()
    if held is None:
        telemetry.forget(device, prop, times)
        return
    told, gone = held.told.get((device, prop), {}), held.gone.setdefault((device, prop), set())
    if any(t in told or t in gone for t in times):
        raise Wrong("within a group an observation is told, changed or deleted once")
    gone.update(times)


def untold(series: Iterable[Series]) -> None:
    """Raises Wrong when the group has told readings of one of these series."""
    held = _held.get()
    if held is not None and any(held.told.get(one) for one in series):
        raise Wrong("within a group an observation is told, changed or deleted once")


def taken(wanted: Sequence[tuple[dict[str, Any], Sequence[int]]]) -> dict[int, set[int]]:
    """For each series, by its id: which of these times (ms) it will have a reading of."""
    found, held = observing.taken(wanted), _held.get()
    for stream, times in wanted if held is not None else ():
        series, key = (stream["device_id"], stream["property"]), stream["id"]
        found[key] = (found[key] - held.gone.get(series, set())) | (held.told.get(series, {}).keys() & set(times))
    return found


def afterwards(key: Any, do: Callable[[], None]) -> None:
    """Now, or once at the end of the group: what looks at history as it is then."""
    held = _held.get()
    if held is None:
        do()
    else:
        held.after.setdefault(key, do)


def waiting() -> bool:
    """Whether a group holds back what is done here."""
    return _held.get() is not None
