"""Behind the secret link: how it goes, who looked, take along, withdraw, is it solved."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from tests.portal.conftest import browser
from tests.portal.test_report import PHONE, send

from linli.cases.models import Case, Reporter, TimelineEntry
from linli.kernel import clock, personal
from linli.kernel.actor import Actor, Grant
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


def test_is_it_solved(web: Client, link: str) -> None:
    assert web.post(f"{link}/answer", {"solved": "yes"}).status_code in (400, 409)
    Case.objects.update(state="closed", closed_at=clock.now(), step=6)
    page = web.get(link).content.decode()
    assert "解决了吗" in page and "重新办理" in page
    assert web.post(f"{link}/answer", {"solved": "yes"}).status_code == 303
    assert TimelineEntry.objects.filter(act="confirm").count() == 1
    assert web.post(f"{link}/answer", {"solved": "no"}).status_code == 422
    assert web.post(f"{link}/answer", {"solved": "no", "reason": "又坏了"}).status_code == 303
    assert Case.objects.get().closed_at is None


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
