"""Sheets of reports: every row taken in or refused with its reason, once, and undone while untouched."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import Workbook
from tests.cases.conftest import IN_NORTH, SOUTH, Desk
from tests.cases.test_flow import act

from linli.cases.importing import sheet
from linli.cases.models import Case, ImportBatch, TimelineEntry
from linli.cases.services import batches
from linli.kernel import clock

pytestmark = pytest.mark.django_db
URL = "/api/v1/case-imports"
LON, LAT = IN_NORTH
HEAD = ("编号", "内容", "类别", "经度", "纬度", "紧急")
ROWS: list[tuple[Any, ...]] = [
    ("1", "路面积水, 电话13812345678", "道路积水", LON, LAT, "是"),
    ("2", "流动摊贩", "", LON, LAT, ""),
    ("3", "", "", LON, LAT, ""),
    ("4", "井盖", "没有这一类", LON, LAT, ""),
    ("5", "很远", "", 10.5, 50.1, ""),
    ("2", "同一编号", "", LON, LAT, ""),
    ("6", "坏坐标", "", "东", LAT, ""),
]
WRONG = {(4, "text", "needed"), (5, "class_code", "class"), (7, "key", "twice"), (8, "lon", "number")}


def xlsx() -> bytes:
    book, out = Workbook(), io.BytesIO()
    for row in (HEAD, *ROWS):
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def text(encoding: str = "gb18030") -> bytes:
    return "\n".join(",".join(f'"{v}"' for v in row) for row in (HEAD, *ROWS)).encode(encoding)


def send(client: Any, data: bytes, name: str = "a.xlsx", query: str = "") -> Any:
    return client.post(URL + query, {"file": SimpleUploadedFile(name, data)})


def told(body: dict[str, Any]) -> set[tuple[Any, ...]]:
    return {(e["row"], e["field"], e["reason"]) for e in body["errors"]}


@pytest.mark.parametrize("data", [xlsx(), text(), text("utf-8-sig")], ids=["xlsx", "gb18030", "utf-8"])
def test_a_check_says_what_is_wrong_and_takes_nothing_in(desk: Desk, data: bytes) -> None:
    body = send(desk.client("duty_lead"), data, query="?check=true").json()
    assert told(body) == WRONG and body["rows"] == 7 and body["left"] == 3
    assert Case.objects.count() == 0 == ImportBatch.objects.count()


def test_a_sheet_is_taken_in_once_with_progress_and_masks(desk: Desk) -> None:
    client, data = desk.client("duty_lead"), xlsx()
    first = send(client, data)
    assert first.status_code == 202 and first.json()["left"] == 3
    batch = ImportBatch.objects.get()
    assert "13812345678" not in str(batch.todo)
    batches.run(batch_id=batch.id)
    batches.run(batch_id=batch.id)  # a job may run again
    body = client.get(f"{URL}/{batch.id}").json()
    assert (body["state"], body["made"], body["refused"], body["left"]) == ("done", 2, 5, 0) and body["can_undo"]
    assert told(body) == WRONG | {(6, "lon", "outside")}
    cases = {c.text: c for c in Case.objects.all()}
    assert len(cases) == 2 and all(c.channel == "import" and c.state == "submitted" for c in cases.values())
    water = next(c for t, c in cases.items() if "积水" in t)
    assert water.class_code == "200406" and water.urgent and "13812345678" not in water.text
    assert send(client, data).json()["id"] == str(batch.id) and Case.objects.count() == 2
    assert [i["id"] for i in client.get(URL).json()["items"]] == [str(batch.id)]
    other = desk.client("duty_lead", SOUTH)
    assert other.get(f"{URL}/{batch.id}").status_code == 404 and send(other, data).status_code == 409


def test_undo_cancels_what_nobody_touched(desk: Desk) -> None:
    client = desk.client("duty_lead")
    batch = ImportBatch.objects.get(pk=send(client, xlsx()).json()["id"])
    assert client.post(f"{URL}/{batch.id}/undo").status_code == 409, "not before it has finished"
    batches.run(batch_id=batch.id)
    touched, other = Case.objects.order_by("id")
    assert act(client, str(touched.id), "accept").status_code == 200
    body = client.post(f"{URL}/{batch.id}/undo").json()
    assert (body["state"], body["cancelled"]) == ("undone", 1)
    touched.refresh_from_db()
    other.refresh_from_db()
    assert touched.state == "accepted" and other.state == "cancelled"
    assert TimelineEntry.objects.filter(case=other, act="cancel").count() == 1
    assert client.post(f"{URL}/{batch.id}/undo").status_code == 409
    again = send(client, xlsx()).json()
    assert again["id"] != str(batch.id), "after an undo the same file may come again"
    batches.run(batch_id=ImportBatch.objects.get(pk=again["id"]).id)
    ImportBatch.objects.filter(pk=again["id"]).update(undo_until=clock.now() - timedelta(seconds=1))
    assert client.post(f"{URL}/{again['id']}/undo").status_code == 409, "too late"


def test_rows_outside_ones_area_are_refused(desk: Desk) -> None:
    batch_id = send(desk.client("duty_lead", SOUTH), xlsx()).json()["id"]
    batches.run(batch_id=ImportBatch.objects.get(pk=batch_id).id)
    assert Case.objects.count() == 0 and ImportBatch.objects.get(pk=batch_id).refused == 7


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04broken", b"a,b\n1,2\n", b"\xff\xfe\x00\x81", b"text\n" + b"x\n" * 2001]
)
def test_what_is_no_sheet_is_refused_in_words(desk: Desk, data: bytes) -> None:
    answer = send(desk.client("duty_lead"), data)
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "file", answer.content
    assert sheet.MAX_ROWS == 2000
