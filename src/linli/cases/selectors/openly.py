"""Public cases with both their ends: what was done, what is new, one by its number. Private ones are in none of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from linli.cases import tables
from linli.cases.contracts import PublicItem, PublicStep, TicketNews
from linli.cases.models import Case, Photo, Reporter, TimelineEntry
from linli.cases.rules import moderation
from linli.cases.services import doors
from linli.kernel import paging
from linli.kernel.errors import NotFound

DONE = ("closed", "evaluated")
ROUND = 4  # about 10 m: a building, not a door
FIELDS = ("id", "number", "class_code", "state", "area_path", "lon", "lat", "created_at", "filed_at", "closed_at",
          "me_too")  # fmt: skip


def _public(area: str = "", class_code: str = "") -> QuerySet[Case]:
    """The only door of this file: `area` and what lies below it, classes that begin with `class_code`."""
    rows = Case.objects.filter(private=False, source="linli")
    if area:
        rows = rows.filter(Q(area_path=area) | Q(area_path__startswith=area + "."))
    return rows.filter(class_code__startswith=class_code) if class_code else rows


def class_names(code: str) -> tuple[str, str]:
    found = tables.catalogue().classes.get(code)
    return (found.zh, found.en) if found else ("待分类", "Not yet classified")


def _photos(case_ids: Sequence[UUID]) -> dict[UUID, dict[str, list[tuple[UUID, UUID]]]]:
    """Released pictures by case: those before the work, those after it."""
    found: dict[UUID, dict[str, list[tuple[UUID, UUID]]]] = {}
    rows = Photo.objects.filter(case_id__in=case_ids, released_at__isnull=False).order_by("created_at")
    for case_id, stage, *ids in rows.values_list("case_id", "stage", "file_id", "thumb_id"):
        found.setdefault(case_id, {}).setdefault("after" if stage == "after" else "before", []).append(tuple(ids))
    return found


def _items(rows: Iterable[tuple[object, ...]], text: str = "", steps: tuple[PublicStep, ...] = ()) -> list[PublicItem]:
    listed: list[tuple[object, ...]] = list(rows)
    photos, states, shown = _photos([r[0] for r in listed]), tables.transitions().states, []  # type: ignore[misc]
    for case_id, number, code, state, area, lon, lat, created, filed, closed, me_too in listed:
        known, pictures = states[str(state)], photos.get(case_id, {})  # type: ignore[call-overload]
        point = (None, None) if lon is None else (round(lon, ROUND), round(lat, ROUND))  # type: ignore[call-overload]
        shown.append(PublicItem(
            case_id, number, code, *class_names(str(code)), state, known.zh, known.en, known.step, area, *point,
            created, filed, closed, me_too, tuple(pictures.get("before", ())), tuple(pictures.get("after", ())),
            text, steps,
        ))  # type: ignore[arg-type]  # fmt: skip
    return shown


def done(area: str, cursor: str, limit: int) -> tuple[list[PublicItem], str]:
    """Public cases that ended with work done, the newest end first; and where the next page begins."""
    rows = _public(area).filter(state__in=DONE, closed_at__isnull=False)
    if cursor:
        at, last = paging.decode(cursor, 2)
        rows = rows.filter(_before(at, last))
    found = _items(rows.order_by("-closed_at", "-id").values_list(*FIELDS)[: limit + 1])
    more = paging.encode((found[limit - 1].closed_at, found[limit - 1].case_id)) if len(found) > limit else ""
    return found[:limit], more


def _before(at: str, last: str) -> Q:
    try:
        when, which = datetime.fromisoformat(str(at)), UUID(str(last))
    except ValueError:
        raise NotFound() from None
    return Q(closed_at__lt=when) | Q(closed_at=when, id__lt=which)


def by_number(number: str) -> PublicItem:
    """One public case; NotFound for a private one as for a number that was never given."""
    rows = list(_public().filter(number=number).values_list(*FIELDS)[:1])
    if not rows:
        raise NotFound()
    return _items(rows, _text(rows[0][0]), _steps(rows[0][0]))[0]


def _text(case_id: UUID) -> str:
    """The report's words: once a person has filed it, and never while they wait for one to look at numbers in them."""
    text, flags, filed = Case.objects.filter(pk=case_id).values_list("text", "flags", "filed_at").get()
    if filed is None or moderation.HELD in flags:
        return ""
    return moderation.masked(text, tables.moderation())


def _steps(case_id: UUID) -> tuple[PublicStep, ...]:
    """What happened, without anybody's notes."""
    table, shown = tables.transitions().transitions, []
    for at, act in (
        TimelineEntry.objects.filter(case_id=case_id, public=True).order_by("at", "id").values_list("at", "act")[:100]
    ):
        zh, en = (table[act].zh, table[act].en) if act in table else ("上报", "Reported")
        shown.append(PublicStep(at, zh, en))
    return tuple(shown)


def news(area: str, class_code: str, since: datetime, limit: int, within: timedelta) -> list[PublicItem]:
    """Public cases that a person has filed, or that were done, since a moment; of those reported within a time."""
    fresh = Q(filed_at__gt=since) | Q(closed_at__gt=since, state__in=DONE)
    rows = _public(area, class_code).filter(fresh, filed_at__isnull=False, created_at__gt=since - within)
    return _items(rows.order_by("-created_at", "-id").values_list(*FIELDS)[:limit])


def feed(area: str, class_code: str, limit: int) -> list[PublicItem]:
    """The newest public cases that a person has filed."""
    rows = _public(area, class_code).filter(filed_at__isnull=False)
    return _items(rows.order_by("-created_at", "-id").values_list(*FIELDS)[:limit])


def ticket_news(ticket: UUID, since: datetime) -> TicketNews | None:
    """What happened with a ticket since a moment; None when nothing did, or when there is no such ticket any more."""
    row = Reporter.objects.select_related("case").defer("case__tokens").filter(pk=ticket).first()
    if row is None:
        return None
    own: Case = row.case
    case = Case.objects.defer("tokens").get(pk=own.parent_id) if own.state == "merged" and own.parent_id else own
    table = tables.transitions()
    entries = TimelineEntry.objects.filter(case_id__in={own.id, case.id}, public=True, at__gt=since)
    steps = tuple(
        PublicStep(at, table.transitions[act].zh, table.transitions[act].en)
        for at, act in entries.order_by("at", "id").values_list("at", "act")[:30]
        if act in table.transitions
    )
    if not steps:
        return None
    state = table.states[case.state]
    return TicketNews(own.number, *class_names(case.class_code), state.zh, state.en, case.state in DONE,
                      case.closed_at is not None, doors.key_for(row, doors.MAIL_DAYS), steps)  # fmt: skip
