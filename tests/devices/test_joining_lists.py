"""Lists about joining: who came in, who was refused, claims, certificates, labels."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.certificates import certificate
from tests.devices.test_joining import ALL, GRID, ask, loose, me, new_profile, profile, says  # noqa: F401

from linli.devices import contracts
from linli.devices.joining_models import Claim, ProvisioningProfile, Refusal
from linli.devices.models import Credential, Device
from linli.devices.services import provisioning
from linli.kernel import clock
from linli.kernel.models import OutboxEvent

pytestmark = pytest.mark.django_db
OTHER = "340121403.002"


def test_who_came_in_is_listed_with_when_and_by_which_profile(
    profile: dict[str, Any], me: Any, call: Callable, django_assert_max_num_queries: Callable  # noqa: F811
) -> None:  # fmt: skip
    second = new_profile(me, name_zh="另一个")
    for n in range(3):
        ask(profile, f"A-{n}")
    ask(second, "B-0")
    with django_assert_max_num_queries(2):
        page = me.get("/provisioned-devices?limit=3")
    assert [d["code"] for d in page["items"]] == ["B-0", "A-2", "A-1"]
    assert page["items"][0]["profile"]["zh"] == "另一个" and page["items"][0]["last_seen"] is None
    after = me.get(f"/provisioned-devices?limit=3&cursor={page['next']}")
    assert [d["code"] for d in after["items"]] == ["A-0"] and after["next"] is None
    assert len(me.get(f"/provisioned-devices?profile_id={profile['id']}")["items"]) == 3
    assert [d["code"] for d in me.get("/provisioned-devices?q=a-1")["items"]] == ["A-1"]
    assert call(OTHER, *ALL).get("/provisioned-devices")["items"] == []
    found = {p["id"]: p for p in me.get("/provisioning-profiles")["items"]}
    assert (found[profile["id"]]["used"], found[second["id"]]["used"]) == (3, 1)
    assert found[profile["id"]]["last_at"] == me.get("/provisioned-devices?q=A-2")["items"][0]["at"]
    assert [p["id"] for p in me.get("/provisioning-profiles?q=另一")["items"]] == [second["id"]]


def test_who_was_refused_is_listed_with_the_reason(profile: dict[str, Any], me: Any, call: Callable) -> None:  # noqa: F811
    for n in range(3):
        ask(profile, f"A-{n}")
    OutboxEvent.objects.all().delete()
    assert ask(profile, "A-9")[0] == "full" and ask(profile, "A-9")[0] == "full"
    assert ask(profile, "A-9", secret="wrong") == ("not-found", None)
    _, there = ask(profile, "A-1", heard=True)
    found = {(r["name"], r["reason"]): r for r in me.get("/provisioning-refusals")["items"]}
    assert set(found) == {("A-9", "full"), ("A-9", "wrong-secret"), ("A-1", "speaks")}
    assert found["A-9", "full"]["count"] == 2 and found["A-9", "full"]["device_id"] is None
    assert found["A-1", "speaks"]["device_id"] == str(there)
    news = OutboxEvent.objects.filter(type="provisioning.changed")
    assert [e.envelope["data"] for e in news] == [{"change": "refused"}] * 3, "the same again is no news for a minute"
    assert {e.envelope["permission"] for e in news} == {"devices.credentials"}
    assert me.get("/provisioning-profiles")["items"][0]["refused"] == 3
    assert [r["reason"] for r in me.get("/provisioning-refusals?reason=full")["items"]] == ["full"]
    assert me.get("/provisioning-refusals?q=A-1")["items"][0]["reason"] == "speaks"
    assert call(OTHER, *ALL).get("/provisioning-refusals")["items"] == []
    assert me("GET", "/provisioning-refusals?reason=x").status_code == 422
    answer = me("GET", "/provisioning-refusals.csv?reason=full")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [r[:4] for r in rows] == [["名称", "原因", "自注册配置", "次数"], ["A-9", "名额已满", "水位计自注册", "2"]]
    Refusal.objects.filter(reason="full").update(last_at=clock.now() - timedelta(days=31))
    assert provisioning.forget_refusals() == 1 and Refusal.objects.count() == 2


def test_a_flood_of_names_fills_no_table(profile: dict[str, Any], me: Any) -> None:  # noqa: F811
    row = ProvisioningProfile.objects.get()
    Refusal.objects.bulk_create([Refusal(profile=row, name=f"x-{n}", reason="full") for n in range(499)])
    for name in ("y-1", "y-2", "y-3"):
        ask(profile, name, secret="wrong")
    ask(profile, "y-1", secret="wrong")
    rest = Refusal.objects.filter(reason="wrong-secret").order_by("name").values_list("name", "count")
    assert list(rest) == [("", 2), ("y-1", 2)]


def test_claims_by_their_state(loose: Device, me: Any, call: Callable) -> None:  # noqa: F811
    assert me.get("/device-claims")["items"] == [], "it did not ask"
    assert says(loose, "1234")
    one = me.get("/device-claims?state=open")["items"][0]
    assert (one["code"], one["state"], one["tries"]) == ("CL-1", "open", 0) and one["expires_at"]
    assert me.get("/device-claims?state=taken")["items"] == []
    Claim.objects.update(tries=5)
    assert me.get("/device-claims?state=open")["items"] == [], "five wrong secrets close it"
    assert me.get("/device-claims?state=expired")["items"][0]["state"] == "expired"
    Claim.objects.update(tries=0)
    me.post("/devices/claim", {"code": "CL-1", "secret": "1234", "owner_department": "园林", "area_path": OTHER})
    taken = call(OTHER, *ALL).get("/device-claims?state=taken&q=CL")["items"][0]
    assert taken["claimed_by"] == str(me.actor.account_id) and taken["owner_department"] == "园林"
    assert call(GRID, *ALL).get("/device-claims")["items"] == []
    me.post(f"/devices/{loose.pk}/unclaim")
    assert me.get("/device-claims")["items"] == []
    assert me("GET", "/device-claims?state=x").status_code == 422


def test_certificates_by_when_they_end(gauge: Device, me: Any, django_assert_max_num_queries: Callable) -> None:  # noqa: F811
    path, pems = f"/devices/{gauge.pk}/certificates", [certificate(days=days)[0] for days in (200, 20)]
    made = [me.post(path, {"certificate": pem}, 201) for pem in pems]
    parsed = contracts.parse_certificate(pems[1])
    assert made[1]["fingerprint"] == parsed.fingerprint and made[1]["subject"] == "CN=localhost"
    with django_assert_max_num_queries(1):
        page = me.get("/device-certificates?limit=1")
    assert [(c["id"], c["state"]) for c in page["items"]] == [(made[1]["id"], "expiring")]
    assert page["items"][0]["fingerprint"] == parsed.fingerprint and page["items"][0]["issuer"] == "CN=localhost"
    after = me.get(f"/device-certificates?limit=1&cursor={page['next']}")["items"]
    assert [(c["id"], c["state"]) for c in after] == [(made[0]["id"], "valid")]
    assert [c["id"] for c in me.get("/device-certificates?state=expiring")["items"]] == [made[1]["id"]]
    me("DELETE", f"/devices/{gauge.pk}/credentials/{made[0]['id']}")
    assert [c["state"] for c in me.get("/device-certificates?state=revoked")["items"]] == ["revoked"]
    Credential.objects.filter(pk=made[1]["id"]).update(expires_at=clock.now() - timedelta(days=1))
    assert [c["state"] for c in me.get("/device-certificates?state=expired")["items"]] == ["expired"]
    assert me.get("/device-certificates?state=valid")["items"] == []


def test_a_label_opens_the_claim(gauge: Device, me: Any, call: Callable) -> None:  # noqa: F811
    answer = me("GET", f"/devices/{gauge.pk}/label.svg")
    assert answer["Content-Type"] == "image/svg+xml" and answer.content.startswith(b"<svg")
    assert call("340121404", *ALL)("GET", f"/devices/{gauge.pk}/label.svg").status_code == 404
    assert call("340121403", "devices.view")("GET", f"/devices/{gauge.pk}/label.svg").status_code == 403
