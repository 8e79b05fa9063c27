"""Three NATS servers that are one broker, each a process that can be killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

import httpx

from linli.engines import process
from linli.engines.testing import some_port

CONFIG = """\
host: "127.0.0.1"
port: {port}
http: "127.0.0.1:{monitor}"
server_name: "node-{number}"
max_payload: 8MB
jetstream {{ store_dir: "{store}", max_memory_store: 64MB, max_file_store: 20GB, sync_interval: always }}
cluster {{ name: "linli", host: "127.0.0.1", port: {route}, routes: [{routes}] }}
"""


class Cluster:
    def __init__(self, nodes: int = 3) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="linli-nats-"))
        self.ports = [some_port() for _ in range(nodes)]
        self.routes = [some_port() for _ in range(nodes)]
        self.monitors = [some_port() for _ in range(nodes)]
        assert len({*self.ports, *self.routes, *self.monitors}) == 3 * nodes, "the same port twice"
        self.children: list[subprocess.Popen[bytes] | None] = [None] * nodes

    @property
    def url(self) -> str:
        return ",".join(f"nats://127.0.0.1:{port}" for port in self.ports)

    def begin(self, number: int) -> None:
        home = self.folder / str(number)
        home.mkdir(exist_ok=True)
        routes = ", ".join(f'"nats://127.0.0.1:{route}"' for route in self.routes)
        config = CONFIG.format(
            port=self.ports[number], monitor=self.monitors[number], number=number, store=home,
            route=self.routes[number], routes=routes,
        )  # fmt: skip
        (home / "nats.conf").write_text(config)
        with open(self.folder / f"{number}.log", "ab") as log:
            self.children[number] = subprocess.Popen(
                [process.binary("nats-server"), "-c", str(home / "nats.conf")], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, preexec_fn=process.die_with_parent(),
            )  # fmt: skip

    def whole(self) -> bool:
        """All nodes run, and say that their streams are those of the others."""
        with httpx.Client(trust_env=False, timeout=2) as client:
            try:
                return all(client.get(f"http://127.0.0.1:{m}/healthz").status_code == 200 for m in self.monitors)
            except httpx.HTTPError:
                return False

    def wait(self, seconds: float = 60) -> float:
        """Seconds until the cluster is whole."""
        began = time.monotonic()
        while not self.whole():
            assert time.monotonic() - began < seconds, f"the cluster is not whole again; see {self.folder}"
            time.sleep(0.1)
        return time.monotonic() - began

    def kill_and_wait(self, number: int) -> float:
        """kill -9 a node and start it again after two seconds; seconds until all three agree."""
        child = self.children[number]
        assert child is not None
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        time.sleep(2)
        self.begin(number)
        return 2 + self.wait()

    def __enter__(self) -> Cluster:
        for number in range(len(self.children)):
            self.begin(number)
        self.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self.children:
            if child is not None:
                child.kill()
                child.wait()
        if kind is None:  # else it is evidence
            shutil.rmtree(self.folder, ignore_errors=True)
