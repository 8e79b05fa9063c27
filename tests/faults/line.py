"""A line to the NATS server that can be made deaf: what the client sends arrives, what the server answers is kept back.

With it a process is killed in the one moment that matters: the stream has the reading and the gateway was not told.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from urllib.parse import urlsplit


class Line:
    """`Line(url).url` leads to the same server; `deafen()`, `wait_for_kept_back(needle)`, `hear()`."""

    def __init__(self, url: str) -> None:
        self.server = urlsplit(url)
        self.door = socket.create_server(("127.0.0.1", 0))
        at = f"127.0.0.1:{self.door.getsockname()[1]}"
        self.url = url.replace(self.server.netloc.rpartition("@")[2], at)
        self.deaf = threading.Event()
        self.kept_back = b""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.door.accept()
                far = socket.create_connection((self.server.hostname or "", self.server.port or 4222))
                threading.Thread(target=self._carry, args=(near, far, False), daemon=True).start()
                threading.Thread(target=self._carry, args=(far, near, True), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if answers and self.deaf.is_set():
                    self.kept_back += data
                else:
                    sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def deafen(self) -> None:
        """From now on no answer of the server arrives, on the connections of now."""
        self.kept_back = b""
        self.deaf.set()

    def wait_for_kept_back(self, needle: bytes, seconds: float = 10) -> None:
        """Until the server has said `needle` to deaf ears."""
        end = time.monotonic() + seconds
        while needle not in self.kept_back:
            assert time.monotonic() < end, f"the server did not say {needle!r}: {self.kept_back[-500:]!r}"
            time.sleep(0.005)

    def hear(self) -> None:
        """For the connections that are made from now on; those of before have lost what was kept back."""
        self.deaf.clear()

    def close(self) -> None:
        self.door.close()
