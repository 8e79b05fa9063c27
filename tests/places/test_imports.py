"""Imports tell row by row what they refuse, change nothing in a dry run, and nothing the second time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.places.conftest import S, W, someone, square

from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid
from linli.places import codes, geo, index, selectors
from linli.places.models import Compound, Grid, QrCode, Unit
from linli.places.services import imports

pytestmark = pytest.mark.django_db
Town = dict[str, Grid]


def feature(geometry: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def collection(*features: Any) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def run(actor: Actor, kind: str, data: bytes, name: str = "x.csv", apply: bool = True, **more: Any) -> imports.Report:
    index.refresh()
    return imports.import_file(actor=actor, kind=kind, name=name, data=data, apply=apply, **more)


def test_grids_are_added_below_their_parents_and_the_second_time_nothing_happens(town: Town, planner: Actor) -> None:
    data = collection(
        feature(square(0, 2), code="340121999002001", name_zh="一片", level=3, parent="340121999002"),
        feature(square(0, 3), code="340121999002101", name_zh="一片一格", level=4, parent="340121999002001"),
    )
    dry = run(planner, "grids", data, "g.geojson", apply=False)
    assert (dry.created, dry.rejected, Grid.objects.filter(name_zh="一片").count()) == (2, 0, 0)
    first = run(planner, "grids", data, "g.geojson")
    assert (first.created, first.rejected) == (2, 0)
    assert Grid.objects.get(code="340121999002101").area_path == "340121999.01.002.001.101"
    again = run(planner, "grids", data, "g.geojson")
    assert (again.created, again.updated, again.unchanged) == (0, 0, 2)


def test_a_new_boundary_in_a_file_is_a_new_dated_grid(town: Town, planner: Actor) -> None:
    unit = Unit.objects.get(code="K1-1-1")
    shapes = [square(0, 0, 1, 1), square(1, 0, 1, 2)]
    data = collection(feature(shapes[0], code="340121999001001", name_zh="网格001", level=3, parent="340121999001"))
    report = run(planner, "grids", data, "g.geojson")
    assert (report.updated, report.errors) == (1, [])
    assert Grid.objects.filter(code="340121999001001").count() == 2
    unit.refresh_from_db()
    assert unit.grid_id == Grid.objects.get(code="340121999001001", valid_to=None).id
    assert Unit.objects.get(code="K1-1-4").area_path == town["c1"].area_path


BAD = [
    (feature(None, code="1", name_zh="a", level=1, parent="340121999"), "geometry"),
    (feature({"type": "Polygon", "coordinates": []}, code="2", name_zh="a", level=1, parent="340121999"), "geometry"),
    (feature({"type": "Polygon", "coordinates": "x"}, code="3", name_zh="a", level=1, parent="340121999"), "geometry"),
    (feature(square(0, 0), code="4", name_zh="a", level=7, parent="340121999"), "level"),
    (feature(square(0, 0), code="5", level=1, parent="340121999"), "name_zh"),
    (feature(square(0, 0), name_zh="a", level=1, parent="340121999"), "code"),
    (feature(square(0, 0), code="6", name_zh="a", level=1, parent="nobody"), "parent"),
    (feature(square(0, 0), code="7", name_zh="a", level=1), "parent"),
    (feature(square(0, 0), code="8", name_zh="a", level=1, kind="x", parent="340121999"), "kind"),
    (feature({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 1], [1, 0], [0, 0]]]}, code="9", name_zh="a",
             level=1, parent="340121999"), "geometry"),
    (feature({"type": "Polygon", "coordinates": [[[0, 0], [999, 1], [0, 1], [0, 0]]]}, code="10", name_zh="a",
             level=1, parent="340121999"), "geometry"),
    ("not a feature", "code"),
]  # fmt: skip


def test_bad_features_are_named_and_good_ones_still_go_in(town: Town, planner: Actor) -> None:
    good = feature(square(0, 2), code="340121999002001", name_zh="一片", level=3, parent="340121999002")
    report = run(planner, "grids", collection(*[b for b, _ in BAD], good), "g.geojson")
    assert (report.rows, report.created, report.rejected) == (len(BAD) + 1, 1, len(BAD))
    for number, (_, field) in enumerate(BAD, 1):
        assert field in {e["field"] for e in report.errors if e["row"] == number}
    assert all(e["reason"] for e in report.errors)


CSV = (
    "编码,名称,经度,纬度,智慧小区,资金来源,热线\nK9,新家园,{lon},{lat},是,政府投资,0551-1\n"
    "K8,远方,120,40,否,,\nK7,,x,31,也许,,\n"
)


def test_compounds_from_csv_in_chinese_and_gb18030(town: Town, planner: Actor) -> None:
    data = CSV.format(lon=W + 0.005, lat=S + 0.005).encode("gb18030")
    report = run(planner, "compounds", data)
    assert (report.rows, report.created, report.rejected) == (3, 1, 2)
    assert {(e["row"], e["field"]) for e in report.errors} == {(2, "lon"), (3, "name_zh"), (3, "lon"), (3, "smart")}
    made = Compound.objects.get(code="K9")
    assert (made.smart, made.funding, made.grid_id) == (True, "政府投资", town["a"].id)
    assert run(planner, "compounds", data).created == 0


def test_points_of_amap_and_baidu_arrive_where_they_are(town: Town, planner: Actor) -> None:
    want = (W + 0.005, S + 0.005)
    for system in ("gcj02", "bd09"):
        lon, lat = geo.from_wgs84(*want, system)
        assert geo.distance_m(lon, lat, *want) > 300
        run(planner, "compounds", f"code,name,lon,lat\nK-{system},甲,{lon},{lat}\n".encode(), system=system)
        made = Compound.objects.get(code=f"K-{system}")
        assert geo.distance_m(made.lon, made.lat, *want) < 0.1


def test_units_get_short_codes_and_qr_codes(town: Town, planner: Actor) -> None:
    rows = "".join(f"U{i},K1-1,{i} 单元,Unit {i},{W + 0.005},{S + 0.005}\n" for i in range(40))
    report = run(planner, "units", ("code,building,label_zh,label_en,lon,lat\n" + rows).encode())
    assert (report.created, report.rejected) == (40, 0)
    made = list(Unit.objects.filter(code__startswith="U"))
    assert len({u.short_code for u in made}) == 40
    assert all(codes.short_ok(u.short_code) and len(u.short_code) == 6 for u in made)
    assert all(codes.is_qr(c) for c in selectors.qr_codes([u.id for u in made]).values())
    assert QrCode.objects.filter(unit__in=made).count() == 40


def test_an_import_stays_in_the_actors_area(town: Town) -> None:
    far = someone(town["east"].area_path, "grids.view", "grids.manage", "units.manage")
    report = run(far, "compounds", CSV.format(lon=W + 0.005, lat=S + 0.005).encode())
    assert (report.created, report.rejected) == (0, 3)
    report = run(far, "grids", collection(feature(square(0, 2), code="z", name_zh="a", level=3, parent="340121999002")),
                 "g.json")  # fmt: skip
    assert (report.created, report.errors[0]["field"]) == (0, "parent")


@pytest.mark.parametrize(("name", "data"), [
    ("x.xls", b""), ("x.geojson", b"{"), ("x.geojson", b"[]"), ("x.geojson", b'{"type":"FeatureCollection"}'),
    ("x.csv", b"\xff\xfe\x00\x01"), ("x.csv", b"a,b\n\x00,1\n"),
])  # fmt: skip
def test_files_that_are_not_what_they_say(town: Town, planner: Actor, name: str, data: bytes) -> None:
    with pytest.raises(Invalid) as refusal:
        run(planner, "grids" if "geojson" in name else "compounds", data, name)
    assert all(e.field and e.reason for e in refusal.value.errors)
