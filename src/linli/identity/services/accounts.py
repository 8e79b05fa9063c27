"""Accounts: made, changed, disabled, enabled; preferences of one's own."""

from __future__ import annotations

from django.contrib.auth import hashers
from django.db import IntegrityError, transaction

from linli.identity import rules
from linli.identity.models import Account, ApiKey
from linli.identity.services import changed, passwords, sessions
from linli.kernel import clock, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, FieldError, Forbidden, Invalid

LANGUAGES, THEMES = ("zh-hans", "en"), ("auto", "light", "dark", "sun")


def check_area(area_path: str, field: str = "area_path") -> str:
    if area_path and not rules.AREA_PATH.fullmatch(area_path):
        raise Invalid(field, "is not an area path such as 340121403.001; empty means everywhere")
    return area_path


def full_hash(password: str) -> str:
    return hashers.make_password(password, hasher="scrypt")


def demo_hash(password: str) -> str:
    hasher = hashers.ScryptPasswordHasher()
    return hasher.encode(password, hasher.salt(), n=2**11, r=8, p=1)


def create_account(
    *, actor: Actor, username: str, display_name: str, area_path: str = "", password: str = "", demo: bool = False
) -> tuple[Account, str]:
    """(account, one-time password or ""). Without `password` one is made that must be changed at first sign-in.

    Demo passwords are random, so a lighter hash does.
    """
    username, display_name = username.strip().lower(), display_name.strip()
    errors = []
    if not rules.USERNAME.fullmatch(username):
        errors.append(FieldError("username", "starts with a letter, then letters, digits, dot, dash; 2 to 40 long"))
    if not 1 <= len(display_name) <= 80:
        errors.append(FieldError("display_name", "must have 1 to 80 characters"))
    if errors:
        raise Invalid(errors=errors)
    check_area(area_path)
    actor.require("people.manage", area_path)
    once = "" if password else passwords.random_password()
    account = Account(
        username=username, display_name=display_name, area_path=area_path, demo=demo, password_change_due=bool(once)
    )
    if not (once or demo):
        passwords.check(password, account)
    account.password = (demo_hash if demo else full_hash)(password or once)
    with services.unit(actor):
        try:
            with transaction.atomic():
                account.save(force_insert=True)
        except IntegrityError:
            raise Conflict("the user name is taken", code="username-taken") from None
        changed(actor, account, "account.create")
    return account, once


def update_account(
    *, actor: Actor, account: Account, display_name: str | None = None, area_path: str | None = None
) -> Account:
    with services.unit(actor):
        if display_name is not None:
            if not 1 <= len(display_name.strip()) <= 80:
                raise Invalid("display_name", "must have 1 to 80 characters")
            account.display_name = display_name.strip()
        if area_path is not None:
            actor.require("people.manage", check_area(area_path))
            account.area_path = area_path
        account.save(update_fields=["display_name", "area_path"])
        changed(actor, account, "account.update")
    return account


def set_status(*, actor: Actor, account: Account, status: str) -> Account:
    """Disable (sessions end, keys are revoked) or enable again."""
    if status not in ("active", "disabled"):
        raise Invalid("status", "must be active or disabled")
    if account.id == actor.account_id:
        raise Forbidden("nobody disables their own account")
    with services.unit(actor):
        account.status = status
        account.save(update_fields=["status"])
        if status == "disabled":
            sessions.revoke_all(account_id=account.id, reason="disabled")
            ApiKey.objects.filter(account=account, revoked_at=None).update(revoked_at=clock.now())
        changed(actor, account, "account.disable" if status == "disabled" else "account.enable")
    return account


def set_preferences(*, actor: Actor, account: Account, language: str | None, theme: str | None) -> Account:
    if language is not None and language not in LANGUAGES:
        raise Invalid("language", f"must be one of {', '.join(LANGUAGES)}")
    if theme is not None and theme not in THEMES:
        raise Invalid("theme", f"must be one of {', '.join(THEMES)}")
    with services.unit(actor):
        account.language, account.theme = language or account.language, theme or account.theme
        account.save(update_fields=["language", "theme"])
        changed(actor, account, "account.preferences")
    return account
