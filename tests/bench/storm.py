"""A storm: 2,000 alarms of 10 gateways by one statement, as sense raises them, into a running demo district.

python -m tests.bench.storm [--home DIR] [--count 2000]

Tells how long until all are in, until they are grouped, and until the first row of the list and the counts say so.
Without `--home` it starts a district of its own. The alarms stay: in a demo district only.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
from tests.district import District

from linli.devices import contracts
from linli.home import Home
from linli.kernel import ids

GATEWAYS = 10
PLACES = """
SELECT DISTINCT ON (d.code) d.id FROM devices_device d JOIN devices_rule r ON r.model_id = d.model_id
WHERE r.kind = 'no_data' AND r.enabled AND d.lon IS NOT NULL AND d.state = 'active' AND NOT d.gateway
  AND d.parent_id IS NULL ORDER BY d.code LIMIT %s
"""
DEVICES = """
INSERT INTO devices_device (id, code, name_zh, name_en, model_id, model_version, state, owner_department, area_path,
    tags, attributes_shared, attributes_client, gateway, parent_id, parent_name, terms, created_at, updated_at, lon,
    lat, grid_id)
SELECT n.id, n.code, n.code, '', d.model_id, 1, 'active', '', d.area_path, '{}', '{}', '{}', %(gateway)s, %(parent)s,
    n.code, '{}', now(), now(), d.lon, d.lat, d.grid_id
FROM devices_device d, unnest(%(ids)s::uuid[], %(codes)s::text[]) n(id, code) WHERE d.id = %(like)s
"""
RULE = "SELECT id FROM devices_rule WHERE kind = 'no_data' AND enabled AND model_id = %s ORDER BY code LIMIT 1"
COUNTS = """
SELECT count(*) FILTER (WHERE a.incident_id IS NOT NULL), count(DISTINCT a.incident_id), count(*)
FROM devices_alarm a JOIN devices_device d ON d.id = a.device_id WHERE starts_with(d.code, %s)
"""


def registry(db: psycopg.Connection[Any], mark: str, count: int) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Gateways with children where the demo's devices stand; (device, its rule of silence)."""
    children = []
    for g, (like,) in enumerate(db.execute(PLACES, [GATEWAYS]).fetchall()):
        top, some = ids.new_id(), [ids.new_id() for _ in range(count // GATEWAYS)]
        at = {"like": like, "gateway": True, "parent": None, "ids": [top], "codes": [f"{mark}-{g}"]}
        db.execute(DEVICES, at)
        codes = [f"{mark}-{g}-{n}" for n in range(len(some))]
        db.execute(DEVICES, at | {"gateway": False, "parent": top, "ids": some, "codes": codes})
        children += some
    found = db.execute("SELECT id, model_id FROM devices_device WHERE id = ANY(%s)", [children]).fetchall()
    rules = {model: db.execute(RULE, [model]).fetchone()[0] for model in {m for _, m in found}}  # type: ignore[index]
    return [(device, rules[model]) for device, model in found]


def storm(db: psycopg.Connection[Any], mark: str, children: list[tuple[uuid.UUID, uuid.UUID]]) -> dict[str, float]:
    at = int(time.time() * 1000)
    operations = json.dumps([
        {"op": "raise", "alarm_id": str(ids.new_id()), "event_id": str(ids.new_id()), "device_id": str(device),
         "rule_id": str(rule), "rule_version": 1, "property": "", "value": None, "started_at": at, "raised_at": at}
        for device, rule in children
    ])  # fmt: skip
    epoch, part = db.execute("SELECT epoch, partition FROM devices_sense_lease ORDER BY partition LIMIT 1").fetchone()  # type: ignore[misc]
    own = psutil.Process(db.info.backend_pid)
    began, used = time.monotonic(), sum(own.cpu_times()[:2])
    done = db.execute(contracts.ALARMS_APPLY_SQL, [epoch, part, operations]).fetchall()
    inside, worked = time.monotonic() - began, sum(own.cpu_times()[:2]) - used
    assert sum(row[4] for row in done) == len(children)
    while (found := db.execute(COUNTS, [mark]).fetchone())[0] < len(children):  # type: ignore[index]
        assert time.monotonic() - began < 60, found
        time.sleep(0.01)
    grouped = time.monotonic() - began
    assert found and found[1] == GATEWAYS, found
    return {
        "all_in_s": round(inside, 2),
        "all_in_cpu_s": round(worked, 2),
        "grouped_s": round(grouped, 2),
        "incidents": found[1],
        "alarms": found[2],
    }


def seen(district: District) -> dict[str, float]:
    """What the desk waits for: the incidents, and the alarms beside them."""
    headers = {"Authorization": f"Bearer {district.key()}"}
    found = {}
    with httpx.Client(base_url=district.origin, headers=headers, verify=False, trust_env=False) as client:
        for name, path in (("incidents", "/incidents"), ("grouped_list", "/alarms?grouped=true"), ("plain", "/alarms")):
            took = []
            for _ in range(5):
                began = time.monotonic()
                client.get("/api/v1" + path).raise_for_status()
                took.append(time.monotonic() - began)
            found[f"{name}_ms"] = round(sorted(took)[2] * 1000, 1)
    return found


def run(district: District, count: int) -> dict[str, Any]:
    os.environ["LINLI_HOME"] = str(district.home)
    Home.current().load_env()
    mark = f"storm-{ids.new_id().hex[-8:]}"
    result: dict[str, Any] = {"load_before": [round(x, 1) for x in os.getloadavg()]}
    with psycopg.connect(os.environ["LINLI_DATABASE_URL"], autocommit=True) as db:
        children = registry(db, mark, count)
        result |= storm(db, mark, children)
    return result | seen(district) | {"load_after": [round(x, 1) for x in os.getloadavg()]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--count", type=int, default=2000)
    args = parser.parse_args()
    if args.home:
        print(json.dumps(run(District(home=args.home), args.count)))
        return
    with District(demo=True) as district:
        print(json.dumps(run(district, args.count)))


if __name__ == "__main__":
    main()
