"""A small district with devices, a real history, and a program that speaks SensorThings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
from django.test import Client
from tests.cases.conftest import IN_NORTH, IN_SOUTH, NORTH, SOUTH, D, Desk, desk
from tests.identity import accounts
from tests.telemetry.historykit import HistoryProcess

from linli.devices.models import Device, ThingModel
from linli.engines.testing import start_nats
from linli.identity import facade as identity
from linli.telemetry import selectors as telemetry

__all__ = ["desk"]
ROOT = "/sta/v1.1"
PROPERTIES = [
    {"code": "level", "name": {"zh": "水位", "en": "Water level"}, "type": "number", "unit": "m", "range": [0, 10]},
    {"code": "open", "name": {"zh": "井盖开启", "en": "Cover open"}, "type": "bool"},
    {"code": "note", "name": {"zh": "备注", "en": "Note"}, "type": "text"},
]
T0 = 1_790_000_000_000


class Program:
    """A caller with an API key of its own account."""

    def __init__(self, name: str = "integrator", area: str = D) -> None:
        self.account = accounts.make_account((name, area))
        self.key = identity.create_apikey(account_id=self.account.id)
        self.web = Client(headers={"Authorization": f"Bearer {self.key}"})

    def ask(self, method: str, path: str, data: Any = None, **more: Any) -> Any:
        url = path if path.startswith("http") else f"{ROOT}{path}"
        url = url.replace("http://testserver", "")
        kind = more.pop("content_type", "application/json")
        return self.web.generic(method, url, b"" if data is None else _json(data), kind, **more)

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.ask("GET", path)
        assert answer.status_code == status, (path, answer.status_code, answer.content)
        if not answer.content or "json" not in answer.get("Content-Type", ""):
            return answer.content.decode()
        return answer.json()

    def names(self, path: str) -> list[str]:
        return [row["name"] for row in self.get(path)["value"]]

    def post(self, path: str, data: Any, status: int = 201) -> Any:
        answer = self.ask("POST", path, data)
        assert answer.status_code == status, (path, answer.status_code, answer.content)
        return answer.json()


def _json(data: Any) -> bytes:
    import orjson

    return orjson.dumps(data)


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HistoryProcess]:
    broker = start_nats(Path(tmp_path_factory.mktemp("nats")))
    process = HistoryProcess(Path(tmp_path_factory.mktemp("history")), broker)
    process.start()
    yield process
    process.stop()
    broker.stop()


def model(code: str, subject: str = "place") -> ThingModel:
    return ThingModel.objects.create(code=code, name_zh=f"模型{code}", name_en=f"Model {code}", subject=subject,
                                     category="water", interval_s=60, properties=PROPERTIES)  # fmt: skip


def device(kind: ThingModel, code: str, area: str, point: tuple[float, float]) -> Device:
    return Device.objects.create(code=code, name_zh=f"设备{code}", name_en=f"Device {code}", model=kind,
                                 area_path=area, lon=point[0], lat=point[1])  # fmt: skip


@pytest.fixture
def program(desk: Desk, history: HistoryProcess) -> Iterator[Program]:
    with mock.patch.object(telemetry, "history", return_value=history.client):
        yield Program()


@pytest.fixture
def devices(program: Program) -> dict[str, UUID]:
    """Two gauges, one in each grid, and a meter of a household, all with readings."""
    from linli.telemetry import facade

    gauge, meter = model("gauge"), model("meter", "household")
    made = {
        "n": device(gauge, "N-1", NORTH, IN_NORTH), "s": device(gauge, "S-1", SOUTH, IN_SOUTH),
        "m": device(meter, "M-1", NORTH, IN_NORTH),
    }  # fmt: skip
    rows = [(made[k].pk, "level", T0 + i * 60_000, T0 + i * 60_000 + 500, i / 2 + n * 100, 0)
            for n, k in enumerate(("n", "s")) for i in range(120)]  # fmt: skip
    rows.append((made["n"].pk, "open", T0, T0 + 500, 1.0, facade.CODED))
    facade.write(rows)
    return {k: d.pk for k, d in made.items()}
