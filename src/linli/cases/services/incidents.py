"""Storms become cases: one case an incident, however many of its alarms ask for one; its end proposes closing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from linli.cases import ports, tables
from linli.cases.contracts import NewCase
from linli.cases.models import FINAL, Case, Signal
from linli.cases.services import alarms, common, intake
from linli.kernel import clock, services
from linli.kernel.actor import SYSTEM

KIND = "incident"


def incident_told(data: dict[str, Any]) -> UUID | None:
    """An incident began, grew or ended. Its case is the one that its first alarm made before it was a storm, an open
    one of the class nearby, or a new one. The news may come twice and late."""
    incident_id, policy = UUID(str(data["incident_id"])), data.get("case")
    with services.unit(SYSTEM):
        signal = Signal.objects.filter(kind=KIND, ref=incident_id).first()
        if data.get("state") == "ended":
            if signal is not None and "cleared_at" not in signal.data:
                ended = str(data.get("ended_at") or clock.now().isoformat())
                alarms.over(signal, ended, {"incident_id": str(incident_id)})
            return None
        if signal is not None or not policy:
            return None
        services.alone(f"case-alarm:{policy['class']}")
        if Signal.objects.filter(kind=KIND, ref=incident_id).exists():
            return None
        radius = float(policy.get("merge_radius_m") or alarms.DEFAULT_RADIUS_M)
        case = _of_its_alarms(incident_id) or alarms.open_near(data, str(policy["class"]), radius)
        if case is not None and Signal.objects.filter(kind=KIND, case=case).exists():
            case = None  # two gateways that fail side by side are two cases
        return _join(case, incident_id, data, policy) if case else _new(incident_id, data, policy)


def _of_its_alarms(incident_id: UUID) -> Case | None:
    found = Signal.objects.filter(kind="alarm", ref__in=ports.alarms_of(incident_id)).values_list("case_id", flat=True)
    open_ones = Case.objects.select_for_update().defer("tokens").filter(pk__in=list(found), closed_at=None)
    return open_ones.exclude(state__in=[*FINAL, "merged"]).order_by("created_at", "pk").first()


def _facts(data: dict[str, Any]) -> dict[str, Any]:
    return {k: data[k] for k in ("root", "name", "title", "severity", "devices", "device_id", "began_at") if k in data}


def _join(case: Case, incident_id: UUID, data: dict[str, Any], policy: dict[str, Any]) -> UUID:
    at = clock.now()
    Signal.objects.create(case=case, kind=KIND, ref=incident_id, at=at, data=_facts(data))
    case.signal_count += 1
    case.urgent = case.urgent or bool(policy.get("urgent"))
    common.save(case, at)
    detail = {"incident_id": str(incident_id)}
    common.entry(case=case, actor=SYSTEM, act="signal", at=at, detail=detail | _facts(data))
    common.record(case=case, actor=SYSTEM, act="signal", detail=detail)
    common.tell(case=case, actor=SYSTEM, type="case.changed", act="signal")
    return case.id


def _new(incident_id: UUID, data: dict[str, Any], policy: dict[str, Any]) -> UUID:
    known = str(policy["class"]) in tables.catalogue().classes
    receipt = intake.create_case(
        actor=SYSTEM,
        new=NewCase(
            channel="device", kind="device", class_code=str(policy["class"]) if known else "",
            text=str((data.get("title") or {}).get("zh") or ""), lon=data.get("lon"), lat=data.get("lat"),
            area=str(data.get("area_path") or ""),
            urgent=bool(policy.get("urgent")), private=False,
            device_id=UUID(str(data["device_id"])) if data.get("device_id") else None,
            state="filed" if known else "",  # a policy is the filing; a person still dispatches
        ),
    )  # fmt: skip
    Signal.objects.create(case_id=receipt.case_id, kind=KIND, ref=incident_id, at=clock.now(), data=_facts(data))
    return receipt.case_id
