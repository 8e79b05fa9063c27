"""`linli personal ...`: the register of personal fields, and the keys they are sealed with."""

from __future__ import annotations

import argparse
import json
from typing import Any

from linli import commands


def register(sub: Any) -> None:
    parser = sub.add_parser("personal", help="personal fields: register and keys")
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    notice = what.add_parser("notice", help="print the privacy notice's table from the register")
    notice.add_argument("--lang", choices=("zh", "en"), default="zh")
    notice.add_argument("--json", action="store_true")
    rotate = what.add_parser("rotate-key", help="make a new key-encryption key and re-wrap every data key with it")
    for each, run in ((notice, run_notice), (rotate, run_rotate)):
        commands.add_home(each)
        each.set_defaults(run=run)


def run_notice(args: argparse.Namespace) -> int:
    commands.django_ready()
    from linli.kernel import personal

    entries = personal.notice(args.lang)
    if args.json:
        print(json.dumps(entries, ensure_ascii=False))
        return 0
    for entry in entries:
        uses = "; ".join(f"{p['text']} ({p['basis']})" for p in entry["purposes"])
        print(f"{entry['holder']}: {entry['category']}: {uses}; {entry['retention_days']} d")
    return 0


def run_rotate(args: argparse.Namespace) -> int:
    commands.django_ready()
    from linli.kernel import crypto, personal_reads

    number = crypto.rotate()
    print(f"key {number} is made; {personal_reads.rewrap_all()} values re-wrapped")
    print("restart `web` and `jobs`, then run this again to re-wrap what they wrote meanwhile with the old key")
    return 0
