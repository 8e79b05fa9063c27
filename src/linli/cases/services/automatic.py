"""Cases that a rule of routing gives to a team by itself; everything it leaves stays with the dispatchers."""

from __future__ import annotations

from uuid import UUID

from linli.cases import tables
from linli.cases.models import Case
from linli.cases.selectors import suggest
from linli.cases.services import act
from linli.kernel import clock, services
from linli.kernel.actor import SYSTEM
from linli.kernel.errors import LinliError


def give_out(*, case_id: UUID) -> bool:
    """Dispatch a filed case as the first rule says, if that rule is automatic and its best team is at work.

    False, and nothing is done, when the case has moved on, is private (what concerns a person is looked at by people),
    somebody has claimed it, or something is missing that the dispatch demands.
    """
    with services.unit(SYSTEM):
        case = Case.objects.select_for_update().defer("tokens").filter(pk=case_id).first()
        if case is None or case.state != "filed" or case.source != "linli" or not case.class_code or case.private:
            return False
        if case.claimed_until and case.claimed_until > clock.now():
            return False
        best = next(iter(suggest.suggestions(suggest.asked_of(case), limit=1)), None)
        if best is None or not best.automatic:
            return False
        given = {"class": case.class_code, "team": str(best.team_id), "member": best.member_id,
                 "rule": {"no": best.rule, "zh": best.reason_zh, "en": best.reason_en}}  # fmt: skip
        try:
            with services.unit(SYSTEM):
                act.do(case=case, actor=SYSTEM, item=tables.transitions().transitions["dispatch"], version=None,
                       given=given)  # fmt: skip
        except LinliError:  # a required photo or field: a person looks at it
            return False
        return True
