"""Scope is role × area × centre: a grant within a centre counts only where its area and the centre's overlap."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from django.test import Client
from tests.identity.accounts import actor_for, client_for, client_of, make_account

from linli.identity import facade as identity
from linli.identity.models import Account, RoleGrant
from linli.identity.resolver import forget
from linli.kernel.actor import SYSTEM
from linli.orgs import facade, services
from linli.orgs.models import Centre

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}


def held(area: str, centre_id: UUID, role: str = "dispatcher") -> Account:
    account = make_account(area_path=area)
    RoleGrant.objects.create(account=account, role=role, area_path=area, centre_id=centre_id)
    forget()
    return account


def centre(area: str, code: str = "sub") -> UUID:
    return facade.ensure_centre(code=code, name_zh="分中心", kind="sub_centre", area_path=area)


def test_a_dispatcher_of_a_sub_centre_stands_in_its_area_only() -> None:
    account = held("D", centre("D.001"))
    client = client_for(account)
    actor = actor_for(account.id)
    assert actor.areas("cases.dispatch") == ("D.001",)
    assert actor.can("cases.view", "D.001.005") and not actor.can("cases.view", "D.002")
    for path in ("me", "live/session"):  # what the screens and the stream of events go by
        assert [g["area_path"] for g in client.get(f"/api/v1/{path}").json()["grants"]] == ["D.001"], path
    other = facade.ensure_team(code="far", name_zh="远队", area_path="D.002")
    assert client.get(f"/api/v1/teams/{other}").status_code == 404
    task = client.post("/api/v1/tasks", {"title": "巡查", "area_path": "D.002"}, **JSON)
    assert task.status_code == 403, task.content


def test_the_smaller_of_both_areas_counts() -> None:
    assert actor_for(held("D.001.002", centre("D.001")).id).areas("cases.view") == ("D.001.002",)
    assert actor_for(held("", centre("D", "top")).id).areas("cases.view") == ("D",)
    assert actor_for(held("D", centre("", "all")).id).areas("cases.view") == ("D",)
    assert actor_for(held("D.002", centre("D.001")).id).grants == (), "they do not overlap"
    assert actor_for(held("D", uuid4()).id).grants == (), "there is no such centre"


def test_the_scope_follows_the_centre_when_its_area_changes() -> None:
    account, row = held("D", centre("D.001")), Centre.objects.get(code="sub")
    assert actor_for(account.id).areas("cases.view") == ("D.001",)
    client = client_for(account)
    assert client.get("/api/v1/me").json()["grants"][0]["area_path"] == "D.001"
    services.update_centre(actor=SYSTEM, centre=row, area_path="D.002")
    assert client.get("/api/v1/me").json()["grants"][0]["area_path"] == "D.002"


def test_who_may_do_what_is_asked_with_the_centre() -> None:
    inside, wide = held("D", centre("D.001")), make_account(("dispatcher", "D"))
    assert {a.id for a in identity.accounts_with("cases.dispatch", "D.001.003")} == {inside.id, wide.id}
    assert {a.id for a in identity.accounts_with("cases.dispatch", "D.002")} == {wide.id}


def grant(by: Client, account: Account, **body: object):  # type: ignore[no-untyped-def]
    return by.post(f"/api/v1/accounts/{account.id}/grants", {"role": "dispatcher", **body}, **JSON)


def test_only_a_centre_that_overlaps_is_granted() -> None:
    security, account = client_of("security_admin", "D"), make_account(area_path="D")
    for wrong in (uuid4(), centre("D.002", "other")):
        answer = grant(security, account, area_path="D.001", centre_id=str(wrong))
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "centre_id")
    made = grant(security, account, area_path="D", centre_id=str(centre("D.001")))
    assert made.status_code == 201, made.content
    assert actor_for(account.id).areas("cases.dispatch") == ("D.001",)
