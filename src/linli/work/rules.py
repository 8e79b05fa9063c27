"""The task's states as a table: action → (states it leads from, state it leads to). Pure."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from datetime import datetime, timedelta

from linli.work.contracts import ACCEPTED, ARRIVED, CANCELLED, DONE, OPEN, RETURNED, RUNNING

# A phone may deliver late or out of order: an earlier step that comes after a later one is kept in the
# timeline but moves nothing (`LATE`); steps left out on the way are no fault.
STEPS = {
    "accept": ((OPEN,), ACCEPTED),
    "arrive": ((OPEN, ACCEPTED), ARRIVED),
    "finish": (RUNNING, DONE),
    "return": (RUNNING, RETURNED),
}
DESK_STEPS = {"cancel": (RUNNING, CANCELLED)}
LATE = {"accept": (ACCEPTED, ARRIVED, DONE, RETURNED), "arrive": (ARRIVED, DONE, RETURNED)}
CLOCK_SLACK = timedelta(minutes=5)
POSITION_EVERY = timedelta(seconds=10)
POSITION_DAYS = 30
LONGEST_DUTY = timedelta(hours=16)


@dataclass(frozen=True, slots=True)
class Step:
    """What an action does in a state: `to` is the new state; None when it is only noted."""

    to: str | None


def step(action: str, state: str) -> Step | None:
    """None when the action is not possible in this state."""
    allowed, to = (STEPS | DESK_STEPS)[action]
    if state in allowed:
        return Step(to)
    return Step(None) if state in LATE.get(action, ()) else None


def sensible_time(client_at: datetime | None, now: datetime, not_before: datetime) -> datetime:
    """The client's time of an act, clamped between the thing's beginning and now: phones' clocks are years off."""
    if client_at is None or client_at > now + CLOCK_SLACK:
        return now
    return min(max(client_at, not_before), now)


def thin(times: list[datetime], kept_before: list[datetime]) -> list[int]:
    """Which of the sorted `times` to keep so that kept positions are at least `POSITION_EVERY` apart."""
    held, chosen = sorted(kept_before), []
    for i, at in enumerate(times):
        place = bisect(held, at)
        if all(abs(at - near) >= POSITION_EVERY for near in held[max(place - 1, 0) : place + 1]):
            held.insert(place, at)
            chosen.append(i)
    return chosen
