"""Sub-commands of `linli`. See `linli.cli` for the form of a command module."""

from __future__ import annotations

import argparse
import os


class CommandError(Exception):
    """A message for the person at the terminal; the command ends with exit code 2."""


def add_home(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--home", help="the district's folder (default: $LINLI_HOME or ./.linli)")


def django_ready() -> None:
    """Load the running district's addresses into the environment and set Django up."""
    from linli.home import Home

    Home.current().load_env()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "linli.settings")
    import django

    django.setup()
