"""Effects of the side paths: suspension, extension asked for, transfer, mediation, referral, supervision, follow-up.

What is open on a side path stands in `Case.side` under its name, with who began it and when, and is gone when it ends;
what happened stays in the timeline.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from linli.cases import clocks, numbers, ports, tables
from linli.cases.models import Case
from linli.cases.rules import clock as rule
from linli.cases.services import common
from linli.kernel.actor import Actor, contains
from linli.kernel.errors import Invalid
from linli.kernel.masks import mask_text

Given = dict[str, Any]
SATISFACTION = ("satisfied", "partly", "dissatisfied", "unreached")
RECHECK_DAYS = 366


def snapshot(case: Case) -> dict[str, Any]:
    """Where a case is, for an act that may be taken back: its state and the stages whose clocks run."""
    return {"state": case.state, "running": [s for s, c in case.clocks.items() if c.get("since")]}


def put(case: Case, name: str, value: dict[str, Any] | None) -> None:
    """Write or remove one entry of the case's side paths."""
    kept = {k: v for k, v in (case.side or {}).items() if k != name}
    if value is not None:
        kept[name] = value
    case.side = kept or None


def _opened(actor: Actor, at: datetime, given: Given, **more: Any) -> dict[str, Any]:
    words = mask_text(str(given.get("reason") or given.get("note") or ""))[0][:500]
    return {"by": str(actor.account_id) if actor.account_id else None, "at": at.isoformat(), "words": words, **more}


def _day(value: Any, name: str, at: datetime) -> date:
    """A day from tomorrow on, by the district's own calendar."""
    try:
        day = value if isinstance(value, date) else date.fromisoformat(str(value))
    except ValueError:
        raise Invalid(name, "must be a day such as 2026-11-30") from None
    today = at.astimezone(tables.calendar().zone).date()
    if not today < day <= today + timedelta(days=RECHECK_DAYS):
        raise Invalid(name, "must be a day after today, within a year")
    return day


def remember(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    """Kept by the caller, who knows where the case was before it moved."""
    return {}


def go_back(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    put(case, "back", None)
    return {}


def restart(case: Case, stages: list[str], at: datetime) -> None:
    """Clocks go on with what they had used."""
    held = clocks.clocks_of(case)
    for stage in stages:
        if stage in held:
            held[stage] = rule.start(tables.calendar(), held[stage], at)
    clocks.store(case, held)


def suspend(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    """挂账: with a written reason, and a day on which somebody looks again."""
    day = _day(given["recheck"], "recheck", at)
    case.recheck_at = clocks.morning(day)
    put(case, "suspension", _opened(actor, at, given, recheck=day.isoformat()))
    return {"recheck": day.isoformat()}


def end_suspension(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    case.recheck_at = None
    put(case, "suspension", None)
    return {}


def ask_extension(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    hours = _hours(given["hours"])
    put(case, "extension", _opened(actor, at, given, hours=hours))
    return {"hours": hours}


def _hours(value: Any) -> float:
    hours = float(value)
    if not 0 < hours <= 2000:
        raise Invalid("hours", "must be between 0 and 2000")
    return hours


def grant_extension(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    """What was asked for, or what is granted instead."""
    asked = (case.side or {})["extension"]
    hours = _hours(given.get("hours") or asked["hours"])
    clocks.extend(case, hours, at)
    put(case, "extension", None)
    return {"hours": hours, "asked": asked["hours"]}


def drop_asks(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    """Nobody waits for an extension any more."""
    put(case, "extension", None)
    return {}


def direction(before: str, after: str) -> str:
    """Whether a centre of area `after` stands above one of area `before`, below it, or beside it."""
    if before == after:
        return "sideways"
    if contains(after, before):
        return "up"
    return "down" if contains(before, after) else "sideways"


def transfer(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    """To another centre, which serves the place; it has to take the case over."""
    target = ports.centre(UUID(str(given["centre"])))
    if target is None:
        raise Invalid("centre", "is unknown")
    sender = case.centre_id or next((g.centre_id for g in actor.grants if g.centre_id), None)
    if target.id == sender:
        raise Invalid("centre", "has the case already")
    if not contains(target.area_path, case.area_path):
        raise Invalid("centre", "does not serve this place")
    held = ports.centre(sender) if sender else None
    way = direction(held.area_path if held else "", target.area_path)
    ends = {"to": str(target.id), "from": common.id_text(sender), "way": way}
    put(case, "transfer", _opened(actor, at, given, **ends))
    return {**ends, "zh": target.name_zh, "en": target.name_en}


def take_over(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    case.centre_id = UUID((case.side or {})["transfer"]["to"])
    return end_transfer(case, actor, given, at)


def end_transfer(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    put(case, "transfer", None)
    return {"centre": common.id_text(case.centre_id)}


def make_private(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    """A dispute between people is nobody else's business."""
    case.private = True
    return {}


def mediate(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    put(case, "mediation", _opened(actor, at, given))
    return {}


def end_mediation(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    put(case, "mediation", None)
    return {}


def refer(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    """To another system, by its name; how it is told is the adapter's work (services/referring)."""
    to = str(given["to"]).strip()[:80]
    put(case, "referral", _opened(actor, at, given, to=to, ref=""))
    return {"to": to}


def end_referral(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    held = (case.side or {}).get("referral") or {}
    put(case, "referral", None)
    return {"to": held.get("to", ""), "ref": held.get("ref", "")}


def supervise(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    """督办: a higher level watches, and may say by when it wants an answer."""
    until = _day(given["until"], "until", at).isoformat() if given.get("until") else None
    number = numbers.next_letter(at)
    case.supervised = True
    put(case, "supervision", _opened(actor, at, given, until=until, answered=None, number=number))
    return {"until": until, "number": number}


def answer_supervision(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    held = (case.side or {}).get("supervision") or {}
    put(case, "supervision", {**held, "answered": at.isoformat()})
    return {}


def lift_supervision(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    case.supervised = False
    put(case, "supervision", None)
    return {}


def follow_up(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    """回访: what the one concerned says. Nobody reached changes nothing that was said before."""
    said = str(given["satisfaction"])
    if said not in SATISFACTION:
        raise Invalid("satisfaction", f"must be one of {', '.join(SATISFACTION)}")
    if said != "unreached":
        case.satisfaction = said
    return {"satisfaction": said}


EFFECTS = {
    fn.__name__: fn
    for fn in (remember, go_back, suspend, end_suspension, ask_extension, grant_extension, drop_asks, transfer,
               take_over, end_transfer, make_private, mediate, end_mediation, refer, end_referral, supervise,
               answer_supervision, lift_supervision, follow_up)
}  # fmt: skip
