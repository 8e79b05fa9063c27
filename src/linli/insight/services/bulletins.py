"""Writes of bulletins: draft, edit, issue, withdraw, discard. One transaction, one audit row, one event each."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Max

from linli.cases import facade as cases
from linli.insight import tables
from linli.insight.models import Bulletin
from linli.insight.rules import bulletins as rule
from linli.insight.selectors import asking
from linli.insight.selectors import bulletins as reads
from linli.kernel import audit, clock, events, services
from linli.kernel.actor import Actor, contains
from linli.kernel.errors import Conflict, Invalid
from linli.kernel.i18n import say
from linli.kernel.masks import mask_text
from linli.kernel.scope import area_or_own
from linli.orgs import facade as orgs

TITLE, TEXT, WHY = 120, 6000, 400


def draft(
    *, actor: Actor, area: str | None = None, period: str = "week", day: date | None = None, start: date | None = None,
    end: date | None = None, public: bool = False,
) -> Bulletin:  # fmt: skip
    """A draft for an area and a period, composed from what was counted; its figures stay as they are now."""
    path = area_or_own(actor, reads.WRITE, area)
    ask = asking.ask(actor, area=path, period=period, day=day, start=start, end=end)
    if ask.period.start > asking.today():
        raise Invalid("day", "must not lie in the future")
    words, found = tables.papers()["bulletin"], reads.counted(actor, ask)
    title = {lang: rule.fill(words["title"][lang], {"area": found["area"][lang]}) for lang in rule.LANGS}
    with services.unit(actor):
        row = Bulletin.objects.create(
            area_path=path, period=ask.name, start=ask.period.start, end=ask.period.end, public=public, title=title,
            sections=rule.sections(words, found, public), figures=found, by=actor.account_id,
        )  # fmt: skip
        _told(actor, row, "draft")
    return row


def edit(
    *, actor: Actor, bulletin_id: UUID, version: int, title: dict[str, str] | None = None,
    sections: dict[str, dict[str, str]] | None = None,
) -> Bulletin:  # fmt: skip
    """Other words for a draft; `sections` by their code. Of somebody else's newer words a Conflict tells."""
    with services.unit(actor):
        row = _draft(actor, bulletin_id, version)
        for lang, text in (title or {}).items():
            row.title[lang] = _clean(f"title.{lang}", text, TITLE, needed=True)
        known = {part["code"]: part for part in row.sections}
        for code, texts in (sections or {}).items():
            if code not in known:
                raise Invalid("sections", f"has no section {code[:40]}")
            known[code] |= {lang: _clean(f"sections.{code}.{lang}", text, TEXT) for lang, text in texts.items()}
        row.version += 1
        row.save(update_fields=["title", "sections", "version"])
        _told(actor, row, "edit")
    return row


def issue(*, actor: Actor, bulletin_id: UUID, version: int) -> Bulletin:
    """Number it, and send it to the centres of its area; from now on its words stand."""
    with services.unit(actor):
        row = _draft(actor, bulletin_id, version)
        at = clock.now()
        row.year = at.astimezone(cases.zone()).year
        row.serial = _next(row.year)
        row.number = f"{row.year}-{row.serial:03d}"
        row.state, row.issued_by, row.issued_at = "issued", actor.account_id, at
        row.version += 1
        row.centres = [
            {"id": str(c.id), "area": c.area_path, "zh": c.name_zh, "en": c.name_en or c.name_zh}
            for c in orgs.centres()
            if contains(row.area_path, c.area_path) or contains(c.area_path, row.area_path)  # within it, and above
        ]
        row.save()
        _told(actor, row, "issue")
        _notify(row, "issue")
    return row


def withdraw(*, actor: Actor, bulletin_id: UUID, reason: str) -> Bulletin:
    """Take an issued bulletin back, with a reason; it stays readable as withdrawn."""
    why = _clean("reason", reason, WHY, needed=True)
    with services.unit(actor):
        row = reads.for_update(actor, bulletin_id)
        actor.require(reads.WRITE, row.area_path)
        if row.state != "issued":
            raise Conflict(say("只有已发布的通报可以撤回", "Only an issued bulletin can be withdrawn"))
        row.state, row.withdrawn_by, row.withdrawn_at, row.withdrawn_why = (
            "withdrawn",
            actor.account_id,
            clock.now(),
            why,
        )
        row.version += 1
        row.save()
        _told(actor, row, "withdraw")
        _notify(row, "withdraw")
    return row


def discard(*, actor: Actor, bulletin_id: UUID) -> None:
    """Throw a draft away."""
    with services.unit(actor):
        row = _draft(actor, bulletin_id, None)
        _told(actor, row, "discard")
        row.delete()


def _draft(actor: Actor, bulletin_id: UUID, version: int | None) -> Bulletin:
    row = reads.for_update(actor, bulletin_id)
    actor.require(reads.WRITE, row.area_path)
    if row.state != "draft":
        raise Conflict(say("通报已发布, 不能再改", "The bulletin was issued and cannot be changed"))
    if version is not None and version != row.version:
        raise Conflict(say("通报已被他人修改, 请刷新后再改", "Somebody else changed the bulletin; reload it first"))
    return row


def _next(year: int) -> int:
    """The next number of a year, one issue at a time: numbers have no gaps."""
    services.alone(f"insight-bulletin-{year}")
    return (Bulletin.objects.filter(year=year).aggregate(last=Max("serial"))["last"] or 0) + 1


def _clean(field: str, value: str, most: int, needed: bool = False) -> str:
    clean = value.strip()
    if len(clean) > most or "\0" in clean or (needed and not clean):
        raise Invalid(field, f"must have {1 if needed else 0} to {most} characters")
    return mask_text(clean)[0]


def _told(actor: Actor, row: Bulletin, act: str) -> None:
    audit.record(actor=actor, action=f"bulletin.{act}", kind="bulletin", ref=row.id, area=row.area_path,
                 detail={"number": row.number, "state": row.state, "version": row.version})  # fmt: skip
    _event(row, "bulletin.changed", act, row.area_path)


def _notify(row: Bulletin, act: str) -> None:
    """A notice to each area of a centre: whoever reads figures there hears it once."""
    for area in sorted({centre["area"] for centre in row.centres}):
        _event(row, "bulletin.notice", act, area)


def _event(row: Bulletin, type: str, act: str, area: str) -> None:
    permission = reads.WRITE if row.state == "draft" else asking.VIEW
    data: dict[str, Any] = {"number": row.number, "state": row.state, "act": act}
    events.emit(type=type, kind="bulletin", ref=row.id, area=area, permission=permission, data=data)
