"""`linli apikey create`: a key for a program, printed on the last line."""

from __future__ import annotations

import argparse
from typing import Any

from linli import commands


def register(sub: Any) -> None:
    parser = sub.add_parser("apikey", help="API keys for programs")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="make a key; its text is the last line printed")
    create.add_argument("--account", required=True, metavar="NAME", help="user name of the account it acts for")
    create.add_argument(
        "--scope", action="append", default=[], metavar="PERMISSION", help="narrow to this (repeatable)"
    )
    create.add_argument("--name", default="", help="what the key is for")
    commands.add_home(create)
    create.set_defaults(run=run_create)


def run_create(args: argparse.Namespace) -> int:
    commands.django_ready()
    from linli.identity import facade
    from linli.kernel.errors import LinliError

    account = facade.account_by_name(args.account)
    if account is None:
        raise commands.CommandError(f"no account is named {args.account}")
    try:
        print(facade.create_apikey(account_id=account.id, name=args.name or "command line", scopes=args.scope))
    except LinliError as error:
        raise commands.CommandError(error.detail) from error
    return 0
