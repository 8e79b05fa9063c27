"""A write with an Idempotency-Key takes effect once."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from linli.kernel import middleware
from linli.kernel.actor import PUBLIC


def call(view: object, key: str, body: bytes, kind: str = "application/json") -> HttpResponse:
    request = RequestFactory().post("/x", body, content_type=kind, headers={"Idempotency-Key": key})
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


def form(boundary: str, photo: bytes, quote: str = "") -> tuple[bytes, str]:
    """A form as a browser sends it: (body, content type)."""
    edge = f"--{boundary}".encode()
    body = b"\r\n".join([
        edge, b'Content-Disposition: form-data; name="stage"', b"", b"report",
        edge, b'Content-Disposition: form-data; name="file"; filename="p.jpg"', b"", photo, edge + b"--", b"",
    ])  # fmt: skip
    return body, f"multipart/form-data; boundary={quote}{boundary}{quote}"


@pytest.mark.django_db
def test_a_form_sent_again_is_the_same_request_whatever_its_boundary() -> None:
    calls = []

    def view(request: HttpRequest) -> HttpResponse:
        calls.append(request.FILES["file"].read())
        return HttpResponse(b"kept", status=201)

    first = call(view, "k6", *form("----WebKitFormBoundaryAbC1", b"\xff\xd8one"))
    again = call(view, "k6", *form("----WebKitFormBoundaryXyZ2", b"\xff\xd8one"))
    quoted = call(view, "k6", *form("a b:(1)", b"\xff\xd8one", '"'))
    assert [r.status_code for r in (first, again, quoted)] == [201, 201, 201]
    assert again["Idempotency-Replayed"] == quoted["Idempotency-Replayed"] == "true"
    assert calls == [b"\xff\xd8one"]
    assert call(view, "k6", *form("----WebKitFormBoundaryXyZ2", b"\xff\xd8two")).status_code == 422


@pytest.mark.django_db
def test_a_boundary_hides_nothing_of_the_contents() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(b"kept", status=201)

    assert call(view, "k7", *form("x", b"1--x2")).status_code == 201
    assert call(view, "k7", *form("y", b"1--y2")).status_code == 422
    assert call(view, "k8", b"--x", "text/plain; boundary=x").status_code == 201
    assert call(view, "k8", b"--y", "text/plain; boundary=y").status_code == 422
