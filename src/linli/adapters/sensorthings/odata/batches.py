"""Batch requests: many requests in one, as parts; and their JSON form. Pure. `multiparts` is the other form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from linli.adapters.sensorthings.odata import references
from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.odata.grammar import Expr
from linli.kernel.errors import FieldError, TooLarge

MAX_PARTS, MAX_URL = 500, 32_000
METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")
JSON = "application/json"
REFUSED = {
    "authorization", "proxy-authorization", "cookie", "expect", "from", "max-forwards", "range", "te",
    "transfer-encoding", "content-encoding",
}  # fmt: skip
_ID = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True)
class Part:
    """One request of a batch. `where` is how messages name it; `group`: all of a group happen, or none. `needs` are
    the parts and groups before it that must have succeeded; with `condition` that is asked instead."""

    where: str
    id: str
    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)  # names in small letters
    body: bytes = b""
    group: str = ""
    needs: tuple[str, ...] = ()
    condition: Expr | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What is told of one part. `kind` is the media type of the body, "" where there is none."""

    part: Part
    status: int
    body: bytes = b""
    kind: str = ""
    location: str = ""

    @property
    def good(self) -> bool:
        return self.status < 400


class Unfit(Wrong):
    """400, naming the field of the batch that is wrong."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}", errors=[FieldError(name, reason)])


def units(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """What is done together, in order: a group; observations posted one after another, for history waits once for all
    of them; or one part."""
    run: list[Part] = []
    for part in parts:
        if run and not (part.group == run[0].group if part.group else _joins(part, run)):
            yield run
            run = []
        run.append(part)
    if run:
        yield run


def _joins(part: Part, run: list[Part]) -> bool:
    """Whether one that is in no group posts an observation, as all before it do, and needs none of them."""
    first = re.match(r"\$([^/?()]+)", part.url)
    near = not first or first[1] not in {one.id for one in run}
    return near and all(_posts(one) for one in (part, run[-1]))


def _posts(part: Part) -> bool:
    plain = part.method == "POST" and not part.group and not part.needs and part.condition is None
    return plain and part.url.partition("?")[0].rpartition("/")[2] == "Observations"


def read(data: bytes) -> list[Part]:
    """The parts of a batch in JSON. Raises Unfit, or TooLarge for too many."""
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Unfit("body", f"is not JSON: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("requests"), list):
        raise Unfit("requests", 'the body must be {"requests": […]}')
    return checked([_part(f"requests[{n}]", one) for n, one in enumerate(limited(found["requests"]))])


def limited(found: Sequence[Any]) -> Sequence[Any]:
    if len(found) > MAX_PARTS:
        raise TooLarge(f"a batch has at most {MAX_PARTS} requests", field="requests")
    return found


def _part(where: str, one: Any) -> Part:
    if not isinstance(one, dict):
        raise Unfit(where, "must be an object with id, method and url")
    headers = one.get("headers", {})
    if not isinstance(headers, dict) or not all(isinstance(v, str) for v in headers.values()):
        raise Unfit(f"{where}.headers", "must be an object of texts")
    for name in ("id", "method", "url"):
        if not isinstance(one.get(name), str) or not one[name]:
            raise Unfit(f"{where}.{name}", "must be there, and be text")
    headers = {name.lower(): value for name, value in headers.items()}
    return Part(
        where, one["id"], one["method"].upper(), one["url"], headers, _body(where, one.get("body"), headers),
        _text(where, one, "atomicityGroup"), _needs(where, one.get("dependsOn")),
        _condition(where, _text(where, one, "if")),
    )  # fmt: skip


def _text(where: str, one: dict[str, Any], name: str) -> str:
    value = one.get(name)
    if value is not None and (not isinstance(value, str) or not _ID.fullmatch(value)):
        raise Unfit(f"{where}.{name}", "must be text of 1 to 200 characters")
    return value or ""


def _body(where: str, value: Any, headers: dict[str, str]) -> bytes:
    kind = headers.setdefault("content-type", JSON) if value is not None else JSON
    if value is None:
        return b""
    kind = kind.partition(";")[0].strip().lower()
    if kind == JSON or kind.endswith("+json"):
        return orjson.dumps(value)
    raise Unfit(f"{where}.headers.content-type", f"must be {JSON} or one of its kinds: bodies are JSON here")


def _needs(where: str, value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise Unfit(f"{where}.dependsOn", "must be a list of ids")
    return tuple(v.removeprefix("$") for v in value)


def _condition(where: str, text: str) -> Expr | None:
    try:
        return references.condition(text) if text else None
    except Wrong as error:
        raise Unfit(f"{where}.if", error.detail) from error


# --- what holds in both forms ---------------------------------------------------------------------------------------


def checked(parts: list[Part]) -> list[Part]:
    """The same parts. Raises Unfit for one that no batch may have."""
    ids: set[str] = set()
    groups: set[str] = set()
    last = ""
    for part in parts:
        if part.id and (not _ID.fullmatch(part.id) or part.id in ids):
            raise Unfit(f"{part.where}.id", "must be unique in the batch, 1 to 200 characters")
        if part.group in groups and part.group != last:
            raise Unfit(f"{part.where}.atomicityGroup", "requests of a group stand next to each other")
        _request(part)
        unknown = [n for n in part.needs if n == part.group or n not in ids | groups]
        if unknown:
            raise Unfit(f"{part.where}.dependsOn", f"no request before this one has the id {unknown[0]!r}")
        ids |= {part.id} - {""}
        groups |= {part.group} - {""}
        last = part.group
    if both := sorted(ids & groups):
        raise Unfit("atomicityGroup", f"{both[0]!r} is the id of a request, too")
    return parts


def _request(part: Part) -> None:
    if part.method not in METHODS:
        raise Unfit(f"{part.where}.method", f"must be one of {', '.join(METHODS)}")
    if part.group and part.method == "GET":
        raise Unfit(f"{part.where}.method", "a group changes things: GET stands outside of it")
    if not part.url or len(part.url) > MAX_URL:
        raise Unfit(f"{part.where}.url", f"must have 1 to {MAX_URL} characters")
    if part.body.strip() and part.method in ("GET", "DELETE"):
        raise Unfit(f"{part.where}.body", f"{part.method} takes none")
    if wrong := sorted(REFUSED & set(part.headers)):
        raise Unfit(f"{part.where}.headers.{wrong[0]}", "does not go into a part: it is the batch's alone")
    if re.fullmatch(r"[$]batch", unquote(part.url.partition("?")[0]).rstrip("/").rpartition("/")[2], re.IGNORECASE):
        raise Unfit(f"{part.where}.url", "a batch does not go into a batch")


def address(url: str, base: str) -> tuple[str, str]:
    """(path below the service's root, query) of a part's url: absolute, from the server's root, or from the
    service's. `base` is the service's root, `https://host/sta/v1.1`. Raises Wrong for one of another service."""
    root = urlsplit(base)
    path, _, query = url.partition("?")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", path):
        scheme, _, rest = path.partition("://")
        host, slash, path = rest.partition("/")
        if scheme.lower() not in _PORTS or _host(scheme, host) != _host(root.scheme, root.netloc):
            raise Wrong("url: is of another server")
        path = slash + path
    if path.startswith("/"):
        below = next((p for p in (root.path, "/v1.1") if path == p or path.startswith(p + "/")), None)
        if below is None:
            raise Wrong(f"url: is not below {root.path}/")
        path = path[len(below) :]
    return unquote(path.strip("/")), query


def _host(scheme: str, host: str) -> str:
    return host.lower().rpartition("@")[2].removesuffix(_PORTS.get(scheme.lower(), ""))


# --- answers --------------------------------------------------------------------------------------------------------


def written(answers: Sequence[Answer]) -> bytes:
    """The answer to a batch in JSON."""
    return orjson.dumps({"responses": [_told(one) for one in answers]})


def _told(one: Answer) -> dict[str, Any]:
    made: dict[str, Any] = {"id": one.part.id, "status": one.status}
    if one.part.group:
        made["atomicityGroup"] = one.part.group
    headers = {}
    if one.location:
        made["location"] = headers["location"] = one.location
    if one.kind and one.kind != JSON:
        headers["content-type"] = one.kind
    if headers:
        made["headers"] = headers
    if one.body:
        made["body"] = orjson.Fragment(one.body) if one.kind == JSON else one.body.decode()
    return made
