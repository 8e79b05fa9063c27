"""Accounts and signed-in clients for any test: `client_of("dispatcher", "D.001")`, `actor_of("grid_member", "D")`."""

from __future__ import annotations

from uuid import UUID

from django.test import Client

from linli.identity import resolver, tokens
from linli.identity.models import Account, RoleGrant, Session
from linli.kernel import clock, ids
from linli.kernel.actor import Actor

ROLES = (
    "grid_member", "team_member", "intake", "duty_lead", "dispatcher", "centre_lead", "supervisor",
    "system_admin", "security_admin", "audit_admin", "integrator", "auditor",
)  # fmt: skip


def make_account(
    *grants: tuple[str, str], area_path: str | None = None, username: str = "", demo: bool = False
) -> Account:
    """An account with (role, area) grants; it cannot sign in with a password."""
    own = grants[0][1] if grants and area_path is None else area_path or ""
    account = Account.objects.create(
        username=username or f"t{ids.new_id().hex[-20:]}", display_name="测试员", area_path=own, password="!", demo=demo
    )
    for role, area in grants:
        RoleGrant.objects.create(account=account, role=role, area_path=area)
    resolver.forget()
    return account


def session_for(account: Account) -> str:
    """The token of a new session."""
    from datetime import timedelta

    token = tokens.new_session_token()
    Session.objects.create(
        account=account,
        token_hash=tokens.digest(token),
        idle_seconds=3600,
        expires_at=clock.now() + timedelta(hours=12),
    )
    return token


def client_for(account: Account) -> Client:
    client = Client()
    client.cookies[resolver.COOKIE] = session_for(account)
    return client


def client_of(role: str, area: str = "") -> Client:
    """A signed-in browser of a new account with this role in this area; `public` is nobody."""
    return Client() if role == "public" else client_for(make_account((role, area)))


def actor_of(role: str, area: str = "") -> Actor:
    return actor_for(make_account((role, area)).id)


def actor_for(account_id: UUID) -> Actor:
    found = resolver.by_account(account_id)
    assert found is not None
    return found
