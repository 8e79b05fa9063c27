"""The load generator, a process of its own: many MQTT connections, QoS 1, three readings a message, one at a time each.

A connection sends its next message only after the acknowledgement of the one before, so the server reads one message
per socket read. Prints one JSON line. `python -m tests.bench.telemetry_load --tokens FILE --port P --rate 8000`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from typing import Any

import uvloop

from linli.telemetry.mqtt_client import connect_packet, publish_packet


class Client(asyncio.Protocol):
    __slots__ = ("busy", "load", "number", "sent_at", "token", "transport", "values")

    def __init__(self, load: Load, number: int, token: str) -> None:
        self.load, self.number, self.token = load, number, token
        self.transport: Any = None
        self.busy = True
        self.sent_at = 0.0
        self.values = random.Random(number)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        # those that cross a limit say nothing for long
        transport.write(connect_packet(f"load-{self.number}", self.token, keep_alive=3600))

    def data_received(self, data: bytes) -> None:
        if data[0] == 0x20:
            self.load.connected(data[3] == 0)
        else:
            self.load.acked(time.perf_counter() - self.sent_at)
        self.busy = False
        if self.load.closed_loop and self.load.running:
            self.send()

    def connection_lost(self, error: Exception | None) -> None:
        self.busy = True
        self.load.lost += 1

    def send(self, values: str = "") -> None:
        self.busy = True
        self.sent_at = time.perf_counter()
        if not values:
            r = self.values.random()
            values = f'"level":{r:.3f},"battery":{80 + r:.2f},"signal":{-60 - r * 9:.1f}'
        payload = f'{{"ts":{int(time.time() * 1000)},"values":{{{values}}}}}'
        self.transport.write(publish_packet("v1/devices/me/telemetry", payload.encode(), 1))


class Load:
    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.rate = args.rate
        self.closed_loop = args.rate == 0
        self.running = False
        self.ok = self.refused = self.lost = self.sent = self.acks = self.behind = 0
        self.delays: list[float] = []
        self.clients: list[Client] = []

    def connected(self, ok: bool) -> None:
        self.ok += ok
        self.refused += not ok

    def acked(self, delay: float) -> None:
        self.acks += 1
        if self.acks % 16 == 0:
            self.delays.append(delay)

    async def run(self, tokens: list[str], crossing: list[tuple[str, str]]) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        self.clients = [Client(self, number, token) for number, token in enumerate(tokens)]
        for start in range(0, len(tokens), 100):
            some = self.clients[start : start + 100]
            await asyncio.gather(*(loop.create_connection(lambda c=c: c, "127.0.0.1", self.args.port) for c in some))
        while self.ok + self.refused + self.lost < len(tokens):
            await asyncio.sleep(0.05)
        alarms = [Client(self, -1 - i, token) for i, (_, token) in enumerate(crossing)]
        for client in alarms:
            await loop.create_connection(lambda c=client: c, "127.0.0.1", self.args.port)
        print("ready", flush=True)
        await loop.run_in_executor(None, sys.stdin.readline)
        self.running = True
        start_wall, start_cpu = time.monotonic(), time.process_time()
        crossings = asyncio.create_task(self._cross(alarms, crossing))
        await (self._closed() if self.closed_loop else self._paced())
        seconds = time.monotonic() - start_wall
        in_time = self.acks
        self.running = False
        at = await crossings
        some = [round(d, 5) for d in random.sample(self.delays, min(2_000, len(self.delays)))]
        await asyncio.sleep(1)
        return {"connections": self.ok, "refused": self.refused, "lost": self.lost, "seconds": seconds,
                "sent": self.sent or self.acks, "acked": in_time, "acked_late": self.acks - in_time,
                "behind": self.behind, "crossed_at": at, "delays": some,
                "cpu_s": time.process_time() - start_cpu}  # fmt: skip

    async def _closed(self) -> None:
        for client in self.clients:
            if not client.busy:
                client.send()
        await asyncio.sleep(self.args.seconds)

    async def _paced(self) -> None:
        """Round robin at the wanted rate; a connection whose message is still on its way is passed over."""
        start, total, at = time.monotonic(), 0, 0
        count = len(self.clients)
        while (now := time.monotonic()) - start < self.args.seconds:
            due = int((now - start) * self.rate) - total
            total += due
            tries = due + 50
            while due > 0 and tries > 0:
                client = self.clients[at]
                at = (at + 1) % count
                tries -= 1
                if not client.busy:
                    client.send()
                    self.sent += 1
                    due -= 1
            self.behind += max(0, due)
            await asyncio.sleep(0.002)

    async def _cross(self, alarms: list[Client], crossing: list[tuple[str, str]]) -> dict[str, float]:
        """Let devices cross their threshold, spread over the run; when each message left, by device id."""
        at: dict[str, float] = {}
        await asyncio.sleep(self.args.seconds * 0.1)
        pause = self.args.seconds * 0.8 / max(1, len(alarms))
        for client, (device_id, _) in zip(alarms, crossing, strict=True):
            client.send('"level":3.9,"battery":80.5,"signal":-61.5')
            at[device_id] = time.time()
            self.sent += not self.closed_loop
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
        return at


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", required=True, help='JSON file {"load": [token], "crossing": [[id, token]]}')
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=int, default=8_000, help="messages a second; 0: as fast as acknowledged")
    parser.add_argument("--seconds", type=float, default=20)
    args = parser.parse_args()
    with open(args.tokens) as source:
        tokens = json.load(source)
    print(json.dumps(uvloop.run(Load(args).run(tokens["load"], tokens["crossing"]))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
