"""`linli status`: what runs, on which ports, since when, with how much memory."""

from __future__ import annotations

import argparse
import contextlib
import json
from typing import Any

from linli import commands
from linli.engines import status
from linli.home import Home


def register(sub: Any) -> None:
    parser = sub.add_parser("status", help="show the processes of the running district")
    commands.add_home(parser)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    home = Home.current()
    found = status.read(home)
    if found.get("demo"):
        with contextlib.suppress(OSError, ValueError):
            found["demo_unit_code"] = json.loads((home.path / "run" / "demo.json").read_text()).get("unit_code")
    print(json.dumps(found, indent=1, ensure_ascii=False) if args.json else _table(found))
    if not found["running"]:
        return 3
    return 0 if found["ready"] else 1


def _table(found: dict[str, Any]) -> str:
    lines = [f"{found['home']}: {found['state']}" + (f"  {found['url']}" if found["running"] else "")]
    if not found["running"]:
        return lines[0]
    lines.append(f"{'process':<11}{'state':<12}{'pid':>8}{'port':>7}{'restarts':>9}{'memory':>10}")
    for name, facts in found["processes"].items():
        memory = f"{facts.get('memory_pss', 0) / 1e6:.0f} MB"
        lines.append(
            f"{name:<11}{facts['state']:<12}{facts.get('pid') or '':>8}{facts.get('port', ''):>7}"
            f"{facts['restarts']:>9}{memory:>10}"
        )
    lines.append(f"{'all':<47}{found.get('memory_pss', 0) / 1e6:>7.0f} MB")
    return "\n".join(lines)
