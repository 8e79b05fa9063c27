"""Sessions, API keys, cross-site requests, and the cost of finding the actor."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.identity.accounts import actor_for, client_for, client_of, make_account

from linli.identity import facade, resolver
from linli.kernel import clock
from linli.kernel.models import IdempotencyRow

pytestmark = pytest.mark.django_db


def bearer(key: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {key}"}


def test_a_key_is_shown_once_and_narrowed_by_its_scopes() -> None:
    client = client_for(make_account(("integrator", "D")))
    made = client.post(
        "/api/v1/apikeys", {"name": "gauge", "scopes": ["devices.view"]}, content_type="application/json",
        HTTP_IDEMPOTENCY_KEY="k1",
    )  # fmt: skip
    assert made.status_code == 201, made.content
    key = made.json()["key"]
    assert key.startswith("linli_") and made["Cache-Control"] == "no-store"
    assert "key" not in client.get("/api/v1/apikeys").json()["items"][0]
    assert not IdempotencyRow.objects.exists(), "an answer with a secret is not kept"
    me = Client().get("/api/v1/me", **bearer(key)).json()
    assert (me["kind"], me["permissions"]) == ("apikey", ["devices.view"])
    assert Client().get("/api/v1/me", **bearer(key[:-1] + ("0" if key[-1] != "0" else "1"))).status_code == 401
    too_much = client.post("/api/v1/apikeys", {"scopes": ["audit.view"]}, content_type="application/json")
    assert (too_much.status_code, too_much.json()["errors"][0]["field"]) == (422, "scopes")


def test_a_key_makes_no_key_and_changes_no_password() -> None:
    account = make_account(("integrator", "D"))
    key = facade.create_apikey(account_id=account.id)
    assert Client().post("/api/v1/apikeys", {}, content_type="application/json", **bearer(key)).status_code == 403
    assert Client().post("/api/v1/me/totp", **bearer(key)).status_code == 403


def test_duty_three_separated_administrations_cannot_become_each_other_by_a_key() -> None:
    """A key acts in its account's name: the security administration makes them for programs only."""
    security = client_of("security_admin", "D")
    for role in ("audit_admin", "system_admin", "dispatcher", "grid_member"):
        for of in (make_account((role, "D")), make_account(("integrator", "D"), (role, "D"))):
            made = security.post("/api/v1/apikeys", {"account_id": str(of.id)}, content_type="application/json")
            both = of.grants.count() == 2 and role in ("dispatcher", "grid_member")
            assert made.status_code == (201 if both else 403), (role, made.content)
    program = make_account(("integrator", "D"))
    made = security.post("/api/v1/apikeys", {"account_id": str(program.id)}, content_type="application/json")
    assert Client().get("/api/v1/me", **bearer(made.json()["key"])).json()["roles"] == ["integrator"]


def test_basic_with_account_and_key() -> None:
    account = make_account(("integrator", "D"))
    key = facade.create_apikey(account_id=account.id)

    def basic(text: str) -> dict[str, str]:
        return {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(text.encode()).decode()}

    assert Client().get("/api/v1/me", **basic(f"{account.username}:{key}")).status_code == 200
    assert Client().get("/api/v1/me", **basic(f"other:{key}")).status_code == 401
    assert Client().get("/api/v1/me", HTTP_AUTHORIZATION="Basic %%%").status_code == 401
    assert Client().get("/api/v1/me", HTTP_AUTHORIZATION="Digest x").status_code == 401


def test_a_revoked_or_expired_key_is_refused_at_once() -> None:
    account = make_account(("integrator", "D"))
    client, key = client_for(account), facade.create_apikey(account_id=account.id)
    assert Client().get("/api/v1/me", **bearer(key)).status_code == 200
    row = client.get("/api/v1/apikeys").json()["items"][0]
    assert client.delete(f"/api/v1/apikeys/{row['id']}").status_code == 204
    assert Client().get("/api/v1/me", **bearer(key)).status_code == 401
    past = client.post(
        "/api/v1/apikeys",
        {"expires_at": (clock.now() - timedelta(hours=1)).isoformat()},
        content_type="application/json",
    )
    assert past.status_code == 422
    naive = client.post("/api/v1/apikeys", {"expires_at": "2030-01-01T00:00:00"}, content_type="application/json")
    assert naive.json()["errors"][0]["field"] == "expires_at"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),
        ({"HTTP_ORIGIN": "http://testserver"}, 200),
        ({"HTTP_ORIGIN": "http://evil.example"}, 403),
        ({"HTTP_ORIGIN": "null"}, 403),
        ({"HTTP_SEC_FETCH_SITE": "cross-site"}, 403),
        ({"HTTP_SEC_FETCH_SITE": "same-site"}, 403),
        ({"HTTP_SEC_FETCH_SITE": "same-origin"}, 200),
    ],
)
def test_an_unsafe_request_with_a_cookie_must_come_from_here(headers: dict[str, str], expected: int) -> None:
    client = client_of("dispatcher", "D")
    body = {"language": "en"}
    assert client.patch("/api/v1/me", body, content_type="application/json", **headers).status_code == expected
    assert client.get("/api/v1/me", **headers).status_code == 200


def test_the_actor_costs_one_query_and_none_the_second_time() -> None:
    account = make_account(("dispatcher", "D.001"), ("grid_member", "D.002"))
    client = client_for(account)
    client.get("/api/v1/permissions")
    resolver.forget()
    for expected in (1, 0):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get("/api/v1/permissions").status_code == 200
        own = [q for q in queries.captured_queries if "identity_" in q["sql"]]
        assert len(own) == expected


def test_accounts_with_looks_upward_from_the_area() -> None:
    whole, part, other = (
        make_account(("dispatcher", "")),
        make_account(("dispatcher", "D")),
        make_account(("dispatcher", "E")),
    )
    found = {a.id for a in facade.accounts_with("cases.dispatch", "D.001")}
    assert whole.id in found and part.id in found and other.id not in found
    assert not actor_for(part.id).can("cases.dispatch", "D0"), "a path is not a prefix of letters"


def test_live_session_tells_what_the_relay_needs() -> None:
    assert Client().get("/api/v1/live/session").json()["kind"] == "public"
    found = client_of("dispatcher", "D").get("/api/v1/live/session").json()
    assert found["kind"] == "account" and "cases.view" in found["grants"][0]["permissions"]


def test_a_scoped_key_can_do_less_than_its_account_and_never_more() -> None:
    account = make_account(("integrator", "D"))
    key = facade.create_apikey(account_id=account.id, scopes=["devices.view"])
    assert Client().get("/api/v1/devices", **bearer(key)).status_code == 200
    for path in ("cases", "alarms", "rules", "personal-reads", "audit", "accounts"):
        assert Client().get(f"/api/v1/{path}", **bearer(key)).status_code == 403, path


def test_the_command_prints_the_key_on_its_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    from linli import cli

    account = make_account(("integrator", "D"))
    assert cli.main(["apikey", "create", "--account", account.username, "--scope", "devices.view"]) == 0
    key = capsys.readouterr().out.strip().splitlines()[-1]
    assert Client().get("/api/v1/me", **bearer(key)).json()["permissions"] == ["devices.view"]
    assert cli.main(["apikey", "create", "--account", "nobody-here"]) == 2
    assert cli.main(["apikey", "create", "--account", account.username, "--scope", "audit.view"]) == 2


def test_accounts_at_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    from linli import cli

    assert cli.main(["account", "create", "li", "--role", "dispatcher@D", "--role", "system_admin"]) == 0
    once = capsys.readouterr().out.strip()
    body = {"username": "li", "password": once}
    me = Client().post("/api/v1/session", body, content_type="application/json").json()
    assert me["pending"] == ["password"]
    assert cli.main(["account", "create", "wu", "--role", "system_admin", "--role", "audit_admin"]) == 2
    assert cli.main(["account", "disable", "li"]) == 0
    assert Client().post("/api/v1/session", body, content_type="application/json").status_code == 401
