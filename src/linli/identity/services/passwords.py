"""Passwords: checked, changed by their owner, reset by the security administration."""

from __future__ import annotations

import secrets

from django.contrib.auth import hashers, password_validation
from django.core.exceptions import ValidationError

from linli.identity.models import Account
from linli.identity.services import changed, lockout, sessions
from linli.kernel import services
from linli.kernel.actor import Actor
from linli.kernel.errors import FieldError, Forbidden, Invalid

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
ADMINISTRATIONS = frozenset({"system_admin", "security_admin", "audit_admin"})
VALIDATORS = [
    password_validation.MinimumLengthValidator(min_length=10),
    password_validation.CommonPasswordValidator(),
    password_validation.NumericPasswordValidator(),
    password_validation.UserAttributeSimilarityValidator(user_attributes=("username", "display_name")),
]


def random_password() -> str:
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))


def check(password: str, account: Account, field: str = "password") -> None:
    """Refuse a weak password: each reason is one field error."""
    if len(password) > 200:
        raise Invalid(field, "must have at most 200 characters")
    try:
        password_validation.validate_password(password, account, VALIDATORS)
    except ValidationError as error:
        raise Invalid(errors=[FieldError(field, str(m)) for m in error.messages]) from None


def change_password(*, actor: Actor, account: Account, old: str, new: str, address: str = "") -> None:
    """By its owner. All other sessions end."""
    lockout.refuse_if_locked(username=account.username, address=address)
    if not hashers.check_password(old, account.password):
        lockout.record_failure(username=account.username, address=address, account_id=account.id)
        raise Invalid("old_password", "is wrong")
    check(new, account, "new_password")
    with services.unit(actor):
        _set(account, new, change_due=False)
        sessions.revoke_all(account_id=account.id, reason="password", keep=actor.session_id)
        changed(actor, account, "account.password")


def reset_password(*, actor: Actor, account: Account) -> str:
    """A one-time password for someone else. Other administrations are reset at the machine only, so that none
    of the three can become another."""
    if account.id == actor.account_id:
        raise Forbidden("change your own password instead")
    held = {g.role for g in account.grants.all()}
    if actor.kind != "system" and held & ADMINISTRATIONS:
        raise Forbidden("an administrator's password is reset at the machine: linli account reset-password")
    once = random_password()
    with services.unit(actor):
        _set(account, once, change_due=True)
        sessions.revoke_all(account_id=account.id, reason="password")
        changed(actor, account, "account.password-reset")
    return once


def _set(account: Account, password: str, *, change_due: bool) -> None:
    account.password = hashers.make_password(password, hasher="scrypt")
    account.password_change_due = change_due
    account.save(update_fields=["password", "password_change_due"])
