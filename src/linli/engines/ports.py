"""Which port each door of a district uses: the operator's choice, else the one kept in the home, else a free one."""

from __future__ import annotations

import contextlib
import json
import socket
import zlib
from dataclasses import dataclass, field

from linli.engines import process
from linli.engines.process import EngineError
from linli.home import Home

PUBLIC = {"http": 8000, "mqtt": 1883, "device": 8081}  # doors for people and devices: their usual numbers first
INTERNAL = (
    "postgres", "nats", "nats-monitor", "web", "live", "history",
    "ops-relay", "ops-live", "ops-gateway", "ops-sense", "ops-history", "ops-jobs",
)  # fmt: skip
FIRST_FREE, SPREAD = 20000, 700


def first_free(home: Home) -> int:
    """Where the search begins: another number for each home, so that two districts starting at once do not meet."""
    return FIRST_FREE + zlib.crc32(str(home.path).encode()) % SPREAD * 16


@dataclass
class Ports:
    """The ports of one district, by the name of the door."""

    bind: str
    chosen: dict[str, int] = field(default_factory=dict)
    claims: dict[int, socket.socket] = field(default_factory=dict, repr=False)  # held until the district ends

    def claim(self, port: int) -> bool:
        """Keep other districts that start now from the same port; False when one has it already."""
        if mark := process.claim(port):
            self.claims[port] = mark
        return mark is not None

    def __getitem__(self, name: str) -> int:
        return self.chosen[name]

    def get(self, name: str) -> int | None:
        return self.chosen.get(name)

    @property
    def metrics(self) -> dict[str, int]:
        return {name.removeprefix("ops-"): port for name, port in self.chosen.items() if name.startswith("ops-")}


def kept(home: Home) -> dict[str, int]:
    path = home.path / "ports.json"
    with contextlib.suppress(OSError, ValueError):
        return {str(name): int(port) for name, port in json.loads(path.read_text()).items()}
    return {}


def choose(home: Home, given: dict[str, int | None], bind: str, needed: tuple[str, ...] = INTERNAL) -> Ports:
    """Settle every port and keep the result in the home, so that the next start has the same addresses."""
    before, ports = kept(home), Ports(bind)
    for name, port in given.items():
        if port is not None:
            _require(name, port, ports)
            ports.chosen[name] = port
    start = first_free(home)
    for name in (*PUBLIC, *needed):
        if name in ports.chosen:
            continue
        host = bind if name in PUBLIC else "127.0.0.1"
        port = before.get(name) or PUBLIC.get(name)
        taken = port is None or port in ports.chosen.values() or not process.can_bind(port, host)
        if port is None or taken or not ports.claim(port):
            port = process.free_port(start, [*ports.chosen.values(), *before.values()], ports.claim)
            start = port + 1
        ports.chosen[name] = port
    text = json.dumps(ports.chosen, indent=1, sort_keys=True)
    (home.path / "ports.json").write_text(text + "\n")
    return ports


def _require(name: str, port: int, ports: Ports) -> None:
    if not 0 < port < 65536:
        raise EngineError(f"{port} is not a port number")
    try:
        free = process.can_bind(port, ports.bind) and ports.claim(port)
    except OSError as error:
        raise EngineError(f"{ports.bind} is not an address of this machine: {error}") from error
    if not free:
        flag = "--port" if name == "http" else "--tcp-ports" if name.startswith("tcp-") else f"--{name}-port"
        raise EngineError(f"port {port} ({flag}) is in use by another program or may not be opened")
