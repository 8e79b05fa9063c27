"""A message of another program becomes a case, once; what came of each message is kept without its words."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection

from linli.adapters import secret
from linli.adapters.intake import rules
from linli.adapters.intake.models import IntakeDelivery, IntakeHook, IntakeTalk
from linli.cases import facade as cases
from linli.cases.contracts import Contact, Receipt
from linli.kernel import clock, crypto, services
from linli.kernel.actor import PUBLIC, contains
from linli.kernel.errors import FieldError, Invalid
from linli.kernel.i18n import either, say
from linli.places import facade as places
from linli.portal import facade as portal

KEPT, ANSWER_KEPT, TALK_KEPT = timedelta(days=30), timedelta(days=1), timedelta(minutes=30)
MOST_NEAR = 5
Made = tuple[dict[str, Any], IntakeDelivery]  # the answer, and what is kept of it


def keep(
    hook: IntakeHook, outcome: str, status: int, *, errors: list[FieldError] | None = None, **more: Any
) -> IntakeDelivery:
    """Write down what came of a message."""
    said = [{"field": e.field[:120], "reason": e.reason[:200]} for e in (errors or [])[:20]]
    row = IntakeDelivery(hook=hook, outcome=outcome, status=status, errors=said, **more)
    row.save(force_insert=True)
    return row


def mark_of(hook: IntakeHook, message: str) -> bytes:
    """What a repeat of a message is known by: a keyed hash, for ids of others may hold anything."""
    return crypto.blind(message, f"intake_delivery.mark.{hook.id}".encode())


def once(hook: IntakeHook, mark: bytes, make: Callable[[], Made]) -> tuple[dict[str, Any], bool]:
    """The answer of `make`, which is called once per mark; a repeat waits for the first and gets its answer, and
    whether it is a repeat. After a day the answer has the number only."""
    with services.unit(PUBLIC):
        alone(f"intake:{hook.id}:{mark.hex()}")
        held = IntakeDelivery.objects.filter(hook=hook, mark=mark).first()
        if held is not None:
            kept = secret.unseal(held.answer, held.id)
            keep(hook, "again", 200, case_id=held.case_id, number=held.number)
            return (json.loads(kept) if kept else {"number": held.number, "ticket": None}), True
        answer, row = make()
        row.mark, row.answer = mark, secret.seal(json.dumps(answer), row.id)
        row.save(update_fields=["mark", "answer"])
        IntakeHook.objects.filter(pk=hook.pk).update(last_success_at=clock.now())
    return answer, False


def alone(what: str) -> None:
    """Whoever comes with the same name waits until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [what])


def receive(*, hook: IntakeHook, message_id: str, data: Any, ticket: str) -> tuple[dict[str, Any], bool]:
    """Take a signed message in. `ticket`: the address before a ticket's secret."""
    found = rules.read(hook.mapping, data)
    if found.errors:
        raise Invalid(errors=found.errors)
    name = f"outside:{found.outside_id}" if found.outside_id else f"message:{message_id}"

    def make() -> Made:
        place = placed(hook, found)
        near = nearby(place.get("lon"), place.get("lat"))
        told = found.consent and (found.phone or found.name)
        contact = Contact(phone=found.phone, name=found.name) if told else None
        try:
            made = report(hook, text=found.text, class_code=found.class_code, address=found.address, contact=contact,
                          photos=found.photos, **place)  # fmt: skip
        except Invalid as error:
            raise Invalid(errors=[_by_path(hook, e) for e in error.errors]) from error
        row = keep(hook, "case", 201, case_id=made.case_id, number=made.number)
        due = made.due_at.isoformat() if made.due_at else None
        return {"number": made.number, "ticket": f"{ticket}{made.secret}", "due_at": due, "nearby": near}, row

    return once(hook, mark_of(hook, name), make)


def report(hook: IntakeHook, **given: Any) -> Receipt:
    """As any report of the public: masked, moderated, private where its class is."""
    return cases.report_signal(actor=PUBLIC, channel=hook.channel, want_secret=True, area=hook.area_path, **given)


def placed(hook: IntakeHook, found: rules.Read) -> dict[str, Any]:
    """Longitude and latitude in WGS84, refused outside of the hook's area; {} where only words say where."""
    if found.lon is None and found.lat is None:
        return {}
    if found.lon is None or found.lat is None:
        missing = "lon" if found.lon is None else "lat"
        raise Invalid(_path(hook, missing), say("经度纬度须成对", "longitude and latitude come together"))
    return point(hook, found.lon, found.lat, str(hook.mapping.get("datum", "wgs84")))


def point(hook: IntakeHook, lon: float, lat: float, datum: str) -> dict[str, Any]:
    lon, lat = places.to_wgs84(lon, lat, datum)
    place = places.locate(lon, lat)
    if place is None or not contains(hook.area_path, place.area_path):
        raise Invalid(_path(hook, "lon"), say("位置不在此接入点的区域内", "lies outside this entry point's area"))
    return {"lon": lon, "lat": lat}


def nearby(lon: float | None, lat: float | None) -> list[dict[str, Any]]:
    """Open public cases so near that they may be the same matter."""
    if lon is None or lat is None:
        return []
    return [
        {"number": c.number, "class": either(c.class_zh, c.class_en), "state": either(c.state_zh, c.state_en),
         "metres": c.distance_m}
        for c in cases.open_near(lon, lat, MOST_NEAR)
    ]  # fmt: skip


def class_error(hook: IntakeHook) -> FieldError:
    return FieldError(_path(hook, "class_code"), say("目录中没有此类", "is not in the catalogue"))


def _path(hook: IntakeHook, name: str) -> str:
    """Where the sender wrote a field of ours."""
    found = hook.mapping.get(name) or (hook.mapping.get("category") or {}).get("path" if name == "class_code" else "")
    found = found[0] if isinstance(found, list) and found else found
    return str(found).removeprefix("$.") if found else name


def _by_path(hook: IntakeHook, error: FieldError) -> FieldError:
    name = error.field.partition(".")[0]
    return FieldError(_path(hook, "photos" if name == "photo" else name), error.reason)


def bad_signature(hook: IntakeHook, header: str) -> None:
    """Kept so that somebody sees it; a stranger who knows the address fills no table with it."""
    if portal.within("intake-bad", str(hook.id)):
        why = say("签名或时间不对", "the signature or time is wrong")
        keep(hook, "signature", 401, errors=[FieldError(header, why)])


def forget_old() -> None:
    """Deliveries after 30 days, kept answers after one, unfinished reports after half an hour."""
    now = clock.now()
    IntakeTalk.objects.filter(updated_at__lt=now - TALK_KEPT).delete()
    IntakeDelivery.objects.filter(created_at__lt=now - ANSWER_KEPT, answer__isnull=False).update(answer=None)
    IntakeDelivery.objects.filter(created_at__lt=now - KEPT).delete()
