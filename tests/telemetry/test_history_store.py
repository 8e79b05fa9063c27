"""The writer against a real store: every reading once, whatever is sent or killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.engines
CHILD = Path(__file__).with_name("history_child.py")


def child(folder: Path, *words: str, kill_after: float | None = None) -> str:
    """The store lives in a process of its own: chDB is one a process, and a kill must be a real one."""
    proc = subprocess.Popen(
        [sys.executable, str(CHILD), str(folder), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if kill_after is None:
        out, _ = proc.communicate(timeout=120)
        assert proc.returncode == 0, out
        return out
    assert proc.stdout is not None
    while (line := proc.stdout.readline()) and not line.startswith("begin"):
        pass
    time.sleep(kill_after)
    os.kill(proc.pid, signal.SIGKILL)
    return proc.communicate(timeout=60)[0]


def test_duplicates_late_rows_and_readings_without_time(tmp_path: Path) -> None:
    assert "ok" in child(tmp_path, "rules")


def test_what_is_past_its_days_goes_and_charts_go_on(tmp_path: Path) -> None:
    assert "ok" in child(tmp_path, "retention")


def test_households_persons_and_vehicles_are_kept_apart_for_thirty_days(tmp_path: Path) -> None:
    assert "ok" in child(tmp_path, "private")


def test_a_correction_that_is_cut_off_anywhere_is_completed_by_the_same_again(tmp_path: Path) -> None:
    assert "ok" in child(tmp_path / "a", "correct")
    assert "ok" in child(tmp_path / "b", "forget_far")


def test_a_new_stream_and_a_reboot(tmp_path: Path) -> None:
    assert "ok" in child(tmp_path, "epochs")


def test_series_extremes_equal_brute_force(tmp_path: Path) -> None:
    assert "ok" in child(tmp_path, "series")


def test_backup_and_restore(tmp_path: Path) -> None:
    assert "ok" in child(tmp_path / "a", "backup", str(tmp_path / "saved"))
    assert "ok" in child(tmp_path / "b", "restore", str(tmp_path / "saved"))


@pytest.mark.timeout(280)
def test_killed_twenty_times_while_inserting(tmp_path: Path) -> None:
    for i in range(20):
        child(tmp_path, "insert", "400", kill_after=0.01 + 0.09 * (i % 10) + 0.013 * i)
    out = child(tmp_path, "insert", "400")
    assert "finished" in out
    assert "ok" in child(tmp_path, "verify", "400")
