"""Indicators, the rows behind them, league tables, one's own figures."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import orjson
from django.http import HttpRequest, HttpResponse
from ninja import Query, Schema

from linli.insight.api import router
from linli.insight.selectors import asking, figures, rows
from linli.insight.selectors.asking import Ask
from linli.kernel.actor import Actor
from linli.kernel.errors import Forbidden
from linli.kernel.http import actor_of


class AskIn(Schema):
    """`area` takes all below it, `class_code` a class or a big class; `period` is day, week, month, quarter or year
    around `day` (default: today), or any `start` and `end`. `bases=CODE:measure,…` chooses other denominators."""

    area: str = ""
    team: UUID | None = None
    class_code: str = ""
    period: str = "month"
    day: date | None = None
    start: date | None = None
    end: date | None = None
    bases: str = ""

    def chosen(self, actor: Actor) -> Ask:
        return asking.ask(actor, **self.dict())


class WhenIn(Schema):
    period: str = "month"
    day: date | None = None
    start: date | None = None
    end: date | None = None


def answer(data: Any) -> HttpResponse:
    return HttpResponse(orjson.dumps(data, default=str), content_type="application/json")


@router.get("/insight/indicators", permission=asking.VIEW)
def indicators(request: HttpRequest, asked: Query[AskIn]) -> HttpResponse:
    """All indicators of an area, team, class and period, and of the period before."""
    return answer(figures.page(asked.chosen(actor_of(request))))


@router.get("/insight/rows", permission=asking.VIEW)
def indicator_rows(
    request: HttpRequest, asked: Query[AskIn], measure: str, cursor: str | None = None, limit: int = 50
) -> HttpResponse:
    """The cases that a measure counts, latest day first. `hidden`: how many of the page the caller does not see."""
    actor = actor_of(request)
    return answer(rows.page(actor, asked.chosen(actor), measure=measure, cursor=cursor, limit=limit))


@router.get("/insight/league", permission=asking.VIEW)
def league_table(
    request: HttpRequest, asked: Query[AskIn], indicator: str = "inTimeDisposeRate", by: str = "team"
) -> HttpResponse:
    """Teams or grids side by side, with bands. `verdict` against all others together; rows of one `tier` cannot be told
    apart. Never persons."""
    return answer(figures.league(asked.chosen(actor_of(request)), code=indicator, by=by))


@router.get("/insight/me", permission="cases.view")
def own_figures(request: HttpRequest, when: Query[WhenIn]) -> HttpResponse:
    """What the caller did itself."""
    actor = actor_of(request)
    if actor.account_id is None:
        raise Forbidden("figures of a person are for that person and their lead")
    return answer(figures.own(actor, actor.account_id, asking.ask_own(**when.dict())))


@router.get("/insight/me/rows", permission="cases.view")
def own_rows(
    request: HttpRequest, when: Query[WhenIn], measure: str, cursor: str | None = None, limit: int = 50
) -> HttpResponse:
    """The cases behind one of the caller's own figures."""
    actor = actor_of(request)
    if actor.account_id is None:
        raise Forbidden("figures of a person are for that person and their lead")
    ask = asking.ask_own(**when.dict())
    return answer(rows.own_page(actor, actor.account_id, ask, measure=measure, cursor=cursor, limit=limit))


@router.get("/insight/people/{account_id}", permission="cases.view")
def figures_of_member(request: HttpRequest, account_id: UUID, when: Query[WhenIn]) -> HttpResponse:
    """One person's own figures, for that person and the lead of their team; a lead's look is written down."""
    return answer(figures.own(actor_of(request), account_id, asking.ask_own(**when.dict())))
