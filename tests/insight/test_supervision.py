"""The desk's addresses, letters and bulletins: what they say is what the figures say, and what files hold."""

from __future__ import annotations

import io
import subprocess
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from docx import Document
from openpyxl import load_workbook
from tests.cases.conftest import NORTH, SOUTH, D, Desk
from tests.insight.test_pages import worked

from linli.cases import facade as cases
from linli.cases.models import Case
from linli.insight.models import Bulletin
from linli.insight.rules import bulletins as rule
from linli.insight.selectors import asking, figures
from linli.kernel import clock
from linli.kernel.models import AuditRow, OutboxEvent
from linli.orgs import facade as orgs

WEEK = {"period": "week", "day": "2026-11-04"}


def call(client: Any, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    options = {} if body is None else {"data": body, "content_type": "application/json"}
    answer = getattr(client, method)(f"/api/v1/{path}", **options)
    assert answer.status_code == status, answer.content
    return (
        answer.json()
        if answer["Content-Type"].startswith("application/") and "json" in answer["Content-Type"]
        else answer
    )


def pdf_text(data: bytes) -> str:
    return subprocess.run(["pdftotext", "-", "-"], input=data, capture_output=True, check=True).stdout.decode()


def word_text(data: bytes) -> str:
    document = Document(io.BytesIO(data))
    cells = [c.text for t in document.tables for r in t.rows for c in r.cells]
    return "\n".join([p.text for p in document.paragraphs] + cells)


def supervised(desk: Desk, until_days: int = 3) -> UUID:
    """A case of the pump crew under supervision."""
    case_id = worked(desk)[3]
    cases.act(actor=desk.actor("duty_lead"), case_id=case_id, action="dispatch", team=desk.pump)
    until = (clock.now() + timedelta(days=until_days)).date()
    cases.act(actor=desk.actor("supervisor"), case_id=case_id, action="supervise", note="三日内修好并回复", until=until)
    return case_id


def test_a_list_its_counts_and_its_sheet_are_the_same(desk: Desk) -> None:
    made, client = worked(desk), desk.client("supervisor")
    Case.objects.update(due_at=None)
    Case.objects.filter(id__in=made[3:]).update(due_at=clock.now() - timedelta(days=3))
    found = call(client, "get", f"supervision?reason=overdue&area={D}")
    assert {i["id"] for i in found["items"]} == {str(c) for c in made[3:]} and found["next"] is None
    assert call(client, "get", f"supervision/counts?area={D}")["overdue"] == 2
    assert call(client, "get", f"supervision?reason=overdue&team={desk.pump}")["items"] == []
    assert call(client, "get", "supervision?reason=overdue&class_prefix=2001")["items"] == []
    book = load_workbook(io.BytesIO(call(client, "get", "supervision.xlsx?reason=overdue&lang=en").content))
    rows = list(book.active.values)
    assert rows[0][0] == "Case" and {r[0] for r in rows[1:]} == {i["number"] for i in found["items"]}
    assert all("is late by" in r[3] for r in rows[1:])
    assert call(client, "get", "supervision?reason=x", status=422)["errors"][0]["field"] == "reason"
    call(desk.client("dispatcher"), "get", "supervision", status=403)


def test_a_page_asks_as_much_for_two_rows_as_for_one(desk: Desk) -> None:
    made, client, counted = worked(desk), desk.client("supervisor"), []
    Case.objects.update(due_at=None)
    for n in (1, 2):
        Case.objects.filter(id__in=made[3 : 3 + n]).update(due_at=clock.now() - timedelta(days=3))
        call(client, "get", "supervision?reason=overdue")
        with CaptureQueriesContext(connection) as queries:
            assert len(call(client, "get", "supervision?reason=overdue")["items"]) == n
        counted.append(len(queries))
    assert counted[0] == counted[1] <= 12


def test_reminders_are_shown_before_they_are_sent(desk: Desk) -> None:
    case_id, client = supervised(desk), desk.client("supervisor")
    body = {"case_ids": [str(case_id)], "note": "请今日到场", "preview": True}
    [row] = call(client, "post", "supervision/reminders", body)["items"]
    assert row["told"] >= 1 and row["team"]["en"] == "Pump crew" and row["skipped"] == ""
    assert not OutboxEvent.objects.filter(type="case.notice").exists()
    call(client, "post", "supervision/reminders", body | {"preview": False})
    [row] = call(client, "post", "supervision/reminders", body)["items"]
    assert row["skipped"] == "just_reminded"
    item = call(client, "get", "supervision?reason=supervised")["items"][0]
    assert item["reminded_at"]
    wrong = call(client, "post", "supervision/reminders", body | {"preview": False, "note": " "}, status=422)
    assert wrong["errors"][0]["field"] == "note"


def test_a_letter_is_numbered_and_carries_the_answer(desk: Desk) -> None:
    case_id, client, crew = supervised(desk), desk.client("supervisor"), desk.client("team_member", D, desk.pump)
    number = Case.objects.get(id=case_id).side["supervision"]["number"]
    text = pdf_text(call(client, "get", f"supervision/{case_id}/letter.pdf?lang=zh").content)
    assert number in text and "三日内修好并回复" in text and "泵站二组" in text and "待回复" in text
    assert call(crew, "post", f"cases/{case_id}/actions/answer_supervision", {"note": "今晚办结"})
    words = word_text(call(crew, "get", f"supervision/{case_id}/letter.docx?lang=en").content)
    assert f"Supervision {number}" in words and "今晚办结" in words and "answered" in words
    assert AuditRow.objects.filter(action="insight.export", ref=f"supervision-{number}.docx").exists()
    call(client, "get", f"supervision/{worked(desk, alone=True)[0]}/letter.pdf", status=404)
    call(client, "get", f"supervision/{case_id}/letter.odt", status=422)


def test_a_bulletin_says_what_the_indicators_say(desk: Desk) -> None:
    supervised(desk)
    client = desk.client("supervisor")
    made = call(client, "post", "bulletins", {"area": D, **WEEK}, status=201)
    page = figures.page(asking.ask(desk.actor("supervisor"), area=D, period="week", day=Bulletin.objects.get().start))
    counted = {i["code"]: i for i in made["figures"]["items"]}
    for item in page["items"]:
        if item["kind"] != "score":
            held = counted[item["code"]]
            assert (held["value"], held["of"], held["base"]) == (item["value"], item["of"], item["base"]), item["code"]
    well = next(s for s in made["sections"] if s["code"] == "well")
    assert "上报 5 件, 处置 3 件" in well["zh"] and "had 5 reports; 3 cases were handled" in well["en"]
    assert f"按期处置率 {rule.value(counted['inTimeDisposeRate'], 'value', 0, '')}" in well["zh"]
    places = next(s for s in made["sections"] if s["code"] == "places")
    assert "第001网格" in places["zh"] and "3 reports" in places["en"]
    league = next(s for s in made["sections"] if s["code"] == "league")
    assert "不可区分" in league["zh"]  # one team cannot be told apart from nobody
    assert made["figures"]["supervision"] == cases.supervision_counts(desk.actor("supervisor"), area=D)
    assert not any("{" in s[lang] for s in made["sections"] for lang in ("zh", "en"))


def test_draft_edited_issued_withdrawn(desk: Desk) -> None:
    worked(desk)
    for code, area in (("cmd", D), ("sub", NORTH)):
        orgs.ensure_centre(code=code, name_zh=f"中心{code}", area_path=area)
    client, reader = desk.client("supervisor"), desk.client("centre_lead", NORTH)
    one = call(client, "post", "bulletins", {"area": D, **WEEK}, status=201)
    path = f"bulletins/{one['id']}"
    assert (one["state"], one["number"]) == ("draft", None)
    call(reader, "get", path, status=404)  # nobody else sees a draft
    body = {
        "version": 1,
        "title": {"zh": "第一周通报"},
        "sections": {"asks": {"zh": "请打 13800001234 联系", "en": "Call."}},
    }
    edited = call(client, "patch", path, body)
    asks = next(s for s in edited["sections"] if s["code"] == "asks")
    assert edited["title"]["zh"] == "第一周通报" and "13800001234" not in asks["zh"] and asks["en"] == "Call."
    call(client, "patch", path, body, status=409)  # somebody else's newer words
    call(client, "patch", path, {"version": 2, "sections": {"x": {"zh": "a"}}}, status=422)
    issued = call(client, "post", f"{path}/issue", {"version": 2})
    assert issued["number"] == f"{clock.now().year}-001" and len(issued["centres"]) == 2 and issued["issued_by_name"]
    told = {e.envelope["area"] for e in OutboxEvent.objects.filter(type="bulletin.notice")}
    assert told == {D, NORTH}
    call(client, "patch", path, body | {"version": 3}, status=409)
    call(client, "delete", path, status=409)
    assert call(reader, "get", path)["number"] == issued["number"]
    assert [b["id"] for b in call(reader, "get", "bulletins?state=issued")["items"]] == [one["id"]]
    text = pdf_text(call(reader, "get", f"{path}/file.pdf?lang=zh").content)
    assert "第一周通报" in text and issued["number"] in text and "指标" in text
    words = word_text(call(reader, "get", f"{path}/file.docx?lang=en").content)
    assert "What went well" in words and "Handled in time" in words
    call(reader, "post", f"{path}/withdraw", {"reason": "x"}, status=403)
    call(client, "post", f"{path}/withdraw", {"reason": " "}, status=422)
    gone = call(client, "post", f"{path}/withdraw", {"reason": "数据有误"})
    assert (gone["state"], gone["withdrawn_why"]) == ("withdrawn", "数据有误")
    again = call(client, "post", "bulletins", {"area": NORTH, **WEEK}, status=201)
    assert call(client, "post", f"bulletins/{again['id']}/issue", {"version": 1})["number"].endswith("-002")
    call(desk.client("supervisor", SOUTH), "post", "bulletins", {"area": NORTH, **WEEK}, status=403)


def test_small_counts_are_withheld_where_it_may_be_published(desk: Desk) -> None:
    worked(desk)
    made = call(desk.client("supervisor"), "post", "bulletins", {"area": D, **WEEK, "public": True}, status=201)
    text = "\n".join(s["zh"] for s in made["sections"])
    assert "上报 5 件, 处置 少于 5 件" in text and "第001网格" not in text
    assert "按期处置率 —" in text
    row = {"kind": "rate", "value": 0.9, "of": 9, "base": 10, "before": None, "before_of": None, "before_base": None}
    assert rule.value(row, "value", 5, "x") == "—"  # the one that was late could be reckoned out
    assert rule.value(row | {"of": 50, "base": 60}, "value", 5, "x") == "90.0%"


@pytest.mark.parametrize("bad", [{"period": "x"}, {"start": "2026-01-01"}, {"day": "2199-01-01"}])
def test_what_is_no_period_is_refused(desk: Desk, bad: dict[str, Any]) -> None:
    call(desk.client("supervisor"), "post", "bulletins", {"area": D, **bad}, status=422)
