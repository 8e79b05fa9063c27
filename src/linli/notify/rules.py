"""Which notices there are, by which ways they come, and when they may. Pure: times are aware, hours the district's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

KINDS = ("warn", "escalate", "recheck_due", "remind")
APP, MAIL, DIGEST = "app", "mail", "digest"
CHANNELS = (APP, MAIL, DIGEST)


@dataclass(frozen=True, slots=True)
class Hours:
    """When a person does not want to be disturbed (may pass midnight; None: never) and when the day's letter comes."""

    quiet_from: time | None
    quiet_until: time | None
    digest_at: time


def not_before(now: datetime, *, channel: str, urgent: bool, hours: Hours, zone: tzinfo) -> datetime:
    """The moment from which a notice may go out. An urgent one goes at once, whatever was chosen."""
    if urgent:
        return now
    if channel == DIGEST:
        return _next(now, hours.digest_at, zone)
    return end_of_quiet(now, hours, zone) or now


def end_of_quiet(now: datetime, hours: Hours, zone: tzinfo) -> datetime | None:
    """When the quiet hours that run now end; None outside of them."""
    if hours.quiet_from is None or hours.quiet_until is None:
        return None
    at = now.astimezone(zone).time()
    if hours.quiet_from < hours.quiet_until:
        quiet = hours.quiet_from <= at < hours.quiet_until
    else:
        quiet = at >= hours.quiet_from or at < hours.quiet_until
    return _next(now, hours.quiet_until, zone) if quiet else None


def _next(now: datetime, at: time, zone: tzinfo) -> datetime:
    """The next time that the clocks show these hours."""
    today = now.astimezone(zone).date()
    found = _on(today, at, zone)
    return found if found > now else _on(today + timedelta(days=1), at, zone)


def _on(day: date, at: time, zone: tzinfo) -> datetime:
    """In UTC, in which moments are compared: two times of one zone compare by what the clocks show."""
    return datetime.combine(day, at, zone).astimezone(UTC)
