"""A write with an Idempotency-Key takes effect once."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from linli.kernel import middleware
from linli.kernel.actor import PUBLIC


def call(view: object, key: str, body: bytes) -> HttpResponse:
    request = RequestFactory().post("/x", body, content_type="application/json", headers={"Idempotency-Key": key})
    request._linli_actor = PUBLIC
    return middleware.Idempotency(view)(request)  # type: ignore[arg-type]


@pytest.mark.django_db
def test_the_second_request_gets_the_first_answer() -> None:
    calls = []

    def view(request: HttpRequest) -> HttpResponse:
        calls.append(request.body)
        return HttpResponse(b"made", status=201)

    first, second = call(view, "k1", b"{}"), call(view, "k1", b"{}")
    assert (first.status_code, second.status_code, second.content) == (201, 201, b"made")
    assert second["Idempotency-Replayed"] == "true"
    assert len(calls) == 1
    assert call(view, "k1", b'{"other": 1}').status_code == 422
    assert call(view, "k 2", b"{}").status_code == 422


@pytest.mark.django_db
def test_a_refusal_is_not_kept() -> None:
    answers = iter([HttpResponse(status=409), HttpResponse(status=200)])
    assert call(lambda request: next(answers), "k3", b"").status_code == 409
    assert call(lambda request: next(answers), "k3", b"").status_code == 200


@pytest.mark.django_db
def test_kept_answers_are_sealed_and_those_with_personal_data_are_not_kept() -> None:
    from linli.kernel.models import IdempotencyRow
    from linli.kernel.personal_reads import OPENED

    def opens(request: HttpRequest) -> HttpResponse:
        OPENED.set(True)
        return HttpResponse(b"13800138000")

    call(lambda request: HttpResponse(b"receipt secret"), "k4", b"{}")
    call(opens, "k5", b"{}")
    rows = {row.key: bytes(row.body) for row in IdempotencyRow.objects.all()}
    assert b"receipt" not in rows["k4"] and rows["k5"] == b""
    again = call(opens, "k5", b"{}")
    assert (again.status_code, b"shown-once" in again.content) == (409, True)
