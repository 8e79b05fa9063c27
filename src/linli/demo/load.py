"""The whole demo district, step by step; repeating it changes nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings

from linli.demo import fleet, roster, samples, staff
from linli.home import Home
from linli.kernel import packs
from linli.places.models import QrCode
from linli.places.pack import load_pack


def keep(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """Merge into `secrets/<name>`; what was there stays."""
    folder = Home.current().folder("secrets", mode=0o700)
    path = folder / name
    known = json.loads(path.read_text()) if path.exists() else {}
    known.update(found)
    draft = path.with_suffix(".tmp")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(known, ensure_ascii=False, indent=0))
    draft.replace(path)
    return known


def keep_units() -> str:
    """QR codes of some units, as residents would have them on their stairwell; returns one."""
    codes = QrCode.objects.filter(replaced_at=None).order_by("unit__short_code").select_related("unit")[:400]
    found = [{"qr": c.code, "short_code": c.unit.short_code, "lon": c.unit.lon, "lat": c.unit.lat} for c in codes]
    path = Home.current().folder("secrets", mode=0o700) / "demo-units.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(found))
    return str(found[0]["qr"]) if found else ""


def load(say: Callable[[str], None] = lambda text: None) -> dict[str, str]:
    """Returns the sign-ins (user name → password)."""
    if not settings.DEMO:
        raise RuntimeError("the demo district is only loaded in demo mode (linli up --demo)")
    folder = packs.root() / "demo"
    began = time.monotonic()

    def step(text: str) -> None:
        say(f"{time.monotonic() - began:5.1f} s  {text}")

    load_pack()
    step("places")
    accounts = keep("demo-accounts.json", staff.load(packs.read_yaml(folder / "staff.yaml")))
    step(f"{len(accounts)} accounts")
    step(f"{roster.load(packs.read_yaml(folder / 'roster.yaml'))} shifts of this week")
    devices = keep("demo-devices.json", fleet.load(packs.read_yaml(folder / "devices.yaml")))
    step(f"{len(devices)} devices")
    step(f"{samples.load(packs.read_yaml(folder / 'samples.yaml'))} samples")
    code = keep_units()
    Home.current().write_private("demo.json", json.dumps({"accounts": accounts, "unit_code": code}))
    return accounts
