"""Reads of identity; every one takes the actor and shows nothing by default."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet

from linli.identity import roles
from linli.identity.models import Account, ApiKey, RoleGrant, Session
from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound
from linli.kernel.scope import area_q


def accounts(actor: Actor, permission: str = "people.view") -> QuerySet[Account]:
    """Accounts administered in the actor's areas."""
    return Account.objects.filter(area_q(actor, permission))


def account(actor: Actor, account_id: UUID, permission: str = "people.view") -> Account:
    found = accounts(actor, permission).filter(id=account_id).first()
    if found is None:
        raise NotFound()
    return found


def account_named(actor: Actor, username: str) -> Account:
    found = accounts(actor).filter(username=username.strip().lower()).first()
    if found is None:
        raise NotFound(f"no account is named {username}")
    return found


def own_account(actor: Actor) -> Account:
    found = Account.objects.filter(id=actor.account_id).first()
    if found is None:
        raise NotFound()
    return found


def grants_of(account_ids: list[UUID]) -> dict[UUID, list[RoleGrant]]:
    found: dict[UUID, list[RoleGrant]] = {i: [] for i in account_ids}
    for grant in RoleGrant.objects.filter(account_id__in=account_ids).order_by("role", "area_path"):
        found[grant.account_id].append(grant)
    return found


def grant(actor: Actor, grant_id: UUID) -> RoleGrant:
    """A grant within the actor's areas of role management."""
    found = RoleGrant.objects.select_related("account").filter(area_q(actor, "roles.manage"), id=grant_id).first()
    if found is None:
        raise NotFound()
    return found


def live_sessions(account_id: UUID) -> QuerySet[Session]:
    return Session.objects.filter(account_id=account_id, revoked_at=None, expires_at__gt=clock.now())


def session(actor: Actor, session_id: UUID) -> Session:
    """A session of one's own, or of an account in the actor's areas of key management."""
    mine = Q(account_id=actor.account_id)
    found = (
        Session.objects.select_related("account")
        .filter(mine | area_q(actor, "keys.manage", "account__area_path"), id=session_id, revoked_at=None)
        .first()
    )
    if found is None:
        raise NotFound()
    return found


def apikeys(actor: Actor) -> QuerySet[ApiKey]:
    """Own keys, and those of accounts in the actor's areas of key management."""
    return ApiKey.objects.select_related("account").filter(
        Q(account_id=actor.account_id) | area_q(actor, "keys.manage", "account__area_path")
    )


def apikey(actor: Actor, apikey_id: UUID) -> ApiKey:
    found = apikeys(actor).filter(id=apikey_id).first()
    if found is None:
        raise NotFound()
    return found


def roles_with(permission: str) -> list[str]:
    return [r.code for r in roles.load().roles.values() if permission in r.permissions]
