"""`linli up`: starts every process of a district, keeps it running, and ends it in order. One supervisor per home."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from linli.engines import process
from linli.engines.district import MARK, STOP_ORDER, District, kind_of
from linli.engines.process import EngineError
from linli.engines.service import Keeper, rotate
from linli.home import Home
from linli.kernel.waiting import wait

HEALTH = 5.0
FLOCK = "hhqqi"  # struct flock: type, whence, start, length, process


class Lock:
    """Held while a supervisor runs; the kernel frees it when the process dies, however it dies, and names who holds it.

    A POSIX record lock: to ask for its holder takes nothing, so a question never keeps `linli up` out.
    It goes when its process closes any file of that path: one process opens it once.
    """

    def __init__(self, home: Home) -> None:
        self.path = home.run / "lock"
        self.file: IO[str] | None = None

    def take(self) -> bool:
        file = open(self.path, "a+", encoding="utf-8")  # noqa: SIM115 - stays open as long as the lock is held
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self.file = file
        return True

    def release(self) -> None:
        if self.file is not None:
            self.file.close()
            self.file = None


def holder(home: Home) -> int | None:
    """The process id of the supervisor that holds this home; None when nobody does (fcntl(2), F_GETLK)."""
    try:
        with open(home.path / "run" / "lock", "rb") as file:
            asked = struct.pack(FLOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
            kind, _, _, _, pid = struct.unpack(FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))
    except FileNotFoundError:
        return None
    return None if kind == fcntl.F_UNLCK else pid


def end_orphans(home: Home) -> list[int]:
    """End the processes a dead supervisor left behind, so that they do not hold ports or data."""
    mark = f"{MARK}={home.path}".encode()
    orphans = []
    for entry in Path("/proc").glob("[0-9]*"):
        if int(entry.name) == os.getpid():
            continue
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                orphans.append(int(entry.name))
        except OSError:
            continue
    left = process.end_processes(orphans, signal.SIGTERM, 5)
    process.end_processes(left, signal.SIGKILL, 5)
    return orphans


class Supervisor:
    def __init__(self, district: District, on_ready: Callable[[District, float], None]) -> None:
        self.district, self.on_ready = district, on_ready
        self.home = district.home
        self.began = time.time()
        self.ready_at: float | None = None
        self.state = "starting"
        self.stopping = asyncio.Event()
        self.dirty = asyncio.Event()

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._asked_to_stop)
        self.home.write_private("env.json", json.dumps(self.district.env, indent=1))
        services = self.district.services
        keepers = {
            name: asyncio.create_task(Keeper(service, services, self.home.logs, self.dirty.set).run())
            for name, service in services.items()
        }
        chores = [asyncio.create_task(self._write_status()), asyncio.create_task(self._announce()),
                  asyncio.create_task(self._rotate())]  # fmt: skip
        await self.stopping.wait()
        self.state = "stopping"
        self.dirty.set()
        await self._stop_in_order(keepers)
        for chore in chores:
            chore.cancel()
        self.state = "stopped"
        self._status_now()
        return 0

    def _asked_to_stop(self) -> None:
        if self.stopping.is_set():  # asked twice: no more patience
            for service in self.district.services.values():
                service.stop_seconds = 0.5
        self.stopping.set()

    async def _stop_in_order(self, keepers: dict[str, asyncio.Task[None]]) -> None:
        for group in STOP_ORDER:
            names = [name for name in self.district.services if kind_of(name) in group]
            for name in names:
                keepers[name].cancel()
            await asyncio.gather(*(keepers[name] for name in names), return_exceptions=True)
            await asyncio.gather(*(self.district.services[name].stop() for name in names))

    @property
    def ready(self) -> bool:
        return all(service.is_ready.is_set() for service in self.district.services.values())

    async def _announce(self) -> None:
        for service in self.district.services.values():
            await service.is_ready.wait()
        self.ready_at = time.time()
        self.state = "running"
        self._status_now()
        self.on_ready(self.district, self.ready_at - self.began)

    async def _write_status(self) -> None:
        while True:
            self._status_now()
            await wait(self.dirty, HEALTH)
            self.dirty.clear()

    def _status_now(self) -> None:
        district = self.district
        status = {
            "pid": os.getpid(), "state": self.state, "ready": self.ready and self.state == "running",
            "began": self.began, "start_seconds": round(self.ready_at - self.began, 2) if self.ready_at else None,
            "at": time.time(), "url": district.url, "demo": district.options.demo, "ports": district.ports.chosen,
            "processes": {name: service.facts() for name, service in district.services.items()},
        }  # fmt: skip
        with contextlib.suppress(OSError):  # a full disk must not end the supervisor
            self.home.write_private("status.json", json.dumps(status, indent=1))

    async def _rotate(self) -> None:
        while True:
            await asyncio.sleep(10)
            for name in self.district.services:
                with contextlib.suppress(OSError):
                    await asyncio.to_thread(rotate, self.home.logs / f"{name}.log")


def supervise(district: District, lock: Lock, on_ready: Callable[[District, float], None]) -> int:
    """Run the district until asked to stop. The caller holds the lock."""
    if lock.file is None:
        raise EngineError("the home is not locked")
    try:
        return asyncio.run(Supervisor(district, on_ready).run())
    finally:
        lock.release()
