"""The tables of a ClickHouse cluster, as text that ClickHouse itself parses. No cluster runs here."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from linli.telemetry.history import store

PARSE = """
import sys, chdb
for statement in sys.stdin.read().split(";\\n"):
    if statement.strip():
        print(chdb.query("EXPLAIN AST " + statement, "TabSeparated").bytes().decode().splitlines()[0])
"""


def ddl(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "linli", "ddl", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.engines
@pytest.mark.parametrize("words", [(), ("--cluster", "city")])
def test_clickhouse_parses_every_statement(words: tuple[str, ...]) -> None:
    text = ddl(*words)
    parsed = subprocess.run(
        [sys.executable, "-c", PARSE], input=text, capture_output=True, text=True, timeout=120, check=True
    ).stdout.splitlines()
    creates = text.count("\nCREATE ") + 1
    assert sum(line.startswith("CreateQuery") for line in parsed) == creates
    assert len(parsed) == creates + 1  # and USE


def test_each_shard_keeps_its_devices_and_one_name_reads_them_all() -> None:
    made = store.statements("city")
    assert all(" ON CLUSTER 'city'" in statement for statement in made)
    for name, _, engine, _, _ in store.TABLES:
        here = next(s for s in made if s.startswith(f"CREATE TABLE IF NOT EXISTS {name}_here "))
        assert f"ENGINE = Replicated{engine} " in here and "replicated_deduplication_window" in here
        one = next(s for s in made if s.startswith(f"CREATE TABLE IF NOT EXISTS {name} "))
        assert one.endswith(f"Distributed('city', 'linli', '{name}_here', sipHash64(device))")


def test_rollups_are_made_beside_the_rows_never_over_the_network() -> None:
    views = [s for s in store.statements("city") if "MATERIALIZED VIEW" in s]
    assert len(views) == len(store.VIEWS)
    for view in views:
        assert re.search(r" TO \w+_here AS ", view)
        assert re.findall(r"\bFROM (\w+)", view) == [re.findall(r"\bFROM (\w+_here)\b", view)[0]]


def test_deleting_reaches_the_rows_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINLI_HISTORY_CLUSTER", "city")
    assert f"DELETE FROM {store.kept_in('raw')}{store.on_cluster()}" == "DELETE FROM raw_here ON CLUSTER 'city'"
    assert store.insert_settings()["distributed_foreground_insert"] == 1
    monkeypatch.delenv("LINLI_HISTORY_CLUSTER")
    assert f"DELETE FROM {store.kept_in('raw')}{store.on_cluster()}" == "DELETE FROM raw"


def test_a_name_that_is_none_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "linli", "ddl", "--cluster", "x'; DROP"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2 and "not the name of a cluster" in done.stderr
