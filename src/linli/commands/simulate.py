"""`linli simulate`: makes the running demo district live: days, rain, faults, reports, people moving. Simulated."""

from __future__ import annotations

import argparse
import json
import signal
from typing import Any

from linli import commands
from linli.home import Home


def register(sub: Any) -> None:
    parser = sub.add_parser("simulate", help="make the demo district live (simulated)")
    commands.add_home(parser)
    parser.add_argument("--seconds", type=float, default=0, help="stop after so many seconds (default: when told to)")
    parser.add_argument("--devices", type=int, default=0, help="only so many devices (default: all)")
    parser.add_argument("--pace", type=float, default=1.0, help="devices send and staff act so many times as quickly")
    parser.add_argument("--report-every", type=float, default=90, help="mean seconds between residents' reports")
    parser.add_argument("--hands-off", action="store_true", help="no simulated people, only devices")
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--json", action="store_true", help="print what was done as JSON on the last line")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from linli.kernel import packs
    from linli.sim.homefiles import NotADemo, demo
    from linli.sim.simulate import Plan, Simulation

    try:
        known = demo(Home.current())
    except NotADemo as error:
        raise commands.CommandError(str(error)) from error
    district = packs.read_yaml(packs.root() / "demo" / "district.yaml")
    plan = Plan(args.seconds, args.devices, args.pace, args.report_every, not args.hands_off)
    say = (lambda text: None) if args.json else (lambda text: print(text, flush=True))
    simulation = Simulation(known, plan, district["time_zone"], args.seed, say)
    signal.signal(signal.SIGINT, lambda *_: simulation.stop())
    signal.signal(signal.SIGTERM, lambda *_: simulation.stop())
    result = simulation.run()
    print(json.dumps(result) if args.json else simulation.summary())
    return 0
