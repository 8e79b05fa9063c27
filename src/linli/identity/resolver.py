"""From a request to its Actor: session cookie, `Authorization: Bearer <key>`, or HTTP Basic `account:key`.

One query, then remembered in this process for up to 5 s. A revocation takes effect at once in the process that
made it and within those 5 s in others; every identity write empties the memory.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from linli.identity import origin, roles, rules, tokens
from linli.kernel import clock
from linli.kernel.actor import Actor, Grant
from linli.kernel.errors import Unauthenticated

COOKIE = "linli_session"
LIVE_PATH = "/api/v1/live/session"
BACKGROUND = "X-Background"  # a screen that asks by itself, with nobody at it
REMEMBER_S = 5.0
REMEMBER_MAX = 5000
TOUCH = timedelta(seconds=60)

_memory: dict[bytes, tuple[float, datetime | None, Actor]] = {}
_team_source: Callable[[UUID], tuple[UUID, ...]] | None = None
_centre_source: Callable[[Iterable[UUID]], dict[UUID, str]] | None = None

_GRANTS = """coalesce((SELECT json_agg(json_build_array(g.role, g.area_path, g.centre_id))
    FROM identity_grant g WHERE g.account_id = a.id), '[]')"""
_ACCOUNT = f"a.id, a.username, a.demo, a.password_change_due, a.totp_confirmed_at IS NOT NULL, {_GRANTS}"
_SESSION_SQL = f"""SELECT {_ACCOUNT}, s.id, s.expires_at, s.last_seen_at, s.idle_seconds
    FROM identity_session s JOIN identity_account a ON a.id = s.account_id
    WHERE s.token_hash = %s AND s.revoked_at IS NULL AND a.status = 'active'"""
_KEY_SQL = f"""SELECT {_ACCOUNT}, k.id, k.expires_at, k.last_used_at, k.secret_hash, k.scopes
    FROM identity_apikey k JOIN identity_account a ON a.id = k.account_id
    WHERE k.prefix = %s AND k.revoked_at IS NULL AND a.status = 'active'"""
_ACCOUNT_SQL = f"SELECT {_ACCOUNT} FROM identity_account a WHERE a.id = %s AND a.status = 'active'"


def set_team_source(fn: Callable[[UUID], tuple[UUID, ...]]) -> None:
    """`orgs`, a higher room, tells here how to find an account's teams."""
    global _team_source
    _team_source = fn


def set_centre_source(fn: Callable[[Iterable[UUID]], dict[UUID, str]]) -> None:
    """`orgs` tells here how to find the area of each centre; one it does not name is no centre."""
    global _centre_source
    _centre_source = fn


def centre_areas(centre_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Area path of each centre that there is."""
    wanted = set(centre_ids)
    return _centre_source(wanted) if wanted and _centre_source else {}


def forget() -> None:
    """Empty the memory of actors: call it in every write that changes what an actor may do."""
    _memory.clear()


def resolve_actor(request: HttpRequest) -> Actor | None:
    """The actor of the request, or None when it carries no credential. A wrong key is refused, never public."""
    header = request.headers.get("Authorization", "")
    if header:
        return _by_header(header)
    token = request.COOKIES.get(COOKIE)
    if not token:
        return None
    actor = _by_session(token, seen=request.path != LIVE_PATH and BACKGROUND not in request.headers)
    if actor is not None:
        origin.refuse_cross_site(request)
    return actor


def _remembered(key: bytes) -> Actor | None:
    found = _memory.get(key)
    if found is None or found[0] < time.monotonic() or (found[1] and found[1] <= clock.now()):
        return None
    return found[2]


def _remember(key: bytes, good_until: datetime | None, actor: Actor) -> Actor:
    if len(_memory) >= REMEMBER_MAX:
        _memory.clear()
    _memory[key] = (time.monotonic() + REMEMBER_S, good_until, actor)
    return actor


def _by_session(token: str, *, seen: bool = True) -> Actor | None:
    """`seen=False` does not count as activity: an open page that asks by itself keeps nobody signed in."""
    key = tokens.digest(token)
    actor = _remembered(key)
    if actor is not None:
        return actor
    row = _one(_SESSION_SQL, key)
    if row is None:
        return None
    session_id, expires_at, last_seen_at, idle_seconds = row[6:]
    now, idle = clock.now(), timedelta(seconds=idle_seconds)
    good_until = min(expires_at, last_seen_at + idle)
    if good_until <= now or not _allowed(row):
        return None
    if seen and now - last_seen_at >= TOUCH:
        _run("UPDATE identity_session SET last_seen_at = %s WHERE id = %s", now, session_id)
        good_until = min(expires_at, now + idle)
    return _remember(key, good_until, _actor("account", row, session_id, ()))


def _by_header(header: str) -> Actor:
    scheme, _, value = header.partition(" ")
    username = None
    if scheme.lower() == "basic":
        try:
            username, _, value = base64.b64decode(value.strip(), validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            raise Unauthenticated("the Authorization header is malformed") from None
    elif scheme.lower() != "bearer":
        raise Unauthenticated("use Authorization: Bearer with an API key")
    actor = _by_key(value.strip())
    if actor is None or (username is not None and username != actor.username):
        raise Unauthenticated("the API key is unknown, expired or revoked")
    return actor


def _by_key(text: str) -> Actor | None:
    memory_key = tokens.digest(text)
    actor = _remembered(memory_key)
    if actor is not None:
        return actor
    parts = tokens.split_key(text)
    row = _one(_KEY_SQL, parts[0]) if parts else None
    if row is None or parts is None:
        return None
    key_id, expires_at, last_used_at, secret_hash, scopes = row[6:]
    now = clock.now()
    if not secrets.compare_digest(bytes(secret_hash), parts[1]) or (expires_at and expires_at <= now):
        return None
    if not _allowed(row):
        return None
    if last_used_at is None or now - last_used_at >= timedelta(hours=1):  # coarse: no trail of a program's every call
        _run("UPDATE identity_apikey SET last_used_at = %s WHERE id = %s", now, key_id)
    return _remember(memory_key, expires_at, _actor("apikey", row, key_id, tuple(scopes)))


def by_token(token: str) -> Actor:
    """The actor of a session just opened."""
    actor = _by_session(token)
    if actor is None:
        raise Unauthenticated()
    return actor


def by_key(text: str) -> Actor | None:
    """The actor of an API key's text."""
    return _by_key(text)


def by_account(account_id: UUID) -> Actor | None:
    """The actor an account would be, for work done on its behalf; None when disabled or unknown."""
    row = _one(_ACCOUNT_SQL, account_id)
    return _actor("account", row, None, ()) if row and _allowed(row) else None


def pending(roles_held: set[str], password_change_due: bool, has_totp: bool) -> list[str]:
    """What the account must do before its roles take effect."""
    defined = roles.load().roles
    wants_totp = any(r in defined and defined[r].second_factor for r in roles_held)
    return ["password"] * password_change_due + ["totp"] * (wants_totp and not has_totp)


def _allowed(row: tuple[Any, ...]) -> bool:
    return settings.DEMO or not row[2]


def _actor(kind: str, row: tuple[Any, ...], credential_id: UUID | None, scopes: tuple[str, ...]) -> Actor:
    account_id, username, demo, change_due, has_totp, held = row[:6]
    if kind == "account" and pending({h[0] for h in held}, change_due, has_totp):
        held = []
    teams = _team_source(account_id) if _team_source else ()
    return Actor(kind, account_id, username, tuple(_grants(held, scopes)), teams, credential_id, demo)


def _grants(held: list[tuple[str, str, str | None]], scopes: tuple[str, ...]) -> Iterable[Grant]:
    """A grant within a centre counts where its own area and the centre's overlap."""
    defined = roles.load().roles
    centres = centre_areas(UUID(centre) for _, _, centre in held if centre)
    for role, area, centre in held:
        if role not in defined:
            continue
        within: str | None = area
        if centre:
            its_area = centres.get(UUID(centre))
            within = rules.overlap(area, its_area) if its_area is not None else None
        if within is not None:
            permissions = rules.narrowed(defined[role].permissions, scopes)
            yield Grant(role, within, permissions, UUID(centre) if centre else None)


def _one(sql: str, value: object) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(sql, [value])
        return cursor.fetchone()


def _run(sql: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
