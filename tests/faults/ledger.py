"""Clients that write down what the platform acknowledged, and judge it afterwards by the same public contract."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
from tests.faults.mqtt import Device, NoAnswer


def now_ms() -> int:
    return int(time.time() * 1000)


class Api:
    """The public API for one account or key; a write is sent again with its key until it is answered."""

    def __init__(self, origin: str, *, key: str = "", sign_in: tuple[str, str] | None = None) -> None:
        headers = {"Origin": origin} | ({"Authorization": f"Bearer {key}"} if key else {})
        self.http = httpx.Client(base_url=f"{origin}/api/v1/", headers=headers, timeout=20, trust_env=False)
        if sign_in:
            answer = self.http.post("session", json={"username": sign_in[0], "password": sign_in[1]})
            assert answer.status_code == 200, answer.text

    def get(self, path: str, **query: Any) -> Any:
        answer = self.http.get(path, params=query)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"
        return answer.json()

    def write(self, path: str, body: dict[str, Any], stop: threading.Event, key: str = "") -> tuple[int, Any] | None:
        """Send until there is an answer below 500; None when stopped before."""
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        while not stop.is_set():
            try:
                answer = self.http.post(path, json=body, headers=headers)
            except httpx.HTTPError:
                time.sleep(0.1)
                continue
            if answer.status_code < 500 and answer.status_code != 429:
                return answer.status_code, answer.json()
            time.sleep(0.1)
        return None


@dataclass
class Ledger:
    """What was acknowledged (must be there once) and what was sent (may be there once)."""

    mark: str = field(default_factory=lambda: uuid.uuid4().hex[:10])
    acked: dict[str, dict[int, float]] = field(default_factory=dict)
    sent: dict[str, set[int]] = field(default_factory=dict)
    reports: dict[str, str] = field(default_factory=dict)  # text -> id
    comments: dict[str, str] = field(default_factory=dict)  # text -> case id
    dispatched: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    resent: int = 0
    started_ms: int = field(default_factory=now_ms)

    def facts(self) -> str:
        readings = sum(len(rows) for rows in self.acked.values())
        return (
            f"acknowledged: {readings} readings of {len(self.acked)} devices ({self.resent} resent), "
            f"{len(self.reports)} reports, {len(self.dispatched)} dispatches, {len(self.comments)} comments"
        )


class Load:
    """Devices, reporters and dispatchers at work until `stop()`."""

    def __init__(self, district: Any, devices: int = 10, pace: float = 0.05) -> None:
        self.district, self.pace = district, pace
        self.ledger = Ledger()
        self.ended = threading.Event()
        status = district.status()
        self.origin, self.mqtt_port = status["url"], status["ports"]["mqtt"]
        self.devices = list(district.demo_devices("water_level").items())[:devices]
        passwords = district.passwords()
        self.intake = Api(self.origin, sign_in=("intake", passwords["intake"]))
        self.dispatcher = Api(self.origin, sign_in=("dispatcher", passwords["dispatcher"]))
        self.class_code = self.dispatcher.get("catalogue")["classes"][0]["code"]
        self.team = self.dispatcher.get("teams")["items"][0]["id"]
        self.threads = [threading.Thread(target=self._device, args=item, daemon=True) for item in self.devices]
        self.threads += [threading.Thread(target=work, daemon=True) for work in (self._report, self._dispatch)]

    def __enter__(self) -> Load:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stop(self) -> Ledger:
        self.ended.set()
        for thread in self.threads:
            thread.join(30)
        return self.ledger

    def _device(self, name: str, known: dict[str, Any]) -> None:
        device, acked = Device(self.mqtt_port, known["token"], name), self.ledger.acked.setdefault(known["id"], {})
        sent = self.ledger.sent.setdefault(known["id"], set())
        ts, value = now_ms(), 0.0
        while not self.ended.is_set():
            ts, value = max(ts + 1, now_ms()), round((value + 0.01) % 1.0, 2)
            sent.add(ts)
            first = True
            while not self.ended.is_set():
                try:
                    device.publish(ts, {"level": value})
                    acked[ts] = value
                    break
                except NoAnswer:
                    self.ledger.resent += first
                    first = False
                    time.sleep(0.1)
            time.sleep(self.pace)
        device.close()

    def _report(self) -> None:
        number = 0
        while not self.ended.is_set():
            number += 1
            text = f"路面积水 {self.ledger.mark}x{number}"
            body = {"text": text, "lon": 117.27 + number % 50 / 10000, "lat": 31.985, "channel": "hotline"}
            answer = self.intake.write("cases", body, self.ended)
            if answer and answer[0] == 201:
                self.ledger.reports[text] = answer[1]["id"]
            elif answer:
                self.ledger.refused.append(str(answer))
            time.sleep(self.pace * 4)

    def _dispatch(self) -> None:
        """A dispatcher sends a team to each new case and writes a remark on it."""
        done: set[str] = set()
        while not self.ended.is_set():
            for case_id in [c for c in list(self.ledger.reports.values()) if c not in done][:5]:
                done.add(case_id)
                body = {"class": self.class_code, "team": self.team}
                answer = self.dispatcher.write(f"cases/{case_id}/actions/dispatch", body, self.ended)
                if answer and answer[0] == 200:
                    self.ledger.dispatched.add(case_id)
                elif answer:
                    self.ledger.refused.append(str(answer))
                text = f"remark {self.ledger.mark} {len(done)}"
                answer = self.dispatcher.write(f"cases/{case_id}/comments", {"text": text}, self.ended)
                if answer and answer[0] == 201:
                    self.ledger.comments[text] = case_id
            time.sleep(self.pace)


def readings_of(api: Api, device_id: str, start: int, end: int) -> Counter[tuple[int, float]]:
    """All readings of a device in a span, page by page, each as often as it is kept."""
    found: Counter[tuple[int, float]] = Counter()
    cursor: str | None = None
    while True:
        query = {"property": "level", "start": iso(start), "end": iso(end), "limit": 200}
        page = api.get(f"devices/{device_id}/readings", **query, **({"cursor": cursor} if cursor else {}))
        for row in page["items"]:
            found[(ms(row["at"]), round(row["value"], 2))] += 1
        cursor = page["next"]
        if not cursor:
            return found


def iso(at: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")


def ms(at: str) -> int:
    from datetime import datetime

    return round(datetime.fromisoformat(at).timestamp() * 1000)


def judge(api: Api, staff: Api, ledger: Ledger, patience: float = 30) -> list[str]:
    """Everything that is lost, doubled or invented; empty when the platform kept its word."""
    problems = _judge_readings(api, ledger, patience)
    for text, case_id in ledger.reports.items():
        found = [c["id"] for c in staff.get("cases", q=text.split()[-1])["items"] if c["text"] == text]
        if found != [case_id]:
            problems.append(f"report {text!r} is there {len(found)} times")
    for case_id in ledger.dispatched:
        acts = [row for row in staff.get(f"cases/{case_id}/timeline")["items"] if row.get("act") == "dispatch"]
        if len(acts) != 1:
            problems.append(f"case {case_id} was dispatched {len(acts)} times")
    for text, case_id in ledger.comments.items():
        rows = [row for row in staff.get(f"cases/{case_id}/comments")["items"] if row["text"] == text]
        if len(rows) != 1:
            problems.append(f"remark {text!r} is there {len(rows)} times")
    return problems


def _judge_readings(api: Api, ledger: Ledger, patience: float) -> list[str]:
    problems: list[str] = []
    end = time.monotonic() + patience
    for device_id, acked in ledger.acked.items():
        while True:
            kept = readings_of(api, device_id, ledger.started_ms - 1000, now_ms() + 60_000)
            lost = [ts for ts, value in acked.items() if (ts, value) not in kept]
            if not lost or time.monotonic() > end:
                break
            time.sleep(0.5)
        doubled = [key for key, count in kept.items() if count > 1]
        invented = [key for key in kept if key[0] not in ledger.sent[device_id]]
        for what, found in (("lost", lost), ("doubled", doubled), ("invented", invented)):
            if found:
                problems.append(f"device {device_id}: {len(found)} of {len(acked)} readings {what}: {found[:3]}")
    return problems
