"""Routes of places under /api/v1. Boundaries are changed by `…/preview` first, then with the revision it gave."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.http import HttpRequest, HttpResponse
from ninja import File, Query
from ninja.files import UploadedFile

from linli.kernel.errors import Invalid, NotFound
from linli.kernel.http import PUBLIC, Router, actor_of
from linli.kernel.paging import Page, keyset
from linli.places import checks, geo, index, pack, selectors, sheet
from linli.places import schemas as s
from linli.places.models import Grid
from linli.places.services import import_buildings, imports, qr, reshape

router = Router(tags=["places"])
VIEW, EDIT, QR = selectors.VIEW, reshape.EDIT, qr.QR


@router.get("/grids", permission=VIEW, response=Page[s.GridOut])
def list_grids(request: HttpRequest, level: int | None = None, kind: str | None = None, at: datetime | None = None,
               cursor: str | None = None, limit: int = 50) -> Any:  # fmt: skip
    """Grids in force (or at an instant) in your areas."""
    found = selectors.grids(actor_of(request), at=at).defer("polygon")
    if level is not None:
        found = found.filter(level=level)
    if kind is not None:
        found = found.filter(kind=kind)
    rows, after = keyset(found, key=("area_path", "id"), cursor=cursor, limit=limit)
    return {"items": rows, "next": after}


@router.get("/grids/tree", permission=VIEW, response=list[s.GridNode])
def grid_tree(request: HttpRequest) -> Any:
    """Your grids as a tree, with the grids above them for orientation."""
    nodes: dict[str, dict[str, Any]] = {}
    roots = []
    for g in selectors.grids(actor_of(request), ancestors=True).defer("polygon").order_by("area_path"):
        node = {"id": g.id, "code": g.code, "name_zh": g.name_zh, "name_en": g.name_en, "level": g.level,
                "kind": g.kind, "purpose": g.purpose, "area_path": g.area_path, "children": []}  # fmt: skip
        nodes[g.area_path] = node
        parent = nodes.get(g.area_path.rpartition(".")[0])
        (parent["children"] if parent else roots).append(node)
    return roots


@router.get("/grids.geojson", permission=VIEW)
def grids_geojson(request: HttpRequest, level: int | None = None, system: str = geo.WGS84) -> HttpResponse:
    """Boundaries of your grids as a FeatureCollection."""
    from shapely.geometry import shape

    found = selectors.grids(actor_of(request))
    if level is not None:
        found = found.filter(level=level)
    tag = f'"{selectors.revision()}"'
    if request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304)
    features = []
    for g in found.order_by("level", "area_path"):
        outline = g.polygon if system == geo.WGS84 else _converted(shape(g.polygon), system)
        features.append({"type": "Feature", "id": str(g.id), "geometry": outline, "properties": {
            "id": str(g.id), "code": g.code, "name_zh": g.name_zh, "name_en": g.name_en, "level": g.level,
            "kind": g.kind, "purpose": g.purpose, "area_path": g.area_path}})  # fmt: skip
    body = orjson.dumps({"type": "FeatureCollection", "features": features})
    response = HttpResponse(body, content_type="application/geo+json")
    response["ETag"], response["Cache-Control"] = tag, "private, no-cache"
    return response


def _converted(outline: Any, system: str) -> dict[str, Any]:
    import numpy as np
    import shapely

    moved = shapely.transform(outline, lambda xy: np.array([geo.from_wgs84(x, y, system) for x, y in xy]))
    return geo.as_geojson(moved)


@router.get("/grids/check", permission=VIEW, response=list[s.ProblemOut])
def check_grids(request: HttpRequest) -> Any:
    """Overlaps, gaps and grids that stick out of their parent, with their shapes."""
    from shapely.geometry import shape

    mine = [(selectors.info(g), shape(g.polygon)) for g in selectors.grids(actor_of(request))]
    return [reshape.problem_dict(p) for p in checks.problems(mine)]


@router.get("/grids/changes", permission=VIEW, response=Page[s.ChangeOut])
def list_changes(request: HttpRequest, cursor: str | None = None, limit: int = 50) -> Any:
    rows, after = keyset(selectors.changes(actor_of(request)), key=("-at", "-id"), cursor=cursor, limit=limit)
    return {"items": rows, "next": after}


@router.post("/grids/changes/{uuid:change_id}/undo", permission=EDIT, response=s.ChangeOut)
def undo_change(request: HttpRequest, change_id: UUID) -> Any:
    """Take a change of boundaries back, within a day and while no later change builds on it."""
    return reshape.undo(actor_of(request), change_id)


@router.post("/grids/preview", permission=EDIT, response=s.PreviewOut)
def preview_create(request: HttpRequest, body: s.GridIn) -> Any:
    return reshape.preview(_create_plan(request, body))


@router.post("/grids", permission=EDIT, response={201: s.ChangeOut})
def create_grid(request: HttpRequest, body: s.GridIn) -> Any:
    """Add a grid below another."""
    plan = _create_plan(request, body)
    return 201, reshape.apply(actor_of(request), plan, revision=body.revision, force=body.force)


def _create_plan(request: HttpRequest, body: s.GridIn) -> Any:
    return reshape.plan_create(
        actor_of(request), body.parent_id, name=(body.name_zh, body.name_en), polygon=body.polygon, kind=body.kind,
        purpose=body.purpose, system=body.system,
    )  # fmt: skip


@router.post("/grids/merge/preview", permission=EDIT, response=s.PreviewOut)
def preview_merge(request: HttpRequest, body: s.MergeIn) -> Any:
    plan = reshape.plan_merge(actor_of(request), body.grid_ids, (body.name.zh, body.name.en))
    return reshape.preview(plan)


@router.post("/grids/merge", permission=EDIT, response=s.ChangeOut)
def merge_grids(request: HttpRequest, body: s.MergeIn) -> Any:
    """Join neighbouring grids."""
    plan = reshape.plan_merge(actor_of(request), body.grid_ids, (body.name.zh, body.name.en))
    return reshape.apply(actor_of(request), plan, revision=body.revision)


@router.post("/grids/redraw/preview", permission=EDIT, response=s.PreviewOut)
def preview_redraw(request: HttpRequest, body: s.RedrawIn) -> Any:
    return reshape.preview(_redraw_plan(request, body))


@router.post("/grids/redraw", permission=EDIT, response=s.ChangeOut)
def redraw_grids(request: HttpRequest, body: s.RedrawIn) -> Any:
    """Give one or more grids new boundaries; with `trim`, their neighbours give way."""
    return reshape.apply(actor_of(request), _redraw_plan(request, body), revision=body.revision, force=body.force)


def _redraw_plan(request: HttpRequest, body: s.RedrawIn) -> Any:
    shapes = [(g.grid_id, g.polygon) for g in body.grids]
    return reshape.plan_redraw(actor_of(request), shapes, trim=body.trim, system=body.system)


@router.post("/grids/{uuid:grid_id}/split/preview", permission=EDIT, response=s.PreviewOut)
def preview_split(request: HttpRequest, grid_id: UUID, body: s.SplitIn) -> Any:
    return reshape.preview(reshape.plan_split(actor_of(request), grid_id, body.line, _names(body)))


@router.post("/grids/{uuid:grid_id}/split", permission=EDIT, response=s.ChangeOut)
def split_grid(request: HttpRequest, grid_id: UUID, body: s.SplitIn) -> Any:
    """Cut a grid along a line; all that lives in it goes to the part it lies in."""
    plan = reshape.plan_split(actor_of(request), grid_id, body.line, _names(body))
    return reshape.apply(actor_of(request), plan, revision=body.revision)


def _names(body: s.SplitIn) -> list[tuple[str, str]]:
    return [(n.zh, n.en) for n in body.names]


@router.get("/grids/{uuid:grid_id}", permission=VIEW, response=s.GridFull)
def get_grid(request: HttpRequest, grid_id: UUID) -> Grid:
    return selectors.grid(actor_of(request), grid_id)


@router.patch("/grids/{uuid:grid_id}", permission=EDIT, response=s.GridFull)
def rename_grid(request: HttpRequest, grid_id: UUID, body: s.RenameIn) -> Grid:
    return qr.rename_grid(
        actor=actor_of(request), grid_id=grid_id, name_zh=body.name_zh, name_en=body.name_en, purpose=body.purpose
    )


@router.get("/compounds", permission=VIEW, response=Page[s.CompoundOut])
def list_compounds(request: HttpRequest, area: str = "", smart: bool | None = None, q: str = "",
                   cursor: str | None = None, limit: int = 50) -> Any:  # fmt: skip
    found = selectors.within(selectors.compounds(actor_of(request)), area).defer("polygon")
    if smart is not None:
        found = found.filter(smart=smart)
    if q:
        found = selectors.named(found, q)
    rows, after = keyset(found, key=("code",), cursor=cursor, limit=limit)
    return {"items": rows, "next": after}


@router.get("/compounds/{uuid:compound_id}", permission=VIEW, response=s.CompoundOut)
def get_compound(request: HttpRequest, compound_id: UUID) -> Any:
    return selectors.compound(actor_of(request), compound_id)


@router.get("/compounds/{uuid:compound_id}/sheet.pdf", permission=QR)
def compound_sheet(request: HttpRequest, compound_id: UUID) -> HttpResponse:
    """A4 sheets with a label for each unit: QR code, short code, hotline."""
    compound = selectors.compound(actor_of(request), compound_id, permission=QR)
    response = HttpResponse(sheet.compound_pdf(actor_of(request), compound), content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="qr-{compound.code}.pdf"'
    response["Cache-Control"] = "private, no-store"
    return response


@router.get("/buildings", permission=VIEW, response=Page[s.BuildingOut])
def list_buildings(request: HttpRequest, compound_id: UUID | None = None, area: str = "",
                   cursor: str | None = None, limit: int = 50) -> Any:  # fmt: skip
    found = selectors.within(selectors.buildings(actor_of(request)), area).defer("polygon")
    if compound_id is not None:
        found = found.filter(compound_id=compound_id)
    rows, after = keyset(found, key=("code",), cursor=cursor, limit=limit)
    return {"items": rows, "next": after}


@router.get("/units", permission=VIEW, response=Page[s.UnitOut])
def list_units(request: HttpRequest, building_id: UUID | None = None, compound_id: UUID | None = None,
               short_code: str | None = None, area: str = "", cursor: str | None = None,
               limit: int = 50) -> Any:  # fmt: skip
    found = selectors.within(selectors.units(actor_of(request)), area)
    if building_id is not None:
        found = found.filter(building_id=building_id)
    if compound_id is not None:
        found = found.filter(building__compound_id=compound_id)
    if short_code is not None:
        found = found.filter(short_code=short_code)
    rows, after = keyset(found, key=("code",), cursor=cursor, limit=limit)
    return {"items": rows, "next": after}


@router.get("/units/{uuid:unit_id}", permission=VIEW, response=s.UnitOut)
def get_unit(request: HttpRequest, unit_id: UUID) -> Any:
    return selectors.unit(actor_of(request), unit_id)


@router.get("/units/{uuid:unit_id}/qr", permission=QR, response=list[s.QrOut])
def unit_qr(request: HttpRequest, unit_id: UUID) -> Any:
    """The QR codes of a unit, the one in force first."""
    unit = selectors.unit(actor_of(request), unit_id, permission=QR)
    return [_qr(c) for c in selectors.qr_history(unit.id)]


@router.post("/units/{uuid:unit_id}/qr/rotate", permission=QR, response={201: s.QrOut})
def rotate_qr(request: HttpRequest, unit_id: UUID, body: s.RotateIn) -> Any:
    """Replace the QR code of a unit; scans of the old one say that it was replaced."""
    return 201, _qr(qr.rotate_qr(actor=actor_of(request), unit_id=unit_id, reason=body.reason))


@router.get("/units/{uuid:unit_id}/qr.svg", permission=QR)
def unit_qr_svg(request: HttpRequest, unit_id: UUID) -> HttpResponse:
    unit = selectors.unit(actor_of(request), unit_id, permission=QR)
    code = selectors.qr_codes([unit.id]).get(unit.id)
    if code is None:
        raise NotFound("this unit has no code")
    return HttpResponse(sheet.qr_svg(code), content_type="image/svg+xml", headers={"Cache-Control": "no-store"})


def _qr(code: Any) -> dict[str, Any]:
    return {"code": code.code, "url": sheet.url(code.code), "created_at": code.created_at,
            "replaced_at": code.replaced_at, "reason": code.reason}  # fmt: skip


@router.get("/locate", permission=VIEW, response=s.LocateOut)
def locate(request: HttpRequest, lon: float = Query(...), lat: float = Query(...), system: str = geo.WGS84) -> Any:
    """The finest grid at a point. `system`: wgs84, gcj02 (Amap, Tencent) or bd09 (Baidu)."""
    geo.check_point(lon, lat)
    x, y = geo.to_wgs84(lon, lat, system)
    node = index.current().find(x, y)
    if node is None or not actor_of(request).can(VIEW, node.info.area_path):
        raise NotFound("no grid of your area is at this point")
    p = node.place
    return {"grid_id": p.grid_id, "area_path": p.area_path, "grid_code": p.grid_code, "grid_name": p.grid_name,
            "community_name": p.community_name, "community_name_en": p.community_name_en,
            "lon": round(x, 7), "lat": round(y, 7)}  # fmt: skip


@router.post("/grids/import", permission=EDIT, response=s.ReportOut)
def import_grids(request: HttpRequest, file: File[UploadedFile], apply: bool = False, system: str = geo.WGS84,
                 force: bool = False) -> Any:  # fmt: skip
    """Import grids from GeoJSON; without `apply` it only reports, row by row."""
    return _import(request, "grids", file, apply, system, force)


@router.post("/units/import", permission=import_buildings.EDIT, response=s.ReportOut)
def import_units(request: HttpRequest, kind: str, file: File[UploadedFile], apply: bool = False,
                 system: str = geo.WGS84) -> Any:  # fmt: skip
    """Import compounds, buildings or units (`kind`) from CSV or GeoJSON; without `apply` it only reports."""
    if kind not in ("compounds", "buildings", "units"):
        raise Invalid("kind", "must be compounds, buildings or units")
    return _import(request, kind, file, apply, system, False)


def _import(request: HttpRequest, kind: str, file: UploadedFile, apply: bool, system: str, force: bool) -> Any:
    if system not in geo.SYSTEMS:
        raise Invalid("system", f"must be one of {', '.join(geo.SYSTEMS)}")
    report = imports.import_file(
        actor=actor_of(request), kind=kind, name=file.name or "", data=file.read(), apply=apply, system=system,
        force=force,
    )  # fmt: skip
    return report.as_dict()


@router.get("/basemap/{layer}.geojson", permission=PUBLIC)
def basemap(request: HttpRequest, layer: str) -> HttpResponse:
    """A layer of the map from the district's pack: roads, water, buildings. Illustrative in the demo."""
    path = pack.layer(layer) if layer.isidentifier() else None
    if path is None:
        raise NotFound("no such layer")
    stat = path.stat()
    tag = f'"{stat.st_size:x}-{stat.st_mtime_ns:x}"'
    if request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304)
    response = HttpResponse(path.read_bytes(), content_type="application/geo+json")
    response["ETag"], response["Cache-Control"] = tag, "public, max-age=3600"
    return response
