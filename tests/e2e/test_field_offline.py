"""The phone without a network: drafts and photos survive restart and user switch, and go out once."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, Playwright, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.tls import HOST, certificate

from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
PLACE = {"latitude": 31.963367, "longitude": 117.279084, "accuracy": 12}  # a door in the member's own community


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[District, list[str], Path]]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key, flags = certificate(folder)
    with District(demo=True, args=("--tls-cert", str(cert), "--tls-key", str(key))) as district:
        yield district, flags, cert


def photo_file(path: Path, side: int = 3000) -> Path:
    """A large noisy JPEG with a position in its EXIF, as a phone makes them."""
    noise = Image.effect_noise((side, side * 3 // 4), 80).convert("RGB")
    exif = Image.Exif()
    exif[0x0110] = "Test Phone"
    data = io.BytesIO()
    noise.save(data, "JPEG", quality=92, exif=exif)
    path.write_bytes(data.getvalue())
    return path


def phone(playwright: Playwright, profile: Path, flags: list[str]) -> BrowserContext:
    context = playwright.chromium.launch_persistent_context(
        str(profile), executable_path=chrome.chromium_path(), args=[*chrome.FLAGS, *flags], locale="zh-CN",
        viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, timezone_id="Asia/Shanghai",
        geolocation=PLACE, permissions=["geolocation"],
    )  # fmt: skip
    context.set_default_timeout(20_000)
    return context


def sign_in(page: Page, username: str, password: str) -> None:
    page.locator("input[name=username]").fill(username)
    page.locator("input[name=password]").fill(password)
    page.get_by_test_id("sign-in").click()
    page.get_by_test_id("report").wait_for()


SIZE = """new Promise(r => { const o = indexedDB.open('linli-field'); o.onsuccess = () => {
  const q = o.result.transaction('photos').objectStore('photos').getAll();
  q.onsuccess = () => r(q.result[0].blob.byteLength) } })"""


def write_draft_offline(context: BrowserContext, origin: str, password: str, photo: Path, text: str) -> None:
    """Sign in with a network, lose it, begin a report with a photo, and switch the phone off."""
    page = context.pages[0]
    page.goto(f"{origin}/field/")
    sign_in(page, "member", password)
    page.evaluate("navigator.serviceWorker.ready")
    while not page.evaluate("caches.keys().then(n => n.length)"):
        page.wait_for_timeout(200)
    context.set_offline(True)
    page.reload()
    page.get_by_test_id("report").click()
    page.get_by_test_id("report-photo").set_input_files(photo)
    page.get_by_test_id("report-text").fill(text)
    page.locator(".thumbs img").wait_for()
    page.wait_for_timeout(600)
    context.close()


def send_offline(context: BrowserContext, origin: str, text: str) -> None:
    """The draft is there after the restart; it goes into the outbox, and the phone is switched off again."""
    context.set_offline(True)
    page = context.pages[0]
    page.goto(f"{origin}/field/report")
    expect(page.get_by_test_id("report-text"), "the draft is gone after a restart").to_have_value(text)
    page.get_by_test_id("report-send").click()
    page.get_by_test_id("net").get_by_text("待传 1").wait_for()
    assert page.evaluate(SIZE) <= 300 * 1024
    context.close()


def switch_users(context: BrowserContext, origin: str, passwords: dict[str, str]) -> None:
    """Another member neither sees nor sends it; the first one's next sign-in sends it."""
    page = context.pages[0]
    page.route("**/api/v1/cases", lambda route: route.abort())
    page.goto(f"{origin}/field/me")
    page.get_by_test_id("sign-out").click()
    page.unroute("**/api/v1/cases")
    sign_in(page, "crew", passwords["crew"])
    page.goto(f"{origin}/field/outbox")
    page.wait_for_timeout(1500)
    assert page.get_by_test_id("outbox-item").count() == 0, "one member's report is shown to another"
    page.goto(f"{origin}/field/me")
    page.get_by_test_id("sign-out").click()
    sign_in(page, "member", passwords["member"])
    page.goto(f"{origin}/field/outbox")
    gone = page.locator("[data-testid=outbox-item][data-state=sent], [data-testid=outbox-item][data-state=refused]")
    gone.wait_for()
    assert gone.get_attribute("data-state") == "sent", gone.inner_text()
    context.close()


def test_a_report_made_offline_survives_and_goes_out_once(
    secure: tuple[District, list[str], Path], driver: Playwright, tmp_path: Path
) -> None:
    district, flags, _ = secure
    origin = f"https://{HOST}:{district.port('http')}"
    passwords, profile, text = district.passwords(), tmp_path / "phone", f"路灯不亮 {time.time_ns()}"
    photo = photo_file(tmp_path / "p.jpg")
    write_draft_offline(phone(driver, profile, flags), origin, passwords["member"], photo, text)
    send_offline(phone(driver, profile, flags), origin, text)
    switch_users(phone(driver, profile, flags), origin, passwords)
    client = Client(f"https://127.0.0.1:{district.port('http')}", verify=False)
    client.sign_in("dispatcher", passwords["dispatcher"])
    found = [one for one in client.get("cases", limit=100)["items"] if one["text"] == text]
    assert len(found) == 1, found
    assert len(client.get(f"cases/{found[0]['id']}/photos")["items"]) == 1
