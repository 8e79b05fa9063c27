"""A draft rule over readings of the past: the alarms it would have raised, beside those that were raised.

`asked` says what is to be judged and how much that is, `answer` judges it. What is small is answered at once; the rest
is a run (`bench_services`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from linli.devices import facade as devices
from linli.devices.contracts import RegistryRow, RuleRow
from linli.kernel import clock, paging
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid, NotFound, TooMany
from linli.telemetry import selectors
from linli.telemetry.models import BenchRun
from linli.telemetry.sense.bench import Bench, Occurrence

AT_ONCE = 200_000  # readings: about a second of one core, answered by the request itself
AT_ONCE_LEARNT = 20_000  # where what is usual is learnt from them
MAX_POINTS = 30_000_000  # a few minutes of one core
MAX_DEVICES = 5_000
GROUP_POINTS, GROUP_DEVICES = 1_000_000, 1_000  # judged at once
MAX_SHOWN = 2_000
DAY_MS = 86_400_000
_one = threading.Semaphore(1)  # a bench takes a core: one at a time leaves the others to everybody


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be judged. `counts` are the readings by device, rounded up to whole hours."""

    rule: RuleRow
    rule_id: UUID | None
    rows: list[tuple[RegistryRow, dict[str, str]]]
    others: list[RegistryRow]  # that the rule looks at besides
    counts: dict[UUID, int]
    begin: int
    since: int
    until: int

    @property
    def points(self) -> int:
        return sum(self.counts.values())

    @property
    def quick(self) -> bool:
        return self.points <= (AT_ONCE_LEARNT if devices.learns(self.rule) else AT_ONCE)


def asked(
    actor: Actor, *, rule_id: UUID | None, version: int | None, body: Mapping[str, Any] | None, model: str,
    start: datetime, end: datetime,
) -> Asked:  # fmt: skip
    """Raises Invalid for a rule or span that cannot be tried."""
    since, until = selectors.span(start, min(end, clock.now()) if end.tzinfo else end)
    if until <= since:
        raise Invalid("end", "must be after start, and start in the past")
    rule = devices.draft_rule(actor, rule_id=rule_id, version=version, body=body, model=model)
    rows = devices.judged_devices(actor, rule, MAX_DEVICES)
    lead = max(DAY_MS, 2000 * (rule.duration_s + rule.no_data_s + rule.reraise_s + devices.reach_s(rule)))
    begin = max(0, since - lead)
    others = devices.looked_at(actor, rule, [row for row, _ in rows])
    known = {row.device_id: row for row in [*(row for row, _ in rows), *others]}
    counts = _counts(list(known.values()), devices.read_properties(rule), begin, until)
    if (total := sum(counts.values())) > MAX_POINTS:
        raise Invalid("start", f"about {total:,} readings lie in that span, at most {MAX_POINTS:,} are judged at once;"
                      " take a shorter span or a smaller area")  # fmt: skip
    return Asked(rule, rule_id, rows, others, counts, begin, since, until)


def at_once(actor: Actor, what: Asked) -> dict[str, Any]:
    """The answer, made by this process. Raises TooMany while it makes another."""
    if not _one.acquire(blocking=False):
        raise TooMany("another rule is being tried; try again in a few seconds", retry_after=5)
    try:
        return answer(actor, what)
    finally:
        _one.release()


def answer(actor: Actor, what: Asked, tell: Callable[[int], None] = lambda judged: None) -> dict[str, Any]:
    """What `POST /rules/bench` answers. `tell` hears now and then how many readings are judged, and may raise."""
    found = _judge(what, tell)
    since, until = what.since, what.until
    new = [o for o in found.pop("alarms") if o.raised_at < until and (o.ended_at is None or o.ended_at >= since)]
    _cut(new, until)
    ids = [row.device_id for row, _ in what.rows]
    old = (
        [] if what.rule_id is None
        else devices.raised_alarms(actor, what.rule_id, ids, selectors.at(since), selectors.at(until))
    )  # fmt: skip
    names = {row.device_id: {"id": row.device_id, "code": row.code, "name": name} for row, name in what.rows}
    return {"start": selectors.at(since), "end": selectors.at(until), "devices": len(what.rows), **found,
            **_told(new, old, names, since, until)}  # fmt: skip


def runs(actor: Actor, *, rule_id: UUID | None, cursor: str | None, limit: int) -> tuple[list[BenchRun], str | None]:
    """One's own runs, newest first, without their results."""
    actor.require("rules.view")
    found = BenchRun.objects.filter(created_by=actor.account_id).defer("result", "ask")
    if rule_id is not None:
        found = found.filter(rule_id=rule_id)
    return paging.keyset(found, key=("-created_at", "-id"), cursor=cursor, limit=limit)


def run(actor: Actor, run_id: UUID) -> BenchRun:
    """One's own run: its result holds names of devices that its caller might see."""
    actor.require("rules.view")
    found = BenchRun.objects.filter(pk=run_id, created_by=actor.account_id).first()
    if found is None:
        raise NotFound()
    return found


def _cut(new: list[Occurrence], until: int) -> None:
    """What ended after the span is on at its end."""
    for one in new:
        if one.ended_at is not None and one.ended_at >= until:
            one.ended_at = None


def _judge(what: Asked, tell: Callable[[int], None]) -> dict[str, Any]:
    properties = devices.read_properties(what.rule)
    alarms: list[Occurrence] = []
    points = unfit = late = 0
    judged = [r for r, _ in what.rows if what.others or what.counts.get(r.device_id)]
    for group in _groups(judged, what.counts):
        bench = Bench(what.rule, group, lambda judged, before=points: tell(before + judged),  # type: ignore[misc]
                      others=what.others)  # fmt: skip
        ids = list({r.device_id for r in [*group, *what.others]})
        pages = selectors.history().arrivals(ids, properties, what.begin, what.until)
        for page in selectors.asked(pages):
            bench.take(page)
        alarms += bench.finish()
        points, unfit, late = points + bench.points, unfit + bench.unfit, late + bench.judge.late
    silent = sum(1 for r, _ in what.rows if not what.counts.get(r.device_id))
    return {"alarms": alarms, "points": points, "unfit": unfit, "late": late, "line_unknown": what.rule.no_data_s > 0,
            "read_from": selectors.at(what.begin), "silent_devices": silent}  # fmt: skip


def _counts(rows: list[RegistryRow], properties: list[str], begin: int, until: int) -> dict[UUID, int]:
    """Readings by device, rounded up to whole hours."""
    found: dict[UUID, int] = {}
    for at in range(0, len(rows), GROUP_DEVICES):
        ids = [r.device_id for r in rows[at : at + GROUP_DEVICES]]
        for row in selectors.ask(lambda ids=ids: selectors.history().counts(ids, begin, until)).to_pylist():
            if not properties or row["property"] in properties:
                key = UUID(bytes=row["device"])
                found[key] = found.get(key, 0) + row["count"]
    return found


def _groups(rows: list[RegistryRow], counts: Mapping[UUID, int]) -> Iterator[list[RegistryRow]]:
    group: list[RegistryRow] = []
    size = 0
    for row in rows:
        if group and (len(group) >= GROUP_DEVICES or size + counts.get(row.device_id, 0) > GROUP_POINTS):
            yield group
            group, size = [], 0
        group.append(row)
        size += counts.get(row.device_id, 0)
    if group:
        yield group


def _told(
    new: list[Occurrence], old: list[dict[str, Any]], names: Mapping[UUID, dict[str, Any]], since: int, until: int
) -> dict[str, Any]:
    """Alarms, counts by device, and the difference: two are the same where they overlap at a device."""
    was = [(o["device_id"], _ms(o["raised_at"]), _ms(o["ended_at"])) for o in old]
    now = [(o.device_id, o.raised_at, o.ended_at) for o in new]
    matched, met = _overlaps(now, was), _overlaps(was, now)
    met_devices = dict.fromkeys([*(o.device_id for o in new), *(o["device_id"] for o in old)])
    by_device = {d: {"device": names[d], "alarms": 0, "seconds": 0, "old": 0} for d in met_devices}
    for one in new:
        row = by_device[one.device_id]
        row["alarms"] += 1
        row["seconds"] += (min(one.ended_at or until, until) - max(one.raised_at, since)) / 1000
    for one in old:
        by_device[one["device_id"]]["old"] += 1
    shown = sorted(zip(new, matched, strict=True), key=lambda pair: pair[0].raised_at, reverse=True)[:MAX_SHOWN]
    return {
        "alarms": [_alarm(o, names, same) for o, same in shown],
        "old_alarms": [{**o, "device": names[o["device_id"]], "same": same}
                       for o, same in list(zip(old, met, strict=True))[:MAX_SHOWN]],
        "total": len(new), "seconds": sum(r["seconds"] for r in by_device.values()),
        "by_device": sorted(by_device.values(), key=lambda r: (-r["alarms"], -r["old"], r["device"]["code"])),
        "both": sum(matched), "only_new": len(new) - sum(matched), "only_old": len(old) - sum(met),
    }  # fmt: skip


def _overlaps(some: list[tuple[UUID, int, int | None]], others: list[tuple[UUID, int, int | None]]) -> list[bool]:
    by: dict[UUID, list[tuple[int, int]]] = {}
    for device, a, b in others:
        by.setdefault(device, []).append((a, b if b is not None else 1 << 60))
    return [any(x <= (b if b is not None else 1 << 60) and a <= y for x, y in by.get(device, ()))
            for device, a, b in some]  # fmt: skip


def _alarm(o: Occurrence, names: Mapping[UUID, dict[str, Any]], same: bool) -> dict[str, Any]:
    ended = None if o.ended_at is None else selectors.at(o.ended_at)
    return {"device": names[o.device_id], "started_at": selectors.at(o.started_at), "ended_at": ended,
            "raised_at": selectors.at(o.raised_at), "value": o.value, "peak": o.peak, "same": same}  # fmt: skip


def _ms(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)
