"""`linli manage ...`: Django's own management commands, for maintenance."""

from __future__ import annotations

import argparse
from typing import Any

from linli import commands


def register(sub: Any) -> None:
    parser = sub.add_parser("manage", help="run a Django management command", prefix_chars="\0")
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    commands.django_ready()
    from django.core.management import execute_from_command_line

    execute_from_command_line(["linli manage", *args.rest])
    return 0
