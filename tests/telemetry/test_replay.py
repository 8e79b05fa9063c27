"""`linli replay`: every row of a table is sent or named, through the real gateway."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.telemetry.gatewaykit import gateway, row

from linli.commands import _replay_map as maps
from linli.engines.nats import Nats
from linli.telemetry.batch import LATE

HEAD = "datetime,temp,temp_cor,cond,ph,do,turb,stage,stage_qual\n"
RIVER = HEAD + (
    "2019-01-01 00:00,0.76,0.7,372.4,8.48,14.08,2.83,60.44,\n"
    "2019-01-01 00:15,-9999,,372.5,NULL,14.1,,60.21,ice\n"
    "2019-01-01 00:15,0.7,,372.5,8.4,14.1,2.9,60.21,\n"
    "yesterday,0.7,,372.5,8.4,14.1,2.9,60.21,\n"
    "2019-01-01 00:30,,,,,,,,\n"
    "2019-01-01 00:45,warm,,372.5,8.4,14.1,2.9,60.21,\n"
    "2019-01-01 01:00,0.70,,372.5,8.4,14.1,2.9,60.00,\n"
)


def rows(path: Path, name: str) -> tuple[list[maps.Row], list[str]]:
    found, refused, used = [], [], maps.load(name)
    for i, (line, cells) in enumerate(maps.cells(path)):
        if i == 0:
            used.check(list(cells))
            continue
        try:
            found.append(used.row(line, cells, maps.stem(path)))
        except maps.BadRow as error:
            refused.append(f"{line} {error} {error.field}")
    return found, refused


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)


def test_river_map_converts_units_and_zone(tmp_path: Path) -> None:
    path = tmp_path / "Main Street.csv.gz"
    path.write_bytes(gzip.compress(RIVER.encode()))
    found, refused = rows(path, "lro_river")
    assert found[0].at == ms("2019-01-01T00:00:00-07:00") and found[0].device == "lro-Main-Street"
    assert found[0].values == {"stage": 0.6044, "temperature": 0.76, "conductivity": 372.4, "ph": 8.48,
                               "dissolved_oxygen": 14.08, "turbidity": 2.83}  # fmt: skip
    assert set(found[1].values) == {"stage", "conductivity", "dissolved_oxygen"}
    assert refused == ["5 the time cannot be read datetime", "6 no value -", "7 a value is not a number temp"]


def test_the_other_maps(tmp_path: Path) -> None:
    air = tmp_path / "PRSA.csv"
    air.write_text(
        "No,year,month,day,hour,PM2.5,CO,wd,station\n1,2013,3,1,0,9.0,300.0,NNW,Dongsi\n2,2013,3,1,1,NA,NA,N,x\n"
    )
    found, refused = rows(air, "air_beijing")
    assert found[0].at == ms("2013-03-01T00:00:00+08:00") and found[0].values == {"pm25": 9.0, "co": 0.3}
    assert found[0].device == "air-Dongsi" and refused == ["3 no value -"]
    nab = tmp_path / "realTraffic__speed_6005.csv"
    nab.write_text("timestamp,value\n2015-08-31 18:22:00,90\n")
    assert rows(nab, "nab")[0][0].device == "nab-speed_6005"
    with pytest.raises(maps.BadMap, match="no column datetime"):
        rows(nab, "lro_river")
    with pytest.raises(maps.BadMap, match="not for telemetry"):
        maps.load("sf311")
    with pytest.raises(maps.BadMap, match="there are air_beijing"):
        maps.load("nothing")
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(gzip.compress(RIVER.encode())[:60])
    with pytest.raises(maps.BadMap, match="cannot be read"):
        rows(broken, "lro_river")


@pytest.mark.engines
@pytest.mark.parametrize("how", [["--shift"], ["--no-shift"], ["--shift", "--speed", "3600"]])
def test_played_through_the_gateway(broker: Nats, run: Callable[..., Any], tmp_path: Path, how: list[str]) -> None:
    async def go() -> None:
        async with gateway(broker, [row("A", "token-a")]) as kit:
            (tmp_path / "run").mkdir()
            (tmp_path / "river.csv").write_text(RIVER)
            env = {"LINLI_PUBLIC_URL": "http://127.0.0.1:1", "LINLI_MQTT_PORT": str(kit.mqtt),
                   "LINLI_DEVICE_PORT": str(kit.http)}  # fmt: skip
            (tmp_path / "run" / "env.json").write_text(json.dumps(env))
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "linli", "replay", str(tmp_path / "river.csv"), "--map", "lro_river", "--token",
                "token-a", "--json", "--home", str(tmp_path), *how, stdout=asyncio.subprocess.PIPE, env={**os.environ},
            )  # fmt: skip
            out, _ = await child.communicate()
            assert child.returncode == 0
            report = json.loads(out.splitlines()[-1])
            assert (report["rows"], report["sent"], report["rejected"], report["points"]) == (7, 3, 4, 15)
            assert report["rows"] == report["sent"] + report["rejected"] and report["warnings"] == {}
            assert report["reasons"]["a second row of the same time"] == 1
            stored = sorted(await kit.stored(15), key=lambda r: r[2])
            assert len(stored) == 15
            if "--shift" in how:
                assert report["door"] == "mqtt" and abs(stored[-1][2] - time.time() * 1000) < 20_000
                assert stored[-1][2] - stored[0][2] == 3_600_000
            else:
                assert report["door"] == "http" and stored[0][2] == ms("2019-01-01T00:00:00-07:00")
                assert all(flags & LATE for *_, flags in stored)

    run(go())


def quick(path: Path, count: int) -> list[int]:
    """A series of one row a second, the newest now; returns its times in ms as they will be sent without a shift."""
    start = int(time.time()) - count
    path.write_text("timestamp,value\n" + "".join(
        f"{datetime.fromtimestamp(start + i, UTC):%Y-%m-%d %H:%M:%S},{i}\n" for i in range(count)))  # fmt: skip
    return [(start + i) * 1000 for i in range(count)]


@pytest.mark.engines
@pytest.mark.parametrize("speed", ["1000000", "100"])
def test_rows_faster_than_a_connect_go_by_one_connection(
    broker: Nats, run: Callable[..., Any], tmp_path: Path, speed: str
) -> None:
    """Each row in its own connection of one client id put the others out: doubled readings, and a storm of connects."""

    async def go() -> None:
        async with gateway(broker, [row("A", "token-a")]) as kit:
            (tmp_path / "run").mkdir()
            wanted = quick(tmp_path / "fast.csv", 300)
            env = {"LINLI_PUBLIC_URL": "http://127.0.0.1:1", "LINLI_MQTT_PORT": str(kit.mqtt),
                   "LINLI_DEVICE_PORT": str(kit.http)}  # fmt: skip
            (tmp_path / "run" / "env.json").write_text(json.dumps(env))
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "linli", "replay", str(tmp_path / "fast.csv"), "--map", "nab", "--token",
                "token-a", "--no-shift", "--speed", speed, "--json", "--home", str(tmp_path),
                stdout=asyncio.subprocess.PIPE, env={**os.environ},
            )  # fmt: skip
            out, _ = await child.communicate()
            report = json.loads(out.splitlines()[-1])
            assert (child.returncode, report["sent"], report["door"]) == (0, 300, "mqtt")
            stored = await kit.stored(1000, seconds=2)  # all there is
            assert [r[2] for r in stored] == wanted  # each once, in the order of the recording

    run(go())
