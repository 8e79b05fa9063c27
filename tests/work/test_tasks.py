"""Tasks: the states, the team's right, and phones that send twice, late or out of order."""

from __future__ import annotations

import io
from datetime import timedelta
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from tests.identity.accounts import client_for, client_of, make_account

from linli.kernel import clock, ids
from linli.kernel.actor import SYSTEM
from linli.kernel.models import OutboxEvent
from linli.orgs import facade as orgs
from linli.work import facade, rules

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}
AREA = "D.001"


def crew_of(area: str = AREA, code: str = "crew") -> tuple[Client, UUID, UUID]:
    """(client, account, team) of a crew member."""
    team = orgs.ensure_team(code=code, name_zh="排涝队", kind="pump", area_path=area)
    account = make_account(("team_member", area))
    orgs.ensure_member(team_id=team, account_id=account.id)
    return client_for(account), account.id, team


def new_task(team: UUID, area: str = AREA, **more: object) -> UUID:
    return facade.open_task(
        actor=SYSTEM, case_id=more.pop("case_id", None), team_id=team, area_path=area, title="疏通雨水口", **more
    )  # type: ignore[arg-type]


def act(client: Client, task: UUID, action: str, step: UUID | None = None, **body: object):  # type: ignore[no-untyped-def]
    url = f"/api/v1/tasks/{task}/steps/{step or ids.new_id()}"
    return client.put(url, {"action": action, **body}, **JSON)


def jpeg() -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "SecretCam"
    out = io.BytesIO()
    Image.new("RGB", (60, 40), "red").save(out, "JPEG", exif=exif)
    return out.getvalue()


def send_photo(client: Client, task: UUID, photo: UUID | None = None, stage: str = "after", data: bytes | None = None):  # type: ignore[no-untyped-def]
    upload = SimpleUploadedFile("a.jpg", data or jpeg(), "image/jpeg")
    return client.post(f"/api/v1/tasks/{task}/photos/{photo or ids.new_id()}", {"photo": upload, "stage": stage})


def test_from_open_to_done() -> None:
    client, account, team = crew_of()
    case = ids.new_id()
    task = new_task(team, case_id=case, place={"lon": 117.2, "lat": 31.9}, needs_photo=True, checklist=["围挡", "清淤"])
    assert act(client, task, "accept").json()["assignee_id"] == str(account)
    assert act(client, task, "arrive").json()["state"] == "arrived"
    assert act(client, task, "finish", checklist=[True, True]).json()["errors"][0]["field"] == "photos"
    kept = send_photo(client, task).json()
    assert act(client, task, "finish", checklist=[True, False]).json()["errors"][0]["field"] == "checklist"
    done = act(client, task, "finish", note="已疏通，电话 13812345678", checklist=[True, True]).json()
    assert (done["state"], done["result"]) == ("done", "已疏通，电话 138****5678")
    assert [s["action"] for s in done["steps"]] == ["accept", "arrive", "finish"]
    event = OutboxEvent.objects.filter(type="task.changed").latest("created_at").envelope
    assert (event["data"]["state"], event["data"]["case_id"]) == ("done", str(case))
    assert event["data"]["photos"][0]["file_id"] == kept["file_id"]
    assert facade.handlers_of(case) == {account}
    info = facade.task(task)
    assert info is not None and info.done_by == account


def test_an_act_sent_twice_acts_once() -> None:
    client, _, team = crew_of()
    task, step = new_task(team), ids.new_id()
    first, second = act(client, task, "accept", step), act(client, task, "accept", step)
    assert first.json() == second.json()
    assert OutboxEvent.objects.filter(type="task.changed", envelope__data__action="accept").count() == 1
    assert act(client, task, "arrive", step).status_code == 409
    photo = ids.new_id()
    assert send_photo(client, task, photo).json() == send_photo(client, task, photo).json()
    assert len(client.get(f"/api/v1/tasks/{task}").json()["photos"]) == 1


def test_acts_that_arrive_out_of_order_move_nothing_back() -> None:
    client, _, team = crew_of()
    task = new_task(team)
    base = clock.now()
    assert act(client, task, "finish", client_at=(base + timedelta(minutes=3)).isoformat()).json()["state"] == "done"
    late = act(client, task, "accept", client_at=base.isoformat()).json()
    assert late["state"] == "done"
    assert [(s["action"], s["applied"]) for s in late["steps"]] == [("accept", False), ("finish", True)]
    assert act(client, task, "finish").status_code == 409
    assert send_photo(client, task).status_code == 200, "a picture may follow"


def test_phones_with_wrong_clocks() -> None:
    now = clock.now()
    before = now - timedelta(hours=1)
    assert rules.sensible_time(now + timedelta(days=900), now, before) == now
    assert rules.sensible_time(now - timedelta(days=900), now, before) == before
    assert rules.sensible_time(now - timedelta(minutes=9), now, before) == now - timedelta(minutes=9)


def test_a_cancelled_task_refuses_what_comes_later() -> None:
    client, _, team = crew_of()
    task = new_task(team)
    assert facade.cancel_task(actor=SYSTEM, task_id=task, reason="重复") is True
    assert facade.cancel_task(actor=SYSTEM, task_id=task) is False
    refused = act(client, task, "finish")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:linli:problem:task-cancelled")


def test_only_the_team_acts() -> None:
    client, _, team = crew_of()
    other, _, _ = crew_of(code="other")
    outside, _, _ = crew_of("E", "far")
    task = new_task(team)
    assert act(other, task, "accept").status_code == 403
    assert act(outside, task, "accept").status_code == 404
    assert act(client_of("dispatcher", AREA), task, "accept").status_code == 403
    returned = act(client, task, "return")
    assert returned.json()["errors"][0]["field"] == "note"
    assert act(client, task, "return", note="不归我们管").json()["state"] == "returned"


def test_a_crew_sees_its_tasks_beyond_its_area() -> None:
    client, _, team = crew_of(AREA)
    task = new_task(team, area="D.002")
    assert client.get("/api/v1/tasks?mine=true").json()["items"][0]["id"] == str(task)
    assert act(client, task, "accept").status_code == 200


def test_pictures_are_made_anew_and_shown_to_those_who_see_the_task() -> None:
    client, _, team = crew_of()
    task = new_task(team)
    kept = send_photo(client, task, stage="before").json()
    picture = client.get(f"/api/v1/files/{kept['file_id']}")
    assert picture.status_code == 200 and b"SecretCam" not in picture.content
    assert client_of("dispatcher", AREA).get(f"/api/v1/files/{kept['file_id']}").status_code == 200
    assert client_of("dispatcher", "D.002").get(f"/api/v1/files/{kept['file_id']}").status_code == 404
    assert Client().get(f"/api/v1/files/{kept['file_id']}").status_code == 404
    broken = send_photo(client, task, data=b"\xff\xd8\xff broken")
    assert (broken.status_code, broken.json()["errors"][0]["field"]) == (422, "photo")


def test_the_desk_makes_moves_and_cancels() -> None:
    _, _, team = crew_of()
    other = orgs.ensure_team(code="p2", name_zh="二队", area_path=AREA)
    desk = client_of("dispatcher", AREA)
    body = {"title": "巡查 5 号路", "team_id": str(team), "area_path": AREA}
    made = desk.post("/api/v1/tasks", body, **JSON)
    assert made.status_code == 201, made.content
    url = f"/api/v1/tasks/{made.json()['id']}"
    assert desk.patch(url, {"team_id": str(other)}, **JSON).json()["team_name"]["zh"] == "二队"
    assert desk.post(f"{url}/cancel", {"reason": "雨停了"}, **JSON).json()["state"] == "cancelled"
    assert desk.post(f"{url}/cancel", {}, **JSON).status_code == 409
    assert desk.post("/api/v1/tasks", {**body, "area_path": "D.002"}, **JSON).status_code == 403
    naive = desk.post("/api/v1/tasks", {**body, "due_at": "2030-01-01T00:00:00"}, **JSON)
    assert naive.json()["errors"][0]["field"] == "due_at"


def test_the_list_costs_the_same_for_one_and_for_many(django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    client, _, team = crew_of()
    for _ in range(12):
        send_photo(client, new_task(team))
    client.get("/api/v1/me")
    with django_assert_max_num_queries(2):
        page = client.get("/api/v1/tasks?limit=10").json()
    assert len(page["items"]) == 10
    assert len(client.get(f"/api/v1/tasks?limit=10&cursor={page['next']}").json()["items"]) == 2
