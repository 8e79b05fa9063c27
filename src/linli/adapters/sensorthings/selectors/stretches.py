"""From when until when devices' datastreams have readings: history tells it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from linli.adapters.sensorthings.schema import DATASTREAMS
from linli.adapters.sensorthings.selectors import newest
from linli.adapters.sensorthings.selectors.frames import Params, rows, scope
from linli.kernel.actor import Actor

Row = dict[str, Any]
KNOWN_S, KNOWN_MOST = 600.0, 200_000
_known: dict[int, tuple[float, int]] = {}  # datastream → (good until, when its readings begin)


def told(streams: Sequence[Row]) -> dict[int, tuple[int, int]]:
    """Time of the first and the last reading (ms) of those that have any."""
    asked = [s for s in streams if s["device_id"] is not None]
    if not asked:
        return {}
    found = newest.of(s["device_id"] for s in asked)
    ends = {s["id"]: last[0] for s in asked if (last := found[s["device_id"]].get(s["property"])) is not None}
    first = _first([s for s in asked if s["id"] in ends and s["phenomenon_start"] is None])
    return {key: (first.get(key, last), last) for key, last in ends.items()}


def _first(streams: Sequence[Row]) -> dict[int, int]:
    """When their readings begin (ms). To ask costs a look at the whole series, and it hardly ever changes."""
    from linli.adapters.sensorthings.selectors import observing

    now = time.monotonic()
    lacking = [s for s in streams if _known.get(s["id"], (0.0, 0))[0] < now]
    if len(_known) > KNOWN_MOST:
        _known.clear()
    for key, (first, _) in observing.first_and_last(lacking).items():
        _known[key] = (now + KNOWN_S, first)
    return {s["id"]: _known[s["id"]][1] for s in streams if s["id"] in _known}


def of_devices(actor: Actor) -> dict[str, tuple[int, int]]:
    """As `told`, of all that the actor sees, by their ids as text. Those made here keep their times themselves."""
    params = Params()
    seen = scope(actor, DATASTREAMS, "r", params)
    sql = "SELECT r.id, r.device_id, r.property, r.phenomenon_start FROM sta_datastream r"
    found = rows(f"{sql} WHERE {seen} AND r.device_id IS NOT NULL AND NOT r.own", params)
    return {str(key): ends for key, ends in told(found).items()}
