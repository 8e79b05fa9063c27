"""`linli run sense`: judges readings by rules, raises and clears alarms. Start as many as you like."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

import uvloop

from linli.home import Home
from linli.kernel import logs, ops_server
from linli.telemetry import stream
from linli.telemetry.sense import metrics
from linli.telemetry.sense.process import Sense
from linli.telemetry.sense.store import Store


async def serve() -> None:
    """Run until SIGTERM or SIGINT."""
    nc = await stream.connect("linli-sense", allow_reconnect=True)
    store = Store(os.environ["LINLI_DATABASE_URL"])
    sense = Sense(nc, store)
    ops_server.serve_for("sense", ready=sense.ready, alive=metrics.BEAT.fresh)
    task = asyncio.create_task(sense.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await task
    finally:
        await store.close()
        with contextlib.suppress(Exception):
            await nc.close()


def main() -> None:
    logs.configure("sense")
    Home.current().load_env()
    uvloop.run(serve())


if __name__ == "__main__":
    main()
