"""What the pages of joining and of firmware show: devices that registered themselves and others that were refused,
claims, a certificate, and campaigns on their way; made by outside clients of the demo district."""

from __future__ import annotations

import hashlib
import random
import time
import uuid
from typing import Any

from tests.certificates import certificate
from tests.e2e.gauges import Gauge, provision, reports

from linli.sim.homefiles import Demo
from linli.sim.web import Client

PUMPS = [f"water-level-00{n}" for n in range(41, 49)]
MODEL, NAME = "water_level", "汛前水位计升级"


def joins(known: Demo, admin: Client, device: dict[str, Any]) -> dict[str, str]:
    """Ids for the screens."""
    mark = uuid.uuid4().hex[:5]
    area = admin.get(f"devices/{device['id']}")["area_path"]
    open_ = profile(admin, area, "滨湖水位计自注册", "Lakeside gauges", max_devices=5)
    for n in range(3):
        provision(known.host, known.mqtt_port, open_["key"], open_["secret"], f"SN-{mark}-{n}")
    provision(known.host, known.mqtt_port, open_["key"], "wrong", f"SN-{mark}-8")
    speaks = next(iter(known.devices))
    provision(known.host, known.mqtt_port, open_["key"], open_["secret"], speaks)
    claimed(known, admin, area, mark)
    admin.post(f"devices/{device['id']}/certificates", {"certificate": certificate(days=20)[0]})
    off = profile(admin, area, "旧批次", "An older batch", max_devices=20)
    admin.patch(f"provisioning-profiles/{off['id']}", {"version": off["version"], "enabled": False})
    return {"profile": open_["id"], **campaign(known, admin, area.split(".")[0], mark)}


def profile(admin: Client, area: str, zh: str, en: str, **more: Any) -> dict[str, Any]:
    body = {"name_zh": zh, "name_en": en, "model": MODEL, "area_path": area, "owner_department": "排水管理所"}
    made: dict[str, Any] = admin.post("provisioning-profiles", body | more)
    return made


def claimed(known: Demo, admin: Client, area: str, mark: str) -> None:
    """Three that may be claimed; one of them is."""
    loose = profile(admin, area, "待认领水位计", "Gauges to claim", max_devices=9, claimable=True)
    for n in range(3):
        name = f"CL-{mark}-{n}"
        token = provision(known.host, known.mqtt_port, loose["key"], loose["secret"], name)["credentialsValue"]
        with Gauge(known.host, known.mqtt_port, token) as gauge:
            gauge.tell("v1/devices/me/claim", {"secretKey": "1234", "durationMs": 3_600_000})
    admin.post("devices/claim", {"code": f"CL-{mark}-0", "secret": "1234", "owner_department": "园林处",
                                 "area_path": area})  # fmt: skip


def campaign(known: Demo, admin: Client, area: str, mark: str) -> dict[str, str]:
    """Eight gauges: two are done, one failed, one loads; and a draft for others."""
    data = random.Random(7).randbytes(1500)
    package = upload(admin, f"gauge-{mark}", "2.1.0", data, area)
    ids = [known.devices[code]["id"] for code in PUMPS]
    for old in admin.get("campaigns", q=NAME, state="running")["items"]:  # facts may be gathered more than once
        admin.post(f"campaigns/{old['id']}/cancel", {})
    body = {"firmware_id": package["id"], "name": NAME, "area_path": area, "device_ids": ids}
    made = admin.post("campaigns", body | {"stages": [50, 100], "max_failed": 60})
    admin.post(f"campaigns/{made['id']}/start", {})
    told = [u["device_id"] for u in admin.get(f"campaigns/{made['id']}/devices", state="told")["items"]]
    tokens = [d["token"] for d in known.devices.values() if d["id"] in told]
    new = {"current_fw_title": package["title"], "current_fw_version": "2.1.0"}
    for token, state, more in zip(
        tokens, ("UPDATED", "UPDATED", "FAILED", "DOWNLOADING"),
        (new, new, {"fw_error": "checksum mismatch at block 2"}, {"current_fw_version": "2.0.4"}), strict=True,
    ):  # fmt: skip
        with Gauge(known.host, known.mqtt_port, token) as gauge:
            reports(gauge, state, **more)
    for _ in range(40):
        if admin.get(f"campaigns/{made['id']}")["counts"]["failed"]:
            break
        time.sleep(0.5)
    updating = admin.get(f"campaigns/{made['id']}/devices", state="failed")["items"][0]["device_id"]
    return {"package": package["id"], "campaign": made["id"], "updating": updating}


def upload(admin: Client, title: str, version: str, data: bytes, area: str = "") -> dict[str, Any]:
    form = {"model": MODEL, "title": title, "version": version, "note": "修复断电后不重连", "area_path": area,
            "sha256": hashlib.sha256(data).hexdigest()}  # fmt: skip
    made: dict[str, Any] = admin.post("firmware", files={"file": ("gauge.bin", data)}, data=form)
    return made
