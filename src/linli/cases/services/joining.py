"""Merging cases (并案), taking it back, and splitting one: what two cases have to do with each other."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from linli.cases import tables
from linli.cases.contracts import NewCase
from linli.cases.models import FINAL, Case, Reporter, Signal
from linli.cases.selectors import visible
from linli.cases.services import common, intake, side, voices
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Invalid, NotFound

Given = dict[str, Any]


def lock_all(case_id: UUID, action: str, given: Given) -> None:
    """All cases that the act changes, always in the same order: two that merge into each other do not wait for ever."""
    wanted = {case_id}
    if action == "merge" and given.get("into"):
        try:
            wanted.add(UUID(str(given["into"])))
        except ValueError:
            raise Invalid("into", "must be the id of a case") from None
    elif action == "unmerge":
        wanted |= set(above(case_id))
    else:
        return
    list(Case.objects.select_for_update().filter(pk__in=wanted).order_by("pk").values_list("pk"))


def above(case_id: UUID) -> list[UUID]:
    """The case that this one was merged into, and those that it was merged into in turn."""
    found: list[UUID] = []
    row = Case.objects.filter(pk=case_id).values_list("state", "parent_id").first()
    while row and row[0] == "merged" and row[1] and row[1] not in found:
        found.append(row[1])
        row = Case.objects.filter(pk=row[1]).values_list("state", "parent_id").first()
    return found


def below(case_id: UUID) -> list[UUID]:
    """The case and all that were merged into it, at any remove."""
    found = layer = [case_id]
    while layer := list(Case.objects.filter(parent_id__in=layer, state="merged").values_list("id", flat=True)):
        found = [*found, *layer]
    return found


def merge(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    """Join this case to another open one; whoever follows this ticket follows that one from now on."""
    target = visible.get(actor, UUID(str(given["into"])), lock=True)
    if target.source != "linli":
        raise NotFound()
    if target.id == case.id:
        raise Invalid("into", "is this very case")
    if target.state in FINAL:
        state = tables.transitions().states[target.state]
        raise Conflict(
            common.say(f"{target.number} 现为“{state.zh}”, 只能并入未结案件",
                       f"{target.number} is “{state.en}”: a case is merged into an open one"),
            code="case-changed",
        )  # fmt: skip
    case.parent_id = target.id
    Signal.objects.create(case=target, kind="report", ref=case.id, at=at, data={"number": case.number})
    _count(target, case, 1)
    voices.raise_priority(case=target, at=at)
    detail = {"number": case.number, "case": str(case.id)}
    common.entry(case=target, actor=actor, act="merged_in", at=at, detail=detail)
    return {"into": str(target.id), "into_number": target.number}


def _count(target: Case, case: Case, sign: int) -> None:
    target.signal_count = max(target.signal_count + sign * case.signal_count, 0)
    target.me_too = max(target.me_too + sign * case.me_too, 0)
    target.save(update_fields=["signal_count", "me_too"])


def unmerge(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    """The two were not the same after all: this one goes on where it stood, with the time it had left."""
    back = (case.side or {}).get("back") or {"running": ["intake"]}
    ids = above(case.id)
    number = ""
    for target in Case.objects.defer("tokens").filter(pk__in=ids):
        _count(target, case, -1)
        if target.id == case.parent_id:
            number = target.number
            detail = {"number": case.number, "case": str(case.id)}
            common.entry(case=target, actor=actor, act="merge_undone", at=at, detail=detail)
    Signal.objects.filter(kind="report", ref=case.id).delete()
    Reporter.objects.filter(case__in=below(case.id)).update(ended_at=None)
    case.parent_id = None
    side.restart(case, list(back["running"]), at)
    return {"from": str(ids[0]) if ids else None, "from_number": number}


def split(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    """A part of this case that another has to do becomes a case of its own, at the same place."""
    made = intake.create_case(
        actor=actor,
        new=NewCase(
            channel="staff", kind=case.kind, class_code=str(given.get("class") or case.class_code),
            text=str(given["text"]), lon=case.lon, lat=case.lat, unit_id=case.unit_id, address=case.address,
            private=case.private, urgent=bool(given.get("urgent")), device_id=case.device_id, state="accepted",
        ),
    )  # fmt: skip
    part = Case.objects.defer("tokens").get(pk=made.case_id)
    part.split_from, part.centre_id = case.id, case.centre_id
    part.save(update_fields=["split_from", "centre_id"])
    common.entry(case=part, actor=actor, act="split_off", at=at, detail={"from": case.number, "case": str(case.id)})
    return {"part": str(part.id), "part_number": part.number}


EFFECTS = {fn.__name__: fn for fn in (merge, unmerge, split)}
