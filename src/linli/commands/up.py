"""`linli up`: the whole district by one command."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from linli import commands
from linli.engines import caddy, district, ports, status, supervisor
from linli.engines.process import EngineError
from linli.home import Home
from linli.telemetry.codecs import all as all_codecs

MOST_COPIES = 16


def register(sub: Any) -> None:
    parser = sub.add_parser("up", help="start the district and keep it running")
    commands.add_home(parser)
    parser.add_argument("--demo", action="store_true", help="load the demo district and allow its sign-ins")
    parser.add_argument("--bind", default="127.0.0.1", help="address of the doors (0.0.0.0 opens them to the network)")
    parser.add_argument("--port", type=int, help="the front door for people")
    parser.add_argument("--mqtt-port", type=int, help="devices over MQTT")
    parser.add_argument("--mqtts-port", type=int, help="devices over MQTT with TLS (needs a certificate)")
    parser.add_argument("--device-port", type=int, help="devices over HTTP")
    parser.add_argument(
        "--tcp-ports", default="", metavar="NAME=PORT,...", help=f"protocols over TCP: {', '.join(all_codecs.NAMES)}"
    )
    parser.add_argument("--tls-cert", type=Path, help="certificate (PEM, with chain) of the front door")
    parser.add_argument("--tls-key", type=Path, help="key of --tls-cert")
    parser.add_argument("--tls-internal", metavar="NAME[,NAME]", help="TLS for these names by the district's own CA")
    parser.add_argument(
        "--copies", default="", metavar="NAME=N,...", help=f"several of a process: {', '.join(district.MANY)}"
    )
    parser.add_argument("--public-url", help="address under which people reach the district, behind your own proxy")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    home = Home.current()
    try:
        home.folder("run")
        lock = supervisor.Lock(home)
        if not lock.take():
            raise EngineError(_already(home))
        (home.run / "status.json").unlink(missing_ok=True)  # a dead supervisor's; in a container it had our own pid
        supervisor.end_orphans(home)
        options = _options(args)
        given = {"http": args.port, "mqtt": args.mqtt_port, "device": args.device_port, "mqtts": args.mqtts_port}
        given |= {f"tcp-{name}": port for name, port in _tcp_ports(options.tcp_ports).items()}
        doors = [f"ops-{name}" for kind in options.copies for name in district.named(kind, options.copies)[1:]]
        chosen = ports.choose(home, given, args.bind, (*ports.INTERNAL, *doors))
        return supervisor.supervise(district.plan(home, chosen, options), lock, announce)
    except EngineError as error:
        raise commands.CommandError(str(error)) from error
    except OSError as error:
        raise commands.CommandError(f"the home {home.path} cannot be used: {error}") from error


def _already(home: Home) -> str:
    found = status.read(home, memory=False)
    facts = ", ".join(filter(None, (f"process {found['pid']}" if found["pid"] else "", found["url"])))
    return f"a district runs in {home.path} already" + (f" ({facts})" if facts else "")


def _options(args: argparse.Namespace) -> district.Options:
    if bool(args.tls_cert) != bool(args.tls_key):
        raise EngineError("--tls-cert and --tls-key belong together")
    for path in filter(None, (args.tls_cert, args.tls_key)):
        if not path.is_file():
            raise EngineError(f"there is no file {path}")
    if args.mqtts_port and not args.tls_cert:
        raise EngineError("--mqtts-port needs --tls-cert and --tls-key")
    names = tuple(filter(None, (args.tls_internal or "").split(",")))
    tls = caddy.Tls(
        args.tls_cert and args.tls_cert.absolute(), args.tls_key and args.tls_key.absolute(), names
    )  # fmt: skip
    tcp_ports = os.environ.get("LINLI_TCP_PORTS") or args.tcp_ports  # what the operator set already wins
    copies = _copies(os.environ.get("LINLI_COPIES") or args.copies)
    return district.Options(args.demo, args.bind, args.public_url, tls, args.mqtts_port, tcp_ports, copies)


def _copies(text: str) -> dict[str, int]:
    """`gateway=2,sense=2` → how many of each."""
    found = {}
    for part in filter(None, text.split(",")):
        name, _, number = part.strip().partition("=")
        if name not in district.MANY:
            raise EngineError(f"--copies: {name!r} is none of {', '.join(district.MANY)}")
        if not number.isascii() or not number.isdigit() or not 1 <= int(number) <= MOST_COPIES:
            raise EngineError(f"--copies: {name} must be 1 to {MOST_COPIES}, not {number!r}")
        found[name] = int(number)
    return found


def _tcp_ports(text: str) -> dict[str, int]:
    try:
        return all_codecs.ports(text)
    except ValueError as error:
        raise EngineError(f"--tcp-ports: {error}") from error


def announce(up: district.District, seconds: float) -> None:
    """Tell the person at the terminal where everything is."""
    lines = [
        "",
        f"Linli 邻里 is ready after {seconds:.1f} s.",
        f"  people   {up.url}/            console {up.url}/console/    field {up.url}/field/",
        f"  devices  mqtt://{up.options.bind}:{up.ports['mqtt']}    http://{up.options.bind}:{up.ports['device']}",
        *(
            f"  {name.removeprefix('tcp-'):<8} tcp://{up.options.bind}:{port}"
            for name, port in up.ports.chosen.items()
            if name.startswith("tcp-")
        ),
        f"  home     {up.home.path}    (logs in {up.home.logs})",
    ]
    if up.options.tls.names and not up.options.tls.cert:
        lines.append(f"  CA       {up.home.path / 'data/edge/pki/authorities/local/root.crt'}  (install it on phones)")
    lines += demo_lines(up.home) if up.options.demo else []
    lines.append("Ctrl-C ends it." if sys.stdout.isatty() else "")
    with contextlib.suppress(OSError):  # whoever started us may have closed the pipe
        print("\n".join(lines), flush=True)


def demo_lines(home: Home) -> list[str]:
    """The demo sign-ins, as the demo loader left them in `run/demo.json` {"accounts": {name: password}}."""
    try:
        told = json.loads((home.path / "run" / "demo.json").read_text())
    except (OSError, ValueError):
        return []
    lines = ["  demo sign-ins (demo mode only):"]
    lines += [f"    {name:<12} {password}" for name, password in told.get("accounts", {}).items()]
    if code := told.get("unit_code"):
        lines.append(f"  a unit's page: {home.run_env().get('LINLI_PUBLIC_URL', '')}/q/{code}")
    return lines
