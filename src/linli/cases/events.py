"""What cases does when other rooms tell something. Each runs in one transaction with its inbox row."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from linli.cases.selectors import versions
from linli.cases.services import act, alarms, automatic, incidents
from linli.kernel.actor import SYSTEM
from linli.kernel.events import Envelope, consumer


@consumer("cases.alarms", "alarm.raised", "alarm.changed")
def on_alarm(envelope: Envelope) -> None:
    if envelope.type == "alarm.raised":
        alarms.alarm_raised(envelope.data)
    else:
        alarms.alarm_changed(envelope.data)


@consumer("cases.incidents", "incident.raised", "incident.changed")
def on_incident(envelope: Envelope) -> None:
    incidents.incident_told(envelope.data)


def _of_a_case(envelope: Envelope) -> bool:
    return bool(envelope.data.get("case_id"))


@consumer("cases.tasks", "task.changed", interest=lambda: _of_a_case)
def on_task(envelope: Envelope) -> None:
    """The team's own acts: accepted, done, returned. What the case itself caused (open, cancelled) changes nothing."""
    data = envelope.data
    act.follow_task(
        actor=SYSTEM,
        case_id=UUID(str(data["case_id"])),
        task_id=UUID(str(data.get("task_id") or envelope.ref)),
        state=str(data.get("state", "")),
        given={"handler_id": data.get("account_id")},
    )


GIVEN_OUT = ("report", "file", "return", "reopen")  # acts after which a filed case waits for a team


def _automatic() -> Callable[[Envelope], bool]:
    if not any(rule.automatic for _, rule in versions.rules_in_force()):
        return lambda envelope: False
    return lambda envelope: (
        envelope.audience == "staff" and envelope.data.get("act") in GIVEN_OUT and envelope.data.get("state") == "filed"
    )


@consumer("cases.routing", "case.created", "case.changed", interest=_automatic)
def on_filed(envelope: Envelope) -> None:
    """A rule may give the case to a team without a dispatcher."""
    automatic.give_out(case_id=UUID(envelope.ref))
