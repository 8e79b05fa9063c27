"""Duties towards the people whose data this is; docs/duties.md names the test of each. By the doors residents use."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from PIL import Image
from tests.cases.conftest import Desk
from tests.cases.test_flow import report
from tests.duties import scan
from tests.identity.accounts import client_of
from tests.places.conftest import S, W
from tests.portal.test_report import PHONE, send

from linli.adapters.intake.models import IntakeTalk
from linli.cases import facade as cases
from linli.cases import tables
from linli.cases.contracts import Contact
from linli.cases.models import Case, Reporter
from linli.field.models import Entry
from linli.home import Home
from linli.kernel import clock, personal, personal_reads, upkeep
from linli.kernel.actor import PUBLIC, SYSTEM
from linli.kernel.errors import Forbidden
from linli.notify.models import Choice
from linli.portal.models import Alert

pytestmark = pytest.mark.django_db
NAME = "欧阳慧敏"


@pytest.fixture
def link(web: Client, code: str) -> str:
    where: str = send(web, code, text=f"灯坏了,电话 {PHONE}", phone=PHONE, consent="1")["Location"]
    return where.partition("?")[0]


@dataclass
class Teller:
    """Somebody who told everything: number, name, both again in the words, and a picture with them inside."""

    secret: str
    case_id: Any

    @property
    def link(self) -> str:
        return f"/t/{self.secret}"

    def data(self, web: Client) -> dict[str, Any]:
        return json.loads(web.get(f"{self.link}/data.json").content)


@pytest.fixture
def teller(town: Any) -> Teller:
    told = cases.report_signal(
        actor=PUBLIC, channel="qr", text=f"井盖松动, 找{NAME}, 电话 {PHONE}", contact=Contact(phone=PHONE, name=NAME),
        lon=W + 0.001, lat=S + 0.001, photos=[picture()],
    )  # fmt: skip
    return Teller(told.secret, told.case_id)


def picture() -> bytes:
    out = io.BytesIO()
    image = Image.new("RGB", (64, 48), "teal")
    exif = image.getexif()
    exif[0x010E] = f"taken by {PHONE}"
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


def use(case_id: Any) -> None:
    """What leaves traces: the desk reads the number, looks it up, writes it in a remark, with keys against doubles."""
    area = Case.objects.get(pk=case_id).area_path
    desk = client_of("intake", area.partition(".")[0])
    asked = {"content_type": "application/json"}
    for path, body in (
        (f"cases/{case_id}/contact", {"purpose": "call_back", "reason": f"call {PHONE} back"}),
        ("cases/lookup/phone", {"phone": PHONE, "reason": f"{PHONE} is calling"}),
        (f"cases/{case_id}/comments", {"text": f"called {PHONE}"}),
        ("cases", {"text": f"again {PHONE}", "lon": W + 0.001, "lat": S + 0.001, "channel": "hotline"}),
    ):
        answer = desk.post(f"/api/v1/{path}", body, headers={"Idempotency-Key": path.replace("/", "-")}, **asked)
        assert answer.status_code in (200, 201), answer.content


def test_duty_optional_consent_never_blocks_a_service(web: Client, code: str) -> None:
    answer = send(web, code, text="没有留电话也能上报")
    assert answer.status_code == 303 and "/t/" in answer["Location"]


def test_duty_withdraw_as_easily_as_give_in_effect_at_once(web: Client, link: str) -> None:
    page = web.get(link).content.decode()
    assert f'action="{link}/withdraw"' in page, "withdrawing is not one tap from the ticket"
    web.post(f"{link}/withdraw")
    row = Reporter.objects.get()
    assert row.phone is None and row.original is None


def test_duty_withdraw_is_in_effect_for_every_reader(web: Client, teller: Teller) -> None:
    """The desk can neither read the number nor find the ticket by it any more."""
    area = Case.objects.get(pk=teller.case_id).area_path.partition(".")[0]
    desk, asked = client_of("intake", area), {"content_type": "application/json"}
    contact = (f"/api/v1/cases/{teller.case_id}/contact", {"purpose": "call_back", "reason": "call back"})
    lookup = ("/api/v1/cases/lookup/phone", {"phone": PHONE, "reason": "is calling"})
    assert desk.post(*contact, **asked).json()["phone"] == PHONE
    assert desk.post(*lookup, **asked).json()["case_ids"] == [str(teller.case_id)]
    web.post(f"{teller.link}/withdraw")
    assert desk.post(*contact, **asked).status_code == 404
    assert desk.post(*lookup, **asked).json()["case_ids"] == []


def test_duty_access_and_copy_equal_an_independent_scan(web: Client, teller: Teller, code: str) -> None:
    """All that can be opened of the reporter's rows is in the copy, and nothing of another reporter's."""
    send(web, code, text="别人的事 13000000000", phone="13000000000", consent="1")
    use(teller.case_id)
    row = Reporter.objects.get(case_id=teller.case_id)
    held = {found.column.partition(".")[2]: found.clear for found in scan.opened() if str(row.pk) in found.row}
    assert set(held) == {"phone", "name", "original"}, "the scan sees what is held"
    data = teller.data(web)
    assert {name: data[name] for name in held} == held
    with connection.cursor() as cursor:
        cursor.execute("SELECT purpose, reason FROM kernel_personal_read WHERE %s = ANY(subjects)", [str(row.pk)])
        reads = cursor.fetchall()
        cursor.execute("SELECT consent_at, withdrawn_at, created_at FROM cases_reporter WHERE id = %s", [row.pk])
        times = cursor.fetchone()
    looked = [(seen["purpose"], seen["reason"]) for seen in data["who_looked"]]
    assert {("call_back"), ("phone_lookup")} <= {purpose for purpose, _ in looked}, "the desk looked, and it is told"
    assert all(seen in reads for seen in looked)
    assert [data[n] and datetime.fromisoformat(data[n]) for n in ("consent_at", "withdrawn_at", "created_at")] == [
        *times
    ]
    case = Case.objects.get(pk=teller.case_id)
    assert (data["number"], data["text"], data["address"]) == (case.number, case.text, case.address)
    assert "13000000000" not in json.dumps(data)


def test_duty_port_the_copy_is_a_file_for_machines(web: Client, teller: Teller) -> None:
    answer = web.get(f"{teller.link}/data.json")
    assert answer["Content-Type"].startswith("application/json") and "attachment" in answer["Content-Disposition"]
    assert "no-store" in answer["Cache-Control"] and json.loads(answer.content)["phone"] == PHONE


def test_duty_explain_the_reporter_sees_who_looked_and_why(web: Client, teller: Teller) -> None:
    area = Case.objects.get(pk=teller.case_id).area_path.partition(".")[0]
    body = {"purpose": "call_back", "reason": "问清楚井盖位置"}
    client_of("intake", area).post(f"/api/v1/cases/{teller.case_id}/contact", body, content_type="application/json")
    assert "问清楚井盖位置" in web.get(teller.link).content.decode()


def test_duty_correct(web: Client, link: str) -> None:
    web.post(f"{link}/contact", {"phone": "13700001111", "consent": "1"})
    assert json.loads(web.get(f"{link}/data.json").content)["phone"] == "13700001111"


def test_duty_delete_leaves_nothing_to_find(web: Client, teller: Teller) -> None:
    """Opened cells, fingerprints, rows, search words, queues, answers kept against doubles, and files."""
    use(teller.case_id)
    assert scan.traces(PHONE) == [
        "cases_reporter.original sealed", "cases_reporter.phone fingerprint", "cases_reporter.phone sealed",
    ]  # fmt: skip
    assert scan.traces(NAME) and not scan.stored(PHONE)
    control = Home.current().files / "control"
    control.write_text(PHONE)
    assert scan.traces(PHONE) != (before := [t for t in scan.traces(PHONE) if not t.startswith("file ")])
    control.unlink()
    assert scan.traces(PHONE) == before
    web.post(f"{teller.link}/withdraw")
    assert [data for data in (teller.data(web).get(n) for n in ("phone", "name", "original")) if data] == []
    assert scan.traces(PHONE) == [] and scan.traces(NAME) == []
    words = Case.objects.values_list("tokens", flat=True)
    assert words and not [w for tokens in words for w in tokens if any(PHONE[i : i + 5] in w for i in range(7))]
    assert scan.stored("井盖松动"), "the matter itself stays, without the person"


def test_duty_delete_by_retention_leaves_nothing_to_find(web: Client, teller: Teller) -> None:
    Reporter.objects.update(ended_at=clock.now() - timedelta(days=181))
    assert scan.traces(PHONE)
    personal_reads.purge_expired()
    assert scan.traces(PHONE) == [] and scan.traces(NAME) == []


def test_duty_delete_when_the_purpose_is_done(web: Client, link: str) -> None:
    Reporter.objects.update(ended_at=clock.now())
    with time_machine.travel(clock.now() + timedelta(days=179), tick=False):
        personal_reads.purge_expired()
        kept = Reporter.objects.get().phone
    with time_machine.travel(clock.now() + timedelta(days=181), tick=False):
        personal_reads.purge_expired()
    assert kept is not None
    assert Reporter.objects.get().phone is None


def test_duty_encryption_no_table_holds_a_number_in_clear(web: Client, link: str) -> None:
    assert scan.stored(PHONE) == []
    assert scan.stored("灯坏了") != [], "the scan would find what is there in clear"


def test_duty_least_privilege_staff_see_masked_values(web: Client, link: str) -> None:
    assert str(Reporter.objects.get().phone) == "139****5678"


def test_duty_logs_of_reads_are_kept_six_months_a_lower_value_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINLI_LOG_DAYS", "182")
    with pytest.raises(ValueError, match="six months"):
        upkeep.log_retention_days()
    monkeypatch.setenv("LINLI_LOG_DAYS", "183")
    assert upkeep.log_retention_days() == 183


def test_duty_full_notice_comes_from_the_registry(web: Client, town: Any) -> None:
    page = web.get("/privacy").content.decode()
    missing = [s for s in personal.specs() if f'data-field="{s.model}.{s.field}"' not in page]
    assert missing == []


def test_duty_lawful_basis_of_every_registered_field_purpose_and_state_of_consent(teller: Teller) -> None:
    """A field opens only for its purposes and, where the basis is consent, only while that is given."""
    specs = [spec for spec in personal.specs() if not spec.model.startswith("tests.")]
    row, now = Reporter.objects.get(case_id=teller.case_id), clock.now()
    wish = Alert(address="a@mail.example")
    states: dict[str, tuple[Any, list[tuple[dict[str, Any], set[str]]]]] = {  # fields of a state → what it consents to
        "cases.Reporter": (row, [
            ({"consent_at": None, "withdrawn_at": None}, set()),
            ({"consent_at": now, "withdrawn_at": None}, {"call_back", "phone_lookup", "own_ticket"}),
            ({"consent_at": now, "withdrawn_at": now}, set()),
        ]),
        "portal.Alert": (wish, [({"confirmed_at": None}, {"confirm_alert"}),
                                ({"confirmed_at": now}, {"confirm_alert", "case_news"})]),
        "notify.Choice": (Choice(address="a@mail.example"), [
            ({"confirmed_at": None}, {"confirm_staff_mail"}),
            ({"confirmed_at": now}, {"confirm_staff_mail", "staff_notice"})]),
        "adapters.IntakeTalk": (IntakeTalk(area_path="D", draft="灯不亮"), [({}, set())]),
        "field.Entry": (Entry(area_path="D", person="独居, 腿脚不便"), [
            ({"consent_at": None, "withdrawn_at": None}, set()),
            ({"consent_at": now, "withdrawn_at": None}, {"visit_follow_up"}),
            ({"consent_at": now, "withdrawn_at": now}, set()),
        ]),
    }  # fmt: skip
    assert {spec.model for spec in specs} == set(states), "a new holder of personal data needs its states here"
    for spec in specs:
        holder, known = states[spec.model]
        for state, agreed in known:
            vars(holder).update(state)
            for purpose in (*personal_reads.purposes(), "marketing"):
                ask = {"actor": SYSTEM, "instance": holder, "fields": (spec.field,), "purpose": purpose, "reason": "x"}
                if purpose in spec.purposes and (purpose in agreed or spec.basis_of(purpose) != "consent"):
                    assert personal_reads.read(**ask)[spec.field]
                else:
                    with pytest.raises(Forbidden):
                        personal_reads.read(**ask)


def test_duty_automated_decisions_are_suggestions_with_reasons_that_a_person_takes(desk: Desk) -> None:
    """The platform proposes a team and says why, in both languages; nothing is dispatched until a person does it. (A
    district may let a rule give out cases that are not private: tests/cases/test_routing.py.)"""
    case = report(desk)
    found = desk.client("dispatcher").get(f"/api/v1/cases/{case['id']}/suggestions").json()["items"]
    assert found and all(item["reason"]["zh"] and item["reason"]["en"] for item in found)
    row = Case.objects.get(pk=case["id"])
    assert row.team_id is None and row.dispatched_at is None and row.priority == tables.demand(row.class_code).priority
