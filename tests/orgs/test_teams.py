"""Teams: seen where they serve, managed where they belong, known to the actor."""

from __future__ import annotations

import pytest
from django.test import Client
from tests.identity.accounts import actor_for, client_for, client_of, make_account

from linli.kernel.models import AuditRow, OutboxEvent
from linli.orgs import facade

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}


def make(client: Client, area: str, code: str = "t1", **more: object):  # type: ignore[no-untyped-def]
    body = {"code": code, "name_zh": "巡查队", "name_en": "Patrol", "kind": "patrol", "area_path": area, **more}
    return client.post("/api/v1/teams", body, **JSON)


def test_made_changed_and_recorded() -> None:
    admin = client_of("system_admin", "D")
    made = make(admin, "D.001")
    assert made.status_code == 201, made.content
    url = f"/api/v1/teams/{made.json()['id']}"
    assert admin.patch(url, {"active": False, "name_en": "Patrol 1"}, **JSON).json()["active"] is False
    assert make(admin, "D.001").status_code == 409
    wrong = make(admin, "D 1", code="!", kind="army", name_zh=" ")
    assert {e["field"] for e in wrong.json()["errors"]} == {"code", "kind", "name_zh", "area_path"}
    assert make(admin, "E", code="t9").status_code == 403
    assert admin.patch(url, {"area_path": "E"}, **JSON).status_code == 403
    assert AuditRow.objects.filter(kind="team").count() == OutboxEvent.objects.filter(type="team.changed").count() == 2


def test_without_an_area_it_is_the_callers_own() -> None:
    admin = client_of("system_admin", "D.001")
    body = {"code": "t5", "name_zh": "队"}
    assert admin.post("/api/v1/teams", body, **JSON).json()["area_path"] == "D.001"
    assert admin.post("/api/v1/centres", body, **JSON).json()["area_path"] == "D.001"
    account = admin.post("/api/v1/accounts", {"username": "li", "display_name": "李"}, **JSON).json()
    assert account["area_path"] == "D.001"
    url = f"/api/v1/accounts/{account['id']}/grants"
    granted = client_of("security_admin", "D").post(url, {"role": "intake"}, **JSON)
    assert granted.json()["area_path"] == "D.001"
    task = client_of("dispatcher", "D.001").post("/api/v1/tasks", {"title": "巡查"}, **JSON)
    assert task.json()["area_path"] == "D.001"


def test_a_team_is_seen_where_it_serves() -> None:
    whole = facade.ensure_team(code="pump", name_zh="排涝队", kind="pump", area_path="D")
    part = facade.ensure_team(code="p1", name_zh="一队", area_path="D.001")
    other = facade.ensure_team(code="p2", name_zh="二队", area_path="D.002")
    client = client_of("dispatcher", "D.001")
    seen = {t["id"] for t in client.get("/api/v1/teams").json()["items"]}
    assert seen == {str(whole), str(part)}
    assert client.get(f"/api/v1/teams/{other}").status_code == 404
    assert [t.code for t in facade.teams_in("D.001.005")] == ["p1", "pump"]
    assert [t.code for t in facade.teams_in("D")] == ["pump", "p1", "p2"]
    assert [t.code for t in facade.teams_in("D.001", kind="pump")] == ["pump"]
    assert facade.teams_in("D.00") == facade.teams_in("D", kind="pump"), "D.001 is not inside D.00"


def test_members_and_the_actor() -> None:
    team = facade.ensure_team(code="p1", name_zh="一队", area_path="D.001")
    person = make_account(("team_member", "D.001"))
    admin = client_of("system_admin", "D")
    url = f"/api/v1/teams/{team}/members/{person.id}"
    assert admin.put(url, {"lead": True}, **JSON).json()["members"][0]["lead"] is True
    assert admin.put(url, {"lead": True}, **JSON).json()["member_count"] == 1
    assert actor_for(person.id).team_ids == (team,)
    assert client_for(person).get("/api/v1/me").json()["team_ids"] == [str(team)]
    assert admin.delete(url).status_code == 204
    assert admin.delete(url).status_code == 404
    assert actor_for(person.id).team_ids == ()
    stranger = make_account(area_path="E")
    assert admin.put(f"/api/v1/teams/{team}/members/{stranger.id}", {}, **JSON).status_code == 404


def test_the_list_costs_the_same_for_one_and_for_many(django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    for i in range(30):
        facade.ensure_team(code=f"t{i:02}", name_zh="队", area_path="D")
    client = client_of("dispatcher", "D")
    client.get("/api/v1/me")
    with django_assert_max_num_queries(2):
        page = client.get("/api/v1/teams?limit=20").json()
    assert len(page["items"]) == 20
    assert len(client.get(f"/api/v1/teams?limit=20&cursor={page['next']}").json()["items"]) == 10


def test_centres() -> None:
    admin = client_of("system_admin", "D")
    body = {"code": "c1", "name_zh": "综治中心", "name_en": "Governance centre", "area_path": "D"}
    made = admin.post("/api/v1/centres", body, **JSON)
    assert made.status_code == 201
    url = f"/api/v1/centres/{made.json()['id']}"
    assert admin.patch(url, {"name_en": "Centre"}, **JSON).json()["name_en"] == "Centre"
    assert client_of("dispatcher", "E").get(url).status_code == 404
    assert client_of("dispatcher", "D.001").get(url).status_code == 200
