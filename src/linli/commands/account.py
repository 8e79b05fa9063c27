"""`linli account ...`: first accounts and rescue, at the machine; every act is in the audit as `system`."""

from __future__ import annotations

import argparse
from typing import Any

from linli import commands


def register(sub: Any) -> None:
    parser = sub.add_parser("account", help="make, unlock or rescue accounts")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="make an account; its one-time password is the last line printed")
    create.add_argument("username")
    create.add_argument("--display-name", default="")
    create.add_argument("--role", action="append", default=[], metavar="ROLE[@AREA]", help="a role (repeatable)")
    create.add_argument("--area", default="", help="area path the account belongs to")
    for name, text in (
        ("reset-password", "give a one-time password (last line printed)"),
        ("reset-totp", "remove the second factor"),
        ("unlock", "forget failed sign-ins"),
        ("disable", "end its sessions, revoke its keys"),
        ("enable", "let it sign in again"),
    ):
        actions.add_parser(name, help=text).add_argument("username")
    for action in actions.choices.values():
        commands.add_home(action)
        action.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    commands.django_ready()
    from linli.identity import rescue
    from linli.kernel.errors import LinliError

    try:
        if args.action == "create":
            roles = [tuple(r.partition("@")[::2]) for r in args.role]
            print(rescue.create(args.username, args.display_name or args.username, args.area, roles))
        else:
            print(rescue.act(args.action, args.username))
    except LinliError as error:
        raise commands.CommandError(error.detail) from error
    return 0
