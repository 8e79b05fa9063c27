"""The desk by ear, key and pointer: the sound, the palette, the queue, the time bar, curves, masks, windows."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.facts import Facts, gather, new_case

from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
# Counts what a page plays, before any of its own scripts run.
LISTEN = """window.heard = 0;
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...when) { window.heard += 1; return start.apply(this, when); };"""


@pytest.fixture(scope="module")
def facts(district: District) -> Iterator[Facts]:
    yield gather(district)


@pytest.fixture
def page(district: District, chromium: Browser) -> Iterator[Page]:
    with chrome.context(chromium) as context:
        made = context.new_page()
        chrome.sign_in(made, district.origin, "dispatcher", district.passwords()["dispatcher"], "/healthz")
        yield made


def client(district: District, name: str) -> Client:
    return Client(district.origin).sign_in(name, district.passwords()[name])


def hush(desk: Client) -> None:
    """Everything urgent that others left is taken up."""
    for alarm in desk.get("alarms", state="active", acknowledged="false", severity="urgent", limit=200)["items"]:
        desk.post(f"alarms/{alarm['id']}/acknowledge", {"text": ""})
    for case in desk.get("cases", open="true", urgent="true", limit=200)["items"]:
        if case["state"] in ("submitted", "accepted", "filed"):
            desk.post(f"cases/{case['id']}/claim")


def test_urgent_sounds_until_taken_up_and_nothing_else_does(district: District, page: Page) -> None:
    hush(client(district, "dispatcher"))
    page.add_init_script(LISTEN)
    page.goto(f"{district.origin}/console/live")
    page.get_by_test_id("queue-all").click()  # a browser plays nothing before the first click
    usual = new_case(district, "路灯不亮,不急")
    page.locator(f"[data-case='{usual['id']}']").wait_for()
    page.wait_for_timeout(5_000)
    expect(page.locator("html")).not_to_have_attribute("data-ringing", "true")
    assert page.evaluate("heard") == 0
    urgent = new_case(district, "路灯漏电,有人触电", urgent=True)
    root = page.locator("html")
    expect(root).to_have_attribute("data-ringing", "true", timeout=40_000)
    for _ in range(40):
        if page.evaluate("heard") >= 4:  # two tones a time: again and again
            break
        page.wait_for_timeout(1_000)
    assert page.evaluate("heard") >= 4
    client(district, "dutylead").post(f"cases/{urgent['id']}/claim")
    expect(root).to_have_attribute("data-ringing", "false", timeout=40_000)
    heard = page.evaluate("heard")
    page.wait_for_timeout(6_000)
    assert page.evaluate("heard") == heard, "still sounding after somebody took it up"


def test_the_palette_finds_by_key_and_goes_there(district: District, page: Page) -> None:
    case = new_case(district, "路灯不亮,命令面板")
    page.goto(f"{district.origin}/console/cases")
    page.get_by_test_id("case-list").wait_for()
    page.keyboard.press("Meta+k")
    page.get_by_test_id("palette-input").fill(case["number"])
    expect(page.get_by_test_id("palette-item").first).to_contain_text(case["number"])
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/console/cases/{case['id']}")
    page.keyboard.press("Control+k")
    page.get_by_test_id("palette-input").fill("告警")
    page.get_by_test_id("palette-item").filter(has_text="页面").first.wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_the_queue_is_walked_by_keys(district: District, page: Page) -> None:
    for text in ("路灯不亮,第一件", "路灯不亮,第二件"):
        new_case(district, text)
    page.goto(f"{district.origin}/console/live")
    page.get_by_test_id("queue-item").nth(1).wait_for()
    chosen = page.locator("[data-testid=queue-item][aria-current=true]")
    ids = [item.get_attribute("data-case") for item in page.get_by_test_id("queue-item").all()[:2]]
    for key, expected in (("j", ids[0]), ("j", ids[1]), ("k", ids[0])):
        page.keyboard.press(key)
        expect(chosen).to_have_attribute("data-case", str(expected))
    page.get_by_test_id("case-drawer").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/console/cases/{ids[0]}")


def test_the_workspace_narrows_queue_and_figures(district: District, page: Page) -> None:
    case = new_case(district, "路灯不亮,辖区")
    row = client(district, "dispatcher").get(f"cases/{case['id']}")
    page.goto(f"{district.origin}/console/cases")
    mine = page.get_by_text(case["number"])
    mine.wait_for()
    values = page.get_by_test_id("workspace").locator("option").evaluate_all("(all) => all.map((one) => one.value)")
    areas = [value.removeprefix("area:") for value in values if value.startswith("area:") and "." in value]
    within = next(area for area in areas if row["area_path"].startswith(f"{area}."))
    beside = next(area for area in areas if not row["area_path"].startswith(area))
    for area, seen in ((beside, 0), (within, 1)):
        with page.expect_response(lambda answer, area=area: "/cases/counts" in answer.url and area in answer.url):
            page.get_by_test_id("workspace").select_option(f"area:{area}")
        expect(mine).to_have_count(seen)


def test_the_time_bar_shows_an_earlier_hour_and_comes_back(district: District, page: Page) -> None:
    page.goto(f"{district.origin}/console/live")
    page.locator("[data-testid=map][data-ready=true]").wait_for()
    page.get_by_test_id("replay").click()
    bar = page.get_by_test_id("time-bar")
    said = page.get_by_test_id("feed").locator(".soon")
    now = said.inner_text()
    low, high = (int(bar.get_attribute(name) or 0) for name in ("min", "max"))
    assert high - low == 86_400_000
    bar.focus()
    for _ in range(3):
        page.keyboard.press("PageDown")
    expect(said).not_to_have_text(now)
    assert int(bar.input_value()) < high - 600_000
    page.get_by_test_id("feed").get_by_role("button", name="回到现在").click()
    expect(bar).to_have_count(0)


def drawn_like(page: Page, token: str, share: float) -> int:
    """How many pixels of the chart have the colour `token` laid over the panel with that share."""
    colours = page.evaluate(
        "(names) => names.map((n) => { const c = document.createElement('canvas').getContext('2d');"
        "c.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(n); c.fillRect(0, 0, 1, 1);"
        "return [...c.getImageData(0, 0, 1, 1).data].slice(0, 3); })",
        [f"--{token}", "--panel"],
    )
    want = [share * a + (1 - share) * b for a, b in zip(*colours, strict=True)]
    image = Image.open(io.BytesIO(page.get_by_test_id("chart").first.screenshot())).convert("RGB")
    found = image.getcolors(image.width * image.height) or []
    return sum(n for n, pixel in found if all(abs(a - b) <= 2 for a, b in zip(pixel, want, strict=True)))


def test_a_curve_has_a_band_and_shows_its_gap(district: District, page: Page, facts: Facts) -> None:
    page.goto(f"{district.origin}/console/devices/{facts.device}")
    page.get_by_test_id("chart").first.wait_for()
    page.get_by_role("button", name="6 小时").click()
    page.wait_for_timeout(1_500)
    assert drawn_like(page, "accent", 0.18) > 100, "no band between the least and the most"
    assert drawn_like(page, "sunk", 0.9) > 1_000, "half an hour without readings is not shown as a gap"
    page.get_by_role("button", name="数据表").click()
    rows = page.locator("table tbody tr").filter(has=page.locator("td.num"))
    figures = [row.locator("td.num").all_inner_texts() for row in rows.all()[:60]]
    assert any(float(least) < float(most) for least, _, most, _ in figures)


def test_visitors_see_no_photo_name_or_number(district: District, page: Page, facts: Facts) -> None:
    page.goto(f"{district.origin}/console/cases/{facts.case}")
    page.get_by_test_id("photos").locator("img").first.wait_for()
    page.keyboard.press("F8")
    expect(page.get_by_test_id("photos").locator("img")).to_have_count(0)
    expect(page.get_by_test_id("photos")).to_contain_text("照片已遮盖")
    expect(page.get_by_test_id("account-menu")).not_to_contain_text("林舟")
    page.keyboard.press("F8")
    page.get_by_test_id("photos").locator("img").first.wait_for()


def test_visitors_see_no_telephone(district: District, chromium: Browser) -> None:
    case = new_case(district, "路灯不亮,来访")
    with chrome.context(chromium) as context:
        page = context.new_page()
        path = f"/console/cases/{case['id']}"
        chrome.sign_in(page, district.origin, "dutylead", district.passwords()["dutylead"], path)
        page.get_by_test_id("contact-ask").click()
        page.get_by_label("查看理由").fill("来访前回访")
        page.keyboard.press("Enter")
        page.get_by_text("13812345678").wait_for()
        page.keyboard.press("F8")
        expect(page.get_by_text("13812345678")).to_have_count(0)
        assert "13812345678" not in page.content()


def test_the_three_windows_open_and_follow(district: District, page: Page) -> None:
    case = new_case(district, "路灯不亮,弹出窗口")
    page.goto(f"{district.origin}/console/live")
    page.get_by_test_id("queue-all").click()
    for kind in ("map", "queue", "case"):
        page.get_by_test_id("account-menu").click()
        with page.context.expect_page() as opened:
            page.get_by_test_id(f"pop-{kind}").click()
        opened.value.get_by_test_id(f"window-{kind}").wait_for()
        page.keyboard.press("Escape")
    page.locator(f"[data-case='{case['id']}']").first.click()
    windows = {one.url.rstrip("/").rsplit("/", 1)[-1]: one for one in page.context.pages}
    expect(windows["case"].get_by_test_id("case-page")).to_contain_text(case["number"])
    chosen = windows["queue"].locator("[data-testid=queue-item][aria-current=true]")
    windows["queue"].get_by_test_id("queue-all").click()
    expect(chosen).to_have_attribute("data-case", case["id"])
    expect(windows["map"]).to_have_title(re.compile("·"))
