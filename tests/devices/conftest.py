"""A thing model, a rule and devices to try things on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from django.http import HttpResponse
from django.test import Client
from shapely.geometry import box, mapping

from linli.devices.models import Device, Rule, ThingModel
from linli.kernel import http, ids
from linli.kernel.actor import Actor, Grant
from linli.places import index
from linli.places.models import Grid, PlacesRevision


@pytest.fixture
def water(db: None) -> ThingModel:
    return ThingModel.objects.create(
        code="t_water", name_zh="水位计", name_en="Water level gauge", subject="place", category="water", interval_s=60,
        properties=[{"code": "level", "name": {"zh": "水位", "en": "water level"}, "type": "number", "unit": "m",
                     "range": [0, 10], "precision": 2}],
    )  # fmt: skip


@pytest.fixture
def high_water(water: ThingModel) -> Rule:
    return Rule.objects.create(
        code="t-high-water", title_zh="水位过高", title_en="Water level high", model=water, property="level",
        kind="threshold", op="gt", value=3.0, clear_value=2.8, severity="severe",
        case={"class": "0406", "merge_radius_m": 200, "urgent": True},
    )  # fmt: skip


@pytest.fixture
def gauge(water: ThingModel) -> Device:
    return Device.objects.create(
        code="WL-1",
        name_zh="一号水位计",
        name_en="Gauge 1",
        model=water,
        area_path="340121403.001.002",
        lon=117.2,
        lat=32.0,
    )


PERMISSIONS = frozenset(
    {"devices.view", "devices.manage", "devices.credentials", "alarms.view", "alarms.act", "rules.view", "rules.manage"}
)
AREA = "340121403"


def person(area: str = AREA, *permissions: str) -> Actor:
    held = frozenset(permissions) or PERMISSIONS
    return Actor(kind="account", account_id=ids.new_id(), grants=(Grant("test", area, held),))


@pytest.fixture
def grids(db: None) -> list[Grid]:
    """A district with two grids side by side."""
    made = []
    for code, segment, path, level, west, east in (
        ("d", AREA, AREA, 0, 117.0, 117.4), ("d1", "001", f"{AREA}.001", 1, 117.0, 117.2),
        ("d2", "002", f"{AREA}.002", 1, 117.2, 117.4),
    ):  # fmt: skip
        made.append(Grid.objects.create(
            code=code, segment=segment, name_zh=code, level=level, area_path=path, lon=(west + east) / 2, lat=31.9,
            parent=made[0] if made else None, polygon=mapping(box(west, 31.8, east, 32.0)),
        ))  # fmt: skip
    PlacesRevision.objects.update_or_create(id=1, defaults={"revision": int(time.time() * 1000)})
    index.invalidate()  # it may be a second old, of another test's grids
    return made


class Caller:
    """Calls routes as an actor."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.client = Client()

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        data = body if isinstance(body, bytes) else json.dumps(body if body is not None else {})
        with mock.patch.object(http, "_resolver", lambda: lambda request: self.actor):
            return self.client.generic(
                method, f"/api/v1{path}", data if method != "GET" else b"", content_type="application/json",
                headers=headers,
            )  # fmt: skip

    def get(self, path: str, status: int = 200) -> Any:
        answer = self("GET", path)
        assert answer.status_code == status, answer.content
        return answer.json()

    def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self("POST", path, body)
        assert answer.status_code == status, answer.content
        return answer.json()

    def patch(self, path: str, body: Any, status: int = 200) -> Any:
        answer = self("PATCH", path, body)
        assert answer.status_code == status, answer.content
        return answer.json()


@pytest.fixture
def call() -> Callable[..., Caller]:
    return lambda area=AREA, *permissions: Caller(person(area, *permissions))
