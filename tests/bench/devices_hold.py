"""Connections in a process of its own: opens many, holds them, drops them all and comes back.

Reads tokens as JSON from its first line of input, then `open N`, `drop` and `end`; answers by a line of JSON each.
`python -m tests.bench.devices_hold --port P [--tls]`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import sys
import time
from typing import Any

import uvloop

from linli.telemetry.mqtt_client import connect_packet

AT_ONCE = 200  # connections whose CONNACK is waited for at the same time


class Line(asyncio.Protocol):
    def __init__(self, number: int, token: str) -> None:
        self.number, self.token = number, token
        self.told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(connect_packet(f"hold-{self.number}", self.token, keep_alive=1200))

    def data_received(self, data: bytes) -> None:
        if not self.told.done():
            self.told.set_result(data[0] == 0x20 and data[3] == 0)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.told.done():
            self.told.set_result(False)


async def connect(tokens: list[str], port: int, context: ssl.SSLContext | None) -> tuple[list[Line], dict[str, Any]]:
    loop, gate = asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)
    began, cpu = time.monotonic(), time.process_time()

    async def one(number: int, token: str) -> Line:
        async with gate:
            line = Line(number, token)
            address = f"127.0.0.{1 + number % 8}"  # one address has too few ports for so many of us
            await loop.create_connection(lambda: line, "127.0.0.1", port, ssl=context, local_addr=(address, 0))
            await line.told
            return line

    lines = await asyncio.gather(*(one(n, t) for n, t in enumerate(tokens)))
    good = sum(line.told.result() for line in lines)
    return lines, {
        "connected": good, "refused": len(lines) - good, "seconds": round(time.monotonic() - began, 2),
        "generator_cpu_s": round(time.process_time() - cpu, 2),
    }  # fmt: skip


async def run(args: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    context = None
    if args.tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    tokens = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    lines: list[Line] = []
    while (word := (await loop.run_in_executor(None, sys.stdin.readline)).split()) and word[0] != "end":
        if word[0] == "drop":
            for line in lines:
                line.transport.abort()
            lines, said = [], {"dropped": True}
        else:
            more, said = await connect(tokens[: int(word[1])], args.port, context)
            lines += more
        print(json.dumps(said), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tls", action="store_true")
    uvloop.run(run(parser.parse_args()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
