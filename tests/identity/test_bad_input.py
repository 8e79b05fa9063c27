"""Zero characters, huge numbers and nonsense are refused by name, never a server error."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from tests.identity.accounts import client_of, make_account

from linli.kernel import ids
from linli.kernel.actor import SYSTEM
from linli.orgs import facade as orgs
from linli.work import facade as work

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}
BAD = ["\x00", "a\x00b", "x" * 100_000, "\u202e", "{", "' OR 1=1 --"]


def refused(answer: Any) -> None:
    assert answer.status_code < 500, answer.content
    if answer.status_code >= 400:
        assert answer["Content-Type"] == "application/problem+json"
    if answer.status_code in (400, 413, 422):
        told = answer.json()["errors"]
        assert told and all(e["field"] and e["reason"] for e in told), answer.content


@pytest.mark.parametrize("bad", BAD)
def test_texts(bad: str) -> None:
    public, system, security, desk = (
        Client(),
        client_of("system_admin"),
        client_of("security_admin"),
        client_of("dispatcher"),
    )
    refused(public.post("/api/v1/session", {"username": bad, "password": bad, "code": bad}, **JSON))
    refused(system.post("/api/v1/accounts", {"username": bad, "display_name": "x", "area_path": bad}, **JSON))
    refused(system.post("/api/v1/accounts", {"username": "abc", "display_name": bad}, **JSON))
    refused(system.get("/api/v1/accounts", {"username": bad, "status": bad, "role": bad, "cursor": bad}))
    refused(system.get("/api/v1/accounts", {"username": bad}))
    refused(system.patch(f"/api/v1/accounts/{make_account().id}", {"display_name": bad}, **JSON))
    account = make_account(("integrator", "D"))
    refused(security.post(f"/api/v1/accounts/{account.id}/grants", {"role": bad, "area_path": bad}, **JSON))
    refused(security.post("/api/v1/apikeys", {"account_id": str(account.id), "name": bad, "scopes": [bad]}, **JSON))
    refused(security.post("/api/v1/apikeys", {"account_id": str(account.id), "name": bad}, **JSON))
    refused(system.post("/api/v1/teams", {"code": bad, "name_zh": bad}, **JSON))
    refused(system.post("/api/v1/teams", {"code": "ok", "name_zh": bad, "name_en": bad}, **JSON))
    refused(system.get("/api/v1/teams", {"kind": bad}))
    refused(desk.post("/api/v1/tasks", {"title": bad, "note": bad, "kind": bad, "checklist": [bad]}, **JSON))
    refused(desk.post("/api/v1/tasks", {"title": bad, "note": bad, "checklist": [bad]}, **JSON))
    refused(desk.post("/api/v1/tasks", {"title": "x", "place": {"lon": 1e308, "lat": 0, "address": bad}}, **JSON))
    refused(desk.get("/api/v1/tasks", {"state": bad, "cursor": bad}))
    refused(client_of("auditor").get("/api/v1/audit", {"kind": bad, "ref": bad, "actor": bad, "action": bad}))
    refused(client_of("auditor").get("/api/v1/personal-reads", {"subject_kind": bad, "subject_id": bad}))
    refused(client_of("dispatcher").patch("/api/v1/me", {"language": bad, "theme": bad}, **JSON))
    refused(public.get("/api/v1/me", headers={"Authorization": "Bearer " + bad.replace("\x00", "0")}))


@pytest.mark.parametrize("bad", BAD)
def test_texts_of_a_member(bad: str) -> None:
    team = orgs.ensure_team(code="crew", name_zh="队", area_path="D")
    account = make_account(("team_member", "D"))
    orgs.ensure_member(team_id=team, account_id=account.id)
    from tests.identity.accounts import client_for

    client = client_for(account)
    task = work.open_task(actor=SYSTEM, case_id=None, team_id=team, area_path="D", title="疏通")
    url = f"/api/v1/tasks/{task}/steps/{ids.new_id()}"
    refused(client.put(url, {"action": bad, "note": bad}, **JSON))
    refused(client.put(url, {"action": "return", "note": bad, "client_at": bad}, **JSON))
    refused(client.put(url, {"action": "return", "note": bad}, **JSON))
    refused(client.put(f"/api/v1/duty/{ids.new_id()}", {"area_path": bad}, **JSON))
    refused(client.post(f"/api/v1/tasks/{task}/photos/{ids.new_id()}", {"stage": bad}))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400", '"x"', "null", "[]", "99999999999999999999"])
def test_numbers(value: str) -> None:
    client, duty = client_of("grid_member", "D"), ids.new_id()
    client.put(f"/api/v1/duty/{duty}", {}, **JSON)
    for field in ("lon", "lat", "accuracy_m"):
        point = {"lon": "117", "lat": "31", "accuracy_m": "5", "at": '"2026-11-23T08:00:00+08:00"', field: value}
        body = ",".join(f'"{k}":{v}' for k, v in point.items())
        refused(client.generic("POST", f"/api/v1/duty/{duty}/positions", '{"positions":[{' + body + "}]}", **JSON))
    refused(client.get("/api/v1/tasks", {"limit": value}))


def test_broken_json_and_wrong_shapes() -> None:
    for body in (b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"username": {"a": 1}, "password": 2}'):
        answer = Client().generic("POST", "/api/v1/session", body, **JSON)
        assert answer.status_code in (400, 422), answer.content
        assert answer.json()["errors"], answer.content
