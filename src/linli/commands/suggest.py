"""`linli suggest learn`: learn the classes now. `linli suggest measure FILE --map NAME`: how good on a recording."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import orjson

from linli import commands


def register(sub: Any) -> None:
    parser = sub.add_parser("suggest", help="suggestions of a case's class")
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    learn = what.add_parser("learn", help="learn from the closed cases now, instead of next night")
    commands.add_home(learn)
    learn.set_defaults(run=run_learn)
    measure = what.add_parser("measure", help="learn from the older rows of a recording, be asked about the newer ones")
    measure.add_argument("file", type=Path, metavar="FILE")
    measure.add_argument("--map", required=True, metavar="NAME", help="such as c311_sf")
    measure.add_argument("--json", action="store_true", help="print the figures as JSON")
    measure.set_defaults(run=run_measure)


def run_learn(args: argparse.Namespace) -> int:
    commands.django_ready()
    from linli.cases.services import learning

    told = learning.learn_all(force=True)
    for language, figures in told.items():
        print(language, line(figures))
    if not told:
        print(f"too few closed cases: a language needs {learning.MIN_CASES}, of two classes at least")
    return 0


def run_measure(args: argparse.Namespace) -> int:
    """Needs no running district: nothing is stored."""
    if not args.file.is_file():
        raise commands.CommandError(f"{args.file} is not a file")
    commands.django_ready()
    from linli.cases.importing import measure
    from linli.commands import _maps
    from linli.kernel.errors import LinliError

    try:
        told = measure.recording(args.file, _maps.own_name(args.map))
    except LinliError as error:
        raise commands.CommandError(error.detail) from error
    if args.json:
        print(orjson.dumps(told).decode())
        return 0
    for name, figures in told.items():
        print(f"{name}: {line(figures)}")
    return 0


def line(figures: dict[str, Any]) -> str:
    return (f"{figures['older']} older, {figures['newer']} newer, {figures['classes']} classes: "
            f"top-1 {figures['top1']:.1%}, top-3 {figures['top3']:.1%}, macro-F1 {figures['macro_f1']:.3f}; always the "
            f"commonest class: {figures['majority']:.1%}, {figures['majority_macro_f1']:.3f}")  # fmt: skip
