"""Figures as files: spreadsheet, Word, PDF. The figures are those of the other addresses."""

from __future__ import annotations

from importlib import import_module

from django.http import HttpRequest, HttpResponse
from ninja import Query

from linli.insight.api import router
from linli.insight.api.reads import AskIn
from linli.insight.report import build
from linli.insight.selectors import asking, figures
from linli.insight.selectors.asking import Ask
from linli.kernel import audit, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid
from linli.kernel.http import actor_of
from linli.kernel.i18n import say

# Module and type. What writes files is large, and read when the first file is asked for.
FORMS = {
    "docx": ("word", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "pdf": ("pdf", "application/pdf"),
}


def in_language(asked: str) -> str:
    if asked not in ("", "zh", "en"):
        raise Invalid("lang", "must be zh or en")
    return asked or say("zh", "en")


def _file(actor: Actor, ask: Ask, data: bytes, kind: str, name: str) -> HttpResponse:
    span = {"start": ask.period.start.isoformat(), "end": ask.period.end.isoformat()}
    return sent(actor, data, kind, name, kind="indicators", area=ask.area, detail=span)


def sent(
    actor: Actor, data: bytes, content_type: str, name: str, *, kind: str, area: str,
    detail: dict[str, str] | None = None,
) -> HttpResponse:  # fmt: skip
    """A file to be kept; that it was taken is in the audit."""
    with services.unit(actor):
        audit.record(actor=actor, action="insight.export", kind=kind, ref=name, area=area, detail=detail or {})
    response = HttpResponse(data, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def written(report: build.Report, form: str) -> tuple[bytes, str]:
    """(bytes, type) of a report in one of `FORMS`."""
    module, kind = FORMS[form]
    return import_module(f"linli.insight.report.{module}").render(report), kind


@router.get("/insight/indicators.xlsx", permission=asking.VIEW, response={200: str})
def indicators_sheet(
    request: HttpRequest, asked: Query[AskIn], indicator: str = "inTimeDisposeRate", lang: str = ""
) -> HttpResponse:
    """The indicators and the league tables of one of them as a spreadsheet."""
    from linli.insight.report import sheet

    actor = actor_of(request)
    ask = asked.chosen(actor)
    leagues = [figures.league(ask, code=indicator, by=by) for by in ("team", "grid")]
    data = sheet.render(figures.page(ask), leagues, in_language(lang))
    return _file(actor, ask, data, sheet.TYPE, f"indicators-{ask.period.start}.xlsx")


@router.get("/insight/reports/{code}.{form}", permission=asking.VIEW, response={200: str})
def report_file(request: HttpRequest, code: str, form: str, asked: Query[AskIn], lang: str = "") -> HttpResponse:
    """A report of the packs (`weekly`, `monthly`) as `docx` or `pdf`, of the week or month in which `day` lies."""
    actor = actor_of(request)
    if form not in FORMS:
        raise Invalid("form", "must be docx or pdf")
    values = asked.dict() | {"period": build.template(code)["period"], "start": None, "end": None}
    ask = asking.ask(actor, **values)
    data, kind = written(build.build(code, ask, in_language(lang)), form)
    return _file(actor, ask, data, kind, f"{code}-{ask.period.start}.{form}")
