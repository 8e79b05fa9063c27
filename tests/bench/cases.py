"""Cases at 100,000 rows: CPU-ms of the server per request and p50/p95/p99, for list, search, get, create, pins, counts.

Rows are made in bulk (COPY) with the shape of a busy district: 5 % open, two years, Chinese texts.
"""

from __future__ import annotations

import json
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
from tests.bench.machine import cpu_seconds, spread
from tests.district import District

from linli.cases import geo, tables
from linli.cases.importing.load import COLUMNS
from linli.cases.rules import clock, words
from linli.kernel import ids

COUNT, OPEN_SHARE, ROUNDS = 100_000, 0.05, 200
SUBJECTS = (
    "楼道灯", "井盖", "垃圾桶", "雨水口", "路面", "护栏", "电梯",
    "下水道", "绿地", "车位", "消防通道", "水管", "泵站", "公厕", "路牌",
)  # fmt: skip
TROUBLES = (
    "不亮", "破损", "满溢", "堵塞", "塌陷", "倾斜", "停运",
    "漏水", "积水", "被占用", "异味", "松动", "丢失", "脏乱", "有异响",
)  # fmt: skip
PLACES = (
    "幸福家园", "北辰天都", "宁夏路", "凤麟路", "梅冲湖",
    "万里社区", "金兰苑", "文明路", "双凤大道", "邻湖花园",
)  # fmt: skip
OPEN_STATES = ("submitted", "accepted", "filed", "dispatched", "handling", "handled")
STAGE = {"submitted": "intake", "accepted": "intake", "filed": "dispatch", "dispatched": "handle",
         "handling": "handle", "handled": "verify"}  # fmt: skip
MORE = ("team_id", "due_at", "handle_due_at", "filed_at", "finished_at", "unit_id")


def fill(dsn: str, count: int = COUNT, seed: int = 7) -> float:
    """Make `count` cases in the district's database; returns the seconds it took. Does nothing when they are there."""
    began, rng = time.perf_counter(), random.Random(seed)
    with psycopg.connect(dsn) as db:
        if db.execute("SELECT count(*) FROM cases_case WHERE source = 'linli'").fetchone()[0] >= count:
            return 0.0
        grids = db.execute(
            "SELECT id, area_path, lon, lat FROM places_grid WHERE valid_to IS NULL"
            " AND level = (SELECT max(level) FROM places_grid WHERE valid_to IS NULL)"
        ).fetchall()
        teams = [r[0] for r in db.execute("SELECT id FROM orgs_team").fetchall()] or [None]
        classes = list(tables.catalogue().classes.values())
        with db.cursor() as cursor, cursor.copy(f"COPY cases_case ({', '.join(COLUMNS + MORE)}) FROM STDIN") as copy:
            for number in range(count):
                copy.write_row(_row(rng, number, grids, teams, classes))
        db.commit()
        db.autocommit = True
        db.execute("VACUUM ANALYZE cases_case")
    return time.perf_counter() - began


def _row(rng: random.Random, number: int, grids: list[Any], teams: list[Any], classes: list[Any]) -> tuple[Any, ...]:
    grid_id, area, lon, lat = rng.choice(grids)
    lon, lat = round(lon + rng.uniform(-0.002, 0.002), 6), round(lat + rng.uniform(-0.002, 0.002), 6)
    x, y = geo.to_metres(lon, lat)
    known, is_open = rng.choice(classes), rng.random() < OPEN_SHARE
    age = rng.uniform(0, 20 if is_open else 700)
    at = datetime.now(UTC) - timedelta(days=age)
    state = rng.choice(OPEN_STATES) if is_open else "closed"
    text = f"{rng.choice(PLACES)}{rng.randint(1, 40)}号楼{rng.choice(SUBJECTS)}{rng.choice(TROUBLES)}, 请尽快处理"
    address = f"{rng.choice(PLACES)} {rng.randint(1, 40)} 号楼"
    clocks, due = clocks_of(STAGE.get(state), at)
    closed = None if is_open else at + timedelta(hours=rng.uniform(1, 90))
    team = rng.choice(teams) if state not in ("submitted", "accepted", "filed") else None
    return (
        ids.new_id(), f"B{number:07d}", "problem", known.code, text, address, lon, lat, x, y, grid_id, area,
        known.private, "qr", "linli", "", 0, rng.random() < 0.03, False, state,
        tables.transitions().states[state].step, 3, [], json.dumps(clocks), 0, 1, 0, 0, 0, [],
        words.tokens(text, address, known.zh, known.en, f"{number:04d}"), at, closed, at,
        team, due, due if state in ("dispatched", "handling") else None, at, closed, None,
    )  # fmt: skip


def clocks_of(stage: str | None, at: datetime) -> tuple[dict[str, Any], datetime | None]:
    """A clock that runs, as the services would have started it."""
    if stage is None:
        return {}, None
    calendar = tables.calendar()
    started = clock.start(
        calendar, clock.Clock("work_day", 3, clock.budget(calendar, 3, "work_day"), illustrative=True), at
    )
    return {stage: started.to_json()}, started.due


WARM_UP = 100  # each worker's connections have seen the statement before: a district that is up, not one that starts


def measure(ask: Any, cpu: Any, rounds: int = ROUNDS) -> dict[str, Any]:
    """Time of each request, and CPU per request of the processes that served it."""
    for _ in range(WARM_UP):
        ask()
    before, took = cpu(), []
    for _ in range(rounds):
        began = time.perf_counter()
        answer = ask()
        took.append((time.perf_counter() - began) * 1000)
        answer.raise_for_status()
    after = cpu()
    used = {n: round((after[n] - before.get(n, 0)) / rounds * 1000, 2) for n in after}
    return {
        "ms": spread(took), "cpu_ms": {n: used[n] for n in ("web", "postgres", "edge") if used.get(n)},
        "cpu_ms_web_and_postgres": round(used.get("web", 0) + used.get("postgres", 0), 2),
        "bytes": len(answer.content),
    }  # fmt: skip


def requests(client: httpx.Client, dsn: str) -> dict[str, Any]:
    """What is measured, by name."""
    with psycopg.connect(dsn) as db:
        ids_open = [r[0] for r in db.execute(
            "SELECT id FROM cases_case WHERE closed_at IS NULL AND NOT private LIMIT 500").fetchall()]  # fmt: skip
        lon, lat = db.execute("SELECT lon, lat FROM places_grid WHERE valid_to IS NULL ORDER BY level DESC").fetchone()
    rng = random.Random(3)

    def get(path: str) -> Any:
        return lambda: client.get(path)

    def create() -> Any:
        body = {"kind": "problem", "class_code": "200102", "lon": lon, "lat": lat,
                "text": f"{rng.choice(PLACES)}{rng.choice(SUBJECTS)}{rng.choice(TROUBLES)}"}  # fmt: skip
        return client.post("/api/v1/cases", json=body, headers={"Idempotency-Key": str(ids.new_id())})

    cursor = client.get("/api/v1/cases?limit=50").json()["next"]
    return {
        "list_50": get("/api/v1/cases?limit=50"),
        "list_50_by_deadline": get("/api/v1/cases?limit=50&sort=due"),
        "list_50_second_page": get(f"/api/v1/cases?limit=50&cursor={cursor}"),
        "search_two_characters": get("/api/v1/cases?limit=50&q=漏水"),
        "search_rare": get("/api/v1/cases?limit=50&q=梅冲湖 7号楼 泵站 松动"),
        "get": lambda: client.get(f"/api/v1/cases/{UUID(str(rng.choice(ids_open)))}"),
        "create": create,
        "pins": get("/api/v1/cases/pins"),
        "counts": get("/api/v1/cases/counts"),
    }


def run(district: District) -> dict[str, Any]:
    """Through the front door and straight to web."""
    env = json.loads((district.home / "run" / "env.json").read_text())
    dsn, key = env["LINLI_DATABASE_URL"], district.key()
    result: dict[str, Any] = {"rows": COUNT, "fill_s": round(fill(dsn), 1)}
    headers = {"Authorization": f"Bearer {key}"}
    for name, origin in (("front_door", district.origin), ("web", env["LINLI_WEB_URL"])):
        with httpx.Client(base_url=origin, headers=headers, timeout=60, verify=False) as client:
            asked = requests(client, dsn)
            result[name] = {what: measure(ask, lambda: cpu_seconds(district)) for what, ask in asked.items()}
    return result
