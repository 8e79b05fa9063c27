"""Joining from the pages: a profile, a device that registers itself over MQTT with it, a claim, a certificate."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.certificates import certificate
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.gauges import Gauge, provision
from tests.e2e.test_console import opened

from linli.home import Home
from linli.sim.homefiles import Demo, demo
from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


@pytest.fixture(scope="module")
def known(district: District) -> Demo:
    return demo(Home(district.home))


@pytest.fixture(scope="module")
def admin(known: Demo) -> Iterator[Client]:
    yield Client(known.origin).sign_in("integrator", known.accounts["integrator"])


def make(page: Page, name: str, *, claimable: bool = False, most: int = 2) -> tuple[str, str]:
    """A profile made by the form; its key and the secret as they are shown."""
    page.get_by_test_id("profile-new").click()
    page.get_by_test_id("profile-name").fill(name)
    page.get_by_test_id("profile-model").select_option("water_level")
    page.get_by_test_id("profile-area").select_option(index=3)
    page.get_by_test_id("profile-most").fill(str(most))
    if claimable:
        page.get_by_test_id("profile-claimable").check()
    else:
        page.get_by_test_id("profile-owner").fill("排水管理所")
    page.get_by_test_id("profile-save").click()
    found = page.get_by_test_id("made-key").inner_text(), page.get_by_test_id("made-secret").inner_text()
    expect(page.get_by_test_id("made-request")).to_contain_text(found[1])
    page.get_by_test_id("made-kept").click()
    return found


def test_a_device_registers_itself_by_the_profile_of_the_page_and_is_seen(
    district: District, chromium: Browser, known: Demo
) -> None:
    mark = uuid4().hex[:5]
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "integrator", "/console/joining")
        key, secret = make(page, f"自注册 {mark}")
        panel = page.get_by_test_id("profile-panel")
        expect(panel).not_to_contain_text(secret)
        answer = provision(known.host, known.mqtt_port, key, secret, f"SN-{mark}")
        assert answer["status"] == "SUCCESS"
        expect(page.get_by_test_id("profile-came")).to_contain_text(f"SN-{mark}")  # by the stream, no hand on the page
        with Gauge(known.host, known.mqtt_port, answer["credentialsValue"]) as gauge:
            gauge.tell("v1/devices/me/telemetry", {"level": 1.2})
        page.get_by_test_id("joining-devices").click()
        row = page.get_by_test_id("joined-row").filter(has_text=f"SN-{mark}")
        expect(row).to_contain_text(f"自注册 {mark}")
        row.get_by_role("link").first.click()
        expect(page.get_by_test_id("device-page")).to_contain_text(f"SN-{mark}")
        page.get_by_test_id("tab-keys").click()
        expect(page.get_by_test_id("credentials").locator("tr")).to_have_count(1)


def test_who_is_refused_is_seen_with_the_reason_let_in_again_and_kept_as_a_sheet(
    district: District, chromium: Browser, known: Demo
) -> None:
    mark = uuid4().hex[:5]
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "integrator", "/console/joining")
        key, secret = make(page, f"名额 {mark}", most=1)
        page.get_by_test_id("profile-turn").click()
        expect(page.get_by_test_id("profile-panel")).to_contain_text("已停用")
        page.get_by_test_id("toast-undo").click()
        expect(page.get_by_test_id("profile-panel")).to_contain_text("开放中")
        token = provision(known.host, known.mqtt_port, key, secret, f"A-{mark}")["credentialsValue"]
        assert provision(known.host, known.mqtt_port, key, secret, f"B-{mark}")["status"] == "FAILURE"
        with Gauge(known.host, known.mqtt_port, token) as gauge:
            gauge.tell("v1/devices/me/telemetry", {"level": 1.1})
            assert provision(known.host, known.mqtt_port, key, secret, f"A-{mark}")["status"] == "FAILURE"
        page.get_by_test_id("joining-refused").click()
        page.get_by_test_id("refused-search").fill(mark)
        rows = page.get_by_test_id("refused-row")
        expect(rows).to_have_count(2)
        expect(rows.filter(has_text=f"B-{mark}")).to_contain_text("名额已满")
        with page.expect_download() as sheet:
            page.get_by_test_id("refused-csv").click()
        with sheet.value.path().open(encoding="utf-8-sig") as source:
            assert {line[0] for line in csv.reader(source)} == {"名称", f"A-{mark}", f"B-{mark}"}
        rows.filter(has_text=f"A-{mark}").get_by_test_id("refused-again").click()
        expect(page.get_by_test_id("toast").last).to_contain_text("可以重新入网")
        assert provision(known.host, known.mqtt_port, key, secret, f"A-{mark}")["status"] == "SUCCESS"


def test_a_secret_that_was_renewed_opens_and_the_old_one_does_not(
    district: District, chromium: Browser, known: Demo
) -> None:
    mark = uuid4().hex[:5]
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "integrator", "/console/joining")
        key, old = make(page, f"更换 {mark}")
        page.get_by_test_id("profile-renew").click()
        page.get_by_test_id("profile-renew-yes").click()
        new = page.get_by_test_id("made-secret").inner_text()
        page.get_by_test_id("made-kept").click()
        assert provision(known.host, known.mqtt_port, key, old, f"N-{mark}")["status"] == "NOT_FOUND"
        assert provision(known.host, known.mqtt_port, key, new, f"N-{mark}")["status"] == "SUCCESS"
        page.get_by_test_id("profile-end").click()
        page.get_by_test_id("profile-end-yes").click()
        expect(page.get_by_test_id("profile-panel")).to_contain_text("已终止")
        assert provision(known.host, known.mqtt_port, key, new, f"M-{mark}")["status"] == "FAILURE"


def test_a_device_is_claimed_by_what_it_tells_and_given_back(
    district: District, chromium: Browser, known: Demo
) -> None:
    mark = uuid4().hex[:5]
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "integrator", "/console/joining")
        key, secret = make(page, f"待认领 {mark}", claimable=True)
        token = provision(known.host, known.mqtt_port, key, secret, f"CL-{mark}")["credentialsValue"]
        with Gauge(known.host, known.mqtt_port, token) as gauge:
            gauge.tell("v1/devices/me/claim", {"secretKey": "4321", "durationMs": 600_000})
        page.goto(f"{district.origin}/console/joining/claims?claim=CL-{mark}")  # as the label's code says
        expect(page.get_by_test_id("claim-code")).to_have_value(f"CL-{mark}")
        page.get_by_test_id("claim-secret").fill("0000")
        page.get_by_test_id("claim-owner").fill("园林处")
        page.get_by_test_id("claim-area").select_option(index=3)
        page.get_by_test_id("claim-go").click()
        expect(page.get_by_test_id("claim-form")).to_contain_text("认领码不对")
        page.get_by_test_id("claim-secret").fill("4321")
        page.get_by_test_id("claim-go").click()
        page.get_by_test_id("claim-search").fill(f"CL-{mark}")
        row = page.get_by_test_id("claim-row").filter(has_text=f"CL-{mark}")
        expect(row).to_contain_text("已认领")
        row.get_by_role("checkbox").check()
        page.get_by_test_id("claim-print").click()
        picture = page.get_by_test_id("claim-labels").locator("img")
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("one => one.naturalWidth") > 0
        page.keyboard.press("Escape")
        row.get_by_test_id("claim-back").click()
        page.get_by_test_id("claim-back-yes").click()
        expect(row).to_have_count(0)


def test_a_certificate_is_registered_and_revoked(
    district: District, chromium: Browser, known: Demo, admin: Client
) -> None:
    code = f"CERT-{uuid4().hex[:5]}"
    at = admin.get(f"devices/{known.devices['water-level-0011']['id']}")["area_path"]
    admin.post("devices", {"code": code, "model": "water_level", "name_zh": "证书试验", "area_path": at})
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "integrator", "/console/joining/certificates")
        page.get_by_test_id("certificate-new").click()
        page.get_by_test_id("certificate-code").fill(code)
        page.get_by_test_id("certificate-text").fill("no certificate")
        page.get_by_test_id("certificate-add").click()
        expect(page.get_by_test_id("certificate-form")).to_contain_text("这不是一份可用的证书")
        pem = certificate(days=20)[0]
        page.get_by_test_id("certificate-file").set_input_files(
            {"name": "device.pem", "mimeType": "application/x-pem-file", "buffer": pem.encode()}
        )
        expect(page.get_by_test_id("certificate-text")).to_have_value(pem)
        page.get_by_test_id("certificate-add").click()
        page.get_by_test_id("certificate-search").fill(code)
        row = page.get_by_test_id("certificate-row").filter(has_text=code)
        expect(row).to_contain_text("30 天内到期")
        row.get_by_test_id("certificate-revoke").click()
        page.get_by_test_id("certificate-revoke-yes").click()
        expect(row).to_have_count(0)


def test_who_may_not_is_told_so(district: District, chromium: Browser) -> None:
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "dispatcher", "/console/joining")
        expect(page.get_by_test_id("missing")).to_be_visible()
