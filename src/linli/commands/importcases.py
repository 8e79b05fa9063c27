"""`linli import cases FILE --map NAME`: recorded service requests; `linli import form FILE.xlsx`: an XLSForm."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from linli import commands


def register(sub: Any) -> None:
    parser = sub.add_parser("import", help="load recorded data")
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    cases = what.add_parser("cases", help="recorded service requests, by a map of the packs")
    cases.add_argument("file", type=Path, metavar="FILE")
    cases.add_argument("--map", required=True, metavar="NAME", help="such as c311_sf or c311_nyc")
    cases.add_argument("--json", action="store_true", help="print the report as JSON; its last line is the whole")
    commands.add_home(cases)
    cases.set_defaults(run=run)
    form = what.add_parser("form", help="an XLSForm, as a form of a pack")
    form.add_argument("file", type=Path, metavar="FILE.xlsx")
    form.add_argument("--into", type=Path, metavar="FOLDER", help="the pack's forms/ (default: print it)")
    form.set_defaults(run=run_form)


def run_form(args: argparse.Namespace) -> int:
    import yaml

    from linli.field import xlsform

    if not args.file.is_file():
        raise commands.CommandError(f"{args.file} is not a file")
    try:
        form = xlsform.read(args.file)
    except xlsform.NotOurs as error:
        raise commands.CommandError(str(error)) from error
    text = yaml.safe_dump({"forms": [form]}, allow_unicode=True, sort_keys=False, width=110)
    if args.into is None:
        print(text, end="")
    else:
        args.into.mkdir(parents=True, exist_ok=True)
        target = args.into / f"{form['code']}.yaml"
        target.write_text(text, encoding="utf-8")
        print(target)
    return 0


def run(args: argparse.Namespace) -> int:
    if not args.file.is_file():
        raise commands.CommandError(f"{args.file} is not a file")
    commands.django_ready()
    from django.db import OperationalError

    from linli.cases.importing import load
    from linli.commands import _maps
    from linli.kernel.actor import SYSTEM
    from linli.kernel.errors import LinliError

    try:
        report = load.import_cases(actor=SYSTEM, path=args.file, name=_maps.own_name(args.map))
    except LinliError as error:
        raise commands.CommandError(error.detail) from error
    except OperationalError as error:
        raise commands.CommandError(f"the district is not running ({error})") from error
    if args.json:
        print(load.as_json(report))
        return 0
    print(f"{report.rows} rows: {report.imported} imported, {report.rejected} rejected")
    for reason, count in report.reasons.most_common():
        print(f"  {reason}: {count}")
    for sample in report.samples:
        print(f"  line {sample['line']}: {sample['reason']} ({sample['field']}) {sample['id']}")
    print(f"without a place {report.no_place}, closed before opened {report.closed_before_opened}, open {report.open},"
          f" texts with masked numbers {report.masked}")  # fmt: skip
    return 0
