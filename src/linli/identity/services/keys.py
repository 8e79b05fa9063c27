"""API keys: made (the text is shown once), revoked."""

from __future__ import annotations

from datetime import datetime

from linli.identity import resolver, tokens
from linli.identity.models import Account, ApiKey
from linli.identity.services import changed, drop_listeners
from linli.identity.services.passwords import ADMINISTRATIONS
from linli.kernel import clock, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Forbidden, Invalid, NotFound


def create_apikey(
    *,
    actor: Actor,
    account: Account,
    name: str = "",
    scopes: list[str] | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """(row, text of the key). Scopes must be permissions the account has; none given means all it has."""
    if actor.kind == "apikey":
        raise Forbidden("a key cannot make keys; sign in")
    own = actor.account_id == account.id
    if not (own and actor.can("keys.own")) and not actor.can("keys.manage", account.area_path):
        raise Forbidden("needs keys.own, or keys.manage where the account belongs")
    target = resolver.by_account(account.id)
    if target is None:
        raise Invalid("account_id", "the account is disabled")
    if not own and actor.kind != "system":
        _refuse_another_name(target)
    unknown = sorted(set(scopes or []) - target.permissions)
    if unknown:
        raise Invalid("scopes", f"the account does not have {', '.join(unknown)}")
    if expires_at is not None and expires_at <= clock.now():
        raise Invalid("expires_at", "is in the past")
    if len(name) > 80:
        raise Invalid("name", "must have at most 80 characters")
    made = tokens.new_key()
    with services.unit(actor):
        key = ApiKey.objects.create(
            account=account, prefix=made.prefix, secret_hash=made.secret_hash, name=name,
            scopes=sorted(set(scopes or [])), expires_at=expires_at,
        )  # fmt: skip
        changed(actor, account, "apikey.create", apikey=str(key.id), scopes=key.scopes)
    return key, made.text


def _refuse_another_name(target: Actor) -> None:
    """A key acts in its account's name: whoever could make one for a person, or for another administration, would be
    that person."""
    if "keys.own" not in target.permissions or target.roles & ADMINISTRATIONS:
        raise Forbidden("keys for others are made only for programs' accounts (those that hold keys.own)")


def revoke_apikey(*, actor: Actor, key: ApiKey) -> None:
    with services.unit(actor):
        done = ApiKey.objects.filter(id=key.id, revoked_at=None).update(revoked_at=clock.now())
        if not done:
            raise NotFound()
        changed(actor, key.account, "apikey.revoke", apikey=str(key.id))
        drop_listeners(key.account_id, key.id, "revoked")
