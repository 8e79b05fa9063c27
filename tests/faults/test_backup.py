"""The drill: a district in use is saved, restored in a new home, and is the same district."""

from __future__ import annotations

import io
import json
import random
import time
from pathlib import Path

import pytest
from PIL import Image
from tests.faults.ledger import Api, Load, judge, now_ms, readings_of
from tests.faults.mqtt import Device
from tests.faults.stand import Stand

from linli.sim.resident import Resident

pytestmark = pytest.mark.slow


def photo() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((320, 240), 60).convert("RGB").save(out, "JPEG")
    return out.getvalue()


def publish(device: Device, start: int) -> None:
    for number in range(200):
        device.publish(start + number, {"level": number / 100})


@pytest.mark.timeout(900)
def test_restored_district_has_every_case_photo_and_reading(district: Stand, tmp_path: Path) -> None:
    staff = Api(district.origin, sign_in=("intake", district.passwords()["intake"]))
    made = staff.http.post(
        "cases", json={"text": "备份演练 路灯不亮", "lon": 117.27, "lat": 31.985, "channel": "hotline"}
    )
    case_id = made.json()["id"]
    sent = staff.http.post(f"cases/{case_id}/photos", files={"file": ("a.jpg", photo(), "image/jpeg")})
    assert sent.status_code == 201, sent.text
    name, known = list(district.demo_devices("water_level").items())[44]
    start = now_ms()
    publish(Device(district.status()["ports"]["mqtt"], known["token"], name), start)
    with Load(district, devices=4) as load:  # the copy is made while the district works
        time.sleep(2)
        before = load.ledger
        reports, acked = dict(before.reports), {d: dict(rows) for d, rows in before.acked.items()}
        told = district.run("backup", str(tmp_path / "backup"), "--home", str(district.home))
        load.stop()
    assert "rows" in told.stdout
    case = staff.get(f"cases/{case_id}")
    pictures = [staff.http.get(url_of(row)).content for row in staff.get(f"cases/{case_id}/photos")["items"]]
    assert len(pictures) == 1

    ledger = before
    ledger.reports, ledger.acked = reports, acked
    ledger.dispatched.clear()
    ledger.comments.clear()
    new = tmp_path / "new"
    key = district.home / "secrets" / "backup.key"
    district.run("restore", str(tmp_path / "backup"), "--home", str(new), "--key-file", str(key))
    with Stand(home=new) as restored:
        again = Api(restored.origin, sign_in=("intake", restored.passwords()["intake"]))
        assert comparable(again.get(f"cases/{case_id}")) == comparable(case)
        same = [again.http.get(url_of(row)).content for row in again.get(f"cases/{case_id}/photos")["items"]]
        assert same == pictures
        api = Api(restored.origin, key=restored.key())
        kept = readings_of(api, known["id"], start, start + 200)
        assert len(kept) == 200 and set(kept.values()) == {1}
        assert judge(api, again, ledger) == []
        late = Device(restored.status()["ports"]["mqtt"], known["token"], name)
        late.publish(now_ms(), {"level": 0.1})  # and it goes on working, with the same credentials


def url_of(row: dict) -> str:
    return str(row.get("url") or f"/api/v1/files/{row['file_id']}")


def comparable(case: dict) -> dict:
    """A case without what depends on the moment of asking."""
    return {k: v for k, v in case.items() if k not in ("clocks", "claimed_until", "undo_until", "suggestions")}


@pytest.mark.timeout(300)
def test_duty_encryption_no_phone_number_is_on_the_disk_or_in_a_backup(district: Stand, tmp_path: Path) -> None:
    """A hundred callers leave their numbers, in the form and in the text: a byte search finds none."""
    rng = random.Random(7)
    numbers = [f"13{rng.randrange(10**9):09}" for _ in range(100)]
    units = json.loads((district.home / "secrets" / "demo-units.json").read_text())
    web = f"http://127.0.0.1:{district.status()['ports']['web']}"  # where the front door hands on who calls
    for n, number in enumerate(numbers):
        resident = Resident(web)
        resident.http.headers["X-Forwarded-For"] = f"198.51.100.{n + 1}"
        resident.report(units[n]["qr"], "problem", f"井盖松动,请回电 {number}", phone=number)
    district.run("backup", str(tmp_path / "backup"), "--home", str(district.home))
    time.sleep(1)
    wanted = [number.encode() for number in numbers] + [number.encode("utf-16-le") for number in numbers]
    for path in [tmp_path / "backup", *district.home.rglob("*")]:
        if path.is_file():
            data = path.read_bytes()
            assert [n for n in wanted if n in data] == [], path
