"""A city's devices: 100,000 in the registry, and a year of readings of 5,000 of them, put straight into the stores."""

from __future__ import annotations

import json
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from linli.devices import contracts
from linli.home import Home
from linli.kernel.ids import new_id

STEP_S, YEAR_S = 600, 365 * 86_400
GAUGE = "water_level"  # most are gauges, so that the load has a rule to be judged by
OTHERS = ("manhole", "street_lamp", "air_station", "noise", "rain_gauge", "smoke", "waste_bin", "parking_bay")
DEPARTMENTS = (
    "排水管理所", "路灯管理所", "环境卫生服务中心", "市政养护一队", "市政养护二队", "供水集团西区分公司",
    "燃气巡检中队", "消防安全办公室", "城市停车服务中心", "园林绿化养护中心", "生态环境监测站",
    "综合行政执法中队委托运维单位（第三方）",
)  # fmt: skip
LONG = ("沿河路与人民路交叉口东南侧辅道雨水管网末端", "at the corner of Riverside and People's Road, southeast")
COLUMNS = (
    "id, code, name_zh, name_en, model_id, model_version, state, owner_department, grid_id, area_path, lon, lat, tags,"
    " attributes_shared, attributes_client, gateway, parent_name, terms, created_at, updated_at"
)


def registry(dsn: str, home: Path, count: int) -> dict[str, Any]:
    """Bring the registry to `count` devices; the tokens of those made here are in the home's `bench-devices.json`."""
    kept = home / "run" / "bench-devices.json"
    known: list[list[str]] = json.loads(kept.read_text()) if kept.exists() else []
    began = time.monotonic()
    with psycopg.connect(dsn) as db:
        have = db.execute("SELECT count(*) FROM devices_device").fetchone()
        missing = count - (have[0] if have else 0)
        if missing > 0:
            known += _copy(db, Home(home).secret(contracts.TOKEN_KEY), missing, len(known))
            db.execute("ANALYZE devices_device")
    kept.write_text(json.dumps(known))
    return {"devices": count, "made": max(missing, 0), "seconds": round(time.monotonic() - began, 1)}


def lively(dsn: str, *, alarms: int = 3_000, silent: float = 0.07) -> None:
    """As a city looks on a common day: most devices on line for the next day, some silent for hours or for good, and
    alarms of the rules that are in force. Safe to repeat."""
    with psycopg.connect(dsn) as db:
        db.execute("SELECT setseed(0.25)")
        db.execute(
            "UPDATE devices_status SET last_seen = CASE WHEN r < %(no)s / 3 THEN NULL WHEN r < %(no)s"
            " THEN now() - r / %(no)s * interval '4 days' ELSE now() - r * interval '3 minutes' END,"
            " online_until = CASE WHEN r < %(no)s THEN NULL ELSE now() + interval '1 day' END, messages = 1000 * r,"
            " bad = CASE WHEN r > 0.995 THEN 12 ELSE 0 END"
            " FROM (SELECT device_id AS id, random() AS r FROM devices_status) x WHERE x.id = device_id",
            {"no": silent},
        )
        db.execute(
            "INSERT INTO devices_alarm (id, device_id, rule_id, rule_version, severity, title_zh, title_en, property,"
            " value, started_at, raised_at, clear_reason, area_path, grid_id, lon, lat, created_at, changed_at,"
            " looked_at)"
            " SELECT gen_random_uuid(), d.id, r.id, r.version, r.severity, r.title_zh, r.title_en, r.property, r.value,"
            " at, at, '', d.area_path, d.grid_id, d.lon, d.lat, at, at, at"
            " FROM (SELECT *, now() - random() * interval '2 days' AS at FROM devices_device WHERE code LIKE 'bench-%%'"
            " ORDER BY md5(code) LIMIT %s) d"
            " JOIN LATERAL (SELECT * FROM devices_rule r WHERE r.model_id = d.model_id AND r.enabled"
            " ORDER BY md5(r.code || d.code) LIMIT 1) r ON true ON CONFLICT DO NOTHING",
            [alarms],
        )
        db.execute("ANALYZE devices_status, devices_alarm")


def tokens(home: Path) -> list[tuple[str, str]]:
    """(device id, token) of the gauges made here."""
    return [(i, token) for i, token in json.loads((home / "run" / "bench-devices.json").read_text()) if token]


def _copy(db: psycopg.Connection[Any], key: bytes, missing: int, first: int) -> list[list[str]]:
    places = db.execute(
        "SELECT grid_id, area_path, lon, lat FROM devices_device WHERE grid_id IS NOT NULL AND lon IS NOT NULL"
    ).fetchall()
    models = dict(db.execute("SELECT code, version FROM devices_thing_model WHERE subject = 'place'").fetchall())
    names = {c: (zh, en) for c, zh, en in db.execute("SELECT code, name_zh, name_en FROM devices_thing_model")}
    kinds = [GAUGE, *(m for m in OTHERS if m in models)]
    chance, now, made = random.Random(11), datetime.now(UTC), []
    rows, credentials = [], []
    for number in range(first, first + missing):
        grid, area, lon, lat = chance.choice(places)
        model = GAUGE if number % 2 else chance.choice(kinds)
        device, token = new_id(), contracts.new_token()
        code = f"bench-{number:06d}"
        zh, en = names[model]
        if number % 97 == 0:  # some names are long
            zh, en = LONG[0] + zh, f"{en} {LONG[1]}"
        rows.append((
            device, code, f"{zh} {number}", f"{en} {number}", model, models[model], "active",
            DEPARTMENTS[number % len(DEPARTMENTS)], grid, area, lon + chance.uniform(-0.004, 0.004),
            lat + chance.uniform(-0.004, 0.004), [], "{}", "{}", False, "", contracts.search_words(code), now, now,
        ))  # fmt: skip
        credentials.append((new_id(), device, contracts.token_hash(key, token), token[-4:], "", now))
        made.append([str(device), token if model == GAUGE else ""])
    with db.cursor() as cursor:
        with cursor.copy(f"COPY devices_device ({COLUMNS}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        fields = "id, device_id, token_hash, hint, protocol, created_at"
        with cursor.copy(f"COPY devices_credential ({fields}) FROM STDIN") as copy:
            for row in credentials:
                copy.write_row(row)
        cursor.execute(
            "INSERT INTO devices_status (device_id, connected, messages, points, bad, refused, late, last_error)"
            " SELECT id, false, 0, 0, 0, 0, 0, '' FROM devices_device d WHERE NOT EXISTS"
            " (SELECT 1 FROM devices_status s WHERE s.device_id = d.id)"
        )
    return made


def year(home: Path, devices: list[str], end: datetime) -> dict[str, Any]:
    """A year of 10-minute readings of these devices. The district must not run: one process owns the store."""
    from linli.telemetry.history import store

    client = store.of_environment(home / "data" / "history").client()
    began, start = time.monotonic(), end - timedelta(seconds=YEAR_S)
    steps = YEAR_S // STEP_S
    for at in range(0, len(devices), 20):
        ids = ", ".join(f"'{UUID(d).hex}'" for d in devices[at : at + 20])
        client.command(
            "INSERT INTO raw SELECT unhex(arrayJoin([" + ids + "])) AS device, 'level' AS property,"
            f" toDateTime64({int(start.timestamp())} + number * {STEP_S}, 3, 'UTC') AS ts, ts + 1 AS recv,"
            " round(1 + 0.4 * sin(number / 22.9) + 0.2 * sin(number / 4015.3)"
            " + (sipHash64(number, device) % 1000) / 20000, 3)"
            f" AS value, 0 AS flags, number AS seq FROM numbers({steps})",
            settings={**store.INSERT_SETTINGS, "insert_deduplicate": 0},
        )
    loaded = time.monotonic() - began
    for table in ("raw", "minute", "hour"):
        client.command(f"OPTIMIZE TABLE {table} FINAL")
    points = len(devices) * steps
    size = client.query(
        "SELECT table, sum(bytes_on_disk), sum(rows) FROM system.parts"
        " WHERE active AND database = 'linli' GROUP BY table"
    ).result_rows
    client.close()
    return {
        "points": points, "seconds": round(loaded, 1), "points_per_s": round(points / loaded),
        "bytes_per_point": round(sum(int(row[1]) for row in size) / points, 2),
        "tables": {name: {"mb": round(int(size) / 1e6, 1), "rows": int(rows)} for name, size, rows in size},
    }  # fmt: skip
