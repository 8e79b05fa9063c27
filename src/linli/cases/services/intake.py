"""From a signal to a case: place, class, masks, clocks, number."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime
from typing import Any
from uuid import UUID

from linli.cases import clocks, geo, numbers, tables
from linli.cases.contracts import CHANNELS, PUBLIC_CHANNELS, Contact, NewCase, Receipt
from linli.cases.models import KINDS, Case, Reporter, Signal
from linli.cases.rules import moderation, words
from linli.cases.services import common, demands, photos
from linli.kernel import clock, ids, images, rows, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, FieldError, Invalid
from linli.kernel.masks import mask, mask_text

MAX_TEXT, MAX_PHOTOS = 2000, 6


def create_case(*, actor: Actor, new: NewCase, within: str = "", savepoint: bool = True) -> Receipt:
    """Take in one signal as one case; with `within`, only where the actor has that permission.

    The caller has checked that the actor may report by this channel; without a `savepoint` it writes nothing else.
    """
    _check(new)
    pictures = [images.prepare(data) for data in new.photos]  # costly and may refuse: before the transaction
    with services.unit(actor, savepoint=savepoint):
        if new.case_id is not None and (held := _known(actor, new.case_id)) is not None:
            return receipt(held)
        return _create(actor, new, pictures, within)


def _known(actor: Actor, case_id: UUID) -> Case | None:
    """The case that this account made under its id before. Whoever asks for the same id meanwhile waits."""
    services.alone(f"case-id:{case_id}")
    held = Case.objects.filter(pk=case_id).defer("tokens").first()
    if held is not None and (actor.account_id is None or held.created_by != actor.account_id):
        raise Conflict("this id was used by someone else")
    return held


def _check(new: NewCase) -> None:
    errors: list[FieldError] = []
    if new.channel not in CHANNELS:
        errors.append(FieldError("channel", f"must be one of {', '.join(CHANNELS)}"))
    if new.kind not in KINDS:
        errors.append(FieldError("kind", f"must be one of {', '.join(KINDS)}"))
    if new.class_code and new.class_code not in tables.catalogue().classes:
        errors.append(FieldError("class_code", "is not in the catalogue"))
    if not new.text.strip() and not new.class_code and not new.photos:
        errors.append(FieldError("text", "say what it is, or choose a class"))
    if len(new.text) > MAX_TEXT:
        errors.append(FieldError("text", f"has more than {MAX_TEXT} characters"))
    if "\0" in new.text + new.address:
        errors.append(FieldError("text", "holds a zero character"))
    if len(new.photos) > MAX_PHOTOS:
        errors.append(FieldError("photos", f"at most {MAX_PHOTOS} pictures"))
    if (new.lon is None) != (new.lat is None):
        errors.append(FieldError("lon", "longitude and latitude come together"))
    elif new.lon is not None and new.lat is not None and (why := geo.bad_point(new.lon, new.lat)):
        errors.append(FieldError("lon", why))
    errors += [e for e in demands.of_report(new) if e.field not in {known.field for known in errors}]
    if errors:
        raise Invalid(errors=errors)


def masked(text: str, contact: Contact | None) -> tuple[str, bool]:
    """`text` without numbers and the reporter's own name, and whether it held any: else it outlives a withdrawal."""
    clear, found = mask_text(text)
    name = contact.name.strip() if contact else ""
    if len(name) < 2:
        return clear, bool(found)
    word = rf"\b{re.escape(name)}\b" if name.isascii() else re.escape(name)
    clear, times = re.subn(word, lambda _: mask("name", name), clear)
    return clear, bool(found or times)


def locate(new: NewCase) -> dict[str, Any]:
    """The columns that say where: from the unit, the point, or the district when only words are given."""
    from linli.places import facade as places

    lon, lat, address = new.lon, new.lat, masked(new.address, new.contact)[0].strip()[:240]
    grid_id, area = None, ""
    if new.unit_id is not None:
        unit = places.unit(new.unit_id)
        if unit is None:
            raise Invalid("unit_id", "is unknown")
        lon, lat = (unit.lon, unit.lat) if lon is None else (lon, lat)
        grid_id, area, address = unit.grid_id, unit.area_path, address or unit.title()
    elif lon is not None and lat is not None:
        place = places.locate(lon, lat)
        if place is None:
            raise Invalid("lon", "the point lies outside the district")
        grid_id, area = place.grid_id, place.area_path
    if lon is not None and lat is not None:
        lon, lat = round(lon, 6), round(lat, 6)  # a decimetre; more digits only make maps heavier
    area = area or new.area
    if not area:
        roots = places.grids(level=0)
        area = roots[0].area_path if roots else ""
    x, y = geo.to_metres(lon, lat) if lon is not None and lat is not None else (None, None)
    return {"lon": lon, "lat": lat, "x": x, "y": y, "grid_id": grid_id, "area_path": area, "address": address,
            "unit_id": new.unit_id}  # fmt: skip


def is_private(new: NewCase) -> bool:
    """Needs and opinions, and classes about a person's own life, are nobody else's business by default."""
    if new.private is not None and new.channel not in PUBLIC_CHANNELS:
        return new.private
    found = tables.catalogue().classes.get(new.class_code)
    return bool(new.private) or new.kind in ("need", "opinion") or bool(found and found.private)


def _create(actor: Actor, new: NewCase, pictures: list[images.Prepared], within: str) -> Receipt:
    table, text, at = tables.transitions(), masked(new.text.strip(), new.contact), clock.now()
    place = locate(new)
    if within:
        actor.require(within, place["area_path"])
    state = new.state or table.initial
    case = Case(
        id=new.case_id or ids.new_id(), number=numbers.next_number(at), kind=new.kind, class_code=new.class_code,
        text=text[0], private=is_private(new), channel=new.channel, urgent=new.urgent, state=state,
        step=table.states[state].step, created_by=actor.account_id,
        priority=tables.demand(new.class_code).priority if new.class_code else 0, device_id=new.device_id,
        alarm_id=new.alarm_id, created_at=at, updated_at=at, signal_count=1,
        flags=_held(text[0], place["address"]), **place,
    )  # fmt: skip
    case.tokens = search_tokens(case)
    if new.state == "filed":
        case.filed_at = at
        clocks.apply(case, {"start": ("dispatch",)}, at)
    else:
        clocks.apply(case, table.initial_clock, at)
    with rows.together():
        rows.insert([case])
        _signal(case, new, at)
        secret = _reporter(case, new, text[1], at) if new.want_secret or new.contact else ""
        for picture in pictures:
            photos.keep(case=case, actor=actor, stage="report", picture=picture)
        common.entry(case=case, actor=actor, act="report", at=at, from_state=state, note=new.note,
                     detail={"channel": new.channel, "kind": new.kind, "photos": len(pictures)})  # fmt: skip
        common.record(case=case, actor=actor, act="create", detail={"channel": new.channel})
        common.tell(case=case, actor=actor, type="case.created", act="report")
    return receipt(case, secret)


def _held(*words_said: str) -> list[str]:
    """Words with a number or a plate in them wait for a person before the public reads them."""
    return [moderation.HELD] if any(moderation.found(w, tables.moderation()) for w in words_said) else []


def _signal(case: Case, new: NewCase, at: datetime) -> None:
    if new.alarm_id is not None:
        Signal.objects.create(case=case, kind="alarm", ref=new.alarm_id, at=at)


def search_tokens(case: Case) -> list[str]:
    """Number, class, address and masked text; a reporter's name is in no index."""
    found = tables.catalogue().classes.get(case.class_code)
    names = (found.zh, found.en) if found else ()
    return words.tokens(case.text, case.address, *names, case.number.rpartition("-")[2])


def _reporter(case: Case, new: NewCase, hidden: bool, at: datetime) -> str:
    secret = secrets.token_urlsafe(18)
    contact = new.contact or Contact(consent=False)
    told = bool(contact.phone or contact.name or contact.email) and contact.consent
    row = Reporter(
        case=case, token_hash=hashlib.sha256(secret.encode()).digest(),
        consent_at=at if told else None, created_at=at,
    )  # fmt: skip
    if told:
        row.phone, row.name = contact.phone.strip()[:32] or None, contact.name.strip()[:60] or None
        if hidden:  # what was masked is kept, sealed, because the reporter wants to be called about it
            row.original = new.text
        if contact.email:
            row.original = f"{new.text if hidden else ''}\n{contact.email[:254]}".strip()
    row.save(force_insert=True)
    return secret


def receipt(case: Case, secret: str = "") -> Receipt:
    """What the reporter is told: by when, and whether that limit is only illustrative."""
    row = tables.catalogue().condition(case.class_code, case.condition_no, tables.today())
    limit = clocks.limit_words(row.limit, row.unit) if row else ("", "")
    return Receipt(case.id, case.number, secret, case.due_at, *limit, illustrative=bool(row and row.illustrative))


def create_once(*, actor: Actor, new: NewCase, key: str, within: str = "") -> Receipt:
    """As `create_case`, once per key: a second call with the key gets the first one's receipt, without its secret.

    For callers that are not requests (the field app's queue, adapters); a request carries an Idempotency-Key instead.
    """
    mark = hashlib.sha256(f"{actor.label}\0{key}".encode()).hexdigest()[:60]
    with services.unit(actor):
        services.alone(f"case-once:{mark}")
        held = Case.objects.filter(source="linli", external_id=mark).defer("tokens").first()
        if held is not None:
            return receipt(held)
        made = create_case(actor=actor, new=new, within=within)
        Case.objects.filter(pk=made.case_id).update(external_id=mark)
    return made
