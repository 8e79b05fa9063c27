"""Letters by e-mail: plain words, in the language that was chosen, each with a link that ends them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone
from django.utils.translation import gettext as _

from linli.cases.contracts import PublicItem, TicketNews
from linli.kernel import mail
from linli.kernel.i18n import either
from linli.kernel.mail import address, enabled
from linli.portal.signed import link

__all__ = ["address", "area_news", "enabled", "letter", "question", "ticket_news"]


def letter(row: UUID, subject: str, body: str, to: str, by: BaseEmailBackend | None) -> EmailMessage:
    """A letter that mail programs can end with one click (RFC 8058)."""
    stop = address(f"/alerts/stop/{link('stop', row)}")
    foot = _("You get this letter because you asked for it. To end it at once:")
    ends = {"List-Unsubscribe": f"<{stop}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    return mail.letter(subject, f"{body}\n\n-- \n{foot}\n{stop}\n", to, by, ends)


def question(row: UUID, what: str) -> tuple[str, str]:
    """The letter that asks whether one meant it: nothing else comes before the answer."""
    lines = [
        _("Somebody, probably you, asked us to write to this address about:"), f"  {what}", "",
        _("If it was you, open this link and press the button. If not, do nothing: no further letter will come."),
        address(f"/alerts/confirm/{link('confirm', row)}"),
    ]  # fmt: skip
    return _("Please confirm: news from your neighbourhood"), "\n".join(lines)


def area_news(items: Sequence[tuple[PublicItem, str]], what: str) -> tuple[str, str]:
    """New and finished public cases, each with the name of its community."""
    subject = f"{_('News of an area')}: {what} ({len(items)})"
    lines = [what, ""]
    for item, community in items:
        words = (either(item.class_zh, item.class_en), community, either(item.state_zh, item.state_en))
        lines += ["· " + " · ".join(filter(None, words)), "  " + address(f"/c/{item.number}")]
    return subject, "\n".join(lines)


def ticket_news(news: TicketNews) -> tuple[str, str]:
    """What happened with one's own report. The link opens the ticket for some weeks."""
    state = either(news.state_zh, news.state_en)
    lines = [f"{news.number} · {either(news.class_zh, news.class_en)}", ""]
    lines += [f"{timezone.localtime(s.at):%m-%d %H:%M}  {either(s.zh, s.en)}" for s in news.steps]
    if news.asked:
        lines += ["", _("Is it solved? Yes or no: please tell us on the page of your report.")]
    lines += ["", address(f"/t/{news.key}")]
    return f"{news.number}: {state}", "\n".join(lines)
