"""What anybody may see: open public cases, rounded to the building; and a ticket, by its secret."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from django.db.models import Q, QuerySet

from linli.cases import geo, intake_tables, tables
from linli.cases.contracts import PublicCase, PublicStep, PublicTicket
from linli.cases.models import Case, Photo, Reporter, TimelineEntry
from linli.cases.rules import workflow
from linli.cases.services import doors
from linli.cases.services.common import facts
from linli.kernel import clock, files, personal
from linli.kernel.actor import SYSTEM
from linli.kernel.errors import NotFound

FIELDS = ("id", "number", "class_code", "state", "created_at", "lon", "lat", "me_too", "unit_id")
MOST = 200
ROUND = 4  # about 10 m: a building, not a door


def _names(code: str) -> tuple[str, str]:
    found = tables.catalogue().classes.get(code)
    return (found.zh, found.en) if found else ("待分类", "Not yet classified")


def _released(case_ids: Iterable[UUID], stage: str = "") -> dict[UUID, list[UUID]]:
    found: dict[UUID, list[UUID]] = {}
    rows = Photo.objects.filter(case_id__in=list(case_ids), released_at__isnull=False).order_by("created_at")
    rows = rows.filter(stage=stage) if stage else rows
    for case_id, file_id in rows.values_list("case_id", "file_id"):
        found.setdefault(case_id, []).append(file_id)
    return found


def _shown(rows: Iterable[tuple[object, ...]]) -> list[PublicCase]:
    states, listed = tables.transitions().states, list(rows)
    photos = _released(r[0] for r in listed)  # type: ignore[misc]
    shown = []
    for case_id, number, code, state, created_at, lon, lat, me_too, _ in listed:
        names, known = _names(str(code)), states[str(state)]
        point = (None, None) if lon is None else (round(lon, ROUND), round(lat, ROUND))  # type: ignore[call-overload]
        shown.append(PublicCase(case_id, number, *names, state, known.zh, known.en, created_at, *point, me_too,
                                tuple(photos.get(case_id, ()))))  # type: ignore[arg-type]  # fmt: skip
    return shown


def _open_public() -> QuerySet[Case]:
    return Case.objects.filter(private=False, closed_at=None, source="linli")


def open_at_unit(unit_id: UUID, limit: int = 20) -> list[PublicCase]:
    """Open public cases at a unit, newest first."""
    return _shown(_open_public().filter(unit_id=unit_id).order_by("-created_at").values_list(*FIELDS)[:limit])


def open_near_unit(unit_id: UUID, lon: float, lat: float, limit: int = 10) -> list[PublicCase]:
    """What is open at a unit, then what is open so near that it may be the same matter; nearest first."""
    x, y = geo.to_metres(lon, lat)
    reach = round(intake_tables.widest() * geo.stretch(lat))
    box = (
        _open_public().filter(x__range=(x - reach, x + reach), y__range=(y - reach, y + reach)).exclude(unit_id=unit_id)
    )
    rows = box.order_by("-created_at").values_list("x", "y", "id", "class_code")[:MOST]
    far = sorted((geo.distance(x, y, cx, cy, lat), case_id, code) for cx, cy, case_id, code in rows)
    near = {case_id: d for d, case_id, code in far if d <= intake_tables.reach(code).radius_m}
    own = open_at_unit(unit_id, limit)
    chosen = list(near)[: max(limit - len(own), 0)]
    shown = {c.case_id: c for c in _shown(Case.objects.filter(id__in=chosen).values_list(*FIELDS))}
    return own + [replace(shown[i], distance_m=max(round(near[i] / 10) * 10, 10)) for i in chosen if i in shown]


def public_pins(limit: int = 2000) -> list[PublicCase]:
    """Open public cases that have a place, newest first; private ones are withheld."""
    rows = _open_public().filter(lon__isnull=False).order_by("-created_at", "-id")
    return _shown(rows.values_list(*FIELDS)[:limit])


def ticket(reporter: Reporter) -> PublicTicket:
    """The case behind a secret; a merged one shows how the case it was joined to goes on."""
    own: Case = reporter.case
    case = Case.objects.defer("tokens").get(pk=own.parent_id) if own.state == "merged" and own.parent_id else own
    table = tables.transitions()
    state, names = table.states[case.state], _names(case.class_code)
    row = tables.catalogue().condition(case.class_code, case.condition_no, tables.today())
    told = not reporter.follower  # a neighbour who follows gets neither the reporter's words nor pictures
    photos = list(Photo.objects.filter(case_id=own.id).order_by("created_at")) if told else []
    reads = personal.reads_of("reporter", reporter.id).order_by("-at")[:100]
    reopen = table.transitions["reopen"]
    return PublicTicket(
        case_id=case.id, number=own.number, kind=own.kind, class_zh=names[0], class_en=names[1], state=case.state,
        state_zh=state.zh, state_en=state.en, step=state.step, text=own.text * told,
        address=own.address * told,
        created_at=own.created_at, due_at=case.handle_due_at or case.due_at,
        illustrative=bool(row is None or row.illustrative), closed_at=case.closed_at, steps=_steps(case, own),
        photos=tuple(p.file_id for p in photos), released_photos=tuple(_released([case.id]).get(case.id, ())),
        phone_masked=str(reporter.phone or ""), has_contact=reporter.phone is not None or reporter.name is not None,
        looked=tuple((r.at, r.purpose, r.reason) for r in reads if not r.refused),
        can_reopen=told and case.state in ("closed", "evaluated")
        and not workflow.refusal(table, reopen, facts(case), SYSTEM, clock.now()),
        me_too=case.me_too, asked=case.state in ("closed", "evaluated"), answered=_answered(case), score=case.score,
        after_photos=tuple(_released([case.id], "after").get(case.id, ())), short_code=doors.short_code(reporter),
    )  # fmt: skip


def _answered(case: Case) -> bool:
    return TimelineEntry.objects.filter(case=case, act="confirm", at__gte=case.closed_at or clock.now()).exists()


def _steps(case: Case, own: Case) -> tuple[PublicStep, ...]:
    """What happened, in words for the street; notes of rejecting and finishing are meant for the reporter."""
    table, shown = tables.transitions(), []
    rows = TimelineEntry.objects.filter(case_id__in={case.id, own.id}, public=True).order_by("at", "id")
    for r in rows:
        if r.act == "report" and r.case_id != own.id:
            continue
        item = table.transitions.get(r.act)
        zh, en = (item.zh, item.en) if item else ("上报", "Reported")
        told = r.note if r.act in ("reject", "finish", "close", "self_handle") and r.note != "—" else ""
        shown.append(PublicStep(r.at, zh, en, told))
    return tuple(shown)


def ticket_photo(reporter: Reporter, file_id: UUID) -> bytes:
    """A picture of the ticket's own report; NotFound for any other file."""
    rows = Photo.objects.filter(case_id=reporter.case_id)
    if reporter.follower:
        rows = rows.filter(released_at__isnull=False)
    if not rows.filter(Q(file_id=file_id) | Q(thumb_id=file_id)).exists():
        raise NotFound()
    return files.read(SYSTEM, file_id)[1]
