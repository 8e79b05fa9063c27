"""Perhaps the same: ranked with reasons, as far as the class reaches; many voices one case; what solved the like."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.cases.conftest import IN_NORTH, Desk, jpeg
from tests.cases.test_flow import CASES, act, dispatched, post, report

from linli.cases import facade, intake_tables
from linli.cases.models import Case, Reporter, Signal, TimelineEntry
from linli.cases.rules import nearness
from linli.cases.rules.nearness import Reach, Voices
from linli.kernel import clock
from linli.kernel.errors import NotFound

pytestmark = pytest.mark.django_db
LON, LAT = IN_NORTH
M = 0.000009  # about a metre of latitude


def near(desk: Desk, **more: Any) -> list[dict[str, Any]]:
    body = {"lon": LON, "lat": LAT, "class_code": "200406", "text": "路面积水很深", **more}
    answer = post(desk.client("intake"), f"{CASES}/nearby", body)
    assert answer.status_code == 200, answer.content
    return answer.json()["items"]


def test_the_likeliest_stands_first_with_its_reason_photo_distance_and_age(desk: Desk) -> None:
    same = report(desk, text="路面积水, 很深", lat=LAT + 50 * M)["id"]
    closer = report(desk, text="路灯不亮", class_code="202157", lat=LAT + 10 * M)["id"]
    far = report(desk, text="路面积水很深", lat=LAT + 400 * M)["id"]
    desk.client("intake").post(f"{CASES}/{same}/photos", {"file": _photo(), "stage": "report"})
    items = near(desk)
    assert [i["id"] for i in items] == [same, closer] and far not in {i["id"] for i in items}
    first = items[0]
    assert first["same_class"] and abs(first["distance_m"] - 50) < 4 and 0 <= first["age_s"] < 120
    assert first["thumb_id"] and first["likeness"] > 0.5
    assert first["reason"]["zh"].startswith("同类 · ") and "文字相近" in first["reason"]["zh"]
    assert first["reason"]["en"].startswith("same class · ") and "alike" in first["reason"]["en"]
    assert items[1]["thumb_id"] is None and "同类" not in items[1]["reason"]["zh"]
    assert {i["id"] for i in near(desk, radius=600)} == {same, closer, far}
    own = desk.client("dispatcher").get(f"{CASES}/{same}/similar").json()["items"]
    assert [i["id"] for i in own] == [closer]


def _photo() -> Any:
    from django.core.files.uploadedfile import SimpleUploadedFile

    return SimpleUploadedFile("a.jpg", jpeg(), "image/jpeg")


def test_an_old_case_stays_but_is_said_to_be_older_than_its_window(desk: Desk) -> None:
    made = report(desk)["id"]
    Case.objects.filter(pk=made).update(created_at=clock.now() - timedelta(hours=73))
    assert "早于并案时限" in near(desk)[0]["reason"]["zh"]


def test_nearby_asks_little_and_shows_only_what_one_sees(desk: Desk) -> None:
    for i in range(30):
        report(desk, lat=LAT + i * M, private=i == 0)
    report_private = Case.objects.get(private=True)
    client = desk.client("grid_member")
    client.get(f"{CASES}/nearby?lon={LON}&lat={LAT}")
    with CaptureQueriesContext(connection) as queries:
        items = client.get(f"{CASES}/nearby?lon={LON}&lat={LAT}").json()["items"]
    assert len(items) == 10 and str(report_private.id) not in {i["id"] for i in items}
    assert len(queries) <= 9, [q["sql"][:80] for q in queries]


def test_reach_is_the_catalogues_and_voices_have_a_cap() -> None:
    rule = Voices(((3, 1), (8, 5)), cap=2)
    assert [rule.priority(n, 0) for n in (1, 3, 7, 8, 500)] == [0, 1, 1, 2, 2]
    assert rule.priority(1, 4) == 4, "never lowered, and a person may go beyond the cap"
    assert intake_tables.reach("200406") == Reach(150, 72) and intake_tables.reach("").radius_m == 200
    assert nearness.rarest(["漏水", "很少", "水"], {"漏水": 900.0}, 5.0, 100.0) == ["很少"]
    assert nearness.likeness(frozenset(), frozenset()) == 0.0


def test_many_reports_are_one_case_and_its_priority_rises_to_the_cap(desk: Desk) -> None:
    made = report(desk)["id"]
    Case.objects.filter(pk=made).update(priority=0)  # whatever its class begins with
    client = desk.client("intake")
    body = {"text": "我家门口也有, 电话13812345678", "channel": "hotline",
            "contact": {"phone": "13812345678", "name": "王五", "consent": True}}  # fmt: skip
    first = post(client, f"{CASES}/{made}/signals", body)
    assert first.status_code == 201 and first.json()["signal_count"] == 2
    held = Signal.objects.get(case_id=made)
    assert "13812345678" not in str(held.data) and held.data["channel"] == "hotline"
    told = facade.public_status(first.json()["secret"])
    assert (told.text, told.address, told.photos, told.can_reopen) == ("", "", (), False) and told.has_contact
    with pytest.raises(NotFound):
        facade.reopen(first.json()["secret"], "还是不行")
    assert facade.own_data(first.json()["secret"])["text"] == ""
    assert Case.objects.get(pk=made).priority == 0
    for _ in range(9):
        facade.me_too(Case.objects.get(pk=made).id)
    assert Case.objects.get(pk=made).priority == 2
    raised = TimelineEntry.objects.filter(case_id=made, act="voices").values_list("detail__priority", flat=True)
    assert list(raised) == [1, 2]
    act(client, made, "cancel", reason="误报")
    assert post(client, f"{CASES}/{made}/signals", {"text": "还有"}).status_code == 409


def test_a_neighbour_follows_by_a_link_without_the_reporters_words(desk: Desk) -> None:
    made = Case.objects.get(pk=report(desk, text="我家漏水")["id"])
    secret = facade.follow(made.id)
    told = facade.public_status(secret)
    assert told.number == made.number and told.text == "" and not told.has_contact
    Case.objects.filter(pk=made.pk).update(private=True)
    with pytest.raises(NotFound):
        facade.follow(made.id)
    assert Reporter.objects.filter(case=made, follower=True).count() == 1


def test_related_cases_tell_what_solved_them(desk: Desk) -> None:
    pytest.importorskip("linli.work.facade")
    old = dispatched(desk, text="幸福路涵洞积水无法通行")
    crew = desk.client("team_member", team=desk.pump)
    act(crew, old, "take")
    act(crew, old, "finish", note="抽水两小时, 清掏雨水口")
    act(desk.client("duty_lead"), old, "close")
    report(desk, text="幸福路涵洞积水")  # open: not solved
    new = report(desk, text="幸福路涵洞又积水了")["id"]
    other = report(desk, text="流动摊贩")["id"]
    client = desk.client("dispatcher")
    items = client.get(f"{CASES}/{new}/related").json()["items"]
    assert [i["id"] for i in items] == [old] and items[0]["solved_by"] == "抽水两小时, 清掏雨水口"
    assert items[0]["same_class"] and items[0]["likeness"] > 0.3
    assert client.get(f"{CASES}/{other}/related").json()["items"] == []


def test_the_public_sees_what_is_open_near_a_unit_by_distance(desk: Desk) -> None:
    at_unit = Case.objects.get(pk=report(desk)["id"])
    unit = at_unit.id  # any id serves as a unit's here
    Case.objects.filter(pk=at_unit.pk).update(unit_id=unit)
    near_by = report(desk, lat=LAT + 80 * M)["id"]
    report(desk, lat=LAT + 900 * M)
    report(desk, lat=LAT + 20 * M, private=True)
    found = facade.open_near_unit(unit, LON, LAT)
    assert [(str(c.case_id), c.distance_m) for c in found] == [(str(at_unit.id), 0), (near_by, 80)]
    assert len(facade.open_near_unit(unit, LON, LAT, limit=1)) == 1
