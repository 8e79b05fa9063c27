"""The label of a unit: QR code, short code in large digits and hotline, on A4 sheets to print and hang up.

The Chinese typeface comes with the wheel `pylopdf-fonts-zh-cn` (Noto Sans SC, SIL OFL), none from the system.
"""

from __future__ import annotations

import io
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson
import segno
import typst
from django.conf import settings

from linli.kernel import audit
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


@lru_cache(maxsize=1)
def font_folder() -> str:
    """The folder of the Chinese typeface."""
    spec = find_spec("pylopdf_fonts_zh_cn")
    if spec is None or not spec.submodule_search_locations:
        raise Invalid("sheet", "the package pylopdf-fonts-zh-cn with the Chinese typeface is missing")
    return str(next(iter(spec.submodule_search_locations)))


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
    return typst.compile(
        str(TEMPLATE), font_paths=[font_folder()], ignore_system_fonts=True,
        sys_inputs={"labels": orjson.dumps(labels).decode()},
    )  # fmt: skip
