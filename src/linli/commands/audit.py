"""`linli audit ...`: prove that nobody changed the record of acts."""

from __future__ import annotations

import argparse
import json
from typing import Any

from linli import commands


def register(sub: Any) -> None:
    parser = sub.add_parser("audit", help="check, seal and read the heads of the audit")
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    verify = what.add_parser("verify", help="recompute every seal and name rows that were changed, removed or moved")
    verify.add_argument("--head", help="an earlier head that must still be in the chain")
    verify.add_argument("--json", action="store_true")
    head = what.add_parser("head", help="print the newest head; keep it somewhere else")
    head.add_argument("--json", action="store_true")
    seal = what.add_parser("seal", help="seal now instead of at the next ten minutes")
    seal.add_argument("--json", action="store_true")
    for each, run in ((verify, run_verify), (head, run_head), (seal, run_seal)):
        commands.add_home(each)
        each.set_defaults(run=run)


def run_verify(args: argparse.Namespace) -> int:
    commands.django_ready()
    from linli.kernel import seals

    report = seals.verify(*seals.kept_heads(), *([args.head] if args.head else []))
    if args.json:
        print(json.dumps(report.as_dict(), ensure_ascii=False))
        return 0 if report.ok else 1
    print(f"{report.rows} rows in {report.seals} seals, {report.unsealed} rows not sealed yet; head {report.head}")
    print(f"{report.kept} heads kept outside of the database were looked for")
    for problem in report.problems:
        print("  " + ", ".join(f"{k}: {v}" for k, v in problem.items()))
    print("the audit is untouched" if report.ok else f"{len(report.problems)} problems: the audit was changed")
    return 0 if report.ok else 1


def _show(seal: Any, as_json: bool) -> None:
    found = {"number": seal.number, "head": seal.head, "last_seq": seal.last_seq, "at": seal.at.isoformat()}
    print(json.dumps(found) if as_json else f"{seal.head}  (seal {seal.number}, rows to {seal.last_seq}, {seal.at})")


def run_head(args: argparse.Namespace) -> int:
    commands.django_ready()
    from linli.kernel import seals

    found = seals.latest()
    if found is None:
        raise commands.CommandError("there is no seal yet: `linli audit seal` makes one")
    _show(found, args.json)
    return 0


def run_seal(args: argparse.Namespace) -> int:
    commands.django_ready()
    from linli.kernel import seals

    made = seals.seal() or seals.latest()
    if made is None:
        raise commands.CommandError("there is nothing to seal yet")
    _show(made, args.json)
    return 0
