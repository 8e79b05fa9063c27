"""Every live event × every role × (own area, other area) reaches whom the reviewed table events.csv says.

The events are the real ones: what the services of all rooms wrote to the outbox when each side of the world was made
and worked on. The listeners are the real ones too: what /live/session tells, judged by the hub of `live`.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from tests.identity.accounts import ROLES, make_account, session_for
from tests.identity.asks import REQUESTS
from tests.identity.factories import ROOT, Things, World
from tests.identity.test_permission_matrix import PARAM
from tests.identity.world import seeded

import linli
from linli.adapters.sensorthings.services import storing
from linli.cases.models import Case
from linli.cases.rules.notices import Notice
from linli.cases.services import upkeep
from linli.devices.models import Alarm, Maintenance
from linli.devices.services import assigning, incidents
from linli.identity import resolver
from linli.identity.services import sessions
from linli.kernel import clock, ids
from linli.kernel.envelope import Envelope
from linli.kernel.models import OutboxEvent
from linli.live.actors import actor_of
from linli.live.hub import Group, Wish
from linli.orgs import facade as orgs

pytestmark = pytest.mark.django_db
HERE = Path(__file__).parent
WORK = (  # one act for each kind of event that seeding alone does not make
    "POST /tasks", "POST /duty/{duty_id}/positions [mine]", "PUT /duty/{duty_id}", "PATCH /devices/{device_id}",
    "POST /devices/{device_id}/commands", "PATCH /provisioning-profiles/{profile_id}",
    "POST /campaigns/{campaign_id}/start", "POST /firmware",
    "POST /thing-model-drafts", "POST /thing-models/{code}/migrations",
    "PATCH /rules/{rule_id}", "POST /alarms/{alarm_id}/acknowledge",
    "POST /incidents/{incident_id}/assignments/{assignment_id}/undo",
    "POST /incidents/{incident_id}/comments", "POST /maintenance-windows", "PATCH /grids/{grid_id}",
    "POST /units/{unit_id}/qr/rotate", "PATCH /teams/{team_id}", "PATCH /centres/{centre_id}",
    "PATCH /accounts/{account_id}", "DELETE /accounts/{account_id}/lock", "POST /cases/{case_id}/comments",
    "DELETE /sessions/{session_id}", "PUT /form-entries/{entry_id}", "POST /cases/{case_id}/voice-notes/{voice_id}",
    "PUT /cases/{case_id}/class-forms/{code}",
    "POST /patrol-plans", "PUT /patrol-visits/{visit_id} [of the team]",
    "POST /handovers/{handover_id}/take", "POST /operations/{operation_id}/start", "POST /webhooks", "POST /bulletins",
    "POST /bulletins/{bulletin_id}/withdraw", "PATCH /rosters/{shift_id}", "POST /board",
    "PATCH /intake-hooks/{intake_id}", "PATCH /reading-hooks/{reading_hook_id}",
)  # fmt: skip


def table() -> dict[tuple[str, str], dict[str, tuple[str, str]]]:
    with (HERE / "events.csv").open(encoding="utf-8") as source:
        return {
            (line["type"], line["permission"]): {r: tuple(line[r].split("/")) for r in ("public", *ROLES)}  # type: ignore[misc]
            for line in csv.DictReader(source)
        }


TABLE = table()


def work_on(things: Things) -> None:
    """As one who may do everything there (no real account may: the administrations are separated)."""
    account = make_account(*((role, ROOT) for role in ROLES), username=f"all-{things.side}")
    desk = make_account(("dispatcher", things.leaf), username=f"desk-{things.side}")
    orgs.ensure_member(team_id=things["team_id"], account_id=desk.id)  # who sees alarms hears of the team's
    client = Client()
    client.cookies[resolver.COOKIE] = session_for(account)
    for key in WORK:
        method, path = key.split(" [")[0].split(" ", 1)
        request = REQUESTS[key](things, account) if key in REQUESTS else None
        values = {**things.ids, **(request.path if request else {})}
        url = "/api/v1" + PARAM.sub(lambda m, values=values: str(values[m[1]]), path)
        data = json.dumps(request.body if request and request.body is not None else {})
        form = request.files if request else None
        answer = client.post(url, form) if form else client.generic(method, url, data, content_type="application/json")
        assert answer.status_code < 300, f"{key}: {answer.status_code} {answer.content!r}"
    private = f"/api/v1/cases/{things['private_id']}/comments"
    assert client.post(private, {"text": "已联系"}, content_type="application/json").status_code == 201
    sessions._open(account, None, "", "")
    raise_alarm(things)
    now = clock.now()
    Maintenance.objects.create(title="检修", area_path=things.leaf, starts_at=now, ends_at=now + timedelta(hours=1))
    raise_alarm(things, 1_900_000_900_000)  # which these works hold
    incidents.tell([things["incident_id"]], "incident.raised", "open")
    assigning.emit_notice(Alarm.objects.get(pk=things["alarm_id"]), "escalated", permission="alarms.act")
    notice(things)
    observe(things)


def observe(things: Things) -> None:
    """A text as an observation of SensorThings."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, area_path FROM sta_datastream WHERE device_id = %s", [things["device_id"]])
        stream, area = cursor.fetchone()
    storing.tell(stream, area, [(f"{stream}t1n1", None)])


def notice(things: Things) -> None:
    """A limit that is near: told to a team's lead, and of other cases to those who supervise."""
    orgs.ensure_member(team_id=things["team_id"], account_id=things["account_id"], lead=True)
    for case_id, team in (
        (things["case_id"], things["team_id"]),
        (things["case_id"], None),
        (things["private_id"], None),
    ):
        case = Case.objects.get(pk=case_id)
        case.team_id = team
        upkeep._tell(case, Notice("handle", "warn", "team", clock.now()), None, clock.now())


def raise_alarm(things: Things, at: int = 1_900_000_000_000) -> None:
    """As `sense` does it, in SQL."""
    made = {"alarm_id": str(ids.new_id()), "event_id": str(ids.new_id()), "device_id": str(things["device_id"]),
            "rule_id": str(things["rule_id"]), "rule_version": 1, "property": "level", "value": 5,
            "started_at": at, "raised_at": at}  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("UPDATE devices_alarm SET cleared_at = now() WHERE device_id = %s", [things["device_id"]])
        cursor.execute("UPDATE devices_rule SET enabled = true WHERE id = %s", [things["rule_id"]])
        cursor.execute("SELECT devices_alarm_raise(%s::jsonb)", [json.dumps(made)])


@pytest.fixture(scope="module")
def heard(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[World, list[tuple[str, Envelope]]]]:
    """(world, [(side, envelope)])."""
    with seeded(django_db_blocker) as world:
        for things in world.sides.values():
            work_on(things)
        found = [Envelope(**row.envelope) for row in OutboxEvent.objects.all()]
        yield world, [(side_of(e, world), e) for e in found]


def side_of(envelope: Envelope, world: World) -> str:
    for name, things in world.sides.items():
        if envelope.area.startswith(things.area):
            return name
    return ""


def key_of(envelope: Envelope) -> tuple[str, str]:
    if envelope.audience.startswith("account:"):
        return envelope.type, "account"
    return envelope.type, "public" if envelope.audience == "public" else envelope.permission


def listener(world: World, role: str) -> Group:
    client = Client()
    if role in world.tokens:
        client.cookies[resolver.COOKIE] = world.tokens[role]
    return Group(actor_of(client.get("/api/v1/live/session").json()), Wish(public=role == "public"))


def test_every_event_reaches_whom_the_table_says(heard: tuple[World, list[tuple[str, Envelope]]]) -> None:
    world, events = heard
    groups = {role: listener(world, role) for role in ("public", *ROLES)}
    wrong, met = [], set()
    for side, envelope in events:
        key = key_of(envelope)
        met.add(key)
        assert key in TABLE, f"{key} has no row in events.csv"
        for role, (own, other) in TABLE[key].items():
            if not side and own != other:
                continue  # an event of the whole district
            expected = (other if side == "other" else own) == "+"
            if groups[role].wants(envelope) is not expected:
                wrong.append(f"{key} {role} {side}: {'missed' if expected else 'heard'}")
    assert wrong == []
    unseen = set(TABLE) - met - {("model.changed", "devices.view")}  # made by packs at start
    assert sorted(unseen) == [], "rows whose event was never met"


def test_every_event_that_the_source_names_has_a_row() -> None:
    types = {t for t, _ in TABLE}
    for path in Path(linli.__file__).parent.rglob("*.py"):
        if path.parts[-2] in ("live", "engines", "sim"):
            continue
        for found in re.findall(r'type="([a-z]+\.[a-z_]+)"', path.read_text(encoding="utf-8")):
            assert found in types, f"{path}: {found} has no row in events.csv"


def test_no_event_holds_a_name_a_phone_or_a_position_of_staff(heard: tuple[World, list[tuple[str, Envelope]]]) -> None:
    for _, envelope in heard[1]:
        text = json.dumps(envelope.data, ensure_ascii=False)
        assert "13800001234" not in text and "测试员" not in text and "居民" not in text, envelope
        if envelope.kind == "duty":
            assert not {"lon", "lat"} & set(envelope.data), envelope
