"""What `linli account` does at the machine, as the system."""

from __future__ import annotations

from collections.abc import Iterable

from linli.identity import selectors
from linli.identity.services import accounts, grants, lockout, passwords, second_factor
from linli.kernel import services
from linli.kernel.actor import SYSTEM


def create(username: str, display_name: str, area_path: str, roles: Iterable[tuple[str, str]]) -> str:
    """The one-time password of a new account with these (role, area) grants."""
    with services.unit(SYSTEM):
        row, once = accounts.create_account(
            actor=SYSTEM, username=username, display_name=display_name, area_path=area_path
        )
        for role, area in roles:
            grants.grant_role(actor=SYSTEM, account=row, role=role, area_path=area)
    return once


def act(action: str, username: str) -> str:
    row = selectors.account_named(SYSTEM, username)
    if action == "reset-password":
        return passwords.reset_password(actor=SYSTEM, account=row)
    if action == "reset-totp":
        second_factor.remove_totp(actor=SYSTEM, account=row)
    elif action == "unlock":
        lockout.unlock_account(actor=SYSTEM, account=row)
    else:
        accounts.set_status(actor=SYSTEM, account=row, status="disabled" if action == "disable" else "active")
    return "done"
