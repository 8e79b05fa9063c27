"""The label of a unit: QR code, short code in large digits and hotline, on A4 sheets to print and hang up."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import segno
from django.conf import settings

from linli.kernel import audit, typeset
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid
from linli.places import selectors
from linli.places.models import Compound, Unit

TEMPLATE = Path(__file__).with_name("sheet.typ")
MAX_UNITS = 600


def url(code: str) -> str:
    return f"{settings.PUBLIC_URL.rstrip('/')}/q/{code}"


def qr_svg(code: str) -> bytes:
    out = io.BytesIO()
    segno.make(url(code), error="m", micro=False).save(out, kind="svg", border=2, scale=4, xmldecl=False)
    return out.getvalue()


def compound_pdf(actor: Actor, compound: Compound) -> bytes:
    """A4 pages with four labels each, for all units of a compound."""
    units = list(
        selectors.units(actor, "qr.print").filter(building__compound=compound)
        .select_related("building").order_by("building__code", "code")[: MAX_UNITS + 1]
    )  # fmt: skip
    if not units:
        raise Invalid("compound_id", "has no units yet")
    if len(units) > MAX_UNITS:
        raise Invalid("compound_id", f"has more than {MAX_UNITS} units; print it building by building")
    found = selectors.qr_codes([u.id for u in units])
    audit.record(actor=actor, action="places.sheet.print", kind="compound", ref=compound.id, area=compound.area_path,
                 detail={"units": len(units)})  # fmt: skip
    return render([_label(compound, u, found[u.id]) for u in units if u.id in found])


def _label(compound: Compound, unit: Unit, code: str) -> dict[str, Any]:
    return {
        "place_zh": f"{compound.name_zh} {unit.building.name_zh} {unit.label_zh}",
        "place_en": ", ".join(filter(None, (compound.name_en, unit.building.name_en, unit.label_en))),
        "hotline": compound.hotline, "short": f"{unit.short_code[:3]} {unit.short_code[3:]}",
        "host": settings.PUBLIC_URL.partition("://")[2].rstrip("/"), "qr": qr_svg(code).decode(),
    }  # fmt: skip


def render(labels: list[dict[str, Any]]) -> bytes:
    return typeset.pdf(TEMPLATE, labels=labels)
