"""A real history process on its own folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from linli.engines.nats import Nats
from linli.engines.testing import some_port
from linli.telemetry.history.client import HistoryClient, HistoryUnavailable


class HistoryProcess:
    def __init__(self, home: Path, broker: Nats) -> None:
        self.port = some_port()
        self.url = f"http://secret@127.0.0.1:{self.port}"
        self.env = {**os.environ, "LINLI_HOME": str(home), "LINLI_NATS_URL": broker.url, "LINLI_HISTORY_URL": self.url,
                    "LINLI_HISTORY_PORT": str(self.port), "LINLI_HISTORY_EVERY_S": "0.1"}  # fmt: skip
        self.log = home / "history.log"
        self.child: subprocess.Popen[bytes] | None = None
        self.client = HistoryClient(self.url)

    def start(self, wait: bool = True) -> None:
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "linli.telemetry.history.main"], env=self.env, stdout=out, stderr=out
            )
        deadline = time.monotonic() + 30
        while wait:
            try:
                self.client.state()
                return
            except HistoryUnavailable:
                assert self.child.poll() is None and time.monotonic() < deadline, self.log.read_text()[-3000:]
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.child is not None
        self.child.send_signal(how)
        return self.child.wait(20)
