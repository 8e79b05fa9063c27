"""Bulletins: who reads which, and the figures of which a draft is made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from linli.cases import facade as cases
from linli.insight import tables
from linli.insight.models import Bulletin
from linli.insight.rules.facts import POSITION
from linli.insight.selectors import asking, figures, sums
from linli.insight.selectors.asking import Ask
from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound
from linli.kernel.scope import area_q
from linli.orgs import facade as orgs
from linli.places import facade as places

WRITE = "bulletins.write"


def visible(actor: Actor) -> QuerySet[Bulletin]:
    """What was issued in one's areas and for the areas above them, also what was withdrawn since; drafts where one
    writes bulletins."""
    issued = ~Q(state="draft")
    seen = area_q(actor, asking.VIEW) & issued | area_q(actor, WRITE)
    above = {area.rsplit(".", n)[0] for area in actor.areas(asking.VIEW) for n in range(1, area.count(".") + 1)}
    if actor.can(asking.VIEW):
        seen |= issued & Q(area_path__in=[*above, ""])
    return Bulletin.objects.filter(seen)


def get(actor: Actor, bulletin_id: UUID) -> Bulletin:
    found = visible(actor).filter(id=bulletin_id).first()
    if found is None:
        raise NotFound()
    return found


def for_update(actor: Actor, bulletin_id: UUID) -> Bulletin:
    get(actor, bulletin_id)
    return Bulletin.objects.select_for_update().get(pk=bulletin_id)


def counted(actor: Actor, ask: Ask) -> dict[str, Any]:
    """The figures of a bulletin, as plain values: those of the page of indicators and of the league, by the same
    functions; late work by team; grids from which a class comes again; the desk of supervision as of now."""
    words = tables.papers()["bulletin"]
    page, earlier = figures.page(ask), figures.page(replace(ask, period=ask.previous))
    before = {i["code"]: {"before_of": i["of"], "before_base": i["base"]} for i in earlier["items"]}
    keep = ("code", "zh", "en", "kind", "value", "of", "base", "before")
    league = figures.league(ask, code=words["league"], by="team")
    return {
        "at": clock.now().isoformat(), "area": page["area_name"], "start": str(page["start"]), "end": str(page["end"]),
        "items": [{k: i[k] for k in keep} | before[i["code"]] for i in page["items"] if i["kind"] != "score"],
        "late": _late(ask, words["teams"]),
        "places": _places(ask, words["places"]), "league": _plain(league["items"]),
        "supervision": cases.supervision_counts(actor, area=ask.area),
    }  # fmt: skip


def _plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    keep = ("key", "zh", "en", "of", "base", "value", "band", "verdict")
    return [{k: row[k] for k in keep} for row in rows]


def _late(ask: Ask, most: int) -> list[dict[str, Any]]:
    """Teams that handled cases late, the most first; a team of one is a person and is left out."""
    found = sums.by_team(ask.area, ("overtimeDispose", "dispose"), ask.period.start, ask.period.end)
    people, known = orgs.member_counts(found), orgs.teams(list(found))
    rows = [
        {"zh": known[team].name_zh, "en": known[team].name_en or known[team].name_zh, "of": k, "base": n}
        for team, (k, n) in found.items() if k and team in known and people.get(team) != 1
    ]  # fmt: skip
    return sorted(rows, key=lambda r: (-r["of"], r["zh"]))[:most]


def _places(ask: Ask, wanted: dict[str, int]) -> list[dict[str, Any]]:
    """Grids from which reports of one class came again and again, the most first."""
    where, params = sums.below(ask.area)
    found = sums.rows(
        "SELECT f.area_path, f.class_code, count(DISTINCT f.case_id) FROM insight_fact f"
        f" WHERE f.marks @> ARRAY[%s]::smallint[] AND f.day BETWEEN %s AND %s AND f.class_code <> '' AND {where}"
        " GROUP BY 1, 2 HAVING count(DISTINCT f.case_id) >= %s ORDER BY 3 DESC, 1, 2 LIMIT %s",
        [POSITION["report"], ask.period.start, ask.period.end, *params, wanted["least"], wanted["most"]],
    )
    names = cases.class_names([r[1] for r in found])
    return [
        {"area": area, "zh": places.grid_name(area, "zh-hans"), "en": places.grid_name(area, "en"),
         "class": names.get(code, {"zh": code, "en": code}), "n": int(n)}
        for area, code, n in found
    ]  # fmt: skip
