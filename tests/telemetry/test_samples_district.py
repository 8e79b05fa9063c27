"""A handful of the packs' sample streams through a whole district: device, gateway, stream, sense, database, API."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest
from tests.district import District
from tests.stranger import Stranger, until

from linli.kernel import packs

pytestmark = pytest.mark.slow
SAMPLES = [s for path in packs.files("sample-streams") for s in packs.read_yaml(path)["sample_streams"]]
HANDFUL = ["road_water", "bridge_strain", "gas_detector", "pump", "toilet"]


@pytest.fixture(scope="module")
def district() -> Iterator[District]:
    with District() as one:
        yield one


class Bench(Stranger):
    def __init__(self, district: District) -> None:
        super().__init__(district)
        self.door = httpx.Client(base_url=f"http://127.0.0.1:{district.port('device')}", timeout=20, trust_env=False)

    def play(self, sample: dict[str, Any], number: int) -> tuple[str, int]:
        """A new device that sends the stream, and others of its place that send theirs; (device id, second 0 in ms)."""
        streams = [sample, *sample.get("others", ())]
        made = [self.device(f"S-{sample['model']}-{number}-{n}", one["model"]) for n, one in enumerate(streams)]
        tokens = [self.token(device) for device in made]
        zero = (int(time.time()) - sample["t"][-1] - 5) * 1000
        for i, t in enumerate(sample["t"]):
            for token, one in zip(tokens, streams, strict=True):
                values = {name: column[i] for name, column in one["readings"].items()}
                self.send(token, {"ts": zero + t * 1000, "values": values})
        return made[0], zero

    def send(self, token: str, message: dict[str, Any]) -> None:
        for _ in range(50):  # the gateway hears of a new device within a moment
            answer = self.door.post(f"/api/v1/{token}/telemetry", json=message)
            if answer.status_code == 200:
                return
            time.sleep(0.2)
        raise AssertionError(answer.text)

    def alarms(self, device: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"alarms?device_id={device}&state=all")["items"]
        return found


def seconds(text: str, zero: int) -> float:
    return datetime.fromisoformat(text).timestamp() - zero / 1000


@pytest.mark.timeout(400)
@pytest.mark.parametrize("model", HANDFUL)
def test_its_alarms_stand_in_the_database_at_the_packs_times(district: District, model: str) -> None:
    sample = next(s for s in SAMPLES if s["model"] == model)
    bench = Bench(district)
    device, zero = bench.play(sample, 1)
    wanted = {(a["rule"], a["raised_s"], a["cleared_s"]) for a in sample["alarms"]}
    end = time.monotonic() + 20
    while True:
        rows = bench.alarms(device)
        got = {(r["rule_code"], seconds(r["raised_at"], zero), r["cleared_at"] and seconds(r["cleared_at"], zero))
               for r in rows}  # fmt: skip
        if got == wanted:
            return
        assert time.monotonic() < end, (got, wanted)
        time.sleep(0.3)


@pytest.mark.timeout(200)
@pytest.mark.parametrize("model", ["care_pendant", "muck_truck", "gas_alarm_household"])
def test_a_private_things_stream_is_taken_and_shown_nowhere(district: District, model: str) -> None:
    sample = next(s for s in SAMPLES if s["model"] == model)
    bench = Bench(district)
    device, _ = bench.play(sample, 2)
    time.sleep(2)
    for path in ("", "/readings", "/readings.csv", "/index", "/quality", "/series?property=speed"):
        assert bench.http.get(f"devices/{device}{path}").status_code == 404
    assert bench.alarms(device) == [] and device not in bench.http.get("device-pins").text
    assert bench.http.get(f"devices?model={model}").json()["items"] == []
    assert bench.http.get(f"devices/latest?ids={device}").json()["items"] == []
    assert model not in {row["model"] for row in bench.http.get("devices/counts").json()["models"]}


class Ear(threading.Thread):
    """All that /live/ tells a key."""

    def __init__(self, district: District, key: str) -> None:
        super().__init__(daemon=True)
        self.url, self.key = f"{district.origin}/live/events", key
        self.heard: list[str] = []
        self.open = threading.Event()

    def run(self) -> None:
        headers = {"Authorization": f"Bearer {self.key}"}
        with httpx.stream("GET", self.url, headers=headers, timeout=None, trust_env=False) as answer:
            answer.raise_for_status()
            self.open.set()
            self.heard += answer.iter_lines()  # grows until the district ends


def plain_gets(http: httpx.Client) -> list[str]:
    """Every address of the API that reads, with nothing left to fill in but a device."""
    doc = http.get("openapi.json").raise_for_status().json()
    paths = [path for path, acts in doc["paths"].items() if "get" in acts]
    return [p.removeprefix("/api/v1/") for p in paths if set(re.findall(r"{(\w+)}", p)) <= {"device_id"}]


def pages(sta: httpx.Client, address: str) -> Iterator[str]:
    """A collection to its end."""
    while address:
        answer = sta.get(address).raise_for_status()
        yield answer.text
        address = answer.json().get("@iot.nextLink", "")


@pytest.mark.timeout(400)
def test_no_route_gives_an_integrator_a_households_or_a_persons_series(district: District) -> None:
    bench, mark = Bench(district), 123_456.75
    ear = Ear(district, district.key())
    ear.start()
    assert ear.open.wait(20)
    shown, hidden = {}, {}
    for model, prop in (("water_level", "level"), ("water_meter_household", "volume"), ("care_pendant", "battery")):
        code = f"X-{model}"
        device = bench.device(code, model)
        token, found = bench.token(device), shown if model == "water_level" else hidden
        found[device] = code
        bench.send(token, {"ts": int(time.time() * 1000), "values": {prop: mark}})
    open_one = next(iter(shown))
    until(lambda: bench.get(f"devices/{open_one}/readings")["items"])  # history has them all by now
    asked = 0
    for path in plain_gets(bench.http):
        for device in hidden:
            answer = bench.http.get(
                path.format(device_id=device), params={"device_id": device, "ids": device, "q": "X-"}
            )
            asked += 1
            assert answer.status_code < 500, (path, answer.text[:300])
            told = answer.text
            assert str(mark) not in told and hidden[device] not in told, (path, told[:300])
            # who sets meters up may see that one has a token: that is no series
            assert not ("{device_id}" in path and answer.status_code == 200) or path.endswith("/credentials"), path
    assert asked > 100
    sta = httpx.Client(base_url=f"{district.origin}/sta/v1.1/", headers=bench.http.headers, timeout=30, trust_env=False)
    told = "".join(page for name in ("Things", "Datastreams", "Locations", "Sensors", "FeaturesOfInterest")
                   for page in pages(sta, f"{name}?$top=1000"))  # fmt: skip
    told += sta.get("Observations", params={"$filter": f"result eq {mark}"}).raise_for_status().text
    assert shown[open_one] in told and str(mark) in told  # what may be seen is seen: the crawl looks where it should
    heard = "\n".join(ear.heard)
    assert open_one in heard
    for device, code in hidden.items():
        assert code not in told and device not in told and device not in heard and code not in heard
