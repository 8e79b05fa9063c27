"""Signing in and out."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth import hashers

from linli.identity import roles, tokens, totp
from linli.identity.contracts import SignedIn
from linli.identity.models import Account, Session
from linli.identity.services import drop_listeners, forget, lockout
from linli.kernel import audit, clock, events, services
from linli.kernel.actor import SYSTEM, Actor
from linli.kernel.errors import NotFound, Unauthenticated

REFUSED = "the user name or the password is wrong"


def sign_in(*, username: str, password: str, code: str = "", address: str = "", client: str = "") -> SignedIn:
    """A new session, or a refusal that does not tell whether the account exists."""
    username = username.strip().lower()
    lockout.refuse_if_locked(username=username, address=address)
    account = Account.objects.filter(username=username).first()
    fits = _password_fits(account, password)
    if account is None or not fits or account.status != "active" or (account.demo and not settings.DEMO):
        lockout.record_failure(username=username, address=address, account_id=account.id if account else None)
        raise Unauthenticated(REFUSED, code="sign-in-failed")
    step = _second_factor(account, code, address)
    lockout.clear_pair(username=username, address=address)
    return _open(account, step, address, client)


def _password_fits(account: Account | None, password: str) -> bool:
    if account is None:
        hashers.make_password(password, hasher="scrypt")  # as slow as a real check: timing tells nothing
        return False

    def renew(clear: str) -> None:
        Account.objects.filter(id=account.id).update(password=hashers.make_password(clear, hasher="scrypt"))

    return hashers.check_password(password, account.password, setter=renew, preferred="scrypt")


def _second_factor(account: Account, code: str, address: str) -> int | None:
    """The time step of a correct code, None when the account has no second factor."""
    if account.totp_confirmed_at is None or account.totp_secret is None:
        return None
    if not code:
        raise Unauthenticated("the code of the second factor is needed", code="second-factor")
    secret = totp.unseal(account.totp_secret, account.id)
    step = totp.matching_step(secret, code, account.totp_last_step, clock.now().timestamp()) if secret else None
    if step is None:
        lockout.record_failure(username=account.username, address=address, account_id=account.id)
        raise Unauthenticated("the code of the second factor is wrong", code="second-factor")
    return step


def _open(account: Account, step: int | None, address: str, client: str) -> SignedIn:
    token, now = tokens.new_session_token(), clock.now()
    actor = Actor("account", account.id, account.username)
    defined = roles.load()
    held = [defined.roles[g.role] for g in account.grants.all() if g.role in defined.roles]
    idle = timedelta(minutes=min((r.idle_minutes for r in held), default=30))
    life = timedelta(hours=defined.absolute_hours)
    with services.unit(actor):
        if step is not None:
            fresh = Account.objects.filter(id=account.id, totp_last_step__lt=step).update(totp_last_step=step)
            if not fresh:  # the same code twice at once
                raise Unauthenticated("the code of the second factor was used already", code="second-factor")
        Account.objects.filter(id=account.id).update(last_sign_in_at=now)
        session = Session.objects.create(
            account=account, token_hash=tokens.digest(token), created_at=now, last_seen_at=now,
            idle_seconds=int(idle.total_seconds()), expires_at=now + life, address=address, client=client[:120],
        )  # fmt: skip
        audit.record(actor=actor, action="session.open", kind="session", ref=session.id, area=account.area_path)
        events.emit(type="session.opened", kind="session", ref=session.id, audience=f"account:{account.id}")
    return SignedIn(account.id, session.id, token, int(life.total_seconds()))


def revoke_session(*, actor: Actor, session: Session, action: str = "session.revoke") -> None:
    with services.unit(actor):
        done = Session.objects.filter(id=session.id, revoked_at=None).update(revoked_at=clock.now())
        if not done:
            raise NotFound()
        area = session.account.area_path
        audit.record(actor=actor, action=action, kind="session", ref=session.id, area=area)
        drop_listeners(session.account_id, session.id, "revoked")
        forget()


def sign_out(*, actor: Actor) -> None:
    if actor.kind != "account" or actor.session_id is None:
        raise Unauthenticated("no session to end")
    session = Session.objects.select_related("account").filter(id=actor.session_id).first()
    if session is None:
        raise NotFound()
    revoke_session(actor=actor, session=session, action="session.close")


def revoke_all(*, account_id: UUID, reason: str, keep: UUID | None = None) -> int:
    """End all sessions of an account inside the caller's transaction; used when its password or status changes."""
    count = (
        Session.objects.filter(account_id=account_id, revoked_at=None).exclude(id=keep).update(revoked_at=clock.now())
    )
    drop_listeners(account_id, None, reason)
    forget()
    return count


def purge_old(days: int = 183) -> int:
    """Sign-in records are kept at least six months (logs duty), then deleted."""
    with services.unit(SYSTEM):
        count, _ = Session.objects.filter(expires_at__lt=clock.now() - timedelta(days=max(days, 183))).delete()
    return count
