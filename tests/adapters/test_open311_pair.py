"""Two districts side by side exchange a case and its updates, both ways, with nothing lost or doubled; and a client
that was written elsewhere (`georeport`) reads them unchanged."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import georeport
import httpx
import pytest
from tests.district import District

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
PLACE = {"lon": 117.2701, "lat": 31.9803}


class Side:
    """One district, asked as its own people and programs would."""

    def __init__(self, district: District) -> None:
        self.district, self.origin = district, district.origin
        self.key = district.key("integrator")
        self.keys = {"integrator": self.key, "intake": district.key("intake"), "dispatcher": district.key("dispatcher")}
        self.v2 = f"{self.origin}/open311/v2"
        self.account = self.ask("GET", "/me").json()["account_id"]
        self.endpoint = ""

    def ask(self, method: str, path: str, who: str = "integrator", **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.keys[who]}"}
        answer = httpx.request(method, f"{self.origin}/api/v1{path}", headers=headers, timeout=30, **options)
        assert answer.status_code < 400, (method, path, answer.status_code, answer.text[:400])
        return answer

    def act(self, case_id: str, action: str, who: str, **given: Any) -> None:
        self.ask("POST", f"/cases/{case_id}/actions/{action}", who, json=given)

    def case(self, text: str) -> str:
        body = {"text": text, "class_code": "200406", **PLACE}
        return str(self.ask("POST", "/cases", "intake", json=body).json()["id"])

    def timeline(self, case_id: str, act: str) -> list[dict[str, Any]]:
        items = self.ask("GET", f"/cases/{case_id}/timeline?limit=200", "dispatcher").json()["items"]
        return [i for i in items if i["act"] == act]

    def statuses(self, case_id: str) -> list[str]:
        return [i["detail"]["status"] for i in self.timeline(case_id, "outside_update")]

    def state(self, case_id: str) -> str:
        return str(self.ask("GET", f"/cases/{case_id}", "dispatcher").json()["state"])

    def outgoing(self) -> list[dict[str, Any]]:
        return list(self.ask("GET", f"/open311/endpoints/{self.endpoint}/outgoing?limit=200").json()["items"])

    def news(self) -> None:
        """Ask for what is new at the other side, not at the next minute."""
        self.ask("POST", f"/open311/endpoints/{self.endpoint}/retry")

    def follow(self, other: Side, classes: list[dict[str, str]], form: str) -> None:
        body = {"name": "隔壁", "base_url": other.v2, "api_key": other.key, "classes": classes, "format": form,
                "account_id": self.account}  # fmt: skip
        self.endpoint = self.ask("POST", "/open311/endpoints", json=body).json()["id"]

    def posted(self, sender: Side, **form: str) -> None:
        answer = httpx.post(f"{self.v2}/servicerequestupdates.xml", data={"api_key": self.key, **form}, timeout=30)
        assert answer.status_code == 200, (sender.origin, answer.text[:400])


def until(what: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(1)
    return found


@pytest.fixture(scope="module")
def sides() -> Iterator[tuple[Side, Side]]:
    homes = os.environ.get("E2E_PAIR", "").split(",")  # while writing tests: two running ones
    ours = len(homes) != 2
    running = [District(demo=True, home=None if ours else Path(home)) for home in (homes * 2)[:2]]
    try:
        with ThreadPoolExecutor(2) as pool:
            a, b = pool.map(lambda d: Side(d.start() if ours else d), running)
        a.follow(b, [{"class": "200406", "service_code": "200406"}], "xml")
        b.follow(a, [{"class": "100101", "service_code": "100101"}], "json")
        yield a, b
    finally:
        for district in running if ours else ():
            district.stop()


def arrived(b: Side, text: str) -> list[dict[str, Any]]:
    rows = b.ask("GET", "/cases?limit=200&channel=open311", "dispatcher").json()["items"]
    return [r for r in rows if text in r["text"]]


def test_a_case_and_its_updates_go_both_ways_once(sides: tuple[Side, Side]) -> None:
    a, b = sides
    ours = a.case("井边大片积水")
    theirs = until(lambda: arrived(b, "井边大片积水"))[0]["id"]
    until(lambda: a.timeline(ours, "outside_sent"))

    b.act(theirs, "accept", "intake")  # B tells A, and A asks B: the same step
    until(lambda: a.statuses(ours) == ["INVESTIGATING"])
    team = a.ask("GET", f"/cases/{ours}", "dispatcher").json()["suggestions"][0]["team_id"]
    a.act(ours, "dispatch", "dispatcher", team=team)  # A tells B
    until(lambda: b.statuses(theirs) == ["ACTION_SCHEDULED"])
    b.act(theirs, "reject", "intake", reason="已自行退水")
    until(lambda: a.state(ours) == "handled")
    assert a.statuses(ours) == ["INVESTIGATING", "NO_FURTHER_ACTION"]
    assert "已自行退水" in a.timeline(ours, "outside_update")[-1]["note"]

    again = httpx.get(f"{b.v2}/servicerequestupdates.json", params={"api_key": b.key}, timeout=30).json()
    number = again[0]["service_request_id"]
    mine = [u for u in again if u["service_request_id"] == number]
    assert len(mine) == 2, "A does not get back what A told"
    for update in [*reversed(mine), *mine]:  # doubled, and the later one first
        a.posted(b, **{k: v for k, v in update.items() if v})
    told = until(lambda: [o for o in a.outgoing() if o["kind"] == "update" and o["state"] == "sent"])
    late = {"service_request_id": number, "update_id": "late-1", "status": "OPEN", "description": "早先已接报",
            "updated_datetime": "2026-01-05T08:00:00Z"}  # fmt: skip
    for _ in range(2):
        a.posted(b, **late)
        b.posted(a, **{**late, "update_id": "late-2"})
    a.news(), b.news()
    until(lambda: "OPEN" in b.statuses(theirs) and "OPEN" in a.statuses(ours))
    time.sleep(5)
    assert sorted(a.statuses(ours)) == ["INVESTIGATING", "NO_FURTHER_ACTION", "OPEN"] and a.state(ours) == "handled"
    assert sorted(b.statuses(theirs)) == ["ACTION_SCHEDULED", "OPEN"] and b.state(theirs) == "rejected"
    assert len(told) == 1 and len(arrived(b, "井边大片积水")) == 1 and len(a.timeline(ours, "outside_sent")) == 1


def test_what_sends_is_killed_and_nothing_is_lost_or_doubled(sides: tuple[Side, Side]) -> None:
    a, b = sides
    made = [a.case(f"积水 {n} 号点") for n in range(6)]
    until(lambda: arrived(b, "号点"))
    a.district.kill("jobs")
    made += [a.case(f"积水 {n} 号点") for n in range(6, 9)]
    until(lambda: len(arrived(b, "号点")) >= len(made), 120)
    until(lambda: all(a.timeline(one, "outside_sent") for one in made))
    assert len(arrived(b, "号点")) == len(made)
    assert all(len(a.timeline(one, "outside_sent")) == 1 for one in made)


def test_georeport_reads_services_and_requests_unchanged(sides: tuple[Side, Side]) -> None:
    _, b = sides
    for form in ("json", "xml"):
        client = georeport.GeoReport(b.v2, output_format=form, jurisdiction="shuangfeng")
        services = client.get_service_list()
        assert len(services) > 100 and {"service_code", "service_name", "metadata", "type"} <= services[0].keys()
        asked = client.get_service_definition("901503")
        assert asked["service_code"] == "901503"
        requests = client.get_service_requests(status="open,closed", service_code="200406")
        assert len(requests) >= 2
        one = client.get_service_request(requests[0]["service_request_id"])
        assert one["service_request_id"] == requests[0]["service_request_id"] and one["service_code"] == "200406"
        assert float(one["lat"]) == pytest.approx(PLACE["lat"], abs=0.2)
