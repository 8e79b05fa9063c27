"""The server of GeoReport v2: forms, errors, who sees what, and reports and updates that take effect once."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
import xmlschema
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.adapters.conftest import V2, Program
from tests.cases.conftest import IN_NORTH, IN_SOUTH, NORTH, Desk, jpeg

from linli.cases import facade as cases
from linli.cases.models import Case, Photo, Reporter, TimelineEntry
from linli.kernel import clock
from linli.kernel.actor import SYSTEM
from linli.portal import limits

pytestmark = pytest.mark.django_db
PLACE = {"lat": str(IN_NORTH[1]), "long": str(IN_NORTH[0])}
XSD = Path(__file__).resolve().parents[1] / "contract" / "georeport_v2.xsd"


@cache
def schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(XSD))


def report(program: Program, **more: Any) -> dict[str, Any]:
    form = {"service_code": "200406", "description": "路面积水, 请打 13812345678", **PLACE, **more}
    answer = program.post("requests.json", **form)
    assert answer.status_code == 200, answer.content
    return answer.json()[0]


def case_of(number: str) -> Case:
    return Case.objects.get(number=number)


def test_discovery_services_and_definitions_in_both_forms(stranger: Client) -> None:
    for path in ("discovery", "services", "services/200406", "services/901503", "requests", "servicerequestupdates"):
        as_xml = stranger.get(f"{V2}/{path}.xml")
        assert as_xml.status_code == 200 and as_xml["Content-Type"].startswith("text/xml"), path
        schema().validate(as_xml.content.decode())
        as_json = stranger.get(f"{V2}/{path}.json")
        assert as_json.status_code == 200 and as_json["Content-Type"].startswith("application/json")
        assert stranger.get(f"{V2}/{path}", headers={"Accept": "application/json"}).content == as_json.content
    services = stranger.get(f"{V2}/services.json").json()
    codes = {s["service_code"]: s for s in services}
    assert codes["200406"]["service_name"].isascii() and codes["200406"]["metadata"] is True
    assert "901201" not in codes, "a class about somebody's own life is not offered"
    trapped = stranger.get(f"{V2}/services/901503.json", {"jurisdiction_id": "any.gov"}).json()["attributes"][-1]
    assert trapped["required"] is True and [v["key"] for v in trapped["values"]] == ["no", "yes"]
    assert stranger.get("/open311/discovery.json").json()["endpoints"][0]["url"].endswith("/open311/v2")
    zh = Client(headers={"Accept-Language": "zh-CN"}).get(f"{V2}/services.json").json()
    assert {s["service_code"]: s for s in zh}["200406"]["service_name"] == "道路积水"


@pytest.mark.parametrize(
    ("method", "path", "data", "status"),
    [
        ("get", "services/000000.xml", {}, 404),
        ("get", "requests/2001-01-0001.xml", {}, 404),
        ("get", "tokens/guessed.xml", {}, 404),
        ("get", "requests.xml", {"start_date": "yesterday"}, 400),
        ("get", "requests.xml", {"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-06-01T00:00:00Z"}, 400),
        ("get", "requests.xml", {"status": "half"}, 400),
        ("get", "requests.xml", {"page_size": "9999"}, 400),
        ("get", "requests.xml", {"lat": "nan", "long": "1"}, 400),
        ("get", "requests.xml", {"api_key": "linli_wrong_key"}, 403),
        ("post", "requests.xml", {"service_code": "200406", **PLACE}, 403),
        ("post", "services.xml", {}, 405),
        ("post", "servicerequestupdates.xml", {"service_request_id": "1"}, 403),
    ],
)
def test_errors_are_those_of_the_standard(
    stranger: Client, method: str, path: str, data: dict[str, str], status: int
) -> None:
    answer = getattr(stranger, method)(f"{V2}/{path}", data)
    assert answer.status_code == status, answer.content
    schema().validate(answer.content.decode())
    told = getattr(stranger, method)(f"{V2}/{path.replace('.xml', '.json')}", data).json()
    assert told[0]["code"] == status and told[0]["description"]


def test_a_report_comes_in_with_place_photo_and_sealed_contact(program: Program) -> None:
    photo = SimpleUploadedFile("p.jpg", jpeg(), "image/jpeg")
    made = report(program, media=photo, first_name="张", last_name="三丰", phone="13812345678", email="z@example.org",
                  device_id="phone-7", account_id="a-1", jurisdiction_id="x",
                  **{"attribute[extent]": "lane"})  # fmt: skip
    case = case_of(made["service_request_id"])
    assert (case.channel, case.class_code, case.area_path, case.created_by) == (
        "open311", "200406", NORTH, program.account.id)  # fmt: skip
    assert "13812345678" not in case.text and "A whole lane" in case.text
    assert Photo.objects.filter(case=case, stage="report").count() == 1
    held = Reporter.objects.get(case=case)
    assert held.consent_at and "13812345678" not in str(held.phone) and held.original is not None
    assert made["account_id"] == "a-1"
    ticket = Client().get(f"/t/{made['service_notice'].rpartition('/')[2]}")
    assert ticket.status_code == 200, "the reporter gets the link to look, correct and withdraw"
    stored = str(Case.objects.filter(pk=case.pk).values()) + str(TimelineEntry.objects.filter(case=case).values())
    assert not any(word in stored for word in ("phone-7", "z@example.org", "三丰"))


def test_what_is_missing_or_wrong_in_a_report_is_named(program: Program) -> None:
    wrong = [
        ({"service_code": "", **PLACE}, 400, "service_code"),
        ({"service_code": "999999", **PLACE}, 404, "service_code"),
        ({"service_code": "901201", **PLACE}, 404, "service_code"),
        ({"service_code": "200406"}, 400, "lat"),
        ({"service_code": "200406", "lat": "0", "long": "0", "description": "x"}, 400, "0,0"),
        ({"service_code": "200406", "lat": "10", "long": "10", "description": "x"}, 400, "outside"),
        ({"service_code": "901503", "description": "x", **PLACE}, 400, "trapped"),
        ({"service_code": "901503", "description": "x", "attribute[trapped]": "maybe", **PLACE}, 400, "trapped"),
    ]
    for form, status, told in wrong:
        answer = program.post("requests.json", **form)
        assert answer.status_code == status and told in answer.json()[0]["description"], (form, answer.content)
    assert not Case.objects.exists()
    assert report(program, service_code="901503", **{"attribute[trapped]": "no"})
    assert report(program, lat="", long="", address_string="双凤路 1 号")


def test_the_same_report_sent_again_is_one_case(desk: Desk, program: Program) -> None:
    first = report(program, **{"attribute[fixmystreet_id]": "77"})
    again = report(program, **{"attribute[fixmystreet_id]": "77"})
    assert again["service_request_id"] == first["service_request_id"]
    header = {"headers": {"Idempotency-Key": "abc"}}
    assert report(program, **header)["service_request_id"] == report(program, **header)["service_request_id"]
    other = Program(desk)
    assert report(other, **header)["service_request_id"] != report(program, **header)["service_request_id"]
    assert Case.objects.count() == 3


def test_a_key_writes_only_where_it_may(desk: Desk) -> None:
    north = Program(desk, area=NORTH)
    assert report(north)
    south = {"lat": str(IN_SOUTH[1]), "long": str(IN_SOUTH[0]), "service_code": "200406", "description": "x"}
    assert north.post("requests.json", **south).status_code == 403
    assert Program(desk, "auditor").post("requests.json", **south).status_code == 403


def test_strangers_get_public_cases_and_public_fields_only(desk: Desk, program: Program, stranger: Client) -> None:
    made = report(program, address_string="双凤路 1 号", phone="13812345678")
    hidden = cases.report_signal(actor=SYSTEM, channel="hotline", text="私事", class_code="200406", private=True,
                                 lon=IN_NORTH[0] + 0.00012345, lat=IN_NORTH[1])  # fmt: skip
    listed = stranger.get(f"{V2}/requests.json").json()
    assert [r["service_request_id"] for r in listed] == [made["service_request_id"]]
    assert "积水, " not in str(listed) and listed[0]["address"] is None and listed[0]["lat"] == round(IN_NORTH[1], 4)
    for path in (f"requests/{hidden.number}.json", f"tokens/{hidden.case_id}.json"):
        assert stranger.get(f"{V2}/{path}").status_code == 404
    own = program.get(f"requests/{made['service_request_id']}.json").json()[0]
    assert "路面积水" in own["description"] and own["address"] == "双凤路 1 号"
    signed_in = desk.client("duty_lead").get(f"{V2}/requests.json").json()
    assert [(r["service_request_id"], r["address"]) for r in signed_in] == [(made["service_request_id"], None)], (
        "a browser's session gives nothing more"
    )
    assert stranger.get(f"{V2}/requests/{case_of(made['service_request_id']).number}.xml").status_code == 200
    token = stranger.get(f"{V2}/tokens/{case_of(made['service_request_id']).id}.json").json()
    assert token[0]["service_request_id"] == made["service_request_id"]


def test_lists_narrow_by_code_date_status_place_and_page(desk: Desk, program: Program) -> None:
    numbers = [report(program)["service_request_id"] for _ in range(3)]
    report(program, service_code="100101", lat=str(IN_SOUTH[1]), long=str(IN_SOUTH[0]))
    old = case_of(numbers[0])
    Case.objects.filter(pk=old.pk).update(created_at=clock.now() - timedelta(days=100), state="closed",
                                          closed_at=clock.now())  # fmt: skip

    def found(**query: Any) -> list[str]:
        answer = program.get("requests.json", **query)
        assert answer.status_code == 200, answer.content
        return [r["service_request_id"] for r in answer.json()]

    assert len(found()) == 3 and numbers[0] not in found()
    assert found(service_request_id=f"{numbers[0]},{numbers[1]}") == [numbers[1], numbers[0]]
    assert found(service_code="200406,100102") == [numbers[2], numbers[1]]
    assert found(status="closed") == [] and len(found(status="open,closed")) == 3
    long_ago = (clock.now() - timedelta(days=120)).isoformat()
    assert found(start_date=long_ago, status="closed") == [numbers[0]]
    near = {"lat": IN_NORTH[1], "long": IN_NORTH[0], "radius": 100}
    assert found(**near) == [numbers[2], numbers[1]]
    assert found(page_size=2) == found()[:2] and found(page=2, page_size=2) == found()[2:]
    hour = timedelta(hours=1)
    assert numbers[0] in found(updated_after=(clock.now() - hour).isoformat())
    assert (
        found(updated_after=(clock.now() - 3 * hour).isoformat(), updated_before=(clock.now() - hour).isoformat()) == []
    )
    more = program.get("requests.xml", extensions="true")
    schema().validate(more.content.decode())
    assert b"<detailed_status>OPEN</detailed_status>" in more.content


def test_a_list_costs_the_same_however_long(program: Program, django_assert_max_num_queries: Any) -> None:
    for _ in range(5):
        report(program)
    program.get("requests.json")
    with django_assert_max_num_queries(3):
        assert len(program.get("requests.json").json()) == 5


def test_updates_are_listed_and_taken_once(desk: Desk, program: Program, stranger: Client) -> None:
    number = report(program)["service_request_id"]
    case = case_of(number)
    cases.act(actor=desk.actor("intake"), case_id=case.id, action="reject", reason="不属本区职责")
    own = program.get("servicerequestupdates.xml")
    schema().validate(own.content.decode())
    assert "不属本区职责" in own.content.decode() and "NO_FURTHER_ACTION" in own.content.decode()
    public = stranger.get(f"{V2}/servicerequestupdates.json").json()
    assert [u["service_request_id"] for u in public] == [number] and "职责" not in str(public)
    said = {"service_request_id": number, "update_id": "c-9", "status": "OPEN", "description": "还在漏, 13812345678",
            "updated_datetime": "2026-11-20T10:00:00Z", "email": "a@example.org", "first_name": "李"}  # fmt: skip
    for _ in range(2):
        answer = program.post("servicerequestupdates.xml", **said)
        assert answer.status_code == 200, answer.content
        schema().validate(answer.content.decode())
        assert b"<update_id>c-9</update_id>" in answer.content
    lines = TimelineEntry.objects.filter(case=case, act="outside_update")
    assert lines.count() == 1 and "13812345678" not in lines[0].note and "a@example.org" not in str(lines.values())
    assert case_of(number).state == "rejected", "another system's word moves nothing here"
    assert len(program.get("servicerequestupdates.json").json()) == 1, "nobody gets back what they told us"
    other = Program(desk)
    refused = other.post("servicerequestupdates.json", **{**said, "update_id": "c-10"})
    assert refused.status_code == 403, "not one's own report, and no permission to comment"
    assert program.post("servicerequestupdates.json", **{**said, "service_request_id": "1"}).status_code == 404
    assert program.post("servicerequestupdates.json", service_request_id=number).status_code == 400


def test_a_picture_that_was_only_named_is_fetched_from_public_hosts_only(program: Program) -> None:
    from linli.adapters.open311 import client, jobs

    case_id = str(case_of(report(program)["service_request_id"]).id)
    for url in (
        "http://127.0.0.1:5432/x",
        "http://localhost/x",
        "file:///etc/passwd",
        "http://[::1]/",
        "http://10.0.0.1/",
    ):
        with pytest.raises(client.Refused):
            client.picture(url, set())
        jobs.fetch(case_id, url)
    assert not Photo.objects.exists()
    with mock.patch.object(client, "picture", return_value=jpeg()):
        jobs.fetch(case_id, "https://example.org/p.jpg")
        jobs.fetch(case_id, "https://example.org/p.jpg")
    assert Photo.objects.filter(case_id=UUID(case_id)).count() == 1


def test_abuse_is_limited_by_address_and_by_account(program: Program, stranger: Client) -> None:
    with mock.patch.dict(limits.MOST, {"open311-read": 2, "open311-write": 1}):
        codes = [stranger.get(f"{V2}/services.json").status_code for _ in range(3)]
        assert codes == [200, 200, 429]
        report(program)
        refused = program.post("requests.json", service_code="200406", description="x", **PLACE)
        assert refused.status_code == 429 and int(refused["Retry-After"]) > 0


def test_bad_input_is_refused_and_never_breaks(program: Program) -> None:
    for form in ({"description": "a\0b"}, {"lat": "1e400"}, {"attribute[": "x", "attribute[]": "y"},
                 {"media": SimpleUploadedFile("x.jpg", b"not a picture", "image/jpeg")}):  # fmt: skip
        answer = program.post("requests.json", **{"service_code": "200406", "description": "x", **PLACE, **form})
        assert answer.status_code in (200, 400), (form, answer.content)
    for query in ({"service_request_id": "a\0b"}, {"service_code": "\0"}, {"start_date": "9999-12-31T23:59:59Z"},
                  {"end_date": "0001-01-01"}, {"page": "1e9"}, {"radius": "inf", "lat": "1", "long": "1"}):  # fmt: skip
        assert program.get("requests.json", **query).status_code in (200, 400), query
