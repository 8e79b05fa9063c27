"""Duties towards the people whose data this is; docs/duties.md names the test of each. By the doors residents use."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from tests.portal.test_report import PHONE, send

from linli.cases.models import Reporter
from linli.kernel import clock, personal_reads, upkeep

pytestmark = pytest.mark.django_db


@pytest.fixture
def link(web: Client, code: str) -> str:
    where: str = send(web, code, text=f"灯坏了,电话 {PHONE}", phone=PHONE, consent="1")["Location"]
    return where.partition("?")[0]


def stored(needle: str) -> list[str]:
    """Tables of the database whose rows hold `needle` as text, found without knowing the schema."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT EXISTS (SELECT 1 FROM "{table}" t WHERE t::text LIKE %s)', [f"%{needle}%"])
            if cursor.fetchone()[0]:
                found.append(table)
    return found


def test_duty_optional_consent_never_blocks_a_service(web: Client, code: str) -> None:
    answer = send(web, code, text="没有留电话也能上报")
    assert answer.status_code == 303 and "/t/" in answer["Location"]


def test_duty_withdraw_as_easily_as_give_in_effect_at_once(web: Client, link: str) -> None:
    page = web.get(link).content.decode()
    assert f'action="{link}/withdraw"' in page, "withdrawing is not one tap from the ticket"
    web.post(f"{link}/withdraw")
    row = Reporter.objects.get()
    assert row.phone is None and row.original is None


def test_duty_access_and_copy_equal_an_independent_scan(web: Client, link: str) -> None:
    data = json.loads(web.get(f"{link}/data.json").content)
    held = {name for name in ("phone", "name", "original") if getattr(Reporter.objects.get(), name) is not None}
    assert {name for name in ("phone", "name", "original") if data.get(name)} == held
    assert data["phone"] == PHONE


def test_duty_correct(web: Client, link: str) -> None:
    web.post(f"{link}/contact", {"phone": "13700001111", "consent": "1"})
    assert json.loads(web.get(f"{link}/data.json").content)["phone"] == "13700001111"


def test_duty_delete_leaves_nothing_to_find(web: Client, link: str) -> None:
    web.post(f"{link}/withdraw")
    data = json.loads(web.get(f"{link}/data.json").content)
    assert not data["phone"] and not data.get("original")
    assert stored(PHONE) == []


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
    assert stored(PHONE) == []
    assert stored("灯坏了") != [], "the scan would find what is there in clear"


def test_duty_least_privilege_staff_see_masked_values(web: Client, link: str) -> None:
    assert str(Reporter.objects.get().phone) == "139****5678"


def test_duty_logs_of_reads_are_kept_six_months_a_lower_value_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINLI_LOG_DAYS", "182")
    with pytest.raises(ValueError, match="six months"):
        upkeep.log_retention_days()
    monkeypatch.setenv("LINLI_LOG_DAYS", "183")
    assert upkeep.log_retention_days() == 183


def test_duty_full_notice_comes_from_the_registry(web: Client, town: Any) -> None:
    from linli.kernel import personal

    page = web.get("/privacy").content.decode()
    missing = [s for s in personal.specs() if f'data-field="{s.model}.{s.field}"' not in page]
    assert missing == []
