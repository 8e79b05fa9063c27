"""The rain night: plays within three minutes, is seen in the console while it happens, and fails without its rule."""

from __future__ import annotations

import json
import subprocess
import time

import pytest
from playwright.sync_api import Browser
from tests.district import LINLI, District
from tests.e2e import browser as chrome

from linli.sim.story import RULES
from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
ORDER = ["dry", "resident", "rain", "water", "alarm", "case", "merge", "dispatch", "accept", "arrive", "photo-before",
         "photo-after", "finish", "cleared", "check", "close", "told",
         "sent-back", "unhappy", "supervise", "operation", "bulletin"]  # fmt: skip


def number_of_the_story(district: District, telling: subprocess.Popen[str]) -> str:
    """The number of the case that the story's alarm opened or joined, asked for while it is told."""
    desk = Client(district.origin).sign_in("dispatcher", district.passwords()["dispatcher"])

    def signals() -> set[tuple[str, int]]:
        return {(c["number"], c["signal_count"]) for c in desk.get("cases", channel="device", limit=200)["items"]}

    before = signals()
    while telling.poll() is None:
        if fresh := signals() - before:
            return min(fresh)[0]
        time.sleep(0.5)
    raise AssertionError(f"the story ended with no case: {telling.communicate()[0]}")


def test_the_story_plays_and_the_console_shows_it_live(district: District, chromium: Browser) -> None:
    with chrome.context(chromium) as context:
        page = context.new_page()
        chrome.sign_in(page, district.origin, "dispatcher", district.passwords()["dispatcher"], "/console/live")
        feed = page.get_by_test_id("feed")
        feed.get_by_role("button", name="▸").click()
        telling = subprocess.Popen(
            [*LINLI, "story", "rain-night", "--json"], env=district.env, stdout=subprocess.PIPE, text=True
        )
        case = feed.get_by_role("link").filter(has_text=number_of_the_story(district, telling))
        case.first.wait_for()  # its own case moved the feed, without a reload
        assert telling.poll() is None, "shown only when all was over"
        out, _ = telling.communicate(timeout=180)
        assert telling.returncode == 0, out
        told = json.loads(out.splitlines()[-1])
        case.filter(has_text=told["case"]).filter(has_text="结案").first.wait_for()
    assert [step["step"] for step in told["steps"]] == ORDER
    assert told["seconds"] <= 180


def test_a_second_night_follows_at_once_with_other_gauges(district: District) -> None:
    """A rule does not raise the same alarm again within minutes: the next telling takes gauges that are at rest."""
    told = [json.loads(district.run("story", "rain-night", "--json").stdout.splitlines()[-1]) for _ in range(2)]
    first, second = ({s["step"]: s for s in one["steps"]} for one in told)
    assert not {first["dry"]["device"], first["dry"]["rain"]} & {second["dry"]["device"], second["dry"]["rain"]}
    assert len({f["alarm"][name] for f in (first, second) for name in ("alarm", "rain_alarm")}) == 4


@pytest.mark.parametrize("which", RULES)
def test_the_story_fails_with_one_of_its_rules_switched_off(district: District, which: str) -> None:
    holder = Client(district.origin).sign_in("integrator", district.passwords()["integrator"])
    rule = next(r for r in holder.get("rules") if r["code"] == RULES[which])
    holder.patch(f"rules/{rule['id']}", {"version": rule["version"], "enabled": False})
    try:
        done = district.run("story", "rain-night", check=False, timeout=200)
        assert done.returncode == 1
        assert f"the {which} alarm did not happen" in done.stdout
    finally:
        now = holder.get(f"rules/{rule['id']}")
        holder.patch(f"rules/{rule['id']}", {"version": now["version"], "enabled": True})
