"""Is it solved? What the holder of a ticket answers. The same answer given again changes nothing more."""

from __future__ import annotations

from linli.cases import tables
from linli.cases.models import Case, TimelineEntry
from linli.cases.services import act, common, notes
from linli.kernel import clock, services
from linli.kernel.actor import PUBLIC, SYSTEM
from linli.kernel.errors import Conflict, Invalid

ASKED = ("closed", "evaluated")  # what was refused or called off is not asked about


def _followed(secret: str) -> Case:
    """The case whose end the ticket tells, locked: of a merged one the case that it was joined to."""
    own: Case = notes.reporter_of(secret).case
    found = own.parent_id if own.state == "merged" and own.parent_id else own.id
    return Case.objects.select_for_update().defer("tokens").get(pk=found)


def reopen(*, secret: str, reason: str = "") -> Case:
    """“No”: the case opens again, within the days that the table gives. A second “no” finds it open."""
    with services.unit(SYSTEM):
        case = _followed(secret)
        if case.state not in ASKED:
            if case.closed_at is None and case.reopen_count:
                return case
            raise Conflict(common.say("案件没有结案", "The case is not closed"))
        word = reason.strip()[:500] or common.say("反映人说没有解决", "The reporter says that it is not solved")
        item = tables.transitions().transitions["reopen"]
        act.do(case=case, actor=SYSTEM, item=item, version=None, given={"reason": word})
    return case


def confirm(*, secret: str, score: int | None = None) -> Case:
    """“Yes”: one more line in the timeline, and 1 to 5 stars where they were given; the first stars count."""
    if score is not None and not 1 <= score <= 5:
        raise Invalid("score", "must be 1 to 5")
    with services.unit(PUBLIC):
        case = _followed(secret)
        if case.state not in ASKED:
            raise Conflict(common.say("案件没有结案", "The case is not closed"))
        said = TimelineEntry.objects.filter(case=case, act="confirm", at__gte=case.closed_at or clock.now())
        if not said.exists():
            common.entry(case=case, actor=PUBLIC, act="confirm", at=clock.now())
            common.record(case=case, actor=PUBLIC, act="confirm")
            common.tell(case=case, actor=PUBLIC, type="case.changed", act="confirm")
        item = tables.transitions().transitions.get("evaluate")
        if score is not None and item is not None and case.state in item.sources:
            act.do(case=case, actor=SYSTEM, item=item, version=None, given={"score": score})
    return case
