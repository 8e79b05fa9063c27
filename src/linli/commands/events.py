"""`linli events ...`: events that a consumer could not take, and trying them again."""

from __future__ import annotations

import argparse
import json
from typing import Any

from linli import commands


def register(sub: Any) -> None:
    parser = sub.add_parser("events", help="events that were set aside")
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    parked = what.add_parser("parked", help="list events that a consumer failed on again and again")
    parked.add_argument("--json", action="store_true")
    retry = what.add_parser("retry", help="try parked events again: all, or those of the given numbers")
    retry.add_argument("numbers", nargs="*", type=int)
    for each, run in ((parked, run_parked), (retry, run_retry)):
        commands.add_home(each)
        each.set_defaults(run=run)


def run_parked(args: argparse.Namespace) -> int:
    commands.django_ready()
    from linli.kernel import inbox

    rows = inbox.parked()
    if args.json:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    for row in rows:
        print("{number}  {at}  {consumer}  {type} {ref}  {attempts} attempts  {error}".format(**row))
    print(f"{len(rows)} parked events")
    return 0


def run_retry(args: argparse.Namespace) -> int:
    commands.django_ready()
    from linli.kernel import inbox

    inbox.load()
    done = inbox.retry_parked(args.numbers or None)
    left = len(inbox.parked())
    print(f"{done} took effect, {left} are still parked")
    return 1 if left else 0
