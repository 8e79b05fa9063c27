"""Cases for other systems: anybody gets public cases, rounded and without words; whoever sees a case gets its words."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from linli.cases import tables
from linli.cases.contracts import ClassInfo, OutsideCase, OutsideFilter, OutsideUpdate
from linli.cases.models import FINAL, Case, Photo, TimelineEntry
from linli.cases.selectors import fast, visible
from linli.cases.selectors.public import ROUND
from linli.kernel import files
from linli.kernel.actor import SYSTEM, Actor
from linli.kernel.errors import NotFound

COLUMNS = ("id", "number", "class_code", "state", "text", "address", "lon", "lat", "created_at", "updated_at",
           "handle_due_at", "closed_at", "me_too")  # fmt: skip
TOLD = ("reject", "finish", "close", "self_handle")  # acts whose note is meant for whoever reported
METRES_PER_DEGREE = 111_320.0


def classes() -> list[ClassInfo]:
    found, day = tables.catalogue(), tables.today()
    return [
        ClassInfo(
            c.code, c.zh, c.en, found.big[c.big].zh if c.big in found.big else "",
            found.big[c.big].en if c.big in found.big else "", c.private,
            tuple((r.no, r.zh, r.en) for r in found.conditions(c.code, day)),
        )
        for c in found.classes.values()
    ]  # fmt: skip


def _sees(actor: Actor) -> visible.Sql:
    """Of whom the actor sees the words: the same rule as every other read."""
    return ("true", []) if actor.kind == "system" else visible.where(actor)


def _conditions(f: OutsideFilter) -> visible.Sql:
    parts, params = ["c.source = 'linli'"], []

    def add(text: str, *values: Any) -> None:
        parts.append(text)
        params.extend(values)

    if f.numbers:
        add("c.number = ANY(%s)", list(f.numbers))
    if f.classes:
        add("c.class_code = ANY(%s)", list(f.classes))
    for text, at in (("c.created_at >= %s", f.created_from), ("c.created_at <= %s", f.created_to)):
        if at is not None:
            add(text, at)
    if f.changed_from or f.changed_to:
        inner = [t for t, at in (("t.at >= %s", f.changed_from), ("t.at <= %s", f.changed_to)) if at]
        add(f"c.id IN (SELECT t.case_id FROM cases_timeline t WHERE t.public AND {' AND '.join(inner)})",
            *filter(None, (f.changed_from, f.changed_to)))  # fmt: skip
    if f.open is not None:
        add("c.closed_at IS NULL" if f.open else "c.closed_at IS NOT NULL")
    if f.circle:  # by the rounded place: a search by radius must tell no more than the answer does
        lon, lat, metres = f.circle
        across, up = METRES_PER_DEGREE * math.cos(math.radians(lat)), METRES_PER_DEGREE
        values = (lon, across, lat, up, metres)
        add(f"c.lon IS NOT NULL AND sqrt(((round(c.lon::numeric, {ROUND})::float8 - %s) * %s) ^ 2"
            f" + ((round(c.lat::numeric, {ROUND})::float8 - %s) * %s) ^ 2) <= %s", *values)  # fmt: skip
    return " AND ".join(parts), params


def cases(actor: Actor, f: OutsideFilter, *, limit: int, skip: int = 0) -> list[OutsideCase]:
    """Newest first. The protocol counts pages; the caller keeps `skip` small."""
    where, params = _conditions(f)
    sees, sees_params = _sees(actor)
    columns = ", ".join(f"c.{n}" for n in COLUMNS)
    rows = fast.rows(
        f"SELECT {columns}, ({sees}) FROM cases_case c WHERE {where} AND (NOT c.private OR ({sees}))"
        " ORDER BY c.created_at DESC, c.id DESC LIMIT %s OFFSET %s",
        [*sees_params, *params, *sees_params, limit, skip],
    )
    photos = _released(r[0] for r in rows)
    return [_shown(r, photos.get(r[0], ())) for r in rows]


def case(actor: Actor, case_id: UUID) -> OutsideCase:
    """One case; NotFound for what the actor may not know of."""
    number = Case.objects.filter(pk=case_id).values_list("number", flat=True).first()
    found = cases(actor, OutsideFilter(numbers=(number,)), limit=1) if number else []
    if not found:
        raise NotFound()
    return found[0]


def owner(case_id: UUID) -> tuple[UUID | None, str, bool, str]:
    row = Case.objects.filter(pk=case_id, source="linli").values_list("created_by", "channel", "private", "area_path")
    found = row.first()
    if found is None:
        raise NotFound()
    return found


def referred_to(case_id: UUID) -> str:
    """The name of the system that somebody last referred the case to by hand; '' for none."""
    rows = TimelineEntry.objects.filter(case_id=case_id, act="refer").order_by("-at", "-id")
    return str((rows.values_list("detail", flat=True).first() or {}).get("to") or "")


def _shown(row: tuple[Any, ...], photos: tuple[UUID, ...]) -> OutsideCase:
    values, full = dict(zip(COLUMNS, row, strict=False)), bool(row[-1])
    state = tables.transitions().states.get(values["state"])
    found = tables.catalogue().classes.get(values["class_code"])
    lon, lat = values["lon"], values["lat"]
    if not full and lon is not None and lat is not None:
        lon, lat = round(lon, ROUND), round(lat, ROUND)
    return OutsideCase(
        case_id=values["id"], number=values["number"], class_code=values["class_code"],
        class_zh=found.zh if found else "待分类", class_en=found.en if found else "Not yet classified",
        state=values["state"], state_zh=state.zh if state else "", state_en=state.en if state else "",
        step=state.step if state else 0, final=values["state"] in FINAL, text=values["text"] if full else "",
        address=values["address"] if full else "", lon=lon, lat=lat, created_at=values["created_at"],
        updated_at=values["updated_at"], due_at=values["handle_due_at"], closed_at=values["closed_at"],
        me_too=values["me_too"], full=full, photos=photos,
    )  # fmt: skip


def _released(case_ids: Iterable[UUID]) -> dict[UUID, tuple[UUID, ...]]:
    found: dict[UUID, tuple[UUID, ...]] = {}
    rows = Photo.objects.filter(case_id__in=list(case_ids), released_at__isnull=False).order_by("created_at")
    for case_id, file_id in rows.values_list("case_id", "file_id"):
        found[case_id] = (*found.get(case_id, ()), file_id)
    return found


def pictures(case_id: UUID) -> list[tuple[UUID, bytes]]:
    return [(i, files.read(SYSTEM, i)[1]) for i in _released([case_id]).get(case_id, ())]


def updates(
    actor: Actor, *, since: datetime, until: datetime, without: str = "", case_id: UUID | None = None, limit: int = 1000
) -> list[OutsideUpdate]:
    """Public steps after `since` up to `until`, oldest first."""
    sees, sees_params = _sees(actor)
    parts, params = ["t.public AND t.at >= %s AND t.at <= %s AND t.act <> 'report'"], [since, until]
    if without:
        parts.append("coalesce(t.detail->>'outside', '') <> %s")
        params.append(without)
    if case_id is not None:
        parts.append("t.case_id = %s")
        params.append(case_id)
    rows = fast.rows(
        f"SELECT t.id, t.case_id, c.number, t.act, t.to_state, t.at, t.note, ({sees}) FROM cases_timeline t"
        f" JOIN cases_case c ON c.id = t.case_id WHERE {' AND '.join(parts)} AND c.source = 'linli'"
        f" AND (NOT c.private OR ({sees})) ORDER BY t.at, t.id LIMIT %s",
        [*sees_params, *params, *sees_params, limit],
    )
    acts = tables.transitions().transitions
    return [
        OutsideUpdate(
            id=r[0], case_id=r[1], number=r[2], act=r[3], zh=acts[r[3]].zh if r[3] in acts else r[3],
            en=acts[r[3]].en if r[3] in acts else r[3], state=r[4], at=r[5],
            note=r[6] if r[7] and r[3] in TOLD and r[6] != "—" else "",
        )
        for r in rows
    ]  # fmt: skip
