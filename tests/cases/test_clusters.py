"""The map from afar: cells, what they count, who sees what in them; and pins that say when there are too many."""

from __future__ import annotations

from typing import Any

import pytest
from tests.cases.conftest import IN_NORTH, IN_SOUTH, NORTH, Desk
from tests.cases.test_flow import CASES, report

from linli.cases import geo
from linli.cases.models import Case
from linli.cases.selectors import figures

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    figures._recent.clear()


def cells(client: Any, query: str) -> list[dict[str, Any]]:
    found = client.get(f"{CASES}/clusters?{query}").json()
    rows = [dict(zip(found["columns"], r, strict=True)) for r in found["rows"]]
    assert found["total"] == sum(r["count"] for r in rows) and not found["more"]
    return sorted(rows, key=lambda r: (-r["count"], r["lat"]))


@pytest.fixture
def some(desk: Desk) -> Desk:
    for n in range(3):
        report(desk, lon=IN_NORTH[0] + n / 10_000, lat=IN_NORTH[1], urgent=n == 0)
    report(desk, lon=IN_SOUTH[0], lat=IN_SOUTH[1])
    return desk


def test_cells_count_what_lies_in_them_and_a_lone_case_has_its_id(some: Desk) -> None:
    client = some.client("dispatcher")
    (many, one) = cells(client, "zoom=14")
    assert (many["count"], many["urgent"], many["id"], many["number"]) == (3, 1, None, None)
    assert abs(many["lon"] - IN_NORTH[0] - 1 / 10_000) < 1e-5 and abs(many["lat"] - IN_NORTH[1]) < 1e-5
    lone = Case.objects.get(lat=IN_SOUTH[1])
    assert (one["count"], one["id"], one["number"]) == (1, str(lone.id), lone.number)
    assert [c["count"] for c in cells(client, "zoom=7")] == [4]
    assert [c["count"] for c in cells(client, "zoom=22")] == [1, 1, 1, 1]
    assert [c["count"] for c in cells(client, "zoom=7&urgent=true")] == [1]
    assert [c["count"] for c in cells(client, f"zoom=7&area={NORTH}")] == [3]
    assert [c["count"] for c in cells(client, "zoom=7&bbox=117.2,31.94,117.3,31.97")] == [1]
    for bad in ("", "zoom=-1", "zoom=23", "zoom=9&bbox=1,2,3"):
        assert client.get(f"{CASES}/clusters?{bad}").status_code == 422, bad


def test_a_suspended_case_is_paused_and_neither_late_nor_urgent(some: Desk) -> None:
    Case.objects.filter(urgent=True).update(state="suspended")
    assert [(c["urgent"], c["paused"]) for c in cells(some.client("dispatcher"), "zoom=14")] == [(0, 1), (0, 0)]


def test_cells_count_only_what_the_asker_sees(some: Desk) -> None:
    Case.objects.filter(urgent=True).update(private=True)
    assert [c["count"] for c in cells(some.client("dispatcher"), "zoom=7")] == [4]
    assert [c["count"] for c in cells(some.client("grid_member", NORTH), "zoom=7")] == [2]


def test_the_same_question_is_answered_from_memory_for_two_seconds_by_right(
    some: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = some.client("dispatcher")
    assert [c["count"] for c in cells(client, "zoom=7")] == [4]
    report(some, lon=IN_SOUTH[0], lat=IN_SOUTH[1])
    assert [c["count"] for c in cells(client, "zoom=7")] == [4]
    assert [c["count"] for c in cells(some.client("grid_member", NORTH), "zoom=7")] == [3]
    later = figures.time_module.monotonic() + figures.FRESH_S + 1
    monkeypatch.setattr(figures.time_module, "monotonic", lambda: later)
    assert [c["count"] for c in cells(client, "zoom=7")] == [5] and len(figures._recent) == 1


def test_pins_say_when_they_are_too_many(some: Desk) -> None:
    client = some.client("dispatcher")
    few = client.get(f"{CASES}/pins?most=4").json()
    assert len(few["rows"]) == 4 and not few["more"]
    many = client.get(f"{CASES}/pins?most=3").json()
    assert many["rows"] == [] and many["more"]
    assert client.get(f"{CASES}/pins?most=0").status_code == 422


def test_metres_go_back_to_degrees() -> None:
    for lon, lat in (IN_NORTH, (-122.4194, 37.7749), (0.1, -33.9)):
        found = geo.to_degrees(*geo.to_metres(lon, lat))
        assert abs(found[0] - lon) < 1e-5 and abs(found[1] - lat) < 1e-5
