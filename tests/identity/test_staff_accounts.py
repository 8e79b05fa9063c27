"""The duty "staff accounts: unique, lock-out, second factor, idle sign-out, three separated administrations"."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from tests.identity.accounts import client_for, client_of, make_account

from linli.identity import facade, resolver, totp
from linli.identity.models import Account, Session, SignInFailure
from linli.identity.services import accounts
from linli.kernel import clock
from linli.kernel.actor import SYSTEM
from linli.kernel.errors import Conflict
from linli.kernel.models import AuditRow, OutboxEvent

pytestmark = pytest.mark.django_db
PASSWORD = "correct-horse-7"


def person(username: str = "zhang", **options: object) -> Account:
    account_id = facade.ensure_account(username=username, display_name="张三", password=PASSWORD, **options)  # type: ignore[arg-type]
    return Account.objects.get(id=account_id)


def sign_in(client: Client, username: str = "zhang", password: str = PASSWORD, code: str = "", **extra: object):  # type: ignore[no-untyped-def]
    body = {"username": username, "password": password, "code": code}
    return client.post("/api/v1/session", body, content_type="application/json", **extra)


def test_duty_accounts_are_unique() -> None:
    person()
    for name in ("zhang", "Zhang", " ZHANG "):
        with pytest.raises(Conflict):
            accounts.create_account(actor=SYSTEM, username=name, display_name="另一人", password=PASSWORD)


def test_sign_in_and_out() -> None:
    person(grants=[("dispatcher", "D")])
    client = Client()
    assert client.get("/api/v1/me").status_code == 401
    answer = sign_in(client)
    assert answer.status_code == 200, answer.content
    cookie = answer.cookies["linli_session"]
    assert cookie["httponly"] and cookie["samesite"] == "Lax" and not cookie["secure"]
    assert answer.json()["roles"] == ["dispatcher"]
    assert cookie.value not in str(Session.objects.values_list()[0])
    assert client.get("/api/v1/me").json()["username"] == "zhang"
    again = Client()
    again.cookies["linli_session"] = cookie.value
    assert client.delete("/api/v1/session").status_code == 204
    assert again.get("/api/v1/me").status_code == 401
    assert OutboxEvent.objects.filter(type="session.revoked").exists()


def test_the_cookie_is_secure_on_https() -> None:
    person()
    assert sign_in(Client(), secure=True).cookies["linli_session"]["secure"]


def test_duty_lockout_with_back_off() -> None:
    person()
    client = Client()
    with time_machine.travel(clock.now(), tick=False) as when:
        for _ in range(5):
            assert sign_in(client, password="wrong").status_code == 401
        locked = sign_in(client)
        assert (locked.status_code, locked["Retry-After"]) == (429, "61")
        assert AuditRow.objects.filter(action="account.locked").count() == 1
        when.shift(61)
        assert sign_in(client, password="wrong").status_code == 401
        assert int(sign_in(client)["Retry-After"]) == 121, "the second lock is longer"
        # another address is not locked, and the right password clears only its own pair
        assert sign_in(Client(REMOTE_ADDR="203.0.113.9")).status_code == 200
        assert sign_in(client).status_code == 429
        when.shift(121)
        assert sign_in(client).status_code == 200
        assert sign_in(client, password="wrong").status_code == 401, "counting begins anew"
        assert sign_in(client).status_code == 200


def test_lockout_cannot_be_dodged_with_an_idempotency_key_or_told_from_an_unknown_account() -> None:
    person()
    client = Client()
    for i in range(5):
        known = sign_in(client, password="wrong", HTTP_IDEMPOTENCY_KEY=f"k{i}")
        unknown = sign_in(client, username="nobody", password="wrong")
        assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())
    assert sign_in(client).status_code == sign_in(client, username="nobody").status_code == 429


def test_an_unlock_by_the_security_administration() -> None:
    account = person(area_path="D")
    client = Client()
    for _ in range(5):
        sign_in(client, password="wrong")
    admin = client_of("security_admin", "D")
    assert admin.delete(f"/api/v1/accounts/{account.id}/lock").status_code == 204
    assert sign_in(client).status_code == 200


def test_an_address_that_tries_many_accounts_is_locked() -> None:
    client = Client(REMOTE_ADDR="203.0.113.7")
    SignInFailure.objects.all().delete()
    from linli.identity.services import lockout

    for i in range(60):
        lockout.record_failure(username=f"u{i}", address="203.0.113.7", account_id=None)
    assert sign_in(client, username="other").status_code == 429


def test_duty_second_factor() -> None:
    account = person()
    client = Client()
    with time_machine.travel(clock.now(), tick=False) as when:
        sign_in(client)
        made = client.post("/api/v1/me/totp").json()
        secret = base64.b32decode(made["secret"] + "=" * (-len(made["secret"]) % 8))
        account.refresh_from_db()
        assert secret not in bytes(account.totp_secret), "encrypted at rest"

        def code() -> str:
            return totp.code_now(secret, clock.now().timestamp())

        def confirm(value: str) -> int:
            return client.post("/api/v1/me/totp/confirm", {"code": value}, content_type="application/json").status_code

        assert confirm("000000") == 422
        assert confirm(code()) == 204
        other = Client()
        asked = sign_in(other)
        assert (asked.status_code, asked.json()["type"]) == (401, "urn:linli:problem:second-factor")
        assert sign_in(other, code=code()).status_code == 401, "the code that confirmed works once only"
        when.shift(30)
        assert sign_in(other, code=code()).status_code == 200
        assert sign_in(Client(), code=code()).status_code == 401, "a code works once"
        refused = client.post("/api/v1/me/totp/disable", {"password": "no"}, content_type="application/json")
        assert refused.status_code == 422
        done = client.post("/api/v1/me/totp/disable", {"password": PASSWORD}, content_type="application/json")
        assert done.status_code == 204
        assert sign_in(Client()).status_code == 200


def test_the_second_factor_is_not_switched_off_by_trying_passwords() -> None:
    account = person()
    client = client_for(account)

    def disable(password: str, number: int) -> int:
        return client.post("/api/v1/me/totp/disable", {"password": password}, content_type="application/json",
                           headers={"Idempotency-Key": f"k{number}"}).status_code  # fmt: skip

    assert [disable("wrong", n) for n in range(5)] == [422] * 5
    assert disable(PASSWORD, 9) == 429
    assert AuditRow.objects.filter(action="account.locked").count() == 1


def test_totp_agrees_with_rfc_6238() -> None:
    secret = b"12345678901234567890"
    assert [totp.code_now(secret, t) for t in (59, 1111111109, 20000000000)] == ["287082", "081804", "353130"]


def test_duty_idle_sign_out_and_absolute_end() -> None:
    person(grants=[("intake", "D")])
    client = Client()
    with time_machine.travel(clock.now(), tick=False) as when:
        sign_in(client)
        for _ in range(3):
            when.shift(timedelta(minutes=59))
            resolver.forget()  # its 5 s pass by the real clock, which stands still here
            assert client.get("/api/v1/me").status_code == 200
        when.shift(timedelta(minutes=50))
        resolver.forget()
        assert client.get("/api/v1/live/session").json()["kind"] == "account", (
            "an open live connection asks now and then"
        )
        background = client.get("/api/v1/me", headers={"X-Background": "1"})
        assert background.status_code == 200, "a page asks by itself"
        when.shift(timedelta(minutes=11))
        resolver.forget()
        assert client.get("/api/v1/me").status_code == 401, "idle for longer than an hour"
        sign_in(client)
        for _ in range(13):
            when.shift(timedelta(minutes=55))
            resolver.forget()  # its 5 s pass by the real clock, which stands still here
            resolver.forget()
            assert client.get("/api/v1/me").status_code == 200
        when.shift(timedelta(minutes=6))
        assert client.get("/api/v1/me").status_code == 401, "twelve hours are over"


@pytest.mark.parametrize("first", ["system_admin", "security_admin", "audit_admin"])
@pytest.mark.parametrize("second", ["system_admin", "security_admin", "audit_admin"])
def test_duty_three_separated_administrations(first: str, second: str) -> None:
    account = make_account((first, "D"))
    admin = client_of("security_admin")
    answer = admin.post(
        f"/api/v1/accounts/{account.id}/grants", {"role": second, "area_path": "D.001"}, content_type="application/json"
    )
    if first == second:
        assert answer.status_code == 201
    else:
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:linli:problem:separated-roles")


def test_duty_the_administrations_share_nothing_critical() -> None:
    from linli.identity import roles

    defined = roles.load().roles
    three = [defined[r].permissions for r in ("system_admin", "security_admin", "audit_admin")]
    harmless = {"people.view", "live.follow"}
    for i, one in enumerate(three):
        for other in three[i + 1 :]:
            assert one & other <= harmless
        assert not {p for p in one if p.startswith("cases.") or p in ("positions.view", "duty.view")}
    assert "audit.view" not in three[0] | three[1]
    assert "roles.manage" not in three[0] | three[2]


def test_nobody_raises_themselves() -> None:
    me = make_account(("security_admin", ""))
    client = client_for(me)
    answer = client.post(
        f"/api/v1/accounts/{me.id}/grants", {"role": "dispatcher", "area_path": ""}, content_type="application/json"
    )
    assert answer.status_code == 403
    audit_admin = make_account(("audit_admin", ""))
    assert client.post(f"/api/v1/accounts/{audit_admin.id}/password").status_code == 403
    local = client_of("security_admin", "D")
    other = make_account(area_path="D")
    outside = local.post(
        f"/api/v1/accounts/{other.id}/grants", {"role": "dispatcher", "area_path": "E"}, content_type="application/json"
    )
    assert outside.status_code == 403, "a role cannot reach beyond the giver's area"


def test_a_reset_password_must_be_changed_before_roles_take_effect() -> None:
    account = person(grants=[("dispatcher", "D")], area_path="D")
    admin = client_of("security_admin", "D")
    once = admin.post(f"/api/v1/accounts/{account.id}/password").json()["one_time_password"]
    client = Client()
    assert sign_in(client).status_code == 401
    me = sign_in(client, password=once).json()
    assert (me["pending"], me["permissions"]) == (["password"], [])
    weak = client.post(
        "/api/v1/me/password", {"old_password": once, "new_password": "1234567890"}, content_type="application/json"
    )
    assert (weak.status_code, weak.json()["errors"][0]["field"]) == (422, "new_password")
    done = client.post(
        "/api/v1/me/password", {"old_password": once, "new_password": "lamp-river-88"}, content_type="application/json"
    )
    assert done.status_code == 204
    assert client.get("/api/v1/me").json()["roles"] == ["dispatcher"]


def test_a_disabled_account_is_out_at_once() -> None:
    account = make_account(("dispatcher", "D"))
    client = client_for(account)
    assert client.get("/api/v1/me").status_code == 200
    admin = client_of("system_admin", "D")
    answer = admin.patch(f"/api/v1/accounts/{account.id}", {"status": "disabled"}, content_type="application/json")
    assert answer.json()["status"] == "disabled"
    assert client.get("/api/v1/me").status_code == 401


def test_demo_passwords_sessions_and_keys_are_refused_outside_demo_mode(settings: object) -> None:
    account = person("demouser", demo=True, grants=[("integrator", "D")])
    client, key = client_for(account), facade_key(settings, account)
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {key}"}
    for demo, expected in ((True, 200), (False, 401)):
        settings.DEMO = demo  # type: ignore[attr-defined]
        resolver.forget()
        assert sign_in(Client(), username="demouser").status_code == expected
        assert client.get("/api/v1/me").status_code == expected
        assert Client().get("/api/v1/me", **bearer).status_code == expected


def facade_key(settings: object, account: Account) -> str:
    settings.DEMO = True  # type: ignore[attr-defined]
    return facade.create_apikey(account_id=account.id)
