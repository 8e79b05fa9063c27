"""Residents: masks, sealed contact, the ticket's secret, withdrawal, who looked, retention, what the public sees."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from tests.cases.conftest import IN_NORTH, D, Desk, jpeg
from tests.cases.test_flow import CASES, act, post, report

from linli.cases import facade
from linli.cases.contracts import Contact
from linli.cases.models import Case, Reporter
from linli.kernel import clock
from linli.kernel.actor import PUBLIC
from linli.kernel.errors import Conflict, NotFound
from linli.kernel.models import OutboxEvent, PersonalRead
from linli.kernel.personal_reads import purge_expired

pytestmark = pytest.mark.django_db
PHONE, ID = "13812345678", "340111199003078515"


def told(desk: Desk, **more: object) -> facade.Receipt:
    values = {
        "text": f"楼道灯坏了, 打我电话{PHONE}, 身份证{ID}", "contact": Contact(phone=PHONE, name="李大爷"),
        "lon": IN_NORTH[0], "lat": IN_NORTH[1], "class_code": "202157", **more,
    }  # fmt: skip
    return facade.report_signal(actor=PUBLIC, channel="qr", **values)


def everything() -> str:
    """All text of all tables, as a thief of the database would read it."""
    with connection.cursor() as db:
        db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = [r[0] for r in db.fetchall()]
        found = []
        for name in names:
            db.execute(f'SELECT t::text FROM "{name}" t')
            found += [r[0] for r in db.fetchall()]
    return "\n".join(found)


def test_numbers_are_in_no_table_in_clear(desk: Desk) -> None:
    receipt = told(desk)
    dump = everything()
    assert PHONE not in dump and ID not in dump and "李大爷" not in dump
    assert PHONE.encode().hex() not in dump and "李大爷".encode().hex() not in dump
    assert receipt.number in dump and receipt.secret not in dump
    assert "楼道灯坏了" in Case.objects.get(pk=receipt.case_id).text


def test_without_consent_or_contact_nothing_of_it_is_kept(desk: Desk) -> None:
    told(desk, contact=Contact(phone=PHONE, name="x", consent=False))
    told(desk, contact=None)
    for row in Reporter.objects.all():
        assert row.phone is None and row.name is None and row.original is None


def test_contact_opens_only_with_role_purpose_and_reason_and_the_reporter_sees_it(desk: Desk) -> None:
    receipt = told(desk)
    path = f"{CASES}/{receipt.case_id}/contact"
    assert post(desk.client("dispatcher"), path, {"reason": "x"}).status_code == 403
    assert post(desk.client("intake"), path, {}).status_code == 422
    assert post(desk.client("intake", "340121400.002"), path, {"reason": "x"}).status_code == 404
    got = post(desk.client("intake"), path, {"reason": "回电核实楼层"}).json()
    assert got["phone"] == PHONE and got["name"] == "李大爷" and PHONE in got["original"]
    ticket = facade.public_status(receipt.secret)
    assert [(p, r) for _, p, r in ticket.looked] == [("call_back", "回电核实楼层")]
    assert ticket.phone_masked == "138****5678"
    assert PersonalRead.objects.filter(refused=False).count() == 1
    detail = desk.client("intake").get(f"{CASES}/{receipt.case_id}")
    assert detail.json()["has_contact"] is True and PHONE not in detail.content.decode()


def test_the_hotline_finds_tickets_of_the_very_number(desk: Desk) -> None:
    receipt = told(desk)
    path = f"{CASES}/lookup/phone"
    found = post(desk.client("intake"), path, {"phone": "138-1234-5678", "reason": "来电"}).json()
    assert found["case_ids"] == [str(receipt.case_id)]
    assert post(desk.client("intake"), path, {"phone": "13812345670", "reason": "来电"}).json()["case_ids"] == []
    assert post(desk.client("dispatcher"), path, {"phone": PHONE, "reason": "x"}).status_code == 403


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "one"}])
def test_a_refused_reading_stays_on_record(desk: Desk, headers: dict[str, str]) -> None:
    """The refusal rolls back the service's transaction, and the one of the key; not its row of the log."""
    receipt = told(desk)
    Reporter.objects.update(withdrawn_at=clock.now())
    answer = desk.client("intake").post(
        f"{CASES}/{receipt.case_id}/contact", {"reason": f"谁是{PHONE}"}, content_type="application/json",
        headers=headers,
    )  # fmt: skip
    assert answer.status_code == 403
    row = PersonalRead.objects.get()
    assert (row.refused, row.purpose, row.fields) == (True, "call_back", ["phone", "name", "original"])
    assert row.account_id == desk.account("intake").id and row.area_path and PHONE not in row.reason
    assert row.subjects == [str(Reporter.objects.get(case_id=receipt.case_id).id)]


def test_every_look_up_of_a_number_is_on_record(desk: Desk) -> None:
    reporter = Reporter.objects.get(case_id=told(desk).case_id)
    path = f"{CASES}/lookup/phone"
    for phone in (PHONE, "13900001111"):
        assert post(desk.client("intake"), path, {"phone": phone, "reason": "来电"}).status_code == 200
    assert post(desk.client("intake"), path, {"phone": "13900001111", "reason": " "}).status_code == 422
    rows = PersonalRead.objects.order_by("at")
    assert [(r.refused, r.subject_kind, r.subjects) for r in rows] == [
        (False, "reporter", [str(reporter.id)]), (False, "reporter", []), (True, "reporter", [])]  # fmt: skip
    assert not any("1390000" in str(r.__dict__) for r in rows)


def test_withdrawing_is_one_call_and_acts_at_once(desk: Desk) -> None:
    receipt = told(desk)
    assert set(facade.withdraw_contact(receipt.secret)) == {"phone", "name", "original"}
    assert post(desk.client("intake"), f"{CASES}/{receipt.case_id}/contact", {"reason": "x"}).status_code == 404
    assert facade.public_status(receipt.secret).has_contact is False


def test_access_and_correction_by_the_secret(desk: Desk) -> None:
    receipt = told(desk)
    assert facade.own_data(receipt.secret)["phone"] == PHONE
    facade.correct_contact(receipt.secret, phone="13900001111", name="李")
    assert facade.own_data(receipt.secret)["phone"] == "13900001111"
    with pytest.raises(NotFound):
        facade.public_status("guess")


def test_contact_is_emptied_after_its_retention_and_only_then(desk: Desk) -> None:
    receipt = told(desk)
    act(desk.client("intake"), str(receipt.case_id), "reject", reason="不属本区")
    for days, left in ((179, True), (181, False)):
        with time_machine.travel(clock.now() + timedelta(days=days), tick=False):
            purge_expired()
        assert (Reporter.objects.get().phone is not None) is left


def test_the_ticket_tells_the_steps_and_can_be_reopened(desk: Desk) -> None:
    receipt = told(desk, photos=[jpeg()])
    case_id = str(receipt.case_id)
    with pytest.raises(Conflict):
        facade.reopen(receipt.secret, "还是不亮")
    act(desk.client("dispatcher"), case_id, "dispatch", team=str(desk.pump))
    act(desk.client("team_member", D, desk.pump), case_id, "finish", note="已更换灯泡")
    act(desk.client("duty_lead"), case_id, "close")
    ticket = facade.public_status(receipt.secret)
    assert [s.zh for s in ticket.steps] == ["上报", "派遣", "办结反馈", "结案"]
    assert ticket.steps[2].note == "已更换灯泡" and ticket.can_reopen and len(ticket.photos) == 1
    assert facade.ticket_photo(receipt.secret, ticket.photos[0])[:3] == b"\xff\xd8\xff"
    facade.reopen(receipt.secret, "还是不亮")
    assert facade.public_status(receipt.secret).state == "filed"


def test_a_key_reports_once_also_without_a_request(desk: Desk) -> None:
    first = told(desk, idempotency_key="draft-1")
    again = told(desk, idempotency_key="draft-1")
    assert first.case_id == again.case_id and again.secret == "" and Case.objects.count() == 1


def test_the_public_sees_open_public_cases_rounded_and_without_words(desk: Desk) -> None:
    told(desk, lon=117.2512345, lat=31.9912345)
    told(desk, kind="opinion", class_code="909002")
    pins = facade.public_pins()
    assert len(pins) == 1 and (pins[0].lon, pins[0].lat) == (117.2512, 31.9912)
    assert not hasattr(pins[0], "text")
    assert facade.me_too(pins[0].case_id) == 1
    private = Case.objects.get(private=True)
    with pytest.raises(NotFound):
        facade.me_too(private.id)
    public = [e.envelope for e in OutboxEvent.objects.filter(envelope__audience="public")]
    assert {e["ref"] for e in public} == {str(pins[0].case_id)}
    assert all(set(e["data"]) == {"number", "state", "step", "open"} for e in public)


def test_a_resident_cannot_make_a_need_public(desk: Desk) -> None:
    receipt = told(desk, kind="need", private=False, class_code="909001")
    assert Case.objects.get(pk=receipt.case_id).private is True


def test_a_merged_ticket_follows_the_case_it_was_joined_to(desk: Desk) -> None:
    main, receipt = report(desk)["id"], told(desk)
    act(desk.client("intake"), str(receipt.case_id), "merge", into=main)
    ticket = facade.public_status(receipt.secret)
    assert str(ticket.case_id) == main and ticket.number == receipt.number
