"""The portal's writes: a report, once per form, and a neighbour's “me too”, once per address."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import transaction

from linli.cases import facade as cases
from linli.cases.contracts import Contact, Receipt
from linli.kernel.actor import PUBLIC
from linli.places.contracts import UnitInfo
from linli.portal import limits
from linli.portal.forms import ReportForm
from linli.portal.models import Submission


def report(*, form: ReportForm, unit: UnitInfo | None, who: str) -> Receipt:
    """Report what a checked form says. The same form sent again, even at the same moment, gets the first receipt."""
    digest, key = _keys(form.nonce)
    with transaction.atomic():
        Submission.objects.bulk_create([Submission(nonce_hash=digest)], ignore_conflicts=True)
        row = Submission.objects.select_for_update().get(nonce_hash=digest)
        if row.receipt:
            return _opened(bytes(row.receipt), key)
        made = cases.report_signal(actor=PUBLIC, **_signal(form, unit))
        row.receipt = _sealed(made, key)
        row.save(update_fields=["receipt"])
        limits.count("report", who)
    return made


def was_sent(nonce: str) -> bool:
    """Whether this form has had its receipt: sending it again costs nothing and is not counted."""
    return Submission.objects.filter(nonce_hash=_keys(nonce)[0]).exclude(receipt=b"").exists()


def _signal(form: ReportForm, unit: UnitInfo | None) -> dict[str, Any]:
    given: dict[str, Any] = {
        "channel": "qr" if unit else "web", "text": form.text, "kind": form.kind, "address": form.address,
        "photos": [form.photo] if form.photo else [],
        "contact": Contact(phone=form.phone, consent=True) if form.phone and form.consent else None,
    }  # fmt: skip
    if unit and form.where == "unit":
        given["unit_id"] = unit.unit_id
    elif unit and form.where == "compound":
        given |= {"lon": unit.lon, "lat": unit.lat, "address": " ".join(filter(None, (unit.compound_zh, form.address)))}
    return given


def me_too(*, case_id: UUID, who: str) -> str:
    """Count one more neighbour, who may follow the case from now on; '' when this address has said so already today."""
    limits.spend("me-too", who)
    with transaction.atomic():
        if limits.count(f"me-too:{case_id}", who) > 1:
            return ""
        cases.me_too(case_id)
        return cases.follow(case_id)


def _keys(nonce: str) -> tuple[bytes, bytes]:
    """What is stored of a nonce, and the key that only its holder can make."""
    return (hashlib.sha256(b"stored\0" + nonce.encode()).digest(), hashlib.sha256(b"key\0" + nonce.encode()).digest())


def _sealed(made: Receipt, key: bytes) -> bytes:
    clear = orjson.dumps([made.case_id, made.number, made.secret])
    return AESGCM(key).encrypt(bytes(12), clear, None)  # the key is used once, so a fixed nonce is right


def _opened(blob: bytes, key: bytes) -> Receipt:
    case_id, number, secret = orjson.loads(AESGCM(key).decrypt(bytes(12), blob, None))
    return Receipt(UUID(case_id), number, secret)
