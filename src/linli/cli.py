"""The `linli` command: each file in `linli/commands` is one group of sub-commands.

A command module has `register(subparsers)`; the parser it makes sets `run=<function(args) -> int | None>`.
Modules are imported without Django; a command that needs it calls `commands.django_ready()` itself.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys

from linli import __version__, commands
from linli.home import Home


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="linli", description="Linli 邻里, the platform of a city district")
    parser.add_argument("--version", action="version", version=f"linli {__version__}")
    sub = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for info in sorted(pkgutil.iter_modules(commands.__path__), key=lambda m: m.name):
        if not info.name.startswith("_"):
            importlib.import_module(f"linli.commands.{info.name}").register(sub)
    return parser


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    if getattr(args, "home", None):
        Home.choose(args.home)
    try:
        return int(args.run(args) or 0)
    except commands.CommandError as error:
        print(f"linli: {error}", file=sys.stderr)
        return 2
