"""`linli sql`: read-only SQL over readings, limited to what an account may see."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from typing import Any

from linli import commands

WIDEST = 60


def register(sub: Any) -> None:
    parser = sub.add_parser("sql", help="ask the readings in read-only SQL")
    parser.add_argument("text", nargs="?", help="one SELECT over things, readings, hours, days; - or nothing: stdin")
    parser.add_argument("--account", required=True, metavar="NAME", help="user name whose areas are asked")
    parser.add_argument("--limit", type=int, default=1_000, help="most rows, at most 100,000")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="for programs: columns, rows, cut, seconds")
    how.add_argument("--csv", action="store_true")
    commands.add_home(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    commands.django_ready()
    from linli.identity import facade
    from linli.kernel.errors import LinliError
    from linli.telemetry import analyst_selectors

    account = facade.account_by_name(args.account)
    actor = facade.actor_for(account.id) if account else None
    if actor is None:
        raise commands.CommandError(f"no account is named {args.account}")
    text = sys.stdin.read() if args.text in (None, "-") else args.text
    try:
        found = analyst_selectors.ask(actor, text, limit=args.limit)
    except LinliError as error:
        said = [f"{e.field}: {e.reason}" for e in error.errors]
        raise commands.CommandError("; ".join(said) or error.detail) from error
    names = [name for name, _ in found.columns]
    if args.json:
        columns = [{"name": name, "type": kind} for name, kind in found.columns]
        said = {"columns": columns, "rows": found.rows, "cut": found.cut, "seconds": found.seconds}
        print(json.dumps(said, ensure_ascii=False))
    elif args.csv:
        csv.writer(sys.stdout).writerows([names, *found.rows])
    else:
        _table(names, found.rows)
        more = ", more are there" if found.cut else ""
        print(f"({len(found.rows)} rows in {found.seconds} s{more})", file=sys.stderr)
    return 0


def _table(names: list[str], rows: list[list[Any]]) -> None:
    cells = [names, *([("" if v is None else str(v))[:WIDEST] for v in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(names))]
    for number, row in enumerate(cells):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if not number:
            print("  ".join("-" * width for width in widths))
