"""Every route × every role × (own area, other area) answers as the reviewed table permissions.csv says.

A cell is `own/other`: the status when the thing lies in the caller's area, and when it lies in another. `+` and `-`
after a status say whether the answer shows that area's thing (lists, pins, counts, exports, import reports). Ids that
were guessed must be answered like things of another area, to the byte. The table is written by people from the
duties of the roles (column `why`); never make it from what the code does.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import pyarrow as pa
import pytest
from django.contrib.auth.hashers import ScryptPasswordHasher
from django.db import transaction
from django.db.models import Q
from django.http import HttpResponse
from django.test import Client
from tests.identity.asks import REQUESTS
from tests.identity.factories import Ask, Things, World
from tests.identity.shows import SHOWS
from tests.identity.world import seeded

import linli.urls  # noqa: F401  registers every route
from linli.identity import resolver
from linli.identity.models import Account
from linli.kernel import http, ids

HERE = Path(__file__).parent
PARAM = re.compile(r"\{(?:\w+:)?(\w+)\}")
CLIENT_MADE = {  # ids of things that the request makes
    "PUT /tasks/{task_id}/steps/{step_id}": {"step_id"},
    "POST /tasks/{task_id}/photos/{photo_id}": {"photo_id"},
    "POST /cases/{case_id}/voice-notes/{voice_id}": {"voice_id"},
    "PUT /patrol-visits/{visit_id}": {"visit_id"},
}
GUESS_MAKES = {
    "PUT /duty/{duty_id}",
    "PUT /form-entries/{entry_id}",
    "PUT /photo-marks/{photo_id}",
}  # the id is the client's own
DISTRICT_WIDE = {"code", "layer", "action", "form", "version"}


def plain(path: str) -> str:
    return PARAM.sub(r"{\1}", path)


@dataclass(frozen=True)
class Row:
    method: str
    path: str
    variant: str
    cells: dict[str, tuple[str, str]]

    @property
    def route(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def key(self) -> str:
        return f"{self.route} [{self.variant}]" if self.variant else self.route


def table() -> list[Row]:
    with (HERE / "permissions.csv").open(encoding="utf-8") as source:
        rows = []
        for line in csv.DictReader(source):
            cells = {r: tuple(line[r].split("/")) for r in line if r not in ("method", "path", "variant", "why")}
            rows.append(Row(line["method"], line["path"], line["variant"], cells))  # type: ignore[arg-type]
        return rows


TABLE = table()
pytestmark = pytest.mark.django_db


CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")
DUMMY = {"file_id": str(ids.new_id()), "change_id": str(ids.new_id()), "layer": "roads", "code": "x", "action": "x"}


def addresses(found: Any, before: str = "") -> Iterator[str]:
    """Every address of Django's own table below /api/v1, whoever put it there; its root stands in pages.csv."""
    for item in found:
        path = before + str(item.pattern)
        if hasattr(item, "url_patterns"):
            yield from addresses(item.url_patterns, path)
        elif path.startswith("api/v1/") and path != "api/v1/":
            yield path.removeprefix("api/v1")


def name_of(path: str) -> str:
    return CONVERTER.sub(r"{\1}", path)


def served(path: str) -> set[str]:
    """The methods that an address takes, by what it says to one that no route has."""
    at = CONVERTER.sub(lambda m: DUMMY.get(m[1], str(ids.new_id())), path)
    answer = Client().generic("TRACE", f"/api/v1{at}")
    if answer.status_code != 405:  # takes whatever comes, so it changes nothing: a reading
        return {"GET"}
    return set(answer["Allow"].split(", ")) - {"HEAD", "OPTIONS"}


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    from django.urls import get_resolver

    found = sorted(set(addresses(get_resolver().url_patterns)))
    routes = {f"{method} {name_of(path)}" for path in found for method in served(path)}
    rows = {row.route for row in TABLE}
    assert len(routes) > 100
    assert sorted(routes - rows) == [], "routes without a row in permissions.csv"
    assert sorted(rows - routes) == [], "rows without a route"
    assert len({row.key for row in TABLE}) == len(TABLE), "a row stands twice"
    named = {f"{r.method} {plain(r.path)}" for r in http.ROUTES}
    assert routes - named == {"GET /docs", "GET /openapi.json"}, "a route names no permission"


def test_every_role_has_a_column() -> None:
    from linli.identity import roles

    for row in TABLE:
        assert set(row.cells) == {"public", *roles.load().roles}, row.key


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Seeded once; every request is rolled back."""
    with seeded(django_db_blocker) as made:
        yield made


class Caller:
    """Asks as a role, with a rollback after each request."""

    def __init__(self, world: World, role: str) -> None:
        self.role, self.world = role, world
        self.account: Account | None = world.accounts.get(role)

    def client(self) -> Client:
        client = Client(raise_request_exception=True)
        if self.role in self.world.tokens:
            client.cookies[resolver.COOKIE] = self.world.tokens[self.role]
        return client

    def ask(self, row: Row, things: Things, guess: str | None = None) -> HttpResponse:
        """With `guess`, that path parameter is a random id."""
        with transaction.atomic():
            made = REQUESTS.get(row.key) or REQUESTS.get(row.route) or (lambda t, a: Ask())
            request = made(things, self.account)
            values = {**things.ids, **request.path, **variant_ids(row, things)}
            if guess:
                values[guess] = ids.new_id()
            url = "/api/v1" + PARAM.sub(lambda m: str(values[m[1]]), row.path)
            answer = self.send(row.method, url + (f"?{request.query}" if request.query else ""), request)
            if answer.streaming:
                answer = HttpResponse(b"".join(answer.streaming_content), status=answer.status_code)  # type: ignore[attr-defined]
            transaction.set_rollback(True)
        resolver.forget()
        return answer

    def send(self, method: str, url: str, request: Ask) -> HttpResponse:
        client = self.client()
        if method == "GET":
            return client.get(url)
        if request.files is not None:
            return client.post(url, request.files)
        data, kind = request.raw or (json.dumps(request.body if request.body is not None else {}), "application/json")
        return client.generic(method, url, data, content_type=kind)


class History:
    """Stands for the store of readings, which asks no permission: it tells for which devices it was asked."""

    def latest(self, device_ids: list[UUID]) -> pa.Table:
        rows = {"device": [d.bytes for d in device_ids], "property": ["level" for _ in device_ids]}
        return pa.table({**rows, "t": [1 for _ in device_ids], "value": [1.0 for _ in device_ids],
                         "flags": [0 for _ in device_ids]})  # fmt: skip

    def readings(self, *asked: Any, **more: Any) -> pa.Table:
        return pa.table({n: pa.array([], pa.int64()) for n in ("t", "recv", "property", "value", "flags")})

    def arrivals(self, *asked: Any, **more: Any) -> Iterator[pa.Table]:
        columns = {"t": 1, "recv": 1, "value": 1.0, "flags": 0, "seq": 1}
        yield pa.table({name: [value] for name, value in columns.items()})

    def series(self, *asked: Any) -> pa.Table:
        return pa.table({n: pa.array([], pa.int64()) for n in ("t", "min", "max", "mean", "count")})

    def compared(self, *asked: Any) -> pa.Table:
        names = ("i", "t", "min", "max", "mean", "count", "last", "last_t")
        return pa.table({n: pa.array([], pa.int64()) for n in names})

    def rollup(self, *asked: Any) -> pa.Table:
        return pa.table({n: pa.array([], pa.int64()) for n in ("b", "min", "max", "mean", "count")})

    def export(self, *asked: Any) -> Iterator[pa.Table]:
        return iter(())

    def sql(self, *asked: Any) -> pa.Table:
        return pa.table({"one": [1]})

    def flagged(self, *asked: Any) -> pa.Table:
        names = ("device", "readings", "clamped", "out_of_range", "late", "doubtful")
        return pa.table({n: pa.array([], pa.int64()) for n in names})

    def counts(self, *asked: Any) -> pa.Table:
        return pa.table({n: pa.array([], pa.int64()) for n in ("device", "property", "count")})


def variant_ids(row: Row, things: Things) -> dict[str, Any]:
    """A path's main thing in a variant: the private case, the household's device."""
    if row.variant == "private" and "{case_id}" in row.path:
        return {"case_id": things["private_id"]}
    return {"device_id": things["household_id"]} if row.variant == "household" else {}


def _report(body: Any) -> bool:
    """Whether an import took the row."""
    return bool(body.get("created") or body.get("imported") or body.get("accepted") or body.get("updated"))


def _count(of: Callable[[Any], int]) -> Callable[[Any, Things, World, str], bool]:
    """Both sides hold the same number of things, so a total tells how many sides were counted."""

    def shown(body: Any, things: Things, world: World, role: str) -> bool:
        total = of(body)
        per_side = SIDE_COUNT[of.__name__](role)
        assert total in (0, per_side, 2 * per_side), f"counted {total}, a side holds {per_side}"
        return total >= (per_side if things.side == "own" else 2 * per_side) and total > 0

    return shown


def devices_total(body: Any) -> int:
    return int(body["total"])


def cells_total(body: Any) -> int:
    return int(body["total"])


def quality_total(body: Any) -> int:
    return int(body["total"]["devices"])


def alarms_total(body: Any) -> int:
    return int(body["active"])


def cases_total(body: Any) -> int:
    return int(body["open"])


HAVE_PRIVATE = {"intake", "duty_lead", "dispatcher", "centre_lead", "supervisor"}
SIDE_COUNT: dict[str, Callable[[str], int]] = {
    "devices_total": lambda role: 3,
    "cells_total": lambda role: 1,  # with a point
    "quality_total": lambda role: 2,  # one is planned
    "alarms_total": lambda role: 1,
    "cases_total": lambda role: 3 if role in HAVE_PRIVATE else 2,
}
SHOWN: dict[str, Callable[[Any, Things, World, str], bool]] = {
    "GET /devices/counts": _count(devices_total),
    "GET /device-facets": _count(devices_total),
    "GET /device-cells": _count(cells_total),
    "GET /devices/quality": _count(quality_total),
    "GET /alarms/counts": _count(alarms_total),
    "GET /cases/counts": _count(cases_total),
    **{
        key: lambda body, things, world, role: _report(body)
        for key in ("POST /grids/import", "POST /units/import", "POST /devices/import")
    },
}


def shows(row: Row, answer: HttpResponse, things: Things, world: World, role: str) -> bool:
    if row.key in SHOWN:
        return SHOWN[row.key](answer.json(), things, world, role)
    return str(things[SHOWS[row.key]]) in answer.content.decode()


def differs(row: Row, role: str, cell: str, side: str, answer: HttpResponse, world: World) -> str:
    """What is wrong with an answer, or ''."""
    status, mark = cell.rstrip("+-"), cell[len(cell.rstrip("+-")) :]
    if str(answer.status_code) != status:
        return f"{role}/{side}: {answer.status_code} instead of {status} {answer.content[:200]!r}"
    if mark and shows(row, answer, world.sides[side], world, role) is not (mark == "+"):
        return f"{role}/{side}: the thing is {'missing' if mark == '+' else 'shown'} {answer.content[:200]!r}"
    return ""


def _guessed(row: Row, caller: Caller, world: World, other: HttpResponse) -> str:
    """Each guessed id of the path must be answered as one of another area is."""
    found = [p for p in PARAM.findall(row.path) if p not in DISTRICT_WIDE]
    if row.key in GUESS_MAKES or other.status_code not in (401, 403, 404):
        return ""
    for name in found:
        if name in CLIENT_MADE.get(row.route, ()):
            continue
        answer = caller.ask(row, world.sides["own"], guess=name)
        if (answer.status_code, answer.content) != (other.status_code, other.content):
            shown = f"{answer.status_code} {answer.content[:160]!r}, other {other.content[:160]!r}"
            return f"{caller.role}/guess of {name}: {shown}"
    return ""


def faults(row: Row, world: World, django_db_blocker: Any) -> list[str]:
    """Where the answers differ from the table."""
    wrong: list[str] = []
    refused: set[int] = set()
    settled = mock.patch("linli.kernel.seals.settled_seq", return_value=None)  # would wait for our own transaction
    quick = mock.patch.object(ScryptPasswordHasher, "work_factor", 16)
    with django_db_blocker.unblock(), settled, mock.patch("linli.telemetry.selectors.history", History), quick:
        for role, (own, other) in row.cells.items():
            caller = Caller(world, role)
            wrong.append(differs(row, role, own, "own", caller.ask(row, world.sides["own"]), world))
            answer = caller.ask(row, world.sides["other"])
            wrong.append(differs(row, role, other, "other", answer, world))
            if (
                answer.status_code not in refused
            ):  # a refusal by permission comes before the id is looked at: once will do
                wrong.append(_guessed(row, caller, world, answer))
            refused |= {answer.status_code} & {401, 403}
    return [w for w in wrong if w]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.key)
def test_route(row: Row, world: World, django_db_blocker: Any) -> None:
    assert faults(row, world, django_db_blocker) == []


EVERYWHERE = lambda roll, *a: roll.within(("",))  # noqa: E731
PLANTED: list[tuple[str, str, Any, str]] = [
    ("GET /tasks/{task_id}", "linli.work.selectors.area_q", lambda *a, **k: Q(), "other: 200 instead of 404"),
    ("GET /tasks", "linli.work.selectors.area_q", lambda *a, **k: Q(), "the thing is shown"),
    ("GET /devices/counts", "linli.devices.roll.Roll.visible", EVERYWHERE, "the thing is shown"),
    ("GET /audit", "linli.kernel.http.check", lambda actor, permission: None, "200 instead of 403"),
    ("GET /cases/{case_id} [private]", "linli.cases.selectors.visible.PRIVATE", "cases.view", "200 instead of 404"),
]


@pytest.mark.parametrize(("key", "where", "bug", "told"), PLANTED, ids=lambda v: v if isinstance(v, str) else "")
def test_a_planted_bug_is_found(
    key: str, where: str, bug: Any, told: str, world: World, django_db_blocker: Any
) -> None:
    row = next(row for row in TABLE if row.key == key)
    with mock.patch(where, bug):
        assert any(told in fault for fault in faults(row, world, django_db_blocker))


def test_ids_are_not_leaked_to_those_who_see_nothing(world: World, django_db_blocker: Any) -> None:
    """Whatever an administrator or auditor lists, no case, position or phone of the district is in it."""
    forbidden = [str(world.sides["own"][n]) for n in ("case_id", "private_id", "duty_id")] + ["13800001234"]
    with django_db_blocker.unblock(), mock.patch("linli.telemetry.selectors.history", History):
        for role in ("system_admin", "security_admin"):
            caller = Caller(world, role)
            for row in TABLE:
                if row.method == "GET" and row.cells[role][0].startswith("200"):
                    text = caller.ask(row, world.sides["own"]).content.decode(errors="replace")
                    assert not any(f in text for f in forbidden), f"{role} {row.key}"
