"""How a route is written: every operation names its permission; every error is a problem+json."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
from django.conf import settings
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.module_loading import import_string
from ninja import NinjaAPI, Schema
from ninja import Router as NinjaRouter
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.parser import Parser
from ninja.renderers import BaseRenderer

from linli.kernel import sheets
from linli.kernel.actor import PUBLIC as PUBLIC_ACTOR
from linli.kernel.actor import Actor
from linli.kernel.errors import FieldError, Invalid, LinliError, NotFound, TooMany, Unauthenticated

PUBLIC = "public"  # no account needed
SIGNED_IN = "signed-in"  # any account or API key


class ProblemField(Schema):
    field: str
    reason: str


class Problem(Schema):
    """application/problem+json, RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[ProblemField] = []


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    permission: str
    view: str


ROUTES: list[Route] = []
ERRORS = dict.fromkeys((400, 401, 403, 404, 409, 413, 422, 429, 503), Problem)


def sent(data: Any) -> HttpResponse:
    """An answer whose values have the form of the route's schema already: long columns are not looked at once more."""
    return HttpResponse(orjson.dumps(data), content_type="application/json; charset=utf-8")


class OrjsonRenderer(BaseRenderer):
    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> Any:
        return orjson.dumps(data, default=str, option=orjson.OPT_NON_STR_KEYS)


class OrjsonParser(Parser):
    def parse_body(self, request: HttpRequest) -> Any:
        try:
            data = orjson.loads(request.body)
        except orjson.JSONDecodeError as error:
            raise Invalid("body", f"is not JSON: {error}") from error
        if rb"\u0000" in request.body and _has_nul(data):
            raise Invalid("body", "holds a NUL character, which no text may have")
        return data


def _has_nul(data: Any) -> bool:
    if isinstance(data, str):
        return "\0" in data
    if isinstance(data, dict):
        return any(_has_nul(k) or _has_nul(v) for k, v in data.items())
    return isinstance(data, list) and any(_has_nul(v) for v in data)


@functools.cache
def _resolver() -> Callable[[HttpRequest], Actor]:
    return import_string(settings.LINLI_ACTOR_RESOLVER)


def actor_of(request: HttpRequest) -> Actor:
    """The actor of a request, resolved once; `PUBLIC` when nobody signed in."""
    found = getattr(request, "_linli_actor", None)
    if found is None:
        found = _resolver()(request) or PUBLIC_ACTOR
        request._linli_actor = found  # type: ignore[attr-defined]
    return found


def check(actor: Actor, permission: str) -> None:
    """Refuse early: nobody without the permission anywhere gets into the view."""
    if permission == PUBLIC:
        return
    if permission == SIGNED_IN:
        if actor.kind == "public":
            raise Unauthenticated()
        return
    actor.require(permission)


class Router:
    """Like ninja's Router, but an operation without `permission=` cannot be written."""

    def __init__(self, *, tags: list[str]) -> None:
        self.inner = NinjaRouter(tags=tags)

    def mount(self, api: NinjaAPI) -> None:
        api.add_router("", self.inner)

    def _operation(self, method: str, path: str, permission: str, **options: Any) -> Callable[..., Any]:
        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(view)
            def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                check(actor_of(request), permission)
                return view(request, *args, **kwargs)

            guarded.__signature__ = inspect.signature(view, eval_str=True)  # type: ignore[attr-defined]
            response = options.pop("response", None)
            if response is not None and not isinstance(response, dict):
                response = {200: response}
            full = {
                **(response or {200: Any}),
                **{s: p for s, p in ERRORS.items() if s not in (response or {})},
            }
            self.inner.add_api_operation(path, [method], guarded, response=full, **options)
            ROUTES.append(Route(method, path, permission, f"{view.__module__}.{view.__name__}"))
            return view

        return decorate

    def get(self, path: str, *, permission: str, **options: Any) -> Callable[..., Any]:
        return self._operation("GET", path, permission, **options)

    def post(self, path: str, *, permission: str, **options: Any) -> Callable[..., Any]:
        return self._operation("POST", path, permission, **options)

    def put(self, path: str, *, permission: str, **options: Any) -> Callable[..., Any]:
        return self._operation("PUT", path, permission, **options)

    def patch(self, path: str, *, permission: str, **options: Any) -> Callable[..., Any]:
        return self._operation("PATCH", path, permission, **options)

    def delete(self, path: str, *, permission: str, **options: Any) -> Callable[..., Any]:
        return self._operation("DELETE", path, permission, **options)


FORMS = {"csv": sheets.CSV, "xlsx": sheets.XLSX}


def sheet(form: str, name: str, table: Sequence[sheets.Row], *more: tuple[str, Sequence[sheets.Row]]) -> HttpResponse:
    """A table as a file to take along, `csv` or `xlsx`; `more`: (name, rows) of further pages of a workbook."""
    if form not in FORMS:
        raise Invalid("form", "must be csv or xlsx")
    data = sheets.as_csv(table) if form == "csv" else sheets.as_xlsx(table, *more)
    response = HttpResponse(data, content_type=FORMS[form])
    response["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    response["Cache-Control"] = "no-store"
    return response


def problem_response(error: LinliError) -> HttpResponse:
    response = HttpResponse(orjson.dumps(error.problem()), status=error.status, content_type="application/problem+json")
    if isinstance(error, TooMany):
        response["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


def _invalid(error: ValidationError) -> LinliError:
    found = []
    for item in error.errors:
        path = [str(p) for p in item.get("loc", ())]
        if path and path[0] in ("body", "query", "path", "form", "file", "header"):
            path = path[2:] if path[0] == "body" and len(path) > 2 else path[1:]
        found.append(FieldError(".".join(path) or "body", str(item.get("msg", "is not valid"))))
    return Invalid(errors=found or [FieldError("body", "is not valid")])


class _Api(NinjaAPI):
    """Anybody may read the contract, and to make it costs seconds: it is made once, for routes do not change."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._contracts: dict[str, OpenAPISchema] = {}

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        prefix = self.get_root_path(path_params or {}) if path_prefix is None else path_prefix
        if prefix not in self._contracts:
            self._contracts[prefix] = super().get_openapi_schema(path_prefix=prefix)
        return self._contracts[prefix]


def new_api() -> NinjaAPI:
    api = _Api(
        title="Linli 邻里", version="1", urls_namespace="api", docs_url="docs", openapi_url="openapi.json",
        renderer=OrjsonRenderer(), parser=OrjsonParser(),
        openapi_extra={
            "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
            "security": [{"bearer": []}],
        },
    )  # fmt: skip
    api.add_exception_handler(LinliError, lambda request, error: problem_response(cast("LinliError", error)))
    api.add_exception_handler(
        ValidationError, lambda request, error: problem_response(_invalid(cast("ValidationError", error)))
    )
    api.add_exception_handler(Http404, lambda request, error: problem_response(NotFound()))

    def unkeepable(request: HttpRequest, error: Any) -> HttpResponse:
        return problem_response(Invalid("request", "holds a value that cannot be kept or compared"))

    api.add_exception_handler(DataError, unkeepable)

    def http_error(request: HttpRequest, error: Any) -> HttpResponse:
        if isinstance(error.__cause__, LinliError):  # the parser's refusal, which ninja wraps
            return problem_response(error.__cause__)
        refusal = LinliError(str(error))
        refusal.status = error.status_code
        return problem_response(refusal)

    api.add_exception_handler(HttpError, http_error)
    return api
