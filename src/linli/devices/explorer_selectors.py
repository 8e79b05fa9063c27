"""The device explorer: which devices a question finds, how many there are by each facet, and where they lie on the map.

All three answer from the roll (`roll.py`) and so agree with each other; a page's rows are then read from the registry.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import numpy as np

from linli.devices import selectors
from linli.devices.models import SEVERITIES, STATES, Device
from linli.devices.roll import Bools, Roll, keeper
from linli.kernel import paging
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid

LINKS = ("online", "silent")
SORTS = ("code", "alarm", "seen")
ANY, NONE, NO_OWNER = "any", "none", "-"
CELL_PX = 64  # of a screen of one pixel a point
MAX_CELLS = 4_000
MOST_ROWS, PART = 100_000, 2_000  # of a sheet
CELL_FIELDS = ["lon", "lat", "count", "silent", "alarms", "worst", "id", "name"]
RETIRED = STATES.index("retired")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; values of one field are alternatives, with commas between. `alarm`: any, none or severities;
    `owner`: `-` is no owner; `box`: west, south, east, north."""

    q: str = ""
    area: str = ""
    model: str = ""
    owner: str = ""
    state: str = ""
    link: str = ""
    alarm: str = ""
    box: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        for name, known in (("state", STATES), ("link", LINKS), ("alarm", (ANY, NONE, *SEVERITIES))):
            if set(_split(getattr(self, name))) - set(known):
                raise Invalid(name, f"must be some of {', '.join(known)}")


FACETS = ("area", "model", "owner", "state", "link", "alarm")


def _split(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


class Found:
    """The roll with a mask for each condition, so that a facet can leave its own out."""

    def __init__(self, actor: Actor, wanted: Wanted) -> None:
        self.roll, self.wanted, self.now = keeper.now(), wanted, time.time()
        self.masks: dict[str, Bools] = {"seen": self.roll.visible(actor)}
        for one in fields(wanted):
            if (mask := self._mask(one.name, getattr(wanted, one.name))) is not None:
                self.masks[one.name] = mask

    def _mask(self, name: str, value: Any) -> Bools | None:
        roll, columns = self.roll, self.roll.columns
        if name == "state":
            chosen = [STATES.index(s) for s in _split(value)] or [i for i in range(len(STATES)) if i != RETIRED]
            return np.isin(columns["state"], chosen)
        if not value:
            return None
        if name == "q":
            return _named(roll, value)
        if name == "area":
            return roll.within((value,))
        if name == "box":
            west, south, east, north = value
            lon, lat = columns["lon"], columns["lat"]
            return np.asarray((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north))
        if name == "link":
            on = roll.online(self.now)
            return on if value == "online" else ~on if value == "silent" else None
        if name == "alarm":
            return _alarmed(columns["worst"], _split(value))
        words = roll.models if name == "model" else roll.owners
        return np.isin(columns[name], [words.find("" if v == NO_OWNER else v) for v in _split(value)])

    def all(self, *without: str) -> Bools:
        found = np.ones(len(self.roll), bool)
        for name, mask in self.masks.items():
            if name not in without:
                found &= mask
        return found


def _named(roll: Roll, q: str) -> Bools:
    """Devices of whose code and names every word of `q` is a part."""
    found = np.ones(len(roll), bool)
    for word in q.lower().split():
        found &= np.fromiter((word in text for text in roll.texts), bool, len(roll))
    return found


def _alarmed(worst: Any, chosen: list[str]) -> Bools:
    found = np.zeros(len(worst), bool)
    for one in chosen:
        found |= worst >= 0 if one == ANY else worst < 0 if one == NONE else worst == SEVERITIES.index(one)
    return found


def facets(actor: Actor, wanted: Wanted) -> dict[str, Any]:
    """How many devices each value of a facet would show, all other conditions kept; with how many of them are silent
    and have alarms. `area`: the areas below the one that is looked at."""
    found = Found(actor, wanted)
    shown, columns = found.all(), found.roll.columns
    silent, alarmed = ~found.roll.online(found.now), columns["worst"] >= 0
    out: dict[str, Any] = {
        "at": datetime.fromtimestamp(found.roll.at, UTC), "total": int(shown.sum()),
        "silent": int((shown & silent).sum()), "alarms": int((shown & alarmed).sum()),
        "placed": int((shown & ~np.isnan(columns["lon"])).sum()),
    }  # fmt: skip
    for name in FACETS:
        values, numbers = _facet(found, name)
        mine = found.all() if name == "area" else found.all(name)
        out[name] = _counted(values, numbers, mine, silent, alarmed)
    return out


def _facet(found: Found, name: str) -> tuple[list[str], Any]:
    """The values of a facet, and for each device the number of its own."""
    roll, columns = found.roll, found.roll.columns
    if name == "area":
        deep = found.wanted.area.count(".") + 2 if found.wanted.area else 2
        cut = [".".join(path.split(".")[:deep]) for path in roll.areas.texts]
        values = list(dict.fromkeys(cut))
        place = {path: i for i, path in enumerate(values)}
        return values, np.array([place[path] for path in cut], np.int64)[columns["area"]] if cut else columns["area"]
    if name == "state":
        return STATES, columns["state"]
    if name == "link":
        return list(LINKS), np.where(roll.online(found.now), 0, 1)
    if name == "alarm":
        return [NONE, *SEVERITIES], columns["worst"] + 1
    words = roll.models if name == "model" else roll.owners
    return list(words.texts), columns[name]


def _counted(values: list[str], numbers: Any, mine: Bools, silent: Bools, alarmed: Bools) -> list[dict[str, Any]]:
    """The values that some device has, the most frequent first."""
    size = len(values)
    n, quiet, loud = (np.bincount(numbers[mask], minlength=size) for mask in (mine, mine & silent, mine & alarmed))
    order = sorted(np.flatnonzero(n).tolist(), key=lambda i: (-int(n[i]), values[i]))
    return [{"key": values[i], "n": int(n[i]), "silent": int(quiet[i]), "alarms": int(loud[i])} for i in order]


# --- rows -------------------------------------------------------------------------------------------------------------


def rows(
    actor: Actor, wanted: Wanted, *, sort: str = "code", cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> tuple[list[Device], str | None]:
    """A page by code, or with the worst alarms, or those silent for longest, first; as `selectors.devices` has them."""
    if sort not in SORTS:
        raise Invalid("sort", f"must be one of {', '.join(SORTS)}")
    if not 1 <= limit <= paging.MAX_LIMIT:
        raise Invalid("limit", f"must be between 1 and {paging.MAX_LIMIT}")
    found = Found(actor, wanted)
    roll, shown = found.roll, found.all()
    order = roll.order[shown[roll.order]]
    rank = _rank(roll, sort)
    if rank is not None:
        order = order[np.argsort(rank[order], kind="stable")]
    if cursor:
        order = _after(roll, rank, order, cursor)
    page = order[:limit].tolist()
    more = None
    if len(order) > limit:
        last = page[-1]
        more = paging.encode([0 if rank is None else int(rank[last]), roll.codes[last]])
    return selectors.in_order(actor, [roll.id(place) for place in page]), more


def whole(actor: Actor, wanted: Wanted, *, sort: str = "code") -> Iterator[list[Device]]:
    """All that `rows` finds up to MOST_ROWS, in parts; each with `parent_code`, the code of a gateway one may see."""
    if sort not in SORTS:
        raise Invalid("sort", f"must be one of {', '.join(SORTS)}")
    found = Found(actor, wanted)
    order = found.roll.order[found.all()[found.roll.order]]
    rank = _rank(found.roll, sort)
    if rank is not None:
        order = order[np.argsort(rank[order], kind="stable")]
    places = order[:MOST_ROWS].tolist()
    for i in range(0, len(places), PART):
        yield selectors.with_parents(actor, [found.roll.id(place) for place in places[i : i + PART]])


def _rank(roll: Roll, sort: str) -> Any:
    """What is sorted by, smallest first; None for the code alone."""
    if sort == "alarm":
        return -(roll.columns["worst"].astype(np.int64) * 10_000 + np.minimum(roll.columns["alarms"], 9_999))
    return roll.columns["seen"].astype(np.int64) if sort == "seen" else None


def _after(roll: Roll, rank: Any, order: Any, cursor: str) -> Any:
    value, code = paging.decode(cursor, 2)
    if type(value) is not int or type(code) is not str:
        raise Invalid("cursor", "is not one that this list gave")
    mine = roll.codes[order] > code
    if rank is not None:
        mine = (rank[order] > value) | ((rank[order] == value) & mine)
    return order[np.asarray(mine, bool)]


# --- the map ----------------------------------------------------------------------------------------------------------


def cells(actor: Actor, wanted: Wanted, *, zoom: int, size: int = CELL_PX) -> dict[str, Any]:
    """Devices with a point by squares of `size` pixels at a zoom: the middle of their points, how many there are, how
    many are silent and have alarms, the worst severity; of a device alone its id and name. Squares are taken larger
    when there would be more than MAX_CELLS."""
    if not 0 <= zoom <= 22 or not 16 <= size <= 512:
        raise Invalid("zoom", "must be between 0 and 22, and size 16 to 512")
    found = Found(actor, wanted)
    roll = found.roll
    mine = np.flatnonzero(found.all() & ~np.isnan(roll.columns["lon"]))
    lon, lat = roll.columns["lon"][mine], roll.columns["lat"][mine]
    x, y = _pixels(lon, lat, zoom)
    while True:
        square = (x // size).astype(np.int64) << 32 | (y // size).astype(np.int64)
        keys, first, inverse, count = np.unique(square, return_index=True, return_inverse=True, return_counts=True)
        if len(keys) <= MAX_CELLS:
            break
        size *= 2
    silent = ~roll.online(found.now)[mine]
    worst = roll.columns["worst"][mine]
    sums = [np.bincount(inverse, weights, len(keys)) for weights in (lon, lat, silent, worst >= 0)]
    most = np.full(len(keys), -1, "i1")
    np.maximum.at(most, inverse, worst)
    items = _cell_rows(roll, mine[first], count, sums, most)
    return {"at": datetime.fromtimestamp(roll.at, UTC), "fields": CELL_FIELDS, "total": len(mine), "items": items}


def _cell_rows(roll: Roll, place: Any, count: Any, sums: list[Any], most: Any) -> list[list[Any]]:
    lon, lat = (np.round(column / count, 6).tolist() for column in sums[:2])
    silent, alarms = (column.astype(np.int64).tolist() for column in sums[2:])
    names = [None, *SEVERITIES]
    found: list[list[Any]] = [
        [*row, names[worst + 1], None, None]
        for *row, worst in zip(lon, lat, count.tolist(), silent, alarms, most.tolist(), strict=True)
    ]
    for i in np.flatnonzero(count == 1).tolist():
        found[i][6:] = str(roll.id(place[i])), roll.codes[place[i]]
    return found


def _pixels(lon: Any, lat: Any, zoom: int) -> tuple[Any, Any]:
    """Web Mercator, in pixels of a world of 512 at zoom 0, as the map draws it."""
    world = 512 * 2.0**zoom
    sine = np.sin(np.radians(np.clip(lat, -85.05, 85.05)))
    return (lon / 360 + 0.5) * world, (0.5 - np.log((1 + sine) / (1 - sine)) / (4 * math.pi)) * world


def counts(actor: Actor, *, area: str = "") -> dict[str, Any]:
    """Totals by model and by owner, with how many are silent now."""
    found = Found(actor, Wanted(area=area))
    shown, silent = found.all(), ~found.roll.online(found.now)

    def by(name: str) -> Iterable[dict[str, Any]]:
        values, numbers = _facet(found, name)
        return sorted(_counted(values, numbers, shown, silent, shown), key=lambda row: str(row["key"]))

    return {
        "total": int(shown.sum()), "online": int((shown & ~silent).sum()),
        "models": [{"model": r["key"], "total": r["n"], "online": r["n"] - r["silent"]} for r in by("model")],
        "owners": [{"owner": r["key"], "total": r["n"], "silent": r["silent"]} for r in by("owner")],
    }  # fmt: skip
