"""The phone sends once: when answers are lost, when it was away for days, and when all was done without a network."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect
from tests.district import District
from tests.e2e import phones
from tests.e2e.test_field_offline import phone as secure_phone
from tests.e2e.test_field_offline import photo_file
from tests.e2e.test_field_offline import sign_in as sign_in_secure
from tests.e2e.tls import HOST, certificate

from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photo_file(tmp_path_factory.mktemp("photos") / "p.jpg", side=1200)


def test_lost_answers_make_one_case_and_one_photo(district: District, chromium: Browser, photo: Path) -> None:
    passwords, text = district.passwords(), f"路灯不亮 {time.time_ns()}"
    with phones.phone(chromium) as context:
        page = phones.open_field(context, district.origin, "member", passwords["member"])
        case_lost = phones.lose_the_answer(page, "**/api/v1/cases")
        photo_lost = phones.lose_the_answer(page, "**/api/v1/cases/*/photos")
        phones.write_report(page, text, photo)
        page.get_by_test_id("report-send").click()
        page.get_by_test_id("outbox").click()
        phones.wait_sent(page, 1)
        assert (case_lost, photo_lost) == ([201], [201]), "the answers were not lost"
        expect(page.locator("[data-testid=outbox-item][data-state=waiting]")).to_have_count(0)
        assert phones.items(page)[0]["done"] == 2
    found = phones.cases_saying(district.origin, passwords, text)
    assert [len(one["photos"]) for one in found] == [1], found


def test_a_report_is_one_case_also_when_the_service_has_forgotten_the_key(
    district: District, chromium: Browser, photo: Path
) -> None:
    """Keys are kept three days. A phone away for longer sends the same report with a key the service does not know."""
    passwords, text = district.passwords(), f"井盖松动 {time.time_ns()}"
    with phones.phone(chromium) as context:
        page = phones.open_field(context, district.origin, "member", passwords["member"])
        lost = phones.lose_the_answer(page, "**/api/v1/cases")
        sent: list[str] = []

        def under_another_key(route, request) -> None:  # type: ignore[no-untyped-def]
            if not lost:
                return route.fallback()
            sent.append(request.headers["idempotency-key"])
            return route.continue_(headers={**request.headers, "idempotency-key": f"later-{time.time_ns()}"})

        page.route("**/api/v1/cases", under_another_key)
        phones.write_report(page, text, photo)
        page.get_by_test_id("report-send").click()
        phones.wait_sent(page, 1)
        assert lost == [201] and len(sent) == 1
    found = phones.cases_saying(district.origin, passwords, text)
    assert [len(one["photos"]) for one in found] == [1], found


def test_a_sent_draft_does_not_come_back_and_drafts_are_several(
    district: District, chromium: Browser, photo: Path
) -> None:
    passwords, mark = district.passwords(), time.time_ns()
    first, second = f"甲处积水 {mark}", f"乙处积水 {mark}"
    with phones.phone(chromium) as context:
        page = phones.open_field(context, district.origin, "member", passwords["member"])
        phones.write_report(page, first, photo)
        page.get_by_test_id("report-photo").set_input_files(photo)
        expect(page.locator(".thumbs img")).to_have_count(2)
        page.get_by_test_id("remove-photo").first.click()
        expect(page.locator(".thumbs img")).to_have_count(1)
        page.get_by_test_id("new-draft").click()
        expect(page.get_by_test_id("report-text")).to_have_value("")
        page.get_by_test_id("report-text").fill(second)
        page.get_by_test_id("draft").click()
        expect(page.get_by_test_id("report-text")).to_have_value(first)
        page.get_by_test_id("urgent").check()
        page.get_by_test_id("report-text").fill(first + "。")  # kept 300 ms later: after the report is in the outbox
        page.get_by_test_id("report-send").click()
        page.wait_for_timeout(1000)
        page.get_by_test_id("report").click()
        expect(page.get_by_test_id("report-text")).to_have_value(second)
        assert page.get_by_test_id("draft").count() == 0, "the sent draft is a draft again"
        phones.wait_sent(page, 1)
    found = phones.cases_saying(district.origin, passwords, first + "。")
    assert [(len(one["photos"]), one["urgent"]) for one in found] == [(1, True)], found


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[District, list[str]]]:
    cert, key, flags = certificate(tmp_path_factory.mktemp("tls"))
    with District(demo=True, args=("--tls-cert", str(cert), "--tls-key", str(key))) as district:
        yield district, flags


def work_offline(page: Page, photo: Path) -> None:
    page.get_by_test_id("accept").click()
    page.get_by_test_id("arrive").click()
    for stage, words in (("photo-before", "拍处理前照 · 1 ✓"), ("photo-after", "拍处理后照 · 1 ✓")):
        page.get_by_test_id(stage).set_input_files(photo)
        page.get_by_text(words).wait_for()
    page.get_by_test_id("note").fill("井盖已加固")
    page.get_by_test_id("finish").click()
    page.get_by_test_id("net").get_by_text("待传 5").wait_for()


def test_a_task_done_wholly_without_a_network_is_sent_once(
    secure: tuple[District, list[str]], driver: Playwright, tmp_path: Path, photo: Path
) -> None:
    district, flags = secure
    local, origin = f"https://127.0.0.1:{district.port('http')}", f"https://{HOST}:{district.port('http')}"
    passwords = district.passwords()
    task_id = phones.task_for_crew(local, passwords, f"井盖松动 {time.time_ns()}")
    context = secure_phone(driver, tmp_path / "phone", flags)
    page = context.pages[0]
    page.goto(f"{origin}/field/")
    sign_in_secure(page, "crew", passwords["crew"])
    page.locator(f'[data-testid=task-card][href$="{task_id}"]').wait_for()
    page.evaluate("navigator.serviceWorker.ready")
    while not page.evaluate("caches.keys().then(n => n.length)"):
        page.wait_for_timeout(200)
    context.set_offline(True)
    page.reload()
    page.goto(f"{origin}/field/task/{task_id}")
    work_offline(page, photo)
    context.close()  # the phone is switched off, and on again, still without a network

    context = secure_phone(driver, tmp_path / "phone", flags)
    context.set_offline(True)
    page = context.pages[0]
    page.goto(f"{origin}/field/outbox")
    expect(page.locator("[data-testid=outbox-item][data-state=waiting]")).to_have_count(5)
    desk = Client(local, verify=False).sign_in("dutylead", passwords["dutylead"])
    assert desk.get(f"tasks/{task_id}")["state"] == "open"
    context.set_offline(False)
    phones.wait_sent(page, 5)
    context.close()
    done = desk.get(f"tasks/{task_id}")
    assert done["state"] == "done" and done["result"] == "井盖已加固"
    assert [step["action"] for step in done["steps"]] == ["accept", "arrive", "finish"]
    assert all(step["applied"] for step in done["steps"])
    assert sorted(one["stage"] for one in done["photos"]) == ["after", "before"]
