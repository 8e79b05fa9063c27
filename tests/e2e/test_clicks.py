"""How many clicks the daily jobs cost, as the page itself counts them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.facts import new_case

from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
# Pointer and keys, as the browser reports them of a person; what scripts click by themselves does not count.
COUNT = """window.spent = [];
for (const kind of ['click', 'keydown'])
    addEventListener(kind, event => { if (event.isTrusted) window.spent.push(kind); }, true);"""


def test_a_dispatcher_sends_a_team_in_three_clicks(district: District, chromium: Browser) -> None:
    """From the live view, with a case that has just come in: open it, send the recommended team."""
    desk = Client(district.origin).sign_in("dispatcher", district.passwords()["dispatcher"])
    with chrome.context(chromium) as context:
        page = context.new_page()
        chrome.sign_in(page, district.origin, "dispatcher", district.passwords()["dispatcher"], "/healthz")
        page.add_init_script(COUNT)
        page.goto(f"{district.origin}/console/live")
        page.get_by_test_id("live-view").wait_for()
        case = new_case(district, "路灯不亮,三下派出")
        page.locator(f"[data-case='{case['id']}']").first.click()
        page.get_by_test_id("dispatch-now").click()
        expect(page.get_by_text("已派").first).to_be_visible()
        spent = page.evaluate("spent")
    done = desk.get(f"cases/{case['id']}")
    assert done["state"] == "dispatched"
    assert done["team"]
    assert 1 <= len(spent) <= 3, spent
