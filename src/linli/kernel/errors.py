"""Errors that people and programs can act on; the web turns them into application/problem+json (RFC 9457)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that was refused. `field` is a dotted path such as `place.lon`; `reason` is a sentence."""

    field: str
    reason: str


class LinliError(Exception):
    """Base of all refusals. `code` is a stable word for programs; `detail` a sentence for people."""

    status = 400
    code = "bad-request"
    title = "Bad request"

    def __init__(self, detail: str = "", *, code: str | None = None, errors: list[FieldError] | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = errors or []
        if code:
            self.code = code

    def problem(self) -> dict[str, object]:
        return {
            "type": f"urn:linli:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "errors": [{"field": e.field, "reason": e.reason} for e in self.errors],
        }


class Invalid(LinliError):
    """422: `raise Invalid("place.lon", "must be between -180 and 180")`, or with `errors=[FieldError, ...]`."""

    status, code, title = 422, "invalid", "Some fields were refused"

    def __init__(self, field: str = "", reason: str = "", *, errors: list[FieldError] | None = None) -> None:
        found = errors or [FieldError(field, reason)]
        super().__init__("; ".join(f"{e.field}: {e.reason}" for e in found), errors=found)


class Unauthenticated(LinliError):
    status, code, title = 401, "unauthenticated", "Sign in first"


class Forbidden(LinliError):
    status, code, title = 403, "forbidden", "Not allowed"


class NotFound(LinliError):
    """Also the answer for a thing outside the actor's area: it must not be told apart from a guessed id."""

    status, code, title = 404, "not-found", "Not found"


class Conflict(LinliError):
    status, code, title = 409, "conflict", "Someone else was first, or the state does not allow it"


class TooLarge(LinliError):
    """413: names what was too large, as every refusal does."""

    status, code, title = 413, "too-large", "Too large"

    def __init__(self, detail: str = "", *, field: str = "body") -> None:
        super().__init__(detail, errors=[FieldError(field, detail or self.title)])


class TooMany(LinliError):
    """429, with Retry-After in seconds."""

    status, code, title = 429, "too-many", "Too many requests"

    def __init__(self, detail: str = "", *, retry_after: int = 60) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(LinliError):
    status, code, title = 503, "unavailable", "Not available at the moment"
