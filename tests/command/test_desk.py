"""The hand-over note, promises made on the telephone, and the day on one page."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.cases.conftest import IN_NORTH, IN_SOUTH, NORTH, SOUTH, D, Desk

from linli.cases import facade as cases
from linli.cases.contracts import Contact
from linli.cases.models import Case, TimelineEntry
from linli.command.models import Handover
from linli.kernel import clock
from linli.kernel.actor import SYSTEM
from linli.kernel.models import AuditRow, OutboxEvent

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}
LAMP = "100118"


@pytest.fixture
def intake(desk: Desk) -> Iterator[Any]:
    yield desk.client("intake")


def report(text: str, at: tuple[float, float] = IN_NORTH, **more: Any) -> Case:
    contact = Contact(phone="13800001234", name="居民", consent=True)
    done = cases.report_signal(
        actor=SYSTEM, channel="hotline", class_code=LAMP, text=text, lon=at[0], lat=at[1], contact=contact, **more
    )
    return Case.objects.get(pk=done.case_id)


def soon(hours: float = 2) -> str:
    return (clock.now() + timedelta(hours=hours)).isoformat()


def call(client: Any, case: Case, **body: Any) -> Any:
    return client.post(f"/api/v1/cases/{case.id}/calls", {"outcome": "reached", **body}, **JSON)


def test_a_call_goes_into_the_timeline_without_the_number(desk: Desk, intake: Any) -> None:
    case = report("灯不亮")
    made = call(intake, case, note="打 13800001234 找到人, 答应今晚修", promised_at=soon())
    assert made.status_code == 201, made.content
    entry = TimelineEntry.objects.get(case=case, act="call")
    assert "13800001234" not in entry.note and "13800001234" not in made.json()["note"]
    assert entry.detail["outcome"] == "reached"
    assert AuditRow.objects.filter(action="case.call", ref=str(case.id)).count() == 1
    assert [c["id"] for c in intake.get(f"/api/v1/cases/{case.id}/calls").json()] == [made.json()["id"]]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"outcome": "maybe"}, "outcome"),
        ({"promised_at": "2020-01-01T00:00:00+08:00", "note": "修好"}, "promised_at"),
        ({"promised_at": "2999-01-01T00:00:00+08:00", "note": "修好"}, "promised_at"),
        ({"note": "x" * 1001}, "note"),
    ],
)
def test_a_call_that_cannot_be_is_refused_by_field(desk: Desk, intake: Any, body: dict[str, Any], field: str) -> None:
    answer = call(intake, report("灯不亮"), **body)
    assert answer.status_code == 422
    assert field in {e["field"] for e in answer.json()["errors"]}


def test_a_promise_needs_words(desk: Desk, intake: Any) -> None:
    answer = call(intake, report("灯不亮"), promised_at=soon())
    assert {e["field"] for e in answer.json()["errors"]} == {"note"}


def test_a_promise_is_kept_once(desk: Desk, intake: Any) -> None:
    case = report("灯不亮")
    made = call(intake, case, note="今晚修", promised_at=soon()).json()
    url = f"/api/v1/cases/{case.id}/calls/{made['id']}/kept"
    assert intake.post(url, **JSON).json()["kept_at"]
    assert intake.post(url, **JSON).status_code == 409
    other = report("另一件", at=IN_SOUTH)
    assert intake.post(f"/api/v1/cases/{other.id}/calls/{made['id']}/kept", **JSON).status_code == 404


def test_the_note_comes_filled_and_is_signed_by_two(desk: Desk, intake: Any) -> None:
    urgent, usual = report("漏电", urgent=True), report("灯不亮", at=IN_SOUTH)
    call(intake, usual, note="答应明早回电", promised_at=soon())
    lead, other = desk.client("duty_lead"), desk.client("dispatcher")
    made = lead.post("/api/v1/handovers", {}, **JSON)
    assert made.status_code == 201, made.content
    note = made.json()
    assert {(x["kind"], x["number"]) for x in note["lines"]} == {("urgent", urgent.number), ("promise", usual.number)}
    url = f"/api/v1/handovers/{note['id']}"
    assert other.get(url).status_code == 404  # a draft is its writer's alone
    words = [{"key": note["lines"][0]["key"], "note": "泵站已到场"}]
    assert lead.patch(url, {"note": "夜里有雨", "lines": words}, **JSON).json()["lines"][0]["note"] == "泵站已到场"
    again = lead.post("/api/v1/handovers", {}, **JSON).json()
    assert again["id"] == note["id"] and again["lines"][0]["note"] == "泵站已到场"
    assert other.post(f"{url}/take", **JSON).status_code == 404
    assert lead.post(f"{url}/hand", **JSON).json()["state"] == "handed"
    assert lead.post(f"{url}/take", **JSON).status_code == 403
    assert lead.patch(url, {"note": "x"}, **JSON).status_code == 409
    assert other.post(f"{url}/take", **JSON).json()["state"] == "taken"
    assert other.post(f"{url}/take", **JSON).status_code == 409
    assert OutboxEvent.objects.filter(type="handover.changed").count() == 5


def test_a_line_that_is_not_there_is_refused(desk: Desk) -> None:
    lead = desk.client("duty_lead")
    note = lead.post("/api/v1/handovers", {}, **JSON).json()
    answer = lead.patch(f"/api/v1/handovers/{note['id']}", {"lines": [{"key": "case-1", "note": "x"}]}, **JSON)
    assert answer.status_code == 422


def test_a_draft_can_be_thrown_away_and_a_signed_note_cannot(desk: Desk) -> None:
    lead = desk.client("duty_lead")
    for signed, status in ((False, 204), (True, 409)):
        url = f"/api/v1/handovers/{lead.post('/api/v1/handovers', {}, **JSON).json()['id']}"
        if signed:
            lead.post(f"{url}/hand", **JSON)
        assert lead.delete(url).status_code == status


def test_notes_stay_in_their_area(desk: Desk) -> None:
    north, south = desk.client("duty_lead", NORTH), desk.client("duty_lead", SOUTH)
    url = f"/api/v1/handovers/{north.post('/api/v1/handovers', {}, **JSON).json()['id']}"
    north.post(f"{url}/hand", **JSON)
    assert south.get(url).status_code == 404
    assert south.get("/api/v1/handovers").json()["items"] == []
    assert south.post("/api/v1/handovers", {"area": NORTH}, **JSON).status_code == 403
    assert [i["area_path"] for i in desk.client("duty_lead", D).get("/api/v1/handovers").json()["items"]] == [NORTH]


def test_a_list_costs_the_same_whatever_its_length(desk: Desk) -> None:
    lead, counts = desk.client("duty_lead"), []
    for _ in range(2):
        Handover.objects.bulk_create([Handover(area_path=NORTH, state="handed") for _ in range(6)])
        lead.get("/api/v1/handovers")
        with CaptureQueriesContext(connection) as queries:
            lead.get("/api/v1/handovers")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_day_names_what_is_more_than_usual_and_opens_it(desk: Desk) -> None:
    for i in range(8):
        report(f"灯不亮 {i}", at=(117.22 + i / 100, 31.99))
    day = desk.client("centre_lead").get("/api/v1/desk/day").json()
    assert [(w["class_code"], w["now"], w["usual"]) for w in day["worse"]] == [(LAMP, 8, 0.0)]
    assert day["tally"]["reported"] == day["tally"]["open"] == 8
    assert desk.client("centre_lead", SOUTH).get("/api/v1/desk/day").json()["tally"]["open"] == 0


def test_the_day_shows_overdue_with_owner_and_what_was_solved_but_nothing_private(desk: Desk) -> None:
    late, done, hidden = (
        report("灯不亮"),
        report("修好了", at=IN_SOUTH),
        report("家事", at=(117.22, 31.97), private=True),
    )
    now = clock.now()
    Case.objects.filter(pk=late.pk).update(due_at=now - timedelta(hours=3), team_id=desk.pump)
    for case in (done, hidden):
        Case.objects.filter(pk=case.pk).update(state="closed", closed_at=now - timedelta(minutes=5))
    day = desk.client("supervisor").get("/api/v1/desk/day").json()
    assert [(c["number"], c["team"]["zh"]) for c in day["overdue"]] == [(late.number, "泵站二组")]
    assert [c["number"] for c in day["solved"]] == [done.number]


def test_a_day_before_is_whole_and_a_wrong_one_refused(desk: Desk) -> None:
    lead = desk.client("duty_lead")
    yesterday = (clock.now().astimezone(cases.zone()) - timedelta(days=1)).date()
    found = lead.get(f"/api/v1/desk/day?date={yesterday}").json()
    assert found["until"] > found["since"]
    assert lead.get("/api/v1/desk/day?date=2011-01-01").status_code == 422
    assert lead.get("/api/v1/desk/day?date=never").status_code == 422


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext is not installed")
@pytest.mark.parametrize(
    ("language", "words"), [("zh-CN", ("今日一页", "交班单")), ("en", ("The day on", "Hand-over"))]
)
def test_the_papers_are_pdf_in_both_languages(desk: Desk, language: str, words: tuple[str, str]) -> None:
    report("漏电", urgent=True)
    lead = desk.client("duty_lead")
    note = lead.post("/api/v1/handovers", {}, **JSON).json()
    for path, word in zip(("desk/day.pdf", f"handovers/{note['id']}/pdf"), words, strict=True):
        answer = lead.get(f"/api/v1/{path}", headers={"Accept-Language": language})
        assert answer["Content-Type"] == "application/pdf"
        done = subprocess.run(["pdftotext", "-", "-"], input=answer.content, capture_output=True, check=True)
        assert word in done.stdout.decode()
