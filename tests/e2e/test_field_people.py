"""The phone and its people: who is signed in, what they see in the sun, and what they see when the app is upgraded."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, expect
from tests.district import District
from tests.e2e import phones

import linli
from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
GPS = """(() => { window.watches = 0; const at = navigator.geolocation;
const watch = at.watchPosition.bind(at), clear = at.clearWatch.bind(at);
at.watchPosition = (...a) => { window.watches += 1; return watch(...a); };
at.clearWatch = (id) => { window.watches -= 1; clear(id); }; })()"""
# Every visible text: its size, its colour, and the ground it stands on.
TEXTS = """() => {
  const found = new Map();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const el = walk.currentNode.parentElement, text = walk.currentNode.textContent.trim();
    if (text && el && !el.closest('script,style,.sr') && el.checkVisibility()) found.set(el, text);
  }
  for (const el of document.querySelectorAll('input:not([type=checkbox]),textarea,select'))
    if (!el.closest('.sr') && el.checkVisibility()) found.set(el, el.value || el.placeholder || el.tagName);
  const ground = (el) => {
    for (; el; el = el.parentElement) {
      const c = getComputedStyle(el).backgroundColor;
      if (c !== 'rgba(0, 0, 0, 0)') return c;
    }
    return 'none';
  };
  return [...found].map(([el, text]) => {
    const drawn = getComputedStyle(el);
    return [text, parseFloat(drawn.fontSize), drawn.color, ground(el)];
  });
}"""


def calls(page: Page) -> list[str]:
    """Requests to the service from now on, as `METHOD path`."""
    made: list[str] = []

    def note(request: Request) -> None:
        if "/api/v1/" in request.url:
            made.append(f"{request.method} {request.url.partition('/api/v1')[2].partition('?')[0]}")

    page.on("request", note)
    return made


def test_a_sign_out_without_a_network_is_done_first_when_there_is_one(district: District, chromium: Browser) -> None:
    passwords = district.passwords()
    with phones.phone(chromium) as context:
        page = phones.open_field(context, district.origin, "member", passwords["member"])
        cookies = {one["name"]: one["value"] for one in context.cookies()}
        assert httpx.get(f"{district.origin}/api/v1/me", cookies=cookies).status_code == 200
        page.get_by_test_id("me").click()
        context.set_offline(True)
        page.get_by_test_id("sign-out").click()
        page.locator("input[name=username]").wait_for()
        page.close()  # the app is shut before there is a network again
        context.set_offline(False)
        page = context.new_page()
        made = calls(page)
        page.goto(f"{district.origin}/field/")
        page.locator("input[name=username]").wait_for()
        page.wait_for_timeout(2500)
        assert page.get_by_test_id("report").count() == 0, "signed in again by the cookie that was left"
        assert made[0] == "DELETE /session" and "GET /me" not in made[:1], made
        ended = time.monotonic() + 8  # each process of web may remember who a cookie is for 5 s
        while httpx.get(f"{district.origin}/api/v1/me", cookies=cookies).status_code != 401:
            assert time.monotonic() < ended, "the session lives on"
            time.sleep(0.5)


def test_nothing_is_sent_under_an_account_that_signed_in_elsewhere(district: District, chromium: Browser) -> None:
    """Cookies are shared by the windows of a browser: the console may have signed in somebody else."""
    passwords, text = district.passwords(), f"树枝断落 {time.time_ns()}"
    with phones.phone(chromium) as context:
        page = phones.open_field(context, district.origin, "member", passwords["member"])
        page.route("**/api/v1/cases", lambda route: route.abort())
        phones.write_report(page, text)
        page.get_by_test_id("report-send").click()
        page.get_by_test_id("outbox").click()
        page.locator("[data-testid=outbox-item][data-state=waiting]").wait_for()
        other = {"username": "crew", "password": passwords["crew"]}
        answer = context.request.post(
            f"{district.origin}/api/v1/session", data=other, headers={"Origin": district.origin}
        )
        assert answer.ok
        made = calls(page)
        page.unroute("**/api/v1/cases")
        page.locator("input[name=username]").wait_for(timeout=60_000)  # the phone asks who is there
        assert "POST /cases" not in made, made
        assert phones.cases_saying(district.origin, passwords, text) == []
        phones.sign_in(page, "member", passwords["member"])
        phones.wait_sent(page, 1)
    assert len(phones.cases_saying(district.origin, passwords, text)) == 1


def test_after_a_sign_out_the_next_member_has_neither_duty_nor_tasks_of_the_last(
    district: District, chromium: Browser
) -> None:
    passwords = district.passwords()
    phones.task_for_crew(district.origin, passwords, f"井盖松动 {time.time_ns()}")
    with phones.phone(chromium) as context:
        context.add_init_script(GPS)
        page = phones.open_field(context, district.origin, "crew", passwords["crew"])
        page.get_by_test_id("task-card").first.wait_for()
        page.get_by_test_id("me").click()
        page.get_by_test_id("duty").click()
        page.get_by_test_id("duty-mark").wait_for()
        phones.wait_sent(page, 1)
        assert page.evaluate("window.watches") == 1
        page.get_by_test_id("sign-out").click()
        page.locator("input[name=username]").wait_for()
        assert page.evaluate("window.watches") == 0, "the phone still follows the one who signed out"
        page.route("**/api/v1/tasks?*", lambda route: route.abort())
        phones.sign_in(page, "member", passwords["member"])
        page.locator("nav a").first.click()
        page.wait_for_timeout(1500)
        assert page.get_by_test_id("duty-mark").count() == 0
        assert page.get_by_test_id("task-card").count() == 0, "another member's tasks"
    crew = Client(district.origin).sign_in("crew", passwords["crew"])
    crew.post(f"duty/{crew.get('duty/me')['id']}/end", {})


def test_a_sign_on_that_waits_is_not_overwritten_by_the_answer_of_the_service(
    district: District, chromium: Browser
) -> None:
    passwords = district.passwords()
    with phones.phone(chromium) as context:
        page = phones.open_field(context, district.origin, "member", passwords["member"])

        def no_sign_on(route: Route) -> None:
            route.abort() if route.request.method == "PUT" else route.fallback()

        page.route("**/api/v1/duty/*", no_sign_on)
        page.get_by_test_id("me").click()
        page.get_by_test_id("duty").click()
        page.get_by_test_id("duty-mark").wait_for()
        with page.expect_response("**/api/v1/me"):
            page.reload()
        page.get_by_test_id("report").wait_for()
        page.wait_for_timeout(2500)
        assert page.get_by_test_id("duty-mark").count() == 1, "the sign-on is gone while it waits to be sent"
        page.get_by_test_id("me").click()
        page.get_by_test_id("sign-out").click()
        phones.sign_in(page, "member", passwords["member"])
        page.wait_for_timeout(2500)
        assert page.get_by_test_id("duty-mark").count() == 1, "the sign-on is gone after signing in again"
        page.unroute("**/api/v1/duty/*")
        page.get_by_test_id("outbox").click()
        phones.wait_sent(page, 1)
        member = Client(district.origin).sign_in("member", passwords["member"])
        assert member.get("duty/me") is not None
        page.get_by_test_id("me").click()
        page.get_by_test_id("duty").click()
        phones.wait_sent(page, 2)
        assert member.get("duty/me") is None


def test_the_task_screen_follows_the_desk_and_marks_limits_without_a_source(
    district: District, chromium: Browser
) -> None:
    passwords = district.passwords()
    task_id = phones.task_for_crew(district.origin, passwords, f"井盖松动 {time.time_ns()}")
    with phones.phone(chromium) as context:
        page = phones.open_field(context, district.origin, "crew", passwords["crew"])
        page.goto(f"{district.origin}/field/task/{task_id}")  # this page has never shown the list
        expect(page.get_by_test_id("illustrative")).to_have_text("示例时限")
        lead = Client(district.origin).sign_in("dutylead", passwords["dutylead"])
        shown = page.locator("p.meta", has_text="03-04")
        for hour in range(1, 20):  # the first acts of the desk may come before the stream is open
            lead.patch(f"tasks/{task_id}", {"due_at": f"2031-03-04T{hour:02}:00:00+08:00"})
            page.wait_for_timeout(1500)
            if shown.count():
                break
        shown.wait_for()
        assert page.get_by_test_id("illustrative").count() == 0  # a person has set this one
        lead.post(f"tasks/{task_id}/cancel", {"reason": "重复"})
        page.get_by_text("这个任务不在手机上").wait_for()


def test_a_screen_without_its_stream_says_so(district: District, chromium: Browser) -> None:
    passwords = district.passwords()
    with phones.phone(chromium) as context:
        context.add_init_script("delete window.SharedWorker")  # so that the page itself holds the stream
        context.route("**/live/events*", lambda route: route.abort())
        page = phones.open_field(context, district.origin, "crew", passwords["crew"])
        page.get_by_test_id("outbox").click()
        page.get_by_test_id("live-banner").wait_for()


def test_in_the_sun_all_is_black_on_white_and_large(district: District, chromium: Browser) -> None:
    passwords = district.passwords()
    task_id = phones.task_for_crew(district.origin, passwords, f"井盖松动 {time.time_ns()}")
    with phones.phone(chromium) as context:
        page = phones.open_field(context, district.origin, "crew", passwords["crew"])
        page.route("**/api/v1/cases", lambda route: route.abort())
        phones.write_report(page, "路灯不亮")
        page.get_by_test_id("report-send").click()
        page.get_by_test_id("me").click()
        page.get_by_test_id("sun").check()
        wrong = []
        for path in ("", "report", f"task/{task_id}", "outbox", "me"):
            page.goto(f"{district.origin}/field/{path}")
            page.locator("h1").first.wait_for()
            page.wait_for_timeout(1200)
            texts = page.evaluate(TEXTS)
            assert len(texts) > 8, (path, texts)
            wrong += [
                (path, *one) for one in texts if one[1:] != [max(one[1], 18), "rgb(0, 0, 0)", "rgb(255, 255, 255)"]
            ]
        assert wrong == []


def test_a_map_left_while_it_loads_breaks_nothing_and_the_ground_is_read_once(
    district: District, chromium: Browser
) -> None:
    passwords = district.passwords()
    with phones.phone(chromium) as context:
        page = phones.open_field(context, district.origin, "member", passwords["member"])
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        made = calls(page)
        held: list[Route] = []
        page.route("**/api/v1/basemap/roads.geojson", lambda route: held.append(route))
        page.locator('nav a[href$="/map"]').click()
        page.locator("canvas.maplibregl-canvas").wait_for()
        while not held:
            page.wait_for_timeout(100)
        page.get_by_test_id("outbox").click()
        held[0].continue_()
        page.wait_for_timeout(2000)
        assert failures == []
        page.unroute("**/api/v1/basemap/roads.geojson")
        for _ in range(2):
            page.locator('nav a[href$="/map"]').click()
            page.locator("canvas.maplibregl-canvas").wait_for()
            page.wait_for_timeout(1500)
            page.get_by_test_id("outbox").click()
        assert made.count("GET /basemap/roads.geojson") == made.count("GET /basemap/footprints.geojson") == 1, made
        assert failures == []


def test_a_tab_older_than_the_service_begins_anew_once(district: District, chromium: Browser) -> None:
    passwords = district.passwords()
    with phones.phone(chromium) as context:
        page = phones.open_field(context, district.origin, "member", passwords["member"])
        context.route("**/field/assets/MeScreen-*", lambda route: route.fulfill(status=404))  # as after an upgrade
        loads: list[str] = []
        page.on("load", lambda one: loads.append(one.url))
        with page.expect_event("load"):
            page.get_by_test_id("me").click()
        page.get_by_test_id("report").wait_for()
        page.get_by_test_id("me").click()
        page.wait_for_timeout(2000)
        assert len(loads) == 1, "again and again"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: Any) -> None:
        pass


@pytest.fixture
def releases(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The built app on a server of files: (origin, its folder), so that a test can upgrade it."""
    folder = tmp_path / "field"
    shutil.copytree(Path(linli.__file__).parent / "dist" / "field", folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()


def caches(page: Page) -> list[str]:
    return [name for name in page.evaluate("caches.keys()") if name.startswith("linli-field-")]


def until(page: Page, wanted: int) -> list[str]:
    for _ in range(100):
        if len(found := caches(page)) == wanted:
            return found
        page.wait_for_timeout(200)
    raise AssertionError(caches(page))


def test_an_upgrade_leaves_an_open_tab_its_files(chromium: Browser, releases: tuple[str, Path]) -> None:
    origin, folder = releases
    with phones.phone(chromium, service_workers="allow") as context:
        page = first_visit(context, origin)
        old = until(page, 1)
        chunk = next(folder.glob("assets/MeScreen-*.js"))
        worker = (folder / "sw.js").read_text()
        (folder / "sw.js").write_text(worker.replace(old[0].removeprefix("linli-field-"), "0123456789ab"))
        page.evaluate("navigator.serviceWorker.getRegistration().then(r => r.update())")
        until(page, 2)
        chunk_url = f"{origin}/field/assets/{chunk.name}"
        chunk.unlink()  # the new release has it no more
        page.wait_for_timeout(1500)
        assert old[0] in caches(page), "the open tab's files are gone"
        assert page.evaluate("u => fetch(u).then(r => r.status)", chunk_url) == 200
        page.close()  # no tab of the old version is left
        page = context.new_page()
        page.goto(f"{origin}/field/")
        assert until(page, 1) == ["linli-field-0123456789ab"]


def first_visit(context: BrowserContext, origin: str) -> Page:
    page = context.new_page()
    page.goto(f"{origin}/field/")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    return page
