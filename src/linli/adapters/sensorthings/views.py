"""The addresses of the service: its root, and everything below."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import parse_qsl

from django.http import HttpRequest, HttpResponse

from linli.adapters.sensorthings import door
from linli.adapters.sensorthings.odata import paths, query
from linli.adapters.sensorthings.schema import ENTITIES, OBSERVATIONS, Entity
from linli.adapters.sensorthings.selectors import newest, resources
from linli.adapters.sensorthings.selectors.answers import Context, key_of, shaped
from linli.adapters.sensorthings.services import arrays, changing, creating, pending, removing
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
        "create-update-delete/historical-location-auto-creation",
        "create-update-delete/historical-location-manual-creation", "data-array/data-array",
        "batch-request/batch-request",
    )
] + ["https://fraunhoferiosb.github.io/FROST-Server/extensions/JsonBatchRequest.html"]  # fmt: skip

MQTT = [
    _REQ + "create-observations-via-mqtt/observations-creation",
    _REQ + "receive-updates-via-mqtt/receive-updates",
]


@door.view("GET")
def root(request: HttpRequest, actor: Actor) -> HttpResponse:
    base = door.base(request)
    return door.sent({
        "value": [{"name": name, "url": f"{base}/{name}"} for name in ENTITIES],
        "serverSettings": _settings(request),
    })  # fmt: skip


def _settings(request: HttpRequest) -> dict[str, Any]:
    """What is offered; of MQTT also where."""
    at = endpoints(request.get_host().rsplit(":", 1)[0])
    told: dict[str, Any] = {"conformance": CONFORMANCE + (MQTT if at else [])}
    return told | {name: {"endpoints": at} for name in MQTT if at}


def endpoints(host: str) -> list[str]:
    """Where programs speak MQTT: at the gateway's ports under the name we were asked by, unless the operator says."""
    if given := os.environ.get("LINLI_MQTT_URLS"):
        return [url.strip() for url in given.split(",")]
    ports = (("mqtt", os.environ.get("LINLI_MQTT_PORT")), ("mqtts", os.environ.get("LINLI_MQTTS_PORT")))
    return [f"{scheme}://{host}:{port}" for scheme, port in ports if port]


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
        with newest.asked_once():
            found = resources.resolve(actor, steps)
            answer = resources.read(context, found, asked, f"{context.base}/{path.strip('/')}", given)
        return door.sent(answer)
    if request.method == "POST":
        return _post(request, context, steps)
    found = resources.resolve(actor, steps)
    if found.row is None or found.rest:
        raise door.NoMethod("a set takes GET and POST, a value GET")
    if request.method == "DELETE":
        removing.remove(actor=actor, entity=found.entity, row=found.row)
        return door.sent(None)
    return _change(request, context, found)


def _post(request: HttpRequest, context: Context, steps: tuple[paths.Step, ...]) -> HttpResponse:
    body = door.body_of(request)
    if len(steps) == 1 and steps[0] == paths.Step("CreateObservations"):
        made = arrays.create_observations(actor=context.actor, body=body)
        links = [m if str(m).startswith("error") else context.link(OBSERVATIONS, m) for m in made]
        return door.sent(links, 201)
    found = resources.resolve(context.actor, steps)
    if not found.many or found.rest:
        raise door.NoMethod("POST goes to a set of entities")
    key = creating.create(actor=context.actor, entity=found.entity, body=resources.under(found, body))
    return door.sent(_shown(context, found.entity, key), 201, Location=context.link(found.entity, key))


def _shown(context: Context, entity: Entity, key: Any) -> Any:
    """What a write answers. An observation of a group is not in history yet: `batch_views` reads it later."""
    row = None if entity is OBSERVATIONS and pending.waiting() else resources.row_of(context.actor, entity, key)
    return shaped(context, entity, [row], query.Query())[0] if row is not None else {"@iot.id": key}


def _change(request: HttpRequest, context: Context, found: resources.Resource) -> HttpResponse:
    kind = (request.content_type or "").lower()
    how = changing.PUT if request.method == "PUT" else changing.PATCH
    if request.method == "PATCH" and kind == "application/json-patch+json":
        how = changing.OPERATIONS
    elif request.method == "PATCH" and kind == "application/merge-patch+json":
        how = changing.MERGE
    assert found.row is not None
    changing.change(actor=context.actor, entity=found.entity, row=found.row, body=door.body_of(request), how=how)
    key = key_of(found.entity, found.row)
    return door.sent(_shown(context, found.entity, key), 200, Location=context.link(found.entity, key))
