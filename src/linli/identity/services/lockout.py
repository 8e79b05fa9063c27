"""Failed sign-ins: counted per account and address, and per address; locks grow from a minute to an hour.

A table of our own instead of django-axes: two keys and one rule, and no user name is stored with an address.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from linli.identity import rules, tokens
from linli.identity.models import Account, SignInFailure
from linli.identity.services import changed
from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.kernel.errors import TooMany


def _keys(username: str, address: str) -> list[tuple[bytes, int]]:
    keys = [(tokens.digest(f"pair|{username}|{address}"), rules.FREE_FAILURES)]
    if address:
        keys.append((tokens.digest(f"address|{address}"), rules.FREE_ADDRESS_FAILURES))
    return keys


def refuse_if_locked(*, username: str, address: str) -> None:
    now = clock.now()
    wanted = [key for key, _ in _keys(username, address)]
    until = [
        row.locked_until
        for row in SignInFailure.objects.filter(key__in=wanted, locked_until__gt=now)
        if row.locked_until
    ]
    if until:
        wait = int((max(until) - now).total_seconds()) + 1
        raise TooMany("too many failed sign-ins; wait before the next try", retry_after=wait)


def record_failure(*, username: str, address: str, account_id: UUID | None) -> None:
    """Count one failure. Commits by itself: the caller refuses afterwards."""
    now = clock.now()
    for i, (key, free) in enumerate(_keys(username, address)):
        with transaction.atomic():
            SignInFailure.objects.bulk_create([SignInFailure(key=key)], ignore_conflicts=True)
            row = SignInFailure.objects.select_for_update().get(key=key)
            row.count = 1 if now - row.last_at > rules.FORGET_AFTER else row.count + 1
            row.last_at, row.account_id = now, account_id if i == 0 else None
            row.locked_until = rules.lock_until(row.count, free, now)
            row.save()
            if account_id and i == 0 and row.count == free:
                account = Account.objects.get(id=account_id)
                changed(Actor(kind="public"), account, "account.locked", failures=row.count)


def clear_pair(*, username: str, address: str) -> None:
    SignInFailure.objects.filter(key=_keys(username, address)[0][0]).delete()


def unlock_account(*, actor: Actor, account: Account) -> int:
    """Forget an account's failures from every address; returns how many locks there were."""
    with transaction.atomic():
        count, _ = SignInFailure.objects.filter(account_id=account.id).delete()
        changed(actor, account, "account.unlock", removed=count)
    return count


def purge_old() -> int:
    """Failures that count no more."""
    count, _ = SignInFailure.objects.filter(last_at__lt=clock.now() - rules.FORGET_AFTER).delete()
    return count
