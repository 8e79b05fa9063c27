"""Referring a case to another system: the desk's side. How that system is told, and heard, is an adapter's work."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from linli.cases import tables
from linli.cases.contracts import Done, Referral
from linli.cases.models import Case
from linli.cases.services import act, common, side
from linli.kernel import clock, services
from linli.kernel.actor import SYSTEM, Actor
from linli.kernel.errors import Conflict, NotFound

OUTCOMES = {"done": "referral_done", "refused": "referral_refused"}


def refer(*, actor: Actor, case_id: UUID, to: str, reason: str, version: int | None = None) -> Done:
    """Hand the case to the system named `to`. The event `case.changed` with act `refer` tells the adapters."""
    return act.act(actor=actor, case_id=case_id, action="refer", version=version, given={"to": to, "reason": reason})


def referral(case_id: UUID) -> Referral | None:
    """Where the case was referred to, while it is there."""
    row = Case.objects.filter(pk=case_id, state="referred").values_list("side", flat=True).first()
    held = (row or {}).get("referral")
    return Referral(case_id, held["to"], held["ref"], held["words"]) if held else None


def sent(*, case_id: UUID, ref: str) -> None:
    """The other system took it, and calls it `ref`. Said again, it changes nothing."""
    with services.unit(SYSTEM):
        case, held = _held(case_id)
        if held["ref"] == ref:
            return
        side.put(case, "referral", {**held, "ref": ref[:120]})
        _keep(case, "referral_sent", "", {"to": held["to"], "ref": ref[:120]})


def news(*, case_id: UUID, note: str, outcome: str = "") -> Done:
    """What the other system tells: a word of progress, or with `outcome` (done, refused) the end of the referral."""
    with services.unit(SYSTEM):
        case, held = _held(case_id)
        if outcome:
            item = tables.transitions().transitions[OUTCOMES[outcome]]
            given: dict[str, Any] = {"note": note or "—", "reason": note or "—"}
            return act.do(case=case, actor=SYSTEM, item=item, version=None, given=given)
        _keep(case, "referral_news", note, {"to": held["to"], "ref": held["ref"]})
        return Done(case.id, case.number, case.state, case.version)


def _held(case_id: UUID) -> tuple[Case, dict[str, Any]]:
    case = Case.objects.select_for_update().defer("tokens").filter(pk=case_id).first()
    if case is None:
        raise NotFound()
    held = (case.side or {}).get("referral")
    if case.state != "referred" or held is None:
        raise Conflict(common.say("案件已不在转办中", "The case is no longer referred elsewhere"))
    return case, held


def _keep(case: Case, name: str, note: str, detail: dict[str, Any]) -> None:
    at = clock.now()
    common.save(case, at)
    common.entry(case=case, actor=SYSTEM, act=name, at=at, note=note, detail=detail)
    common.record(case=case, actor=SYSTEM, act=name, detail=detail)
    common.tell(case=case, actor=SYSTEM, type="case.changed", act=name)
