"""The seven steps over HTTP, with return, rework and reopen; one winner; whoever handled never verifies."""

from __future__ import annotations

from typing import Any

import pytest
from tests.cases.conftest import IN_NORTH, IN_SOUTH, NORTH, SOUTH, D, Desk, jpeg

from linli.cases import tables
from linli.cases.models import Case, TimelineEntry
from linli.kernel import ids
from linli.kernel.models import AuditRow, OutboxEvent

pytestmark = pytest.mark.django_db
CASES = "/api/v1/cases"
JSON = {"content_type": "application/json"}


def post(client: Any, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
    return client.post(path, body or {}, content_type="application/json", headers=headers)


def report(desk: Desk, **more: Any) -> dict[str, Any]:
    body = {"text": "路面积水, 井盖冒水", "lon": IN_NORTH[0], "lat": IN_NORTH[1], "class_code": "200406", **more}
    answer = post(desk.client("intake"), CASES, body)
    assert answer.status_code == 201, answer.content
    return answer.json()


def act(client: Any, case_id: str, action: str, **body: Any) -> Any:
    return post(client, f"{CASES}/{case_id}/actions/{action}", body)


def state(case_id: str) -> str:
    return Case.objects.get(pk=case_id).state


def test_a_report_becomes_a_case_with_place_clock_number_events_and_audit(desk: Desk) -> None:
    made = report(desk)
    got = desk.client("dispatcher").get(f"{CASES}/{made['id']}").json()
    assert got["area_path"] == NORTH and got["state"] == "submitted" and got["step"] == 1
    assert got["number"] == made["number"] and got["number"][:5] == f"{tables.today():%Y-}"
    assert got["class"]["zh"] == "道路积水" and got["area_names"]["zh"] == ["第001网格"]
    assert [c["stage"] for c in got["clocks"]] == ["accept"] and got["clocks"][0]["running"]
    assert got["condition"]["illustrative"] is True and made["illustrative"] is True
    assert [a["act"] for a in got["actions"]] == ["merge", "split", "transfer", "mediate", "refer", "dispatch"]
    assert got["suggestions"][0]["team_id"] == str(desk.pump) and "泵站" in got["suggestions"][0]["reason"]["zh"]
    kinds = OutboxEvent.objects.filter(type="case.created").values_list("envelope__audience", flat=True)
    assert sorted(kinds) == ["public", "staff"]
    assert AuditRow.objects.filter(action="case.create", ref=made["id"]).count() == 1


def dispatched(desk: Desk, **more: Any) -> str:
    case_id = report(desk, **more)["id"]
    answer = act(desk.client("dispatcher"), case_id, "dispatch", team=str(desk.pump))
    assert answer.status_code == 200, answer.content
    return str(case_id)


def test_from_report_to_evaluation(desk: Desk) -> None:
    pytest.importorskip("linli.work.facade")
    case_id = dispatched(desk)
    crew = desk.client("team_member", D, desk.pump)
    assert act(crew, case_id, "take").json()["state"] == "handling"
    assert act(crew, case_id, "finish").status_code == 422  # needs a note
    assert act(crew, case_id, "finish", note="已疏通").json()["state"] == "handled"
    assert act(desk.client("duty_lead"), case_id, "close").json()["state"] == "closed"
    assert act(desk.client("intake"), case_id, "evaluate", score=5).json()["state"] == "evaluated"
    acts = list(TimelineEntry.objects.filter(case_id=case_id).order_by("at", "id").values_list("act", flat=True))
    assert acts == ["report", "dispatch", "take", "finish", "close", "evaluate"]
    clocks = {c["stage"]: c for c in desk.client("dispatcher").get(f"{CASES}/{case_id}").json()["clocks"]}
    assert not any(c["running"] for c in clocks.values())
    assert set(clocks) == {"accept", "handle", "verify"}


def test_return_rework_and_reopen(desk: Desk) -> None:
    pytest.importorskip("linli.work.facade")
    case_id = dispatched(desk)
    crew, lead = desk.client("team_member", D, desk.pump), desk.client("duty_lead")
    assert act(crew, case_id, "return").status_code == 422
    assert act(crew, case_id, "return", reason="不属本组").json()["state"] == "filed"
    assert Case.objects.get(pk=case_id).team_id is None
    assert act(desk.client("dispatcher"), case_id, "dispatch", team=str(desk.pump)).status_code == 200
    assert act(crew, case_id, "finish", note="好了").json()["state"] == "handled"
    assert act(lead, case_id, "rework", reason="仍有积水").json()["state"] == "dispatched"
    assert act(crew, case_id, "finish", note="再次处理").json()["state"] == "handled"
    assert act(lead, case_id, "close").json()["state"] == "closed"
    assert act(lead, case_id, "reopen", reason="复发").json()["state"] == "filed"
    case = Case.objects.get(pk=case_id)
    assert (case.return_count, case.rework_count, case.reopen_count, case.closed_at) == (1, 1, 1, None)


def test_whoever_handled_a_case_does_not_verify_it(desk: Desk) -> None:
    """Also when the handler holds the role for it."""
    from linli.identity.models import RoleGrant

    both = desk.account("team_member", D, desk.pump)
    RoleGrant.objects.create(account=both, role="duty_lead", area_path=D)
    from tests.identity.accounts import client_for

    case_id = report(desk)["id"]
    crew = client_for(both)
    assert act(crew, case_id, "self_handle", note="已清理").status_code == 422  # needs a picture after
    photo = crew.post(f"{CASES}/{case_id}/photos", {"file": picture(), "stage": "after"})
    assert photo.status_code == 201, photo.content
    assert act(crew, case_id, "self_handle", note="已清理").json()["state"] == "handled"
    refused = act(crew, case_id, "close")
    assert refused.status_code == 403 and "处置过本案的人" in refused.json()["detail"]
    assert act(desk.client("duty_lead"), case_id, "close").status_code == 200


def picture(name: str = "a.jpg", data: bytes | None = None) -> Any:
    from django.core.files.uploadedfile import SimpleUploadedFile

    return SimpleUploadedFile(name, jpeg() if data is None else data, content_type="image/jpeg")


def test_one_winner_and_the_other_is_told_who(desk: Desk) -> None:
    case_id = report(desk)["id"]
    seen = desk.client("duty_lead").get(f"{CASES}/{case_id}").json()["version"]
    assert act(desk.client("duty_lead"), case_id, "accept", version=seen).status_code == 200
    late = act(desk.client("intake"), case_id, "reject", version=seen, reason="重复")
    assert late.status_code == 409 and "测试员" in late.json()["detail"] and "受理" in late.json()["detail"]
    english = desk.client("intake").post(
        f"{CASES}/{case_id}/actions/reject", {"version": seen, "reason": "x"}, content_type="application/json",
        headers={"Accept-Language": "en"},
    )  # fmt: skip
    assert "was first" in english.json()["detail"]


def test_claims_are_seen_and_hinder_only_another_claim(desk: Desk) -> None:
    case_id = report(desk)["id"]
    first, second = desk.client("dispatcher"), desk.client("duty_lead")
    assert post(first, f"{CASES}/{case_id}/claim").status_code == 200
    assert second.get(f"{CASES}/{case_id}").json()["claimed_by_name"] == "测试员"
    refused = post(second, f"{CASES}/{case_id}/claim")
    assert refused.status_code == 409 and "测试员" in refused.json()["detail"]
    assert first.delete(f"{CASES}/{case_id}/claim").status_code == 200
    assert post(second, f"{CASES}/{case_id}/claim").status_code == 200


def test_a_dispatch_is_taken_back_within_ten_seconds(desk: Desk) -> None:
    facade = pytest.importorskip("linli.work.facade")
    import time_machine

    case_id = dispatched(desk)
    task = Case.objects.get(pk=case_id).task_id
    dispatcher = desk.client("dispatcher")
    assert post(desk.client("duty_lead"), f"{CASES}/{case_id}/dispatch/undo").status_code == 409
    assert post(dispatcher, f"{CASES}/{case_id}/dispatch/undo").json()["state"] == "submitted"
    assert facade.task_state(task) == "cancelled"
    case = Case.objects.get(pk=case_id)
    assert case.team_id is None and case.clocks["accept"]["since"] and "handle" not in case.clocks
    act(dispatcher, case_id, "dispatch", team=str(desk.pump))
    with time_machine.travel(case.updated_at.timestamp() + 30, tick=True):
        assert post(dispatcher, f"{CASES}/{case_id}/dispatch/undo").status_code == 409


def test_taking_a_dispatch_back_leaves_nothing_of_it(desk: Desk) -> None:
    case_id, dispatcher = report(desk, text="有水", class_code="200406")["id"], desk.client("dispatcher")

    def as_it_is() -> tuple[Any, ...]:
        case = Case.objects.get(pk=case_id)
        return case.class_code, case.condition_no, case.urgent, case.private, sorted(case.tokens), case.filed_at

    before = as_it_is()
    body = {"class": "202157", "condition": 1, "urgent": True, "private": True, "team": str(desk.pump)}
    assert act(dispatcher, case_id, "dispatch", **body).status_code == 200
    assert all(new != old for new, old in zip(as_it_is(), before, strict=True))
    assert post(dispatcher, f"{CASES}/{case_id}/dispatch/undo").status_code == 200
    assert as_it_is() == before


def test_a_case_handled_without_a_team_is_sent_back(desk: Desk) -> None:
    member, lead = desk.client("grid_member"), desk.client("duty_lead")
    case_id = report(desk)["id"]
    assert member.post(f"{CASES}/{case_id}/photos", {"file": picture(), "stage": "after"}).status_code == 201
    assert act(member, case_id, "self_handle", note="已清理").json()["state"] == "handled"
    assert act(lead, case_id, "rework", reason="仍有积水").status_code == 403  # there is no team to send it to
    offered = {a["act"] for a in lead.get(f"{CASES}/{case_id}").json()["actions"]}
    assert "refile" in offered and "rework" not in offered
    assert act(lead, case_id, "refile").status_code == 422
    assert act(lead, case_id, "refile", reason="仍有积水").json()["state"] == "filed"
    case = Case.objects.get(pk=case_id)
    assert (case.rework_count, case.finished_at) == (1, None)
    assert [name for name, clock in case.clocks.items() if clock["since"]] == ["dispatch"]
    assert act(desk.client("dispatcher"), case_id, "dispatch", team=str(desk.pump)).json()["state"] == "dispatched"


def test_what_lies_outside_the_area_is_not_there(desk: Desk) -> None:
    case_id = report(desk, lon=IN_SOUTH[0], lat=IN_SOUTH[1])["id"]
    north = desk.client("dispatcher", NORTH)
    assert north.get(f"{CASES}/{case_id}").status_code == 404
    assert act(north, case_id, "dispatch", team=str(desk.pump)).status_code == 404
    assert north.get(CASES).json()["items"] == []
    assert north.get(f"{CASES}/pins").json()["rows"] == []
    assert north.get(f"{CASES}/counts").json()["open"] == 0
    assert len(desk.client("dispatcher", SOUTH).get(CASES).json()["items"]) == 1
    body = {"text": "x", "lon": IN_SOUTH[0], "lat": IN_SOUTH[1]}
    assert post(desk.client("grid_member", NORTH), CASES, body).status_code == 403


def test_private_cases_need_the_permission_or_the_team(desk: Desk) -> None:
    case_id = report(desk, kind="need", class_code="909001", text="希望上门理发")["id"]
    member = desk.client("grid_member", NORTH)
    assert member.get(f"{CASES}/{case_id}").status_code == 404 and member.get(CASES).json()["items"] == []
    assert desk.client("dispatcher").get(f"{CASES}/{case_id}").json()["private"] is True
    envelopes = [e.envelope for e in OutboxEvent.objects.filter(type="case.created")]
    assert [(e["audience"], e["permission"]) for e in envelopes] == [("staff", "cases.private")]


def test_roles_that_read_no_cases(desk: Desk) -> None:
    case_id = report(desk)["id"]
    for role in ("system_admin", "security_admin", "audit_admin", "auditor"):
        client = desk.client(role)
        for path in (CASES, f"{CASES}/{case_id}", f"{CASES}/pins", f"{CASES}/counts", f"{CASES}/export.csv"):
            assert client.get(path).status_code == 403, (role, path)


def test_merge_keeps_the_signals_and_ends_the_case(desk: Desk) -> None:
    first, second = report(desk)["id"], report(desk)["id"]
    near = desk.client("intake").get(f"{CASES}/{second}/similar").json()["items"]
    assert [n["id"] for n in near] == [first] and near[0]["same_class"] and near[0]["distance_m"] == 0
    assert act(desk.client("intake"), second, "merge", into=second).status_code == 422
    assert act(desk.client("intake"), second, "merge", into=first).json()["state"] == "merged"
    kept = desk.client("dispatcher").get(f"{CASES}/{first}").json()
    assert kept["signal_count"] == 2 and kept["signals"][0]["ref"] == second


def test_the_timeline_is_append_only(desk: Desk) -> None:
    from django.db import DatabaseError, transaction

    report(desk)
    row = TimelineEntry.objects.first()
    with pytest.raises(DatabaseError), transaction.atomic():
        TimelineEntry.objects.filter(pk=row.pk).update(note="x")
    with pytest.raises(DatabaseError), transaction.atomic():
        row.delete()


def test_the_same_key_reports_once(desk: Desk) -> None:
    body = {"text": "路灯不亮", "lon": IN_NORTH[0], "lat": IN_NORTH[1]}
    client = desk.client("grid_member", NORTH)
    first = post(client, CASES, body, **{"Idempotency-Key": "k-1"})
    again = post(client, CASES, body, **{"Idempotency-Key": "k-1"})
    assert first.status_code == again.status_code == 201 and first.json() == again.json()
    assert Case.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "x", "lon": 0, "lat": 0}, "lon"),
        ({"text": "x", "lon": 200, "lat": 10}, "lon"),
        ({"text": "x", "lon": 100, "lat": 10}, "lon"),
        ({"text": "x", "lon": 117.25}, "lon"),
        ({"text": " "}, "text"),
        ({"text": "x", "class_code": "999"}, "class_code"),
        ({"text": "x\u0000"}, "body"),
        ({"text": "x" * 3000}, "text"),
        ({"text": "x", "unit_id": "00000000-0000-7000-8000-000000000000"}, "unit_id"),
        ({"text": "x", "kind": "device"}, "kind"),
    ],
)  # fmt: skip
def test_a_bad_report_is_refused_with_its_field(desk: Desk, body: dict[str, Any], field: str) -> None:
    answer = post(desk.client("intake"), CASES, body)
    assert answer.status_code == 422, answer.content
    assert field in [e["field"] for e in answer.json()["errors"]]


def test_a_report_with_an_id_of_the_client_is_made_once(desk: Desk) -> None:
    """A phone offline for longer than an Idempotency-Key is kept still makes one case."""
    mine, other = desk.client("grid_member"), desk.client("intake")
    body = {"id": str(ids.new_id()), "channel": "patrol", "text": "井盖松了", "lon": IN_NORTH[0], "lat": IN_NORTH[1]}
    first, again = post(mine, CASES, body), post(mine, CASES, {**body, "text": "井盖松了, 再说一遍"})
    assert (first.status_code, again.status_code) == (201, 201), again.content
    assert first.json()["id"] == again.json()["id"] == body["id"]
    assert first.json()["number"] == again.json()["number"]
    refused = post(other, CASES, body)
    assert refused.status_code == 409 and first.json()["number"] not in refused.content.decode()
    assert [c.text for c in Case.objects.all()] == ["井盖松了"]
    assert post(mine, CASES, {**body, "id": "7"}).status_code == 422


def test_the_task_says_whether_its_limit_is_illustrative(desk: Desk) -> None:
    """The phone shows what the desk shows."""
    case_id = dispatched(desk)
    shown = desk.client("dispatcher").get(f"{CASES}/{case_id}").json()
    crew = desk.client("team_member", team=desk.pump)
    task = crew.get("/api/v1/tasks", {"mine": "true"}).json()["items"][0]
    assert task["illustrative"] is shown["illustrative"] is True
    lead = desk.client("duty_lead")
    changed = lead.patch(f"/api/v1/tasks/{task['id']}", {"due_at": "2027-01-01T08:00:00+08:00"}, **JSON)
    assert changed.json()["illustrative"] is False, changed.content


@pytest.mark.parametrize("back", ["rework", "refile"])
def test_work_begun_again_is_not_verified(desk: Desk, back: str) -> None:
    case_id, lead = dispatched(desk), desk.client("duty_lead")
    assert act(desk.client("team_member", D, desk.pump), case_id, "finish", note="好了").status_code == 200
    assert act(lead, case_id, "check").status_code == 200 and Case.objects.get(pk=case_id).verifier_id
    assert act(lead, case_id, back, reason="仍有积水").status_code == 200
    assert Case.objects.get(pk=case_id).verifier_id is None  # who verified may handle it now
