"""Behind the secret link: how it goes, who looked, take along, withdraw, is it solved."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from tests.cases.conftest import jpeg
from tests.portal.conftest import browser
from tests.portal.test_report import PHONE, send

from linli.cases.models import Case, Photo, Reporter, TimelineEntry
from linli.cases.services import photos
from linli.kernel import clock, images, personal
from linli.kernel.actor import SYSTEM, Actor, Grant
from linli.portal import limits
from linli.portal.models import Count

pytestmark = pytest.mark.django_db


@pytest.fixture
def link(web: Client, code: str) -> str:
    where: str = send(web, code, text=f"灯坏了,电话 {PHONE}", phone=PHONE, consent="1")["Location"]
    return where.partition("?")[0]


def test_who_looked_is_shown_and_ones_own_copy_is_told_apart(web: Client, link: str) -> None:
    assert "还没有人看过" in web.get(link).content.decode()
    agent = Actor(kind="account", grants=(Grant("intake", "", frozenset({"cases.contact"})),))
    personal.read(
        actor=agent, instance=Reporter.objects.get(), fields=("phone",), purpose="call_back", reason="约上门时间"
    )
    page = web.get(link).content.decode()
    assert "约上门时间" in page
    own = web.get(f"{link}/data.json")
    data = json.loads(own.content)
    assert data["phone"] == PHONE and PHONE in data["original"] and PHONE not in data["text"]
    assert "no-store" in own["Cache-Control"] and "attachment" in own["Content-Disposition"]
    assert "您本人" in web.get(link).content.decode()


def test_withdrawal_erases_at_once(web: Client, link: str) -> None:
    assert web.post(f"{link}/withdraw").status_code == 303
    row = Reporter.objects.get()
    assert row.phone is None and row.original is None and row.withdrawn_at is not None
    page = web.get(link).content.decode()
    assert "没有留存您的电话" in page
    assert json.loads(web.get(f"{link}/data.json").content)["phone"] is None


def test_a_number_can_be_corrected_and_given_later(web: Client, link: str) -> None:
    assert web.post(f"{link}/contact", {"phone": "x", "consent": "1"}).status_code == 422
    assert web.post(f"{link}/contact", {"phone": "13700001111"}).status_code == 422
    assert web.post(f"{link}/contact", {"phone": "13700001111", "consent": "1"}).status_code == 303
    assert "137****1111" in web.get(link).content.decode()


def closed(**more: Any) -> Case:
    Case.objects.update(**{"state": "closed", "closed_at": clock.now(), "step": 7, **more})
    return Case.objects.get()


def test_is_it_solved_yes_with_stars_once(web: Client, link: str) -> None:
    assert web.post(f"{link}/answer", {"solved": "yes"}).status_code in (400, 409)
    closed()
    page = web.get(link).content.decode()
    assert "解决了吗" in page and "重新办理" in page
    for stars in ("", "4", "1"):  # twice is once: the first stars count
        assert web.post(f"{link}/answer", {"solved": "yes", "stars": stars}).status_code == 303
    assert TimelineEntry.objects.filter(act="confirm").count() == 1
    assert TimelineEntry.objects.filter(act="evaluate").count() == 1
    assert (Case.objects.get().state, Case.objects.get().score) == ("evaluated", 4)
    assert "★★★★☆" in web.get(link).content.decode()


def test_is_it_solved_no_opens_it_again_once_with_or_without_a_word(web: Client, link: str) -> None:
    closed()
    assert web.post(f"{link}/answer", {"solved": "perhaps"}).status_code == 422
    for word in ("", "又坏了"):  # a double click, the second with a word
        assert web.post(f"{link}/answer", {"solved": "no", "reason": word}).status_code == 303
    case = Case.objects.get()
    assert case.closed_at is None and case.reopen_count == 1
    assert "重开" in web.get(link).content.decode() and "解决了吗" not in web.get(link).content.decode()
    case = closed(closed_at=clock.now() - timedelta(days=31))
    answer = web.post(f"{link}/answer", {"solved": "no"})
    assert answer.status_code == 409 and "已超过重新办理的期限" in answer.content.decode()


def test_the_closing_message_carries_released_pictures_of_the_work_only(web: Client, link: str) -> None:
    case = closed()
    picture = images.prepare(jpeg())
    shown, kept = (photos.keep(case=case, actor=SYSTEM, stage="after", picture=picture) for _ in range(2))
    Photo.objects.filter(pk=shown.pk).update(released_at=clock.now())
    asked = web.get(link).content.decode().partition('id="h-solved"')[2].partition("</section>")[0]
    assert str(shown.file_id) in asked and str(kept.file_id) not in asked
    assert web.get(f"/api/v1/files/{shown.file_id}").status_code == 200
    assert web.get(f"/api/v1/files/{kept.file_id}").status_code == 404


def test_number_and_code_together_lead_to_the_ticket(web: Client, link: str) -> None:
    code = re.search(r"<b data-content>(\d{6})</b>", web.get(link).content.decode())
    assert code
    went = web.post("/follow/phone", {"phone": "139 1234 5678", "code": f" {code[1][:3]} {code[1][3:]}"})
    assert went.status_code == 303 and went["Location"].startswith("/t/")
    assert Case.objects.get().number in web.get(went["Location"]).content.decode()
    assert web.post(f"{went['Location']}/withdraw").status_code == 303  # as good as the link, for a day
    with time_machine.travel(clock.now() + timedelta(days=2), tick=False):
        assert web.get(went["Location"]).status_code == 404
    again = web.post("/follow/phone", {"phone": PHONE, "code": code[1]})
    assert again.status_code == 422, "the number is erased, and the code with it"


def test_nobody_learns_which_numbers_are_known(link: str) -> None:
    web = browser("10.8.8.8")
    answers = []
    for phone, code in ((PHONE, "000000"), ("13700000000", "000000"), (PHONE, "12"), ("", "")):
        answer = web.post("/follow/phone", {"phone": phone, "code": code})
        answers.append((answer.status_code, answer.content.decode().replace(phone or "-", "-")))
    assert answers[0][0] == 422
    assert answers[0] == answers[1] and answers[0][1].count("对不上") == answers[3][1].count("对不上") == 1
    for turn in range(10):  # from other addresses, the same number
        last = browser(f"10.8.9.{turn}").post("/follow/phone", {"phone": PHONE, "code": "000000"}).status_code
    assert last == 429


def test_guessed_links_are_not_found_and_soon_too_many(link: str) -> None:
    web = browser("10.7.7.7")
    for path in ("/t/aaaaaaaaaaaaaaaaaaaaaaaa", "/t/x", "/t/aaaaaaaaaaaaaaaaaaaaaaaa/data.json"):
        assert web.get(path).status_code == 404
    for act in ("withdraw", "contact", "answer"):
        assert web.post(f"/t/aaaaaaaaaaaaaaaaaaaaaaaa/{act}").status_code == 404
    Count.objects.update(count=limits.MOST["ticket"] + 1)
    assert web.get("/t/aaaaaaaaaaaaaaaaaaaaaaaa").status_code == 429


def test_pages_behind_the_link_stay_with_their_reader(web: Client, link: str) -> None:
    answer = web.get(link)
    assert "no-store" in answer["Cache-Control"] and answer["X-Robots-Tag"] == "noindex"
    assert web.get("/follow", {"ticket": f"https://x.example{link}?new=1"})["Location"] == link
    assert web.get("/follow", {"ticket": "2026-11-0231"}).status_code == 404


def test_the_notice_names_every_registered_field(web: Client, town: Any) -> None:
    for language in ("zh-CN", "en"):
        page = browser(language=language).get("/privacy").content.decode()
        for spec in personal.specs():
            assert f'data-field="{spec.model}.{spec.field}"' in page
