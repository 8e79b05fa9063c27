"""`linli check`: the house rules, by small validators that each prevent one kind of bug."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from linli import checks, commands


def register(sub: Any) -> None:
    parser = sub.add_parser("check", help="validate this checkout against the house rules")
    parser.add_argument("rules", nargs="*", metavar="RULE", help=f"default: all of {', '.join(checks.names())}")
    parser.add_argument("--root", type=Path, default=None, help="the checkout (default: the one this runs from)")
    parser.add_argument("--all", action="store_true", help="also show what allowed.yaml tolerates")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    root = args.root or Path(__file__).resolve().parents[3]
    if not (root / "src" / "linli").is_dir():
        raise commands.CommandError("there is no checkout here: give --root")
    if unknown := set(args.rules) - set(checks.names()):
        raise commands.CommandError(f"no such rule: {', '.join(sorted(unknown))}")
    rules = args.rules or checks.names()
    found = checks.run(root, rules)
    wrong = found if args.all else checks.judge(found, checks.read_allowed(), rules)
    if args.json:
        print(json.dumps([{"rule": f.rule, "path": f.path, "line": f.line, "message": f.message} for f in wrong],
                         ensure_ascii=False))  # fmt: skip
        return 1 if wrong else 0
    for finding in wrong:
        print(finding)
    print(f"{len(rules)} rules, {len(wrong)} findings" if wrong else f"{len(rules)} rules, the house is in order")
    return 1 if wrong else 0
