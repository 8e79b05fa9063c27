"""Recorded files by the public commands: replayed telemetry raises alarms, imported requests are all accounted for."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.contract.test_stranger import ok, wait_for
from tests.district import District, demo_district

pytestmark = pytest.mark.slow
DATA = Path(os.environ.get("LINLI_RECORDINGS", "../shared/data"))
# file, map, rows asked for, device, its alarm, a property. The rows reach a breach of a rule of
# the standard pack: the river's dissolved oxygen stays below 3 mg/l for half an hour at row 21,327 only.
REPLAYS = [
    ("lro_river/MainStreet2019.csv.gz", "lro_river", 21_340, "lro-MainStreet2019", "river-oxygen-low", "stage"),
    ("air_beijing/PRSA_Data_Dongsi_20130301-20170228.csv", "air_beijing", 300, "air-Dongsi", "air-pm25-high", "pm25"),
    ("nab/realTraffic__speed_6005.csv", "nab", 2500, "nab-speed_6005", "series-high", "value"),
]  # fmt: skip


def recording(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip("the recordings folder (LINLI_RECORDINGS) is absent")
    return path


@pytest.fixture(scope="module")
def district() -> Iterator[District]:
    with demo_district() as running:
        yield running


@pytest.fixture(scope="module")
def http(district: District) -> Iterator[httpx.Client]:
    key = district.key("integrator")
    with httpx.Client(
        base_url=district.origin + "/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=30
    ) as client:
        yield client


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def last_line(district: District, *words: str) -> dict[str, Any]:
    return json.loads(district.run(*words, "--json").stdout.splitlines()[-1])


@pytest.mark.parametrize(("file", "name", "limit", "code", "rule", "prop"), REPLAYS, ids=[r[1] for r in REPLAYS])
def test_a_recording_is_live_telemetry_with_alarms(
    district: District, http: httpx.Client, file: str, name: str, limit: int, code: str, rule: str, prop: str
) -> None:
    prefix = f"t{time.time():.0f}-"  # devices of this run only: readings older than a device's newest raise nothing
    code = prefix + code
    words = ("--map", name, "--limit", str(limit), "--device-prefix", prefix)
    report = last_line(district, "replay", str(recording(file)), *words)
    assert report["rows"] == report["sent"] + report["rejected"] == limit
    assert report["sent"] > limit * 0.9 and report["devices"] == [code] and report["warnings"] == {}
    device = next(d for d in ok(http.get("/devices", params={"q": code}))["items"] if d["code"] == code)

    def alarms() -> list[dict[str, Any]]:
        return [
            a
            for a in ok(http.get("/alarms", params={"device_id": device["id"], "state": "all"}))["items"]
            if a["rule_code"] == rule
        ]

    alarm = wait_for(alarms, 60)[0]
    first, last = moment(report["first"]), moment(report["last"])
    assert first <= moment(alarm["started_at"]) <= moment(alarm["raised_at"]) <= last
    asked = {"property": prop, "start": report["first"], "end": report["last"], "points": 50}

    def series() -> Any:
        found = ok(http.get(f"/devices/{device['id']}/series", params=asked))
        return found if sum(found["count"]) >= report["sent"] * 0.9 else None

    columns = wait_for(series, 60)
    assert len(columns["t"]) > 20 and sum(columns["count"]) <= report["sent"]
    newest = ok(http.get(f"/devices/{device['id']}/readings", params={"property": prop, "limit": 5}))["items"]
    assert len(newest) == 5 and all(first <= moment(r["at"]) <= last for r in newest)


def test_san_francisco_is_imported_once_by_the_command(district: District) -> None:
    words = ("import", "cases", str(recording("c311_sf/sf311.csv")), "--map")
    report = last_line(district, *words, "sf311")
    assert report["rows"] == report["imported"] + report["rejected"] == report["imported"] == 10_000
    assert (report["no_place"], report["closed_before_opened"], report["open"]) == (4264, 17, 370)
    again = last_line(district, *words, "c311_sf")  # the same map by its other name
    assert (again["rows"], again["imported"], again["rejected"]) == (10_000, 0, 10_000)
    assert (again["no_place"], again["closed_before_opened"], again["open"]) == (4264, 17, 370)


def test_new_york_is_imported_by_the_command(district: District) -> None:
    report = last_line(district, "import", "cases", str(recording("c311_nyc/nyc_2025-03-24_full.csv")),
                       "--map", "c311_nyc")  # fmt: skip
    assert report["rows"] == report["imported"] + report["rejected"] == 235 and report["imported"] > 0


def test_a_wrong_map_or_file_ends_with_a_reason(district: District) -> None:
    file = str(recording("c311_sf/sf311.csv"))
    for words, reason in (
        (("import", "cases", file, "--map", "nowhere"), "sf311"),
        (("import", "cases", "missing.csv", "--map", "sf311"), "missing.csv is not a file"),
        (("replay", file, "--map", "nowhere"), "air_beijing"),
        (("replay", "missing.csv", "--map", "nab"), "missing.csv is not a file"),
        (("replay", file, "--map", "c311_sf"), "not for telemetry"),
    ):
        done = district.run(*words, check=False)
        assert done.returncode == 2 and done.stdout == "", (words, done.stdout)
        assert reason in done.stderr and "Traceback" not in done.stderr, done.stderr
