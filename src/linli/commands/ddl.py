"""`linli ddl`: what makes the tables of readings, as SQL for a ClickHouse server or a cluster."""

from __future__ import annotations

import argparse
from typing import Any

from linli import commands


def register(sub: Any) -> None:
    parser = sub.add_parser("ddl", help="print the SQL that makes the tables of readings in ClickHouse")
    parser.add_argument("--cluster", default="", metavar="NAME", help="a cluster of it, as in its remote_servers")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from linli.telemetry.history import store

    try:
        found = store.statements(store.checked(args.cluster))
    except ValueError as error:
        raise commands.CommandError(f"--cluster: {error}") from error
    print(f"CREATE DATABASE IF NOT EXISTS {store.DATABASE}{store.on_cluster(args.cluster)};")
    print("\n".join([f"USE {store.DATABASE};", *(f"{statement};" for statement in found)]))
    return 0
