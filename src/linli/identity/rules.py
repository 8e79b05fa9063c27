"""The pure rules of identity: names, separation of administrations, and how long a lock lasts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from linli.kernel.actor import contains

USERNAME = re.compile(r"[a-z][a-z0-9._-]{1,39}")
AREA_PATH = re.compile(r"[A-Za-z0-9_-]{1,30}(\.[A-Za-z0-9_-]{1,30}){0,9}")
FREE_FAILURES = 5  # of one account from one address
FREE_ADDRESS_FAILURES = 60  # of one address over all accounts: a centre shares one address
FORGET_AFTER = timedelta(hours=24)
LONGEST_LOCK = timedelta(hours=1)


def clash(held: Iterable[str], wanted: str, separated: Iterable[frozenset[str]]) -> str | None:
    """The role already held that `wanted` must be separated from, or None."""
    for group in separated:
        if wanted in group:
            for role in held:
                if role != wanted and role in group:
                    return role
    return None


def overlap(area: str, other: str) -> str | None:
    """The smaller of two area paths when it lies in the larger one, else None."""
    if contains(area, other):
        return other
    return area if contains(other, area) else None


def lock_until(count: int, free: int, now: datetime) -> datetime | None:
    """When the next try is allowed after `count` failures: one minute at first, doubling up to an hour."""
    if count < free:
        return None
    wait: timedelta = timedelta(minutes=1) * 2 ** min(count - free, 10)
    return now + min(wait, LONGEST_LOCK)


def narrowed(permissions: frozenset[str], scopes: Iterable[str]) -> frozenset[str]:
    """A key's permissions: never more than its account's."""
    wanted = frozenset(scopes)
    return permissions & wanted if wanted else permissions
