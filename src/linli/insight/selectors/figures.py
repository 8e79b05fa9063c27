"""The page of indicators, the league tables and one's own figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from linli.cases import facade as cases
from linli.insight import tables
from linli.insight.models import Progress
from linli.insight.rules import indicators as rule
from linli.insight.rules import wilson
from linli.insight.rules.indicators import Indicator, Sums
from linli.insight.rules.periods import Period
from linli.insight.selectors import sums
from linli.insight.selectors.asking import Ask
from linli.kernel import audit, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Forbidden, Invalid
from linli.orgs import facade as orgs
from linli.places import facade as places

OWN = frozenset({
    "report", "validReport", "verify", "inTimeVerify", "accept", "inTimeAccept", "accurAccept", "register",
    "inTimeRegister", "accurRegister", "dispatch", "inTimeDispatch", "accurDispatch", "dispose", "inTimeDispose",
    "overtimeDispose", "patrolDeal", "check", "inTimeCheck",
})  # fmt: skip


def sums_of(ask: Ask, period: Period) -> Sums:
    place = tables.place(ask.area) if ask.team is None and not ask.class_code else None
    return Sums(
        counts=sums.counts(ask.area, ask.team, ask.class_code, period.start, period.end), axes=tables.axes(),
        missing=tables.missing(), place=place, bases=ask.bases,
        repeats=sums.repeats(ask.area, period.start, period.end) if place else (),
    )  # fmt: skip


def page(ask: Ask) -> dict[str, Any]:
    """All indicators of an area, team, class and period, each with what it was in the period before."""
    table, now, before = tables.table(), sums_of(ask, ask.period), sums_of(ask, ask.previous)
    items = [shown(item, now, before) for item in table.indicators.values()]
    return {**head(ask), "groups": list(table.groups), "items": items}


def head(ask: Ask) -> dict[str, Any]:
    state = Progress.objects.filter(pk=1).first()
    return {
        "area": ask.area, "area_name": area_name(ask.area), "team": ask.team, "team_name": team_name(ask.team),
        "class_code": ask.class_code, "class_name": cases.class_names([ask.class_code]).get(ask.class_code),
        "period": ask.name, "start": ask.period.start, "end": ask.period.end,
        "previous": {"start": ask.previous.start, "end": ask.previous.end},
        "as_of": state.rolled_at if state else None, "complete": bool(state and state.complete),
    }  # fmt: skip


def area_name(area: str) -> dict[str, str]:
    if not area:
        roots = places.grids(level=0)
        area = roots[0].area_path if roots else ""
    return {"zh": places.grid_name(area, "zh-hans"), "en": places.grid_name(area, "en")}


def team_name(team: UUID | None) -> dict[str, str] | None:
    found = orgs.team(team) if team else None
    return {"zh": found.name_zh, "en": found.name_en or found.name_zh} if found else None


def shown(item: Indicator, now: Sums, before: Sums) -> dict[str, Any]:
    known, sure = tables.table().indicators, tables.confidence()
    figure, old = rule.figure(item, known, now, sure), rule.figure(item, known, before, sure)
    base = rule.base_of(item, now) if item.kind == "rate" else ""
    change = None if figure.value is None or old.value is None else figure.value - old.value
    trend = (
        "none" if not change or item.good == "none" else "better" if (change > 0) == (item.good == "up") else "worse"
    )
    return {
        "code": item.code, "kind": item.kind, "group": item.group, "zh": item.zh, "en": item.en, "good": item.good,
        "source": item.source, "value": figure.value, "of": figure.of, "base": figure.base, "why": figure.why,
        "band": figure.band, "measure": item.value, "base_measure": base,
        "bases": [item.base, *item.bases] if base else [],
        "axis": tables.axis_names().get(tables.axes().get(item.value, "")), "before": old.value, "change": change,
        "trend": trend, "sure": None if item.kind != "rate" else wilson.apart(figure.band, old.band),
        "formula": formula(item, base),
    }  # fmt: skip


def measure_names() -> dict[str, dict[str, str]]:
    """A measure is named by the count that shows it; those that no count shows by the packs."""
    hidden = {m: {"zh": r["zh"], "en": r["en"]} for m, r in tables.measures()["measures"].items() if "zh" in r}
    counts = {i.value: {"zh": i.zh, "en": i.en} for i in tables.table().indicators.values() if i.kind == "count"}
    return hidden | counts


def formula(item: Indicator, base: str) -> dict[str, str] | None:
    names, known = measure_names(), tables.table().indicators
    if item.kind == "rate":
        return {lang: f"{names[item.value][lang]} ÷ {names[base][lang]}" for lang in ("zh", "en")}
    if not item.terms:
        return None
    out = {}
    for lang in ("zh", "en"):
        parts = [
            f"{t['weight']} × {getattr(known[t['rate']], lang)}" if "rate" in t
            else f"{t['weight']} × (1 − {getattr(known[t['less']], lang)})"
            for t in item.terms
        ]  # fmt: skip
        out[lang] = " + ".join(parts)
    return out


def league(ask: Ask, *, code: str, by: str) -> dict[str, Any]:
    """Teams, or the grids right below an area, with their bands. Never persons: a team of one is left out."""
    item = tables.table().indicators.get(code)
    allowed = tables.settings()["league"].get("indicators", [])
    if item is None or item.kind != "rate" or code not in allowed:
        raise Invalid("indicator", f"must be one of {', '.join(allowed)}")
    if by not in ("team", "grid"):
        raise Invalid("by", "must be team or grid")
    base = rule.base_of(item, Sums({}, {}, bases=ask.bases))
    names = (item.value, base)
    rows, left_out = (_teams if by == "team" else _grids)(ask, names)
    same = tables.axes()[item.value] == tables.axes()[base]
    total = sums.counts(ask.area, None, "", ask.period.start, ask.period.end)
    all_k, all_n = total[item.value], total[base]
    for row in rows:
        k, n = row["of"], row["base"]
        row["value"] = k / n if n else None
        row["band"] = wilson.interval(k, n, tables.confidence()) if same else None
        rest = wilson.interval(all_k - k, all_n - n, tables.confidence()) if same else None
        row["verdict"] = _verdict(row["band"], rest, item.good)
    down = item.good == "down"
    rows.sort(key=lambda r: (r["value"] is None, (r["value"] or 0.0) * (1 if down else -1), r["key"]))
    _tiers(rows)
    return {
        **head(ask), "indicator": code, "zh": item.zh, "en": item.en, "good": item.good, "by": by, "left_out": left_out,
        "confidence": tables.confidence(), "formula": formula(item, base), "indicators": [
            {"code": c, "zh": tables.table().indicators[c].zh, "en": tables.table().indicators[c].en} for c in allowed],
        "all": {"of": all_k, "base": all_n, "value": all_k / all_n if all_n else None}, "items": rows,
    }  # fmt: skip


def _verdict(band: tuple[float, float] | None, rest: tuple[float, float] | None, good: str) -> str:
    """Against all others together."""
    if band is None or rest is None:
        return "unknown"
    if not wilson.apart(band, rest):
        return "same"
    return "better" if (band[0] > rest[1]) == (good != "down") else "worse"


def _tiers(rows: list[dict[str, Any]]) -> None:
    """Rows of one tier cannot be told apart from its first one."""
    tier, first = 0, None
    for row in rows:
        if row["band"] is None:
            row["tier"] = None
            continue
        if first is None or wilson.apart(first, row["band"]):
            tier, first = tier + 1, row["band"]
        row["tier"] = tier


def _teams(ask: Ask, names: tuple[str, str]) -> tuple[list[dict[str, Any]], int]:
    found = sums.by_team(ask.area, names, ask.period.start, ask.period.end)
    people, known = orgs.member_counts(found), orgs.teams(list(found))
    rows = [
        {"key": str(team), "zh": known[team].name_zh, "en": known[team].name_en or known[team].name_zh, "of": k,
         "base": n}
        for team, (k, n) in found.items() if team in known and people.get(team) != 1 and (k or n)
    ]  # fmt: skip
    return rows, sum(1 for team in found if people.get(team) == 1)


def _grids(ask: Ask, names: tuple[str, str]) -> tuple[list[dict[str, Any]], int]:
    above = ask.area or (places.grids(level=0)[0].area_path if places.grids(level=0) else "")
    depth = above.count(".") + 1
    below = [g for g in places.grids() if g.area_path.startswith(above + ".") and g.area_path.count(".") == depth]
    found = sums.by_area([g.area_path for g in below], names, ask.period.start, ask.period.end)
    return [
        {"key": g.area_path, "zh": g.name("zh-hans"), "en": g.name("en"), "of": found[g.area_path][0],
         "base": found[g.area_path][1]}
        for g in below if g.area_path in found and any(found[g.area_path])
    ], 0  # fmt: skip


def own(actor: Actor, account_id: UUID, ask: Ask) -> dict[str, Any]:
    """What one did oneself: for that account, and for the lead of a team it is in, whose look is written down."""
    if actor.account_id is None:
        raise Forbidden("figures of a person are for that person and their lead")
    if actor.account_id != account_id:
        if not orgs.leads(actor.account_id, account_id):
            raise Forbidden("figures of a person are for that person and their lead")
        with services.unit(actor):
            audit.record(actor=actor, action="insight.own.read", kind="account", ref=account_id, area="",
                         detail={"start": ask.period.start.isoformat(), "end": ask.period.end.isoformat()})  # fmt: skip
    both = [
        Sums(counts=sums.own(account_id, p.start, p.end), axes=tables.axes(), missing=tables.missing())
        for p in (ask.period, ask.previous)
    ]
    mine = [i for i in tables.table().indicators.values() if i.kind != "score" and i.value in OWN]
    items = [
        {**shown(replace(i, base=_own_base(i), bases=()), *both), "bases": []}
        for i in mine if i.kind == "count" or _own_base(i)
    ]  # fmt: skip
    return {**head(ask), "account_id": account_id, "groups": list(tables.table().groups), "items": items}


def _own_base(item: Indicator) -> str:
    """A person answers for what they did, not for what waits: the done ones are the denominator."""
    return item.base if item.base in OWN else next((b for b in item.bases if b in OWN), "")
