"""Analysts' SQL against a real store: what it gives, whose it is, what it may not, and Parquet."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import pyarrow.parquet as pq
import pytest
from tests.telemetry.historykit import HistoryProcess, filled, viewer

from linli.devices.models import Device, ThingModel
from linli.engines.nats import Nats
from linli.kernel import ids
from linli.kernel.actor import Actor, Grant
from linli.kernel.errors import Forbidden, Invalid
from linli.kernel.models import AuditRow
from linli.telemetry import analyst_selectors, batch, selectors
from linli.telemetry.history import analyst

pytestmark = [pytest.mark.engines, pytest.mark.django_db]
T0 = 1_790_000_000_000
WEST, EAST = "340121403.001", "340121403.002"
THINGS = [(UUID(f"01900000-0000-7000-8000-00000000000{n}"), area, subject)
          for n, (area, subject) in enumerate([(WEST, "place"), (f"{WEST}.07", "place"), (EAST, "place"),
                                               (WEST, "person"), ("340121403.0011", "place")])]  # fmt: skip


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, broker: Nats) -> Iterator[HistoryProcess]:
    n = 50 * len(THINGS)
    data = batch.make(
        [t[0].bytes for t in THINGS], ["level"], [i % len(THINGS) for i in range(n)], [0] * n,
        [T0 + i // len(THINGS) * 600_000 for i in range(n)], [T0] * n, [float(i % len(THINGS)) for i in range(n)],
        [0] * n,
    )  # fmt: skip
    with filled(Path(tmp_path_factory.mktemp("history")), broker, batch.encode(data)) as process:
        yield process


@pytest.fixture
def things(history: HistoryProcess, db: None) -> Iterator[None]:
    for subject in ("place", "person"):
        ThingModel.objects.create(code=f"t_{subject}", name_zh="x", name_en="x", subject=subject, category="x",
                                  interval_s=60, properties=[])  # fmt: skip
    for n, (pk, area, subject) in enumerate(THINGS):
        Device.objects.create(id=pk, code=f"d{n}", name_zh=f"名{n}", name_en="", model_id=f"t_{subject}",
                              area_path=area, owner_department="Water")  # fmt: skip
    with mock.patch.object(selectors, "history", return_value=history.client):
        yield


def ask(text: str, area: str = "", **more: Any) -> analyst_selectors.Answer:
    actor = Actor(kind="account", account_id=ids.new_id(), grants=(Grant("test", area, frozenset({"readings.sql"})),))
    return analyst_selectors.ask(actor, text, **more)


def test_views_give_readings_hours_and_days_by_name(things: None) -> None:
    found = ask("SELECT code, count() AS n, avg(value) AS mean FROM readings GROUP BY code ORDER BY code")
    assert [name for name, _ in found.columns] == ["code", "n", "mean"] and not found.cut
    assert found.rows == [["d0", 50, 0.0], ["d1", 50, 1.0], ["d2", 50, 2.0], ["d4", 50, 4.0]]
    found = ask("SELECT sum(readings), min(low), max(high) FROM hours WHERE code = 'd2'")
    assert found.rows == [[50, 2.0, 2.0]]
    found = ask("SELECT toString(day), mean FROM days WHERE device = '" + str(THINGS[1][0]) + "' ORDER BY day")
    assert found.rows[0][0].endswith("00:00:00") and {row[1] for row in found.rows} == {1.0}
    found = ask("WITH a AS (SELECT code, area FROM things) SELECT a.area, count() FROM readings r"
                " JOIN a USING (code) GROUP BY 1 ORDER BY 2, 1")  # fmt: skip
    assert len(found.rows) == 4
    found = ask("SELECT at, value FROM readings ORDER BY at", limit=3)
    assert found.cut and len(found.rows) == 3 and found.rows[0][0].endswith("+00:00")


def test_only_the_areas_of_the_asker_and_never_a_persons(things: None) -> None:
    codes = "SELECT DISTINCT code FROM readings ORDER BY code"
    assert ask(codes, WEST).rows == [["d0"], ["d1"]]  # not 0011, whose name only begins alike
    assert ask("SELECT code FROM things ORDER BY 1", EAST).rows == [["d2"]]
    assert ask("SELECT DISTINCT code FROM hours", f"{WEST}.07").rows == [["d1"]]
    Device.objects.filter(code="d1").update(area_path=EAST)
    assert ask(codes, WEST).rows == [["d0"]]  # what the registry says now
    ThingModel.objects.filter(code="t_place").update(subject="household")
    assert ask(codes).rows == []


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM raw", "SELECT * FROM linli.raw", "SELECT * FROM `raw`", 'SELECT * FROM "private"',
        "SELECT * FROM things_kept", "SELECT * FROM system.tables", "SELECT * FROM INFORMATION_SCHEMA.tables",
        "SELECT value IN raw FROM readings", "SELECT value IN (linli.raw) FROM readings",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')", "SELECT file('/etc/passwd')",
        "SELECT * FROM url('http://127.0.0.1:1/', CSV, 'a String')", "SELECT * FROM remote('127.0.0.1', 'linli.raw')",
        "SELECT * FROM merge('linli', '.*')", "SELECT * FROM numbers(10)", "SELECT joinGet('raw', 'value', 1)",
        "SELECT dictGet('a', 'b', 1)", "SELECT sleep(3)", "SELECT getSetting('max_threads')", "SELECT hostName()",
        "SELECT addressToLine(1)", "INSERT INTO raw SELECT * FROM raw", "DROP TABLE raw", "TRUNCATE TABLE raw",
        "CREATE TABLE x (a Int8) ENGINE = Memory", "SET max_threads = 8", "SYSTEM SHUTDOWN", "SHOW TABLES",
        "EXPLAIN SELECT 1", "SELECT 1 SETTINGS max_execution_time = 900", "SELECT 1 FORMAT CSV",
        "SELECT * FROM (SELECT 1 SETTINGS readonly = 0)", "SELECT 1 INTO OUTFILE '/tmp/x'", "SELECT 1; DROP TABLE raw",
        "SELECT 'a' -- '\n ; DROP TABLE raw -- '", "SELECT 1) UNION ALL SELECT count() FROM raw --",
        "SELECT {x:String}", "WITH raw AS (SELECT 1) SELECT * FROM raw", "", "SELEC 1", "SELECT nothing FROM readings",
        "SELECT 1 FROM nowhere",
        "SELECT * FROM (SELECT 1 AS a) AS t, linli.private AS p",
    ],
)  # fmt: skip
def test_what_may_not_be_asked_says_so_and_harms_nothing(things: None, history: HistoryProcess, text: str) -> None:
    before = history.client.state()["rows"]
    with pytest.raises(Invalid) as refused:
        ask(text)
    assert refused.value.errors[0].field == "sql" and refused.value.errors[0].reason
    assert "clickhouse" not in refused.value.errors[0].reason.lower()
    assert ask("SELECT count() FROM readings").rows == [[200]]
    assert history.client.state()["rows"] == before


def test_a_comment_at_the_end_hides_nothing_of_ours(things: None) -> None:
    assert ask("SELECT code FROM readings -- all", WEST, limit=1).cut


def test_it_may_take_only_so_long_and_so_much(things: None, monkeypatch: pytest.MonkeyPatch) -> None:
    cross = ", ".join(f"readings AS r{n}" for n in range(6))
    with pytest.raises(Invalid, match=r"longer than|more memory"):
        ask(f"SELECT sum(r0.value * r5.value) FROM {cross}")
    with pytest.raises(Invalid, match=r"more memory|longer than"):
        ask("SELECT groupArray(range(10000000)) FROM readings")
    with pytest.raises(Invalid, match="limit"):
        ask("SELECT 1", limit=analyst.MAX_ROWS + 1)


def test_who_may_not_is_refused_and_who_asks_is_noted(things: None) -> None:
    nobody = Actor(kind="account", account_id=ids.new_id(), grants=(Grant("t", "", frozenset({"devices.view"})),))
    with pytest.raises(Forbidden):
        analyst_selectors.ask(nobody, "SELECT 1")
    ask("SELECT 41 + 1", WEST)
    row = AuditRow.objects.get(action="readings.sql")
    assert (row.detail["sql"], row.detail["rows"], row.area_path) == ("SELECT 41 + 1", 1, WEST)


def test_values_without_json_are_text(things: None) -> None:
    text = "SELECT map('a', 1), (1, 'b'), [1.5, NULL], toDate('2026-11-27'), toDecimal64(1.25, 2), 1 / 0, NULL"
    found = ask(text)
    assert json.dumps(found.rows) and found.rows[0][2] == [1.5, None] and found.rows[0][5] is None


@pytest.fixture
def call(things: None) -> Callable[..., Any]:
    return viewer(WEST)


def test_a_span_as_parquet(call: Callable[..., Any]) -> None:
    span = {"start": "2026-09-01T00:00:00+08:00", "end": "2026-12-01T00:00:00+08:00"}
    answer = call(f"/devices/{THINGS[1][0]}/readings.parquet", **span)
    assert answer.status_code == 200 and answer["Content-Type"] == "application/vnd.apache.parquet"
    table = pq.read_table(io.BytesIO(answer.getvalue()))
    assert table.num_rows == 50 and set(table["value"].to_pylist()) == {1.0}
    times = table["at"].to_pylist()
    assert times == sorted(times) and times[0].timestamp() * 1000 == T0
    assert call(f"/devices/{THINGS[3][0]}/readings.parquet", **span).status_code == 404
    assert call(f"/devices/{THINGS[2][0]}/readings.parquet", **span).status_code == 404
    backwards = {"start": span["end"], "end": span["start"]}
    assert call(f"/devices/{THINGS[1][0]}/readings.parquet", **backwards).status_code == 422
