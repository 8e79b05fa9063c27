"""Readings corrected on a device's page and put back; rules out of the list as a file, and in with a look."""

from __future__ import annotations

import re
import time
from pathlib import Path

import httpx
import pytest
import yaml
from playwright.sync_api import Browser, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.test_console import opened
from tests.e2e.words import wrong_words

from linli.home import Home
from linli.sim.homefiles import demo
from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


@pytest.mark.parametrize(("size", "language", "gauge"), [("laptop", "zh", 14), ("phone", "en", 15)])
def test_a_span_is_looked_at_corrected_and_put_back(
    district: District, chromium: Browser, size: str, language: str, gauge: int
) -> None:
    known = demo(Home(district.home)).devices[f"water-level-00{gauge}"]
    now = int(time.time()) // 60 * 60_000
    readings = [{"ts": now - m * 60_000, "values": {"level": 1.0}} for m in range(5, 45)]
    door = f"http://127.0.0.1:{district.port('device')}/api/v1/{known['token']}/telemetry?backfill=1"
    httpx.post(door, json=readings, timeout=60, trust_env=False).raise_for_status()
    time.sleep(3)
    with chrome.context(chromium, size=size, language=language) as context:
        page = opened(context.new_page(), district, "integrator", f"/console/devices/{known['id']}?property=level")
        page.get_by_test_id("correct-open").click()
        form = page.get_by_test_id("correct-form")
        form.get_by_test_id("correct-act").select_option("replace")
        form.get_by_test_id("correct-factor").fill("2")
        form.get_by_test_id("correct-reason").fill("标定错误")
        form.get_by_test_id("correct-go").click()
        expect(page.get_by_test_id("correct-look")).to_contain_text("2.00")
        assert wrong_words(page, language) == []
        form.get_by_test_id("correct-go").click()
        row = page.get_by_test_id("correction").first
        expect(row).to_contain_text("标定错误")
        row.get_by_test_id("correct-undo").click(timeout=60_000)
        expect(row).to_contain_text(re.compile("恢复 |put back"), timeout=60_000)
        assert wrong_words(page, language) == [] and chrome.axe_violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_rules_go_out_and_come_in(district: District, chromium: Browser, tmp_path: Path) -> None:
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "integrator", "/console/rules")
        page.get_by_test_id("rules").wait_for()
        with page.expect_download() as out:
            page.get_by_test_id("rules-export").click()
        file = yaml.safe_load(Path(out.value.path()).read_text(encoding="utf-8"))
        integrator = Client(district.origin).sign_in("integrator", district.passwords()["integrator"])
        area = integrator.get("devices", limit=1)["items"][0]["area_path"]
        fresh = file["rules"][0] | {"code": f"e2e-{int(time.time())}", "enabled": False, "owner_department": "水务局"}
        path = tmp_path / "rules.yaml"
        path.write_text(yaml.safe_dump({"rules": [file["rules"][1], fresh | {"area_path": area}]}, allow_unicode=True))
        page.get_by_test_id("rules-import").click()
        page.get_by_test_id("rule-file").set_input_files(path)
        expect(page.get_by_test_id("rule-step-new")).to_contain_text(fresh["code"])
        expect(page.get_by_test_id("rule-file-go")).to_be_enabled()
        assert wrong_words(page, "zh") == [] and chrome.axe_violations(page) == []
        page.get_by_test_id("rule-file-go").click()
        expect(page.get_by_test_id("rules")).to_contain_text("水务局")
        page.get_by_test_id("rule-file").set_input_files(path)
        expect(page.get_by_test_id("rule-file-sum")).to_contain_text("新增 0，新版本 0，不变 2")
        path.write_text(yaml.safe_dump({"rules": [fresh | {"severity": "awful", "area_path": area}]}))
        page.get_by_test_id("rule-file").set_input_files(path)
        expect(page.get_by_test_id("rule-step-refused")).to_contain_text("rules.0.severity")
        expect(page.get_by_test_id("rule-file-go")).to_be_disabled()
