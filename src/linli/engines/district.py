"""Which processes a district consists of, what each needs, and the environment they share."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from linli.engines import probe
from linli.engines.caddy import Caddy, Tls
from linli.engines.nats import Nats
from linli.engines.ports import Ports
from linli.engines.postgres import Postgres
from linli.engines.service import Check, Service
from linli.home import Home

MARK = "LINLI_SUPERVISED"  # set to the home's path in every child, so that the next start finds orphans
DIST = Path(__file__).resolve().parents[1] / "dist"
# name -> (entry module, what must be ready first)
PROCESSES: dict[str, tuple[str, tuple[str, ...]]] = {
    "history": ("linli.telemetry.history.main", ("nats",)),
    "relay": ("linli.kernel.relay", ("prepare", "nats")),
    "live": ("linli.live.main", ("prepare", "nats")),
    "gateway": ("linli.telemetry.gateway.main", ("prepare", "nats")),
    "sense": ("linli.telemetry.sense.main", ("prepare", "nats")),
    "jobs": ("linli.kernel.worker", ("prepare", "nats")),
}
ON_THE_WAY = {"postgres", "nats", "sense", "relay", "live", "edge"}  # between a reading and the alarm on a screen
TURN_US = 500  # of theirs; docs/decisions/short-turns.md
MANY = ("gateway", "sense", "relay", "jobs")  # those of which one machine may run several
STOP_ORDER = (
    ("edge",),
    ("gateway", "web", "live"),
    ("jobs", "relay", "sense", "prepare"),
    ("history",),
    ("nats", "postgres"),
)
LEAN = {  # small processes: few malloc arenas, no thread pools of numeric libraries
    "MALLOC_ARENA_MAX": "2",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONUNBUFFERED": "1",
}


@dataclass
class Options:
    """What the operator asked for."""

    demo: bool = False
    bind: str = "127.0.0.1"
    public_url: str | None = None
    tls: Tls = field(default_factory=Tls)
    mqtts_port: int | None = None
    tcp_ports: str = ""
    copies: dict[str, int] = field(default_factory=dict)


def named(name: str, copies: dict[str, int]) -> list[str]:
    """What the processes of one kind are called: gateway, gateway-2, ..."""
    return [name, *(f"{name}-{number}" for number in range(2, copies.get(name, 1) + 1))]


def kind_of(name: str) -> str:
    """gateway-2 is a gateway."""
    kind = name.rpartition("-")[0]
    return kind if kind in MANY else name


@dataclass
class District:
    """The services of one home with the engines that run embedded."""

    home: Home
    ports: Ports
    options: Options
    postgres: Postgres | None = None
    nats: Nats | None = None
    env: dict[str, str] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)

    @property
    def url(self) -> str:
        if self.options.public_url:
            return self.options.public_url.rstrip("/")
        scheme = "https" if self.options.tls.on else "http"
        named = self.options.tls.names[0] if self.options.tls.names else None
        host = named or ("127.0.0.1" if self.options.bind == "0.0.0.0" else self.options.bind)
        return f"{scheme}://{host}:{self.ports['http']}"


def plan(home: Home, ports: Ports, options: Options) -> District:
    """Decide engines, environment and services. Starts nothing."""
    district = District(home, ports, options)
    if not os.environ.get("LINLI_DATABASE_URL"):
        district.postgres = Postgres(
            home.folder("data", mode=0o711) / "postgres", ports["postgres"], home.secret("postgres").hex(),
            log=home.logs / "postgres.log",
        )  # fmt: skip
    if not os.environ.get("LINLI_NATS_URL"):
        district.nats = Nats(home.data("nats"), ports["nats"], ports["nats-monitor"], home.secret("nats").hex())
    district.env = environment(district)
    for service in _services(district):
        district.services[service.name] = service
    return district


def environment(district: District) -> dict[str, str]:
    """The LINLI_* variables of every process; what the operator set already wins."""
    home, ports, options = district.home, district.ports, district.options
    env = {
        "LINLI_HOME": str(home.path),
        "LINLI_HISTORY_URL": f"http://{home.secret('history').hex()}@127.0.0.1:{ports['history']}",
        "LINLI_FILES_URL": f"file://{home.files}",
        "LINLI_PUBLIC_URL": district.url,
        "LINLI_WEB_URL": f"http://127.0.0.1:{ports['web']}",
        "LINLI_WEB_PORT": str(ports["web"]),
        "LINLI_LIVE_PORT": str(ports["live"]),
        "LINLI_HISTORY_PORT": str(ports["history"]),
        "LINLI_MQTT_PORT": str(ports["mqtt"]),
        "LINLI_DEVICE_PORT": str(ports["device"]),
        "LINLI_DEVICE_HOST": options.bind,
        "LINLI_METRICS_PORTS": json.dumps(ports.metrics),
        "LINLI_INTERNAL_TOKEN": home.secret("internal").hex(),
        "LINLI_DEMO": "1" if options.demo else "0",
    }
    if district.postgres:
        env["LINLI_DATABASE_URL"] = district.postgres.url()
    if district.nats:
        env["LINLI_NATS_URL"] = district.nats.url
    if options.demo:
        env["LINLI_PACKS"] = os.environ.get("LINLI_PACKS") or "demo"
    if options.tls.cert:
        env |= {"LINLI_TLS_CERT": str(options.tls.cert), "LINLI_TLS_KEY": str(options.tls.key)}
    if options.mqtts_port:
        env["LINLI_MQTTS_PORT"] = str(options.mqtts_port)
    if options.tcp_ports:
        env["LINLI_TCP_PORTS"] = options.tcp_ports
    if options.copies.get("gateway", 1) > 1:
        env["LINLI_GATEWAY_SHARE"] = "1"
    ours = {"LINLI_HOME", "LINLI_DEMO", "LINLI_METRICS_PORTS", "LINLI_WEB_URL"}
    return {name: value if name in ours else os.environ.get(name) or value for name, value in env.items()}


def has_entry(module: str) -> bool:
    """Whether this installation has the process (a part of the house may be left out)."""
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return False
    return bool(spec and spec.origin and "def main(" in Path(spec.origin).read_text(encoding="utf-8"))


def linli(name: str) -> Callable[[], list[str]]:
    return lambda: [sys.executable, "-m", "linli.commands.run", name]


def _http(port: int, path: str, **options: object) -> Check:
    async def check() -> bool:
        return 200 <= await probe.http_status(port, path, **options) < 400  # type: ignore[arg-type]

    return check


async def _never() -> bool:
    return False


def _services(district: District) -> list[Service]:
    base = os.environ | LEAN | district.env | {MARK: str(district.home.path)}
    found: list[Service] = []
    if district.postgres:
        found.append(_postgres(district.postgres))
    if district.nats:
        found.append(_nats(district.nats, base))
    needs = ("postgres",) if district.postgres else ()
    found.append(Service("prepare", linli("prepare"), _never, needs=needs, once=True))
    for kind, (module, needs) in PROCESSES.items():
        for name in named(kind, district.options.copies) if has_entry(module) else ():
            port = district.ports[f"ops-{name}"]
            service = Service(
                name, linli(kind), _http(port, "/readyz"), alive=_http(port, "/healthz"), needs=needs, port=port
            )
            found.append(service)
    found.append(_web(district, next(service for service in found if service.name == "prepare")))
    found.append(_edge(district))
    for service in found:
        if kind_of(service.name) in ON_THE_WAY:
            service.turn_us = TURN_US
        service.env = service.env or base | {"LINLI_PROCESS": service.name}
    return found


def _postgres(server: Postgres) -> Service:
    async def answers() -> bool:
        return await probe.postgres_takes_sign_ins(server.port, server.user)

    def before() -> None:
        server.prepare()
        server.end_orphans()

    return Service(
        "postgres", server.command, answers, before=before, stop_signal=signal.SIGINT, stop_seconds=20,
        parent_gone=signal.SIGINT, port=server.port, options=server.popen_options,
    )  # fmt: skip


def _nats(server: Nats, base: dict[str, str]) -> Service:
    check = _http(server.monitor, "/healthz")
    return Service(
        "nats", server.command, check, alive=check, env=base | {"GOGC": "60"}, options=lambda: {"cwd": server.data},
        port=server.port,
    )  # fmt: skip


def _web(district: District, prepare: Service) -> Service:
    """Loads its code while the database is prepared, and is ready after that."""
    port = district.ports["web"]
    answers = _http(port, "/readyz")

    async def ready() -> bool:
        return prepare.is_ready.is_set() and await answers()

    return Service("web", linli("web"), ready, alive=_http(port, "/healthz", seconds=20), port=port)


def _edge(district: District) -> Service:
    ports, tls = district.ports, district.options.tls
    door = Caddy(
        district.home.path / "data" / "edge", district.options.bind, ports["http"], ports["web"], ports["live"],
        DIST, tls,
    )  # fmt: skip
    host = "127.0.0.1" if district.options.bind == "0.0.0.0" else district.options.bind
    check = _http(ports["http"], "/healthz", host=host, tls=tls.on, name=(tls.names or ("localhost",))[0])
    return Service(
        "edge", door.command, check, needs=("prepare", "web", "live"), port=ports["http"],
        env=os.environ | {MARK: str(district.home.path), "GOGC": "60", "HOME": str(district.home.path)},
    )  # fmt: skip
