"""The server: discovery, services, requests and tokens of GeoReport v2."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest

from linli.adapters.open311 import door, jobs, rules
from linli.adapters.open311.formats import when
from linli.cases import facade as cases
from linli.cases.contracts import ClassInfo, Contact, OutsideCase, OutsideFilter
from linli.kernel import clock, i18n
from linli.kernel.actor import Actor
from linli.kernel.errors import FieldError, Invalid, NotFound

Answer = tuple[str, Any] | tuple[str, Any, int]
CHANGED = "2026-11-26T00:00:00Z"
MAX_MEDIA = 6


def _base(request: HttpRequest) -> str:
    return request.build_absolute_uri("/").rstrip("/")


@door.view("GET")
def discovery(request: HttpRequest, actor: Actor) -> Answer:
    """Where the endpoint is and what it speaks."""
    base = _base(request)
    return "discovery", {
        "changeset": CHANGED,
        "contact": f"{base}/",
        "key_service": f"{base}/console/account",
        "endpoints": [
            {
                "specification": "http://wiki.open311.org/GeoReport_v2", "url": f"{base}/open311/v2",
                "changeset": CHANGED, "type": "test" if settings.DEMO else "production",
                "formats": ["text/xml", "application/json"],
            }
        ],
    }  # fmt: skip


def _services() -> dict[str, ClassInfo]:
    """What can be reported here: all classes but those that speak of somebody's own life."""
    return {c.code: c for c in cases.classes() if not c.private}


def _asked(found: ClassInfo) -> list[rules.Attribute]:
    """What a service asks: which of its filing conditions it is, where there are several, and what the packs add."""
    asked = list(rules.asked_of(found.code))
    if len(found.conditions) > 1:
        rows = tuple(rules.Value(str(no), zh, en) for no, zh, en in found.conditions)
        asked.insert(0, rules.condition(found.code, rows))
    return asked


@door.view("GET")
def services(request: HttpRequest, actor: Actor) -> Answer:
    return "services", [
        {
            "service_code": c.code, "service_name": i18n.either(c.zh, c.en), "description": i18n.either(c.zh, c.en),
            "metadata": bool(_asked(c)), "type": "realtime", "keywords": f"{c.zh},{c.en}",
            "group": i18n.either(c.group_zh, c.group_en),
        }
        for c in _services().values()
    ]  # fmt: skip


@door.view("GET")
def definition(request: HttpRequest, actor: Actor, code: str) -> Answer:
    found = _services().get(code)
    if found is None:
        raise NotFound("service_code was not found")
    shown = [_attribute(one, order) for order, one in enumerate(_asked(found), 1)]
    return "service_definition", {"service_code": code, "attributes": shown}


def _attribute(one: rules.Attribute, order: int) -> dict[str, Any]:
    made = {
        "variable": True, "code": one.code, "datatype": one.datatype, "required": one.required,
        "datatype_description": None, "order": order, "description": i18n.either(one.zh, one.en),
    }  # fmt: skip
    values = [{"key": v.key, "name": i18n.either(v.zh, v.en)} for v in one.values]
    return {**made, "values": values} if values else made


def request_of(request: HttpRequest, c: OutsideCase, extended: bool) -> dict[str, Any]:
    """A case in the words of the standard. Text and address only for whoever sees the case itself."""
    photo = f"{_base(request)}/api/v1/files/{c.photos[0]}" if c.photos else None
    made: dict[str, Any] = {
        "service_request_id": c.number, "status": "closed" if c.final else "open",
        "status_notes": i18n.either(c.state_zh, c.state_en), "service_name": i18n.either(c.class_zh, c.class_en),
        "service_code": c.class_code, "description": c.text or i18n.either(c.class_zh, c.class_en),
        "agency_responsible": None, "service_notice": None, "requested_datetime": when(c.created_at),
        "updated_datetime": when(c.updated_at), "expected_datetime": None if c.final else when(c.due_at),
        "address": c.address or None, "address_id": None, "zipcode": None, "lat": c.lat, "long": c.lon,
        "media_url": photo,
    }  # fmt: skip
    if extended:
        made["extended_attributes"] = {
            "detailed_status": rules.told(c.state, c.final), "state": c.state, "step": c.step,
            "closed_datetime": when(c.closed_at), "me_too": c.me_too,
            "values": [{"key": "media_url", "name": f"{_base(request)}/api/v1/files/{p}"} for p in c.photos],
        }  # fmt: skip
    return made


@door.view("GET", "POST")
def requests(request: HttpRequest, actor: Actor) -> Answer:
    if request.method == "POST":
        return _report(request, actor)
    get = request.GET.get
    skip, limit = rules.read_page(get("page", ""), get("page_size", ""))
    found = cases.outside_cases(actor, _filter(request), limit=limit, skip=skip)
    extended = get("extensions", "") in ("true", "1", "v1")
    return "service_requests", [request_of(request, c, extended) for c in found]


def _filter(request: HttpRequest) -> OutsideFilter:
    get = request.GET.get
    if numbers := rules.listed(get("service_request_id", "")):
        return OutsideFilter(numbers=numbers)  # overrides all else, by the standard
    now = clock.now()
    changed = (None, None)
    if get("updated_after") or get("updated_before"):
        names = ("updated_after", "updated_before")
        changed = rules.window(get(names[0], ""), get(names[1], ""), now + timedelta(minutes=5), names)  # type: ignore[assignment]
    created = (None, None)
    if get("start_date") or get("end_date") or changed == (None, None):
        names = ("start_date", "end_date")
        created = rules.window(get(names[0], ""), get(names[1], ""), now + timedelta(minutes=5), names)  # type: ignore[assignment]
    return OutsideFilter(
        classes=rules.listed(get("service_code", "")), created_from=created[0], created_to=created[1],
        changed_from=changed[0], changed_to=changed[1], open=_status(get("status", "")), circle=_circle(request),
    )  # fmt: skip


def _status(text: str) -> bool | None:
    asked = {s.lower() for s in rules.listed(text)}
    if asked - {"open", "closed"}:
        raise Invalid("status", "is open, closed or both")
    return None if len(asked) != 1 else asked == {"open"}


def _circle(request: HttpRequest) -> tuple[float, float, float] | None:
    lat, lon = request.GET.get("lat", ""), request.GET.get("long", "")
    if not (lat or lon):
        return None
    radius = request.GET.get("radius", "") or "1000"
    return (rules.read_number("long", lon, -180, 180), rules.read_number("lat", lat, -85, 85),
            rules.read_number("radius", radius, 1, rules.MAX_RADIUS))  # fmt: skip


@door.view("GET")
def one_request(request: HttpRequest, actor: Actor, number: str) -> Answer:
    found = cases.outside_cases(actor, OutsideFilter(numbers=(number,)), limit=1)
    if not found:
        raise NotFound("service_request_id was not found")
    extended = request.GET.get("extensions", "") in ("true", "1", "v1")
    return "service_requests", [request_of(request, found[0], extended)]


@door.view("GET")
def token(request: HttpRequest, actor: Actor, token: str) -> Answer:
    """We answer every report with its number at once; a token is the case's id, for those who keep only that."""
    try:
        found = cases.outside_case(actor, UUID(token))
    except (ValueError, NotFound):
        raise NotFound("token was not found") from None
    return "service_requests", [{"service_request_id": found.number, "token": token}]


def _report(request: HttpRequest, actor: Actor) -> Answer:
    """Take a report in. The same one sent again is the same case: by `attribute[external_id]` (or FixMyStreet's own
    name for it) or by the header Idempotency-Key."""
    door.writer(actor)
    post, attributes = request.POST, rules.attributes_of(request.POST)
    code = post.get("service_code", "").strip()
    found = _services().get(code)
    if not code:
        raise Invalid("service_code", "is required")
    if found is None:
        raise NotFound("service_code was not found")
    lon, lat = _point(request)
    answers = rules.said(_asked(found), attributes, i18n.english())
    text = "\n".join(filter(None, (post.get("description", "").strip(), answers)))
    media = [f.read() for f in request.FILES.getlist("media")[:MAX_MEDIA]]
    made = cases.report_signal(
        actor=actor, channel="open311", class_code=code, text=text, lon=lon, lat=lat, photos=media,
        address=(post.get("address_string") or post.get("address") or "").strip(), contact=_contact(request),
        idempotency_key=_repeat_key(request, attributes), within="cases.create",
    )  # fmt: skip
    for url in [] if media else post.getlist("media_url")[:MAX_MEDIA]:
        jobs.fetch_later(made.case_id, url)
    notice = f"{_base(request)}/t/{made.secret}" if made.secret else None
    return "service_requests", [
        {"service_request_id": made.number, "service_notice": notice, "account_id": post.get("account_id") or None}
    ]


def _point(request: HttpRequest) -> tuple[float | None, float | None]:
    lat, lon = request.POST.get("lat", "").strip(), request.POST.get("long", "").strip()
    if lat or lon:
        return rules.read_number("long", lon, -180, 180), rules.read_number("lat", lat, -85, 85)
    if not any(request.POST.get(n, "").strip() for n in ("address_string", "address", "address_id")):
        raise Invalid(errors=[FieldError("lat", "a place is required: lat and long, address_string or address_id")])
    return None, None


def _contact(request: HttpRequest) -> Contact | None:
    """What the reporter left at the other system, sealed here; the device's id is not kept at all."""
    post = request.POST
    name = " ".join(filter(None, (post.get("first_name", "").strip(), post.get("last_name", "").strip())))
    phone, email = post.get("phone", "").strip(), post.get("email", "").strip()
    return Contact(phone=phone, name=name, email=email, consent=True) if phone or name or email else None


def _repeat_key(request: HttpRequest, attributes: dict[str, list[str]]) -> str:
    for name in ("external_id", "fixmystreet_id"):
        if found := "".join(attributes.get(name, [])[:1]).strip() or request.POST.get(name, "").strip():
            return f"{name}:{found[:200]}"
    if key := request.headers.get("Idempotency-Key", "").strip():
        return f"header:{key[:200]}"
    return ""
