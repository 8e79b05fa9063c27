"""Import of compounds, buildings and units. Their grid is found by their point."""

from __future__ import annotations

from typing import Any

from linli.kernel import audit, events, services
from linli.kernel.actor import Actor
from linli.kernel.errors import FieldError, Invalid
from linli.places import codes, geo, index
from linli.places.models import Building, Compound, QrCode, Unit
from linli.places.services.import_rows import Reader, Report, Row
from linli.places.services.qr import new_codes

BATCH = 2000
EDIT = "units.manage"


def load_compounds(**given: Any) -> None:
    _load(Compound, _compound, {}, **given)


def load_buildings(**given: Any) -> None:
    _load(Building, _building, {"compound": dict(Compound.objects.values_list("code", "id"))}, **given)


def load_units(**given: Any) -> None:
    _load(Unit, _unit, {"building": dict(Building.objects.values_list("code", "id"))}, **given)


def _compound(reader: Reader, above: dict[str, Any]) -> dict[str, Any]:
    return {
        "name_zh": reader.text("name_zh", most=80, need=True), "name_en": reader.text("name_en", most=120),
        "smart": reader.flag("smart"), "funding": reader.text("funding", most=24),
        "hotline": reader.text("hotline", most=24), "polygon": _outline(reader),
    }  # fmt: skip


def _building(reader: Reader, above: dict[str, Any]) -> dict[str, Any]:
    return {
        "compound_id": _parent(reader, "compound", above["compound"]),
        "name_zh": reader.text("name_zh", most=40, need=True), "name_en": reader.text("name_en", most=60),
        "floors": int(reader.number("floors", low=0, high=200, default=0)), "polygon": _outline(reader),
    }  # fmt: skip


def _unit(reader: Reader, above: dict[str, Any]) -> dict[str, Any]:
    short = reader.text("short_code", most=8)
    if short and not codes.short_ok(short):
        reader.refuse("short_code", "is not a short code: its check digit is wrong")
    return {
        "building_id": _parent(reader, "building", above["building"]),
        "label_zh": reader.text("label_zh", most=40, need=True), "label_en": reader.text("label_en", most=60),
        **({"short_code": short} if short else {}),
    }  # fmt: skip


def _parent(reader: Reader, name: str, known: dict[str, Any]) -> Any:
    code = reader.text(name, most=40, need=True)
    if code and code not in known:
        reader.refuse(name, f"no {name} has the code {code}")
    return known.get(code)


def _outline(reader: Reader) -> dict[str, Any] | None:
    """A GeoJSON polygon, or `outline`: points `lon lat` parted by commas."""
    if reader.row.geometry and reader.row.geometry.get("type") in ("Polygon", "MultiPolygon"):
        value: Any = reader.row.geometry
    elif text := reader.text("outline", most=4000):
        try:
            ring = [[float(n) for n in p.split()] for p in text.split(",")]
        except ValueError:
            reader.refuse("outline", "must be points `lon lat` parted by commas")
            return None
        value = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    else:
        return None
    try:
        return geo.as_geojson(geo.read_polygon(value, "outline"))
    except Invalid as error:
        reader.problems.extend(error.errors)
        return None


def _load(model: Any, fields_of: Any, above: dict[str, Any], *, actor: Actor, rows: list[Row], report: Report,
          apply: bool, system: str, update: bool, force: bool) -> None:  # fmt: skip
    known = {o.code: o for o in model.objects.all()}
    now = index.refresh()
    new, changed, seen = [], [], set()
    for row in rows:
        reader = Reader(row)
        code = reader.text("code", most=40, need=True)
        if code in seen:
            reader.refuse("code", "stands twice in this file")
        seen.add(code)
        if code in known and not update:
            continue
        fields = {**fields_of(reader, above), **_place(reader, actor, now, system)}
        if code in known:
            if not actor.can(EDIT, known[code].area_path):
                reader.refuse("code", "is outside of your area")
            elif not reader.problems and any(getattr(known[code], n) != v for n, v in fields.items()):
                for name, value in fields.items():
                    setattr(known[code], name, value)
                changed.append(known[code])
        elif not reader.problems:
            new.append(model(code=code, **fields))
        if reader.problems:
            report.refuse(row.number, reader.problems)
    report.created, report.updated = len(new), len(changed)
    report.unchanged = report.rows - report.rejected - len(new) - len(changed)
    if apply and (new or changed):
        _write(actor, model, new, changed)


def _place(reader: Reader, actor: Actor, now: index.Index, system: str) -> dict[str, Any]:
    lon, lat = reader.point(system)
    if reader.problems:
        return {}
    node = now.find(lon, lat)
    if node is None:
        reader.problems.append(FieldError("lon", "the point lies outside of all grids"))
        return {}
    if not actor.can(EDIT, node.info.area_path):
        reader.problems.append(FieldError("lon", "the point lies outside of your area"))
    return {"lon": lon, "lat": lat, "grid_id": node.info.grid_id, "area_path": node.info.area_path}


def _write(actor: Actor, model: Any, new: list[Any], changed: list[Any]) -> None:
    kind = model.__name__.lower()
    with services.unit(actor):
        labels = new_codes(new) if model is Unit else []
        model.objects.bulk_create(new, batch_size=BATCH)
        QrCode.objects.bulk_create(labels, batch_size=BATCH)
        if changed:
            names = [f.name for f in model._meta.fields if f.name not in ("id", "code")]
            model.objects.bulk_update(changed, names, batch_size=500)
        area = min((o.area_path for o in [*new, *changed]), key=len)
        audit.record(actor=actor, action=f"places.{kind}.import", kind=kind, ref="import", area=area,
                     detail={"created": len(new), "updated": len(changed)})  # fmt: skip
        events.emit(type=f"{kind}.changed", kind=kind, ref="import", area=area, permission="grids.view",
                    data={"change": "import", "created": len(new), "updated": len(changed)})  # fmt: skip
