"""Feeds of public cases per area and class, as Atom and RSS: news without leaving an address anywhere."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils.feedgenerator import Atom1Feed, Rss201rev2Feed
from django.utils.translation import gettext as _

from linli.cases import facade as cases
from linli.cases.contracts import PublicItem
from linli.kernel.errors import NotFound
from linli.kernel.i18n import either, english
from linli.portal import wishes
from linli.portal.letters import address
from linli.portal.pages import view

FORMS = {"atom": Atom1Feed, "rss": Rss201rev2Feed}
ROWS = 40


@view("GET")
def feed(request: HttpRequest, form: str) -> HttpResponse:
    """Public cases that a person has filed, of a community (`area`) and a big class (`class`)."""
    if form not in FORMS:
        raise NotFound()
    area, big = request.GET.get("area", ""), wishes.big_class(request.GET.get("class", ""))
    chosen = wishes.chosen(area)
    asked = urlencode({k: v for k, v in (("area", area), ("class", big)) if v})
    made = FORMS[form](
        title=f"{_('Linli')} · {wishes.phrase(area, big)}", link=address("/done"), language="en" if english() else "zh",
        description=_("Public cases: what is being worked on and what was done."),
        feed_url=address(f"/feed/{form}" + (f"?{asked}" if asked else "")),
    )  # fmt: skip
    for item in cases.public_feed(chosen.area_path if chosen else "", big, ROWS):
        _add(made, item)
    response = HttpResponse(made.writeString("utf-8"), content_type=f"application/{form}+xml; charset=utf-8")
    response["Cache-Control"], response["Vary"] = "public, max-age=300", "Accept-Language, Cookie"
    return response


def _add(made: Atom1Feed | Rss201rev2Feed, item: PublicItem) -> None:
    words = (either(item.class_zh, item.class_en), wishes.community(item), either(item.state_zh, item.state_en))
    made.add_item(
        title=" · ".join(filter(None, words)), link=address(f"/c/{item.number}"), description=item.number,
        unique_id=address(f"/c/{item.number}"), pubdate=item.filed_at, updateddate=item.closed_at or item.filed_at,
    )  # fmt: skip
