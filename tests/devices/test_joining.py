"""Provisioning profiles and claims: routes, and the SQL that the gateway calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection
from tests.certificates import certificate

from linli.devices import contracts
from linli.devices.joining_models import Claim, ClaimTry, Provisioned, ProvisioningProfile
from linli.devices.models import Credential, Device, DeviceStatus, ThingModel
from linli.kernel import clock, ids
from linli.kernel.models import AuditRow, OutboxEvent
from linli.orgs import facade as orgs

GRID = "340121403.001"
ALL = ("devices.view", "devices.manage", "devices.credentials")
pytestmark = pytest.mark.django_db


def key() -> bytes:
    return settings.HOME.secret(contracts.TOKEN_KEY)


@pytest.fixture
def me(call: Callable) -> Any:
    return call("340121403", *ALL)


@pytest.fixture
def profile(grids: list, water: ThingModel, me: Any) -> dict[str, Any]:
    return new_profile(me)


def new_profile(me: Any, **more: Any) -> dict[str, Any]:
    body = {
        "name_zh": "水位计自注册",
        "model": "t_water",
        "area_path": GRID,
        "max_devices": 3,
        "owner_department": "水务",
    }
    made: dict[str, Any] = me.post("/provisioning-profiles", body | more, 201)
    return made


def ask(profile: dict[str, Any], name: str, token: str = "", *, secret: str = "", heard: bool = False,
        gateway: bool = False) -> tuple[str, Any]:  # fmt: skip
    """As the gateway asks."""
    doc = {"key": profile["key"], "name": name, "new_id": str(ids.new_id()), "protocol": "", "hint": "x",
           "heard": heard, "gateway": gateway}  # fmt: skip
    args = (json.dumps(doc), contracts.secret_hash(key(), profile["key"], secret or profile["secret"]),
            contracts.token_hash(key(), token or contracts.new_token()), contracts.search_words(name))  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(contracts.PROVISION_SQL, args)
        found: tuple[str, Any] = cursor.fetchone()
        return found


def live(device: UUID) -> list[bytes]:
    return [bytes(c.token_hash) for c in Credential.objects.filter(device_id=device, revoked_at=None)]


# --- profiles -------------------------------------------------------------------------------------------------------


def test_the_secret_is_shown_once_and_kept_as_hmac(profile: dict[str, Any], me: Any) -> None:
    assert len(profile["secret"]) > 20 and profile["hint"] == profile["secret"][-4:]
    assert "secret" not in me.get(f"/provisioning-profiles/{profile['id']}")
    row = ProvisioningProfile.objects.get()
    assert profile["secret"].encode() not in bytes(row.secret_hash) and len(bytes(row.secret_hash)) == 32
    assert AuditRow.objects.filter(action="provisioning.create", ref=profile["id"]).count() == 1
    told = OutboxEvent.objects.get(type="provisioning.changed").envelope
    assert (told["area"], told["permission"]) == (GRID, "devices.credentials") and "secret" not in json.dumps(told)
    answer = me("POST", f"/provisioning-profiles/{profile['id']}/secret")
    assert answer["Cache-Control"] == "no-store"
    renewed = profile | {"secret": answer.json()["secret"]}
    assert ask(profile, "A")[0] == "not-found" and ask(renewed, "A")[0] == "made"


@pytest.mark.parametrize(
    ("body", "field"),
    [({"max_devices": 0}, "max_devices"), ({"name_zh": " "}, "name_zh"),
     ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
     ({"model": "none"}, "model"), ({"model": "t_meter"}, "model"), ({"area_path": "9"}, "place"),
     ({"owner_team_id": str(ids.new_id())}, "owner_team_id")],
)  # fmt: skip
def test_bad_profiles_are_named(grids: list, water: ThingModel, me: Any, body: dict[str, Any], field: str) -> None:
    ThingModel.objects.create(code="t_meter", name_zh="表", name_en="M", subject="household", category="other")
    whole = {"name_zh": "x", "model": "t_water", "area_path": GRID, "max_devices": 3} | body
    assert me.post("/provisioning-profiles", whole, 422)["errors"][0]["field"] == field


def test_profiles_change_and_end(profile: dict[str, Any], me: Any) -> None:
    path = f"/provisioning-profiles/{profile['id']}"
    changed = me.patch(path, {"version": 1, "enabled": False, "expires_at": None})
    assert (changed["enabled"], changed["version"]) == (False, 2)
    assert me.patch(path, {"version": 1, "enabled": True}, 409)["type"].endswith("stale")
    assert ask(profile, "A")[0] == "closed"
    me.patch(path, {"version": 2, "enabled": True})
    assert ask(profile, "A")[0] == "made"
    assert me.post(f"{path}/end")["ended_at"] and me.post(f"{path}/end")["ended_at"], "twice changes nothing"
    assert ask(profile, "B")[0] == "closed"
    assert me.patch(path, {"version": 4, "enabled": True}, 409)["type"].endswith("ended")
    assert me.get("/provisioning-profiles")["items"] == []
    assert [p["used"] for p in me.get("/provisioning-profiles?ended=true")["items"]] == [1]


def test_profiles_by_pages_and_by_area(
    profile: dict[str, Any], me: Any, call: Callable, django_assert_max_num_queries: Callable
) -> None:
    made = [profile["id"], *(new_profile(me)["id"] for _ in range(4))]
    with django_assert_max_num_queries(4):
        page = me.get("/provisioning-profiles?limit=3")
    rest = me.get(f"/provisioning-profiles?limit=3&cursor={page['next']}")
    assert [p["id"] for p in page["items"] + rest["items"]] == made[::-1] and rest["next"] is None
    other = call("340121403.002", *ALL)
    assert other.get("/provisioning-profiles")["items"] == []
    assert other("GET", f"/provisioning-profiles/{profile['id']}").status_code == 404
    assert other("POST", f"/provisioning-profiles/{profile['id']}/end").status_code == 404
    whole = {"name_zh": "x", "model": "t_water", "area_path": GRID, "max_devices": 3}
    assert other("POST", "/provisioning-profiles", whole).status_code == 403


# --- what devices ask -----------------------------------------------------------------------------------------------


def test_a_new_name_becomes_a_device_of_the_profile(profile: dict[str, Any], me: Any) -> None:
    status, made = ask(profile, "WL-77", "t" * 30)
    found = me.get(f"/devices/{made}")
    assert status == "made" and (found["code"], found["owner_department"]) == ("WL-77", "水务")
    assert (found["model"]["code"], found["area_path"], found["state"]) == ("t_water", GRID, "active")
    assert [d["code"] for d in me.get("/devices?q=wl-77")["items"]] == ["WL-77"]
    assert live(made) == [contracts.token_hash(key(), "t" * 30)]
    assert AuditRow.objects.get(action="device.provision").detail["profile"] == profile["key"]
    assert OutboxEvent.objects.filter(type="device.changed", envelope__ref=str(made)).count() == 1
    named = me.get(f"/devices/{ask(profile, '东门 泵')[1]}")
    assert named["code"].startswith("P.") and named["name"]["zh"] == "东门 泵"
    assert ask(profile, "WL-78", secret="wrong") == ("not-found", None)


def test_no_more_than_it_may(profile: dict[str, Any]) -> None:
    assert [ask(profile, f"N-{i}")[0] for i in range(4)] == ["made", "made", "made", "full"]
    assert ask(profile, "N-1")[0] == "again", "who is in already is no new one"


def test_a_lost_answer_is_given_again_for_ten_minutes_and_only_to_who_never_spoke(profile: dict[str, Any]) -> None:
    _, made = ask(profile, "WL-1", "a" * 30)
    assert ask(profile, "WL-1", "b" * 30) == ("again", made)
    assert live(made) == [contracts.token_hash(key(), "b" * 30)], "the first answer holds no more"
    first = Provisioned.objects.get(device_id=made).open_until
    assert ask(profile, "WL-1", "b" * 30) == ("known", made), "with the same credential for ever"
    assert ask(profile, "WL-1", heard=True) == ("speaks", made), "what the gateway heard and nobody wrote down yet"
    assert Provisioned.objects.get(device_id=made).open_until == first, "asking keeps no door open"
    status = DeviceStatus.objects.create(device_id=made, last_seen=clock.now())
    assert ask(profile, "WL-1") == ("speaks", made)
    status.delete()
    Provisioned.objects.update(open_until=clock.now() - timedelta(seconds=1))
    assert ask(profile, "WL-1") == ("too-late", made)
    assert ask(profile, "WL-1", "b" * 30) == ("known", made)
    assert live(made) == [contracts.token_hash(key(), "b" * 30)]


def test_a_person_lets_a_device_register_again(profile: dict[str, Any], me: Any, call: Callable) -> None:
    _, made = ask(profile, "WL-1", "a" * 30)
    DeviceStatus.objects.create(device_id=made, last_seen=clock.now())
    assert call("340121403.002", *ALL)("POST", f"/devices/{made}/provision-again", {}).status_code == 404
    me.post(f"/devices/{made}/provision-again", {"for_s": 600})
    assert live(made) == [contracts.token_hash(key(), "a" * 30)], "what it has holds until it asks"
    assert ask(profile, "WL-1", "c" * 30) == ("again", made) and live(made) == [contracts.token_hash(key(), "c" * 30)]
    assert ask(profile, "WL-1") == ("speaks", made), "once"
    assert me.post(f"/devices/{made}/provision-again", {"for_s": 5}, 422)["errors"][0]["field"] == "for_s"


def test_what_is_registered_before(grids: list, gauge: Device, me: Any) -> None:
    profile = new_profile(me, creates=False, area_path="340121403")
    assert ask(profile, "WL-9") == ("not-registered", None)
    assert ask(profile, "WL-1", "a" * 30) == ("again", gauge.pk) and live(gauge.pk)
    other = Device.objects.create(code="WL-2", name_zh="二", model=gauge.model, area_path=GRID)
    Credential.objects.create(device=other, token_hash=b"x" * 32)
    assert ask(profile, "WL-2") == ("has-credential", other.pk)
    far = Device.objects.create(code="WL-3", name_zh="三", model=gauge.model, area_path="340121404.001")
    assert ask(profile, "WL-3") == ("taken", far.pk), "of another area"
    pump = ThingModel.objects.create(code="t_pump", name_zh="泵", name_en="P", subject="place", category="water")
    kind = Device.objects.create(code="WL-4", name_zh="四", model=pump, area_path=GRID)
    assert ask(profile, "WL-4") == ("taken", kind.pk), "of another kind"
    Device.objects.filter(pk=gauge.pk).update(state="retired")
    assert ask(profile, "WL-1") == ("taken", gauge.pk) and ask(profile, "WL-1", "a" * 30)[0] != "known"


def test_a_credential_in_use_is_no_other_devices(profile: dict[str, Any]) -> None:
    ask(profile, "WL-1", "a" * 30)
    assert ask(profile, "WL-2", "a" * 30)[0] == "credential-taken"
    assert not Device.objects.filter(code="WL-2").exists()


def test_gateways_only_where_the_profile_says_so(profile: dict[str, Any], me: Any) -> None:
    assert ask(profile, "GW-1", gateway=True) == ("no-gateways", None)
    made = ask(new_profile(me, gateways=True), "GW-1", gateway=True)[1]
    assert me.get(f"/devices/{made}")["gateway"] is True


# --- claims ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def loose(profile: dict[str, Any], me: Any) -> Device:
    """Nobody's, not in service yet."""
    return Device.objects.get(pk=ask(new_profile(me, claimable=True), "CL-1")[1])


def says(device: Device, secret: str, holds_ms: int = 60_000) -> bool:
    hashed = contracts.secret_hash(key(), str(device.pk), secret)
    with connection.cursor() as cursor:
        cursor.execute(contracts.CLAIM_SQL, (device.pk, hashed, holds_ms))
        return bool(cursor.fetchone()[0])


def claim(who: Any, code: str, secret: str, status: int = 200, **more: Any) -> Any:
    body = {"code": code, "secret": secret, "owner_department": "园林", "area_path": "340121403.002"}
    return who.post("/devices/claim", body | more, status)


def test_a_claim_makes_it_theirs_and_back(loose: Device, call: Callable) -> None:
    east = call("340121403.002", *ALL)
    assert (loose.state, loose.owner_department) == ("planned", "")
    assert claim(east, "CL-1", "1234", 409)["type"].endswith("not-claimable"), "it did not ask"
    assert says(loose, "1234")
    claim(east, "CL-1", "12345", 409)
    claim(east, "CL-9", "1234", 409)
    team = orgs.ensure_team(code="t-cl", name_zh="队", kind="patrol", area_path="340121403.002")
    found = claim(east, "CL-1", "1234", owner_team_id=str(team))
    assert (found["state"], found["owner_department"], found["owner_team_id"]) == ("active", "园林", str(team))
    assert found["area_path"] == "340121403.002" and found["grid_id"]
    assert claim(east, "CL-1", "1234")["id"] == found["id"], "an answer that was lost"
    assert AuditRow.objects.filter(action="device.claim").count() == 1 and ClaimTry.objects.count() == 3
    changes = OutboxEvent.objects.filter(type="device.changed", envelope__ref=str(loose.pk)).order_by("created_at")
    assert [e.envelope["data"]["change"] for e in changes] == ["created", "claimed"]
    assert not says(loose, "1234"), "what has an owner is not claimed"
    claim(call("340121403", *ALL), "CL-1", "1234", 409)
    back = east.post(f"/devices/{loose.pk}/unclaim")
    assert (back["state"], back["owner_department"], back["owner_team_id"], back["area_path"]) == (
        "planned",
        "",
        None,
        GRID,
    )
    claim(east, "CL-1", "1234", 409)
    assert call("340121403", *ALL).post(f"/devices/{loose.pk}/unclaim", None, 409)["type"].endswith("not-claimed")


def test_a_claim_ends_with_its_time(loose: Device, me: Any) -> None:
    assert says(loose, "1234", 1000)
    Claim.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    claim(me, "CL-1", "1234", 409)
    assert says(loose, "1234") and claim(me, "CL-1", "1234")


def test_five_wrong_secrets_close_it(loose: Device, me: Any) -> None:
    says(loose, "1234")
    for _ in range(5):
        claim(me, "CL-1", "0000", 409)
    claim(me, "CL-1", "1234", 409)
    says(loose, "1234")
    claim(me, "CL-1", "1234")


def test_twenty_wrong_claims_close_the_account_also_with_a_key(loose: Device, me: Any) -> None:
    body = {"code": "NO", "secret": "0000", "owner_department": "x", "area_path": GRID}
    for i in range(20):
        key = {"Idempotency-Key": f"k-{i}"} if i % 2 else {}
        assert me("POST", "/devices/claim", body, **key).status_code == 409
    says(loose, "1234")
    claim(me, "CL-1", "1234", 429)
    ClaimTry.objects.update(at=clock.now() - timedelta(hours=2))
    claim(me, "CL-1", "1234")


def test_what_cannot_be_claimed(gauge: Device, loose: Device, call: Callable) -> None:
    east = call("340121403.002", *ALL)
    assert says(gauge, "1234"), "nobody's, in service"
    Device.objects.filter(pk=gauge.pk).update(area_path=GRID)
    claim(east, "WL-1", "1234", 409)
    claim(call("340121403", *ALL), "WL-1", "1234")
    ThingModel.objects.create(code="t_meter", name_zh="表", name_en="M", subject="household", category="other")
    meter = Device.objects.create(code="M-1", name_zh="表", model_id="t_meter", area_path=GRID, state="planned")
    assert not says(meter, "1234")
    says(loose, "1234")
    assert claim(east, "CL-1", "1234", 403, area_path=GRID)["type"].endswith("forbidden"), "not into another's area"
    assert claim(east, "CL-1", "1234", 422, owner_department="")["errors"][0]["field"] == "owner_department"


# --- logins of MQTT -------------------------------------------------------------------------------------------------


def test_a_login_of_mqtt(gauge: Device, me: Any) -> None:
    path = f"/devices/{gauge.pk}/mqtt-logins"
    answer = me("POST", path, {"username": "u-1", "client_id": "c-1"})
    made = answer.json()
    assert answer.status_code == 201 and answer["Cache-Control"] == "no-store" and len(made["password"]) > 20
    assert live(gauge.pk) == [contracts.basic_hash(key(), "c-1", "u-1", made["password"])]
    assert (made["protocol"], made["hint"]) == ("mqtt-basic", "u-1")
    own = {"username": "u-1", "password": "a long one of my own"}
    assert me.post(path, own, 201)["password"] == own["password"]
    assert me.post(path, own, 409)["type"].endswith("credential-taken")
    for bad, field in (({"username": ""}, "username"), ({"username": "u", "password": "short"}, "password"),
                       ({"username": "u", "client_id": "x" * 201}, "client_id")):  # fmt: skip
        assert me.post(path, bad, 422)["errors"][0]["field"] == field
    me.post(f"/devices/{gauge.pk}/credentials/rotate", {}, 201)
    assert len(live(gauge.pk)) == 3, "tokens change, a login stays until it is revoked"
    assert me("DELETE", f"/devices/{gauge.pk}/credentials/{made['id']}").status_code == 204
    assert len(live(gauge.pk)) == 2


def test_a_certificate(gauge: Device, me: Any, water: ThingModel) -> None:
    path = f"/devices/{gauge.pk}/certificates"
    pem, _ = certificate()
    made = me.post(path, {"certificate": pem}, 201)
    assert made["protocol"] == "x509" and made["expires_at"] and "token" not in made
    der = contracts.parse_certificate(pem).der
    assert live(gauge.pk) == [contracts.certificate_hash(key(), der)]
    assert me.post(path, {"certificate": pem}, 409)["type"].endswith("credential-taken")
    next_ = me.post(path, {"certificate": certificate()[0]}, 201)
    assert me("DELETE", f"/devices/{gauge.pk}/credentials/{made['id']}").status_code == 204
    with connection.cursor() as cursor:
        cursor.execute(contracts.CERTIFICATES_SQL, (None, None))
        assert len(cursor.fetchall()) == 1, "the next one"
    assert me.post(path, {"certificate": pem}, 201)["id"] != next_["id"], "a revoked one may be taken up again"
    for bad in ("", "x", pem + pem, certificate(days=-1)[0], certificate(weak=True)[0], pem.replace("A", "B")):
        assert me.post(path, {"certificate": bad}, 422)["errors"][0]["field"] == "certificate"
