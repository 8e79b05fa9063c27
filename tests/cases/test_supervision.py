"""The desk of supervision: each reason by its name, who sees it, how it pages, and that it reads its index."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from tests.cases.conftest import IN_NORTH, IN_SOUTH, NORTH, SOUTH, D, Desk

from linli.cases import facade as cases
from linli.cases import tables
from linli.cases.models import Case, TimelineEntry
from linli.cases.rules import calendar as counting
from linli.cases.selectors import fast, supervision
from linli.kernel import clock
from linli.kernel.actor import SYSTEM
from linli.kernel.errors import Forbidden, Invalid
from linli.kernel.models import OutboxEvent

LONG = timedelta(days=10)


def new(desk: Desk, spot: tuple[float, float] = IN_NORTH, **more: Any) -> UUID:
    return cases.report_signal(
        actor=SYSTEM, channel="hotline", class_code="100101", text="井盖", lon=spot[0], lat=spot[1], **more
    ).case_id


def sent(desk: Desk, **more: Any) -> UUID:
    """A case that the pump crew has."""
    case_id = new(desk, **more)
    cases.act(actor=desk.actor("duty_lead"), case_id=case_id, action="dispatch", team=desk.pump)
    return case_id


def put(case_id: UUID, **values: Any) -> None:
    Case.objects.filter(id=case_id).update(**values)


def listed(desk: Desk, reason: str, **wanted: Any) -> dict[UUID, dict[str, Any]]:
    found = cases.supervision_page(desk.actor("supervisor"), reason, **wanted)
    return {item["id"]: item for item in found["items"]}


def test_overdue_says_by_how_much_as_its_clock_counts(desk: Desk) -> None:
    late, fine = sent(desk), sent(desk)
    now = clock.now()
    due = counting.back_seconds(tables.calendar(), now, 3 * 3600, "work_hour")
    held = Case.objects.get(id=late).clocks
    held["handle"] |= {"unit": "work_hour", "due": due.isoformat()}
    put(late, due_at=due, handle_due_at=due, clocks=held)
    put(fine, due_at=now + LONG)
    found = listed(desk, "overdue")
    assert set(found) == {late}
    assert found[late]["why"] == {"zh": "处置已超时 3 个工作时", "en": "Handling is late by 3 working h"}
    assert found[late]["team"] and found[late]["since"] == due


def test_stuck_by_priority_only_while_the_clock_runs(desk: Desk) -> None:
    now, made = clock.now(), [sent(desk) for _ in range(4)]
    hours = lambda n: counting.back_seconds(tables.calendar(), now, n * 3600, "work_hour")  # noqa: E731
    put(made[0], updated_at=hours(17), due_at=now + LONG, priority=0)
    put(made[1], updated_at=hours(9), due_at=now + LONG, priority=0)  # not yet, at priority 0
    put(made[2], updated_at=hours(9), due_at=now + LONG, priority=1)
    put(made[3], updated_at=hours(90), due_at=None)  # its clock stands still
    found = listed(desk, "stuck")
    assert list(found) == [made[0], made[2]]  # the longest first
    assert found[made[2]]["why"]["en"].startswith("no act for 9 working h")
    put(made[1], urgent=True, updated_at=now - timedelta(hours=3))
    assert found[made[0]]["why"]["zh"].endswith("计时未停") and made[1] in listed(desk, "stuck")


def test_sent_back_twice_or_reworked_twice(desk: Desk) -> None:
    lead, crew = desk.actor("duty_lead"), desk.actor("team_member", team=desk.pump)
    twice, once, again = new(desk), sent(desk), sent(desk)
    for _ in range(2):
        cases.act(actor=lead, case_id=twice, action="dispatch", team=desk.pump)
        cases.act(actor=crew, case_id=twice, action="return", reason="不属本班组")
    cases.act(actor=crew, case_id=once, action="return", reason="不属本班组")
    put(again, rework_count=2)
    found = listed(desk, "sent_back")
    assert set(found) == {twice, again}
    assert found[twice]["why"]["en"] == "returned 2 times" and found[again]["why"]["zh"] == "返工 2 次"
    assert found[twice]["since"] == TimelineEntry.objects.filter(case_id=twice, act="return").latest("at").at


def test_unhappy_until_it_is_answered(desk: Desk) -> None:
    now, made = clock.now(), [sent(desk) for _ in range(5)]
    ended = {"state": "closed", "closed_at": now - timedelta(days=2), "due_at": None}
    put(made[0], **ended, satisfaction="dissatisfied")
    put(made[1], **{**ended, "state": "evaluated"}, score=1)
    put(made[2], **ended, satisfaction="satisfied", score=2)  # a later follow-up heard better
    put(made[3], **{**ended, "closed_at": now - timedelta(days=200)}, satisfaction="partly")
    put(made[4], reopen_count=1)
    found = listed(desk, "unhappy")
    assert set(found) == {made[0], made[1], made[4]}
    assert found[made[0]]["why"]["zh"] == "回访: 不满意" and found[made[1]]["why"]["en"] == "rated 1 of 5 stars"
    assert "opened again" in found[made[4]]["why"]["en"]
    cases.act(actor=desk.actor("duty_lead", NORTH), case_id=made[0], action="follow_up", satisfaction="satisfied")
    assert made[0] not in listed(desk, "unhappy")


def test_beyond_the_day_of_looking_again_and_beyond_an_extension(desk: Desk) -> None:
    lead, now = desk.actor("duty_lead"), clock.now()
    still, extended, fine = sent(desk), sent(desk), sent(desk)
    day = (now + timedelta(days=3)).date()
    cases.act(actor=lead, case_id=still, action="suspend", reason="等审批", recheck=day)
    put(still, recheck_at=now - timedelta(days=1))
    for case_id in (extended, fine):
        cases.act(actor=lead, case_id=case_id, action="extend", reason="缺料", hours=2)
    put(extended, due_at=now - timedelta(hours=30))
    found = listed(desk, "beyond")
    assert set(found) == {still, extended}
    assert "复查" in found[still]["why"]["zh"] and found[extended]["why"]["en"].startswith("extended, and late")


def test_supervised_waiting_late_answered(desk: Desk) -> None:
    boss, crew = desk.actor("supervisor"), desk.actor("team_member", team=desk.pump)
    case_id, other = sent(desk), sent(desk)
    until = (clock.now().astimezone(tables.calendar().zone) + timedelta(days=2)).date()
    for one in (case_id, other):
        cases.act(actor=boss, case_id=one, action="supervise", note="三日内办结", until=until)
    numbers = {row["supervision"]["number"] for row in listed(desk, "supervised").values()}
    assert len(numbers) == 2 and all(n.startswith(f"{until.year}-") for n in numbers)
    assert listed(desk, "answer_due") == {}
    side = Case.objects.get(id=case_id).side
    side["supervision"]["until"] = "2020-01-01"
    put(case_id, side=side)
    found = listed(desk, "answer_due")
    assert set(found) == {case_id} and found[case_id]["supervision"]["state"] == "late"
    cases.act(actor=crew, case_id=case_id, action="answer_supervision", note="今晚办结")
    assert listed(desk, "answer_due") == {}
    assert listed(desk, "supervised")[case_id]["supervision"]["state"] == "answered"
    letter = cases.supervision_letter(boss, case_id)
    assert (letter["state"], letter["answer"], letter["words"]) == ("answered", "今晚办结", "三日内办结")


def test_only_where_one_supervises(desk: Desk) -> None:
    north, south = new(desk), new(desk, IN_SOUTH)
    for one in (north, south):
        put(one, due_at=clock.now() - LONG)
    mine = desk.actor("supervisor", NORTH)
    with pytest.raises(Forbidden):
        cases.supervision_page(mine, "overdue", area=SOUTH)
    assert [i["id"] for i in cases.supervision_page(mine, "overdue", area=NORTH)["items"]] == [north]
    assert cases.supervision_counts(mine, area=NORTH)["overdue"] == 1
    with pytest.raises(Forbidden):
        cases.supervision_page(desk.actor("dispatcher"), "overdue", area=D)
    with pytest.raises(Invalid):
        cases.supervision_page(desk.actor("supervisor"), "bored", area=D)


def test_pages_by_key_without_a_gap_and_counts_the_same(desk: Desk, django_assert_max_num_queries: Any) -> None:
    now, made = clock.now(), [new(desk) for _ in range(7)]
    for i, case_id in enumerate(made):
        put(case_id, due_at=now - LONG - timedelta(hours=i // 2))
    boss, seen, cursor = desk.actor("supervisor"), [], None
    with django_assert_max_num_queries(30):
        while True:
            found = cases.supervision_page(boss, "overdue", limit=2, cursor=cursor)
            seen += [i["id"] for i in found["items"]]
            if (cursor := found["next"]) is None:
                break
    assert sorted(seen) == sorted(made) and len(set(seen)) == 7
    assert [i["due_at"] for i in listed(desk, "overdue").values()] == sorted(
        now - LONG - timedelta(hours=i // 2) for i in range(7)
    )
    counts = cases.supervision_counts(boss, area=D)
    assert set(counts) == set(supervision.REASONS) and counts["overdue"] == 7


INDEXES = {
    "overdue": {"cases_open_due"}, "stuck": {"cases_quiet"}, "sent_back": {"cases_sent_back"},
    "unhappy": {"cases_reopened", "cases_unhappy"}, "beyond": {"cases_recheck", "cases_extended"},
    "answer_due": {"cases_supervised"}, "supervised": {"cases_supervised"},
}  # fmt: skip


def many(case_id: UUID, count: int) -> None:
    """Copies of a case: nineteen of twenty have ended; of the open ones a few are of each reason."""
    asked = '{"supervision": {"until": "2020-01-01", "at": "2020-01-01T00:00:00+00:00"}}'
    on = {
        "id": "gen_random_uuid()", "number": "'X' || n", "created_at": "now() - n * interval '1 minute'",
        "updated_at": "now() - (n %% 400) * interval '1 hour'",
        "closed_at": "CASE WHEN n %% 20 > 0 THEN now() - n * interval '1 minute' END",
        "state": "CASE WHEN n %% 20 > 0 THEN 'closed' WHEN n %% 2000 = 0 THEN 'suspended' ELSE 'handling' END",
        "due_at": "CASE WHEN n %% 20 = 0 AND n %% 2000 > 0 THEN now() + (n %% 900 - 90) * interval '1 hour' END",
        "recheck_at": "CASE WHEN n %% 2000 = 0 THEN now() - interval '1 day' END",
        "return_count": "CASE WHEN n %% 1000 = 20 THEN 2 ELSE 0 END",
        "reopen_count": "CASE WHEN n %% 1000 = 40 THEN 1 ELSE 0 END",
        "satisfaction": "CASE WHEN n %% 900 = 1 THEN 'dissatisfied' END",
        "supervised": "n %% 1000 = 60",
        "side": f"CASE WHEN n %% 1000 = 60 THEN '{asked}'::jsonb END",
        "clocks": "CASE WHEN n %% 1000 = 80 THEN jsonb_set(clocks, '{handle,extended_s}', '7200') ELSE clocks END",
        "task_id": "NULL", "external_id": "''", "tokens": "'{}'", "alarm_id": "NULL",
    }  # fmt: skip
    names = [f.column for f in Case._meta.concrete_fields]
    values = ", ".join(on.get(name, f'c."{name}"') for name in names)
    columns = ", ".join(f'"{name}"' for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO cases_case ({columns}) SELECT {values} FROM cases_case c, generate_series(1, %s) n"
            " WHERE c.id = %s", [count, case_id],
        )  # fmt: skip
        cursor.execute("ANALYZE cases_case")


def test_each_reason_reads_its_own_index(desk: Desk) -> None:
    """Among 40,000 cases the planner chooses by itself the index made for a reason, and reads no table from end to
    end; what a page costs hangs on how many cases have the reason, not on how many there are."""
    many(sent(desk), 40_000)
    boss = desk.actor("supervisor")
    for reason, indexes in INDEXES.items():
        sql, params = supervision.ids(boss, reason, supervision.Wanted(), clock.now(), 51, [])
        plan = "\n".join(r[0] for r in fast.rows("EXPLAIN " + sql, params))
        assert "Seq Scan" not in plan, f"{reason}: {plan}"
        assert all(f" {name} " in plan or f" {name}\n" in plan for name in indexes), f"{reason}: {plan}"
        page = cases.supervision_page(boss, reason, limit=5)
        assert page["items"], reason
        assert all(i["why"]["zh"] and i["why"]["en"] for i in page["items"])
    counts = cases.supervision_counts(boss)
    assert counts["sent_back"] == 40 and counts["overdue"] <= supervision.MOST + 1


def test_remind_tells_the_team_and_keeps_the_case_on_the_desk(desk: Desk) -> None:
    boss = desk.actor("supervisor")
    case_id, none = sent(desk), new(desk)
    desk.account("team_member", D, team=desk.pump)
    before = Case.objects.get(id=case_id)
    shown = cases.remind(actor=boss, case_ids=[case_id, none], note="", preview=True)
    assert {r["case_id"]: r["skipped"] for r in shown} == {case_id: "", none: "no_team"}
    assert not TimelineEntry.objects.filter(act="remind").exists()
    done = {r["case_id"]: r for r in cases.remind(actor=boss, case_ids=[case_id, none], note="请今日到场")}
    assert done[case_id]["told"] >= 1
    entry = TimelineEntry.objects.get(case_id=case_id, act="remind")
    assert entry.note == "请今日到场" and not entry.public
    notices = [e.envelope for e in OutboxEvent.objects.filter(type="case.notice")]
    assert [n["data"]["act"] for n in notices] == ["remind"] * done[case_id]["told"]
    assert all(n["audience"].startswith("account:") and "请今日到场" not in str(n) for n in notices)
    after = Case.objects.get(id=case_id)
    assert (after.updated_at, after.version) == (before.updated_at, before.version)
    again = cases.remind(actor=boss, case_ids=[case_id], note="再催")
    assert again[0]["skipped"] == "just_reminded"
    with pytest.raises(Forbidden):
        cases.remind(actor=desk.actor("dispatcher"), case_ids=[case_id], note="x")


@given(st.integers(0, 40 * 3600), st.integers(0, 30 * 86_400))
def test_counting_back_is_counting_forth(seconds: int, later: int) -> None:
    calendar, end = tables.calendar(), datetime(2026, 11, 2, 1, tzinfo=UTC) + timedelta(seconds=later)
    for unit in ("work_hour", "urgent_hour"):
        start = counting.back_seconds(calendar, end, seconds, unit)
        assert counting.elapsed(calendar, start, end, unit) == seconds
