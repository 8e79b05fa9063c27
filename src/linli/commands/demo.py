"""`linli demo load`: fill the home with the demo district (done by `linli up --demo`)."""

from __future__ import annotations

import argparse
from typing import Any

from linli import commands


def register(sub: Any) -> None:
    parser = sub.add_parser("demo", help="the demo district")
    verbs = parser.add_subparsers(dest="verb", required=True)
    load = verbs.add_parser("load", help="load places, staff and devices of the demo pack")
    commands.add_home(load)
    load.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    commands.django_ready()
    from linli.demo.load import load

    load(print)
    return 0
