"""Lists: keyset pages, filters, search in Chinese and English, pins, counts, export, and what they cost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from tests.cases.conftest import IN_NORTH, IN_SOUTH, NORTH, D, Desk
from tests.cases.test_flow import CASES, act, dispatched, post, report

from linli.cases.models import Case
from linli.cases.rules import words
from linli.cases.selectors import fast, searching
from linli.kernel import clock

pytestmark = pytest.mark.django_db
TEXTS = ("北辰天都3号楼漏水", "路灯不亮", "Street light broken at No. 12", "消防通道堵塞, 有漏水", "井盖丢失")


@pytest.fixture
def some(desk: Desk) -> Desk:
    for i, text in enumerate(TEXTS):
        place = IN_NORTH if i % 2 else IN_SOUTH
        report(desk, text=text, lon=place[0], lat=place[1], class_code=("200406", "202157")[i % 2], urgent=i == 4)
    return desk


def items(client: Any, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"{CASES}?{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()["items"]


@pytest.mark.parametrize("sort", ["newest", "due"])
def test_pages_have_every_case_once_also_while_new_ones_come(some: Desk, sort: str) -> None:
    client, seen, cursor = some.client("dispatcher"), [], ""
    while True:
        page = client.get(f"{CASES}?limit=2&sort={sort}{cursor}").json()
        seen += [i["number"] for i in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
        if sort == "newest":
            report(some, text="又一件")
    assert len(seen) == len(set(seen)) == len(TEXTS)
    by_number = {c.number: c for c in Case.objects.all()}
    assert seen == sorted(seen, key=lambda n: (by_number[n].due_at, n) if sort == "due" else n,
                          reverse=sort == "newest")  # fmt: skip


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("q=漏水", 2), ("q=路灯", 2), ("q=北辰天都", 1), ("q=北辰楼", 0), ("q=light broken", 1), ("q=LIGHT", 1),
        ("q=灯", 2), ("q=漏水 消防", 1), ("q=积水", 3), ("q=没有的词", 0),
        (f"area={NORTH}", 2), ("area=340121400", 5), ("area=34012140", 0), ("urgent=true", 1), ("class_code=2021", 2),
        ("state=submitted", 5), ("state=filed,handling", 0), ("step=1", 5), ("channel=hotline", 0), ("open=false", 0),
        ("overdue=true", 0), ("kind=problem", 5), ("source=sf311", 0), ("source=all", 5), ("mine=true", 0),
        ("created_from=2099-01-01T00:00:00%2B08:00", 0), ("created_to=2099-01-01T00:00:00Z", 5),
    ],
)  # fmt: skip
def test_filters_and_search(some: Desk, query: str, count: int) -> None:
    assert len(items(some.client("dispatcher"), query)) == count


def test_search_by_number_and_what_is_mine_and_late(some: Desk) -> None:
    first = Case.objects.order_by("created_at").first()
    client = some.client("dispatcher")
    assert [i["id"] for i in items(client, f"q={first.number}")] == [str(first.id)]
    post(client, f"{CASES}/{first.id}/claim")
    assert [i["id"] for i in items(client, "mine=true")] == [str(first.id)]
    Case.objects.filter(pk=first.pk).update(due_at=clock.now() - timedelta(hours=1))
    late = items(client, "overdue=true")
    assert [i["id"] for i in late] == [str(first.id)] and late[0]["overdue"] is True


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=500", "cursor=zzz", "cursor=WzEsMl0", "sort=x", "q=%20%21", "created_from=2026-01-01T00:00:00",
     "team=x", "step=x", "q=" + "长" * 101, "q=%00"],
)  # fmt: skip
def test_bad_questions_are_refused(desk: Desk, query: str) -> None:
    answer = desk.client("dispatcher").get(f"{CASES}?{query}")
    assert answer.status_code == 422 and answer.json()["errors"], query


def test_a_teams_own_cases_are_seen_beyond_the_area_and_no_others(desk: Desk) -> None:
    case_id = dispatched(desk)
    dispatched(desk, lon=IN_SOUTH[0], lat=IN_SOUTH[1], kind="need", class_code="909001")
    crew = desk.client("team_member", "340121400.003", desk.pump)
    assert len(items(crew)) == 2 and crew.get(f"{CASES}/{case_id}").status_code == 200
    assert items(desk.client("team_member", "340121400.003", desk.patrol)) == []


def test_lists_cost_the_same_however_long(some: Desk) -> None:
    client = some.client("dispatcher")
    items(client)
    with CaptureQueriesContext(
        connection,
    ) as few:
        items(client, "limit=2")
    for _ in range(10):
        report(some)
    with CaptureQueriesContext(connection) as many:
        items(client, "limit=50")
    assert len(few) == len(many) <= 2, [q["sql"] for q in many]
    case = Case.objects.first()
    client.get(f"{CASES}/{case.id}")
    with CaptureQueriesContext(connection) as one:
        client.get(f"{CASES}/{case.id}")
    assert len(one) <= 3, [q["sql"] for q in one]


def test_two_characters_use_the_index_at_volume(some: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list's own query, among 20,000 cases, as the planner sees it by its statistics."""
    names = [f.column for f in Case._meta.concrete_fields]
    made = {"id": "gen_random_uuid()", "number": "'2025-01-' || n", "created_at": "created_at - n * interval '1 min'",
            "tokens": "ARRAY[chr(19968 + n % 900), chr(19968 + n % 900) || chr(19968 + n % 70)]"}  # fmt: skip
    with connection.cursor() as db:
        db.execute(
            f"INSERT INTO cases_case ({', '.join(names)}) SELECT {', '.join(made.get(c, c) for c in names)}"
            " FROM (SELECT * FROM cases_case LIMIT 1) c, generate_series(10000, 29999) n"
        )
        db.execute("ANALYZE cases_case")
    asked: list[tuple[str, Any]] = []

    def overheard(sql: str, params: Any, **how: Any) -> Any:
        asked.append((sql, params))
        return rows(sql, params, **how)

    rows = fast.rows
    monkeypatch.setattr(fast, "rows", overheard)
    assert len(items(some.client("dispatcher"), "q=漏水")) == 2
    [listing] = [(sql, params) for sql, params in asked if "c.tokens @>" in sql]
    plan = "\n".join(r[0] for r in rows(f"EXPLAIN {listing[0]}", listing[1]))
    assert "Bitmap Index Scan on cases_words" in plan and "Seq Scan" not in plan, plan


def test_pins_and_counts(some: Desk) -> None:
    client = some.client("dispatcher")
    found = client.get(f"{CASES}/pins").json()
    rows = [dict(zip(found["columns"], r, strict=True)) for r in found["rows"]]
    assert len(rows) == 5 and {r["state"] for r in rows} == {"submitted"} and all(r["due"] for r in rows)
    assert len(client.get(f"{CASES}/pins?bbox=117.2,31.98,117.3,32.04").json()["rows"]) == 2
    assert client.get(f"{CASES}/pins?bbox=1,2,3").status_code == 422
    act(some.client("intake"), rows[0]["id"], "reject", reason="重复")
    got = client.get(f"{CASES}/counts").json()
    assert (got["open"], got["urgent"], got["overdue"], got["created_today"]) == (4, 1, 0, 5)
    assert got["by_state"] == {"submitted": 4} and got["by_step"] == [4, 0, 0, 0, 0, 0, 0]
    assert client.get(f"{CASES}/counts?area={NORTH}").json()["open"] == 2


def test_export_is_a_spreadsheets_friend_and_nobodys_trap(some: Desk) -> None:
    report(some, text="=cmd|' /C calc'!A0", class_code="200406")
    answer = some.client("centre_lead").get(f"{CASES}/export.csv")
    text = b"".join(answer.streaming_content).decode("utf-8")
    lines = text.splitlines()
    assert text.startswith("\ufeffnumber,") and len(lines) == 7
    assert "'=cmd" in lines[1] and ",=cmd" not in text
    assert some.client("dispatcher").get(f"{CASES}/export.csv").status_code == 403


@given(st.text(alphabet="漏水路灯井盖abcXYZ019 ,。", max_size=30), st.integers(0, 29), st.integers(1, 6))
def test_whatever_part_of_a_word_is_asked_for_its_entries_are_there(text: str, start: int, length: int) -> None:
    """Each pair of neighbouring Chinese characters of a text is an entry of it."""
    part = text[start : start + length]
    found = set(words.tokens(text))
    for run in words.RUN.findall(part):
        if run[0] >= "\u3400":
            assert set(words.query_tokens(run)[0]) <= found


def test_the_catalogue_says_which_limits_are_illustrative(desk: Desk) -> None:
    got = desk.client("dispatcher").get("/api/v1/catalogue").json()
    classes = {c["code"]: c for c in got["classes"]}
    assert len(classes) == len(got["classes"]) > 230
    row = classes["200102"]["conditions"][0]
    assert (row["limit"], row["unit"], row["illustrative"]) == (1, "work_day", False)
    assert all(c["en"].isascii() or "’" in c["en"] or "²" in c["en"] for c in got["classes"])
    for c in got["classes"]:
        assert c["conditions"] and all(r["zh"] and r["en"] and r["closing"]["en"] for r in c["conditions"])
        assert all(r["illustrative"] or r["limit_source"] in got["sources"] for r in c["conditions"])
    names = " ".join(c["zh"] for c in got["classes"])
    for word in ("群发", "集体", "不稳定", "出版物", "流浪", "乞讨", "上访", "标语"):
        assert word not in names
    table = desk.client("dispatcher").get("/api/v1/catalogue/transitions").json()
    assert len(table["steps"]) == 7 and {a["act"] for a in table["actions"]} >= {"return", "rework", "reopen"}


def test_a_search_for_common_words_looks_among_the_newest_and_then_in_all(
    some: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 漏水 and 消防 taken for common, the newest are asked first; what only old ones hold is found as well."""
    client = some.client("dispatcher")
    monkeypatch.setattr(searching, "shares", lambda: {"漏水": 0.9, "消防": 0.9, "北辰": 0.9})
    asked: list[str] = []
    rows = fast.rows

    def overheard(sql: str, params: Any, **how: Any) -> Any:
        asked.append(sql)
        return rows(sql, params, **how)

    monkeypatch.setattr(fast, "rows", overheard)
    assert len(items(client, "q=漏水 消防&limit=1")) == 1
    assert sum("OFFSET 0" in sql for sql in asked) == 1  # the newest page was not full
    for _ in range(3):
        report(some, text="北辰天都漏水, 消防通道")
    asked.clear()
    first = client.get(f"{CASES}?q=漏水 消防&limit=2").json()
    assert len(first["items"]) == 2 and not any("OFFSET 0" in sql for sql in asked)
    second = client.get(f"{CASES}?q=漏水 消防&limit=2&cursor={first['next']}").json()
    assert len(second["items"]) == 2 and second["next"] is None
    assert len({i["id"] for i in first["items"] + second["items"]}) == 4
    assert len(items(client, "q=漏水 消防&sort=due")) == 4


def test_what_was_mine_is_found_when_it_has_ended(desk: Desk) -> None:
    """Handled, made, of the own team: each reason by itself, also together with a filter, and each case once."""
    client, account = desk.client("team_member", D, desk.pump), desk.account("team_member", D, desk.pump)
    made = [report(desk, text=text)["id"] for text in ("一", "二", "三", "四")]
    Case.objects.filter(pk=made[0]).update(handler_ids=[account.id], state="closed", closed_at=clock.now(), urgent=True)
    Case.objects.filter(pk=made[1]).update(created_by=account.id, handler_ids=[account.id], team_id=desk.pump)
    Case.objects.filter(pk=made[2]).update(team_id=desk.pump, state="rejected", closed_at=clock.now())
    mine = [i["id"] for i in items(client, "mine=true")]
    assert mine == [made[2], made[1], made[0]]
    assert [i["id"] for i in items(client, "mine=true&open=true")] == [made[1]]
    assert [i["id"] for i in items(client, "mine=true&urgent=true")] == [made[0]]
    assert [i["id"] for i in items(client, "mine=true&state=rejected,closed&step=2")] == [made[2]]
    assert [i["id"] for i in items(client, "mine=true&sort=due")] == [made[1]]


def test_an_area_does_not_take_in_one_that_only_begins_like_it(some: Desk) -> None:
    Case.objects.filter(area_path=NORTH).update(area_path=NORTH + "-a")
    client = some.client("dispatcher")
    assert items(client, f"area={NORTH}") == [] and len(items(client, f"area={NORTH}-a")) == 2
    assert items(some.client("dispatcher", NORTH)) == []
