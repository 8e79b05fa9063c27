"""Each side path by name: who may go it, what it needs, what it does to the clocks, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from tests.cases.conftest import NORTH, D, Desk, soon
from tests.cases.test_flow import CASES, act, dispatched, picture, report, state
from tests.identity import accounts

from linli.cases import facade
from linli.cases.models import Case, Reporter, TimelineEntry
from linli.cases.services import upkeep
from linli.identity import resolver
from linli.identity.models import RoleGrant
from linli.kernel.errors import Conflict
from linli.orgs import facade as orgs

pytestmark = pytest.mark.django_db


def case_of(case_id: str) -> Case:
    return Case.objects.get(pk=case_id)


def acts_of(client: Any, case_id: str) -> set[str]:
    return {a["act"] for a in client.get(f"{CASES}/{case_id}").json()["actions"]}


def running(case_id: str) -> list[str]:
    return [stage for stage, clock in case_of(case_id).clocks.items() if clock["since"]]


def last(case_id: str) -> TimelineEntry:
    found = TimelineEntry.objects.filter(case_id=case_id).order_by("-at", "-id").first()
    assert found is not None
    return found


def handled(desk: Desk) -> str:
    case_id = dispatched(desk)
    assert act(desk.client("team_member", D, desk.pump), case_id, "finish", note="好了").status_code == 200
    return case_id


def closed(desk: Desk) -> str:
    case_id = handled(desk)
    assert act(desk.client("duty_lead"), case_id, "close").status_code == 200
    return case_id


def test_verify_before_filing(desk: Desk) -> None:
    intake, case_id = desk.client("intake"), report(desk)["id"]
    assert act(intake, case_id, "ask_check").json()["state"] == "verifying"
    assert act(intake, case_id, "confirm_true").status_code == 422
    assert act(intake, case_id, "confirm_true", note="现场属实").json()["state"] == "accepted"
    assert act(intake, case_id, "ask_check").json()["state"] == "verifying"
    assert act(desk.client("dispatcher"), case_id, "confirm_false", note="x").status_code == 403
    assert act(intake, case_id, "confirm_false", note="现场无此情况").json()["state"] == "cancelled"
    assert running(case_id) == []


def test_reject(desk: Desk) -> None:
    case_id = report(desk)["id"]
    assert act(desk.client("intake"), case_id, "reject").status_code == 422
    assert act(desk.client("dispatcher"), case_id, "reject", reason="x").status_code == 403
    assert act(desk.client("intake"), case_id, "reject", reason="不属城市管理").json()["state"] == "rejected"
    assert last(case_id).note == "不属城市管理" and last(case_id).public


def test_return(desk: Desk) -> None:
    case_id = dispatched(desk)
    assert act(desk.client("team_member", D, desk.patrol), case_id, "return", reason="x").status_code == 403
    crew = desk.client("team_member", D, desk.pump)
    assert act(crew, case_id, "return", reason="不属本组").json()["state"] == "filed"
    assert case_of(case_id).return_count == 1 and running(case_id) == ["dispatch"]


def test_rework(desk: Desk) -> None:
    case_id = handled(desk)
    crew = desk.client("team_member", D, desk.pump)
    assert act(crew, case_id, "rework", reason="x").status_code == 403
    assert act(desk.client("duty_lead"), case_id, "rework", reason="仍有积水").json()["state"] == "dispatched"
    assert case_of(case_id).rework_count == 1 and running(case_id) == ["handle"]


def test_merge_undo(desk: Desk) -> None:
    """What was merged by mistake goes on where it stood, with the time it had left."""
    intake, first, second = desk.client("intake"), report(desk)["id"], report(desk)["id"]
    act(intake, second, "file", **{"class": "200406"})
    with time_machine.travel(case_of(second).created_at.replace(microsecond=0), tick=False) as when:
        when.shift(600)
        assert act(desk.client("dispatcher"), second, "merge", into=first).json()["state"] == "merged"
        used = case_of(second).clocks["dispatch"]["used_s"]
        links = intake.get(f"{CASES}/{first}/links").json()["items"]
        assert [(one["id"], one["kind"]) for one in links] == [(second, "merged")]
        assert [one["kind"] for one in intake.get(f"{CASES}/{second}/links").json()["items"]] == ["into"]
        assert case_of(first).signal_count == 2
        when.shift(1800)
        assert act(intake, second, "unmerge").status_code == 422
        back = act(intake, second, "unmerge", reason="不是同一处").json()
    assert back["state"] == "filed" and running(second) == ["dispatch"]
    case = case_of(second)
    assert case.parent_id is None and case.clocks["dispatch"]["used_s"] == used and case.side is None
    assert case_of(first).signal_count == 1 and last(first).act == "merge_undone"
    assert intake.get(f"{CASES}/{first}/links").json()["items"] == []
    assert act(intake, second, "merge", into=first).json()["state"] == "merged"  # and again


def test_merge_undo_through_two(desk: Desk) -> None:
    """A into B into C: A back alone leaves C with two voices."""
    intake, (a, b, c) = desk.client("intake"), (report(desk)["id"] for _ in range(3))
    act(intake, a, "merge", into=b)
    act(intake, b, "merge", into=c)
    assert case_of(c).signal_count == 3
    assert act(intake, a, "unmerge", reason="x").json()["state"] == "submitted"
    assert case_of(b).signal_count == 1 and case_of(c).signal_count == 2
    assert act(intake, a, "merge", into=b).status_code == 409  # b has ended: it went into c


def test_merge_ends_with_its_case(desk: Desk) -> None:
    """The days until a reporter's contact is emptied begin with the end of the case that theirs was merged into."""
    contact = {"phone": "13800000000", "name": "王五", "consent": True}
    intake, first = desk.client("intake"), report(desk)["id"]
    second = report(desk, contact=contact)["id"]
    act(intake, second, "merge", into=first)
    assert act(intake, first, "reject", reason="重复").json()["state"] == "rejected"
    assert Reporter.objects.get(case_id=second).ended_at is not None
    act(intake, second, "unmerge", reason="不是一回事")
    assert Reporter.objects.get(case_id=second).ended_at is None


def test_split(desk: Desk) -> None:
    case_id = dispatched(desk)
    lead = desk.client("dispatcher")
    assert act(lead, case_id, "split").status_code == 422
    assert act(desk.client("team_member", D, desk.pump), case_id, "split", text="x").status_code == 403
    assert act(lead, case_id, "split", text="路灯也坏了, 电话 13800001111", **{"class": "no"}).status_code == 422
    done = act(lead, case_id, "split", text="路灯也坏了, 电话 13800001111", **{"class": "200104"})
    assert done.json()["state"] == "dispatched"
    part = Case.objects.get(split_from=case_id)
    assert part.state == "accepted" and part.area_path == NORTH and part.class_code == "200104"
    assert "13800001111" not in part.text and running(str(part.id)) == ["file"]
    assert [o["kind"] for o in lead.get(f"{CASES}/{case_id}/links").json()["items"]] == ["part"]
    assert [o["kind"] for o in lead.get(f"{CASES}/{part.id}/links").json()["items"]] == ["whole"]
    assert desk.client("intake").get(f"{CASES}/{part.id}").json()["split_from"] == case_id
    assert act(lead, str(part.id), "merge", into=case_id).json()["state"] == "merged"  # a split taken back


def test_extend(desk: Desk) -> None:
    case_id, lead = dispatched(desk), desk.client("duty_lead")
    before = case_of(case_id).handle_due_at
    assert act(lead, case_id, "extend", reason="雨天", hours=0).status_code == 422
    assert act(lead, case_id, "extend", reason="雨天", hours=2).json()["state"] == "dispatched"
    assert case_of(case_id).handle_due_at > before


def test_ask_extension_and_grant(desk: Desk) -> None:
    case_id, crew, lead = dispatched(desk), desk.client("team_member", D, desk.pump), desk.client("duty_lead")
    assert "grant_extension" not in acts_of(lead, case_id)
    assert act(lead, case_id, "grant_extension").status_code == 409
    assert act(crew, case_id, "ask_extension", reason="等配件", hours=8).status_code == 200
    again = act(crew, case_id, "ask_extension", reason="等配件", hours=9)
    assert again.status_code == 409 and "待接单" in again.json()["detail"]
    assert "extend" not in acts_of(lead, case_id) and "grant_extension" in acts_of(lead, case_id)
    shown = lead.get(f"{CASES}/{case_id}").json()
    assert shown["side"]["extension"]["hours"] == 8 and shown["side"]["extension"]["words"] == "等配件"
    assert shown["people"][shown["side"]["extension"]["by"]] == "测试员"
    before = case_of(case_id).handle_due_at
    assert act(lead, case_id, "grant_extension", hours=4).status_code == 200
    case = case_of(case_id)
    assert case.clocks["handle"]["extended_s"] == 4 * 3600 and case.handle_due_at > before and case.side is None


def test_ask_extension_and_refuse(desk: Desk) -> None:
    case_id, crew, lead = dispatched(desk), desk.client("team_member", D, desk.pump), desk.client("duty_lead")
    act(crew, case_id, "ask_extension", reason="等配件", hours=8)
    assert act(lead, case_id, "refuse_extension").status_code == 422
    assert act(lead, case_id, "refuse_extension", reason="可先排水").status_code == 200
    assert case_of(case_id).side is None and case_of(case_id).clocks["handle"]["extended_s"] == 0


def test_nobody_grants_what_they_asked_for(desk: Desk) -> None:
    both = desk.account("team_member", D, desk.pump)
    RoleGrant.objects.create(account=both, role="duty_lead", area_path=D)
    resolver.forget()
    case_id, person = dispatched(desk), accounts.client_for(both)
    act(person, case_id, "ask_extension", reason="等配件", hours=8)
    refused = act(person, case_id, "grant_extension")
    assert refused.status_code == 403 and "自己的申请" in refused.json()["detail"]
    assert "grant_extension" not in acts_of(person, case_id)


def test_suspend_recheck_and_resume(desk: Desk) -> None:
    case_id, lead = dispatched(desk), desk.client("duty_lead")
    assert act(lead, case_id, "suspend", reason="等审批").status_code == 422  # on which day does somebody look again?
    assert act(lead, case_id, "suspend", reason="等审批", recheck=soon(0)).status_code == 422
    assert act(desk.client("dispatcher"), case_id, "suspend", reason="x", recheck=soon()).status_code == 403
    got = act(lead, case_id, "suspend", reason="等审批", recheck=soon()).json()["case"]
    assert got["state"] == "suspended" and got["side"]["suspension"]["recheck"] == soon() and got["due_at"] is None
    assert upkeep.give_notices() == 0
    with time_machine.travel(case_of(case_id).recheck_at, tick=False):
        assert upkeep.give_notices() == 1 and upkeep.give_notices() == 0
        assert last(case_id).act == "recheck_due"
        lead = accounts.client_for(desk.account("duty_lead"))
        assert act(lead, case_id, "recheck", note="仍在等审批", recheck=soon()).json()["state"] == "suspended"
        assert upkeep.give_notices() == 0
        assert act(lead, case_id, "resume").json()["state"] == "dispatched"  # nobody had taken it before either
    assert case_of(case_id).recheck_at is None and running(case_id) == ["handle"]


def test_self_handle(desk: Desk) -> None:
    """小事不出网格: a grid member deals with it on the spot, and somebody else verifies."""
    member = desk.client("grid_member", NORTH)
    case_id = report(desk)["id"]
    assert act(member, case_id, "self_handle", note="已清理").status_code == 422  # needs a picture after
    assert member.post(f"{CASES}/{case_id}/photos", {"file": picture(), "stage": "after"}).status_code == 201
    assert act(member, case_id, "self_handle", note="已清理").json()["state"] == "handled"
    assert acts_of(member, case_id) == set()
    assert act(desk.client("duty_lead"), case_id, "close").json()["state"] == "closed"


def test_supervise(desk: Desk) -> None:
    case_id, crew, lead = dispatched(desk), desk.client("team_member", D, desk.pump), desk.client("supervisor")
    assert "answer_supervision" not in acts_of(crew, case_id)
    got = act(lead, case_id, "supervise", note="三日内办结", until=soon(3)).json()["case"]
    assert got["supervised"] and got["side"]["supervision"]["until"] == soon(3)
    assert act(crew, case_id, "answer_supervision", note="今晚办结").status_code == 200
    assert case_of(case_id).side["supervision"]["answered"]
    assert act(crew, case_id, "lift_supervision", note="x").status_code == 403
    assert act(lead, case_id, "lift_supervision", note="已办").json()["case"]["supervised"] is False
    late = act(lead, case_id, "lift_supervision", note="已办")
    assert late.status_code == 409 and "未被督办" in late.json()["detail"]


def test_supervise_comes_from_a_higher_level(desk: Desk) -> None:
    """Not from the team itself, and not from below the centre that holds the case."""
    case_id = report(desk)["id"]
    centre = orgs.ensure_centre(code="cmd", name_zh="指挥中心", area_path=D)
    Case.objects.filter(pk=case_id).update(centre_id=centre)
    below, above = desk.client("supervisor", NORTH), desk.client("supervisor")
    assert "supervise" not in acts_of(below, case_id)
    refused = act(below, case_id, "supervise", note="x")
    assert refused.status_code == 403 and "上级" in refused.json()["detail"]
    assert act(above, case_id, "supervise", note="x").status_code == 200


@pytest.fixture
def centres(desk: Desk) -> dict[str, Any]:
    """The district's two centres and a sub-centre in the north, each with a dispatcher."""
    found: dict[str, Any] = {}
    for code, area in (("command", D), ("city", D), ("north", NORTH), ("south", f"{D}.002")):
        centre = orgs.ensure_centre(code=code, name_zh=f"{code}中心", area_path=area)
        person = accounts.make_account()
        RoleGrant.objects.create(account=person, role="dispatcher", area_path=area, centre_id=centre)
        resolver.forget()
        found[code] = (str(centre), accounts.client_for(person))
    return found


@pytest.mark.parametrize(
    ("sender", "to", "way"), [("north", "command", "up"), ("command", "north", "down"), ("command", "city", "sideways")]
)
def test_transfer(desk: Desk, centres: dict[str, Any], sender: str, to: str, way: str) -> None:
    case_id = report(desk)["id"]
    (_, from_desk), (to_id, to_desk) = centres[sender], centres[to]
    assert act(from_desk, case_id, "transfer", centre=to_id).status_code == 422
    got = act(from_desk, case_id, "transfer", centre=to_id, reason="职责所在").json()["case"]
    assert got["state"] == "in_transfer" and got["side"]["transfer"]["way"] == way
    assert got["side"]["transfer"]["to_name"]["zh"] == f"{to}中心"
    assert running(case_id) == ["accept"]  # nobody gains time by passing a case around
    assert act(from_desk, case_id, "take_over").status_code == 403
    assert acts_of(from_desk, case_id) == {"withdraw_transfer"}
    assert acts_of(to_desk, case_id) == {"take_over", "decline_transfer"}
    got = act(to_desk, case_id, "take_over").json()["case"]
    assert got["state"] == "submitted" and got["centre_id"] == to_id and got["side"] == {}


def test_transfer_declined_or_withdrawn(desk: Desk, centres: dict[str, Any]) -> None:
    case_id = report(desk)["id"]
    (own, sender), (north, receiver), (south, _) = centres["command"], centres["north"], centres["south"]
    assert act(sender, case_id, "transfer", centre=south, reason="x").status_code == 422  # serves another place
    assert act(sender, case_id, "transfer", centre=own, reason="x").status_code == 422
    act(sender, case_id, "transfer", centre=north, reason="职责所在")
    assert act(receiver, case_id, "decline_transfer", reason="非我中心").json()["state"] == "submitted"
    assert case_of(case_id).centre_id is None
    act(sender, case_id, "transfer", centre=north, reason="职责所在")
    assert act(desk.client("intake"), case_id, "withdraw_transfer", reason="x").status_code == 403
    assert act(desk.client("duty_lead"), case_id, "withdraw_transfer", reason="x").json()["state"] == "submitted"


def test_mediation_settled(desk: Desk) -> None:
    case_id = dispatched(desk)
    got = act(desk.client("dispatcher"), case_id, "mediate", reason="邻里噪声争执").json()["case"]
    assert got["state"] == "mediation" and got["private"] and got["team_id"] is None
    assert running(case_id) == ["handle"]
    assert act(desk.client("dispatcher"), case_id, "settle", note="x").status_code == 403
    lead = desk.client("duty_lead")
    assert act(lead, case_id, "settle", note="双方同意 22 时后不作业").json()["state"] == "handled"
    assert act(lead, case_id, "close").status_code == 403  # whoever mediated does not verify
    other = accounts.client_for(accounts.make_account(("duty_lead", D)))
    assert act(other, case_id, "close").json()["state"] == "closed"


def test_mediation_not_settled_or_taken_back(desk: Desk) -> None:
    case_id = report(desk)["id"]
    act(desk.client("intake"), case_id, "mediate", reason="争执")
    assert act(desk.client("intake"), case_id, "unsettled", note="一方不来").json()["state"] == "filed"
    act(desk.client("dispatcher"), case_id, "mediate", reason="再试")
    assert act(desk.client("dispatcher"), case_id, "recall_mediation", reason="改派").json()["state"] == "filed"
    assert running(case_id) == ["dispatch"] and case_of(case_id).side is None


def test_refer(desk: Desk) -> None:
    """To another system, which says what it is called there, how it goes on, and that it is done."""
    case_id = report(desk)["id"]
    assert act(desk.client("dispatcher"), case_id, "refer", reason="路灯归供电").status_code == 422
    got = act(desk.client("dispatcher"), case_id, "refer", to="供电公司", reason="路灯归供电").json()["case"]
    assert got["state"] == "referred" and got["side"]["referral"]["to"] == "供电公司"
    case = case_of(case_id)
    held = facade.referral(case.id)
    assert held is not None and (held.to, held.ref) == ("供电公司", "")
    facade.referral_sent(case_id=case.id, ref="X-17")
    facade.referral_sent(case_id=case.id, ref="X-17")
    assert TimelineEntry.objects.filter(case=case, act="referral_sent").count() == 1
    assert facade.referral_news(case_id=case.id, note="已派人").state == "referred"
    assert facade.referral_news(case_id=case.id, note="灯已亮", outcome="done").state == "handled"
    assert last(case_id).note == "灯已亮" and facade.referral(case.id) is None
    with pytest.raises(Conflict):
        facade.referral_news(case_id=case.id, note="x")
    assert act(desk.client("duty_lead"), case_id, "close").json()["state"] == "closed"


def test_refer_refused_or_taken_back(desk: Desk) -> None:
    case_id, desk_client = report(desk)["id"], desk.client("dispatcher")
    facade.refer(actor=desk.actor("dispatcher"), case_id=case_of(case_id).id, to="供电公司", reason="x")
    assert act(desk_client, case_id, "referral_refused", reason="不归我").json()["state"] == "filed"
    act(desk_client, case_id, "refer", to="供电公司", reason="再问")
    assert act(desk_client, case_id, "recall_referral", reason="自办").json()["state"] == "filed"


def test_reopen_within_the_window(desk: Desk) -> None:
    case_id = closed(desk)
    with time_machine.travel(case_of(case_id).closed_at, tick=False) as when:
        when.shift(31 * 86400)
        lead = accounts.client_for(desk.account("duty_lead"))
        assert "reopen" not in acts_of(lead, case_id)
        assert act(lead, case_id, "reopen", reason="又坏了").status_code == 403
        when.shift(-2 * 86400)
        lead = accounts.client_for(desk.account("duty_lead"))
        assert act(lead, case_id, "reopen", reason="又坏了").json()["state"] == "filed"
    assert case_of(case_id).reopen_count == 1 and running(case_id) == ["dispatch"]


def test_follow_up(desk: Desk) -> None:
    case_id, intake = closed(desk), desk.client("intake")
    assert act(intake, case_id, "follow_up").status_code == 422
    assert act(intake, case_id, "follow_up", satisfaction="great").status_code == 422
    assert act(intake, case_id, "follow_up", satisfaction="satisfied", note="很快").json()["state"] == "closed"
    act(intake, case_id, "follow_up", satisfaction="unreached")
    case = case_of(case_id)
    assert case.satisfaction == "satisfied" and last(case_id).detail == {"satisfaction": "unreached"}
    assert act(intake, case_id, "evaluate", score=4).json()["state"] == "evaluated"
    assert act(intake, case_id, "follow_up", satisfaction="dissatisfied").json()["state"] == "evaluated"
    assert act(desk.client("dispatcher"), case_id, "follow_up", satisfaction="satisfied").status_code == 403


def test_cancel(desk: Desk) -> None:
    case_id = report(desk)["id"]
    assert act(desk.client("intake"), case_id, "cancel").status_code == 422
    assert act(desk.client("intake"), case_id, "cancel", reason="误报").json()["state"] == "cancelled"
    assert state(case_id) == "cancelled" and running(case_id) == []


def test_recall(desk: Desk) -> None:
    case_id = dispatched(desk)
    act(desk.client("team_member", D, desk.pump), case_id, "ask_extension", reason="等", hours=1)
    assert act(desk.client("dispatcher"), case_id, "recall", reason="改派").json()["state"] == "filed"
    assert case_of(case_id).side is None  # nobody waits for an answer any more


def test_no_act_is_shown_that_will_be_refused(desk: Desk) -> None:
    """Also when the team's news has not reached the case yet: whoever acted on its task is no verifier."""
    case_id = handled(desk)
    lead = accounts.client_for(desk.account("duty_lead"))
    for name in acts_of(lead, case_id):
        given = {"note": "x", "reason": "x", "text": "x", "team": str(desk.pump), "class": "200406", "hours": 1}
        from django.db import transaction

        with transaction.atomic():
            answer = act(lead, case_id, name, **given)
            assert answer.status_code == 200, (name, answer.content)
            transaction.set_rollback(True)
