"""`make bench-cases`: a district with a million cases, and what each question costs it.

CPU-ms of web and PostgreSQL per request, and the same at the machine's full speed; straight to web (the front door's
share is in `make bench`), p50, p95 and p99; then the same questions by 8 users at once; then 10,000 cases an hour with
rules, notices and live updates on. `ARGS="--home DIR"` keeps the district with its data for another run, `--cases N`
makes fewer, `--only a,b` measures some parts (lists, search, one, map, create, together, sustained), `--json` and
`--out FILE` are for programs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
from tests.bench import machine, million_asks, million_fill, million_load
from tests.bench.bars import Bar, against, judged
from tests.district import District

PARTS = ("lists", "search", "one", "map", "create", "together", "sustained")
ROLES = ("dispatcher", "intake", "member01", "crew", "leader")
WARM_UP, ROUNDS = 12, 60
LIST, ONE, MAP, WORDS, PAGE = 5.0, 2.0, 10.0, 15.0, 50.0
FIGURE = "cpu_ms"
EVEN = "even_ms"  # the same by the machine's speed of that moment: what it would be when nobody else used the cores


def measure(ask: Callable[[], httpx.Response], cpu: Callable[[], dict[str, float]], rounds: int) -> dict[str, Any]:
    """Time of each request, and CPU of the processes that served it."""
    for _ in range(WARM_UP):
        ask().raise_for_status()
    before, took, answer, slow = cpu(), [], None, []
    for number in range(rounds):
        if number % 20 == 0:
            slow.append(machine.slowness())
        began = time.perf_counter()
        answer = ask()
        took.append((time.perf_counter() - began) * 1000)
        answer.raise_for_status()
    after = cpu()
    used = {name: (after[name] - before[name]) / rounds * 1000 for name in ("web", "postgres")}
    all_of_it, how_slow = sum(used.values()), sum(slow) / len(slow)
    return {
        FIGURE: round(all_of_it, 2), "slow": round(how_slow, 2), EVEN: round(all_of_it / how_slow, 2),
        "web": round(used["web"], 2), "postgres": round(used["postgres"], 2),
        **machine.spread(took), "bytes": len(answer.content) if answer else 0,
    }  # fmt: skip


def parts(ask: million_asks.Asks, cpu: Callable[[], dict[str, float]], wanted: set[str], rounds: int) -> dict[str, Any]:
    """Each question by itself, by part."""
    found: dict[str, Any] = {}
    for part, questions in ask.by_part().items():
        for name, question in questions.items() if part in wanted else ():
            known = found.setdefault(part, {})[name] = measure(question, cpu, rounds)
            print(f"{part}: {name}: {known[FIGURE]} CPU-ms, {known[EVEN]} at speed", file=sys.stderr, flush=True)
    return found


def bars(result: dict[str, Any]) -> Iterator[Bar]:
    """The bars of what was measured: each question by itself, and together."""
    limits = {"lists": LIST, "search": WORDS, "one": ONE, "map": MAP, "create": 8.0}
    own = {"nearby duplicates": 3.0, "nearby with class": 3.0, "indicators page": PAGE, "counts": PAGE, "on time": PAGE}
    for part, limit in limits.items():
        for name in result.get(part, {}):
            yield Bar(f"{part}: {name}", (part, name, FIGURE), own.get(name, limit), "CPU-ms")
    for name in result.get("together", {}).get("by_question", {}):
        yield Bar(f"8 users: {name}, p95", ("together", "by_question", name, "p95"), 100, "ms")
    if "sustained" in result:
        yield Bar("cases an hour", ("sustained", "cases_an_hour"), 10_000, "cases/h", at_most=False)
        yield Bar("jobs left behind at the end", ("sustained", "events_waiting"), 200, "events")


@contextmanager
def running(home: str | None) -> Iterator[District]:
    """A demo district: a fresh one, or the one kept in `home`, started if nobody runs it."""
    if home is None:
        with District(demo=True) as district:
            yield district
        return
    Path(home).mkdir(parents=True, exist_ok=True)
    district = District(demo=True, home=Path(home))
    if district.status(check=False).get("ready"):
        yield district
        return
    with district:
        yield district


def run(district: District, count: int, wanted: set[str], rounds: int) -> dict[str, Any]:
    env = json.loads((district.home / "run" / "env.json").read_text())
    dsn, web = env["LINLI_DATABASE_URL"], env["LINLI_WEB_URL"]
    result: dict[str, Any] = {"machine": machine.describe(), "filled": million_fill.fill(dsn, count)}
    result["settled_s"] = million_fill.wait_for_jobs(dsn)
    result["district"] = described(dsn)
    keys = {name: district.key(name, "--name", "bench") for name in ROLES}
    ask, known = million_asks.Asks(dsn, web, keys), machine.pids(district)
    result.update(parts(ask, lambda: machine.cpu_seconds(district, known), wanted, rounds))
    if "together" in wanted:
        print("measuring together …", file=sys.stderr, flush=True)
        result["together"] = million_load.together(web, keys, ask)
        print(json.dumps(result["together"]), file=sys.stderr, flush=True)
    if "sustained" in wanted:
        print("measuring sustained …", file=sys.stderr, flush=True)
        result["sustained"] = million_load.sustained(
            district, web, keys, ask, lambda: machine.cpu_seconds(district, known)
        )
    result["memory_mb"] = machine.pss_mb(district)
    result["load_after"] = [round(x, 2) for x in os.getloadavg()]
    result["bars"] = judged(result, tuple(bars(result)))
    return result


def described(dsn: str) -> dict[str, Any]:
    """What is in the district, and how big it is on disk."""
    with psycopg.connect(dsn) as db:
        one = db.execute(
            "SELECT (SELECT count(*) FROM cases_case), (SELECT count(*) FROM cases_case WHERE closed_at IS NULL),"
            " (SELECT count(*) FROM cases_timeline), pg_database_size(current_database()) / 1000000,"
            " pg_table_size('cases_case') / 1000000, pg_indexes_size('cases_case') / 1000000"
        ).fetchone()
    names = ("cases", "open", "timeline", "database_mb", "cases_mb", "indexes_of_cases_mb")
    return dict(zip(names, one or (), strict=True))


def show(result: dict[str, Any]) -> None:
    for name in ("machine", "filled", "settled_s", "district", "memory_mb", "load_after"):
        print(f"{name}: {json.dumps(result[name], ensure_ascii=False)}")
    for part in PARTS[:5]:
        for name, f in result.get(part, {}).items():
            print(f"{part:7s} {name:34s} {f[FIGURE]:7.2f} CPU-ms, {f[EVEN]:.2f} at full speed"
                  f" (web {f['web']:.2f}, postgres {f['postgres']:.2f})"
                  f"  p50 {f['p50']:.1f}  p95 {f['p95']:.1f}  p99 {f['p99']:.1f} ms  {f['bytes']} bytes")  # fmt: skip
    for part in ("together", "sustained"):
        for name, value in result.get(part, {}).items():
            print(f"{part} {name}: {json.dumps(value, ensure_ascii=False)}")
    for line in result["bars"]:
        print(against(line))


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-cases", description=__doc__)
    parser.add_argument("--home", help="keep the district and its data here")
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", default="", help="comma-separated parts: " + ",".join(PARTS))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out")
    args = parser.parse_args()
    random.seed(5)
    with running(args.home) as district:
        result = run(district, args.cases, set(filter(None, args.only.split(","))) or set(PARTS), args.rounds)
    if args.out:
        Path(args.out).write_text(json.dumps(result, indent=1, ensure_ascii=False))
    if args.json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        show(result)
    return 0 if all(line["met"] for line in result["bars"]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
