from __future__ import annotations

import httpx
from prometheus_client import CollectorRegistry, Counter

from linli.engines.testing import some_port
from linli.kernel import ops_server


def test_answers_alive_ready_and_metrics() -> None:
    registry = CollectorRegistry()
    Counter("linli_things", "things", registry=registry).inc(3)
    state = {"ready": False}
    port = some_port()
    close = ops_server.serve(port, lambda: state, registry, name="x")
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            assert client.get("/healthz").status_code == 200
            assert client.get("/readyz").status_code == 503
            state["ready"] = True
            assert client.get("/readyz").json() == {"process": "x", "ready": True}
            assert "linli_things_total 3.0" in client.get("/metrics").text
            assert client.get("/else").status_code == 404
    finally:
        close()


def test_a_failing_check_is_not_ready() -> None:
    def broken() -> dict[str, object]:
        raise ConnectionError("no database")

    assert ops_server._state(broken) == {"ready": False, "error": "ConnectionError: no database"}


def test_a_stalled_loop_is_seen() -> None:
    beat = ops_server.Beat(limit=0.0)
    assert not beat.fresh()
