"""The process `live`: a relay of server-sent events. Holds no database connection."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import Any

from linli.home import Home
from linli.kernel import logs, ops_server
from linli.live.actors import Actors, NoAnswer, Unknown
from linli.live.feed import Feed
from linli.live.hub import Hub
from linli.live.server import PERMISSION, Server

log = logging.getLogger("linli.live")
TICK, FLUSH, RECHECK, PATIENCE = 10.0, 0.25, 40.0, 180.0


class Live:
    """The parts of the process, and what it does by the clock."""

    def __init__(self, nats_url: str, web_url: str, ring: int = 20_000) -> None:
        self.hub = Hub(ring)
        self.actors = Actors(web_url)
        self.hub.on_revoke = self.actors.forget
        self.feed = Feed(nats_url, self.hub)
        self.server = Server(self.hub, self.actors)
        self.beat = ops_server.Beat(30.0)
        self._answered: dict[str, float] = {}

    def state(self) -> dict[str, Any]:
        return {"ready": self.feed.connected, "listeners": len(self.hub.listeners), "groups": len(self.hub.groups),
                "epoch": self.hub.epoch, "sequence": self.hub.last}  # fmt: skip

    async def run(self, port: int, stop: asyncio.Event, host: str = "127.0.0.1") -> None:
        door = await self.server.open(host, port)
        tasks = [asyncio.create_task(t) for t in (self.feed.run(), self._ticks(), self._flushes(), self._rechecks())]
        try:
            waiting = asyncio.create_task(stop.wait())
            await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            door.close()
            for connection in list(self.server.connections):
                connection.drop("shutdown")
            self.feed.stop()
            for task in tasks[1:]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.actors.close()

    async def _ticks(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self.beat.touch()
            self.hub.send_all(self.hub.tick())

    async def _flushes(self) -> None:
        while True:
            await asyncio.sleep(FLUSH)
            self.beat.touch()
            self.hub.flush_values()

    async def _rechecks(self) -> None:
        while True:
            await asyncio.sleep(RECHECK)
            await self.recheck()

    async def recheck(self) -> None:
        """Ask again who each listener is; close the streams of those who are nobody any more."""
        now = asyncio.get_running_loop().time()
        credentials = {c.listener.credential: c.listener_credential
                       for c in list(self.server.connections) if c.listener and c.listener.credential}  # fmt: skip
        for key, credential in credentials.items():
            actor, why = None, ""
            try:
                actor = await self.actors.of(credential, fresh=0)
                self._answered[key] = asyncio.get_running_loop().time()
                why = "" if actor.can(PERMISSION) else "right withdrawn"
            except Unknown:
                why = "session ended"
            except NoAnswer:
                why = "" if now - self._answered.setdefault(key, now) < PATIENCE else "session cannot be checked"
            for listener in [li for li in list(self.hub.listeners) if li.credential == key]:
                if why:
                    self.hub.drop(listener, why)
                elif actor is not None:
                    self.hub.renew(listener, actor)
        self._answered = {k: v for k, v in self._answered.items() if k in credentials}


async def serve() -> None:
    live = Live(
        os.environ["LINLI_NATS_URL"], os.environ["LINLI_WEB_URL"], int(os.environ.get("LINLI_LIVE_RING", "20000"))
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ops_server.serve_for("live", live.state, alive=live.beat.fresh)
    await live.run(int(os.environ["LINLI_LIVE_PORT"]), stop)


def main() -> None:
    import uvloop

    Home.current().load_env()
    logs.configure("live")
    uvloop.run(serve())


if __name__ == "__main__":
    main()
