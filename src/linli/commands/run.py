"""`linli run NAME`: one process of the district, against the addresses in its environment (or its home)."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import Any

from linli import commands
from linli.engines import district
from linli.home import Home

NAMES = ("web", "prepare", *district.PROCESSES)


def register(sub: Any) -> None:
    parser = sub.add_parser("run", help="run one process of the district")
    commands.add_home(parser)
    parser.add_argument("name", choices=NAMES)
    parser.set_defaults(run=lambda args: start(args.name))


def start(name: str) -> int:
    """Run the process in the foreground until it is told to end."""
    home = Home.current()
    home.load_env()
    os.environ.setdefault("LINLI_PROCESS", name)
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # httpx's command line, which loads `rich`
    if name == "web":
        from linli.commands import _web

        return _web.serve()
    if name == "prepare":
        from linli.commands import _prepare

        return _prepare.prepare()
    entry = importlib.import_module(district.PROCESSES[name][0])
    return int(entry.main() or 0)


def main() -> int:
    parser = argparse.ArgumentParser(prog="linli run")
    parser.add_argument("name", choices=NAMES)
    return start(parser.parse_args().name)


if __name__ == "__main__":
    sys.exit(main())
