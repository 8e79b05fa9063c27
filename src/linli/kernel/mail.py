"""Letters by e-mail, through the district's own server. Plain words; whoever sends one says how it is ended."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


def enabled() -> bool:
    """Whether this district has a server for mail."""
    return bool(settings.MAIL_FROM)


def address(path: str) -> str:
    """Where people find a page of ours."""
    return f"{settings.PUBLIC_URL.rstrip('/')}{path}"


def letter(
    subject: str, body: str, to: str, by: BaseEmailBackend | None, headers: Mapping[str, str] | None = None
) -> EmailMessage:
    """A letter that no machine should answer."""
    kept = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All", **(headers or {})}
    return EmailMessage(subject, body, settings.MAIL_FROM, [to], connection=by, headers=kept)
