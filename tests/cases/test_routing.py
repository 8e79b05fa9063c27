"""Routing in the district: versions with their dry run, who is at work, and cases given out by a rule."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.cases.conftest import NORTH, D, Desk
from tests.cases.test_flow import CASES, act, post, report

from linli.cases import events, ports
from linli.cases.models import Case, TimelineEntry
from linli.cases.services import automatic
from linli.kernel import clock
from linli.kernel.envelope import Envelope
from linli.kernel.models import AuditRow, OutboxEvent
from linli.orgs import facade as orgs
from linli.work.models import Duty, Shift, Task

pytestmark = pytest.mark.django_db
ROUTING = "/api/v1/routing"
WORDS = {"zh": "积水归巡查一队", "en": "Standing water goes to the patrol"}
TO_PATROL = [
    {"class": "200406", "team": "patrol", **WORDS},
    {"class": "", "team_kind": "pump", "zh": "默认", "en": "All"},
]


def draft(client: Any, rules: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    answer = post(client, ROUTING, {"rules": rules if rules is not None else TO_PATROL, **more})
    assert answer.status_code == 201, answer.content
    return answer.json()


def in_force(client: Any, rules: list[dict[str, Any]], days: int = 30) -> dict[str, Any]:
    made = draft(client, rules)
    tried = post(client, f"{ROUTING}/{made['id']}/dry-run", {"days": days})
    assert tried.status_code == 200, tried.content
    answer = post(client, f"{ROUTING}/{made['id']}/publish", {"edition": made["edition"]})
    assert answer.status_code == 200, answer.content
    return answer.json()


def first(desk: Desk, case_id: str) -> dict[str, Any]:
    return desk.client("dispatcher").get(f"{CASES}/{case_id}/suggestions").json()["items"][0]


def on_duty(desk: Desk, team: UUID, *, lon: float | None = None, lat: float | None = None) -> None:
    Duty.objects.create(account=desk.account("team_member", D, team), team_id=team, area_path=D, lon=lon, lat=lat,
                        started_at=clock.now(), position_at=clock.now() if lon else None)  # fmt: skip
    ports.forget("work")


def test_the_packs_rules_hold_until_a_version_does(desk: Desk) -> None:
    lead, case = desk.client("centre_lead", ""), report(desk)["id"]
    listed = lead.get(ROUTING).json()
    assert listed["items"] == [] and listed["packs"]["in_force"] is True and listed["packs"]["rules"] > 10
    assert lead.get(f"{ROUTING}/packs").json()["rules"][0]["team_kind"] == "pump"
    assert first(desk, case)["team_id"] == str(desk.pump)
    held = in_force(lead, TO_PATROL)
    assert held["state"] == "in_force" and held["number"] == 1
    got = first(desk, case)
    assert got["team_id"] == str(desk.patrol) and got["reason"]["zh"] == WORDS["zh"] and got["rule"] == 1
    assert lead.get(ROUTING).json()["packs"]["in_force"] is False
    assert {"routing.create", "routing.try", "routing.publish"} <= set(
        AuditRow.objects.values_list("action", flat=True)
    )
    assert OutboxEvent.objects.filter(type="routing.changed").count() == 3


def test_a_dry_run_counts_what_would_change_and_must_come_first(desk: Desk) -> None:
    lead = desk.client("centre_lead", "")
    for _ in range(3):
        report(desk)
    given = report(desk)["id"]
    assert act(desk.client("dispatcher"), given, "dispatch", team=str(desk.patrol)).status_code == 200
    report(desk, class_code="202155")
    Case.objects.filter(pk=report(desk)["id"]).update(created_at=clock.now() - timedelta(days=40))
    made = draft(lead)
    refused = post(lead, f"{ROUTING}/{made['id']}/publish", {"edition": 1})
    assert refused.status_code == 409 and "dry-run-first" in refused.json()["type"]
    tried = post(lead, f"{ROUTING}/{made['id']}/dry-run", {"days": 30}).json()["tried"]
    assert (tried["cases"], tried["changed"], tried["whole"]) == (5, 5, True)
    assert tried["agreed"] == {"before": 0, "after": 1, "of": 1}
    assert tried["nobody"] == {"before": 0, "after": 0}
    moved = {m["class"]: (m["n"], m["from"] and m["from"]["en"], m["to"]["en"]) for m in tried["moves"]}
    assert moved == {"200406": (4, "Pump crew", "Patrol"), "202155": (1, "Patrol", "Pump crew")}
    changed = lead.patch(
        f"{ROUTING}/{made['id']}", {"edition": 1, "rules": TO_PATROL[1:]}, content_type="application/json"
    )
    assert changed.json()["tried"] is None  # other rules than those tried
    assert post(lead, f"{ROUTING}/{made['id']}/publish", {"edition": 2}).json()["type"].endswith("dry-run-first")


def test_two_people_at_a_draft_and_a_published_one_stays(desk: Desk) -> None:
    lead, other = desk.client("centre_lead", ""), desk.client("system_admin", "")
    made = draft(lead)
    path, kind = f"{ROUTING}/{made['id']}", "application/json"
    assert lead.patch(path, {"edition": 1, "note": "雨季"}, content_type=kind).json()["note"] == "雨季"
    assert other.patch(path, {"edition": 1, "note": "x"}, content_type=kind).json()["type"].endswith("changed")
    held = in_force(lead, TO_PATROL)
    assert lead.patch(f"{ROUTING}/{held['id']}", {"edition": 1, "note": "x"}, content_type=kind).status_code == 409
    assert lead.delete(f"{ROUTING}/{held['id']}").status_code == 409 and lead.delete(path).status_code == 204
    copy = post(lead, ROUTING, {"from": held["id"]}).json()
    assert copy["rules"] == held["rules"] and copy["state"] == "draft" and copy["number"] == 3


def test_an_unsound_draft_is_told_so_and_not_published(desk: Desk) -> None:
    lead = desk.client("centre_lead", "")
    made = draft(lead, [{"class": "200406", "team": "nobody", **WORDS}])
    assert [f["code"] for f in made["findings"]] == ["team", "gap"]
    post(lead, f"{ROUTING}/{made['id']}/dry-run", {"days": 7})
    refused = post(lead, f"{ROUTING}/{made['id']}/publish", {"edition": 1})
    assert refused.status_code == 422 and "no team is nobody" in refused.content.decode()
    bad = post(lead, ROUTING, {"rules": [{"class": "20", "team": "pump", **WORDS, "hours": ["25:00-26:00"]}]})
    assert bad.status_code == 422 and "hours" in bad.content.decode()


def test_a_planned_version_waits_and_may_be_withdrawn(desk: Desk) -> None:
    lead, case = desk.client("centre_lead", ""), report(desk)["id"]
    made = draft(lead)
    post(lead, f"{ROUTING}/{made['id']}/dry-run", {})
    at = (clock.now() + timedelta(days=2)).isoformat()
    assert post(lead, f"{ROUTING}/{made['id']}/publish", {"edition": 1, "at": at}).json()["state"] == "planned"
    assert first(desk, case)["team_id"] == str(desk.pump)
    assert post(lead, f"{ROUTING}/{made['id']}/withdraw", {}).json()["state"] == "draft"
    held = in_force(lead, TO_PATROL)
    assert post(lead, f"{ROUTING}/{held['id']}/withdraw", {}).status_code == 409


def test_who_is_at_work_comes_first_and_why_is_said(desk: Desk) -> None:
    second = orgs.ensure_team(code="pump2", name_zh="泵站三组", kind="pump", area_path=D)
    case = report(desk)["id"]
    assert first(desk, case)["team_id"] == str(desk.pump)  # nobody is there: as before
    on_duty(desk, second, lon=117.26, lat=31.99)
    got = first(desk, case)
    assert got["team_id"] == str(second)
    assert got["why"] == [{"code": "on_duty", "n": 1}, {"code": "tasks", "n": 0}, {"code": "metres", "n": 900}]
    Shift.objects.create(account=desk.account("team_member", D, desk.pump), team_id=desk.pump, area_path=D,
                         starts_at=clock.now() - timedelta(hours=1), ends_at=clock.now() + timedelta(hours=1),
                         state="published")  # fmt: skip
    for n in range(9):
        Task.objects.create(title=f"{n}", team_id=second, area_path=D)
    ports.forget("work")
    got = first(desk, case)  # the other has nine tasks for one member
    assert got["team_id"] == str(desk.pump) and got["why"][0] == {"code": "rostered", "n": 1}
    assert "metres" not in [w["code"] for w in got["why"]]


def test_where_members_are_is_told_to_those_who_may_know(desk: Desk) -> None:
    from linli.cases.selectors import suggest

    on_duty(desk, desk.pump, lon=117.26, lat=31.99)
    found = suggest.first_for(UUID(report(desk)["id"]))
    assert found is not None
    assert "metres" in [w["code"] for w in suggest.shown(found, places=True)["why"]]
    assert "metres" not in [w["code"] for w in suggest.shown(found, places=False)["why"]]


def test_the_team_that_sent_it_back_is_not_asked_first_again(desk: Desk) -> None:
    second = orgs.ensure_team(code="pump2", name_zh="泵站三组", kind="pump", area_path=D)
    case, crew = report(desk)["id"], desk.client("team_member", D, desk.pump)
    act(desk.client("dispatcher"), case, "dispatch", team=str(desk.pump))
    assert act(crew, case, "return", reason="不是本组范围").status_code == 200
    on_duty(desk, desk.pump)
    items = desk.client("dispatcher").get(f"{CASES}/{case}/suggestions").json()["items"]
    assert [i["team_id"] for i in items[:2]] == [str(second), str(desk.pump)]
    assert items[1]["why"][0] == {"code": "sent_back"}


def test_a_rule_names_a_member_and_the_task_is_meant_for_them(desk: Desk) -> None:
    who = desk.account("team_member", D, desk.patrol)
    in_force(desk.client("centre_lead", ""), [{**TO_PATROL[0], "person": who.username}, TO_PATROL[1]])
    case = report(desk)["id"]
    got = first(desk, case)
    assert got["member"] == {"id": str(who.id), "name": who.display_name}
    other = desk.account("team_member", D, desk.pump)
    wrong = act(desk.client("dispatcher"), case, "dispatch", team=got["team_id"], member=str(other.id))
    assert wrong.status_code == 422 and "member" in wrong.content.decode()
    done = act(desk.client("dispatcher"), case, "dispatch", team=got["team_id"], member=got["member"]["id"])
    assert done.status_code == 200, done.content
    assert Task.objects.get(case_id=case).assignee_id == who.id


AUTOMATIC = [{**TO_PATROL[0], "automatic": True}, TO_PATROL[1]]


def envelope(case_id: str, act: str = "file", state: str = "filed", audience: str = "staff") -> Envelope:
    return Envelope(id="", type="case.changed", at="", kind="case", ref=case_id, area="", centre=None,
                    audience=audience, permission="", data={"act": act, "state": state})  # fmt: skip


def filed(desk: Desk) -> str:
    case = report(desk)["id"]
    assert act(desk.client("intake"), case, "file").status_code == 200
    return str(case)


def test_an_automatic_rule_gives_a_filed_case_to_the_team_at_work(desk: Desk) -> None:
    case = filed(desk)
    assert not events._automatic()(envelope(case))  # no rule does so by itself
    in_force(desk.client("centre_lead", ""), AUTOMATIC)
    interested = events._automatic()
    assert interested(envelope(case))
    assert not interested(envelope(case, act="recall")) and not interested(envelope(case, state="dispatched"))
    assert not interested(envelope(case, audience="public"))
    assert automatic.give_out(case_id=UUID(case)) is False  # nobody of the patrol is there
    on_duty(desk, desk.patrol)
    assert automatic.give_out(case_id=UUID(case)) is True
    row = Case.objects.get(pk=case)
    assert row.state == "dispatched" and row.team_id == desk.patrol and row.undo is None
    entry = TimelineEntry.objects.get(case_id=case, act="dispatch")
    assert entry.actor_kind == "system" and entry.detail["rule"]["no"] == 1
    assert automatic.give_out(case_id=UUID(case)) is False  # told twice, done once
    assert act(desk.client("dispatcher"), case, "recall", reason="先不派").json()["state"] == "filed"


def test_a_claimed_returned_or_private_case_stays_with_people(desk: Desk) -> None:
    in_force(desk.client("centre_lead", ""), AUTOMATIC)
    on_duty(desk, desk.patrol)
    claimed, back, private = filed(desk), filed(desk), filed(desk)
    Case.objects.filter(pk=private).update(private=True)
    assert automatic.give_out(case_id=UUID(private)) is False
    post(desk.client("dispatcher"), f"{CASES}/{claimed}/claim")
    assert automatic.give_out(case_id=UUID(claimed)) is False
    Case.objects.filter(pk=back).update(return_count=1)
    assert automatic.give_out(case_id=UUID(back)) is False
    in_force(desk.client("centre_lead", ""), [{**AUTOMATIC[0], "events": ["new", "returned"]}, AUTOMATIC[1]])
    assert automatic.give_out(case_id=UUID(back)) is True


def test_only_those_of_the_whole_district_write_rules(desk: Desk) -> None:
    part, whole = desk.client("centre_lead", NORTH), desk.client("centre_lead", D)
    assert post(part, ROUTING, {"rules": TO_PATROL}).status_code == 403
    assert part.get(ROUTING).json()["may_write"] is False and whole.get(ROUTING).json()["may_write"] is True
    assert post(whole, ROUTING, {"rules": TO_PATROL}).status_code == 201
    assert desk.client("dispatcher").get(ROUTING).status_code == 200
    assert desk.client("grid_member").get(ROUTING).status_code == 403
