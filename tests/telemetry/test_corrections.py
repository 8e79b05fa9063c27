"""Readings of the past corrected by people: shown first, kept as they were, done whatever is killed, and undone."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
from django.test import Client
from tests.identity.accounts import client_for, make_account
from tests.telemetry.historykit import HistoryProcess
from tests.worker import forget_jobs, work

from linli.devices.models import Device, Rule, ThingModel
from linli.engines.nats import Nats
from linli.kernel import clock
from linli.kernel.errors import Unavailable
from linli.kernel.models import AuditRow
from linli.telemetry import batch, correction_services, selectors, tiers
from linli.telemetry.models import Correction

pytestmark = [pytest.mark.engines, pytest.mark.django_db(transaction=True)]
AREA = "340121403.001"
MINUTE = 60_000
N = 240
PROPERTIES = [
    {"code": "level", "name": {"zh": "水位", "en": "Level"}, "type": "number", "unit": "m", "range": [0, 100]},
    {"code": "open", "name": {"zh": "开", "en": "Open"}, "type": "bool"},
]


@pytest.fixture(scope="module")
def begin() -> int:
    return int(clock.now().timestamp() * 1000) // 3_600_000 * 3_600_000 - 86_400_000


@pytest.fixture
def history(tmp_path_factory: pytest.TempPathFactory, broker: Nats) -> Iterator[HistoryProcess]:
    process = HistoryProcess(Path(tmp_path_factory.mktemp("history")), broker)
    process.start()
    yield process
    process.stop()


class Desk:
    """A device with one reading a minute for four hours, its level the number of the minute; and who manages it."""

    def __init__(self, process: HistoryProcess, begin: int) -> None:
        self.process, self.begin = process, begin
        self.model = ThingModel.objects.create(
            code="gauge", name_zh="水位计", name_en="Gauge", subject="place", category="x", interval_s=60,
            properties=PROPERTIES,
        )  # fmt: skip
        self.device = Device.objects.create(code="g-1", name_zh="水位计", model=self.model, area_path=f"{AREA}.001")
        at = [begin + i * MINUTE for i in range(N)]
        self.tell("level", at, [i / 4 for i in range(N)])
        self.tell("open", at[:3], [1.0, 0.0, 1.0])
        self.client = client_for(make_account(("integrator", AREA)))

    def tell(self, prop: str, at: list[int], values: list[float], flags: int = 0) -> None:
        zero = [0] * len(at)
        self.process.client.write(
            batch.make([self.device.pk.bytes], [prop], zero, zero, at, [t + 500 for t in at], values, [flags] * len(at))
        )

    def post(self, status: int, client: Client | None = None, device: UUID | None = None, **more: Any) -> Any:
        body = {"property": "level", "act": "remove", "start": self.at(60), "end": self.at(120), **more}
        path = f"/api/v1/devices/{device or self.device.pk}/corrections"
        answer = (client or self.client).post(path, body, content_type="application/json")
        assert answer.status_code == status, answer.content
        return answer.json()

    def at(self, minute: int) -> str:
        return selectors.at(self.begin + minute * MINUTE).isoformat()

    def correct(self, **more: Any) -> Any:
        look = self.post(200, **more)
        return self.post(202, **more, mark=look["mark"], reason="传感器标定错误")["correction"]

    def undo(self, correction_id: str, status: int = 202) -> Any:
        path = f"/api/v1/devices/{self.device.pk}/corrections/{correction_id}/undo"
        answer = self.client.post(path, {}, content_type="application/json")
        assert answer.status_code == status, answer.content
        return answer.json()

    def listed(self, **query: Any) -> list[dict[str, Any]]:
        answer = self.client.get(f"/api/v1/devices/{self.device.pk}/corrections", query)
        assert answer.status_code == 200, answer.content
        return answer.json()["items"]

    def values(self, prop: str = "level") -> dict[int, tuple[float, int]]:
        """minute → (value, flags), from raw; the buckets of the chart must say the same."""
        end = self.begin + 86_400_000
        found = self.process.client.readings(self.device.pk, prop, self.begin, end, None, 5_000).to_pylist()
        hours = self.process.client.rollup([self.device.pk], [prop], self.begin, end, "hour").to_pylist()
        assert sum(h["count"] for h in hours) == len(found)
        told = [r["value"] for r in found]
        assert [min((h["min"] for h in hours), default=None), max((h["max"] for h in hours), default=None)] == [
            min(told, default=None), max(told, default=None)]  # fmt: skip
        return {(r["t"] - self.begin) // MINUTE: (r["value"], r["flags"]) for r in found}


@pytest.fixture
def desk(history: HistoryProcess, begin: int, transactional_db: None) -> Iterator[Desk]:
    forget_jobs()
    with mock.patch.object(selectors, "history", return_value=history.client):
        yield Desk(history, begin)


def test_shown_made_listed_and_undone(desk: Desk) -> None:
    ask = {"act": "replace", "factor": 2.0, "offset": 1.0}
    look = desk.post(200, **ask)
    assert look["before"] == {"count": 60, "min": 15.0, "max": 29.75}
    assert look["after"] == {"count": 60, "min": 31.0, "max": 60.5}
    assert look["correction"] is None and not Correction.objects.exists() and desk.values()[60] == (15.0, 0)
    assert desk.post(422, **ask, mark=look["mark"], reason="  ")["errors"][0]["field"] == "reason"
    made = desk.post(202, **ask, mark=look["mark"], reason="标定错误，电话 13912345678")["correction"]
    assert (made["state"], made["can_undo"], made["reason"]) == ("doing", False, "标定错误，电话 139****5678")
    assert desk.post(200, **ask)["mark"] == look["mark"], "nothing is touched in the request itself"
    work()
    values = desk.values()
    assert [values[i] for i in (59, 60, 119, 120)] == [(14.75, 0), (31.0, 0), (60.5, 0), (30.0, 0)] and len(values) == N
    row = desk.listed(property="level", start=desk.at(100), end=desk.at(101))[0]
    assert (row["state"], row["can_undo"], row["factor"], row["before"]) == ("done", True, 2.0, look["before"])
    assert desk.listed(end=desk.at(60)) == [] == desk.listed(property="open")
    assert {a.action for a in AuditRow.objects.filter(ref=str(desk.device.pk))} == {"readings.correct"}
    assert desk.undo(row["id"])["state"] == "undoing"
    work()
    values = desk.values()
    assert [values[i] for i in (60, 119)] == [(15.0, 0), (29.75, 0)] and len(values) == N
    done = desk.listed()[0]
    assert (done["state"], done["put_back"], done["can_undo"]) == ("undone", 60, False)
    assert desk.undo(row["id"])["state"] == "undone", "once"
    assert bytes(Correction.objects.get().kept) == b""


def test_removed_flagged_and_what_came_since_stays(desk: Desk) -> None:
    gone = desk.correct()
    work()
    assert set(desk.values()) == set(range(N)) - set(range(60, 120))
    desk.tell("level", [desk.begin + 70 * MINUTE], [77.0])  # late data, told again
    assert desk.values()[70] == (77.0, 0)
    flagged = desk.correct(act="flag", start=desk.at(200), end=desk.at(300))
    work()
    assert desk.values()[200] == (50.0, batch.DOUBTFUL) and flagged["after"] == flagged["before"]
    rule = Rule.objects.create(code="r", title_zh="高", title_en="High", model=desk.model, property="level",
                               kind="threshold", op="gt", value=48.9, severity="info")  # fmt: skip
    body = {"rule_id": str(rule.pk), "rule": {}, "start": desk.at(0), "end": desk.at(N)}
    answer = desk.client.post("/api/v1/rules/bench", body, content_type="application/json").json()
    assert [(a["value"], a["peak"]) for a in answer["alarms"]] == [(49.0, 49.75)] and answer["unfit"] == 40
    desk.undo(gone["id"])
    work()
    values = desk.values()
    assert len(values) == N and values[70] == (77.0, 0) and values[71] == (17.75, 0)
    assert next(c for c in desk.listed() if c["id"] == gone["id"])["put_back"] == 59


def test_the_range_decides_anew_what_lies_outside(desk: Desk) -> None:
    desk.correct(act="replace", factor=4.0)
    work()
    assert desk.values()[100] == (100.0, 0) and desk.values()[101] == (101.0, batch.OUT_OF_RANGE)


def test_one_at_a_time_and_only_what_was_shown(desk: Desk) -> None:
    look = desk.post(200)
    desk.tell("level", [desk.begin + 60 * MINUTE + 7], [9.0])
    assert desk.post(409, mark=look["mark"], reason="x")["type"].endswith("stale")
    desk.correct(act="flag")
    other = {"start": desk.at(10), "end": desk.at(20)}
    assert desk.post(409, **other, mark=desk.post(200, **other)["mark"], reason="x")["type"].endswith("busy")
    opened = {"property": "open", "start": desk.at(0), "end": desk.at(3)}
    desk.correct(**opened)  # another series
    work()
    first = desk.listed(property="level")[0]
    later = desk.correct(start=desk.at(100), end=desk.at(110))
    work()
    assert desk.undo(first["id"], 409)["type"].endswith("later-one")
    desk.undo(later["id"])
    work()
    desk.undo(first["id"])
    work()
    assert desk.values("open") == {} and desk.values()[60] == (15.0, 0)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"property": "nothing"}, "property"),
        ({"property": "open", "act": "replace", "factor": 2.0}, "property"),
        ({"act": "invent"}, "act"),
        ({"act": "replace"}, "factor"),
        ({"act": "replace", "factor": 0.0}, "factor"),
        ({"act": "replace", "factor": 1e16}, "factor"),
        ({"act": "remove", "factor": 2.0}, "factor"),
        ({"end": "2020-01-01T00:00:00+08:00"}, "end"),
        ({"end": "2999-01-01T00:00:00"}, "end"),
        ({"start": "2020-01-01T00:00:00+08:00", "end": "2020-01-02T00:00:00+08:00"}, "start"),
    ],
)  # fmt: skip
def test_refused_by_field(desk: Desk, more: dict[str, Any], field: str) -> None:
    assert desk.post(422, **more)["errors"][0]["field"] == field


def test_bounds_of_age_and_number_and_what_is_kept_elsewhere(desk: Desk) -> None:
    month = tiers.Tiers(raw=31, minute=None, hour=None)
    with mock.patch.object(tiers, "now", lambda: month.since(desk.begin + 90 * 86_400_000)):
        assert desk.post(422)["errors"][0]["field"] == "start"
    at = [desk.begin + 3_600_000 * 5 + i for i in range(10_001)]
    desk.tell("level", at, [1.0] * len(at))
    assert "10,000" in desk.post(422, start=desk.at(300), end=desk.at(301))["errors"][0]["reason"]
    desk.tell("level", [desk.begin + 3_600_000 * 7], [1.0], batch.TOLD)
    assert "elsewhere" in desk.post(422, start=desk.at(420), end=desk.at(421))["errors"][0]["reason"]
    made = desk.correct()
    work()
    with mock.patch.object(tiers, "now", lambda: month.since(desk.begin + 90 * 86_400_000)):
        assert desk.undo(made["id"], 409)["type"].endswith("too-old")
        correction_services.sweep()
    assert bytes(Correction.objects.get().kept) == b"", "past its days, nothing is kept to put back"


def test_who_may_and_whose_things(desk: Desk) -> None:
    assert desk.post(403, client=client_for(make_account(("dispatcher", AREA))))["status"] == 403
    desk.post(404, client=client_for(make_account(("integrator", "340121403.002"))))
    home = ThingModel.objects.create(code="meter", name_zh="水表", name_en="Meter", subject="household", category="x",
                                     interval_s=60, properties=PROPERTIES)  # fmt: skip
    meter = Device.objects.create(code="m-1", name_zh="水表", model=home, area_path=f"{AREA}.001")
    desk.post(404, device=meter.pk)
    assert desk.client.get(f"/api/v1/devices/{meter.pk}/corrections").status_code == 404


def test_killed_between_forgetting_and_telling(desk: Desk) -> None:
    """History dies at many moments of a correction; what was begun is finished, and nothing is lost or doubled."""
    wrongs = []
    for number in range(12):
        values = desk.values()
        made = desk.correct(act="replace", factor=-1.0, offset=float(number))
        lost = threading.Thread(target=attempt, args=(UUID(made["id"]), wrongs))
        lost.start()
        time.sleep(0.004 * number)
        desk.process.stop(signal.SIGKILL)
        lost.join(60)
        desk.process.start()
        correction_services.finish(correction_id=UUID(made["id"]))
        assert Correction.objects.get(pk=made["id"]).state == "done"
        assert desk.values() == {
            i: (number - v, batch.OUT_OF_RANGE if not 0 <= number - v <= 100 else 0) if 60 <= i < 120 else (v, f)
            for i, (v, f) in values.items()
        }
    assert len(wrongs) > 0, "no kill met a correction at work"


def attempt(pk: UUID, wrongs: list[str]) -> None:
    from django.db import connections

    try:
        correction_services.finish(correction_id=pk)
    except Unavailable as error:
        wrongs.append(str(error))
    finally:
        connections.close_all()


def test_a_worker_that_dies_after_the_work_does_it_again_and_a_lost_job_is_queued_anew(desk: Desk) -> None:
    made = desk.correct(act="replace", factor=2.0)
    told = desk.process.client.put

    def dies(*given: Any) -> None:
        told(*given)
        raise KeyboardInterrupt

    with mock.patch.object(desk.process.client, "put", dies), contextlib.suppress(KeyboardInterrupt):
        correction_services.finish(correction_id=UUID(made["id"]))
    assert Correction.objects.get().state == "doing" and desk.values()[60] == (30.0, 0)
    forget_jobs()
    work()
    assert Correction.objects.get().state == "doing"
    Correction.objects.update(created_at=clock.now() - timedelta(minutes=3))
    correction_services.sweep()
    work()
    assert Correction.objects.get().state == "done" and desk.values()[60] == (30.0, 0)
