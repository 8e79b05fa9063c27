"""Every device of a place as columns, held in the memory of each web process: what explorer, map and figures count.

Counting 100,000 devices by SQL costs each question a tenth of a second and more; here it costs some thousandths. The
roll is a picture of a moment: of the registry and of what the gateway noted at most ten seconds old (a small district's
one second), of alarms one second. Who must see his own write at once asks the registry itself (`selectors`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.db import connection

from linli.devices.models import SEVERITIES, STATES
from linli.kernel.actor import Actor, contains

Bools = npt.NDArray[np.bool_]
OLDEST_S, YOUNGEST_S, PAUSE = 10.0, 1.0, 80.0  # a reading of the tables is repeated after 80 times what it took
ALARMS_S = 1.0
WHOLE_S = 1_800.0  # all is read anew after so long
OVERLAP_S = 120  # a change is looked for from so long before the last reading: commits come in any order
_REGISTRY = """
SELECT uuid_send(d.id), d.code, lower(concat_ws(chr(10), d.code, d.name_zh, d.name_en)), d.model_id,
       d.owner_department, d.area_path, array_position(%s, d.state::text) - 1, coalesce(d.lon, 'NaN'),
       coalesce(d.lat, 'NaN')
FROM devices_device d JOIN devices_thing_model m ON m.code = d.model_id AND m.subject = 'place'
"""
_STATUS = """
SELECT string_agg(row, ''::bytea) FROM (
    SELECT uuid_send(device_id) || float8send(coalesce(extract(epoch FROM online_until), 0))
           || float8send(coalesce(extract(epoch FROM last_seen), 0))
           || float8send(coalesce(extract(epoch FROM last_error_at), 0)) || int8send(bad) || int8send(refused) AS row
    FROM devices_status
) s
"""
_ALARMS = """
SELECT uuid_send(device_id), count(*), max(array_position(%s, severity::text)) - 1 FROM devices_alarm
WHERE cleared_at IS NULL AND maintenance_id IS NULL AND (shelved_until IS NULL OR shelved_until < now())
GROUP BY device_id
"""
ROW = np.dtype([("id", "S16"), ("until", ">f8"), ("seen", ">f8"), ("error", ">f8"), ("bad", ">i8"), ("refused", ">i8")])
NUMBERS = {"model": "i4", "owner": "i4", "area": "i4", "state": "i1", "lon": "f8", "lat": "f8"}
NOTED = {"until": "f8", "seen": "f8", "error": "f8", "bad": "i8", "refused": "i8"}


class Words:
    """Texts by number, in the order in which they came."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._at: dict[str, int] = {}

    def number(self, text: str) -> int:
        found = self._at.get(text)
        if found is None:
            found = self._at[text] = len(self.texts)
            self.texts.append(text)
        return found

    def find(self, text: str) -> int:
        """-1 for a text that no device has."""
        return self._at.get(text, -1)


@dataclass(frozen=True, slots=True)
class Roll:
    """Columns by the devices' ids; never changed once made. `order` are the places by code."""

    at: float
    ids: Any
    codes: Any
    texts: Any
    order: Any
    columns: dict[str, Any]
    models: Words = field(default_factory=Words)
    owners: Words = field(default_factory=Words)
    areas: Words = field(default_factory=Words)

    def __len__(self) -> int:
        return len(self.ids)

    def id(self, place: int) -> UUID:
        return UUID(bytes=self.ids[place].ljust(16, b"\0"))

    def within(self, areas: tuple[str, ...]) -> Bools:
        """Of each device, whether it lies in one of these areas or below."""
        inside = [any(contains(area, path) for area in areas) for path in self.areas.texts]
        return np.array(inside, bool)[self.columns["area"]] if inside else np.zeros(0, bool)

    def visible(self, actor: Actor, permission: str = "devices.view") -> Bools:
        """Whom the actor sees: as `selectors._visible`."""
        return self.within(tuple(actor.areas(permission)))

    def online(self, now: float) -> Bools:
        return np.asarray(self.columns["until"] > now)


def empty() -> Roll:
    columns = {n: np.zeros(0, kind) for n, kind in (NUMBERS | NOTED | {"worst": "i1", "alarms": "i4"}).items()}
    texts = np.zeros(0, object)
    return Roll(0.0, np.zeros(0, "S16"), texts, texts, np.zeros(0, np.int64), columns)


class Keeper:
    """The roll of one process. One thread reads it anew while others look at the one before."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.forget()

    def forget(self) -> None:
        """Read all anew at the next question."""
        self._roll = empty()
        self._whole_at = self._read_at = self._alarms_at = -1e9
        self._age, self._mark = 0.0, ""

    def now(self) -> Roll:
        """The roll, at most so old as the module says; inside a transaction it is read for that one alone."""
        if connection.in_atomic_block:
            return _with_alarms(_with_status(_registry(empty(), "")[0]))
        known = len(self._roll) > 0
        if self._fresh() or not self._lock.acquire(blocking=not known):
            return self._roll
        try:
            if not self._fresh():
                self._renew()
            return self._roll
        finally:
            self._lock.release()

    def _fresh(self) -> bool:
        now = time.monotonic()
        return now - self._read_at < self._age and now - self._alarms_at < ALARMS_S

    def _renew(self) -> None:
        began, roll = time.monotonic(), self._roll
        if began - self._read_at >= self._age:
            if began - self._whole_at >= WHOLE_S:
                roll, self._mark, self._whole_at = empty(), "", began
            roll, self._mark = _registry(roll, self._mark)
            roll, self._read_at = _with_status(roll), began
            self._age = min(OLDEST_S, max(YOUNGEST_S, PAUSE * (time.monotonic() - began)))
        self._roll, self._alarms_at = _with_alarms(roll), began


keeper = Keeper()


def _rows(sql: str, params: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def _registry(roll: Roll, mark: str) -> tuple[Roll, str]:
    """The roll with what was entered or changed since `mark`, and the next mark."""
    changed = f" WHERE d.updated_at > %s::timestamptz - interval '{OVERLAP_S} seconds'" if mark else ""
    now = str(_rows("SELECT now()::text", [])[0][0])
    rows = _rows(_REGISTRY + changed, [STATES, mark] if mark else [STATES])
    return (_merged(roll, rows), now) if rows else (roll, now)


def _merged(roll: Roll, rows: list[tuple[Any, ...]]) -> Roll:
    ids, codes, texts, models, owners, areas, states, lons, lats = (list(c) for c in zip(*rows, strict=True))
    came = np.array([bytes(i) for i in ids], "S16")
    told: dict[str, Any] = {
        "model": [roll.models.number(m) for m in models], "owner": [roll.owners.number(o) for o in owners],
        "area": [roll.areas.number(a) for a in areas], "state": states, "lon": lons, "lat": lats,
    }  # fmt: skip
    new = ~np.isin(came, roll.ids)
    all_ids = np.concatenate([roll.ids, came[new]])
    sort = np.argsort(all_ids, kind="stable")
    places = np.searchsorted(all_ids[sort], came)
    more = int(new.sum())

    def put(old: Any, values: list[Any] | None) -> Any:
        grown = np.concatenate([old, np.zeros(more, old.dtype)])[sort]
        if values is not None:
            grown[places] = np.array(values, old.dtype)
        return grown

    columns = {name: put(old, told.get(name)) for name, old in roll.columns.items()}
    all_codes = put(roll.codes, codes)
    return replace(roll, ids=all_ids[sort], codes=all_codes, texts=put(roll.texts, texts), columns=columns,
                   order=np.argsort(all_codes.astype(str), kind="stable"))  # fmt: skip


def _with_status(roll: Roll) -> Roll:
    data = _rows(_STATUS, [])[0][0]
    noted = np.frombuffer(bytes(data) if data else b"", ROW)
    place, known = _places(roll, noted["id"])
    columns = dict(roll.columns)
    for name, kind in NOTED.items():
        columns[name] = np.zeros(len(roll), kind)
        columns[name][place] = noted[name][known]
    return replace(roll, columns=columns, at=time.time())


def _with_alarms(roll: Roll) -> Roll:
    rows = _rows(_ALARMS, [SEVERITIES])
    worst, count = np.full(len(roll), -1, "i1"), np.zeros(len(roll), "i4")
    if rows and len(roll):
        place, known = _places(roll, np.array([bytes(r[0]) for r in rows], "S16"))
        count[place] = np.array([r[1] for r in rows])[known]
        worst[place] = np.array([r[2] for r in rows])[known]
    return replace(roll, columns={**roll.columns, "worst": worst, "alarms": count})


def _places(roll: Roll, ids: Any) -> tuple[Any, Any]:
    """Where these ids are in the roll, and which of them are there at all."""
    if not len(roll):
        return np.zeros(0, np.int64), np.zeros(len(ids), bool)
    place = np.minimum(np.searchsorted(roll.ids, ids), len(roll) - 1)
    known = roll.ids[place] == ids
    return place[known], known
