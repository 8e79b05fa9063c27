"""Recorded requests: every row accounted for, numbers masked, a second run adds nothing."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from tests.cases.conftest import Desk

from linli.cases.importing import load
from linli.cases.models import Case
from linli.kernel.actor import SYSTEM
from linli.kernel.errors import Invalid

pytestmark = pytest.mark.django_db
DATA = Path(os.environ.get("LINLI_RECORDINGS", "../shared/data"))


def recording(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip("the recordings folder (LINLI_RECORDINGS) is absent")
    return path


def test_san_francisco_is_accounted_for_and_imports_once(desk: Desk) -> None:
    path = recording("c311_sf/sf311.csv")
    report = load.import_cases(actor=SYSTEM, path=path, name="sf311")
    assert (report.rows, report.imported, report.rejected) == (10_000, 10_000, 0)
    assert (report.no_place, report.closed_before_opened, report.open) == (4264, 17, 370)
    rows = Case.objects.filter(source="sf311")
    assert rows.count() == 10_000 and rows.filter(lon=None).count() == 4264
    assert rows.filter(closed_at=None).count() == 370
    assert rows.filter(flags__contains=["closed_before_opened"]).count() == 17
    assert rows.filter(class_code="").count() == 0
    leaked = [t for t in rows.values_list("text", flat=True)
              if re.search(r"\b\d{3}[-.) ]+\d{3}[-. ]\d{4}\b|\w@\w+\.\w", t)]  # fmt: skip
    assert leaked == [] and report.masked > 100
    again = load.import_cases(actor=SYSTEM, path=path, name="sf311")
    assert (again.rows, again.imported, again.rejected) == (10_000, 0, 10_000)
    assert dict(again.reasons) == {"already_there": 10_000}
    assert (again.no_place, again.closed_before_opened, again.open) == (4264, 17, 370)


@pytest.mark.parametrize(("name", "rows"), [("nyc_2019-12-31_full", 1000), ("nyc_2025-03-24_full", 235)])
def test_new_york_by_one_map_for_both_shapes(desk: Desk, name: str, rows: int) -> None:
    report = load.import_cases(actor=SYSTEM, path=recording(f"c311_nyc/{name}.csv"), name="c311_nyc")
    assert report.rows == report.imported + report.rejected == rows and report.rejected == 0
    assert report.no_place < rows // 20
    assert not Case.objects.filter(source="nyc311", class_code="").exists()


def test_imported_cases_are_read_only_and_apart(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(
        "unique_key,created_date,closed_date,status,descriptor,longitude,latitude,source\n"
        "1,2016-07-13 15:11:07+00:00,,Open,call 415-252-3804 or a.b@example.org,117.25,31.99,Phone\n"
        ",2016-07-13 15:11:07+00:00,,Open,x,1,1,Web\n"
        "3,yesterday,,Open,x,1,1,Web\n"
        "4,2016-07-13 15:11:07+00:00,,Open,x,east,1,Web\n"
        "1,2016-07-13 15:11:07+00:00,,Open,twice,1,1,Web\n"
    )
    report = load.import_cases(actor=SYSTEM, path=file, name="sf311")
    assert (report.rows, report.imported, report.rejected) == (5, 1, 4)
    assert dict(report.reasons) == {"no_id": 1, "bad_time": 1, "bad_place": 1, "already_there": 1}
    assert [s["line"] for s in report.samples] == [3, 4, 5, 6]
    case = Case.objects.get(source="sf311")
    assert "3804" not in case.text and "@" not in case.text.replace("***@", "")
    client = desk.client("dispatcher")
    assert client.get("/api/v1/cases").json()["items"] == []
    assert [i["id"] for i in client.get("/api/v1/cases?source=sf311").json()["items"]] == [str(case.id)]
    got = client.get(f"/api/v1/cases/{case.id}").json()
    assert got["actions"] == [] and got["area_path"].endswith(".001")
    answer = client.post(f"/api/v1/cases/{case.id}/actions/dispatch", {"team": str(desk.pump)}, "application/json")
    assert answer.status_code == 409


def test_a_wrong_file_or_map_is_refused(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(Invalid, match="right map"):
        load.import_cases(actor=SYSTEM, path=file, name="sf311")
    with pytest.raises(Invalid, match="sf311"):
        load.import_cases(actor=SYSTEM, path=file, name="nowhere")
