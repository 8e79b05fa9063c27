"""The bulletin board: who reads, who writes, what stands, and receipts as a number only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.cases.conftest import NORTH, SOUTH, D, Desk

from linli.command.models import BoardNote
from linli.kernel import clock
from linli.orgs import facade as orgs

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}


@pytest.fixture
def centre(desk: Desk) -> UUID:
    found = orgs.ensure_centre(code="north", name_zh="北分中心", area_path=NORTH, kind="sub_centre")
    orgs.ensure_team(code="pump", name_zh="泵站二组", kind="pump", area_path=D, centre_id=found)
    return found


def write(client: Any, centre: UUID, **more: Any) -> Any:
    return client.post("/api/v1/board", {"centre_id": str(centre), "title": "防汛值守", **more}, **JSON)


def titles(client: Any, query: str = "") -> list[str]:
    return [one["title"] for one in client.get(f"/api/v1/board{query}").json()["items"]]


def test_a_note_is_for_the_area_and_for_the_teams_of_the_centre(desk: Desk, centre: UUID) -> None:
    assert write(desk.client("duty_lead", NORTH), centre).status_code == 201
    assert titles(desk.client("grid_member", NORTH)) == titles(desk.client("dispatcher")) == ["防汛值守"]
    assert titles(desk.client("team_member", SOUTH, team=desk.pump)) == ["防汛值守"]
    assert titles(desk.client("team_member", SOUTH)) == []
    assert desk.client("system_admin").get("/api/v1/board").status_code == 403


def test_own_is_what_the_centres_say_that_one_works_in(desk: Desk, centre: UUID) -> None:
    whole = orgs.ensure_centre(code="whole", name_zh="总中心", name_en="Centre", area_path=D)
    for where, title in ((centre, "北"), (whole, "全区")):
        assert write(desk.client("duty_lead"), where, title=title).status_code == 201
    district, pump = desk.client("dispatcher"), desk.client("team_member", D, team=desk.pump)
    assert sorted(titles(district)) == sorted(titles(pump)) == ["全区", "北"]
    assert titles(district, "?own=true") == ["全区"], "a sub-centre's notes are not for whoever sees the district"
    assert sorted(titles(pump, "?own=true")) == ["全区", "北"], "a team's own centre"
    assert titles(desk.client("grid_member", NORTH), "?own=true") == ["北"]
    assert titles(desk.client("grid_member", SOUTH), "?own=true") == []
    below = desk.client("grid_member", f"{NORTH}.01")
    assert titles(below) == titles(below, "?own=true") == ["北"], "members of the sub-centre's grids, not of the whole"
    assert pump.get("/api/v1/board?own=true").json()["items"][0]["centre"]["zh"] == "总中心"


def test_who_may_write_and_for_which_centre(desk: Desk, centre: UUID) -> None:
    south = desk.client("duty_lead", SOUTH)
    refused, guessed = write(south, centre), write(south, desk.pump)
    assert (refused.status_code, refused.json()["errors"]) == (422, guessed.json()["errors"])
    assert write(desk.client("grid_member", NORTH), centre).status_code == 403


def test_receipts_are_a_number_for_the_writer_alone(desk: Desk, centre: UUID) -> None:
    lead, member = desk.client("duty_lead", NORTH), desk.client("grid_member", NORTH)
    note = write(lead, centre).json()["id"]
    url = f"/api/v1/board/{note}/read"
    for _ in range(2):
        answer = member.put(url, {}, **JSON).json()
        assert answer["read"] and answer["read_count"] is None
    assert lead.put(url, {}, **JSON).json()["read_count"] == 1
    desk.client("dispatcher", NORTH).put(url, {}, **JSON)
    shown = lead.get("/api/v1/board").json()["items"][0]
    assert (shown["mine"], shown["read_count"]) == (True, 2)
    assert str(desk.account("grid_member", NORTH).id) not in str(shown)
    assert desk.client("grid_member", SOUTH).put(url, {}, **JSON).status_code == 404


def test_pinned_first_and_only_what_stands(desk: Desk, centre: UUID) -> None:
    lead, now = desk.client("duty_lead", NORTH), clock.now()
    for title, more in (("旧", {}), ("置顶", {"pinned": True}), ("新", {}),
                        ("未到", {"from_at": (now + timedelta(days=1)).isoformat()})):  # fmt: skip
        assert write(lead, centre, title=title, **more).status_code == 201
    assert titles(desk.client("grid_member", NORTH)) == ["置顶", "新", "旧"]
    BoardNote.objects.filter(title="旧").update(from_at=now - timedelta(days=2), until_at=now - timedelta(days=1))
    assert titles(desk.client("grid_member", NORTH)) == ["置顶", "新"]
    assert sorted(titles(lead, "?past=true")) == sorted(["置顶", "新", "旧", "未到"])


def test_a_withdrawn_note_is_gone_for_readers(desk: Desk, centre: UUID) -> None:
    lead, member = desk.client("duty_lead", NORTH), desk.client("grid_member", NORTH)
    url = f"/api/v1/board/{write(lead, centre).json()['id']}/withdraw"
    assert member.post(url, {}, **JSON).status_code == 403
    assert lead.post(url, {}, **JSON).json()["withdrawn_at"]
    assert titles(member) == []


@pytest.mark.parametrize(
    ("more", "field"),
    [({"title": " "}, "title"), ({"title": "x" * 81}, "title"), ({"text": "x" * 2001}, "text"),
     ({"until_at": "2020-01-01T00:00:00+08:00"}, "until_at"), ({"until_at": "2030-01-01T00:00:00"}, "until_at")],
)  # fmt: skip
def test_bad_input_names_its_field(desk: Desk, centre: UUID, more: dict[str, Any], field: str) -> None:
    answer = write(desk.client("duty_lead", NORTH), centre, **more)
    assert answer.status_code == 422 and field in answer.json()["errors"][0]["field"]


def test_numbers_of_people_in_a_note_are_masked(desk: Desk, centre: UUID) -> None:
    assert "13800001234" not in write(desk.client("duty_lead", NORTH), centre, text="电话13800001234").content.decode()


def test_a_list_costs_the_same_whatever_its_length_and_pages_by_key(desk: Desk, centre: UUID) -> None:
    lead, counts = desk.client("duty_lead", NORTH), []
    for i in range(2):
        for j in range(4):
            write(lead, centre, title=f"{i}-{j}", pinned=j == 0)
        lead.get("/api/v1/board")
        with CaptureQueriesContext(connection) as queries:
            lead.get("/api/v1/board")
        counts.append(len(queries))
    assert counts[0] == counts[1]
    found, cursor = [], ""
    while True:
        page = lead.get(f"/api/v1/board?limit=3&cursor={cursor}").json()
        found += [one["title"] for one in page["items"]]
        if not (cursor := page["next"] or ""):
            break
    assert len(found) == len(set(found)) == 8 and set(found[:2]) == {"0-0", "1-0"}
