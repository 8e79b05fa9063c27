"""News by e-mail: nothing before the yes to the first letter, each with its end, none of it about private cases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from email.message import Message
from typing import Any

import pytest
from django.test import Client
from tests.portal.conftest import browser
from tests.portal.mailbox import Mailbox
from tests.portal.test_report import PHONE, send
from tests.worker import forget_jobs, tick, work

from linli.cases import facade
from linli.cases.models import Case
from linli.kernel import clock
from linli.kernel.actor import Actor, Grant
from linli.kernel.models import PersonalRead
from linli.portal import alert_services
from linli.portal.models import Alert

pytestmark = pytest.mark.django_db(transaction=True)
TO = "grandma@mail.example"


@pytest.fixture
def box(settings: Any, transactional_db: None) -> Iterator[Mailbox]:
    """A district with a mail server, through Django's own SMTP backend; letters are the worker's."""
    forget_jobs()
    made = Mailbox()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", made.port, False
    settings.MAIL_FROM = "linli@district.example"
    yield made
    made.close()


def tell(box: Mailbox) -> int:
    """The clock's work; how many letters came."""
    before = len(box.letters)
    tick("portal.tell")
    return len(box.letters) - before


def link(letter: Message, act: str) -> str:
    found = re.search(rf"/alerts/{act}/[\w-]+", letter.get_content())  # type: ignore[attr-defined]
    assert found
    return found[0]


def filed(number_of: int = 0, **more: Any) -> Case:
    case = Case.objects.order_by("created_at")[number_of]
    Case.objects.filter(pk=case.pk).update(**{"state": "filed", "step": 3, "filed_at": clock.now(), **more})
    return Case.objects.get(pk=case.pk)


def subscribe(web: Client, box: Mailbox, **more: str) -> str:
    """Returns the address that ends it."""
    assert web.post("/alerts", {"email": TO, "consent": "1", **more}).status_code == 200
    work()
    assert web.post(link(box.letters[-1], "confirm")).status_code == 200
    return link(box.letters[-1], "stop")


def test_nothing_comes_before_the_answer_and_nothing_after_the_end(web: Client, code: str, box: Mailbox) -> None:
    page = web.post("/alerts", {"email": TO, "consent": "1", "area": "340121999001"}).content.decode()
    assert "确认信已在路上" in page and TO not in page
    assert not box.letters, "a letter within the request"
    work()
    (asked,) = box.letters
    assert asked["To"] == TO and "请确认" in asked["Subject"]
    send(web, code)
    filed()
    assert tell(box) == 0, "a letter before the yes"
    assert web.get(link(asked, "confirm")).status_code == 200
    assert Alert.objects.get().confirmed_at is None, "opening a link is no yes"
    web.post(link(asked, "confirm"))
    assert tell(box) == 0, "news from before the yes"
    send(web, code, text="井盖松了")
    case = filed(1)
    assert tell(box) == 1 and tell(box) == 0, "twice"
    letter = box.letters[-1]
    text = letter.get_content()  # type: ignore[attr-defined]
    assert f"/c/{case.number}" in text and "井盖松了" not in text
    end = letter["List-Unsubscribe"].strip("<>")
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click" and letter["Auto-Submitted"]
    mail_program = Client(enforce_csrf_checks=True, headers={"Origin": "https://mail.example"})
    path = end.partition("/alerts/")[1] + end.partition("/alerts/")[2]
    assert mail_program.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert not Alert.objects.exists() and web.post(path).status_code == 200, "ended twice is ended"
    filed(1, filed_at=clock.now())
    assert tell(box) == 0


def test_private_cases_and_other_places_and_classes_are_in_no_letter(web: Client, code: str, box: Mailbox) -> None:
    subscribe(web, box, area="340121999003")
    subscribe(web, box, **{"class": "1001"})
    send(web, code)
    filed(class_code="202157")
    send(web, code, kind="need")
    filed(1, class_code="100101")
    assert Case.objects.get(class_code="100101").private
    assert tell(box) == 0
    send(web, code)
    filed(2, class_code="100101")
    assert tell(box) == 1


def test_ones_own_ticket_by_mail(web: Client, code: str, box: Mailbox) -> None:
    where = send(web, code, phone=PHONE, consent="1", kind="need")["Location"].partition("?")[0]
    assert web.post(f"{where}/letters", {"email": TO}).status_code == 200
    work()
    web.post(link(box.letters[-1], "confirm"))
    case = Case.objects.get()
    facade.act(actor=_lead(), case_id=case.id, action="reject", reason=f"不属本区, {PHONE}")
    assert tell(box) == 1
    text = box.letters[-1].get_content()  # type: ignore[attr-defined]
    assert case.number in text and "不予受理" in text and PHONE not in text and "不属本区" not in text
    key = re.search(r"/t/[\w-]+", text)
    assert key and web.get(key[0]).status_code == 200
    web.post(f"{where}/withdraw")
    assert not Alert.objects.exists()


def _lead() -> Any:
    rights = frozenset({"cases.view", "cases.private", "cases.triage"})
    return Actor(kind="account", username="lead", grants=(Grant("lead", "", rights),))


def test_an_address_is_sealed_and_opened_only_for_a_letter(web: Client, code: str, box: Mailbox) -> None:
    subscribe(web, box)
    row = Alert.objects.get()
    assert TO not in str(row.address) and TO.encode() not in row.address.blob
    opened = PersonalRead.objects.filter(subject_kind="alert")
    assert [r.purpose for r in opened] == ["confirm_alert"]
    tell(box)
    assert opened.count() == 1, "opened without a letter"


def test_strangers_cannot_fill_a_box_nor_learn_who_is_in_it(web: Client, code: str, box: Mailbox) -> None:
    subscribe(web, box)
    known = browser("10.3.3.3").post("/alerts", {"email": TO, "consent": "1"}).content
    unknown = browser("10.3.3.4").post("/alerts", {"email": "x@mail.example", "consent": "1"}).content
    assert known == unknown
    for turn in range(6):
        browser(f"10.3.4.{turn}").post("/alerts", {"email": TO, "consent": "1"})
    work()
    assert sum(letter["To"] == TO for letter in box.letters) == alert_services.MOST_LETTERS
    for bad in ("", "x", "a@b\r\nBcc: c@d.example", f"{'x' * 300}@mail.example"):
        assert web.post("/alerts", {"email": bad, "consent": "1"}).status_code == 422
    assert web.post("/alerts", {"email": TO}).status_code == 422, "no consent"
    assert web.post("/alerts", {"email": TO, "consent": "1", "class": "nothing"}).status_code == 404


def test_a_server_that_is_away_and_an_address_that_is_gone(web: Client, code: str, box: Mailbox, settings: Any) -> None:
    subscribe(web, box)
    send(web, code)
    filed()
    there, settings.EMAIL_PORT = settings.EMAIL_PORT, 1
    assert tell(box) == 0 and Alert.objects.get().failures == 0, "lost while the server was away"
    settings.EMAIL_PORT = there
    box.refuse = {TO}
    for _ in range(alert_services.MOST_FAILURES):
        assert tell(box) == 0
    assert not Alert.objects.exists()


def test_what_was_never_confirmed_is_forgotten(web: Client, code: str, box: Mailbox) -> None:
    web.post("/alerts", {"email": TO, "consent": "1"})
    tick("portal.purge")
    assert Alert.objects.count() == 1
    Alert.objects.update(created_at=clock.now() - timedelta(days=3))
    tick("portal.purge")
    assert not Alert.objects.exists()


def test_without_a_mail_server_no_address_is_asked_for(web: Client, code: str) -> None:
    assert 'name="email"' not in web.get("/alerts").content.decode()
    assert web.post("/alerts", {"email": TO, "consent": "1"}).status_code == 409
    assert not Alert.objects.exists()
