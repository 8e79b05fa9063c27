"""The small operations door of a process: `/healthz`, `/readyz` and `/metrics` on its own loopback port.

Runs in one daemon thread and knows no Django, so every process can have it:

    ops_server.serve_for("sense", ready=lambda: {"ready": state.loaded, "partitions": 8})

`/healthz` says the process lives (503 when `alive` says otherwise, for example a stalled event loop), `/readyz` says
it can do its work (503 until then), `/metrics` is Prometheus text.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

Ready = Callable[[], dict[str, Any]]
Alive = Callable[[], bool]


class Beat:
    """A main loop calls `touch()`; `fresh()` is false once it has not for `limit` seconds."""

    def __init__(self, limit: float = 30.0) -> None:
        self.limit = limit
        self._last = time.monotonic()

    def touch(self) -> None:
        self._last = time.monotonic()

    def fresh(self) -> bool:
        return time.monotonic() - self._last < self.limit


def _handler(name: str, ready: Ready, alive: Alive, registry: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_GET(self) -> None:
            if self.path == "/healthz":
                ok = alive()
                self._json(200 if ok else 503, {"status": "ok" if ok else "stalled", "process": name})
            elif self.path == "/readyz":
                state = _state(ready)
                self._json(200 if state.get("ready") else 503, {"process": name, **state})
            elif self.path == "/metrics":
                self._send(200, CONTENT_TYPE_LATEST, generate_latest(registry))
            else:
                self._json(404, {"status": "not found"})

        def _json(self, status: int, body: dict[str, Any]) -> None:
            self._send(status, "application/json", json.dumps(body, default=str).encode())

        def _send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            return

    return Handler


def _state(ready: Ready) -> dict[str, Any]:
    try:
        return ready()
    except Exception as error:  # a check that cannot run is "not ready", and says why
        return {"ready": False, "error": f"{type(error).__name__}: {error}"}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 16


def serve(
    port: int,
    ready: Ready,
    registry: CollectorRegistry = REGISTRY,
    *,
    name: str = "",
    alive: Alive = lambda: True,
) -> Callable[[], None]:
    """Open the door on 127.0.0.1:`port`; returns a function that closes it. Fails if the port is taken."""
    server = _Server(("127.0.0.1", port), _handler(name, ready, alive, registry))
    threading.Thread(target=server.serve_forever, args=(0.5,), name="ops", daemon=True).start()

    def close() -> None:
        server.shutdown()
        server.server_close()

    return close


def port_of(name: str) -> int | None:
    """The operations port the supervisor gave to this process of kind `name` (LINLI_METRICS_PORTS), if any.

    The second and later ones of a kind are called `name-2`, `name-3`, ... in LINLI_PROCESS."""
    ports = json.loads(os.environ.get("LINLI_METRICS_PORTS") or "{}")
    own = os.environ.get("LINLI_PROCESS") or name
    return ports.get(own if own.rpartition("-")[0] == name else name)


def serve_for(
    name: str, ready: Ready, registry: CollectorRegistry = REGISTRY, *, alive: Alive = lambda: True
) -> Callable[[], None]:
    """`serve` on the port given to process `name`; does nothing when none was given."""
    port = port_of(name)
    if port is None:
        return lambda: None
    return serve(port, ready, registry, name=name, alive=alive)
