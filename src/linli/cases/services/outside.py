"""Cases that another system handles, or has reported: where they are, what was heard from there.

The case keeps its owner here: another system's word never ends it, a person verifies. The adapters call this; it knows
nothing of their protocols.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from linli.cases import tables
from linli.cases.models import Case, Signal
from linli.cases.rules import workflow
from linli.cases.selectors import visible
from linli.cases.services import act, common, referring
from linli.kernel import clock, services
from linli.kernel.actor import SYSTEM, Actor
from linli.kernel.errors import NotFound
from linli.kernel.masks import mask_text

MAX_TEXT = 2000


def sent(*, case_id: UUID, system: str, reference: str, name: str) -> bool:
    """The other system has the case, under its own `reference`; False when that was known already."""
    with services.unit(SYSTEM):
        case = Case.objects.select_for_update().defer("tokens").get(pk=case_id)
        if (case.outside_system, case.outside_reference) == (system, reference):
            return False
        at = clock.now()
        case.outside_system, case.outside_reference = system, reference
        case.outside_state, case.outside_at = "", None
        common.save(case, at)
        common.entry(case=case, actor=SYSTEM, act="outside_sent", at=at, note=f"{name}: {reference}",
                     detail={"outside": system, "reference": reference})  # fmt: skip
        common.record(case=case, actor=SYSTEM, act="outside_sent", detail={"outside": system, "reference": reference})
        common.tell(case=case, actor=SYSTEM, type="case.changed", act="outside_sent")
        if case.state == "referred":
            referring.sent(case_id=case.id, ref=reference)
    return True


def update(
    *, actor: Actor, case_id: UUID, system: str, update_id: str, status: str, text: str, at: datetime,
    acts: Sequence[str] = (), name: str = "",
) -> bool:  # fmt: skip
    """One piece of news, once per (system, update_id); False when it was known. Late news changes no state."""
    with services.unit(actor):
        case = _locked(actor, case_id)
        ref = uuid5(NAMESPACE_URL, f"{system}\0{update_id}")
        if Signal.objects.filter(kind="outside", ref=ref).exists():  # the case's lock makes this safe
            return False
        now = clock.now()
        Signal.objects.create(case=case, kind="outside", ref=ref, at=now, data={"system": system, "status": status})
        fresh = case.outside_at is None or at >= case.outside_at
        if fresh:
            case.outside_state, case.outside_at = status[:40], at
        common.save(case, now)
        said = mask_text(text.replace("\0", ""))[0].strip()[:MAX_TEXT]
        note = ": ".join(filter(None, (name, status))) + (f"\n{said}" if said else "")
        detail = {
            "outside": system,
            "status": status,
            "update_id": update_id.replace("\0", ""),
            "at": at.isoformat(),
            "late": not fresh,
        }
        common.entry(case=case, actor=actor, act="outside_update", at=now, note=note, detail=detail)
        common.record(case=case, actor=actor, act="outside_update", detail={"outside": system, "status": status})
        common.tell(case=case, actor=actor, type="case.changed", act="outside_update")
        if fresh:
            _act(case, system, acts, said or note)
    return True


def _locked(actor: Actor, case_id: UUID) -> Case:
    case = (
        visible.get(actor, case_id, lock=True)
        if actor.kind != "system"
        else Case.objects.select_for_update().defer("tokens").filter(pk=case_id).first()
    )
    if case is None or case.source != "linli":
        raise NotFound()
    return case


def _act(case: Case, system: str, acts: Sequence[str], note: str) -> None:
    """Do the first act of the table that the case allows now; none is no error."""
    table, now = tables.transitions(), clock.now()
    for name in acts:
        item = table.transitions.get(name)
        if item is None or case.state not in item.sources:
            continue
        given = {"note": note, "reason": note, "outside": system}
        needed = workflow.missing(item, {"class": case.class_code, **given})
        if not needed and not workflow.refusal(table, item, common.facts(case), SYSTEM, now):
            act.do(case=case, actor=SYSTEM, item=item, version=None, given=given)
            return
