"""Alarms become cases: one case a place and class, however many devices cry; an alarm's end proposes closing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from linli.cases import geo, ports, tables
from linli.cases.contracts import NewCase
from linli.cases.models import FINAL, Case, Signal
from linli.cases.services import common, intake, joining
from linli.kernel import clock, services
from linli.kernel.actor import SYSTEM

DEFAULT_RADIUS_M = 150


def alarm_raised(data: dict[str, Any]) -> UUID | None:
    """A raised alarm whose policy wants a case: joined to an open one of the same class nearby, else a new one."""
    policy = data.get("case")
    alarm_id = UUID(str(data["alarm_id"]))
    if not policy or Signal.objects.filter(kind="alarm", ref=alarm_id).exists():
        return None
    if ports.incident_of(alarm_id):  # 2,000 alarms of one storm are one case: that of their incident
        return None
    with services.unit(SYSTEM):
        _one_by_one(str(policy["class"]))
        case = open_near(data, str(policy["class"]), float(policy.get("merge_radius_m") or DEFAULT_RADIUS_M))
        if case is not None:
            _join(case, alarm_id, data)
        case_id = case.id if case is not None else _new(alarm_id, data, policy)
        if cleared_at := ports.alarm_cleared_at(alarm_id):  # news of its end came first, and found no case
            _cleared(alarm_id, cleared_at.isoformat())
        return case_id


def _one_by_one(class_code: str) -> None:
    """Two alarms of one downpour must not make two cases."""
    services.alone(f"case-alarm:{class_code}")


def open_near(data: dict[str, Any], class_code: str, radius_m: float) -> Case | None:
    """The nearest open device or problem case of the class within the radius; without a point, of the same device."""
    open_ones = Case.objects.select_for_update().defer("tokens").filter(
        class_code=class_code, closed_at=None, source="linli"
    )  # fmt: skip
    lon, lat = data.get("lon"), data.get("lat")
    if lon is None or lat is None:
        return open_ones.filter(device_id=data.get("device_id")).order_by("created_at").first()
    x, y = geo.to_metres(lon, lat)
    reach = round(radius_m * geo.stretch(lat))
    found = [(geo.distance(x, y, c.x, c.y, lat), c)
             for c in open_ones.filter(x__range=(x - reach, x + reach), y__range=(y - reach, y + reach))
             if c.x is not None and c.y is not None]  # fmt: skip
    near = [pair for pair in found if pair[0] <= radius_m]
    return min(near, key=lambda pair: pair[0])[1] if near else None


def _join(case: Case, alarm_id: UUID, data: dict[str, Any]) -> None:
    at = clock.now()
    Signal.objects.create(case=case, kind="alarm", ref=alarm_id, at=at, data=_facts(data))
    case.signal_count += 1
    urgent = bool((data.get("case") or {}).get("urgent"))
    case.urgent = case.urgent or urgent
    case.alarm_id, case.device_id = case.alarm_id or alarm_id, case.device_id or data.get("device_id")
    common.save(case, at)
    common.entry(case=case, actor=SYSTEM, act="signal", at=at, detail={"alarm_id": str(alarm_id), **_facts(data)})
    common.record(case=case, actor=SYSTEM, act="signal", detail={"alarm": str(alarm_id)})
    common.tell(case=case, actor=SYSTEM, type="case.changed", act="signal")


def _facts(data: dict[str, Any]) -> dict[str, Any]:
    return {k: data[k] for k in ("device_id", "property", "value", "severity", "title", "at") if k in data}


def _new(alarm_id: UUID, data: dict[str, Any], policy: dict[str, Any]) -> UUID:
    title = data.get("title") or {}
    known = str(policy["class"]) in tables.catalogue().classes
    receipt = intake.create_case(
        actor=SYSTEM,
        new=NewCase(
            channel="device", kind="device", class_code=str(policy["class"]) if known else "",
            text=str(title.get("zh") or title.get("en") or data.get("property") or ""),
            lon=data.get("lon"), lat=data.get("lat"),
            urgent=bool(policy.get("urgent")), private=False, alarm_id=alarm_id,
            device_id=UUID(str(data["device_id"])) if data.get("device_id") else None,
            state="filed" if known else "",  # a policy is the filing; a person still dispatches
        ),
    )  # fmt: skip
    Signal.objects.filter(kind="alarm", ref=alarm_id).update(data=_facts(data))
    return receipt.case_id


def alarm_changed(data: dict[str, Any]) -> None:
    """A cleared alarm is noted; when none of the case's alarms is left, closing is proposed, never done."""
    if data.get("state") != "cleared":
        return
    with services.unit(SYSTEM):
        if policy := data.get("case"):  # the news that it was raised may be on its way in another process
            _one_by_one(str(policy["class"]))
        _cleared(UUID(str(data["alarm_id"])), str(data.get("cleared_at") or clock.now().isoformat()))


def _cleared(alarm_id: UUID, cleared_at: str) -> None:
    signal = Signal.objects.filter(kind="alarm", ref=alarm_id).first()
    if signal is not None and "cleared_at" not in signal.data:
        over(signal, cleared_at, {"alarm_id": str(alarm_id)})


def over(signal: Signal, cleared_at: str, detail: dict[str, str]) -> None:
    """An alarm or an incident has ended: the last one of a case proposes closing it."""
    case = _locked(signal.case_id)
    while case.state == "merged" and case.parent_id:  # who merged it works on that one now
        case = _locked(case.parent_id)
    signal.data = {**signal.data, "cleared_at": cleared_at}
    signal.save(update_fields=["data"])
    if case.state in FINAL:
        return
    left = Signal.objects.filter(
        case__in=joining.below(case.id), kind__in=("alarm", "incident"), data__cleared_at__isnull=True
    ).count()
    act, at = ("alarm_cleared" if left else "propose_close"), clock.now()
    common.entry(case=case, actor=SYSTEM, act=act, at=at, detail=detail | {"left": left})
    common.record(case=case, actor=SYSTEM, act=act, detail=detail)
    common.tell(case=case, actor=SYSTEM, type="case.changed", act=act)


def _locked(case_id: UUID) -> Case:
    return Case.objects.select_for_update().defer("tokens").get(pk=case_id)
