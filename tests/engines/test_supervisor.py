"""`linli up` as its operator sees it: one command, one home, always back, nothing left behind."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from linli.engines import district, process, status, supervisor, testing
from linli.engines.postgres import Postgres
from linli.home import Home

pytestmark = pytest.mark.engines


def clean_env() -> dict[str, str]:
    """Without what this test run, or a test before this one, has set."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LINLI_")}


def kernel() -> tuple[int, ...]:
    return tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])


def turn_us(pid: int) -> float:
    """The length of a process's turns of the processor, as the kernel has it (sched_getattr(2))."""
    number = {"x86_64": 315, "aarch64": 275}[os.uname().machine]
    told = process.SchedAttr()
    assert ctypes.CDLL(None).syscall(number, pid, ctypes.byref(told), ctypes.sizeof(told), 0) == 0
    return float(told.runtime / 1000)


class Up:
    """A district under test, started like an operator does."""

    def __init__(
        self, home: Path, *flags: str, env: dict[str, str] | None = None, python: str = sys.executable
    ) -> None:
        self.home, self.flags, self.env = home, flags, clean_env() | (env or {})
        self.python = python
        self.port = testing.some_port()
        self.child: subprocess.Popen[bytes] | None = None

    def start(self, wait: bool = True) -> None:
        doors = [f"--port={self.port}", f"--mqtt-port={self.port + 1}", f"--device-port={self.port + 2}"]
        self.child = subprocess.Popen(
            [self.python, "-m", "linli", "up", "--home", str(self.home), *doors, *self.flags],
            env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
        )  # fmt: skip
        if wait:
            ready = process.wait_until(
                lambda: self.status().get("ready", False), 150, lambda: self.child.poll() is None
            )
            assert ready, json.dumps(self.status(), indent=1)

    def status(self) -> dict:
        told = subprocess.run(
            [self.python, "-m", "linli", "status", "--json", "--home", str(self.home)],
            env=self.env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return json.loads(told.stdout)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.child is not None
        self.child.send_signal(how)
        return self.child.wait(60)

    def get(self, path: str) -> httpx.Response:
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=20) as client:
            return client.get(path)

    def left(self) -> list[int]:
        mark = f"LINLI_SUPERVISED={self.home}".encode()
        found = process.working_in(self.home / "data" / "postgres")
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
        return found


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    made = Up(tmp_path_factory.mktemp("up") / "home")
    made.start()
    yield made
    if made.child and made.child.poll() is None:
        made.stop()


def test_answers_by_one_port_and_tells_its_state(up: Up) -> None:
    assert up.get("/healthz").json() == {"status": "ok", "process": "web"}
    assert up.get("/readyz").json()["ready"] is True
    figures = up.get("/metrics").text
    assert 'linli_process_up{process="web"} 1' in figures
    state = up.status()
    assert state["ready"] and state["ports"]["http"] == up.port
    assert all(facts["state"] in ("ready", "done") for facts in state["processes"].values()), state
    assert state["memory_pss"] < 1_200_000_000
    env = up.home / "run" / "env.json"
    assert env.stat().st_mode & 0o077 == 0
    assert "Server" not in up.get("/healthz").headers


def test_what_an_alarm_waits_for_takes_short_turns(up: Up) -> None:
    """Linux before 6.12 takes no notice of what is asked, and nothing fails by it."""
    processes = up.status()["processes"]
    turns = {name: {turn_us(pid) for pid in facts["pids"]} for name, facts in processes.items() if facts.get("pids")}
    short = {name for name, found in turns.items() if found == {district.TURN_US}}
    assert short == (district.ON_THE_WAY if kernel() >= (6, 12) else set()), turns
    assert all(os.getpriority(os.PRIO_PROCESS, processes[name]["pid"]) == 0 for name in district.ON_THE_WAY)


def test_a_second_start_on_the_same_home_is_refused(up: Up) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "linli", "up", "--home", str(up.home)],
        env=clean_env(), capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert told.returncode == 2
    assert "runs in" in told.stderr and str(up.port) in told.stderr


def test_a_port_in_use_is_a_clear_error(up: Up, tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "linli", "up", "--home", str(tmp_path / "other"), f"--port={up.port}"],
        env=clean_env(), capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert told.returncode == 2
    assert f"port {up.port} (--port) is in use" in told.stderr


@pytest.mark.parametrize("name", ["postgres", "nats", "web", "jobs", "edge"])
def test_every_process_is_back_after_kill(up: Up, name: str) -> None:
    pid = up.status()["processes"][name]["pid"]
    os.kill(pid, signal.SIGKILL)

    def back() -> bool:
        facts = up.status()
        return facts["ready"] and facts["processes"][name]["pid"] not in (None, pid)

    assert process.wait_until(back, 45), up.status()  # 15 s on a quiet machine: see tests/faults
    assert up.get("/readyz").status_code == 200


def test_stops_clean_and_keeps_its_addresses(up: Up) -> None:
    before = up.status()["ports"]
    began = time.monotonic()
    assert up.stop() == 0
    assert time.monotonic() - began < 20
    assert up.left() == []
    assert up.status()["state"] == "stopped"
    up.start()
    after = up.status()["ports"]
    assert {after[door] for door in ("http", "mqtt", "device")} == {up.port, up.port + 1, up.port + 2}
    assert len(set(after.items()) & set(before.items())) >= len(before) - 2  # a port may have been taken meanwhile


def test_a_killed_supervisor_leaves_nothing_in_the_way(up: Up) -> None:
    assert up.child is not None
    up.child.kill()
    up.child.wait()
    up.start()
    assert up.get("/readyz").status_code == 200
    state = up.status()
    assert up.child is not None and state["pid"] == up.child.pid


def test_the_state_is_of_the_supervisor_that_holds_the_home(tmp_path: Path) -> None:
    """Between `linli up` and its first word the last one's words still lie there: they are nobody's state."""
    home = Home(tmp_path)
    home.folder("run")
    home.write_private("status.json", json.dumps({"pid": os.getpid(), "state": "running", "ready": True}))
    assert supervisor.holder(home) is None and not status.read(home)["ready"]
    holds = "import sys, pathlib; from linli.engines import supervisor; from linli.home import Home\n"
    holds += "lock = supervisor.Lock(Home(pathlib.Path(sys.argv[1]))); print(lock.take(), flush=True); sys.stdin.read()"
    words = [sys.executable, "-c", holds, str(tmp_path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdout.readline() == "True\n"
        assert supervisor.holder(home) == other.pid
        assert not supervisor.Lock(home).take()
        told = status.read(home)
        assert (told["running"], told["ready"], told["state"], told["pid"]) == (True, False, "starting", other.pid)
        home.write_private("status.json", json.dumps({"pid": other.pid, "state": "running", "ready": True}))
        assert status.read(home)["ready"]
    assert supervisor.holder(home) is None and status.read(home)["state"] == "stopped"


def test_engines_by_url_are_used_and_left_alone(tmp_path: Path) -> None:
    theirs = Postgres(tmp_path / "pg", testing.some_port(), "geheim", durable=False)
    theirs.start()
    bus = testing.start_nats(tmp_path / "nats")
    env = {"LINLI_DATABASE_URL": theirs.url("district"), "LINLI_NATS_URL": bus.url}
    district = Up(tmp_path / "home", env=env)
    try:
        district.start()
        state = district.status()
        assert {"postgres", "nats"}.isdisjoint(state["processes"])
        assert district.get("/readyz").status_code == 200
        assert not (district.home / "data" / "postgres").exists()
        assert district.stop() == 0
        assert theirs.answers() and bus.answers()
    finally:
        if district.child and district.child.poll() is None:
            district.child.kill()
        theirs.stop()
        bus.stop()
