"""One million cases and five million timeline rows for `make bench-cases`, by COPY, like a district's three years.

Skewed as districts are: few grids, classes and teams have most of it, mornings and evenings are busy, most cases are
closed, pictures and remarks are rare, one text in six is English. Rows come in the order of their time, as they would.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

import psycopg
from tests.bench import cases as small

from linli.cases import geo, tables
from linli.cases.importing.load import COLUMNS
from linli.cases.rules import words
from linli.kernel import ids

DAYS, OPEN_SHARE, ENGLISH, WITH_PHOTO, WITH_COMMENT, WITH_REPORTER = 1095, 0.025, 0.16, 0.03, 0.03, 0.1
TABLES = ("cases_case", "cases_timeline", "cases_photo", "cases_comment", "cases_reporter")
MORE = ("team_id", "due_at", "handle_due_at", "filed_at", "dispatched_at", "finished_at", "created_by", "score")
OPEN = {"submitted": 4, "accepted": 2, "filed": 5, "dispatched": 12, "handling": 50, "suspended": 6, "handled": 15,
        "checked": 6}  # fmt: skip
ENDED = {"closed": 80, "evaluated": 12, "rejected": 4, "cancelled": 1, "merged": 3}
CHANNELS = {"qr": 30, "hotline": 25, "patrol": 22, "web": 12, "staff": 6, "device": 3, "api": 1.8, "open311": 0.2}
KINDS = {"problem": 78, "patrol": 12, "need": 4, "opinion": 3, "device": 3}
HOURS = (1, 1, 1, 1, 1, 2, 5, 9, 12, 11, 10, 8, 6, 8, 9, 9, 9, 9, 8, 7, 6, 4, 3, 2)  # of local time
STAGE = {**small.STAGE, "suspended": "handle", "checked": "verify"}
WALK = ("report", "accept", "file", "dispatch", "take", "finish", "check", "close", "evaluate")
STATE_AFTER = ("submitted", "accepted", "filed", "dispatched", "handling", "handled", "checked", "closed", "evaluated")
SAID = ("", "", "", "已到现场查看", "已联系物业", "现场已处理完毕", "Seen on site", "居民要求尽快处理")
EN_SUBJECTS = ("Street light", "Manhole cover", "Rubbish bin", "Drain", "Pavement", "Fence", "Lift", "Fire lane")
EN_TROUBLES = ("is broken", "is missing", "is overflowing", "is blocked", "leaks", "makes noise", "is dirty")
RARE = ("孔雀", "热气球", "陨石", "古井", "钟楼", "风车", "龙舟", "石狮")  # one in 20,000 each


class Skewed:
    """Draws of things of which few are common: the n-th weighs 1/(n+2)."""

    def __init__(self, rng: random.Random, things: list[Any], weights: list[float] | None = None) -> None:
        self.rng, self.things = rng, things
        if weights is None:
            rng.shuffle(things)
            weights = [1 / (n + 2) for n in range(len(things))]
        self.sums = list(accumulate(weights))

    def __call__(self) -> Any:
        return self.rng.choices(self.things, cum_weights=self.sums)[0]


def _of(rng: random.Random, shares: dict[str, float]) -> Skewed:
    return Skewed(rng, list(shares), list(shares.values()))


def _id(rng: random.Random, at: datetime) -> uuid.UUID:
    """An id of version 7 as it would have been given then."""
    bits = int(at.timestamp() * 1000) << 80 | 0x7 << 76 | rng.getrandbits(12) << 64 | 0b10 << 62 | rng.getrandbits(62)
    return uuid.UUID(int=bits)


class Maker:
    """Rows of one district, the same for the same seed."""

    def __init__(self, db: psycopg.Connection[Any], count: int, seed: int = 11) -> None:
        self.rng = rng = random.Random(seed)
        self.count, self.now = count, datetime.now(UTC)
        grids = db.execute(
            "SELECT id, area_path, lon, lat FROM places_grid WHERE valid_to IS NULL"
            " AND level = (SELECT max(level) FROM places_grid WHERE valid_to IS NULL) ORDER BY area_path"
        ).fetchall()
        accounts = [r[0] for r in db.execute("SELECT id FROM identity_account ORDER BY username").fetchall()]
        self.grid = Skewed(rng, [(*g, self._hot_spots(g[2], g[3])) for g in grids])
        self.team = Skewed(rng, [r[0] for r in db.execute("SELECT id FROM orgs_team ORDER BY code").fetchall()])
        self.person = Skewed(rng, accounts)
        self.known = Skewed(rng, sorted(tables.catalogue().classes.values(), key=lambda c: c.code))
        self.open, self.ended, self.channel, self.kind = (_of(rng, s) for s in (OPEN, ENDED, CHANNELS, KINDS))
        self.steps = {code: s.step for code, s in tables.transitions().states.items()}

    def _hot_spots(self, lon: float, lat: float) -> list[tuple[float, float]]:
        return [(lon + self.rng.gauss(0, 0.0015), lat + self.rng.gauss(0, 0.0015)) for _ in range(12)]

    def times(self) -> list[datetime]:
        """Of all cases, oldest first: a third more in the last year than in the first, by the hours of a day."""
        days = self.rng.choices(range(DAYS), weights=[1 + d / DAYS / 3 for d in range(DAYS)], k=self.count)
        hours = self.rng.choices(range(24), weights=HOURS, k=self.count)
        midnight = self.now.replace(hour=16, minute=0, second=0, microsecond=0) - timedelta(days=DAYS + 1)
        return sorted(
            midnight + timedelta(days=d, hours=h, seconds=self.rng.random() * 3600)
            for d, h in zip(days, hours, strict=True)
        )

    def text(self) -> tuple[str, str]:
        rng = self.rng
        if rng.random() < ENGLISH:
            street = f"{rng.choice(('Ningxia', 'Fenglin', 'Wenming', 'Shuangfeng'))} Road"
            return f"{rng.choice(EN_SUBJECTS)} {rng.choice(EN_TROUBLES)} at {street}", f"{rng.randint(1, 400)} {street}"
        place, end = rng.choice(small.PLACES), rng.choice(("请尽快处理", "已经三天了", "影响出行", "多次反映"))
        rare = rng.choice(RARE) if rng.random() < len(RARE) / 20_000 else ""
        subject, trouble = rng.choice(small.SUBJECTS), rng.choice(small.TROUBLES)
        return f"{place}{rng.randint(1, 40)}号楼{rare}{subject}{trouble}, {end}", f"{place} {rng.randint(1, 40)} 号楼"

    def rows(self) -> Iterator[tuple[Any, ...]]:
        for number, at in enumerate(self.times()):
            yield self.row(number, at)

    def _ends(self, at: datetime) -> tuple[str, datetime | None]:
        """State and end. What is open came in the last weeks, save some that hang."""
        age = (self.now - at).total_seconds() / 86400
        if self.rng.random() < OPEN_SHARE * DAYS / 40 * (age < 34) + OPEN_SHARE / 8:
            return self.open(), None
        return self.ended(), min(self.now, at + timedelta(hours=self.rng.lognormvariate(2.8, 1.2)))

    def row(self, number: int, at: datetime) -> tuple[Any, ...]:
        rng = self.rng
        grid_id, area, _, _, spots = self.grid()
        lon, lat = (round(v + rng.gauss(0, 0.0004), 6) for v in rng.choice(spots))
        x, y = geo.to_metres(lon, lat)
        known, (state, closed) = self.known(), self._ends(at)
        (text, address), name = self.text(), f"{at:%Y-%m}-{number:07d}"
        clocks, due = ({}, None) if closed else small.clocks_of(STAGE[state], at)
        sent = self.steps[state] >= 3 and state != "filed"
        team = self.team() if sent else None
        handlers = [self.person()] if self.steps[state] >= 4 else []
        by = self.person() if (channel := self.channel()) in ("patrol", "staff", "hotline") else None
        kind = self.kind()
        return (
            _id(rng, at), name, kind, known.code, text, address, lon, lat, x, y, grid_id, area,
            known.private or kind in ("need", "opinion"), channel, "linli", "", 0, rng.random() < 0.03,
            not closed and rng.random() < 0.01, state, self.steps[state], 5, handlers, json.dumps(clocks), 0, 1, 0, 0,
            0, [], words.tokens(text, address, known.zh, known.en, f"{number:04d}"), at, closed, closed or at,
            team, due, at + timedelta(days=3) if sent else None, at if self.steps[state] >= 3 else None,
            at if sent else None, closed, by, rng.randint(1, 5) if state == "evaluated" else None,
        )  # fmt: skip


def wait_for_jobs(dsn: str, most_s: float = 3600) -> float:
    """Wait until what a million new cases gave the jobs to do is done (the figures of past days, computed once).

    It would be counted as the questions' own. Returns the seconds waited.
    """
    began = time.monotonic()
    with psycopg.connect(dsn, autocommit=True) as db:
        while time.monotonic() - began < most_s:
            busy = db.execute(
                "SELECT count(*) FROM procrastinate_jobs"
                " WHERE status IN ('doing', 'todo') AND task_name = 'insight.backfill'"
            ).fetchone()
            if busy == (0,):
                return round(time.monotonic() - began, 1)
            time.sleep(2)
    raise SystemExit(f"the jobs are still at work after {most_s:.0f} s")


def fill(dsn: str, count: int, seed: int = 11) -> dict[str, float]:
    """Make what is missing of `count` cases; seconds by step. Indexes are built after the rows are there."""
    with psycopg.connect(dsn) as db:
        if db.execute("SELECT count(*) FROM cases_case").fetchone()[0] >= count:
            return {}
        began, took = time.perf_counter(), {}
        db.execute("SET session_replication_role = replica")  # ours alone: keys are right by how they are made
        dropped = _without_indexes(db)
        made = _copy_cases(db, Maker(db, count, seed))
        took["cases_s"] = round(time.perf_counter() - began, 1)
        _copy_others(db, made, random.Random(seed))
        took["timeline_and_others_s"] = round(time.perf_counter() - began - took["cases_s"], 1)
        db.execute("SET maintenance_work_mem = '512MB'")
        for sql in dropped:
            db.execute(sql)
        db.commit()
        took["with_indexes_s"] = round(time.perf_counter() - began, 1)
        settle(db)
        took["all_s"] = round(time.perf_counter() - began, 1)
    return took


def settle(db: psycopg.Connection[Any]) -> None:
    """What autovacuum would have done in three years; the notices of the limits of these cases were given long ago."""
    db.autocommit = True
    told = json.dumps({"handle": {"warn": "2026-01-01T00:00:00+00:00"}})
    db.execute("UPDATE cases_case SET told = %s, notice_at = NULL WHERE closed_at IS NULL", [told])
    for table in TABLES:
        db.execute(f"VACUUM ANALYZE {table}")


def _without_indexes(db: psycopg.Connection[Any]) -> list[str]:
    found = db.execute(
        "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i"
        " WHERE i.indrelid = ANY(%s::regclass[]) AND NOT EXISTS"
        " (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)", [list(TABLES)]).fetchall()  # fmt: skip
    for name, _ in found:
        db.execute(f"DROP INDEX {name}")
    return [sql for _, sql in found]


Made = tuple[uuid.UUID, str, datetime, datetime | None, uuid.UUID | None]


def _copy_cases(db: psycopg.Connection[Any], maker: Maker) -> list[Made]:
    made: list[Made] = []
    state, closed, by = ((*COLUMNS, *MORE).index(n) for n in ("state", "closed_at", "created_by"))
    with db.cursor() as cursor, cursor.copy(f"COPY cases_case ({', '.join(COLUMNS + MORE)}) FROM STDIN") as copy:
        for row in maker.rows():
            copy.write_row(row)
            made.append((row[0], row[state], row[COLUMNS.index("created_at")], row[closed], row[by]))
    return made


def _copy_others(db: psycopg.Connection[Any], made: list[Made], rng: random.Random) -> None:
    some = {table: [m for m in made if rng.random() < share] for table, share in
            (("photo", WITH_PHOTO), ("comment", WITH_COMMENT), ("reporter", WITH_REPORTER))}  # fmt: skip
    _copy(db, "timeline", "id, case_id, at, actor_kind, actor_id, act, from_state, to_state, note, detail, public",
          (row for m in made for row in _walked(rng, m)))  # fmt: skip
    _copy(db, "photo", "id, case_id, stage, file_id, thumb_id, width, height, size, sha256, by_kind, created_at", (
        (_id(rng, m[2]), m[0], rng.choice(("report", "before", "after")), ids.new_id(), ids.new_id(), 1600, 1200,
         310_000, f"{rng.getrandbits(256):064x}", "account", m[2]) for m in some["photo"]))  # fmt: skip
    _copy(db, "comment", "id, case_id, by, text, created_at",
          ((_id(rng, m[2]), m[0], m[4], rng.choice(SAID[3:]), m[2]) for m in some["comment"]))  # fmt: skip
    _copy(db, "reporter", "id, case_id, token_hash, created_at, ended_at",
          ((_id(rng, m[2]), m[0], rng.randbytes(32), m[2], m[3]) for m in some["reporter"]))  # fmt: skip


def _copy(db: psycopg.Connection[Any], table: str, columns: str, rows: Iterator[tuple[Any, ...]]) -> None:
    with db.cursor() as cursor, cursor.copy(f"COPY cases_{table} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _walked(rng: random.Random, made: Made) -> Iterator[tuple[Any, ...]]:
    """Five timeline rows on average: the way to the state the case is in, some steps taken at once."""
    case_id, state, at, closed, by = made
    last = STATE_AFTER.index(state) if state in STATE_AFTER else 4 if state == "suspended" else 1
    walk = [n for n in range(last + 1) if n in (0, last) or rng.random() < 0.62]
    while last > 4 and len(walk) < 5:
        walk.append(last)  # remarks, calls, pictures
    end, before = closed or at + timedelta(hours=5), ""
    for n, step in enumerate(sorted(walk)):
        then = at + (end - at) * n / max(1, len(walk) - 1)
        to = state if n == len(walk) - 1 else STATE_AFTER[step]
        yield (_id(rng, then), case_id, then, "account" if by else "system", by, WALK[step], before or to, to,
               rng.choice(SAID), "{}", n in (0, len(walk) - 1))  # fmt: skip
        before = to
