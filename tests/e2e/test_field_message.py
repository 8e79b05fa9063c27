"""A chat message with coordinates of a map app: a draft at the right spot; where it does not say whose, it asks."""

from __future__ import annotations

import time
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.district import District
from tests.e2e import phones

from linli.places import geo
from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
DOOR = phones.PLACE["longitude"], phones.PLACE["latitude"]
PASTE = """(box, text) => { const data = new DataTransfer(); data.setData('text', text);
 box.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })) }"""


def written(system: str) -> tuple[float, float]:
    """The door as an app with these coordinates writes it: longitude, latitude."""
    lon, lat = geo.from_wgs84(*DOOR, system)
    return round(lon, 6), round(lat, 6)


def paste(page: Page, message: str) -> None:
    page.get_by_test_id("report").click()
    page.get_by_test_id("report-text").evaluate(PASTE, message)
    page.get_by_test_id("place-message").wait_for()


def sent_case(page: Page, district: District, text: str) -> dict[str, Any]:
    page.get_by_test_id("report-send").click()
    phones.wait_sent(page, 1)
    (found,) = phones.cases_saying(district.origin, district.passwords(), text)
    desk = Client(district.origin, verify=False).sign_in("dispatcher", district.passwords()["dispatcher"])
    return dict(desk.get(f"cases/{found['id']}"))


def off(case: dict[str, Any]) -> float:
    return geo.distance_m(case["lon"], case["lat"], *DOOR)


def test_a_link_of_a_map_app_is_converted_by_what_it_says(district: District, chromium: Browser) -> None:
    lon, lat = written(geo.GCJ02)
    assert geo.distance_m(lon, lat, *DOOR) > 300, "the test would see no difference"
    text = f"井盖坏了 {time.time_ns()} https://uri.amap.com/marker?position={lon},{lat}&name=x"
    with phones.phone(chromium) as context:
        page = phones.open_field(context, district.origin, "member", district.passwords()["member"])
        paste(page, text)
        assert page.get_by_test_id("place-message").get_attribute("data-datum") == "gcj02"
        expect(page.get_by_test_id("place-message")).to_contain_text("高德")
        assert page.get_by_test_id("pin-doubtful").count() == 0
        assert off(sent_case(page, district, text)) < 1


def test_coordinates_of_nobody_are_asked_about_on_the_draft_also_without_a_network(
    district: District, chromium: Browser
) -> None:
    lon, lat = written(geo.BD09)
    text = f"树倒了 {time.time_ns()} {lat}, {lon}"
    with phones.phone(chromium, service_workers="allow") as context:
        page = phones.open_field(context, district.origin, "member", district.passwords()["member"])
        page.wait_for_function("caches.keys().then(names => names.length > 0)")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.reload()  # from now on the service worker serves it
        context.set_offline(True)
        paste(page, text)
        expect(page.get_by_test_id("pin-doubtful")).to_contain_text("几百米")
        page.get_by_test_id("place-map").wait_for()  # the map stands open
        expect(page.get_by_test_id("datum-wgs84")).to_have_attribute("aria-pressed", "true")
        page.wait_for_timeout(600)  # the draft is kept
        page.get_by_test_id("new-draft").click()
        page.get_by_test_id("drafts").click()
        card = page.get_by_test_id("draft-card").filter(has_text="树倒了")
        expect(card.get_by_test_id("draft-pin")).to_be_visible()
        card.get_by_test_id("draft-resume").click()
        page.get_by_test_id("datum-bd09").click()
        expect(page.get_by_test_id("place-message")).to_contain_text(f"{DOOR[1]:.5f}, {DOOR[0]:.5f}")
        page.get_by_test_id("pin-right").click()
        expect(page.get_by_test_id("pin-doubtful")).to_have_count(0)
        context.set_offline(False)
        assert off(sent_case(page, district, text)) < 1
