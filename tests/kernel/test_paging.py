"""Keyset pages: every row once and in order, whatever ties there are; cursors that nobody gave are refused."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from linli.kernel import paging
from linli.kernel.actor import PUBLIC, SYSTEM, Actor, Grant, contains
from linli.kernel.errors import Forbidden, Invalid, Unauthenticated
from linli.kernel.models import AuditRow
from linli.kernel.scope import area_q

START = datetime(2026, 11, 23, tzinfo=UTC)


class Pages(TestCase):
    @settings(max_examples=25, deadline=None)
    @given(minutes=st.lists(st.integers(0, 3), max_size=30), limit=st.integers(1, 7))
    def test_every_row_once_and_in_order(self, minutes: list[int], limit: int) -> None:
        for m in minutes:
            AuditRow.objects.create(actor="a", action="x", kind="paged", ref="r", at=START + timedelta(minutes=m))
        query = AuditRow.objects.filter(kind="paged")
        wanted = list(query.order_by("-at", "-seq").values_list("seq", flat=True))
        got: list[int] = []
        cursor: str | None = None
        for _ in range(40):
            rows, cursor = paging.keyset(query, key=("-at", "-seq"), cursor=cursor, limit=limit)
            got += [r.seq for r in rows]
            if cursor is None:
                break
        assert got == wanted


@pytest.mark.django_db
@pytest.mark.parametrize("cursor", ["x", "W10", "!!!!", base64.urlsafe_b64encode(b'["a"]').decode(), "bnVsbA",
                                    *(base64.urlsafe_b64encode(v).decode() for v in (
                                        b'["nonsense", "x"]', b'["2026-11-23T00:00:00Z", "\\u0000"]',
                                        b'["2026-11-23T00:00:00Z", {}]', b'[null, null]'))])  # fmt: skip
def test_a_made_up_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid):
        paging.keyset(AuditRow.objects.all(), key=("-at", "-seq"), cursor=cursor)


@pytest.mark.django_db
def test_a_page_is_one_query_and_bounded() -> None:
    for i in range(5):
        AuditRow.objects.create(actor="a", action="x", kind="k", ref=str(i))
    with CaptureQueriesContext(connection) as queries:
        rows, more = paging.keyset(AuditRow.objects.all(), key=("-seq",), limit=2)
    assert (len(rows), bool(more), len(queries)) == (2, True, 1)
    for limit in (0, 201, -1):
        with pytest.raises(Invalid):
            paging.keyset(AuditRow.objects.all(), key=("-seq",), limit=limit)


def actor(*areas: str) -> Actor:
    return Actor(kind="account", grants=tuple(Grant("r", a, frozenset({"x.view"})) for a in areas))


def test_areas_contain_by_whole_codes() -> None:
    assert contains("", "1.2") and contains("1", "1") and contains("1", "1.2") and not contains("1", "12")
    assert not contains("1.2", "1")
    assert actor("1", "1.2", "3").areas("x.view") == ("1", "3")
    assert actor("1").can("x.view", "1.5") and not actor("1").can("x.view", "10") and not actor("1").can("y", "1")
    assert SYSTEM.can("anything", "anywhere")
    with pytest.raises(Unauthenticated):
        PUBLIC.require("x.view")
    with pytest.raises(Forbidden):
        actor("1").require("x.view", "2")


@pytest.mark.django_db
def test_default_deny_as_a_query() -> None:
    for area in ("1", "1.2", "12", "3"):
        AuditRow.objects.create(actor="a", action="x", kind="scoped", ref=area, area_path=area)

    def seen(who: Actor, permission: str = "x.view") -> list[str]:
        rows = AuditRow.objects.filter(area_q(who, permission), kind="scoped")
        return sorted(rows.values_list("area_path", flat=True))

    assert seen(actor("1")) == ["1", "1.2"]
    assert seen(actor("1", "3")) == ["1", "1.2", "3"]
    assert seen(actor("")) == ["1", "1.2", "12", "3"]
    assert seen(actor("1"), "y.view") == seen(PUBLIC) == []
