"""Forms filled on site: what is kept of whom, what becomes a case, and that nothing acts twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import Workbook
from tests.cases.conftest import IN_NORTH, IN_SOUTH, NORTH, D, Desk, make_district

from linli.cases import ports
from linli.cases.models import Case
from linli.field import rules, tables, xlsform
from linli.field.models import Entry, VoiceNote
from linli.kernel.models import AuditRow, PersonalRead
from linli.places import index

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
