"""Keeping the facts and their sums: each case is counted anew as a whole, and the sums take only the difference.

So an event that comes twice, late or out of order changes nothing, and a count of all cases gives the same numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction

from linli.cases import facade as cases
from linli.cases.contracts import CaseFacts
from linli.insight import tables
from linli.insight.models import NOBODY, Dirty, Due, Fact, OwnFact, Progress
from linli.insight.rules import facts as rule
from linli.kernel import clock, services
from linli.kernel.scope import within
from linli.places.contracts import AreaChange

BATCH = 500
OWN_DAYS = 400  # one's own figures are kept about a year
CellKey = tuple[str, UUID, str, date]
_PICK = (
    "DELETE FROM insight_dirty WHERE case_id IN (SELECT case_id FROM insight_dirty ORDER BY at, case_id LIMIT %s"
    " FOR UPDATE SKIP LOCKED) RETURNING case_id"
)
_ROWS = "jsonb_to_recordset(%s) AS r(a text, t uuid, c text, d date, n int[])"
_ADD = (
    f"INSERT INTO insight_cube (area_path, team_id, class_code, day, n) SELECT a, t, c, d, n FROM {_ROWS}"
    " ON CONFLICT (area_path, team_id, class_code, day) DO UPDATE SET n = (SELECT array_agg(coalesce(x, 0)"
    " + coalesce(y, 0) ORDER BY i) FROM unnest(insight_cube.n, excluded.n) WITH ORDINALITY AS u(x, y, i))"
)
_SWEEP = (
    f"DELETE FROM insight_cube o USING {_ROWS} WHERE (o.area_path, o.team_id, o.class_code, o.day) = (a, t, c, d)"
    " AND 0 = ALL(o.n)"
)


def mark(case_ids: Iterable[UUID], at: datetime | None = None) -> None:
    """Count these cases anew, soon."""
    now = at or clock.now()
    Dirty.objects.bulk_create([Dirty(case_id=c, at=now) for c in case_ids], ignore_conflicts=True)


def roll(now: datetime | None = None) -> int:
    """Count a batch of what changed; returns how many cases. Call until it returns 0."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_PICK, [BATCH])
            picked = [row[0] for row in cursor.fetchall()]
        if picked:
            recount(picked, now or clock.now())
        Progress.objects.update_or_create(pk=1, defaults={"rolled_at": now or clock.now()})
    return len(picked)


def mark_due(now: datetime | None = None) -> int:
    """Cases whose deadline has run out since they were counted."""
    found = list(
        Due.objects.filter(at__lt=now or clock.now()).order_by("at").values_list("case_id", flat=True)[: BATCH * 4]
    )
    mark(found, now)
    return len(found)


def backfill(now: datetime | None = None) -> bool:
    """Count one page of all cases; False when all are counted."""
    with transaction.atomic():
        Progress.objects.get_or_create(pk=1)
        state = Progress.objects.select_for_update().get(pk=1)
        if state.complete:
            return False
        page = cases.ids_after(state.after, BATCH)
        if page:
            recount(page, now or clock.now())
            state.after = page[-1]
        state.complete, state.rolled_at = len(page) < BATCH, now or clock.now()
        state.save()
        return not state.complete


def complete() -> bool:
    """Whether every case has been counted once."""
    return Progress.objects.filter(pk=1, complete=True).exists()


def reset() -> None:
    """Forget all figures, to count every case anew."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE insight_fact, insight_own, insight_cube, insight_due, insight_dirty")
        Progress.objects.update_or_create(pk=1, defaults={"after": None, "complete": False, "rolled_at": None})


def recount(case_ids: Sequence[UUID], now: datetime) -> None:
    """Facts of these cases as they are now, and the sums moved by what is different. In the caller's transaction."""
    services.alone("insight.roll")  # two counts of a case would each take the other's difference
    ids = list(case_ids)
    old = {(f.case_id, f.day, f.team_id): f for f in Fact.objects.filter(case_id__in=ids)}
    new: dict[tuple[UUID, date, UUID], Fact] = {}
    own: list[OwnFact] = []
    due: list[Due] = []
    oldest = now.astimezone(cases.zone()).date() - timedelta(days=OWN_DAYS)
    for case in cases.facts(ids):
        counted = rule.count(case, tables.meaning(), now)
        new |= {(f.case_id, f.day, f.team_id): f for f in _facts(case, counted)}
        own += [
            OwnFact(case_id=case.id, day=day, account_id=who, marks=_marks(names))
            for (day, who), names in counted.own.items()
            if day >= oldest
        ]
        if counted.next_at:
            due.append(Due(case_id=case.id, at=counted.next_at))
    _store(ids, old, new)
    OwnFact.objects.filter(case_id__in=ids).delete()
    OwnFact.objects.bulk_create(own)
    Due.objects.filter(case_id__in=ids).delete()
    Due.objects.bulk_create(due)


def _marks(names: Iterable[str]) -> list[int]:
    return sorted(rule.POSITION[n] for n in names)


def _facts(case: CaseFacts, counted: rule.Counted) -> Iterator[Fact]:
    for (day, team), names in counted.rows.items():
        yield Fact(
            case_id=case.id, day=day, team_id=team or NOBODY, area_path=case.area_path, class_code=case.class_code,
            big_class=cases.big_class_of(case.class_code), marks=_marks(names),
            hours=counted.hours if "disposeHours" in names else 0,
            spot=case.spot if "publicReport" in names else "",
        )  # fmt: skip


def _plain(fact: Fact) -> tuple[Any, ...]:
    return (fact.area_path, fact.class_code, fact.big_class, list(fact.marks), fact.hours, fact.spot)


def _store(ids: list[UUID], old: dict[Any, Fact], new: dict[Any, Fact]) -> None:
    gone = [f for key, f in old.items() if key not in new or _plain(new[key]) != _plain(f)]
    fresh = {key: f for key, f in new.items() if key not in old or _plain(old[key]) != _plain(f)}
    touched = {f.case_id for f in gone}
    if touched:  # all facts of these cases: shorter to say, and the rest is put back as it was
        Fact.objects.filter(case_id__in=touched).delete()
    put = [f for key, f in new.items() if f.case_id in touched or key in fresh]
    Fact.objects.bulk_create(put)
    cells: dict[CellKey, list[int]] = defaultdict(lambda: [0] * len(rule.MEASURES))
    for sign, facts in ((-1, gone), (1, fresh.values())):
        for fact in facts:
            for key in _cells(fact):
                _count(cells[key], fact, sign)
    _add({k: n for k, n in cells.items() if any(n)}, bool(gone))


def _cells(fact: Fact) -> Iterator[CellKey]:
    parts = fact.area_path.split(".") if fact.area_path else []
    for i in range(len(parts) + 1):
        area = ".".join(parts[:i])
        yield area, NOBODY, "", fact.day
        if fact.team_id != NOBODY:
            yield area, fact.team_id, "", fact.day
        for code in {fact.class_code, fact.big_class} - {""}:
            yield area, NOBODY, code, fact.day


def _count(cell: list[int], fact: Fact, sign: int) -> None:
    for position in fact.marks:
        sums = rule.MEASURES[position] in rule.SUMS
        cell[position] += sign * (fact.hours if sums else 1)


def _add(cells: dict[CellKey, list[int]], less: bool) -> None:
    if not cells:
        return
    rows = orjson.dumps([
        {"a": a, "t": str(t), "c": c, "d": d.isoformat(), "n": n} for (a, t, c, d), n in sorted(cells.items())
    ]).decode()  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [rows])
        if less:
            cursor.execute(_SWEEP, [rows])


def on_rehome(changes: Sequence[AreaChange]) -> None:
    """In the transaction that moved boundaries: whatever has facts in an old area is counted anew."""
    for area in {c.old_area for c in changes}:
        found = Fact.objects.filter(within(area)).values_list("case_id", flat=True).distinct()
        mark(found.iterator(chunk_size=2000))


def forget_old(now: datetime | None = None) -> int:
    """One's own figures older than about a year go."""
    oldest = (now or clock.now()).astimezone(cases.zone()).date() - timedelta(days=OWN_DAYS)
    return OwnFact.objects.filter(day__lt=oldest).delete()[0]
