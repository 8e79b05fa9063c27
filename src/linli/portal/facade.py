"""What other modules call: the limits that hold off abuse, which the adapters share."""

from __future__ import annotations

from django.http import HttpRequest

from linli.portal import limits


def caller(request: HttpRequest) -> str:
    """The caller's address as limits count it."""
    return limits.caller(request)


def spend(act: str, who: str, most: int | None = None) -> None:
    """Count an act of somebody; TooMany beyond the most in an hour. Acts and their most: `limits.MOST`."""
    limits.spend(act, who, most)


def within(act: str, who: str) -> bool:
    """Count an act, and say whether it is still within the most in an hour."""
    return limits.count(act, who) <= limits.MOST[act]
