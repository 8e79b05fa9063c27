"""The routes: areas, pages by key with few queries, boundaries by preview and revision, labels as PDF and SVG."""

from __future__ import annotations

import re
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import segno
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image
from tests.places.conftest import STEP, S, W, someone, square

from linli.kernel import http
from linli.kernel.actor import Actor
from linli.places import index
from linli.places.models import Compound, Grid, QrCode, Unit
from linli.places.sheet import url as sheet_url

pytestmark = pytest.mark.django_db
Town = dict[str, Grid]
API = "/api/v1"


@pytest.fixture
def as_actor(monkeypatch: pytest.MonkeyPatch) -> Any:
    def sign_in(actor: Actor) -> Client:
        monkeypatch.setattr(http, "_resolver", lambda: lambda request: actor)
        index.refresh()
        return Client()

    return sign_in


@pytest.mark.parametrize("path", ["grids", "compounds", "buildings", "units", "grids/changes"])
def test_lists_page_by_key_and_ask_few_questions(town: Town, planner: Actor, as_actor: Any, path: str) -> None:
    web = as_actor(planner)
    everything = web.get(f"{API}/{path}?limit=200").json()
    seen, cursor = [], None
    while True:
        page = web.get(f"{API}/{path}?limit=1" + (f"&cursor={cursor}" if cursor else "")).json()
        seen += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == everything["items"] and everything["next"] is None
    with CaptureQueriesContext(
        connection,
    ) as queries:
        web.get(f"{API}/{path}?limit=200")
    assert len(queries) <= 1
    assert web.get(f"{API}/{path}?limit=0").status_code == 422
    assert web.get(f"{API}/{path}?cursor=nonsense").status_code == 422


def test_other_areas_are_not_there(town: Town, as_actor: Any) -> None:
    web = as_actor(someone(town["east"].area_path, "grids.view", "grids.manage", "qr.print"))
    unit, compound = Unit.objects.first(), Compound.objects.get()
    assert unit is not None
    for path in (f"grids/{town['a'].id}", f"compounds/{compound.id}", f"units/{unit.id}", f"units/{unit.id}/qr",
                 f"compounds/{compound.id}/sheet.pdf", f"locate?lon={W + 0.005}&lat={S + 0.005}"):  # fmt: skip
        assert web.get(f"{API}/{path}").status_code == 404, path
    assert web.get(f"{API}/units").json()["items"] == []
    tree = web.get(f"{API}/grids/tree").json()
    assert [n["code"] for n in tree] == ["340121999"] and [c["code"] for c in tree[0]["children"]] == ["34012199902"]
    codes = {f["properties"]["code"] for f in web.get(f"{API}/grids.geojson").json()["features"]}
    assert codes == {"34012199902", "340121999003"}


def test_locate_in_three_systems(town: Town, planner: Actor, as_actor: Any) -> None:
    from linli.places import geo

    web = as_actor(planner)
    for system in geo.SYSTEMS:
        lon, lat = geo.from_wgs84(W + 0.005, S + 0.005, system)
        found = web.get(f"{API}/locate?lon={lon}&lat={lat}&system={system}").json()
        assert found["grid_code"] == town["a"].code and found["community_name"] == town["c1"].name_zh
    for bad in ("lon=0&lat=0", "lon=200&lat=1", "lon=nan&lat=1", "lon=x&lat=1", "lat=1", "lon=1&lat=1&system=mars"):
        assert web.get(f"{API}/locate?{bad}").status_code == 422, bad


def test_a_split_by_preview_and_revision_and_back(town: Town, planner: Actor, as_actor: Any) -> None:
    web = as_actor(planner)
    line = {"type": "LineString", "coordinates": [[W - STEP, S + 0.009], [W + 2 * STEP, S + 0.009]]}
    url = f"{API}/grids/{town['a'].id}/split"
    preview = web.post(f"{url}/preview", {"line": line}, content_type="application/json").json()
    assert {c["name"]: c["count"] for c in preview["counts"]}["places.unit"] == 4
    assert Grid.objects.filter(valid_to=None).count() == 8
    stale = web.post(url, {"line": line, "revision": preview["revision"] - 1}, content_type="application/json")
    assert stale.status_code == 409
    done = web.post(url, {"line": line, "revision": preview["revision"]}, content_type="application/json")
    assert done.status_code == 200 and Grid.objects.filter(valid_to=None).count() == 9
    then = web.get(f"{API}/grids", {"at": done.json()["at"]}).json()["items"]
    assert len(then) == 9
    assert web.post(f"{API}/grids/changes/{done.json()['id']}/undo").status_code == 200
    assert Grid.objects.filter(valid_to=None).count() == 8
    bad = web.post(url, {"line": {"type": "Point", "coordinates": [1, 2]}}, content_type="application/json")
    assert bad.status_code == 422 and bad.json()["errors"][0]["field"] == "line"


def test_gaps_and_overlaps_are_listed_with_their_shape(town: Town, planner: Actor, as_actor: Any) -> None:
    Grid.objects.filter(id=town["b"].id).update(polygon=square(0, 0, 1, 2))
    found = as_actor(planner).get(f"{API}/grids/check").json()
    assert {p["kind"] for p in found} == {"overlap", "gap"}
    assert all(p["geometry"]["type"] in ("Polygon", "MultiPolygon") and p["area_m2"] > 1000 for p in found)


def test_the_sheet_carries_its_own_chinese_typeface(town: Town, planner: Actor, as_actor: Any) -> None:
    web = as_actor(planner)
    answer = web.get(f"{API}/compounds/{Compound.objects.get().id}/sheet.pdf")
    assert answer.status_code == 200 and answer.content.startswith(b"%PDF-")
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", answer.content, re.S)
    clear = answer.content
    for part in streams:
        try:
            clear += zlib.decompress(part)
        except zlib.error:
            continue
    assert b"NotoSansSC" in clear and b"/FontFile" in clear
    unit = Unit.objects.first()
    assert unit is not None
    assert b"<svg" in web.get(f"{API}/units/{unit.id}/qr.svg").content
    first = web.get(f"{API}/units/{unit.id}/qr").json()
    assert first[0]["url"].endswith("/q/" + first[0]["code"])
    assert (
        web.post(f"{API}/units/{unit.id}/qr/rotate", {"reason": ""}, content_type="application/json").status_code == 422
    )
    made = web.post(f"{API}/units/{unit.id}/qr/rotate", {"reason": "被涂改"}, content_type="application/json").json()
    now = web.get(f"{API}/units/{unit.id}/qr").json()
    assert [c["code"] for c in now] == [made["code"], first[0]["code"]] and now[1]["replaced_at"]


def test_a_label_says_place_hotline_and_short_code_and_its_qr_is_the_units_own(
    town: Town, planner: Actor, as_actor: Any, tmp_path: Path
) -> None:
    sheet, compound = tmp_path / "sheet.pdf", Compound.objects.get()
    sheet.write_bytes(as_actor(planner).get(f"{API}/compounds/{compound.id}/sheet.pdf").content)
    said = subprocess.run(["pdftotext", "-layout", sheet, "-"], capture_output=True, check=True).stdout.decode()
    units = list(Unit.objects.order_by("code"))
    assert said.count("扫码报问题") == said.count(compound.hotline) == len(units) == 4
    for unit in units:
        assert f"{compound.name_zh} {unit.building.name_zh} {unit.label_zh}" in said
        assert f"{unit.short_code[:3]} {unit.short_code[3:]}" in said
    subprocess.run(["pdftoppm", "-r", "200", "-gray", "-png", "-singlefile", sheet, tmp_path / "page"], check=True)
    page = np.asarray(Image.open(tmp_path / "page.png").convert("L")) < 128
    for column, unit in enumerate(units[:2]):
        code = QrCode.objects.get(unit=unit, replaced_at=None).code
        wanted = np.array(list(segno.make(sheet_url(code), error="m", micro=False).matrix), bool)
        assert (printed(page, column, len(wanted)) == wanted).all(), unit.code


def printed(page: np.ndarray, column: int, size: int) -> np.ndarray:
    """The squares of the QR code in the first row of labels: it is 64 mm wide with a rim of two squares."""
    mm = 200 / 25.4
    side, left = 64 * mm / (size + 4), (10 + column * 96.5 + 46 - 32) * mm
    rim = page[
        :, round(left + 2.5 * side)
    ]  # goes down through the first square of the upper left mark: seven dark ones
    top, run = 0, round(6.5 * side)
    while not rim[top : top + run].all():
        top += 1
    middle = (np.arange(size) + 0.5) * side
    return page[np.ix_((top + middle).astype(int), (left + 2 * side + middle).astype(int))]


def test_layers_of_the_map_are_cached_and_nothing_else_is_served(db: None) -> None:
    web = Client()
    answer = web.get(f"{API}/basemap/roads.geojson")
    assert answer.status_code == 200 and len(answer.json()["features"]) > 20
    assert web.get(f"{API}/basemap/roads.geojson", headers={"If-None-Match": answer["ETag"]}).status_code == 304
    for bad in ("grids.csv", "..%2Fdistrict", "nothing"):
        assert web.get(f"{API}/basemap/{bad}.geojson").status_code == 404
