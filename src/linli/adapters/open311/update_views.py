"""The server's part of the update extension, as FixMyStreet speaks it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest

from linli.adapters.open311 import door, jobs, rules
from linli.adapters.open311.formats import when
from linli.adapters.open311.selectors import endpoints
from linli.adapters.open311.services import receiving
from linli.cases import facade as cases
from linli.cases.contracts import OutsideUpdate
from linli.kernel import clock, i18n
from linli.kernel.actor import Actor
from linli.kernel.errors import FieldError, Invalid

MOST = 1000
OVERLAP = timedelta(minutes=5)


@door.view("GET", "POST")
def updates(request: HttpRequest, actor: Actor) -> tuple[str, Any]:
    return _take(request, actor) if request.method == "POST" else _list(request, actor)


def _list(request: HttpRequest, actor: Actor) -> tuple[str, Any]:
    """Public steps in a window, oldest first; nobody gets back what they told us themselves."""
    get, names = request.GET.get, ("start_date", "end_date")
    start, end = rules.window(get(names[0], ""), get(names[1], ""), clock.now() + OVERLAP, names)
    without = endpoints.system_of(actor) if actor.kind != "public" else ""
    found = cases.outside_updates(actor, since=start, until=end, without=without, limit=MOST)
    return "service_request_updates", [_shown(u) for u in found]


def _shown(u: OutsideUpdate) -> dict[str, Any]:
    return {
        "update_id": str(u.id), "service_request_id": u.number, "status": receiving.status_of(u.state),
        "updated_datetime": when(u.at), "description": u.note or i18n.either(u.zh, u.en), "media_url": None,
    }  # fmt: skip


def _take(request: HttpRequest, actor: Actor) -> tuple[str, Any]:
    """An update of a case: one that this caller reported, or one that we sent to it. Once per `update_id`.

    Who wrote it (email, names) is not kept: what is said needs no person.
    """
    door.writer(actor)
    post = {k: v.strip() for k, v in request.POST.items()}
    missing = [n for n in ("service_request_id", "update_id") if not post.get(n)]
    missing += [] if post.get("description") or post.get("status") else ["description"]
    if missing:
        raise Invalid(errors=[FieldError(name, "is required") for name in missing])
    at = rules.read_time("updated_datetime", post["updated_datetime"]) if post.get("updated_datetime") else clock.now()
    case_id, new = receiving.posted(
        actor=actor, number=post["service_request_id"], update_id=post["update_id"][:120],
        status=post.get("status", ""), text=post.get("description", ""), at=at,
    )  # fmt: skip
    if new and post.get("media_url"):
        jobs.fetch_later(case_id, post["media_url"])
    return "service_request_updates", [{"update_id": post["update_id"]}]
