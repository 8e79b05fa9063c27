"""Second factor: enrolled, confirmed with a first code, switched off by its owner or the security administration."""

from __future__ import annotations

import base64

from django.contrib.auth import hashers

from linli.identity import totp
from linli.identity.models import Account
from linli.identity.services import changed, lockout, sessions
from linli.identity.services.passwords import ADMINISTRATIONS
from linli.kernel import clock, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Forbidden, Invalid


def enrol_totp(*, actor: Actor, account: Account) -> tuple[str, str]:
    """(secret in base32, otpauth URI); without effect until confirmed."""
    if account.totp_confirmed_at is not None:
        raise Conflict("a second factor is in use; switch it off first")
    secret = totp.new_secret()
    with services.unit(actor):
        account.totp_secret = totp.seal(secret, account.id)
        account.save(update_fields=["totp_secret"])
        changed(actor, account, "account.totp-enrol")
    return base64.b32encode(secret).decode().rstrip("="), totp.uri(secret, account.username)


def confirm_totp(*, actor: Actor, account: Account, code: str) -> None:
    if account.totp_confirmed_at is not None or account.totp_secret is None:
        raise Conflict("nothing to confirm")
    secret = totp.unseal(account.totp_secret, account.id)
    step = totp.matching_step(secret, code, account.totp_last_step, clock.now().timestamp()) if secret else None
    if step is None:
        raise Invalid("code", "is not the present one")
    with services.unit(actor):
        account.totp_confirmed_at, account.totp_last_step = clock.now(), step
        account.save(update_fields=["totp_confirmed_at", "totp_last_step"])
        sessions.revoke_all(account_id=account.id, reason="totp", keep=actor.session_id)
        changed(actor, account, "account.totp-on")


def disable_totp(*, actor: Actor, account: Account, password: str, address: str = "") -> None:
    """By its owner, who gives the password."""
    lockout.refuse_if_locked(username=account.username, address=address)
    if not hashers.check_password(password, account.password):
        lockout.record_failure(username=account.username, address=address, account_id=account.id)
        raise Invalid("password", "is wrong")
    _remove(actor, account, by_administration=False)


def remove_totp(*, actor: Actor, account: Account) -> None:
    """By the security administration, for a lost phone; never of another administration."""
    held = {g.role for g in account.grants.all()}
    if account.id == actor.account_id or (actor.kind != "system" and held & ADMINISTRATIONS):
        raise Forbidden("an administrator's second factor is removed at the machine: linli account reset-totp")
    _remove(actor, account, by_administration=True)


def _remove(actor: Actor, account: Account, *, by_administration: bool) -> None:
    with services.unit(actor):
        account.totp_secret, account.totp_confirmed_at = None, None
        account.save(update_fields=["totp_secret", "totp_confirmed_at"])
        changed(actor, account, "account.totp-off", by_administration=by_administration)
