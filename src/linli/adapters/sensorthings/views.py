"""The addresses of the service: its root, and everything below."""

from __future__ import annotations

from urllib.parse import parse_qsl

from django.http import HttpRequest, HttpResponse

from linli.adapters.sensorthings import door
from linli.adapters.sensorthings.odata import paths, query
from linli.adapters.sensorthings.schema import ENTITIES
from linli.adapters.sensorthings.selectors import resources
from linli.adapters.sensorthings.selectors.answers import Context
from linli.kernel.actor import Actor

_REQ = "http://www.opengis.net/spec/iot_sensing/1.1/req/"
CONFORMANCE = [
    _REQ + part for part in (
        "datamodel/thing", "datamodel/location", "datamodel/historical-location", "datamodel/datastream",
        "datamodel/sensor", "datamodel/observed-property", "datamodel/observation", "datamodel/feature-of-interest",
        "datamodel/entity-control-information", "resource-path/resource-path-to-entities", "request-data/order",
        "request-data/expand", "request-data/select", "request-data/status-code", "request-data/query-status-code",
        "request-data/orderby", "request-data/top", "request-data/skip", "request-data/count", "request-data/filter",
        "request-data/built-in-filter-operations", "request-data/built-in-query-functions", "request-data/pagination",
        "create-update-delete/create-entity", "create-update-delete/link-to-existing-entities",
        "create-update-delete/deep-insert", "create-update-delete/deep-insert-status-code",
        "create-update-delete/update-entity", "create-update-delete/update-entity-put",
        "create-update-delete/update-entity-jsonpatch", "create-update-delete/delete-entity",
        "create-update-delete/historical-location-auto-creation", "data-array/data-array",
    )
]  # fmt: skip


@door.view("GET")
def root(request: HttpRequest, actor: Actor) -> HttpResponse:
    base = door.base(request)
    return door.sent({
        "value": [{"name": name, "url": f"{base}/{name}"} for name in ENTITIES],
        "serverSettings": {"conformance": CONFORMANCE},
    })  # fmt: skip


def _given(request: HttpRequest) -> list[tuple[str, str]]:
    """The query's options; a `+` is a space, and text that was not escaped is UTF-8."""
    text = request.META.get("QUERY_STRING", "").encode("latin-1", "replace").decode("utf-8", "replace")
    return parse_qsl(text, keep_blank_values=True)


@door.view("GET", "POST", "PATCH", "PUT", "DELETE")
def resource(request: HttpRequest, actor: Actor, path: str) -> HttpResponse:
    context = Context(actor, door.base(request))
    steps = paths.steps(path)
    if request.method in ("GET", "HEAD"):
        given = _given(request)
        asked = query.parse(given)
        found = resources.resolve(actor, steps)
        answer = resources.read(context, found, asked, f"{context.base}/{path.strip('/')}", given)
        return door.sent(answer)
    raise door.NoMethod("only GET is taken here")
