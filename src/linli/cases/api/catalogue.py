"""The catalogue and the transition table, as screens need them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse

from linli.cases import tables
from linli.cases.api import router
from linli.kernel import http


def _bytes(data: Any) -> HttpResponse:
    response = HttpResponse(data, content_type="application/json")
    response["Cache-Control"] = "private, max-age=300"
    return response


@router.get("/catalogue", permission="catalogue.view", response=dict)
def get_catalogue(request: HttpRequest) -> HttpResponse:
    """Kinds, big and small classes, each class's rows of condition, limit and closing condition, and their sources.

    A limit without a source is `illustrative` and must be shown as such.
    """
    return _bytes(_catalogue(tables.today().isoformat()))


@lru_cache(maxsize=2)
def _catalogue(day: str) -> bytes:
    found, on = tables.catalogue(), tables.today()
    classes = [
        {"code": c.code, "kind": c.kind, "big": c.big, "zh": c.zh, "en": c.en, "private": c.private,
         "source": c.source, "valid_from": c.valid_from, "demands": _demands(c.code, None),
         "conditions": [
             {"no": r.no, "zh": r.zh, "en": r.en, "limit": r.limit, "unit": r.unit,
              "closing": {"zh": r.closing_zh, "en": r.closing_en}, "illustrative": r.illustrative,
              "wording_source": r.wording_source, "limit_source": r.limit_source or None,
              "valid_from": r.valid_from, "demands": _demands(c.code, r.no)}
             for r in found.conditions(c.code, on)]}
        for c in found.classes.values() if c.valid_from <= on
    ]  # fmt: skip
    return orjson.dumps({
        "day": on,
        "kinds": [{"code": "component", "zh": "部件", "en": "Component"},
                  {"code": "event", "zh": "事件", "en": "Event"}],
        "units": {"urgent_hour": {"zh": "紧急工作时", "en": "Hour, round the clock"},
                  "work_hour": {"zh": "工作时", "en": "Working hour"},
                  "work_day": {"zh": "工作日", "en": "Working day"},
                  "calendar_day": {"zh": "自然日", "en": "Calendar day"}},
        "big_classes": [{"code": b.code, "kind": b.kind, "zh": b.zh, "en": b.en} for b in found.big.values()],
        "classes": classes,
        "sources": {k: {"zh": v[0], "en": v[1]} for k, v in found.sources.items()},
    })  # fmt: skip


def _demands(code: str, no: int | None) -> dict[str, Any]:
    """Fields, pictures, priority, how near is the same, and limits of stages that the class (or its row) has itself."""
    found = tables.demand(code, no)
    return {"need_report": found.need_report, "need_finish": found.need_finish, "photos_report": found.photos_report,
            "photos_after": found.photos_after, "priority": found.priority, "merge_radius_m": found.merge_radius_m,
            "merge_window_h": found.merge_window_h, "version": found.version,
            "limits": {k: {"limit": v[0], "unit": v[1]} for k, v in found.limits.items()}}  # fmt: skip


@router.get("/catalogue/transitions", permission=http.SIGNED_IN, response=dict)
def get_transitions(request: HttpRequest) -> HttpResponse:
    """States, the seven steps, stages and acts, with their names in both languages."""
    table = tables.transitions()
    return _bytes(orjson.dumps({
        "states": [{"code": s.code, "step": s.step, "zh": s.zh, "en": s.en, "final": s.final}
                   for s in table.states.values()],
        "steps": [{"zh": zh, "en": en} for zh, en in table.steps],
        "stages": {k: {"zh": s.zh, "en": s.en} for k, s in {**table.stages, **tables.stages().stages}.items()},
        "actions": [{"act": t.act, "zh": t.zh, "en": t.en, "from": sorted(t.sources), "to": t.target,
                     "need": list(t.need), "may": list(t.may), "undo_s": t.undo_s} for t in table.transitions.values()],
    }))  # fmt: skip
