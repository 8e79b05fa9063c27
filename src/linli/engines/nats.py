"""The launcher of the embedded NATS server with JetStream. What it acknowledges is on the disk."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from linli.engines import process
from linli.engines.process import EngineError

USER = "linli"
CONFIG = """\
host: "127.0.0.1"
port: {port}
http: "127.0.0.1:{monitor}"
server_name: "linli"
max_payload: 8MB
max_pending: 64MB
write_deadline: "10s"
lame_duck_duration: "30s"
lame_duck_grace_period: "1s"
jetstream {{
  store_dir: "{store}"
  max_memory_store: 64MB
  max_file_store: {max_file}
  sync_interval: {sync}
}}
authorization {{ user: "{user}", password: "{password}", timeout: 3 }}
logtime: true
debug: false
"""


@dataclass
class Nats:
    """One embedded server over one data folder."""

    data: Path
    port: int
    monitor: int
    password: str
    log: Path | None = None
    sync: str = "always"
    max_file: str = "50GB"
    child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://{USER}:{self.password}@127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """Write the configuration (it holds the password, so only we can read it) and name it."""
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.data / "nats.conf"
        text = CONFIG.format(
            port=self.port, monitor=self.monitor, store=self.data / "jetstream", user=USER, password=self.password,
            sync=self.sync, max_file=self.max_file,
        )  # fmt: skip
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w") as out:
            out.write(text)
        return [process.binary("nats-server"), "-c", str(path)]

    def spawn(self, output: IO[bytes] | int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        self.child = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            preexec_fn=process.die_with_parent(), cwd=self.data,
        )  # fmt: skip
        return self.child

    def answers(self) -> bool:
        """Ready when JetStream has recovered its streams, not only when the port is open."""
        import httpx

        try:
            with httpx.Client(trust_env=False, timeout=2) as client:
                return client.get(f"http://127.0.0.1:{self.monitor}/healthz").status_code == 200
        except httpx.HTTPError:
            return False

    def start(self, seconds: float = 30) -> None:
        with open(self.log or os.devnull, "ab") as output:
            child = self.spawn(output)
        if not process.wait_until(self.answers, seconds, lambda: child.poll() is None):
            self.stop()
            raise EngineError(f"nats-server did not start on port {self.port}; see {self.log}")

    def stop(self, seconds: float = 10) -> None:
        if self.child is None or self.child.poll() is not None:
            return
        for how in (signal.SIGTERM, signal.SIGKILL):
            self.child.send_signal(how)
            try:
                self.child.wait(seconds)
                return
            except subprocess.TimeoutExpired:
                continue
