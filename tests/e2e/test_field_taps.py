"""What costs a member how many taps, and what the phone says about a photo before it goes out."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from tests.district import District
from tests.e2e import phones
from tests.e2e.test_field_offline import photo_file

from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
COUNT = """addEventListener('click', (e) => {
  if (e.isTrusted && !e.target.matches('input[type=file]')) window.taps = (window.taps ?? 0) + 1 }, true)"""


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photo_file(tmp_path_factory.mktemp("photos") / "p.jpg", side=1200)


@pytest.fixture
def page(district: District, chromium: Browser) -> Iterator[Page]:
    with phones.phone(chromium) as context:
        context.add_init_script(COUNT)
        yield context.new_page()


def camera(page: Page, stage: str, photo: Path) -> None:
    """One tap on the button; what happens in the system's camera does not count."""
    button = page.locator(f"button:has(+ [data-testid={stage}])")
    with page.expect_file_chooser() as opened:
        button.click()
    opened.value.set_files(photo)
    expect(button).to_contain_text("1 ✓")


def test_a_task_with_two_photos_takes_six_taps(district: District, page: Page, photo: Path) -> None:
    passwords = district.passwords()
    task_id = phones.task_for_crew(district.origin, passwords, f"井盖松动 {time.time_ns()}")
    page.goto(f"{district.origin}/field/")
    phones.sign_in(page, "crew", passwords["crew"])
    card = page.locator(f'[data-testid=task-card][href$="{task_id}"]')
    card.wait_for()
    page.evaluate("window.taps = 0")
    card.click()
    page.get_by_test_id("accept").click()
    page.get_by_test_id("arrive").click()
    camera(page, "photo-before", photo)
    camera(page, "photo-after", photo)
    page.get_by_test_id("finish").click()
    phones.wait_sent(page, 5)
    taps = page.evaluate("window.taps")
    assert 0 < taps <= 6, f"{taps} taps"
    done = Client(district.origin, verify=False).sign_in("dutylead", passwords["dutylead"]).get(f"tasks/{task_id}")
    assert done["state"] == "done" and sorted(one["stage"] for one in done["photos"]) == ["after", "before"]


def grey(path: Path) -> Path:
    """A picture without one edge."""
    data = io.BytesIO()
    Image.new("RGB", (800, 600), (120, 120, 120)).save(data, "JPEG")
    path.write_bytes(data.getvalue())
    return path


def test_a_doubtful_photo_a_pasted_message_and_a_matter_settled_on_the_spot(
    district: District, page: Page, photo: Path, tmp_path: Path
) -> None:
    passwords, mark = district.passwords(), time.time_ns()
    page.goto(f"{district.origin}/field/")
    phones.sign_in(page, "member", passwords["member"])
    page.get_by_test_id("report").click()
    message = f"楼道堆物 {mark} 31.963367, 117.279084"
    page.get_by_test_id("report-text").evaluate(
        "(box, text) => { const data = new DataTransfer(); data.setData('text', text);"
        " box.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })) }",
        message,
    )
    expect(page.get_by_test_id("place-message")).to_contain_text("31.96337")
    page.get_by_test_id("report-photo").set_input_files(grey(tmp_path / "g.jpg"))
    expect(page.get_by_test_id("photo-doubt")).to_contain_text("照片可能模糊")
    page.get_by_test_id("photo-anyway").click()
    expect(page.locator(".thumb .tag")).to_have_text("模糊")
    page.wait_for_timeout(500)
    page.goto(f"{district.origin}/field/drafts")  # a new start of the app: the draft is there
    page.get_by_test_id("draft-resume").first.click()
    expect(page.get_by_test_id("report-text")).to_have_value(message)
    page.get_by_test_id("settled").check()
    page.get_by_test_id("settled-photo").set_input_files(photo)
    expect(page.locator(".thumbs img")).to_have_count(2)
    page.get_by_test_id("report-send").click()
    phones.wait_sent(page, 1)
    found = phones.cases_saying(district.origin, passwords, message)
    assert [(one["state"], len(one["photos"])) for one in found] == [("handled", 2)], found
    desk = Client(district.origin, verify=False).sign_in("dispatcher", passwords["dispatcher"])
    assert list(desk.get(f"cases/{found[0]['id']}/field")["marks"].values()) == [["blur"]]
    check_hazards(page, desk)


def check_hazards(page: Page, desk: Client) -> None:
    before = len(desk.get("form-entries", kind="hazard")["items"])
    page.get_by_test_id("forms").click()
    page.get_by_test_id("form-card").filter(has_text="隐患").click()
    page.get_by_text("● 我现在的位置").wait_for()
    page.get_by_test_id("answer-exits-blocked").check()
    page.get_by_test_id("form-send").click()
    expect(page.get_by_role("alert")).to_contain_text("消防设施")
    page.get_by_test_id("answer-extinguishers-good").check()
    page.get_by_test_id("form-send").click()
    phones.wait_sent(page, 2)
    entries = desk.get("form-entries", kind="hazard")["items"]
    assert len(entries) == before + 1 and len(entries[0]["cases"]) == 1


SHARE = """async () => {
  const made = (tag, more) => Object.assign(document.createElement(tag), more);
  const form = made('form', { method: 'POST', action: '/field/share', enctype: 'multipart/form-data' });
  const canvas = made('canvas', { width: 300, height: 200 }), pen = canvas.getContext('2d');
  for (let x = 0; x < 300; x += 12) pen.fillRect(x, 0, 6, 200);
  const data = new DataTransfer(), blob = await new Promise((done) => canvas.toBlob(done, 'image/png'));
  data.items.add(new File([blob], 'a.png', { type: 'image/png' }));
  form.append(made('input', { name: 'text', value: '路灯坏了 31.963367,117.279084' }));
  form.append(made('input', { name: 'photos', type: 'file', files: data.files }));
  document.body.append(form);
  form.submit();
}"""


def test_a_message_shared_by_another_app_is_a_draft(district: District, chromium: Browser) -> None:
    with phones.phone(chromium, service_workers="allow") as context:
        page = phones.open_field(context, district.origin, "member", district.passwords()["member"])
        page.evaluate("navigator.serviceWorker.ready")
        page.wait_for_function("navigator.serviceWorker.controller !== null")
        page.evaluate(SHARE)
        expect(page.get_by_test_id("place-message")).to_contain_text("31.96337, 117.27908")
        expect(page.get_by_test_id("report-text")).to_have_value("路灯坏了 31.963367,117.279084")
        expect(page.locator(".thumbs img")).to_have_count(1)
