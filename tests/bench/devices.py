"""`make bench-devices`: a city's devices on one machine, and what each part of them costs.

A demo district with two gateways on one port and 100,000 devices. Parts (`--only a,b`): `lists` (registry, map,
alarms), `flow` (20,000 messages of three readings a second, QoS 1, for `--seconds`), `quiet` (100 a second), `storm`
(2,000 alarms at once), `hold` (15,000 connections, 10,000 come back), `tls` (the same over TLS), `year` (a year of
10-minute readings of `--year` devices: charts, alone and while readings come in). SensorThings has its own test.
`--home DIR` keeps the district; `--json` and `--out FILE` are for programs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
from tests.bench import devices_fill, machine, telemetry
from tests.bench.bars import Bar, against, judged
from tests.district import District

from linli.engines.testing import some_port

PARTS = ("lists", "flow", "quiet", "storm", "hold", "tls", "year")
COUNT, CONNECTIONS, HELD, BACK = 100_000, 5_000, 15_000, 10_000
SCAN = "SELECT code, avg(value), quantile(0.95)(value) FROM readings GROUP BY code"
RATE, ALARMS, STORM = 20_500, 200, 2_000  # a little above the bar, because pacing never catches up
MEMORY_EVERY_S = 5.0


def bars() -> Iterator[Bar]:
    flow, hold = ("flow",), ("hold",)
    yield Bar("list of 50 devices of 100,000, p95", ("lists", "list of 50", "p95"), 100, "ms")
    yield Bar("map of 100,000 devices, p95", ("lists", "pins of a screen", "p95"), 100, "ms")
    yield Bar("MQTT connections that send", (*flow, "connections"), CONNECTIONS, "", at_most=False)
    yield Bar("MQTT QoS 1, all on", (*flow, "messages_per_s"), 20_000, "messages/s", at_most=False)
    yield Bar("the same in points", (*flow, "points_per_s"), 60_000, "points/s", at_most=False)
    yield Bar("server CPU per message of 3 points", (*flow, "server_cpu_us_per_message", "all"), 55, "CPU-µs")
    yield Bar("memory at the end against the first minute", (*flow, "memory_growth"), 1.1, "×")
    yield Bar("publish to alarm at a listener, p95", (*flow, "alarm_ms", "p95"), 60, "ms")
    yield Bar("publish to alarm at a listener, p99", (*flow, "alarm_ms", "p99"), 150, "ms")
    yield Bar("the same at 100 messages a second, p95", ("quiet", "alarm_ms", "p95"), 30, "ms")
    yield Bar("2,000 alarms are in after", ("storm", "in_s"), 1, "s")
    yield Bar("the last of them is at a listener after", ("storm", "last_alarm_s"), 2, "s")
    yield Bar("connections held", (*hold, "open", "connected"), HELD, "", at_most=False)
    yield Bar("gateway memory a connection", (*hold, "kb_a_connection"), 5, "KB")
    yield Bar("10,000 come back in", (*hold, "back", "seconds"), 6, "s")
    yield Bar("gateway memory a connection, TLS", ("tls", "kb_a_connection"), 40, "KB")
    yield Bar("10,000 come back in, TLS", ("tls", "back", "seconds"), 20, "s")
    yield Bar("points of the year", ("year", "loaded", "points"), 250e6, "", at_most=False)
    yield Bar("bytes a point, raw and hours (days come of them)", ("year", "loaded", "bytes_per_point"), 8, "bytes")
    yield Bar("a year's chart, p95", ("year", "chart", "p95"), 80, "ms")
    yield Bar("a year's chart while readings come in, p95", ("year", "chart_in_flow", "p95"), 150, "ms")
    yield Bar("a year's chart beside an analyst's full scan, p95 against alone", ("year", "scan_factor"), 2, "×")
    yield Bar("figures of the district, one after another, p95", ("year", "dashboard", "p95"), 100, "ms")
    yield Bar("the same six at a time, as a browser asks, p95", ("year", "dashboard_six", "p95"), 100, "ms")


# --- asking -----------------------------------------------------------------------------------------------------------


class Asks:
    def __init__(self, district: District) -> None:
        env = json.loads((district.home / "run" / "env.json").read_text())
        headers = {"Authorization": f"Bearer {district.key()}"}
        self.client = httpx.Client(base_url=env["LINLI_WEB_URL"] + "/api/v1/", headers=headers, timeout=60,
                                   trust_env=False)  # fmt: skip
        self.district, self.known = district, machine.pids(district)

    def measure(self, *paths: str, rounds: int = 40, at_once: int = 1) -> dict[str, Any]:
        """Time from asking to the last byte, of all `paths` one after another (or so many `at_once`, as browsers do),
        and CPU-ms of who served them."""
        took: list[float] = []
        with ThreadPoolExecutor(at_once) as pool:

            def ask() -> int:
                found = pool.map(self.client.get, paths) if at_once > 1 else map(self.client.get, paths)
                return sum(len(answer.raise_for_status().content) for answer in found)

            for _ in range(5):
                ask()
            before, size = machine.cpu_seconds(self.district, self.known), 0
            for _ in range(rounds):
                began = time.perf_counter()
                size = ask()
                took.append((time.perf_counter() - began) * 1000)
        after = machine.cpu_seconds(self.district, self.known)
        cpu = {n: round((after[n] - before[n]) / rounds * 1000, 2) for n in ("web", "postgres", "history")}
        return {**machine.spread(took), "cpu_ms": cpu, "bytes": size}


def lists(district: District) -> dict[str, Any]:
    ask = Asks(district)
    west, south = 117.25, 31.96
    found = {
        "list of 50": "devices?limit=50", "of a kind": "devices?limit=50&model=water_level",
        "by word": "devices?limit=50&q=bench-0123", "silent": "devices?limit=50&online=false",
        "counts": "devices/counts", "pins of a screen": f"device-pins?bbox={west},{south},{west + 0.02},{south + 0.02}",
        "pins of all": "device-pins", "alarms": "alarms?limit=50",
    }  # fmt: skip
    return {name: ask.measure(path) for name, path in found.items()}


# --- messages ---------------------------------------------------------------------------------------------------------


@contextmanager
def memory_of(district: District) -> Iterator[list[float]]:
    """Memory of all servers (PSS, MB), every five seconds."""
    seen: list[float] = []
    stop, known = threading.Event(), machine.pids(district)

    def watch() -> None:
        while not stop.wait(MEMORY_EVERY_S):
            seen.append(machine.pss_mb(district, known)["total"])

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield seen
    stop.set()
    thread.join()


def flow(district: District, seconds: float) -> dict[str, Any]:
    gauges = devices_fill.tokens(district.home)
    sends = {"load": [t for _, t in gauges[ALARMS : ALARMS + CONNECTIONS]], "crossing": gauges[:ALARMS]}
    with memory_of(district) as memory:
        found = telemetry.measure(district, rate=RATE, seconds=seconds, crossings=0, sends=sends)
    first = max(memory[: max(1, int(60 / MEMORY_EVERY_S))])
    return found | {"memory_mb_each_5_s": memory, "memory_growth": round(memory[-1] / first, 3)}


def quiet(district: District) -> dict[str, Any]:
    gauges = devices_fill.tokens(district.home)[ALARMS : 2 * ALARMS]
    sends = {"load": [t for _, t in devices_fill.tokens(district.home)[-2_000:]], "crossing": gauges}
    return telemetry.measure(district, rate=100, seconds=40, crossings=0, sends=sends)


def storm(district: District) -> dict[str, Any]:
    """2,000 gauges cross their limit as fast as one client can tell; until all alarms are in the database (the desk
    reads it), and until the last of them is at a listener."""
    gauges = devices_fill.tokens(district.home)[2 * ALARMS : 2 * ALARMS + STORM]
    sends = {"load": [], "crossing": gauges}
    url = json.loads((district.home / "run" / "env.json").read_text())["LINLI_DATABASE_URL"]
    db = psycopg.connect(url, autocommit=True)
    before, in_at = alarms_in(db), []

    def watch() -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end and alarms_in(db) < before + STORM:
            time.sleep(0.02)
        in_at.append(time.time())

    thread = threading.Thread(target=watch)
    thread.start()
    found = telemetry.measure(district, rate=0, seconds=0.01, crossings=0, sends=sends, patience=20)
    thread.join()
    db.close()
    return found | {"in_s": round(in_at[0] - found["first_crossed_at"], 2)}


def alarms_in(db: psycopg.Connection[Any]) -> int:
    """How many alarms there have been."""
    found = db.execute("SELECT count(*) FROM devices_alarm").fetchone()
    return int(found[0]) if found else 0


# --- connections ------------------------------------------------------------------------------------------------------


def hold(district: District, *, tls: bool = False) -> dict[str, Any]:
    tokens = [token for _, token in devices_fill.tokens(district.home)]
    port = district.status()["ports"]["mqtts" if tls else "mqtt"]
    words = [sys.executable, "-m", "tests.bench.devices_hold", "--port", str(port), *(["--tls"] if tls else [])]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin and child.stdout

        def say(text: str) -> Any:
            child.stdin.write(text + "\n")
            child.stdin.flush()
            return json.loads(child.stdout.readline())

        child.stdin.write(json.dumps(tokens[:HELD]) + "\n")
        say("open 200")  # what is loaded with the first ones is nobody's
        time.sleep(3)
        before = gateways(district)
        opened = say(f"open {HELD}")
        time.sleep(5)
        after = gateways(district)
        say("drop")
        time.sleep(5)
        back = say(f"open {BACK}")
        child.stdin.write("end\n")
        child.stdin.flush()
    return {"open": opened, "kb_a_connection": round((after - before) * 1024 / HELD, 2), "back": back,
            "gateways_mb": [before, after], "load": [round(x, 2) for x in os.getloadavg()]}  # fmt: skip


def gateways(district: District) -> float:
    return sum(mb for name, mb in machine.pss_mb(district).items() if name.startswith("gateway"))


# --- history ----------------------------------------------------------------------------------------------------------


def year(district: District, devices: list[str], end: datetime) -> dict[str, Any]:
    ask = Asks(district)
    span = {"start": (end - timedelta(days=365)).isoformat(), "end": end.isoformat()}
    day = {"start": (end - timedelta(days=1)).isoformat(), "end": end.isoformat()}

    def chart(device: str, wanted: dict[str, str]) -> str:
        return f"devices/{device}/series?" + str(httpx.QueryParams({"property": "level", **wanted}))

    turn = iter(devices * 40)
    one: Callable[[], dict[str, Any]] = lambda: _each(ask, lambda: chart(next(turn), span))  # noqa: E731
    figures = [
        "devices/counts", "alarms/counts", "alarms?limit=20", f"devices/latest?ids={','.join(devices[:100])}",
        *(chart(d, day) for d in devices[:4]),
    ]  # fmt: skip
    found: dict[str, Any] = {
        "chart": one(),
        "dashboard": ask.measure(*figures),
        "dashboard_six": ask.measure(*figures, at_once=6),
    }
    with scans(district) as seen:
        found["chart_beside_scan"] = one()
    found["scans"] = seen
    found["scan_factor"] = round(found["chart_beside_scan"]["p95"] / found["chart"]["p95"], 2)
    gauges = [t for _, t in devices_fill.tokens(district.home)]
    sends = {"load": gauges[-CONNECTIONS:], "crossing": []}
    thread = threading.Thread(
        target=lambda: found.update(flow=telemetry.measure(district, rate=RATE, seconds=40, crossings=0, sends=sends))
    )
    thread.start()
    time.sleep(12)
    found["chart_in_flow"] = one()
    thread.join()
    return found


@contextmanager
def scans(district: District) -> Iterator[list[Any]]:
    """An analyst reads all readings over and over; [status, seconds] of each time."""
    seen: list[Any] = []
    client, stop = Asks(district).client, threading.Event()

    def scan() -> None:
        while not stop.is_set():
            began = time.perf_counter()
            answer = client.post("readings/sql", json={"sql": SCAN})
            seen.append([answer.status_code, round(time.perf_counter() - began, 2)])
            if answer.status_code not in (200, 422):  # 422: it took longer than an analyst's questions may
                raise RuntimeError(answer.text[:300])

    thread = threading.Thread(target=scan)
    thread.start()
    time.sleep(1)
    yield seen
    stop.set()
    thread.join()


def _each(ask: Asks, path: Callable[[], str], rounds: int = 60) -> dict[str, Any]:
    """As `measure`, but every time of another device."""
    took = []
    before = machine.cpu_seconds(ask.district, ask.known)
    for _ in range(rounds):
        began = time.perf_counter()
        answer = ask.client.get(path()).raise_for_status()
        took.append((time.perf_counter() - began) * 1000)
    after = machine.cpu_seconds(ask.district, ask.known)
    cpu = {n: round((after[n] - before[n]) / rounds * 1000, 2) for n in ("web", "postgres", "history")}
    return {**machine.spread(took), "cpu_ms": cpu, "bytes": len(answer.content)}


# --- all of it --------------------------------------------------------------------------------------------------------


def certificate(folder: Path) -> tuple[str, ...]:
    """Options of `linli up` for devices over TLS, with a certificate made for the day."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True,
    )  # fmt: skip
    return ("--tls-cert", str(cert), "--tls-key", str(key))


def run(home: Path, args: argparse.Namespace, wanted: set[str]) -> dict[str, Any]:
    result: dict[str, Any] = {"machine": machine.describe()}
    words: tuple[str, ...] = ("--copies", "gateway=2")
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with District(demo=True, home=home, args=words) as district:
        env = json.loads((home / "run" / "env.json").read_text())
        result["registry"] = devices_fill.registry(env["LINLI_DATABASE_URL"], home, args.devices)
    devices = [i for i, _ in devices_fill.tokens(home)[-args.year :]]
    if "year" in wanted:
        loaded = home / "run" / "bench-year.json"
        if not loaded.exists():
            loaded.write_text(json.dumps({"loaded": devices_fill.year(home, devices, end), "end": end.isoformat()}))
        known = json.loads(loaded.read_text())
        result["year"], end = {"loaded": known["loaded"]}, datetime.fromisoformat(known["end"])
    parts: dict[str, Callable[[District], dict[str, Any]]] = {
        "lists": lists, "flow": lambda d: flow(d, args.seconds), "quiet": quiet, "storm": storm, "hold": hold,
        "year": lambda d: year(d, devices, end),
    }  # fmt: skip
    with District(demo=True, home=home, args=words) as district:
        wait_for_registry(district, args.devices)
        for name in (part for part in PARTS if part in wanted and part in parts):
            measured(result, name, lambda name=name: parts[name](district))
        result["memory_mb"] = machine.pss_mb(district)
    if "tls" in wanted:
        words += (*certificate(home / "run"), "--mqtts-port", str(some_port()))
        with District(demo=True, home=home, args=words) as district:
            wait_for_registry(district, args.devices)
            measured(result, "tls", lambda: hold(district, tls=True))
    result["load_after"] = [round(x, 2) for x in os.getloadavg()]
    result["bars"] = judged(result, tuple(bars()))
    return result


def measured(result: dict[str, Any], name: str, part: Callable[[], dict[str, Any]]) -> None:
    print(f"measuring {name} …", file=sys.stderr, flush=True)
    result[name] = {**result.get(name, {}), **part()}
    shown = {k: v for k, v in result[name].items() if k != "memory_mb_each_5_s"}
    print(json.dumps(shown), file=sys.stderr, flush=True)


def wait_for_registry(district: District, count: int, limit: float = 180) -> None:
    """Until the gateways know all devices."""
    end, url = time.monotonic() + limit, f"{district.origin}/metrics"
    while time.monotonic() < end:
        text = httpx.get(url, trust_env=False, verify=False, timeout=20).text
        known = [
            float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith("linli_gateway_devices{")
        ]
        if known and min(known) >= count * 0.9:  # households' and vehicles' among them
            return
        time.sleep(1)
    raise RuntimeError("the gateways do not know all devices")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-devices", description=__doc__)
    parser.add_argument("--home", help="keep the district and its data here")
    parser.add_argument("--devices", type=int, default=COUNT)
    parser.add_argument("--year", type=int, default=5_000, help="devices with a year of readings")
    parser.add_argument("--seconds", type=float, default=600, help="how long the messages flow")
    parser.add_argument("--only", default="", help="comma-separated parts: " + ",".join(PARTS))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out")
    args = parser.parse_args()
    wanted = set(filter(None, args.only.split(","))) or set(PARTS)
    with tempfile.TemporaryDirectory(prefix="linli-bench-") as folder:
        home = Path(args.home or folder)
        home.mkdir(parents=True, exist_ok=True)
        result = run(home, args, wanted)
    if args.out:
        Path(args.out).write_text(json.dumps(result, indent=1, ensure_ascii=False))
    if args.json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        for name, value in result.items():
            if name != "bars":
                print(f"{name}: {json.dumps(value, ensure_ascii=False)}")
        for line in result["bars"]:
            print(against(line))
    return 0 if all(line["met"] for line in result["bars"]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
