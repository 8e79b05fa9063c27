"""Claiming: others see that somebody is on a case. It hinders nobody, and ends by itself."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from linli.cases import ports, tables
from linli.cases.contracts import Done
from linli.cases.models import Case
from linli.cases.selectors import visible
from linli.cases.services import common
from linli.kernel import clock, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Forbidden

MINUTES = 5
WHO = ("cases.triage", "cases.dispatch", "cases.handle", "cases.verify", "cases.close", "cases.supervise")


def claim(*, actor: Actor, case_id: UUID) -> Done:
    """Show that I am on it, for five minutes; again to go on."""
    with services.unit(actor):
        case, now = visible.get(actor, case_id, lock=True), clock.now()
        if actor.account_id is None or not any(actor.can(p, case.area_path) for p in WHO):
            raise Forbidden("only those who work on cases claim them")
        if case.closed_at is not None:
            raise Conflict(common.say("案件已结束", "The case has ended"))
        other = case.claimed_by
        if other and other != actor.account_id and case.claimed_until and case.claimed_until > now:
            name = ports.names([other]).get(other, "")
            until = case.claimed_until.astimezone(tables.calendar().zone)
            raise Conflict(
                common.say(f"{name}正在处理, 至 {until:%H:%M}", f"{name} is on it until {until:%H:%M}"), code="claimed"
            )
        case.claimed_by, case.claimed_until = actor.account_id, now + timedelta(minutes=MINUTES)
        return _keep(case, actor, "claim")


def unclaim(*, actor: Actor, case_id: UUID) -> Done:
    """Let go of one's own claim."""
    with services.unit(actor):
        case = visible.get(actor, case_id, lock=True)
        if case.claimed_by is not None and case.claimed_by != actor.account_id:
            raise Conflict(common.say("不是您认领的", "It is not your claim"))
        case.claimed_by = case.claimed_until = None
        return _keep(case, actor, "unclaim")


def _keep(case: Case, actor: Actor, act: str) -> Done:
    case.save(update_fields=["claimed_by", "claimed_until"])
    common.record(case=case, actor=actor, act=act)
    common.tell(case=case, actor=actor, type="case.changed", act=act)
    return Done(case.id, case.number, case.state, case.version)
