"""Notices by e-mail: nothing before it was chosen and confirmed, at the right hour, to whom it concerns, once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from email.message import Message
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cases.conftest import SOUTH, Desk, desk
from tests.cases.test_flow import act
from tests.cases.test_stage_clocks import MONDAY, at, handed, tick
from tests.identity.accounts import client_for
from tests.portal.mailbox import Mailbox
from tests.worker import forget_jobs, work

from linli.cases import facade as cases
from linli.cases.models import Case
from linli.identity.models import Account
from linli.kernel import inbox
from linli.kernel.models import AuditRow, OutboxEvent, PersonalRead
from linli.notify import events, jobs, rules, sending_services
from linli.notify.models import Choice, Waiting
from linli.orgs import facade as orgs

__all__ = ["desk", "events"]
URL, JSON = "/api/v1/me/notices", {"content_type": "application/json"}
DUE = MONDAY.replace(hour=14, day=24)  # the case of `handed` on Monday at 14:00 is warned of at 9 and late at 10
TO = "lead@mail.example"


@pytest.fixture
def box(settings: Any, transactional_db: None) -> Iterator[Mailbox]:
    """A district with a mail server, through Django's own SMTP backend; the letter that asks is the worker's."""
    forget_jobs()
    made = Mailbox()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", made.port, False
    settings.MAIL_FROM = "linli@district.example"
    yield made
    made.close()


def words(letter: Message) -> str:
    return str(letter.get_content())  # type: ignore[attr-defined]


def entered(client: Any, to: str) -> int:
    """An address is entered and the letter that asks goes out; the status of the answer."""
    status = client.put(f"{URL}/address", {"address": to}, **JSON).status_code
    work()
    return int(status)


def chosen(account: Account, box: Mailbox, language: str = "zh-hans", to: str = TO, **more: Any) -> Any:
    """A person who has everything by e-mail at once, unless said otherwise, at a confirmed address."""
    Account.objects.filter(pk=account.pk).update(language=language)
    client = client_for(account)
    body = {"channels": dict.fromkeys(rules.KINDS, "mail"), **more}
    assert client.put(URL, body, **JSON).status_code == 200
    assert entered(client, to) == 200
    found = re.search(r"confirm=(\S+)", words(box.letters.pop()))
    assert found
    assert client.post(f"{URL}/address/confirm", {"token": found[1]}, **JSON).json()["confirmed"]
    return client


def lead_of(desk: Desk) -> Account:
    account = desk.account("team_member", team=desk.pump)
    orgs.ensure_member(team_id=desk.pump, account_id=account.id, lead=True)
    return account


def pump(moment: datetime) -> None:
    """What the jobs process does: notices, consumers (each event twice, as the stream may), letters."""
    tick(moment)
    with at(moment):
        for row in OutboxEvent.objects.filter(type="case.notice").order_by("id"):
            for _ in range(2):
                inbox.deliver("notify.cases", inbox.envelope_of(row.envelope))
        jobs.send()
        jobs.send()


def test_by_default_there_is_no_letter(desk: Desk, box: Mailbox) -> None:
    client = client_for(lead_of(desk))
    found = client.get(URL).json()
    assert set(found["channels"].values()) == {"app"} and not found["address"] and found["mail"]
    client.put(URL, {"channels": {"warn": "mail"}}, **JSON)
    entered(client, TO)
    assert len(box.letters) == 1, "only the one that asks"
    handed(desk, MONDAY.replace(hour=14))
    pump(DUE.replace(hour=9, minute=1))
    assert len(box.letters) == 1 and not Waiting.objects.exists(), "the address was not confirmed"


@pytest.mark.parametrize(
    ("language", "near", "late"), [("zh-hans", "即将到期", "已超时"), ("en", "Limit near", "Past its limit")]
)
def test_a_warning_and_an_escalation_reach_the_lead_once(
    desk: Desk, box: Mailbox, language: str, near: str, late: str
) -> None:
    chosen(lead_of(desk), box, language)
    case = handed(desk, MONDAY.replace(hour=14))
    pump(DUE.replace(hour=9, minute=1))
    pump(DUE.replace(hour=9, minute=2))
    assert [m["Subject"] for m in box.letters] == [f"{near} · {case.number}"]
    letter, body = box.letters[0], words(box.letters[0])
    assert letter["To"] == TO and letter["Auto-Submitted"] == "auto-generated"
    assert (
        f"/console/cases/{case.id}" in body
        and "2026-11-24 10:00" in body
        and ("处置" in body or "Handling" in body)
        and "/console/notices" in body
    )
    assert case.text not in body and not (case.address and case.address in body)
    assert ("Handling" if language == "en" else "处置") in body
    assert language != "en" or not re.search(r"[\u3400-\u9fff]", letter["Subject"] + body)
    pump(DUE.replace(hour=10, minute=1))
    assert [m["Subject"] for m in box.letters[1:]] == [f"{late} · {case.number}"]
    assert not Waiting.objects.exists(), "nothing is kept of what was sent"


def test_those_who_supervise_hear_of_their_own_area(desk: Desk, box: Mailbox) -> None:
    lead_of(desk)
    near, far = desk.account("supervisor"), desk.account("supervisor", SOUTH)
    chosen(near, box, to="near@mail.example")
    chosen(far, box, to="far@mail.example")
    handed(desk, MONDAY.replace(hour=14))
    for hour in (9, 10, 16):  # the second step of escalation goes to those who supervise
        pump(DUE.replace(hour=hour, minute=1))
    assert [m["To"] for m in box.letters] == ["near@mail.example"]


def test_a_reminder_comes_without_its_words(desk: Desk, box: Mailbox) -> None:
    chosen(lead_of(desk), box)
    case = handed(desk, MONDAY)
    moment = MONDAY.replace(hour=10)
    with at(moment):
        cases.remind(actor=desk.actor("supervisor"), case_ids=[case.id], note="请今日到场")
    pump(moment)
    assert [m["Subject"] for m in box.letters] == [f"催办 · {case.number}"] and "请今日到场" not in words(
        box.letters[0]
    )


def test_quiet_hours_hold_back_all_but_urgent_ones(desk: Desk, box: Mailbox) -> None:
    chosen(lead_of(desk), box, quiet_from="08:30", quiet_until="12:00")
    first = handed(desk, MONDAY.replace(hour=14))
    pump(DUE.replace(hour=9, minute=1))
    assert box.letters == [] and Waiting.objects.count() == 1
    pump(DUE.replace(hour=10, minute=1))
    assert box.letters == []
    pump(DUE.replace(hour=12, minute=0))
    assert [m["Subject"] for m in box.letters] == ["工作提醒: 2 条"] and words(box.letters[0]).count(first.number) == 2
    urgent = handed(desk, DUE.replace(day=25, hour=8), urgent=True)
    with at(DUE.replace(day=25, hour=10)):
        cases.remind(actor=desk.actor("supervisor"), case_ids=[urgent.id, first.id], note="x")
    Waiting.objects.all().delete()
    pump(DUE.replace(day=25, hour=10))
    assert len(box.letters) == 2 and f"▲ 紧急 · 催办 · {urgent.number}" in words(box.letters[1])
    assert first.number not in words(box.letters[1]) and Waiting.objects.filter(number=first.number).exists()


def test_one_letter_a_day_and_none_when_nothing_is_open_any_more(desk: Desk, box: Mailbox) -> None:
    chosen(lead_of(desk), box, channels=dict.fromkeys(rules.KINDS, "digest"), digest_at="17:30")
    for _ in range(2):
        handed(desk, MONDAY.replace(hour=14))
    gone = handed(desk, MONDAY.replace(hour=14))
    for hour in (9, 10):
        pump(DUE.replace(hour=hour, minute=1))
    assert box.letters == []
    Case.objects.filter(pk=gone.pk).update(closed_at=DUE, state="closed", notice_at=None)
    pump(DUE.replace(hour=17, minute=29))
    assert box.letters == []
    pump(DUE.replace(hour=17, minute=30))
    assert [m["Subject"] for m in box.letters] == ["今日工作提醒: 4 条"] and gone.number not in words(box.letters[0])
    pump(DUE.replace(hour=17, minute=31))
    Case.objects.all().update(closed_at=DUE, state="closed", notice_at=None)
    pump(DUE.replace(day=25, hour=17, minute=31))
    assert len(box.letters) == 1


def test_who_left_the_team_or_was_disabled_hears_nothing(desk: Desk, box: Mailbox) -> None:
    account = lead_of(desk)
    chosen(account, box, quiet_from="08:00", quiet_until="11:00")
    case = handed(desk, MONDAY.replace(hour=14))
    pump(DUE.replace(hour=9, minute=1))
    assert Waiting.objects.count() == 1
    with at(DUE.replace(hour=9, minute=30)):
        assert act(desk.client("dispatcher"), str(case.id), "recall", reason="改派").status_code == 200
    pump(DUE.replace(hour=11, minute=1))
    assert box.letters == [] and not Waiting.objects.exists()


def test_a_server_that_is_away_and_an_address_that_is_gone(desk: Desk, box: Mailbox, settings: Any) -> None:
    client = chosen(lead_of(desk), box)
    handed(desk, MONDAY.replace(hour=14))
    there, settings.EMAIL_PORT = settings.EMAIL_PORT, 1
    pump(DUE.replace(hour=9, minute=1))
    assert Waiting.objects.count() == 1
    settings.EMAIL_PORT = there
    pump(DUE.replace(hour=9, minute=2))
    assert len(box.letters) == 1 and not Waiting.objects.exists()
    box.refuse.add(TO)
    for i in range(sending_services.MOST_FAILURES):
        case = handed(desk, MONDAY.replace(hour=9) + timedelta(weeks=1))
        with at(MONDAY + timedelta(weeks=1, hours=1 + i)):
            cases.remind(actor=desk.actor("supervisor"), case_ids=[case.id], note="x")
        pump(MONDAY + timedelta(weeks=1, hours=1 + i))
    found = client.get(URL).json()
    assert (found["confirmed"], found["refused"], len(box.letters)) == (False, True, 1)


def test_an_address_is_sealed_confirmed_by_its_owner_and_ended_at_once(desk: Desk, box: Mailbox) -> None:
    account = lead_of(desk)
    client = chosen(account, box)
    row = Choice.objects.get()
    assert TO not in str(row.address) and TO.encode() not in bytes(row.address.blob)  # type: ignore[union-attr]
    assert {r.purpose for r in PersonalRead.objects.filter(refused=False)} == {"confirm_staff_mail"}
    assert TO not in client.get(URL).content.decode()
    entered(client, "other@mail.example")
    old = re.search(r"confirm=(\S+)", words(box.letters[-1]))
    assert old
    entered(client, "third@mail.example")
    assert client.post(f"{URL}/address/confirm", {"token": old[1]}, **JSON).status_code == 404, "of another address"
    new = re.search(r"confirm=(\S+)", words(box.letters[-1]))
    assert new
    stranger = client_for(desk.account("dispatcher"))
    assert stranger.post(f"{URL}/address/confirm", {"token": new[1]}, **JSON).status_code == 404
    with at(MONDAY + timedelta(days=900)):
        assert client_for(account).post(f"{URL}/address/confirm", {"token": new[1]}, **JSON).status_code == 404
    assert client.post(f"{URL}/address/confirm", {"token": new[1]}, **JSON).status_code == 200
    handed(desk, MONDAY.replace(hour=14))
    pump(DUE.replace(hour=9, minute=1))
    count = len(box.letters)
    assert client.delete(f"{URL}/address").json()["address"] == ""
    pump(DUE.replace(hour=10, minute=1))
    assert len(box.letters) == count and Choice.objects.get().address is None
    assert AuditRow.objects.filter(action="notices.drop_address").count() == 1


def test_nobody_fills_a_strangers_box(desk: Desk, box: Mailbox) -> None:
    client = client_for(lead_of(desk))
    answers = [entered(client, f"a{i}@mail.example") for i in range(7)]
    assert answers == [200] * 5 + [429] * 2 and len(box.letters) == 5
    for bad in ("", "x", "a@b\r\nBcc: c@d.example", f"{'x' * 300}@mail.example"):
        assert client.put(f"{URL}/address", {"address": bad}, **JSON).status_code == 422


@pytest.mark.parametrize(
    "bad",
    [{"channels": {"warn": "fax"}}, {"channels": {"other": "mail"}}, {"quiet_from": "22:00"},
     {"quiet_from": "22:00", "quiet_until": "22:00"}, {"digest_at": "25:00"}, {"digest_at": "08:00+02:00"}],
)  # fmt: skip
def test_bad_settings_name_their_field(desk: Desk, bad: dict[str, Any]) -> None:
    answer = client_for(lead_of(desk)).put(URL, bad, **JSON)
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"], answer.content


def test_without_a_mail_server_no_address_is_taken(desk: Desk) -> None:
    client = client_for(lead_of(desk))
    assert not client.get(URL).json()["mail"]
    assert client.put(f"{URL}/address", {"address": TO}, **JSON).status_code == 409


def test_what_could_not_be_sent_for_days_is_no_news(desk: Desk, box: Mailbox, settings: Any) -> None:
    chosen(lead_of(desk), box)
    handed(desk, MONDAY.replace(hour=14))
    settings.EMAIL_PORT = 1
    pump(DUE.replace(hour=9, minute=1))
    with at(DUE + timedelta(days=4)):
        assert sending_services.purge() == 1


BERLIN = ZoneInfo("Europe/Berlin")
QUIET = rules.Hours(time(22), time(6), time(8))


@pytest.mark.parametrize(
    ("now", "channel", "urgent", "then"),
    [("2026-06-01 12:00", "mail", False, "2026-06-01 12:00"), ("2026-06-01 23:00", "mail", False, "2026-06-02 06:00"),
     ("2026-06-01 05:59", "mail", False, "2026-06-01 06:00"), ("2026-06-01 06:00", "mail", False, "2026-06-01 06:00"),
     ("2026-06-01 23:00", "mail", True, "2026-06-01 23:00"), ("2026-06-01 07:00", "digest", False, "2026-06-01 08:00"),
     ("2026-06-01 08:00", "digest", False, "2026-06-02 08:00"),
     ("2026-06-01 09:00", "digest", True, "2026-06-01 09:00"), ("2026-10-24 23:00", "mail", False, "2026-10-25 06:00")],
)  # fmt: skip
def test_when_a_notice_may_go_out(now: str, channel: str, urgent: bool, then: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=BERLIN)
    found = rules.not_before(moment, channel=channel, urgent=urgent, hours=QUIET, zone=BERLIN)
    assert found.astimezone(BERLIN).strftime("%Y-%m-%d %H:%M") == then


@given(st.integers(0, 2 * 365 * 24 * 60), st.times(), st.times())
def test_no_notice_goes_out_in_quiet_hours_nor_a_day_late(minute: int, begins: time, ends: time) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    hours = rules.Hours(begins, ends if ends != begins else time(1 if begins.hour != 1 else 2), time(8))
    then = rules.not_before(now, channel="mail", urgent=False, hours=hours, zone=ZoneInfo("Asia/Shanghai"))
    assert now <= then <= now + timedelta(days=1)
    assert rules.end_of_quiet(then, hours, ZoneInfo("Asia/Shanghai")) is None
