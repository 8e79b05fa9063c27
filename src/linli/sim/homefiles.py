"""What a simulation may know of a demo district: its addresses and the credentials that `linli demo load` left."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from linli.home import Home


class NotADemo(Exception):
    """The home has no demo credentials: simulations only run against a demo district."""


@dataclass(frozen=True, slots=True)
class Demo:
    """Addresses and secrets of a demo district, as its clients would have been given them."""

    origin: str
    host: str
    mqtt_port: int
    accounts: dict[str, str]
    devices: dict[str, dict[str, Any]]
    units: list[dict[str, Any]]


def demo(home: Home) -> Demo:
    env = home.run_env()
    secrets = home.path / "secrets"
    if not env or not (secrets / "demo-accounts.json").exists():
        raise NotADemo(f"{home.path} has no running demo district (start one with: linli up --demo)")

    def read(name: str) -> Any:
        return json.loads((secrets / name).read_text())

    return Demo(
        origin=env["LINLI_PUBLIC_URL"].rstrip("/"), host="127.0.0.1", mqtt_port=int(env["LINLI_MQTT_PORT"]),
        accounts=read("demo-accounts.json"), devices=read("demo-devices.json"), units=read("demo-units.json"),
    )  # fmt: skip
