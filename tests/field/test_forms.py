"""Forms filled on site: what is kept of whom, what becomes a case, and that nothing acts twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openpyxl import Workbook, load_workbook
from tests.cases.conftest import IN_NORTH, IN_SOUTH, NORTH, SOUTH, D, Desk, make_district

from linli.cases import ports
from linli.cases.models import Case
from linli.field import rules, selectors, tables, xlsform
from linli.field.models import CaseAnswers, Entry, VoiceNote
from linli.kernel import clock
from linli.kernel.actor import SYSTEM
from linli.kernel.models import AuditRow, PersonalRead
from linli.places import index
from linli.work import facade as work
from linli.work.models import Task

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}


@pytest.fixture
def desk(db: None) -> Iterator[Desk]:
    yield make_district()
    index.invalidate()
    ports.forget()


def fill(client: Any, entry: UUID | None = None, where: tuple[float, float] = IN_NORTH, **body: Any) -> Any:
    body = {"form": "household_visit", "lon": where[0], "lat": where[1], **body}
    return client.put(f"/api/v1/form-entries/{entry or uuid4()}", body, **JSON)


def test_all_forms_of_the_packs_can_be_asked(desk: Desk) -> None:
    found = desk.client("grid_member", NORTH).get("/api/v1/forms").json()["items"]
    assert {one["kind"] for one in found} == {"visit", "hazard"}
    assert all(one["fields"] for one in found)


def test_a_visit_keeps_what_is_about_a_person_sealed_and_only_with_consent(desk: Desk) -> None:
    member = desk.client("grid_member", NORTH)
    answers = {"met": "yes", "summary": "电话 13812345678", "need": "需要轮椅", "call_back": "13812345678"}
    refused = fill(member, answers=answers)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "answers.call_back")
    entry = uuid4()
    kept = fill(member, entry, answers=answers, consent=True).json()
    assert kept["answers"] == {"met": "yes", "summary": "电话 138****5678"} and kept["has_person"]
    assert "轮椅" not in str(Entry.objects.values_list("answers", "person").get(id=entry))
    lead = desk.client("duty_lead")
    address = f"/api/v1/form-entries/{entry}"
    assert lead.post(f"{address}/person", {"reason": " "}, **JSON).status_code == 422
    read = lead.post(f"{address}/person", {"reason": "跟进轮椅"}, **JSON).json()
    assert read["answers"] == {"need": "需要轮椅", "call_back": "13812345678"}
    assert PersonalRead.objects.filter(subject_kind="visit", purpose="visit_follow_up", refused=False).count() == 1
    assert desk.client("dispatcher").post(f"{address}/person", {"reason": "x"}, **JSON).status_code == 403
    assert member.post(f"{address}/withdraw", **JSON).json()["has_person"] is False
    assert lead.post(f"{address}/person", {"reason": "跟进"}, **JSON).status_code == 404


def test_nobody_home_needs_no_consent(desk: Desk) -> None:
    assert fill(desk.client("grid_member", NORTH), answers={"met": "no"}).json()["has_person"] is False


def test_a_hazard_becomes_one_case_however_often_it_is_sent(desk: Desk) -> None:
    member, entry = desk.client("grid_member", NORTH), uuid4()
    answers = {"exits": "blocked", "extinguishers": "good", "remark": "三楼"}
    sent = [fill(member, entry, form="building_hazards", answers=answers).json() for _ in range(3)]
    assert sent[0] == sent[1] == sent[2] and len(sent[0]["cases"]) == 1
    case = Case.objects.get(id=sent[0]["cases"][0]["id"])
    assert (case.class_code, case.channel, case.area_path) == ("202165", "patrol", NORTH)
    assert Case.objects.count() == 1
    assert AuditRow.objects.filter(action="form.fill").count() == 1
    other = desk.client("team_member")
    assert fill(other, entry, form="building_hazards", answers=answers).status_code == 409


def test_who_sees_what_was_filled(desk: Desk) -> None:
    member = desk.client("grid_member", NORTH)
    fill(member, answers={"met": "no"})
    lists = {role: desk.client(role, area).get("/api/v1/form-entries").json()["items"]
             for role, area in (("grid_member", NORTH), ("dispatcher", D), ("team_member", D))}  # fmt: skip
    assert [len(lists[role]) for role in ("grid_member", "dispatcher", "team_member")] == [1, 1, 0]
    assert fill(member, where=IN_SOUTH, answers={"met": "no"}).status_code == 403
    assert fill(member, answers={"met": "maybe", "colour": 1}).json()["errors"] == [
        {"field": "answers.colour", "reason": "is not asked by this form"},
        {"field": "answers.met", "reason": "is not a choice"},
    ]


def voice(client: Any, case: str, note: UUID, data: bytes, seconds: int = 5) -> Any:
    upload = SimpleUploadedFile("a.webm", data, "audio/webm")
    return client.post(f"/api/v1/cases/{case}/voice-notes/{note}", {"voice": upload, "seconds": str(seconds)})


def test_a_voice_note_is_kept_once_and_only_as_a_recording(desk: Desk) -> None:
    member = desk.client("grid_member", NORTH)
    case = member.post("/api/v1/cases", {"text": "井盖松动", "lon": IN_NORTH[0], "lat": IN_NORTH[1]}, **JSON).json()[
        "id"
    ]
    note, sound = uuid4(), b"\x1a\x45\xdf\xa3" + b"\0" * 500
    assert voice(member, case, note, b"<html>").json()["errors"][0]["field"] == "voice"
    assert voice(member, case, note, sound, 500).json()["errors"][0]["field"] == "seconds"
    assert voice(member, case, note, sound + b"\0" * rules.MAX_SOUND).status_code == 413
    assert [voice(member, case, note, sound).status_code for _ in range(2)] == [201, 201]
    assert VoiceNote.objects.count() == 1
    photo = str(uuid4())
    mark = {"case_id": case, "marks": ["far", "blur"]}
    assert member.put(f"/api/v1/photo-marks/{photo}", mark, **JSON).status_code == 204
    assert member.put(f"/api/v1/photo-marks/{photo}", mark, **JSON).status_code == 204
    shown = desk.client("dispatcher").get(f"/api/v1/cases/{case}/field").json()
    assert (len(shown["voices"]), shown["marks"]) == (1, {photo: ["blur", "far"]})
    heard = desk.client("dispatcher").get(f"/api/v1/files/{shown['voices'][0]['file_id']}")
    assert (heard.status_code, heard["Content-Type"]) == (200, "audio/webm")
    stranger = desk.client("grid_member", "340121400.002")
    assert stranger.get(f"/api/v1/files/{shown['voices'][0]['file_id']}").status_code == 404
    assert stranger.put(f"/api/v1/photo-marks/{uuid4()}", mark, **JSON).status_code == 404


def sheet(tmp_path: Path, *survey: tuple[str, ...]) -> Path:
    book = Workbook()
    page = book.active
    page.title = "survey"
    page.append(("type", "name", "label::中文 (zh)", "label::English (en)", "required", "relevant", "linli_personal"))
    for line in survey:
        page.append(line)
    choices = book.create_sheet("choices")
    for line in (("list_name", "name", "label::中文 (zh)", "label::English (en)", "linli_case"),
                 ("ok", "good", "好", "Good", ""), ("ok", "bad", "坏", "Bad", "100113")):  # fmt: skip
        choices.append(line)
    settings = book.create_sheet("settings")
    settings.append(("form_id", "form_title", "version", "linli_kind"))
    settings.append(("shops", "沿街商铺", "2", "hazard"))
    book.save(tmp_path / "f.xlsx")
    return tmp_path / "f.xlsx"


def test_an_xlsform_becomes_a_form_of_a_pack(tmp_path: Path) -> None:
    path = sheet(tmp_path, ("select_one ok", "fire", "灭火器", "Extinguisher", "yes", "", ""),
                 ("text", "why", "为什么", "Why", "", "${fire} = 'bad'", ""))  # fmt: skip
    form = rules.parse(xlsform.read(path))
    assert (form.code, form.version, form.kind) == ("shops", 2, "hazard")
    assert [f.name for f in form.fields] == ["fire", "why"] and form.fields[1].when == ("fire", "bad")
    found = rules.check(form, {"fire": "bad", "why": "过期"}, consent=False)
    assert [(h.field, h.class_code) for h in found.hazards] == [("fire", "100113")] and not found.wrong
    assert rules.check(form, {"fire": "good", "why": "x"}, consent=False).plain == {"fire": "good"}


@pytest.mark.parametrize(("line", "why"), [
    (("geotrace", "road", "路", "Road", "", "", ""), "cannot ask for geotrace"),
    (("text", "b", "乙", "B", "", "${a} > 3", ""), "is not one equality"),
])  # fmt: skip
def test_what_the_phone_cannot_ask_is_refused_by_name(tmp_path: Path, line: tuple[str, ...], why: str) -> None:
    path = sheet(tmp_path, ("integer", "a", "甲", "A", "", "", ""), line)
    with pytest.raises(xlsform.NotOurs, match=why):
        xlsform.read(path)


def test_every_hazard_names_a_class_of_the_catalogue() -> None:
    from linli.cases import tables as cases_tables

    named = {c.case for form in tables.forms().values() for f in form.fields for c in f.choices if c.case}
    assert named and named <= set(cases_tables.catalogue().classes)


def answer(client: Any, case_id: str, code: str = "ebike_charging", **body: Any) -> Any:
    return client.put(f"/api/v1/cases/{case_id}/class-forms/{code}", body, **JSON)


def ebikes(client: Any) -> dict[str, Any]:
    """A case as a phone without the class's form sends it."""
    body = {"id": str(uuid4()), "kind": "problem", "channel": "patrol", "class_code": "202170", "text": "楼道里充电",
            "lon": IN_NORTH[0], "lat": IN_NORTH[1]}  # fmt: skip
    made = client.post("/api/v1/cases", body, **JSON)
    assert made.status_code in (200, 201), made.content
    return dict(made.json())


def missing_of(client: Any) -> list[tuple[str, str]]:
    return [(one["case_id"], one["form"]) for one in client.get("/api/v1/class-forms/asked").json()["missing"]]


def test_an_old_phone_loses_nothing_and_the_member_is_asked_for_what_is_missing(desk: Desk) -> None:
    member = desk.client("grid_member", NORTH)
    case = ebikes(member)
    assert missing_of(member) == [(case["id"], "ebike_charging")]
    assert missing_of(desk.client("intake")) == []
    seen = desk.client("dispatcher").get(f"/api/v1/cases/{case['id']}/class-forms").json()["items"]
    assert [(one["form"]["code"], one["answers"], one["missing"]) for one in seen] == [
        ("ebike_charging", None, ["spot", "count"]), ("ebike_settled", None, ["done"])]  # fmt: skip
    part = answer(member, case["id"], answers={"spot": "stairs", "old": "问过 13812345678", "count": "两辆"})
    assert part.status_code == 200 and sorted(part.json()["missing"]) == ["blocks", "count"]
    assert part.json()["answers"] == {"spot": "stairs"} and "13812345678" not in str(part.json()["unfit"])
    assert part.json()["unfit"]["count"] == "两辆" and missing_of(member) == [(case["id"], "ebike_charging")]
    whole = answer(member, case["id"], answers={"spot": "stairs", "blocks": "yes", "count": 2})
    assert whole.json()["missing"] == [] and missing_of(member) == []


def test_answers_act_once_and_the_latest_stand_whatever_the_order_of_arrival(desk: Desk) -> None:
    member = desk.client("grid_member", NORTH)
    case = ebikes(member)
    old, new = "2026-01-02T08:00:00+08:00", "2026-01-02T09:00:00+08:00"
    for _ in range(2):
        answer(member, case["id"], answers={"spot": "line", "count": 3}, filled_at=new)
    assert (
        answer(member, case["id"], answers={"spot": "line", "count": 1}, filled_at=old).json()["answers"]["count"] == 3
    )
    assert AuditRow.objects.filter(action="case.form").count() == CaseAnswers.objects.count() == 1


def test_forms_of_classes_are_not_among_visits_and_nobody_answers_for_a_case_out_of_sight(desk: Desk) -> None:
    member = desk.client("grid_member", NORTH)
    assert {one["kind"] for one in member.get("/api/v1/forms").json()["items"]} == {"visit", "hazard"}
    found = member.get("/api/v1/class-forms").json()["items"]
    assert {(one["code"], tuple(one["classes"]), one["at"]) for one in found} >= {
        ("ebike_charging", ("202170",), "report"), ("ebike_settled", ("202170",), "finish")}  # fmt: skip
    assert fill(member, form="ebike_charging", answers={}).status_code == 422
    case = ebikes(member)
    assert answer(desk.client("grid_member", SOUTH), case["id"], answers={}).status_code == 404
    assert answer(member, case["id"], "household_visit", answers={}).status_code == 404


def test_answers_stay_when_the_class_is_changed(desk: Desk) -> None:
    member = desk.client("grid_member", NORTH)
    case = ebikes(member)
    answer(member, case["id"], answers={"spot": "line", "count": 3})
    Case.objects.filter(pk=case["id"]).update(class_code="200406")
    seen = desk.client("dispatcher").get(f"/api/v1/cases/{case['id']}/class-forms").json()["items"]
    assert [(one["form"]["code"], one["answers"]) for one in seen] == [("ebike_charging", {"spot": "line", "count": 3})]


def test_a_crew_is_told_the_class_of_its_tasks_and_asked_for_what_it_finished_without(desk: Desk) -> None:
    case = ebikes(desk.client("grid_member", NORTH))
    crew = desk.account("team_member", D, desk.pump)
    actor = desk.actor("team_member", D, desk.pump)
    task_id = work.open_task(
        actor=SYSTEM, case_id=UUID(case["id"]), team_id=desk.pump, area_path=NORTH, title="x", due_at=None,
        illustrative=False, kind="handle", place={"lon": IN_NORTH[0], "lat": IN_NORTH[1]},
    )  # fmt: skip
    Case.objects.filter(pk=case["id"]).update(team_id=desk.pump, task_id=task_id, state="handling")
    asked = selectors.asked_forms(actor)
    assert asked == {
        "tasks": [{"task_id": str(task_id), "case_id": case["id"], "class_code": "202170"}], "missing": []}  # fmt: skip
    Task.objects.filter(pk=task_id).update(state="done", done_by=crew.id, ended_at=clock.now())
    asked = selectors.asked_forms(actor)
    assert asked["tasks"] == [] and [one["form"] for one in asked["missing"]] == ["ebike_settled"]
    done = answer(desk.client("team_member", D, desk.pump), case["id"], "ebike_settled", answers={"done": ["moved"]})
    assert done.status_code == 200 and selectors.asked_forms(actor)["missing"] == []


def bound(tmp_path: Path, **settings: str) -> Path:
    path = sheet(tmp_path, ("select_one ok", "state", "状态", "State", "yes", "", ""))
    book = load_workbook(path)
    book["choices"].delete_cols(5)
    book.remove(book["settings"])
    rows = {"form_id": "lids", "form_title": "井盖", "version": "1", **settings}
    page = book.create_sheet("settings")
    page.append(tuple(rows))
    page.append(tuple(rows.values()))
    book.save(path)
    return path


def test_an_xlsform_is_bound_to_classes_by_its_settings(tmp_path: Path) -> None:
    path = bound(tmp_path, linli_kind="case", linli_classes="1001*, 202170", linli_at="finish")
    form = rules.parse(xlsform.read(path))
    assert (form.classes, form.at) == (("1001*", "202170"), "finish")
    assert form.asks("100103") and not form.asks("200406") and not form.asks("")


@pytest.mark.parametrize(("settings", "why"), [
    ({"linli_kind": "case"}, "needs classes"),
    ({"linli_kind": "case", "linli_classes": "井盖", "linli_at": "report"}, "no class"),
    ({"linli_kind": "case", "linli_classes": "1001*"}, "needs classes, and at"),
    ({"linli_kind": "hazard", "linli_classes": "1001*"}, "only a form of kind case"),
])  # fmt: skip
def test_a_binding_that_says_too_little_is_refused(tmp_path: Path, settings: dict[str, str], why: str) -> None:
    with pytest.raises(xlsform.NotOurs, match=why):
        xlsform.read(bound(tmp_path, **settings))


def test_what_is_asked_of_a_member_reads_as_often_for_one_case_as_for_many(desk: Desk) -> None:
    member, actor = desk.client("grid_member", NORTH), desk.actor("grid_member", NORTH)

    def count() -> int:
        with CaptureQueriesContext(connection) as seen:
            selectors.asked_forms(actor)
        return len(seen)

    ebikes(member)
    few = count()
    for _ in range(5):
        ebikes(member)
    assert count() == few
