"""What a district is doing right now, from outside: states, restarts and memory of every process."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from linli.engines import supervisor
from linli.home import Home


def _children() -> dict[int, list[int]]:
    tree: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        tree.setdefault(parent, []).append(int(entry.name))
    return tree


def pss(pid: int) -> int:
    """Proportional memory of one process in bytes; 0 when it is gone or not ours."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0


def tree_of(pid: int, children: dict[int, list[int]], skip: frozenset[int] = frozenset()) -> list[int]:
    found, todo = [], [pid]
    while todo:
        current = todo.pop()
        found.append(current)
        todo += [child for child in children.get(current, []) if child not in skip]
    return found


def cpu_seconds(pid: int) -> float:
    """CPU time a process has used, with children it has waited for."""
    try:
        parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def _written(home: Home) -> dict[str, Any]:
    try:
        return json.loads((home.path / "run" / "status.json").read_text())
    except FileNotFoundError:
        return {}


def read(home: Home, memory: bool = True) -> dict[str, Any]:
    """The state of the district of `home`; `running` is false when nobody supervises it.

    What another supervisor wrote than the one that holds the home now is of the past: it says nothing of this one.
    """
    holder = supervisor.holder(home)
    status = _written(home)
    if holder and status.get("pid") != holder:
        status = {}
    status = {"state": "starting", "ready": False, "pid": holder, "url": "", "processes": {}} | status
    status["home"] = str(home.path)
    status["running"] = holder is not None
    if not status["running"]:
        status |= {"state": "stopped", "ready": False, "pid": None}
        for facts in status["processes"].values():
            facts |= {"pid": None, "state": "stopped"}
    elif memory:
        _add_usage(status)
    return status


def _add_usage(status: dict[str, Any]) -> None:
    children = _children()
    total = 0
    own = {facts["pid"] for facts in status["processes"].values() if facts.get("pid")}
    everything = {"supervisor": {"pid": status["pid"], "state": "ready", "restarts": 0}} | status["processes"]
    for name, facts in everything.items():
        if not facts.get("pid"):
            continue
        skip = frozenset(own if name == "supervisor" else ())
        pids = tree_of(facts["pid"], children, skip)
        facts["pids"] = pids
        facts["memory_pss"] = sum(pss(pid) for pid in pids)
        facts["cpu_seconds"] = round(sum(cpu_seconds(pid) for pid in pids), 2)
        total += facts["memory_pss"]
    status["processes"] = everything
    status["memory_pss"] = total
