"""The client: chosen cases go out once, news comes back once, in whatever order, and nothing is lost when the other
system is away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from unittest import mock

import httpx
import pytest
from tests.adapters.conftest import Program
from tests.cases.conftest import IN_NORTH, IN_SOUTH, NORTH, D, Desk

from linli.adapters import secret
from linli.adapters.open311 import client, formats
from linli.adapters.open311.models import Endpoint, Outgoing
from linli.adapters.open311.services import endpoints as writes
from linli.adapters.open311.services import queueing, receiving, sending
from linli.cases import facade as cases
from linli.cases.models import Case, TimelineEntry
from linli.kernel import clock, inbox
from linli.kernel.actor import SYSTEM
from linli.kernel.errors import Conflict, Invalid

pytestmark = pytest.mark.django_db
REAL = httpx.Client


@dataclass
class Other:
    """Another system: remembers what it was told by the key of the request, and fails when told to."""

    form: str = "json"
    down: bool = False
    lose_answer: bool = False
    refuse: int = 0
    token: bool = False
    requests: dict[str, dict[str, Any]] = field(default_factory=dict)
    posted: dict[str, dict[str, Any]] = field(default_factory=dict)
    updates: list[dict[str, Any]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(f"{request.method} {request.url.path}")
        if self.down:
            raise httpx.ConnectError("nobody there")
        if self.refuse:
            return httpx.Response(self.refuse, content=b'[{"code":400,"description":"no such service"}]')
        path = request.url.path.rpartition("/")[2].partition(".")[0]
        root, data = self.answer(request, path)
        if self.lose_answer:
            raise httpx.ReadTimeout("the answer was lost")
        return httpx.Response(200, content=formats.render(self.form, root, data))

    def answer(self, request: httpx.Request, path: str) -> tuple[str, Any]:
        if request.method == "POST":
            form = self.fields(request)
            if path == "servicerequestupdates":
                self.posted.setdefault(form["update_id"], form)
                return "service_request_updates", [{"update_id": form["update_id"]}]
            key = form["attribute[external_id]"]
            made = self.requests.setdefault(key, {**form, "service_request_id": f"R-{len(self.requests) + 1}"})
            name = "token" if self.token else "service_request_id"
            return "service_requests", [{name: made["service_request_id"]}]
        if "tokens" in request.url.path:
            self.token = False
            return "service_requests", [{"service_request_id": path, "token": path}]
        if path == "requests":
            asked = request.url.params["service_request_id"].split(",")
            return "service_requests", [u for u in self.updates if u["service_request_id"] in asked]
        return "service_request_updates", self.updates

    @staticmethod
    def fields(request: httpx.Request) -> dict[str, str]:
        request.read()
        if request.headers["Content-Type"].startswith("multipart/"):
            from django.test import RequestFactory

            made = RequestFactory().generic("POST", "/", request.content, content_type=request.headers["Content-Type"])
            return dict(made.POST.items())
        return dict(httpx.QueryParams(request.content.decode()))

    def say(self, number: str, update_id: str, status: str, minutes: float, text: str = "") -> None:
        at = clock.now() + timedelta(minutes=minutes)
        self.updates.append({"update_id": update_id, "service_request_id": number, "status": status,
                             "updated_datetime": formats.when(at), "description": text or status})  # fmt: skip


@pytest.fixture
def other(request: pytest.FixtureRequest) -> Iterator[Other]:
    made = Other(form=getattr(request, "param", "json"))
    with mock.patch.object(client.httpx, "Client", lambda **o: REAL(transport=httpx.MockTransport(made), **o)):
        yield made


both = pytest.mark.parametrize("other", ["json", "xml"], indirect=True)


def endpoint(desk: Desk, other: Other | None = None, **more: Any) -> Endpoint:
    given = {"name": "Next city", "base_url": "https://next.example/open311/v2", "api_key": "their-key-1234",
             "format": other.form if other else "json", "classes": [{"class": "2004*", "service_code": "WATER"}],
             "area_path": D, **more}  # fmt: skip
    return writes.create_endpoint(actor=desk.actor("integrator"), given=given)


def case(desk: Desk, code: str = "200406", **more: Any) -> Case:
    made = cases.report_signal(actor=desk.actor("intake"), channel="hotline", class_code=code, text="路面积水",
                               lon=IN_NORTH[0], lat=IN_NORTH[1], **more)  # fmt: skip
    return Case.objects.get(pk=made.case_id)


def run(row: Endpoint) -> None:
    inbox.pump()
    sending.deliver(row.id)


def soon(row: Endpoint) -> None:
    Outgoing.objects.filter(endpoint=row).update(next_at=clock.now())


def lines(one: Case, act: str) -> int:
    return TimelineEntry.objects.filter(case=one, act=act).count()


@both
def test_chosen_classes_go_out_once_without_the_reporter(desk: Desk, other: Other) -> None:
    row = endpoint(desk, other, jurisdiction_id="next.gov")
    one = case(desk, contact=cases.Contact(phone="13812345678", name="王小明", consent=True))
    case(desk, "100101"), case(desk, private=True), case(desk, "")
    for _ in range(3):
        run(row)
    assert len(other.requests) == 1 and other.seen.count(f"POST /open311/v2/requests.{other.form}") == 1
    told = next(iter(other.requests.values()))
    assert (told["service_code"], told["description"], told["api_key"], told["jurisdiction_id"]) == (
        "WATER", "路面积水", "their-key-1234", "next.gov")  # fmt: skip
    assert "13812345678" not in str(told) and "王小明" not in str(told)
    one.refresh_from_db()
    assert (one.outside_system, one.outside_reference, one.state) == (str(row.id), "R-1", "submitted")
    assert lines(one, "outside_sent") == 1
    assert Endpoint.objects.get(pk=row.pk).last_success_at


def test_away_is_tried_again_and_a_lost_answer_doubles_nothing(desk: Desk, other: Other) -> None:
    row, one = endpoint(desk, other), case(desk)
    other.down = True
    run(row)
    held = Outgoing.objects.get()
    assert held.state == "waiting" and held.attempts == 1 and held.next_at > clock.now()
    assert "ConnectError" in Endpoint.objects.get(pk=row.pk).last_error
    other.down, other.lose_answer = False, True
    soon(row)
    run(row)  # it arrived over there, and we do not know
    other.lose_answer = False
    soon(row)
    run(row)
    assert len(other.requests) == 1 and Outgoing.objects.get().state == "sent" and lines(one, "outside_sent") == 1


def test_killed_between_the_answer_and_its_commit(desk: Desk, other: Other) -> None:
    row, one = endpoint(desk, other), case(desk)
    with mock.patch.object(cases, "outside_sent", side_effect=SystemExit), pytest.raises(SystemExit):
        run(row)
    assert Outgoing.objects.get().state == "waiting"
    run(row)
    assert len(other.requests) == 1 and lines(one, "outside_sent") == 1


def test_what_is_refused_waits_for_a_person(desk: Desk, other: Other) -> None:
    row = endpoint(desk, other)
    case(desk)
    other.refuse = 400
    run(row)
    held = Outgoing.objects.get()
    assert held.state == "failed" and "no such service" in held.error
    other.refuse = 0
    assert writes.retry_failed(actor=desk.actor("integrator"), endpoint_id=row.id) == 1
    run(row)
    assert Outgoing.objects.get().state == "sent"
    other.refuse = 403  # a key that is not right yet is no refusal of the case
    case(desk)
    run(row)
    assert Outgoing.objects.filter(state="waiting").count() == 1


def test_a_token_becomes_a_number(desk: Desk, other: Other) -> None:
    other.token = True
    row, one = endpoint(desk, other), case(desk)
    run(row)
    assert Outgoing.objects.get().token == "R-1"
    soon(row)
    run(row)
    one.refresh_from_db()
    assert one.outside_reference == "R-1" and len(other.requests) == 1


@both
def test_news_comes_back_once_in_any_order_and_moves_the_case(desk: Desk, other: Other) -> None:
    row, one = endpoint(desk, other), case(desk)
    run(row)
    cases.act(actor=desk.actor("dispatcher"), case_id=one.id, action="dispatch", team=str(desk.pump))
    other.say("R-1", "u2", "in_progress", -2)
    other.say("R-1", "u3", "FIXED", -1, "已疏通")
    other.say("R-999", "u9", "FIXED", -1)
    assert receiving.poll(row.id) == 2
    one.refresh_from_db()
    assert one.state == "handled" and one.outside_state == "FIXED"
    other.say("R-1", "u1", "INVESTIGATING", -30)  # late
    other.updates.append(dict(other.updates[0]))  # doubled
    assert receiving.poll(row.id) == 1 and receiving.poll(row.id) == 0
    one.refresh_from_db()
    assert one.state == "handled" and one.outside_state == "FIXED"
    assert lines(one, "outside_update") == 3 and lines(one, "finish") == 1
    inbox.pump()
    told = Outgoing.objects.filter(kind="update").values_list("state", flat=True)
    assert list(told) == ["waiting"], "our dispatch is told there; what they told us is not sent back"


def test_our_steps_are_told_there_in_order_and_do_not_come_back(desk: Desk, other: Other) -> None:
    row, one = endpoint(desk, other), case(desk)
    run(row)
    cases.act(actor=desk.actor("intake"), case_id=one.id, action="accept")
    other.down = True
    run(row)
    cases.act(actor=desk.actor("intake"), case_id=one.id, action="reject", reason="重复")
    run(row)
    assert not other.posted
    other.down = False
    soon(row)
    run(row)
    run(row)
    assert [(u["service_request_id"], u["status"]) for u in other.posted.values()] == [
        ("R-1", "INVESTIGATING"), ("R-1", "NO_FURTHER_ACTION")]  # fmt: skip
    other.updates = [{**u, "update_id": k} for k, u in other.posted.items()]
    assert receiving.poll(row.id) == 0, "our own, repeated by the other system"


def test_an_endpoint_without_the_extension_is_asked_for_its_status(desk: Desk, other: Other) -> None:
    row, one = endpoint(desk, other, updates="status", push=False), case(desk)
    run(row)
    at = formats.when(clock.now())
    other.updates = [{"service_request_id": "R-1", "status": "open", "status_notes": "", "updated_datetime": at}]
    assert receiving.poll(row.id) == 0
    other.updates[0] |= {"status": "closed", "status_notes": "done"}
    assert receiving.poll(row.id) == 1 and receiving.poll(row.id) == 0
    one.refresh_from_db()
    assert one.outside_state == "CLOSED" and one.state == "submitted", "a person closes, not another system"


def test_steps_of_what_they_reported_here_are_pushed_to_them(desk: Desk, other: Other) -> None:
    theirs = Program(desk)
    row = endpoint(desk, other, account_id=theirs.account.id)
    form = {"service_code": "200406", "description": "x", "lat": str(IN_NORTH[1]), "long": str(IN_NORTH[0])}
    number = theirs.post("requests.json", **form).json()[0]["service_request_id"]
    one = Case.objects.get(number=number)
    cases.act(actor=desk.actor("intake"), case_id=one.id, action="accept")
    run(row)
    assert not other.requests, "what came by Open311 is not sent on, and never back"
    assert [(u["service_request_id"], u["status"]) for u in other.posted.values()] == [(number, "INVESTIGATING")]


def test_they_post_news_of_what_we_sent_and_numbers_of_both_are_told_apart(desk: Desk, other: Other) -> None:
    theirs = Program(desk)
    row, one = endpoint(desk, other, account_id=theirs.account.id, push=False), case(desk)
    run(row)
    mine = case(desk, "100101")
    Outgoing.objects.filter(kind="request").update(reference=mine.number)  # both districts count alike
    said = {"service_request_id": mine.number, "update_id": "p1", "status": "IN_PROGRESS", "description": "已派人"}
    for _ in range(2):
        assert theirs.post("servicerequestupdates.json", **said).status_code == 200
    assert lines(one, "outside_update") == 1 and lines(mine, "outside_update") == 0
    other.updates = [{**said, "updated_datetime": formats.when(clock.now())}]
    assert receiving.poll(row.id) == 0, "asked for and posted, the same news is one"
    form = {"service_code": "200406", "description": "x", "lat": str(IN_SOUTH[1]), "long": str(IN_SOUTH[0])}
    both = theirs.post("requests.json", **form).json()[0]["service_request_id"]
    Outgoing.objects.filter(kind="request").update(reference=both)
    refused = theirs.post("servicerequestupdates.json", **{**said, "service_request_id": both, "update_id": "p2"})
    assert refused.status_code == 409


def test_a_case_that_somebody_refers_goes_to_the_endpoint_of_that_name(desk: Desk, other: Other) -> None:
    row, one = endpoint(desk, other, classes=[]), case(desk, "100101")
    run(row)
    assert not other.requests
    for to in ("Nobody", "next city "):
        TimelineEntry.objects.create(case=one, actor_kind="account", act="refer", detail={"to": to})
        queueing.follow(case_id=one.id, at=clock.now(), data={"act": "refer", "class": "100101", "step": 4})
        run(row)
    assert [r["service_code"] for r in other.requests.values()] == ["100101"]


def test_what_another_system_says_cannot_hurt(desk: Desk, other: Other) -> None:
    for content in (b"", b"<a", b"<!DOCTYPE x [<!ENTITY y 'z'>]><a/>", b"{", b'"text"', b"\xff\xfe", b"[1, null]"):
        try:
            assert client.parse(content) == []
        except client.Away:
            pass
    row, one = endpoint(desk, other), case(desk)
    run(row)
    other.updates = [{"update_id": "x", "service_request_id": "R-1", "status": "\0" + "S" * 999,
                      "updated_datetime": "no", "description": "电话 13812345678"}]  # fmt: skip
    assert receiving.poll(row.id) == 1
    assert "13812345678" not in TimelineEntry.objects.get(case=one, act="outside_update").note


def test_endpoints_are_kept_with_their_key_sealed(desk: Desk) -> None:
    row = endpoint(desk, area_path="")
    assert row.area_path == D
    assert b"their-key" not in bytes(row.api_key) and secret.unseal(row.api_key, row.id) == "their-key-1234"
    web = desk.client("integrator")
    shown = web.get(f"/api/v1/open311/endpoints/{row.id}")
    assert shown.json()["key_hint"] == "…1234" and "their-key" not in shown.content.decode()
    changed = web.patch(f"/api/v1/open311/endpoints/{row.id}", {"version": 1, "enabled": False},
                        content_type="application/json")  # fmt: skip
    assert changed.status_code == 200 and changed.json()["version"] == 2
    with pytest.raises(Conflict):
        writes.change_endpoint(actor=desk.actor("integrator"), endpoint_id=row.id, version=1, given={"name": "x"})
    for wrong in ({"base_url": "ftp://x"}, {"name": ""}, {"updates": "maybe"}, {"classes": [{"class": "%"}]},
                  {"states_in": {"fixed": ["finish"]}}, {"from_step": 9}):  # fmt: skip
        with pytest.raises(Invalid):
            endpoint(desk, None, **wrong)
    run(row)
    assert not Outgoing.objects.exists(), "switched off"
    assert desk.client("integrator", NORTH).get(f"/api/v1/open311/endpoints/{row.id}").status_code == 404


def test_an_endpoint_without_anything_sent_can_be_taken_away(desk: Desk, other: Other) -> None:
    row, used = endpoint(desk, other, classes=[]), endpoint(desk, other)
    case(desk)
    run(used)
    writes.delete_endpoint(actor=SYSTEM, endpoint_id=row.id)
    with pytest.raises(Conflict):
        writes.delete_endpoint(actor=SYSTEM, endpoint_id=used.id)


def test_bad_endpoints_are_refused_by_field(desk: Desk) -> None:
    web, row = desk.client("integrator"), endpoint(desk)
    good: dict[str, Any] = {"name": "x", "base_url": "https://x.example/v2"}
    bad: list[dict[str, Any]] = [
        *({**good, name: text} for name in (*good, "jurisdiction_id", "api_key", "format", "area_path", "updates")
          for text in ("\0", "x" * 5000)),
        {**good, "base_url": "http://["}, {**good, "base_url": "http://a:99999/"}, {**good, "from_step": 10**30},
        {**good, "classes": [{"class": ["x"], "service_code": {"a": 1}}]}, {**good, "classes": [{}]},
        {**good, "classes": [{"class": "2004*", "attributes": [1]}]}, {**good, "states_out": {"x": "y" * 999}},
        {**good, "account_id": str(desk.pump)}, {"name": "x"},
    ]  # fmt: skip
    for body in bad:
        for answer in (
            web.post("/api/v1/open311/endpoints", body, content_type="application/json"),
            web.patch(f"/api/v1/open311/endpoints/{row.id}", {"version": 1, **body}, content_type="application/json"),
        ):
            if "api_key" not in body and set(body) != {"name"}:
                assert answer.status_code in (403, 409, 422), (str(body)[:90], answer.content[:200])
            assert answer.status_code < 500, str(body)[:90]
    for query in ("cursor=x", "limit=0", "state=%00", "state=x"):
        assert web.get(f"/api/v1/open311/endpoints/{row.id}/outgoing?{query}").status_code in (200, 422)
