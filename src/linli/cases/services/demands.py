"""What a class demands, checked when it is reported, filed and finished. Each refusal names its field and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from linli.cases import tables
from linli.cases.contracts import NewCase
from linli.cases.models import Case, Photo
from linli.cases.rules.demands import Demand
from linli.cases.rules.workflow import Transition
from linli.cases.services import common
from linli.kernel.errors import FieldError

WITH_PICTURES = ("qr", "web")  # whose pictures come with the report; others send them after it
UNASKED = ("device", "import")  # nobody is there to be asked
WORDS = {
    "text": ("描述", "a description"), "place": ("位置", "a place"), "address": ("地址", "an address"),
    "unit": ("楼栋单元", "a building's unit"), "contact": ("联系方式", "a contact"), "note": ("处置说明", "a note"),
    "condition": ("立案条件", "its filing condition"),
}  # fmt: skip


def of_case(case: Case) -> Demand:
    return tables.demand(case.class_code, case.condition_no)


def photos_after(case: Case) -> int:
    """How many pictures of the finished work the class demands."""
    return of_case(case).photos_after if case.class_code else 0


def _lacks(field: str, name: str, code: str) -> FieldError:
    found, (zh, en) = tables.catalogue().classes[code], WORDS[name]
    return FieldError(field, common.say(f"“{found.zh}”类须有{zh}", f"the class “{found.en}” needs {en}"))


def _few(field: str, count: int, code: str, zh: str, en: str) -> FieldError:
    found = tables.catalogue().classes[code]
    return FieldError(field, common.say(f"“{found.zh}”类{zh}须有照片至少 {count} 张",
                                        f"the class “{found.en}” needs {count} or more pictures {en}"))  # fmt: skip


def of_report(new: NewCase) -> list[FieldError]:
    """What a new report lacks for its class."""
    if new.channel in UNASKED or new.class_code not in tables.catalogue().classes:
        return []
    wanted = tables.demand(new.class_code)
    given = {
        "text": bool(new.text.strip()), "place": new.lon is not None or new.unit_id is not None,
        "address": bool(new.address.strip()) or new.unit_id is not None, "unit": new.unit_id is not None,
        "contact": bool(new.contact and (new.contact.phone or new.contact.name)),
    }  # fmt: skip
    fields = {"place": "lon", "unit": "unit_id"}
    wrong = [_lacks(fields.get(n, n), n, new.class_code) for n in wanted.need_report if not given[n]]
    if new.channel in WITH_PICTURES and len(new.photos) < wanted.photos_report:
        wrong.append(_few("photos", wanted.photos_report, new.class_code, "上报时", "with the report"))
    return wrong


def of_act(case: Case, item: Transition, given: dict[str, Any]) -> list[FieldError]:
    """What filing or finishing lacks for the class. A task of the field app has asked for the same itself."""
    code = str(given.get("class") or case.class_code)
    if code not in tables.catalogue().classes or given.get("from_task") or case.channel in UNASKED:
        return []
    number = given.get("condition") or (case.condition_no if code == case.class_code else None)
    wanted = tables.demand(code, number)
    if _finishes(item, case.team_id):
        return _of_finish(case, wanted, code, number, given)
    first = "stamp_filed" in item.effects and case.filed_at is None
    if first and wanted.photos_report and Photo.objects.filter(case=case).count() < wanted.photos_report:
        return [_few("photos", wanted.photos_report, code, "立案前", "before it is filed")]
    return []


def _finishes(item: Transition, team_id: UUID | None) -> bool:
    """Whether the act ends work on the spot; what others settle elsewhere brings no pictures."""
    return "stamp_finished" in item.effects and (team_id is not None or "photo_after" in item.need)


def needs(item: Transition, case: Mapping[str, Any]) -> list[str]:
    """What the act needs by the table, and of a class that demands pictures one of the finished work."""
    wanted = case["class_code"] and tables.demand(case["class_code"], case["condition_no"]).photos_after
    if wanted and "photo_after" not in item.need and _finishes(item, case["team_id"]):
        return [*item.need, "photo_after"]
    return list(item.need)


def _of_finish(
    case: Case, wanted: Demand, code: str, number: int | None, given: dict[str, Any]
) -> list[FieldError]:  # fmt: skip
    held = {"note": bool(str(given.get("note") or "").strip()), "condition": number is not None,
            "place": case.lon is not None}  # fmt: skip
    wrong = [_lacks(name, name, code) for name in wanted.need_finish if not held[name]]
    if wanted.photos_after and Photo.objects.filter(case=case, stage="after").count() < wanted.photos_after:
        wrong.append(_few("photo_after", wanted.photos_after, code, "办结时", "taken after the work"))
    return wrong
