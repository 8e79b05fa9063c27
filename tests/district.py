"""A whole district in a temporary home, started and asked only by its public commands."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LINLI = [sys.executable, "-m", "linli"]


def own_database(url: str) -> str:
    """A new, empty database on the server of `url`."""
    import psycopg

    name = f"district_{uuid.uuid4().hex[:10]}"
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(f'CREATE DATABASE "{name}"')  # type: ignore[arg-type]
    return f"{url.rpartition('/')[0]}/{name}"


@contextlib.contextmanager
def others_servers() -> Iterator[tuple[str, str]]:
    """Addresses of the distribution's PostgreSQL and of a NATS server, both started by somebody else."""
    tool = Path(__file__).resolve().parents[1] / "tools" / "with-external-engines"
    words = [str(tool), "sh", "-c", 'echo "urls $LINLI_DATABASE_URL $LINLI_NATS_URL"; exec cat']
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as servers:
        assert servers.stdin and servers.stdout
        said = next((line.split() for line in servers.stdout if line.startswith("urls ")), None)
        assert said, "the servers did not start"
        yield said[1], said[2]
        servers.stdin.close()  # ends `cat`, and the tool its servers


class District:
    """`with District(demo=True) as d:` runs `linli up` on free ports; `d.origin`, `d.key()`, `d.status()`.

    With `by_url` = (PostgreSQL, NATS) it uses these servers, with a database of its own, and starts neither.
    """

    def __init__(self, *, demo: bool = True, home: Path | None = None, env: dict[str, str] | None = None,
                 args: tuple[str, ...] = (), by_url: tuple[str, str] | None = None) -> None:  # fmt: skip
        self._own = home is None
        self.home = home or Path(tempfile.mkdtemp(prefix="linli-district-"))
        self.demo, self.args = demo, args
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("LINLI_") or k == "LINLI_PACKS"}
        for name in ("LINLI_PACKS",):
            inherited.pop(name, None)
        if by_url:
            inherited |= {"LINLI_DATABASE_URL": own_database(by_url[0]), "LINLI_NATS_URL": by_url[1]}
        self.env = {**inherited, **(env or {}), "LINLI_HOME": str(self.home)}
        self.process: subprocess.Popen[bytes] | None = None
        self.seconds_to_ready = 0.0

    def run(self, *words: str, check: bool = True, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*LINLI, *words], env=self.env, capture_output=True, text=True, timeout=timeout)
        if check and done.returncode:
            raise AssertionError(
                f"linli {' '.join(words)}: exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
            )
        return done

    def start(self, timeout: float = 180) -> District:
        began = time.monotonic()
        log = open(self.home / "up.log", "ab")  # noqa: SIM115
        words = [*LINLI, "up", *(["--demo"] if self.demo else []), "--home", str(self.home), *self.args]
        self.process = subprocess.Popen(words, env=self.env, stdout=log, stderr=log, start_new_session=True)
        while time.monotonic() < began + timeout:
            if self.process.poll() is not None:
                raise AssertionError(f"linli up ended with {self.process.returncode}\n{self.log()}")
            if (self.home / "run" / "status.json").exists():
                state = self.status(check=False)
                if state.get("ready"):
                    self.seconds_to_ready = time.monotonic() - began
                    return self
            time.sleep(0.2)
        raise AssertionError(f"not ready after {timeout} s\n{self.status(check=False)}\n{self.log()}")

    def log(self) -> str:
        return (self.home / "up.log").read_text(errors="replace")[-4000:]

    def status(self, check: bool = True) -> dict[str, Any]:
        done = self.run("status", "--json", "--home", str(self.home), check=check)
        return json.loads(done.stdout) if done.stdout.strip() else {}

    @property
    def origin(self) -> str:
        return str(self.status()["url"])

    def port(self, name: str) -> int:
        return int(self.status()["ports"][name])

    def key(self, account: str = "integrator", *more: str) -> str:
        return self.run("apikey", "create", "--account", account, *more).stdout.strip().splitlines()[-1]

    def passwords(self) -> dict[str, str]:
        """Sign-in names and passwords of the demo accounts."""
        return json.loads((self.home / "secrets" / "demo-accounts.json").read_text())

    def pid(self, name: str) -> int:
        return int(self.status()["processes"][name]["pid"])

    def kill(self, name: str) -> int:
        """kill -9 one process; returns the pid that died."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                raise
        if self._own:
            shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self) -> District:
        try:
            return self.start()
        except BaseException:
            self._own = False  # keep the evidence
            if self.process and self.process.poll() is None:
                self.process.terminate()
                self.process.wait(60)
            raise

    def __exit__(self, *exc: object) -> None:
        self.stop()


@contextlib.contextmanager
def demo_district() -> Iterator[District]:
    """A fresh demo district; while writing tests, the running one whose home is E2E_HOME."""
    if home := os.environ.get("E2E_HOME"):
        yield District(demo=True, home=Path(home))
        return
    with District(demo=True) as running:
        yield running
