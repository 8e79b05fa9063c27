"""The process `web`: Django behind granian, loaded once and forked, so that workers share its memory."""

from __future__ import annotations

import gc
import os
import shutil
import signal

from linli.engines import process
from linli.home import Home


def serve() -> int:
    metrics = Home.current().run / "metrics-web"
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(mode=0o700)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)  # before anything imports prometheus_client
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    _load()
    tell_kernel = process.die_with_parent(signal.SIGKILL)
    if tell_kernel is not None:
        os.register_at_fork(after_in_child=tell_kernel)
    Granian(
        "linli.wsgi:application",
        address=os.environ.get("LINLI_WEB_BIND", "127.0.0.1"),
        port=int(os.environ["LINLI_WEB_PORT"]),
        interface=Interfaces.WSGI,
        workers=int(os.environ.get("LINLI_WEB_WORKERS", "2")),
        blocking_threads=int(os.environ.get("LINLI_WEB_THREADS", "6")),
        backpressure=256,
        backlog=1024,
        respawn_failed_workers=True,
        respawn_interval=0.2,
        workers_kill_timeout=10,
        log_level=LogLevels.error,
    ).serve()
    return 0


def _load() -> None:
    """Import the application and its addresses before the fork; opens no connection to the database."""
    from django.urls import get_resolver

    import linli.wsgi  # noqa: F401
    from linli.kernel import logs

    logs.configure("web")

    _ = get_resolver().url_patterns
    gc.collect()
    gc.freeze()
