"""Around every request: a request id, problem+json for what escapes, and idempotent writes."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_header_parameters

from linli.kernel import crypto, http, ids, personal_reads, rows
from linli.kernel.errors import Conflict, Invalid, LinliError, TooLarge

log = logging.getLogger("linli.web")
SHOWN_ONCE = "shown-once"
KEPT = b"kernel_idempotency.body"  # answers are kept sealed: some hold the secret of a receipt
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
KEY = re.compile(r"[\x21-\x7e]{1,120}")
NEVER_KEPT: list[re.Pattern[str]] = []


def never_keep(*patterns: str) -> None:
    """Name paths whose answers are not kept for their Idempotency-Key, because they hold a secret or set a cookie."""
    NEVER_KEPT.extend(re.compile(p) for p in patterns)


class RequestContext:
    """Names the request and turns refusals raised outside the API into problem+json."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.linli_id = str(ids.new_id())  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-Id"] = request.linli_id  # type: ignore[attr-defined]
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, RequestDataTooBig):
            error = TooLarge("the body is larger than this address takes")
        return http.problem_response(error) if isinstance(error, LinliError) else None


class Idempotency:
    """A write with `Idempotency-Key` takes effect once; its answer is kept and given again.

    The key's row, the effect and the answer commit together; a second request with the key waits for the first.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        key = request.headers.get("Idempotency-Key")
        if key is None or request.method not in UNSAFE or any(p.fullmatch(request.path) for p in NEVER_KEPT):
            return self.get_response(request)
        try:
            return self._once(request, key)
        except RequestDataTooBig:
            return http.problem_response(TooLarge("the body is larger than this address takes"))
        except LinliError as error:
            return http.problem_response(error)

    def _once(self, request: HttpRequest, key: str) -> HttpResponse:
        from linli.kernel.models import IdempotencyRow

        if not KEY.fullmatch(key):
            raise Invalid("Idempotency-Key", "must be 1 to 120 printable ASCII characters without spaces")
        actor = http.actor_of(request)
        scope = f"{actor.label}"
        digest = crypto.fingerprint(
            b"\0".join([str(request.method).encode(), request.get_full_path().encode(), _said(request)])
        )
        personal_reads.OPENED.set(False)
        with transaction.atomic():
            row = IdempotencyRow(scope=scope, key=key, request_hash=digest)
            if not _claimed(row):
                return self._again(IdempotencyRow.objects.get(scope=scope, key=key), digest)
            response = self.get_response(request)
            if response.status_code >= 400:
                transaction.set_rollback(True)
                return response
            row.status, row.content_type = response.status_code, response.get("Content-Type", "")
            if "no-store" in response.get("Cache-Control", "") or personal_reads.OPENED.get():
                row.content_type, row.body = SHOWN_ONCE, b""  # a secret or personal data: the effect is remembered
            else:
                row.body = crypto.seal(bytes(response.content), KEPT)
            _keep(row)
        return response

    def _again(self, row: object, digest: str) -> HttpResponse:
        if row.request_hash != digest:  # type: ignore[attr-defined]
            raise Invalid("Idempotency-Key", "was used before with another request")
        if row.content_type == SHOWN_ONCE:  # type: ignore[attr-defined]
            raise Conflict("this request was done; its answer held a secret and was shown once", code="shown-once")
        try:
            body = crypto.open_sealed(bytes(row.body), KEPT)  # type: ignore[attr-defined]
        except crypto.Unreadable:  # restored without the key of then
            raise Conflict("this request was done; its answer cannot be read any more", code="shown-once") from None
        response = HttpResponse(body, status=row.status, content_type=row.content_type)  # type: ignore[attr-defined]
        response["Idempotency-Replayed"] = "true"
        return response


def _keep(row: object) -> None:
    """Write the answer beside its key."""
    values = (row.status, row.content_type, row.body, row.pk)  # type: ignore[attr-defined]
    rows.prepared("UPDATE kernel_idempotency SET status = %s, content_type = %s, body = %s WHERE id = %s", values)


def _said(request: HttpRequest) -> bytes:
    """The body without what a repeat changes: a form sent again is cut by another random boundary."""
    kind, parameters = parse_header_parameters(request.headers.get("Content-Type", ""))
    boundary = parameters.get("boundary", "").encode("latin-1", "replace")
    if kind != "multipart/form-data" or not boundary:
        return request.body
    line = rb"(\A|\r\n)--" + re.escape(boundary) + rb"(?=--|[ \t]*\r\n)"
    return re.sub(line, rb"\1--boundary", request.body)


def _claimed(row: object) -> bool:
    """Write the key's row in one statement; False when another request has it (after waiting for that one's end)."""
    values = (row.scope, row.key, row.request_hash, row.content_type, row.created_at)  # type: ignore[attr-defined]
    found = rows.prepared(
        "INSERT INTO kernel_idempotency (scope, key, request_hash, content_type, created_at)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (scope, key) DO NOTHING RETURNING id", values).fetchone()  # fmt: skip
    if found is None:
        return False
    row.pk, row._state.adding = found[0], False  # type: ignore[attr-defined]
    return True
