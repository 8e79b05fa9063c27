"""What the permission matrix stands on: the same things in two neighbouring areas.

`Things` holds ids by the names of path parameters (`team_id`, `case_id`, …); `{name}` in a path is filled from it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from shapely.geometry import box, mapping, shape
from tests.certificates import certificate
from tests.identity.accounts import ROLES, make_account, session_for
from tests.identity.model_factories import seed_models, seed_reading_hook

from linli.adapters.intake.services import entering as intake
from linli.adapters.open311.services import endpoints as open311
from linli.adapters.webhooks.models import Delivery, Hook
from linli.cases import facade as cases
from linli.cases.contracts import Contact
from linli.cases.models import Call, Case, Photo, Reporter
from linli.cases.services import routing
from linli.command import card_services, operation_plan, operation_services
from linli.command.models import BoardNote, Handover
from linli.devices.contracts import TOKEN_KEY, parse_certificate, secret_hash
from linli.devices.models import (
    Alarm,
    Assignment,
    Campaign,
    Claim,
    Command,
    Credential,
    Device,
    Incident,
    IncidentNote,
    Maintenance,
    Provisioned,
    ProvisioningProfile,
    Refusal,
    Rule,
    ThingModel,
    Update,
)
from linli.devices.services import campaigns, firmware
from linli.field.models import Entry
from linli.identity import facade as identity
from linli.identity.models import Account, ApiKey, RoleGrant, Session
from linli.insight.models import Bulletin
from linli.kernel import audit, clock, ids
from linli.kernel.actor import SYSTEM
from linli.kernel.models import PersonalRead
from linli.orgs import facade as orgs
from linli.places import codes, index, plans
from linli.places.models import Building, Compound, Grid, GridChange, QrCode, Unit
from linli.places.services import reshape
from linli.work import facade as work
from linli.work import services as work_services
from linli.work.models import Duty, PatrolPlan, PatrolPoint, Shift

ROOT = "340121988"
SIDES = {"own": ("001", 0), "other": ("002", 4)}
W, S, STEP = 117.25, 31.97, 0.005


@dataclass
class Things:
    """One side of the world."""

    side: str
    area: str
    leaf: str
    lon: float
    lat: float
    ids: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.ids[name]


@dataclass
class Ask:
    """How a route is asked; without a body a write sends `{}`."""

    body: Any = None
    query: str = ""
    files: dict[str, Any] | None = None
    raw: tuple[bytes, str] | None = None
    path: dict[str, Any] = field(default_factory=dict)


@dataclass
class World:
    sides: dict[str, Things]
    accounts: dict[str, Account]
    tokens: dict[str, str]


def jpeg() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (48, 32), "teal").save(out, "JPEG")
    return out.getvalue()


def picture() -> SimpleUploadedFile:
    return SimpleUploadedFile("p.jpg", jpeg(), "image/jpeg")


def square(x: float, y: float, w: float, h: float) -> dict[str, Any]:
    return mapping(box(W + x * STEP, S + y * STEP, W + (x + w) * STEP, S + (y + h) * STEP))


def build() -> World:
    """The district ROOT with grids 001 (own) and 002 (other), two grids below each; a holder of each role in 001."""
    root = _grid(ROOT, ROOT, 0, square(0, 0, 8, 4), None)
    sides = {name: _side(name, *spec, root) for name, spec in SIDES.items()}
    reshape.bump(reshape.lock())
    index.refresh()
    model = ThingModel.objects.create(
        code="matrix-gauge", name_zh="水位计", name_en="Gauge", subject="place", category="water", interval_s=60,
        properties=[{"code": "level", "name": {"zh": "水位", "en": "level"}, "type": "number", "unit": "m",
                     "min": 0, "max": 10, "precision": 2}],
    )  # fmt: skip
    ThingModel.objects.create(
        code="matrix-household", name_zh="居家水表", name_en="Household meter", subject="household", category="water",
        interval_s=3600, properties=model.properties,
    )  # fmt: skip
    for things in sides.values():
        for seed in (
            _places,
            _people,
            _orgs,
            _devices,
            _cases,
            _desk,
            _work,
            _forms,
            _records,
            _open311,
            _intake,
            _webhooks,
        ):
            seed(things, model)
    accounts = {role: make_account((role, sides["own"].area), username=role.replace("_", "-")) for role in ROLES}
    orgs.ensure_member(team_id=sides["own"]["team_id"], account_id=accounts["team_member"].id)
    return World(sides, accounts, {role: session_for(row) for role, row in accounts.items()})


def _grid(code: str, segment: str, level: int, polygon: dict[str, Any], parent: Grid | None) -> Grid:
    path = f"{parent.area_path}.{segment}" if parent else segment
    grid = Grid(code=code, segment=segment, level=level, parent=parent, name_zh=f"网格{code}", area_path=path)
    plans.set_shape(grid, shape(polygon)).save()
    return grid


def _side(name: str, segment: str, x: int, root: Grid) -> Things:
    """Left 3/4 of the side is covered by two grids, the rest is free for a new one."""
    top = _grid(ROOT + segment, segment, 1, square(x, 0, 4, 4), root)
    first = _grid(top.code + "01", "01", 2, square(x, 0, 3, 2), top)
    second = _grid(top.code + "02", "02", 2, square(x, 2, 3, 2), top)
    things = Things(name, top.area_path, first.area_path, W + (x + 1) * STEP, S + STEP)
    things.ids |= {"top_id": top.id, "grid_id": first.id, "second_id": second.id, "x": x}
    return things


def _places(things: Things, model: ThingModel) -> None:
    at = {"lon": things.lon, "lat": things.lat, "grid_id": things["grid_id"], "area_path": things.leaf}
    side = things.side
    compound = Compound.objects.create(code=f"K-{side}", name_zh="家园", hotline="0551-66110000", **at)
    building = Building.objects.create(code=f"B-{side}", compound=compound, name_zh="1 号楼", **at)
    unit = Unit.objects.create(
        code=f"U-{side}", building=building, label_zh="1 单元", label_en="Unit 1",
        short_code=codes.short_code(30_000 + len(side)), **at,
    )  # fmt: skip
    code = QrCode.objects.create(code=codes.new_qr(), unit=unit).code
    change = GridChange.objects.create(
        kind="redraw", area_path=things.area, actor="system:-", undo_until=clock.now() + timedelta(days=1), revision=1
    )
    things.ids |= {"compound_id": compound.id, "building_id": building.id, "unit_id": unit.id, "change_id": change.id,
                   "qr": code, "short": unit.short_code}  # fmt: skip


def _people(things: Things, model: ThingModel) -> None:
    account = make_account(("grid_member", things.leaf), area_path=things.leaf, username=f"person-{things.side}")
    identity.create_apikey(account_id=account.id)
    session_for(account)
    program = make_account(("integrator", things.leaf), area_path=things.leaf, username=f"program-{things.side}")
    keeper = make_account(("audit_admin", things.leaf), area_path=things.leaf, username=f"keeper-{things.side}")
    things.ids |= {
        "account_id": account.id,
        "program_id": program.id,
        "keeper_id": keeper.id,
        "grant_id": RoleGrant.objects.get(account=account).id,
        "session_id": Session.objects.get(account=account).id,
        "apikey_id": ApiKey.objects.get(account=account).id,
    }


def _orgs(things: Things, model: ThingModel) -> None:
    things.ids["centre_id"] = orgs.ensure_centre(code=f"c-{things.side}", name_zh="分中心", area_path=things.leaf)
    team = orgs.ensure_team(code=f"t-{things.side}", name_zh="一队", kind="patrol", area_path=things.leaf)
    orgs.ensure_member(team_id=team, account_id=things["account_id"])
    things.ids["team_id"] = team


def _incident(things: Things, device: Device) -> Incident:
    incident = Incident.objects.create(
        root="gateway", key=str(device.id), nature="silence", device=device, name_zh="网关", name_en="Gateway",
        title_zh="设备无数据", title_en="devices silent", severity="severe", began_at=clock.now(),
        last_at=clock.now(), alarms=1, devices=1, area_path=things.leaf, team_id=things["team_id"],
    )  # fmt: skip
    given = Assignment.objects.create(incident=incident, kind="hand_over", team_id=things["team_id"])
    things.ids["storm_assignment_id"] = given.id
    seen = IncidentNote.objects.create(incident=incident, kind="acknowledge", alarms=1)
    things.ids |= {"incident_id": incident.id, "act_id": seen.id}
    return incident


def _devices(things: Things, model: ThingModel) -> None:
    device = Device.objects.create(
        code=f"WL-{things.side}", name_zh="水位计", model=model, area_path=things.leaf, grid_id=things["grid_id"],
        lon=things.lon, lat=things.lat,
    )  # fmt: skip
    pendant = Device.objects.create(
        code=f"HH-{things.side}", name_zh="居家水表", model_id="matrix-household", area_path=things.leaf,
        lon=things.lon, lat=things.lat,
    )  # fmt: skip
    rule = Rule.objects.create(
        code=f"high-{things.side}", title_zh="水位过高", title_en="High", model=model, property="level",
        kind="threshold", op="gt", value=3.0, clear_value=2.8, severity="severe", area_path=things.leaf,
    )  # fmt: skip
    now = clock.now()
    incident = _incident(things, device)
    alarm = Alarm.objects.create(
        incident=incident, looked_at=now, device=device, rule=rule, rule_version=1, severity="severe",
        title_zh="水位过高", title_en="High", property="level", value=3.5, started_at=now, raised_at=now,
        area_path=things.leaf, lon=things.lon, lat=things.lat, team_id=things["team_id"],
    )  # fmt: skip
    given = Assignment.objects.create(alarm=alarm, kind="hand_over", team_id=things["team_id"])
    things.ids |= {"assignment_id": given.id, "device_code": device.code, "household_code": pendant.code}
    for hours in (5, 6):  # thrice is flapping
        at = now - timedelta(hours=hours)
        Alarm.objects.create(device=device, rule=rule, rule_version=1, severity="severe", title_zh="水位过高",
                             title_en="High", started_at=at, raised_at=at, cleared_at=at, area_path=things.leaf,
                             looked_at=at)  # fmt: skip
    works = Maintenance.objects.create(
        title="检修", reason="换线", area_path=things.leaf, starts_at=now + timedelta(hours=1),
        ends_at=now + timedelta(hours=2),
    )  # fmt: skip
    credential = Credential.objects.create(device=device, token_hash=ids.new_id().bytes * 2, hint="abcd")
    command = Command.objects.create(device=device, method="open", expires_at=now + timedelta(hours=1))
    things.ids |= {
        "device_id": device.id, "command_id": command.id, "rule_id": rule.id, "alarm_id": alarm.id,
        "window_id": works.id, "rule_code": rule.code,
        "credential_id": credential.id, "household_id": pendant.id, "code": model.code,
    }  # fmt: skip
    _joining(things, model)
    seed_models(things)


def _joining(things: Things, model: ThingModel) -> None:
    """A profile, a device that may be claimed by 1234, one that is claimed."""
    at = {"model": model, "area_path": things.leaf, "grid_id": things["grid_id"]}
    profile = ProvisioningProfile.objects.create(
        key=f"key-{things.side}", secret_hash=b"x" * 32, name_zh="自注册", max_devices=5, **at
    )
    free = Device.objects.create(code=f"CL-{things.side}", name_zh="待认领", state="planned", **at)
    hashed = secret_hash(settings.HOME.secret(TOKEN_KEY), str(free.id), "1234")
    Claim.objects.create(device=free, secret_hash=hashed, expires_at=clock.now() + timedelta(days=1))
    taken = Device.objects.create(code=f"CT-{things.side}", name_zh="已认领", owner_department="园林", **at)
    Claim.objects.create(device=taken, claimed_at=clock.now(), before={"area_path": things.leaf})
    things.ids |= {"profile_id": profile.id, "claimed_id": taken.id}
    Provisioned.objects.create(device=taken, profile=profile, at=clock.now(), open_until=clock.now())
    Refusal.objects.create(profile=profile, name=f"refused-{things.side}", reason="full")
    shown = parse_certificate(certificate()[0])
    Credential.objects.create(device=taken, token_hash=ids.new_id().bytes * 2, protocol="x509", certificate=shown.der,
                              expires_at=shown.expires_at)  # fmt: skip
    things.ids |= {"joined_code": taken.code, "certified_code": taken.code, "refused_name": f"refused-{things.side}"}
    new = firmware.add_firmware(actor=SYSTEM, model=model.code, kind="firmware", title=things.side, version="1",
                                data=b"new", area_path=things.leaf)  # fmt: skip
    plan = campaigns.create_campaign(actor=SYSTEM, firmware_id=new.id, name="升级", area_path=things.leaf,
                                     device_ids=[things["device_id"]], stages=[50, 100])  # fmt: skip
    for state in ("running", "paused", "done"):
        things.ids[state] = Campaign.objects.create(firmware=new, name=state, area_path=things.leaf, state=state,
                                                    stage=1, stages=[50, 100]).id  # fmt: skip
    Update.objects.create(campaign_id=things.ids["done"], device=taken, kind="firmware", stage=1, state="failed",
                          open=False)  # fmt: skip
    things.ids |= {"firmware_id": new.id, "campaign_id": plan.id, "firmware_file_id": new.file_id}


def _case(things: Things, *, private: bool = False) -> tuple[UUID, str]:
    """(case, the secret of its ticket)."""
    receipt = cases.report_signal(
        actor=SYSTEM, channel="hotline", kind="problem", text="积水", lon=things.lon, lat=things.lat, private=private,
        photos=[jpeg()], contact=Contact(phone="13800001234", name="居民", consent=True),
    )  # fmt: skip
    return receipt.case_id, receipt.secret


def _desk(things: Things, model: ThingModel) -> None:
    call = Call.objects.create(
        case_id=things["case_id"], outcome="reached", note="今晚修", promised_at=clock.now() + timedelta(hours=1)
    )
    note = Handover.objects.create(area_path=things.leaf, state="handed", handed_at=clock.now())
    bulletin = Bulletin.objects.create(
        area_path=things.leaf, start=date(2026, 11, 2), end=date(2026, 11, 8), state="issued", issued_at=clock.now(),
        number=f"2026-{things.side}", centres=[{"area": things.leaf}], title={"zh": "通报", "en": "Bulletin"},
        figures={"area": {"zh": "片", "en": "Area"}, "items": [], "at": clock.now().isoformat()},
    )  # fmt: skip
    late = _case(things)[0]
    Case.objects.filter(id=late).update(due_at=clock.now() - timedelta(days=2))
    things.ids |= {"call_id": call.id, "handover_id": note.id, "bulletin_id": bulletin.id, "late_id": late}
    run = card_services.start_card(actor=SYSTEM, case_id=things["case_id"], playbook="power_cut")
    things.ids |= {"run_id": run.id, "step_key": "ask", "post": "liaison"}
    board = BoardNote.objects.create(centre_id=things["centre_id"], area_path=things.leaf, title="防汛值守")
    shift = Shift.objects.create(
        account_id=things["account_id"], team_id=things["team_id"], area_path=things.leaf, state="published",
        starts_at=clock.now(), ends_at=clock.now() + timedelta(hours=8),
    )  # fmt: skip
    things.ids |= {"note_id": board.id, "shift_id": shift.id}
    now = clock.now()
    plan = operation_plan.Plan("联合巡查", things.leaf, now, now + timedelta(hours=2), [things["team_id"]],
                               checks=["集合"])  # fmt: skip
    things.ids["version_id"] = routing.create_draft(actor=SYSTEM, start=None, rules=[]).id
    things.ids["operation_id"] = operation_services.create_operation(actor=SYSTEM, plan=plan).id


def _webhooks(things: Things, model: ThingModel) -> None:
    row = Hook.objects.create(
        account_id=things["account_id"], name="钩子", url="https://example.org/in", types=["case.*"], secret=b"x",
        enabled=False,
    )  # fmt: skip
    sent = Delivery.objects.create(hook=row, event_id=ids.new_id(), type="case.changed", body={}, state="sent")
    things.ids |= {"hook_id": row.id, "delivery_id": sent.id}


def _cases(things: Things, model: ThingModel) -> None:
    (case, secret), (private, private_secret) = _case(things), _case(things, private=True)
    photo, hidden = Photo.objects.get(case_id=case), Photo.objects.get(case_id=private)
    things.ids |= {
        "case_id": case, "private_id": private, "photo_id": photo.id, "case_file_id": photo.file_id,
        "private_file_id": hidden.file_id, "case_number": Case.objects.get(id=case).number,
        "private_number": Case.objects.get(id=private).number, "reporter_id": Reporter.objects.get(case_id=case).id,
        "secret": secret, "private_secret": private_secret,
    }  # fmt: skip


def _work(things: Things, model: ThingModel) -> None:
    task = work.open_task(
        actor=SYSTEM, case_id=None, team_id=things["team_id"], area_path=things.leaf, title="疏通雨水口",
        place={"lon": things.lon, "lat": things.lat},
    )  # fmt: skip
    free = work.open_task(actor=SYSTEM, case_id=None, team_id=None, area_path=things.leaf, title="巡查")
    member = make_account(("grid_member", things.leaf), username=f"onduty-{things.side}")
    duty = Duty.objects.create(
        account=member, area_path=things.leaf, started_at=clock.now(), lon=things.lon, lat=things.lat,
        position_at=clock.now(),
    )  # fmt: skip
    plan = PatrolPlan.objects.create(kind="round", name="巡河", area_path=things.leaf, begins="00:00", ends="23:59",
                                     team_ids=[str(things["team_id"])])  # fmt: skip
    point = PatrolPoint.objects.create(plan=plan, name="闸口", area_path=things.leaf, lon=things.lon, lat=things.lat)
    things.ids |= {"plan_id": plan.id, "point_id": point.id, "leaf_path": things.leaf}
    photo = work_services.add_photo(actor=SYSTEM, task_id=task, photo_id=ids.new_id(), stage="before", data=jpeg())
    things.ids |= {"task_id": task, "free_task_id": free, "duty_id": duty.id, "task_file_id": photo.file_id}


def _forms(things: Things, model: ThingModel) -> None:
    entry = Entry.objects.create(
        form_code="household_visit", form_version=1, kind="visit", area_path=things.leaf, lon=things.lon,
        lat=things.lat, by_id=things["account_id"], filled_at=clock.now(), answers={"met": "yes"},
        person='{"need": "轮椅"}', consent_at=clock.now(),
    )  # fmt: skip
    things.ids |= {"entry_id": entry.id}


def _records(things: Things, model: ThingModel) -> None:
    mark = f"matrix-{things.side}"
    audit.record(actor=SYSTEM, action="test.mark", kind="matrix", ref=mark, area=things.leaf)
    PersonalRead.objects.create(
        actor="system:-", subject_kind="matrix", subjects=[mark], fields=["phone"], purpose="test",
        area_path=things.leaf,
    )  # fmt: skip
    things.ids |= {"mark": mark}


def _open311(things: Things, model: ThingModel) -> None:
    given = {"name": f"Next city {things.side}", "base_url": "https://next.example/v2", "area_path": things.leaf}
    things.ids["endpoint_id"] = open311.create_endpoint(actor=SYSTEM, given=given).id


def _intake(things: Things, model: ThingModel) -> None:
    given = {"name": f"Forms {things.side}", "kind": "json", "area_path": things.leaf, "channel": "",
             "mapping": {"text": ["$.text"]}}  # fmt: skip
    things.ids["intake_id"] = intake.create_hook(actor=SYSTEM, given=given)[0].id
    seed_reading_hook(things)
