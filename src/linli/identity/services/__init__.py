"""Writes of identity: each is one transaction with its audit row and its event."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from linli.identity import resolver
from linli.identity.models import Account
from linli.kernel import audit, events
from linli.kernel.actor import Actor


def changed(actor: Actor, account: Account, action: str, **detail: object) -> None:
    """The audit row and the event of a change to `account`; actors are read anew."""
    audit.record(
        actor=actor, action=action, kind="account", ref=account.id, area=account.area_path, detail=dict(detail)
    )
    events.emit(
        type="account.changed", kind="account", ref=account.id, area=account.area_path, permission="people.view",
        data={"account_id": str(account.id), "action": action},
    )  # fmt: skip
    forget()


def forget() -> None:
    resolver.forget()
    transaction.on_commit(resolver.forget)


def drop_listeners(account_id: UUID, session_id: UUID | None, reason: str) -> None:
    """Tell `live` to drop listeners of one session, or all of the account; they come back if still allowed."""
    events.emit(
        type="session.revoked", kind="session", ref=session_id or account_id, audience=f"account:{account_id}",
        data={
            "account_id": str(account_id), "session_id": str(session_id) if session_id else None, "reason": reason
        },
    )  # fmt: skip
