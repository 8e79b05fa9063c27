"""Firmware from the pages: a file uploaded, a campaign started; a device loads it over MQTT and is seen done."""

from __future__ import annotations

import csv
import hashlib
import json
import random
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.gauges import ATTRIBUTES, Gauge, load, reports
from tests.e2e.joins import upload
from tests.e2e.test_console import opened

from linli.home import Home
from linli.sim.homefiles import Demo, demo
from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
SOON = 20_000  # what a device says is written within five seconds, and told on


@pytest.fixture(scope="module")
def known(district: District) -> Demo:
    return demo(Home(district.home))


@pytest.fixture(scope="module")
def admin(known: Demo) -> Iterator[Client]:
    yield Client(known.origin).sign_in("integrator", known.accounts["integrator"])


def told(gauge: Gauge) -> dict[str, Any]:
    """What the gauge is told to load, as it asks on its start."""
    gauge.listen(f"{ATTRIBUTES}/response/+")
    gauge.tell(f"{ATTRIBUTES}/request/1", {"sharedKeys": "fw_title,fw_version,fw_size,fw_checksum"})
    shared: dict[str, Any] = json.loads(gauge.hear(f"{ATTRIBUTES}/response/")[1])["shared"]
    return shared


def filled(page: Page, title: str, data: bytes) -> None:
    """The form of a new file, filled in and sent."""
    page.get_by_test_id("package-new").click()
    page.get_by_test_id("upload-file").set_input_files(
        {"name": "g.bin", "mimeType": "application/octet-stream", "buffer": data}
    )
    expect(page.get_by_test_id("upload-sum")).to_have_text(hashlib.sha256(data).hexdigest())
    page.get_by_test_id("upload-model").select_option("water_level")
    page.get_by_test_id("upload-title").fill(title)
    page.get_by_test_id("upload-version").fill("3.0")
    page.get_by_test_id("upload-note").fill("修复重连")
    page.get_by_test_id("upload-go").click()
    expect(page.get_by_test_id("package-sum")).to_have_text(hashlib.sha256(data).hexdigest())


def plan(page: Page, codes: str, stages: str = "100") -> None:
    page.get_by_test_id("campaign-codes").fill(codes)
    page.get_by_test_id("campaign-stages").fill(stages)
    page.get_by_test_id("campaign-make").click()
    expect(page.get_by_test_id("campaign-is")).to_contain_text("草稿", timeout=SOON)


def start(page: Page) -> None:
    page.get_by_test_id("campaign-start").click()
    page.get_by_test_id("campaign-yes").click()
    expect(page.get_by_test_id("campaign-is")).to_contain_text("进行中", timeout=SOON)


def test_a_file_goes_from_the_form_to_a_device_and_its_progress_is_seen(
    district: District, chromium: Browser, known: Demo
) -> None:
    title, data = f"gauge-{uuid4().hex[:5]}", random.Random(3).randbytes(2000)
    gauge_ = known.devices["water-level-0051"]
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "integrator", "/console/firmware/packages")
        filled(page, title, data)
        page.get_by_test_id("package-campaign").click()
        expect(page.get_by_test_id("campaign-reach")).to_contain_text("台设备")
        expect(page.get_by_test_id("campaign-name")).to_have_value(f"{title} 3.0")
        plan(page, "water-level-0051")
        start(page)
        panel = page.get_by_test_id("campaign-panel")
        with Gauge(known.host, known.mqtt_port, gauge_["token"]) as gauge:
            wanted = told(gauge)
            assert (wanted["fw_title"], wanted["fw_version"]) == (title, "3.0")
            reports(gauge, "DOWNLOADING", current_fw_title=title, current_fw_version="2.0")
            expect(panel.get_by_test_id("updates")).to_contain_text(
                "下载中", timeout=SOON
            )  # by the stream, no hand on the page
            assert load(gauge, wanted) == data
            for state in ("DOWNLOADED", "VERIFIED", "UPDATING"):
                reports(gauge, state)
            expect(panel.get_by_test_id("updates")).to_contain_text("升级中", timeout=SOON)
            reports(gauge, "UPDATED", current_fw_title=title, current_fw_version="3.0")
        expect(panel.get_by_test_id("campaign-bar")).to_contain_text("1 / 1", timeout=SOON)
        panel.get_by_test_id("updates").get_by_role("link").click()
        page.get_by_test_id("tab-firmware").click()
        expect(page.get_by_test_id("firmware-current")).to_have_text(f"{title} 3.0")
        expect(page.get_by_test_id("device-update").first).to_contain_text("已升级", timeout=SOON)


def test_what_failed_is_told_why_tried_again_and_kept_as_a_sheet(
    district: District, chromium: Browser, known: Demo, admin: Client
) -> None:
    title = f"fails-{uuid4().hex[:5]}"
    package = upload(admin, title, "4.0", b"x" * 300)
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "integrator",
                      f"/console/firmware/campaigns?firmware={package['id']}")  # fmt: skip
        page.get_by_label("失败超过多少就暂停").fill("100")
        plan(page, "water-level-0052 water-level-0053")
        start(page)
        panel = page.get_by_test_id("campaign-panel")
        page.get_by_test_id("campaign-pause").click()
        expect(page.get_by_test_id("campaign-is")).to_contain_text("由人暂停", timeout=SOON)
        page.get_by_test_id("toast-undo").click()
        expect(page.get_by_test_id("campaign-is")).to_contain_text("进行中", timeout=SOON)
        with Gauge(known.host, known.mqtt_port, known.devices["water-level-0052"]["token"]) as gauge:
            reports(gauge, "FAILED", fw_error="flash is full")
            panel.get_by_test_id("updates-state").select_option("failed")
            failed = panel.get_by_test_id("updates")
            expect(failed).to_contain_text("flash is full", timeout=SOON)
            with page.expect_download() as sheet:
                page.get_by_test_id("updates-csv").click()
            with sheet.value.path().open(encoding="utf-8-sig") as source:
                lines = list(csv.reader(source))
            assert [line[0] for line in lines[1:]] == ["water-level-0052"] and "flash is full" in lines[1]
            failed.get_by_test_id("update-retry").click()
            expect(failed.get_by_role("listitem")).to_have_count(0)
            reports(gauge, "UPDATED", current_fw_title=title, current_fw_version="4.0")
        expect(panel.get_by_test_id("campaign-bar")).to_contain_text("1 / 2", timeout=SOON)
        page.get_by_test_id("campaign-cancel").click()
        page.get_by_test_id("campaign-yes").click()
        expect(page.get_by_test_id("campaign-is")).to_contain_text("已终止", timeout=SOON)
        page.goto(f"{district.origin}/console/firmware/packages/{package['id']}")
        page.get_by_test_id("package-withdraw").click()
        page.get_by_test_id("package-withdraw-yes").click()
        expect(page.get_by_test_id("package-panel")).to_contain_text("撤回")
        expect(page.get_by_test_id("package-withdraw")).to_have_count(0)


def test_a_child_gets_its_firmware_by_its_gateway(
    district: District, chromium: Browser, known: Demo, admin: Client
) -> None:
    mark = uuid4().hex[:5]
    at = admin.get(f"devices/{known.devices['water-level-0011']['id']}")["area_path"]
    top = admin.post("devices", {"code": f"gw-{mark}", "model": "generic", "name_zh": "网关", "area_path": at,
                                 "gateway": True})  # fmt: skip
    child = admin.post("devices", {"code": f"ch-{mark}", "model": "water_level", "name_zh": "子设备", "area_path": at,
                                   "parent_id": top["id"], "parent_name": "c1"})  # fmt: skip
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "dispatcher", f"/console/devices/{child['id']}")
        page.get_by_test_id("tab-firmware").click()
        expect(page.get_by_test_id("firmware-by-gateway")).to_contain_text("由它的网关升级")
        page.goto(f"{district.origin}/console/firmware/campaigns")
        expect(page.get_by_test_id("campaign-search")).to_be_visible()
        expect(page.get_by_test_id("campaign-new")).to_have_count(0)  # who only sees devices plans nothing
