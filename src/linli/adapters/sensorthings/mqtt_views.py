"""What the gateway asks in the name of a program that speaks MQTT, with the program's own key: all that is answered
here, that program could read and do over HTTP as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse

from linli.adapters.sensorthings import door
from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.selectors import hearing
from linli.adapters.sensorthings.selectors.answers import Context
from linli.adapters.sensorthings.services import telling
from linli.kernel.errors import NotFound

Asked = Callable[[Context, Any], Any]


def _enter(context: Context, asked: Any) -> Any:
    return {"account": str(context.actor.account_id)}


def _topic(context: Context, asked: Any) -> Any:
    return hearing.heard(context.actor, asked["topic"], asked.get("tag") or "")


def _told(context: Context, asked: Any) -> Any:
    return {"groups": hearing.told(context, asked["groups"])}


def _observations(context: Context, asked: Any) -> Any:
    made = [telling.Message(**{**m, "at": int(m["at"])}) for m in asked["messages"]]
    return {"answers": telling.take(actor=context.actor, messages=made)}


ASKED: dict[str, Asked] = {"enter": _enter, "observations": _observations, "told": _told, "topic": _topic}


@door.view("POST")
def asked(request: HttpRequest, actor: Any, what: str) -> HttpResponse:
    if what not in ASKED:
        raise NotFound("nothing stands at this address")
    try:
        return door.sent(ASKED[what](Context(actor, door.base(request)), orjson.loads(request.body)))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Wrong("this is asked by the district's own gateway, in its own words") from error
