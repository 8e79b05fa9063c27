"""A voice note: spoken on the phone without a network, sent once with its report, and heard on the case's page."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e import phones

from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
# Chromium's own microphone: a beep each second.
MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
              "--autoplay-policy=no-user-gesture-required")  # fmt: skip
PLAY = """async (audio) => { await audio.play(); await new Promise((done) => setTimeout(done, 900));
  const at = audio.currentTime; audio.pause(); return [at, audio.error?.message ?? ''] }"""
# What is in the recording: its seconds, and how loud its loudest moment is.
SOUND = """async (audio) => { const bytes = await (await fetch(audio.src)).arrayBuffer();
  const sound = await new OfflineAudioContext(1, 48000, 48000).decodeAudioData(bytes);
  return [sound.duration, sound.getChannelData(0).reduce((most, one) => Math.max(most, Math.abs(one)), 0)] }"""


@pytest.fixture(scope="module")
def speaking(driver: Playwright) -> Iterator[Browser]:
    browser = chrome.launch(driver, *MICROPHONE)
    yield browser
    browser.close()


def hears(page: Page, testid: str = "voice-play", *, least: float = 2) -> None:
    """There is a sound of at least `least` seconds there, and the screen can play it."""
    audio = page.locator(f"audio[data-testid={testid}], [data-testid={testid}] audio")
    audio.wait_for()
    seconds, loud = audio.evaluate(SOUND)
    assert seconds > least - 0.5 and loud > 0.01, (seconds, loud)
    played, error = audio.evaluate(PLAY)
    assert played > 0.2 and not error, (played, error)


def record(page: Page, seconds: float) -> None:
    page.get_by_test_id("voice-start").click()
    page.get_by_test_id("voice-stop").wait_for()
    page.wait_for_timeout(seconds * 1000)


def with_shell(context: BrowserContext, district: District) -> Page:
    """Signed in, and the app is on the phone: from now on it starts without a network."""
    page = phones.open_field(context, district.origin, "member", district.passwords()["member"])
    page.wait_for_function("caches.keys().then(names => names.length > 0)")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload()
    page.get_by_test_id("report").wait_for()
    return page


def notes(district: District, text: str) -> tuple[str, list[dict[str, Any]]]:
    """The one case with this text, and its voice notes as the desk sees them."""
    (case,) = phones.cases_saying(district.origin, district.passwords(), text)
    desk = Client(district.origin, verify=False).sign_in("dispatcher", district.passwords()["dispatcher"])
    return case["id"], desk.get(f"cases/{case['id']}/field")["voices"]


def test_a_voice_note_made_offline_goes_out_once_and_is_heard_at_the_desk(
    district: District, speaking: Browser
) -> None:
    text = f"水管在响 {time.time_ns()}"
    with phones.phone(speaking, service_workers="allow") as context:
        page = with_shell(context, district)
        context.set_offline(True)
        phones.write_report(page, text)
        record(page, 3)
        page.get_by_test_id("voice-stop").click()
        hears(page)
        page.wait_for_timeout(600)
        page.reload()  # the phone was off: draft and recording are there
        page.get_by_test_id("report-text").wait_for()
        expect(page.get_by_test_id("report-text")).to_have_value(text)
        hears(page)
        page.get_by_test_id("report-send").click()
        page.get_by_test_id("net").get_by_text("待传 1").wait_for()
        lost = phones.lose_the_answer(page, "**/voice-notes/*")
        context.set_offline(False)
        phones.wait_sent(page, 1)
        assert lost == [201], "the answer was to be lost once"
    case, voices = notes(district, text)
    assert len(voices) == 1 and 2 <= voices[0]["seconds"] <= 5, voices
    with chrome.context(speaking) as context:
        page = context.new_page()
        chrome.sign_in(
            page, district.origin, "dispatcher", district.passwords()["dispatcher"], f"/console/cases/{case}"
        )
        hears(page, "voice-note")


def test_what_is_being_said_when_the_report_is_sent_or_left_is_not_lost(district: District, speaking: Browser) -> None:
    text = f"水管在响 {time.time_ns()}"
    with phones.phone(speaking) as context:
        page = phones.open_field(context, district.origin, "member", district.passwords()["member"])
        phones.write_report(page, text)
        record(page, 2)
        page.locator("nav a").first.click()  # a wrong tap: away from the report, still speaking
        page.get_by_test_id("report").click()
        hears(page, least=1.5)
        record(page, 2.5)
        page.get_by_test_id("report-send").click()
        phones.wait_sent(page, 1)
    _, voices = notes(district, text)
    assert len(voices) == 1 and voices[0]["seconds"] >= 2, voices


def test_another_draft_does_not_get_what_was_said_for_the_first(district: District, speaking: Browser) -> None:
    with phones.phone(speaking) as context:
        page = phones.open_field(context, district.origin, "member", district.passwords()["member"])
        phones.write_report(page, "第一件")
        record(page, 2)
        page.get_by_test_id("new-draft").click()
        expect(page.get_by_test_id("report-text")).to_have_value("")
        page.wait_for_timeout(800)
        assert page.get_by_test_id("voice-play").count() == 0 and page.get_by_test_id("voice-stop").count() == 0
        page.get_by_test_id("draft").filter(has_text="第一件").click()
        hears(page, least=1.5)


def test_words_and_voice_of_a_task_wait_on_the_phone_until_the_work_is_reported(
    district: District, speaking: Browser
) -> None:
    passwords = district.passwords()
    task_id = phones.task_for_crew(district.origin, passwords, f"水管在响 {time.time_ns()}")
    with phones.phone(speaking) as context:
        page = phones.open_field(context, district.origin, "crew", passwords["crew"])
        card = page.locator(f'[data-testid=task-card][href$="{task_id}"]')
        card.click()
        page.get_by_test_id("accept").click()
        page.get_by_test_id("arrive").click()
        page.get_by_test_id("note").fill("换了一段管")
        record(page, 2)
        page.locator("nav a").first.click()
        card.wait_for()
        page.reload()
        card.click()
        expect(page.get_by_test_id("note")).to_have_value("换了一段管")
        hears(page, least=1.5)
