"""Observations: any filter, order and page over readings; writes that can be read at once; readings taken out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.telemetry.historykit import HistoryProcess

from linli.engines.nats import Nats
from linli.telemetry import batch
from linli.telemetry.history.questions import BadQuestion

pytestmark = pytest.mark.engines
T0 = 1_790_000_000_000
A = UUID("01900000-0000-7000-8000-00000000000a")
B = UUID("01900000-0000-7000-8000-00000000000b")
RESULT, TIME = ["path", ["result"]], ["path", ["phenomenonTime"]]


def readings(device: UUID, prop: str, rows: list[tuple[int, float, int]]) -> batch.Batch:
    n = len(rows)
    return batch.make([device.bytes], [prop], [0] * n, [0] * n, [T0 + t for t, _, _ in rows], [T0] * n,
                      [v for _, v, _ in rows], [f for _, _, f in rows])  # fmt: skip


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, broker: Nats) -> Iterator[HistoryProcess]:
    process = HistoryProcess(Path(tmp_path_factory.mktemp("history")), broker)
    process.start()
    process.client.write(readings(A, "level", [(i * 60_000, float(i), 0) for i in range(200)]))
    process.client.write(
        readings(B, "on", [(0, 1.0, batch.CODED), (60_000, 0.0, batch.CODED), (90_000, 7.0, batch.TOLD)])
    )
    yield process
    process.stop()


def lit(value: Any, kind: str = "num") -> list[Any]:
    return ["lit", kind, value]


def ask(history: HistoryProcess, where: Any = None, **more: Any) -> list[float]:
    asked = {"series": [["level", [A.hex]], ["on", [B.hex]]], "limit": 1000, "where": where, **more}
    return history.client.observations("page", asked)["value"].to_pylist()


def test_what_was_written_is_read_in_any_order_and_page(history: HistoryProcess) -> None:
    assert len(ask(history)) == 202, "the one that is kept in full elsewhere is left out"
    assert ask(history, order=[[RESULT, True]], limit=3, skip=1) == [198.0, 197.0, 196.0]
    assert ask(history, order=[[TIME, True]], limit=1, per=True) == [199.0, 0.0]
    count = history.client.observations("count", {"series": [["level", [A.hex]]], "per": True}).to_pylist()
    assert [r["n"] for r in count] == [200]
    assert history.client.observations("times", {"series": [["level", [A.hex]]], "at": [T0, T0 + 1]}).to_pylist()[0][
        "t"] == T0  # fmt: skip


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (["cmp", "gt", RESULT, lit(197.5)], [198.0, 199.0]),
        (["and", ["cmp", "ge", TIME, lit((T0 + 60_000) * 1000, "time")],
          ["cmp", "lt", TIME, lit((T0 + 180_000) * 1000, "time")]], [0.0, 1.0, 2.0]),
        (["cmp", "eq", RESULT, lit(True, "bool")], [1.0]),
        (["cmp", "eq", ["arith", "mod", RESULT, lit(100)], lit(99)], [99.0, 199.0]),
        (["not", ["cmp", "lt", RESULT, lit(199)]], [199.0]),
        (["in", RESULT, [lit(5), lit(6)]], [5.0, 6.0]),
        (["cmp", "eq", ["path", ["resultQuality"]], lit(5)], []),
        (["cmp", "eq", ["call", "round", [["arith", "div", RESULT, lit(2)]]], lit(3)], [5.0, 6.0]),
        (["and", ["series", 0], ["cmp", "lt", TIME, lit((T0 + 200_000) * 1000, "time")]], [1.0, 0.0]),
        (["call", "during", [TIME, lit([(T0 + 60_000) * 1000, (T0 + 61_000) * 1000], "span")]], [0.0, 1.0]),
        (["cmp", "eq", ["call", "substringof", [lit("q", "str"), RESULT]], lit(True, "bool")], []),
        (["call", "endswith", [RESULT, lit("98", "str")]], [98.0, 198.0]),
        (["cmp", "gt", RESULT, lit("97", "str")], [98.0, 99.0, 1.0, 0.0]),
        (["cmp", "eq", RESULT, lit("true", "str")], [1.0]), (["cmp", "ge", lit(1), RESULT], [0.0, 1.0]),
        (["not", ["cmp", "eq", RESULT, lit(True, "bool")]], [0.0]),
        (["cmp", "le", TIME, lit([T0 * 1000, (T0 + 90_000) * 1000], "span")], [0.0, 1.0]),
        (["cmp", "lt", lit([(T0 + 60_000) * 1000, (T0 + 11_880_000) * 1000], "span"), TIME], [198.0, 199.0]),
        (["cmp", "ge", TIME, lit([T0 * 1000, (T0 + 11_880_000) * 1000], "span")], [198.0, 199.0]),
        (["call", "meets", [TIME, lit([(T0 + 60_000) * 1000, (T0 + 120_000) * 1000], "span")]], [0.0, 1.0, 2.0]),
        (["call", "overlaps", [lit([(T0 + 60_000) * 1000, (T0 + 120_000) * 1000], "span"), TIME]], [0.0, 1.0]),
        (["cmp", "gt", ["call", "time", [TIME]], lit(63_000_000_000, "clock")], [197.0, 198.0, 199.0]),
        (["cmp", "gt", RESULT, ["linked", 0]], [198.0, 199.0]),
        (["cmp", "eq", ["linked", 1], lit("B", "str")], [0.0, 1.0]),
        (["cmp", "lt", ["linked", 2], TIME], [0.0]),
    ],
)  # fmt: skip
def test_filters(history: HistoryProcess, where: Any, found: list[float]) -> None:
    tables = [
        {"kind": "num", "of": [["level", [[A.hex, 197]]]]}, {"kind": "str", "of": [["on", [[B.hex, "B"]]]]},
        {"kind": "time", "of": [["on", [[B.hex, T0 * 1000 + 1]]]]},
    ]  # fmt: skip
    assert sorted(ask(history, where, sets=[[["on", [B.hex]]]], tables=tables)) == sorted(found)


def test_readings_are_ordered_by_what_is_said_of_their_series(history: HistoryProcess) -> None:
    places = [{"kind": "num", "of": [["on", [[B.hex, 1]]], ["level", [[A.hex, 2]]]]}]
    by = [["linked", 0], False]
    assert ask(history, order=[by, [TIME, True]], tables=places, limit=4) == [0.0, 1.0, 199.0, 198.0]
    assert ask(history, order=[[["linked", 0], True]], tables=places, limit=2) == [0.0, 1.0]
    assert ask(history, order=[[RESULT, True]], limit=2, skip=199) == [0.0, 1.0], "numbers, then yes and no"


@pytest.mark.parametrize(
    "where", [["drop", 1], ["cmp", "like", RESULT, lit(1)], "x", ["lit"], [["lit"]], ["call", "now", 5], ["series", 9]]
)
def test_what_is_no_question_is_refused(history: HistoryProcess, where: Any) -> None:
    with pytest.raises(BadQuestion):
        ask(history, where)


def test_a_reading_taken_out_is_in_no_rollup_and_can_be_told_again(history: HistoryProcess) -> None:
    client = history.client
    client.write(readings(B, "level", [(0, 1.0, 0), (1_000, 500.0, 0), (3_600_000, 3.0, 0), (7_200_000, 900.0, 0)]))
    client.forget(B, "level", [T0 + 1_000, T0 + 7_200_000])
    assert client.readings(B, "level", T0, T0 + 10**8)["value"].to_pylist() == [3.0, 1.0]
    hours = client.rollup([B], ["level"], T0 - 10**7, T0 + 10**8, "hour").to_pylist()
    assert [(h["max"], h["count"]) for h in hours] == [(1.0, 1), (3.0, 1)]
    assert [r["value"] for r in client.latest([B]).to_pylist() if r["property"] == "level"] == [3.0]
    client.write(readings(B, "level", [(1_000, 2.0, 0)]))
    assert client.readings(B, "level", T0, T0 + 10**6)["value"].to_pylist() == [2.0, 1.0]


def test_the_newest_is_right_however_often_it_is_asked(history: HistoryProcess) -> None:
    client, other = history.client, UUID("01900000-0000-7000-8000-00000000000c")

    def newest() -> list[tuple[str, int, float]]:
        return [(r["property"], r["t"] - T0, r["value"]) for r in client.latest([other]).to_pylist()]

    assert newest() == [] == newest()
    client.write(readings(other, "level", [(0, 1.0, 0), (5, 2.0, 0), (3, 9.0, 0)]))
    assert newest() == [("level", 5, 2.0)] == newest()
    client.write(readings(other, "level", [(4, 7.0, 0), (5, 8.0, 0)]))
    client.write(readings(other, "battery", [(1, 3.0, batch.PRIVATE)]))
    assert newest() == [("level", 5, 2.0)] == newest(), "late, told again, and private ones change nothing"
    client.write(readings(other, "battery", [(9, 4.0, 0)]))
    assert newest() == [("battery", 9, 4.0), ("level", 5, 2.0)] == newest()
    whole = {"battery": (T0 + 9, 4.0, 0, T0), "level": (T0 + 5, 2.0, 0, T0)}
    assert client.newest([other, B])[0] == whole == client.newest([other])[0], "with its arrival, asked of the store"
    client.write(readings(other, "level", [(7, 6.0, 0)]))
    assert client.newest([other])[0] == whole | {"level": (T0 + 7, 6.0, 0, T0)}, "and as it comes in"
    client.forget(other, "level", [T0 + 5, T0 + 7])
    assert newest() == [("battery", 9, 4.0), ("level", 4, 7.0)] == newest()
