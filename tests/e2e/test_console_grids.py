"""Boundaries by hand on the map: redrawn by their corners, drawn with an overlap that is shown, merged, undone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, expect
from shapely.geometry import shape
from tests.district import District
from tests.e2e import browser as chrome

from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
COMMUNITY = "凤霞社区"
FLIGHT = 1_500  # the map flies to a grid that is chosen


class Sheet:
    """The map of the grid page, flown to one grid: where its places are on the screen."""

    def __init__(self, page: Page, bounds: tuple[float, float, float, float]) -> None:
        box = page.get_by_test_id("map").bounding_box()
        assert box
        west, south, east, north = bounds
        (x0, y1), (x1, y0) = self._world(west, south), self._world(east, north)
        self.scale = min((box["width"] - 120) / (x1 - x0), (box["height"] - 120) / (y1 - y0), 512 * 2**17)
        self.centre = ((x0 + x1) / 2, (y0 + y1) / 2)
        self.middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    @staticmethod
    def _world(lon: float, lat: float) -> tuple[float, float]:
        mercator = math.log(math.tan(math.pi / 4 + math.radians(lat) / 2))
        return lon / 360 + 0.5, 0.5 - mercator / (2 * math.pi)

    def at(self, lon: float, lat: float) -> tuple[float, float]:
        x, y = self._world(lon, lat)
        return (self.middle[0] + (x - self.centre[0]) * self.scale, self.middle[1] + (y - self.centre[1]) * self.scale)


def nodes(district: District) -> tuple[Client, dict[str, Any]]:
    admin = Client(district.origin).sign_in("admin", district.passwords()["admin"])
    found: dict[str, Any] = {}

    def walk(level: list[dict[str, Any]]) -> None:
        for node in level:
            found[node["name_zh"]] = node
            walk(node["children"])

    walk(admin.get("grids/tree"))
    return admin, found


@contextmanager
def grid_page(
    district: District, chromium: Browser, node: dict[str, Any], polygon: Any
) -> Iterator[tuple[Page, Sheet]]:
    with chrome.context(chromium) as context:
        page = context.new_page()
        chrome.sign_in(page, district.origin, "admin", district.passwords()["admin"], f"/console/grids/{node['id']}")
        page.locator("[data-testid=map][data-ready=true]").wait_for()
        expect(page.get_by_test_id("grid-name")).to_have_text(node["name_zh"])
        page.wait_for_timeout(FLIGHT)
        yield page, Sheet(page, shape(polygon).bounds)


def polygon_of(client: Client, node: dict[str, Any]) -> dict[str, Any]:
    polygon: dict[str, Any] = client.get(f"grids/{node['id']}")["polygon"]
    return polygon


def asked(page: Page, path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Press for the preview; what was asked and what was answered."""
    with page.expect_response(lambda r: r.url.endswith(path)) as waiting:
        page.get_by_test_id("grid-preview-go").click()
    request: Request = waiting.value.request
    page.get_by_test_id("grid-preview").wait_for()
    return request.post_data_json, waiting.value.json()


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.wait_for_timeout(200)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    page.mouse.move(*end)
    page.mouse.up()
    page.wait_for_timeout(400)


def inward(sheet: Sheet, corner: list[float], polygon: Any, share: float = 0.25) -> tuple[float, float]:
    """A place on the screen from a corner towards the middle of its polygon."""
    middle = shape(polygon).centroid
    (x, y), (mx, my) = sheet.at(*corner), sheet.at(middle.x, middle.y)
    return x + (mx - x) * share, y + (my - y) * share


def undo(page: Page) -> None:
    page.get_by_test_id("toast-undo").click()
    expect(page.get_by_test_id("toast").last).to_contain_text("已撤销")


def lone_corner(ring: list[list[float]], sheet: Sheet) -> int:
    """The corner of a ring that stands farthest from its neighbours on the screen."""

    def room(i: int) -> float:
        x, y = sheet.at(*ring[i])
        return min(math.dist((x, y), sheet.at(*other)) for j, other in enumerate(ring) if j != i)

    return max(range(len(ring)), key=room)


def test_a_boundary_is_redrawn_by_its_corners_also_after_the_preview_and_in_another_theme(
    district: District, chromium: Browser
) -> None:
    admin, known = nodes(district)
    node = known[f"{COMMUNITY}第一网格"]["children"][0]
    polygon = polygon_of(admin, node)
    with grid_page(district, chromium, node, polygon) as (page, sheet):
        page.get_by_test_id("grid-tools").get_by_role("button", name="改边界").click()
        ring = polygon["coordinates"][0][:-1]
        i = lone_corner(ring, sheet)
        corner, inside = sheet.at(*ring[i]), inward(sheet, ring[i], polygon)
        page.wait_for_timeout(500)
        drag(page, corner, inside)
        body, found = asked(page, "/grids/redraw/preview")
        first = body["grids"][0]["polygon"]["coordinates"][0]
        assert [k for k in range(len(ring)) if math.dist(first[k], ring[k]) > 1e-5] == [i], "only this corner moved"
        assert next(one for one in found["created"] if one["code"] == node["code"])["area_m2"] > 0
        drag(page, inside, inward(sheet, ring[i], polygon, 0.4))
        second = asked(page, "/grids/redraw/preview")[0]["grids"][0]["polygon"]["coordinates"][0]
        assert math.dist(second[i], first[i]) > 1e-5, "the corners stay when the preview comes"
        page.get_by_test_id("account-menu").click()
        page.get_by_test_id("theme-dark").click()
        page.keyboard.press("Escape")
        page.get_by_test_id("grid-tools").get_by_role("button", name="改边界").click()
        page.wait_for_timeout(800)
        drag(page, corner, inside)
        third = asked(page, "/grids/redraw/preview")[0]["grids"][0]["polygon"]["coordinates"][0]
        assert math.dist(third[i], ring[i]) > 1e-5, "and in the other theme"
        page.get_by_test_id("grid-apply").click()
        undo(page)
    assert shape(polygon_of(admin, node)).equals_exact(shape(polygon), 1e-6)


def test_an_overlap_is_shown_and_applied_only_when_said(district: District, chromium: Browser) -> None:
    admin, known = nodes(district)
    node = known[f"{COMMUNITY}第二网格"]
    polygon = polygon_of(admin, node)
    with grid_page(district, chromium, node, polygon) as (page, sheet):
        page.get_by_test_id("grid-draw").click()
        middle = shape(polygon).representative_point()
        x, y = sheet.at(middle.x, middle.y)
        corners = [(x - 45, y - 45), (x + 45, y - 45), (x + 45, y + 45), (x - 45, y + 45)]
        for corner in corners:
            page.mouse.click(*corner)
            page.wait_for_timeout(450)
        page.get_by_label("名称(中文)").or_(page.get_by_label("中文名")).first.fill("临时网格")
        first, found = asked(page, "/grids/preview")
        assert any(one["kind"] == "overlap" for one in found["problems"])
        expect(page.get_by_test_id("grid-preview")).to_contain_text("重叠")
        drag(page, corners[0], (x - 20, y - 20))
        second, _ = asked(page, "/grids/preview")
        moved, was = second["polygon"]["coordinates"][0], first["polygon"]["coordinates"][0]
        assert moved[0] != was[0] and moved[1:4] == was[1:4], "its corner can be dragged after the preview"
        page.get_by_label("类别").select_option("dedicated")
        expect(page.get_by_test_id("grid-preview")).to_have_count(0)  # another kind, another preview
        page.get_by_label("类别").select_option("responsibility")
        asked(page, "/grids/preview")
        page.get_by_test_id("grid-apply").click()
        expect(page.get_by_test_id("grid-edit").get_by_role("alert")).to_be_visible()
        page.get_by_test_id("grid-edit").get_by_role("checkbox").check()
        page.get_by_test_id("grid-apply").click()
        undo(page)
    assert len(nodes(district)[1][node["name_zh"]]["children"]) == len(node["children"])


def test_neighbours_are_merged_on_the_map_in_any_theme(district: District, chromium: Browser) -> None:
    admin, known = nodes(district)
    node = known[f"{COMMUNITY}第三网格"]
    outline = polygon_of(admin, node)
    children = [(one, shape(polygon_of(admin, one))) for one in node["children"]]
    one, other = next(
        (a, b) for i, a in enumerate(children) for b in children[i + 1 :] if a[1].intersection(b[1].buffer(1e-9)).length
    )
    with grid_page(district, chromium, node, outline) as (page, sheet):
        page.get_by_test_id("account-menu").click()
        page.get_by_test_id("theme-dark").click()
        page.keyboard.press("Escape")
        page.wait_for_timeout(800)
        page.get_by_test_id("grid-merge").click()
        tree = page.get_by_test_id("grid-tree")
        page.get_by_label("按名称或编码查找").fill(node["name_zh"])
        tree.get_by_role("checkbox", name=node["name_zh"], exact=True).uncheck()
        for grid, outline in (one, other):
            place = outline.representative_point()
            page.mouse.click(*sheet.at(place.x, place.y))
            expect(tree.get_by_role("checkbox", name=grid["name_zh"], exact=True)).to_be_checked()
        body, found = asked(page, "/grids/merge/preview")
        assert sorted(body["grid_ids"]) == sorted([one[0]["id"], other[0]["id"]])
        assert len(found["created"]) == 1 and len(found["retired"]) == 2
        page.get_by_test_id("grid-apply").click()
        undo(page)
    assert len(nodes(district)[1][node["name_zh"]]["children"]) == len(node["children"])


def test_no_overlaps_is_said_only_when_the_check_has_answered(district: District, chromium: Browser) -> None:
    with chrome.context(chromium) as context:
        page = context.new_page()
        page.route("**/api/v1/grids/check", lambda route: route.abort())
        chrome.sign_in(page, district.origin, "admin", district.passwords()["admin"], "/console/grids")
        page.get_by_test_id("tab-problems").click()
        page.get_by_test_id("state-error").wait_for()
        assert "没有重叠和空隙" not in page.inner_text("body")
        page.unroute("**/api/v1/grids/check")
        page.get_by_test_id("state-error").get_by_role("button").click()
        page.get_by_test_id("grid-problems").wait_for()
