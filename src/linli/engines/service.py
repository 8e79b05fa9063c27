"""One supervised process: started when what it needs is ready, watched, restarted with back-off, stopped."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from linli.engines import process

LOG_BYTES = 16 * 1024 * 1024
LOG_KEEP = 3
BACK_OFF = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0)
SETTLED = 10.0  # a process that ran this long starts again at the first step of the back-off
HUNG_AFTER = 45.0  # seconds without an answer to /healthz before a living process is ended

Check = Callable[[], Awaitable[bool]]


@dataclass
class Service:
    """What to run, and how to tell that it is ready and alive."""

    name: str
    command: Callable[[], list[str]]
    ready: Check
    alive: Check | None = None
    needs: tuple[str, ...] = ()
    before: Callable[[], None] | None = None  # runs in a thread before each start
    env: dict[str, str] | None = None
    options: Callable[[], dict[str, Any]] = dict  # for Popen: user, cwd, ... as they are at the start
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 15.0
    parent_gone: signal.Signals = signal.SIGTERM
    turn_us: int = 0  # asked of the processor (process.take_short_turns); 0: as everybody
    once: bool = False  # a preparation that must end with 0, not a server
    port: int | None = None

    child: subprocess.Popen[bytes] | None = None
    state: str = "waiting"
    restarts: int = 0
    since: float = 0.0
    last_exit: str = ""
    is_ready: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def running(self) -> bool:
        return self.child is not None and self.child.poll() is None

    @property
    def pid(self) -> int | None:
        return self.child.pid if self.child is not None and self.running else None

    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"pid": self.pid, "state": self.state, "restarts": self.restarts, "since": self.since}
        if self.port:
            facts["port"] = self.port
        if self.last_exit:
            facts["last_exit"] = self.last_exit
        return facts

    def spawn(self, log: Path) -> None:
        """Start the process with its output appended to its log."""
        with open(log, "ab") as output:
            self.child = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                preexec_fn=self._in_child(), **({"env": self.env} | self.options()),
            )  # fmt: skip
        self.since = time.time()
        self.state = "starting"

    def _in_child(self) -> Callable[[], None]:
        tell_kernel = process.die_with_parent(self.parent_gone)

        def before_exec() -> None:
            if tell_kernel is not None:
                tell_kernel()
            if self.turn_us:
                process.take_short_turns(self.turn_us)

        return before_exec

    def end_group(self, how: signal.Signals) -> None:
        """Signal the process and everything it started."""
        if self.child is None:
            return
        try:
            os.killpg(self.child.pid, how)
        except (ProcessLookupError, PermissionError):
            return

    async def stop(self) -> None:
        """Ask, wait, then insist."""
        self.is_ready.clear()
        if self.running and self.child is not None:
            self.state = "stopping"
            self.child.send_signal(self.stop_signal)
            end = time.monotonic() + self.stop_seconds
            while self.running and time.monotonic() < end:
                await asyncio.sleep(0.05)
        self.end_group(signal.SIGKILL)
        if self.child is not None:
            await asyncio.to_thread(self.child.wait)
        self.state = "stopped"


def rotate(log: Path, limit: int = LOG_BYTES, keep: int = LOG_KEEP) -> bool:
    """Copy a full log aside and empty it; the process keeps its open file (it appends)."""
    try:
        if log.stat().st_size < limit:
            return False
    except OSError:
        return False
    for number in range(keep - 1, 0, -1):
        older = log.with_suffix(f".log.{number}")
        if older.exists():
            older.replace(log.with_suffix(f".log.{number + 1}"))
    shutil.copyfile(log, log.with_suffix(".log.1"))
    os.truncate(log, 0)
    return True


def back_off(restarts_in_a_row: int) -> float:
    return BACK_OFF[min(restarts_in_a_row, len(BACK_OFF) - 1)]


class Keeper:
    """Runs one service for as long as the district is up."""

    def __init__(self, service: Service, all_services: dict[str, Service], logs: Path, changed: Callable[[], None]):
        self.service, self.all, self.changed = service, all_services, changed
        self.log = logs / f"{service.name}.log"
        self.failures = 0

    async def run(self) -> None:
        for need in self.service.needs:
            if need in self.all:
                await self.all[need].is_ready.wait()
        while True:
            await self._one_life()
            if self.service.once and self.service.state == "done":
                return
            self.failures += 1
            self.service.restarts += 1
            self.service.state = "restarting"
            self.changed()
            await asyncio.sleep(back_off(self.failures - 1))

    async def _one_life(self) -> None:
        service = self.service
        try:
            if service.before is not None:
                await asyncio.to_thread(service.before)
            service.spawn(self.log)
        except (OSError, process.EngineError) as error:
            service.last_exit = str(error)
            with open(self.log, "a", encoding="utf-8") as out:
                out.write(f"linli: {error}\n")
            return
        self.changed()
        began = time.monotonic()
        watcher = asyncio.create_task(self._watch())
        try:
            while service.running:
                await asyncio.sleep(0.15 if service.state == "ready" else 0.05)
        finally:
            watcher.cancel()
        service.is_ready.clear()
        self._ended()
        if time.monotonic() - began > SETTLED:
            self.failures = 0
        self.changed()

    def _ended(self) -> None:
        service = self.service
        code = service.child.returncode if service.child else None
        service.end_group(signal.SIGKILL)  # workers it left behind would keep its port
        if service.once and code == 0:
            service.state = "done"
            service.is_ready.set()
            return
        service.last_exit = f"signal {signal.Signals(-code).name}" if code and code < 0 else f"exit {code}"

    async def _watch(self) -> None:
        """Mark the service ready; later end it when it hangs."""
        service, pause = self.service, 0.06
        while not service.once and not await service.ready():
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, 0.25)
        if service.once:
            return
        service.state = "ready"
        service.is_ready.set()
        self.changed()
        last_good = time.monotonic()
        while service.alive is not None:
            await asyncio.sleep(3)
            if await service.alive():
                last_good = time.monotonic()
            elif time.monotonic() - last_good > HUNG_AFTER:
                service.last_exit = "did not answer"
                service.end_group(signal.SIGKILL)
                return
