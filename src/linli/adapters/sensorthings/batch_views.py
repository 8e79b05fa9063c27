"""`$batch`: many requests in one. Each part goes through the same view as alone, by the same caller."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIRequest
from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch, resolve

from linli.adapters.sensorthings import door, views
from linli.adapters.sensorthings.odata import batches, multiparts
from linli.adapters.sensorthings.odata.batches import Answer, Part
from linli.adapters.sensorthings.odata.references import Depends, Known, Outcome
from linli.adapters.sensorthings.services import pending
from linli.kernel import ops
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, LinliError, TooLarge

MAX_ANSWERED = 64 * 1024 * 1024
_KEPT = re.compile(r"HTTP_(HOST|AUTHORIZATION|X_FORWARDED_\w+|X_REAL_IP)|SERVER_\w+|REMOTE_\w+|SCRIPT_NAME|wsgi\.\w+")
_PREFERENCE = re.compile(r"\s*(odata\.)?continue-on-error\s*(?:=\s*\"?(\w+)\"?\s*)?", re.IGNORECASE)


class NoForm(LinliError):
    status, code, title = 415, "unsupported-media-type", "Not a form of a batch"


class Broken(LinliError):
    status, code, title = 500, "error", "This request failed by a fault of ours"


@door.view("POST")
def batch(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Answers 200 when the batch could be read, whatever its parts answer."""
    kind = request.headers.get("Content-Type", "")
    form = kind.partition(";")[0].strip().lower()
    if form not in (batches.JSON, "multipart/mixed"):
        raise NoForm(f"a batch is {batches.JSON}, or multipart/mixed with a boundary")
    parts = batches.read(request.body) if form == batches.JSON else multiparts.read(request.body, kind)
    wish = preference(request.headers.get("Prefer", ""))
    answers = _Run(request, actor).all(parts, stop=wish is False)
    if form == batches.JSON:
        made = HttpResponse(batches.written(answers), content_type=batches.JSON)
    else:
        body, kind = multiparts.written(answers)
        made = HttpResponse(body, content_type=kind)
    if wish is not None or not all(a.good for a in answers):
        made["Preference-Applied"] = f"continue-on-error={'false' if wish is False else 'true'}"
    return made


def preference(text: str) -> bool | None:
    """Whether to go on after an error; None where nothing is said. The name without `odata.` counts first."""
    found = [m for m in map(_PREFERENCE.fullmatch, re.split("[,;]", text)) if m]
    found.sort(key=lambda m: m[1] is not None)
    return (found[0][2] or "true").lower() != "false" if found else None


class _Undone(Exception):
    """A part of a group failed: nothing of the group is done."""


class _Run:
    def __init__(self, request: HttpRequest, actor: Actor) -> None:
        self.request, self.actor = request, actor
        self.base = door.base(request)
        self.known = Known()
        self.answered = 0

    def all(self, parts: Sequence[Part], *, stop: bool) -> list[Answer]:
        """In order. With `stop`, what comes after an error is not done, and not answered."""
        answers: list[Answer] = []
        for unit in batches.units(parts):
            made = self._full(unit) or self._unit(unit, stop)
            self._remember(made)
            answers += made
            if stop and not all(a.good for a in made):
                break
        return answers

    def _unit(self, unit: list[Part], stop: bool) -> list[Answer]:
        if unit[0].group:
            return self._group(unit)
        return self._told(unit, stop) if len(unit) > 1 else [self._alone(unit[0])]

    def _full(self, unit: list[Part]) -> list[Answer]:
        if self.answered <= MAX_ANSWERED:
            return []
        error = TooLarge(f"the answers before this one have more than {MAX_ANSWERED >> 20} MB: ask for it by itself")
        return [_refused(part, error) for part in unit]

    def _remember(self, answers: list[Answer]) -> None:
        self.answered += sum(len(a.body) for a in answers)
        if group := answers[0].part.group:
            self.known.outcomes[group] = Outcome(all(a.good for a in answers))
        for one in answers:
            self._known(one)

    def _known(self, one: Answer, *, early: bool = False) -> None:
        if one.part.id:
            outcome = Outcome(one.good, self._path(one), one.body if one.kind == batches.JSON else b"", early)
            self.known.outcomes[one.part.id] = outcome

    def _path(self, one: Answer) -> str:
        """Of the entity that was made, changed or read."""
        at = one.location
        if one.part.method == "GET" and one.good and one.kind == batches.JSON:
            found = orjson.loads(one.body)
            at = found.get("@iot.selfLink", "") if isinstance(found, dict) else ""
        return at.removeprefix(f"{self.base}/") if isinstance(at, str) and at.startswith(f"{self.base}/") else ""

    # --- one, and a group -------------------------------------------------------------------------------------------

    def _alone(self, part: Part) -> Answer:
        with transaction.atomic():
            answer = self._one(part)
            if not answer.good:
                transaction.set_rollback(True)
        return answer

    def _group(self, parts: list[Part]) -> list[Answer]:
        answers: list[Answer] = []
        try:
            with transaction.atomic(), pending.group() as held:
                for part in parts:
                    answers.append(self._alone(part))
                    if not answers[-1].good:
                        raise _Undone
                    self._known(answers[-1], early=True)
                held.send()
        except _Undone:
            failed = answers[-1]
            why = Depends(f"{failed.part.where} of the same group failed: nothing of the group was done")
            return [failed if part is failed.part else _refused(part, why) for part in parts]
        except LinliError as error:
            return [_refused(part, error) for part in parts]
        except DatabaseError:
            return [_refused(part, Conflict("the requests of this group do not go together")) for part in parts]
        return [self._as_it_is(answer) for answer in answers]

    def _told(self, parts: list[Part], stop: bool) -> list[Answer]:
        """Observations posted one after another: each for itself, but history is told, and waited for, once."""
        answers: list[Answer] = []
        try:
            with transaction.atomic(), pending.group() as held:
                for part in parts:
                    mark = len(held.order)
                    answers.append(self._alone(part))
                    if not answers[-1].good:
                        held.back(mark)
                        if stop:
                            break
                held.send()
        except (LinliError, DatabaseError) as error:
            why = error if isinstance(error, LinliError) else Conflict("the requests do not go together")
            return [_refused(a.part, why) if a.good else a for a in answers]
        return [self._as_it_is(answer) for answer in answers]

    def _as_it_is(self, answer: Answer) -> Answer:
        """An observation is read again once its group is done: before, history knew nothing of it."""
        if not self._path(answer).startswith("Observations("):
            return answer
        with transaction.atomic():
            again = self._asked(Part(answer.part.where, "", "GET", answer.location))
        return Answer(answer.part, answer.status, again.body, again.kind, answer.location) if again.good else answer

    def _one(self, part: Part) -> Answer:
        try:
            self.known.needed(part.needs, part.condition)
            return self._asked(part, self.known.url(part.url), self.known.body(part.body))
        except LinliError as error:
            return _refused(part, error)

    def _asked(self, part: Part, url: str | None = None, body: bytes = b"") -> Answer:
        path, query = batches.address(part.url if url is None else url, self.base)
        made = _HANDLE(self._request(part, path, query, body))
        kind = made.get("Content-Type", "")
        if made.status_code >= 500 and kind != batches.JSON:
            return _refused(part, Broken("this request failed by a fault of ours; the log says more"))
        return Answer(part, made.status_code, made.content, kind if made.content else "", made.get("Location", ""))

    def _request(self, part: Part, path: str, query: str, body: bytes) -> HttpRequest:
        """As if it had come alone, with the caller's credentials; of its headers the view reads the content type."""
        environ = {k: v for k, v in self.request.META.items() if _KEPT.fullmatch(k)}
        at = f"{door.ROOT}/{path}" if path else door.ROOT
        made = WSGIRequest(environ | {
            "REQUEST_METHOD": part.method, "PATH_INFO": _wsgi(at), "QUERY_STRING": _wsgi(query),
            "CONTENT_TYPE": part.headers.get("content-type", batches.JSON), "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        })  # fmt: skip
        made._linli_actor = self.actor  # type: ignore[attr-defined]
        made.linli_id = getattr(self.request, "linli_id", "")  # type: ignore[attr-defined]
        made.resolver_match = _route(bool(path))
        return made


@functools.cache
def _route(below: bool) -> ResolverMatch:
    """Under which a part counts in the figures."""
    return resolve(door.ROOT + ("/Things" if below else ""))


def _wsgi(text: str) -> str:
    return text.encode().decode("latin-1")


def _refused(part: Part, error: LinliError) -> Answer:
    made = door.refusal(error)
    return Answer(part, made.status_code, made.content, batches.JSON)


def _served(request: HttpRequest) -> HttpResponse:
    if request.path_info == door.ROOT:
        return views.root(request)
    return views.resource(request, path=request.path_info[len(door.ROOT) + 1 :])


# What stands around the view of a single request: it counts in the figures of its route, and a fault is its own.
_HANDLE: Callable[[Any], HttpResponse] = ops.RequestFigures(convert_exception_to_response(_served))
