"""Open cases that may be the same matter, ranked with the reason; and solved ones that sound alike."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from linli.cases import geo, intake_tables, tables
from linli.cases.models import Case
from linli.cases.rules import nearness
from linli.cases.rules.nearness import Reach
from linli.cases.selectors import fast, listing, visible
from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.kernel.masks import mask_text

MOST, JUDGED, ASKED, SHOWN = 1000, 16, 200, 5
MANY_ROWS = 1500  # how many rows the words of a text may be expected in, so that a search stays cheap
_COLUMNS = ", ".join(f"c.{n}" for n in listing.COLUMNS)
_SHOWN = f"""{_COLUMNS}, (SELECT p.thumb_id FROM cases_photo p WHERE p.case_id = c.id AND p.stage <> 'after'
    ORDER BY p.created_at LIMIT 1), near.metres, {listing.ILLUSTRATIVE}, NULL"""
_SOLVED = """SELECT DISTINCT ON (t.case_id) t.case_id, t.note FROM cases_timeline t
    WHERE t.case_id = ANY(%s) AND t.act IN ('finish', 'self_handle') AND t.note <> ''
    ORDER BY t.case_id, t.at DESC"""


def similar(actor: Actor, case_id: UUID, radius_m: float | None = None) -> list[dict[str, Any]]:
    """Open cases near this one, with enough detail to judge whether they are the same."""
    case: Case = visible.get(actor, case_id)
    if case.lon is None or case.lat is None:
        return []
    return nearby(actor, case.lon, case.lat, class_code=case.class_code, radius_m=radius_m, without=case.id,
                  text=case.text)  # fmt: skip


def nearby(
    actor: Actor, lon: float, lat: float, *, class_code: str = "", radius_m: float | None = None,
    without: UUID | None = None, limit: int = 10, text: str = "",
) -> list[dict[str, Any]]:  # fmt: skip
    """Open cases around a point, the likeliest first. Without a radius, as far as each one's class reaches."""
    x, y = geo.to_metres(lon, lat)
    far = radius_m or (
        intake_tables.reach(class_code).radius_m if class_code else None
    )  # of all alike, or each its own
    stretch = geo.stretch(lat)
    box, where = round((far or intake_tables.widest()) * stretch), visible.where(actor)
    reach, reach_params = ("%s", [far * far]) if far else (_reach_of("a.class_code"), [])
    rows = fast.rows(
        "WITH around AS MATERIALIZED (SELECT c.id, c.class_code, ((c.x - %s) * (c.x - %s) + (c.y - %s) * (c.y - %s))"
        f" * %s AS square FROM cases_case c WHERE {where[0]} AND c.closed_at IS NULL AND c.source = 'linli'"
        f" AND c.x BETWEEN %s AND %s AND c.y BETWEEN %s AND %s LIMIT {MOST}), near AS MATERIALIZED (SELECT a.id,"
        f" |/ a.square AS metres FROM around a WHERE a.square <= {reach} AND a.id IS DISTINCT FROM %s"
        f" ORDER BY a.class_code <> %s, a.square LIMIT {JUDGED})"
        f" SELECT {_SHOWN} FROM near JOIN cases_case c ON c.id = near.id",
        [x, x, y, y, stretch**-2, *where[1], x - box, x + box, y - box, y + box, *reach_params, without, class_code],
        prepare=True,
    )
    return _judged(rows, class_code, text, limit)


def _reach_of(column: str) -> str:
    """The square of how far duplicates of a class reach, for PostgreSQL: classes and metres are the packs' own."""
    whens, others = [], Reach().radius_m
    for code, metres in tables.reaches(tables.today()):
        if code == "*":
            others = metres
        elif code.removesuffix("*").isalnum():
            test = f"starts_with({column}, '{code[:-1]}')" if code.endswith("*") else f"{column} = '{code}'"
            whens.append(f" WHEN {test} THEN {metres * metres}")
    return f"CASE{''.join(whens)} ELSE {others * others} END" if whens else f"{others * others}"


def _judged(rows: list[tuple[Any, ...]], class_code: str, text: str, limit: int) -> list[dict[str, Any]]:
    now, today, said = clock.now(), tables.today(), nearness.pieces(text)
    items = []
    for row, item in zip(rows, listing.shown(rows), strict=True):
        thumb, metres = row[-4:-2]
        same = bool(class_code) and item["class_code"] == class_code
        like = nearness.likeness(said, nearness.pieces(item["text"])) if said else 0.0
        age = (now - item["created_at"]).total_seconds()
        told = nearness.judge(distance_m=metres, age_h=age / 3600, same_class=same, like=like,
                              reach=intake_tables.reach(item["class_code"], today))  # fmt: skip
        item["text"] = item["text"][: listing.SHORT]
        items.append({**item, "distance_m": round(metres), "same_class": same, "age_s": int(age),
                      "likeness": told.likeness, "thumb_id": thumb, "score": told.score,
                      "reason": {"zh": told.zh, "en": told.en}})  # fmt: skip
    return sorted(items, key=lambda i: (-i["score"], i["distance_m"], str(i["id"])))[:limit]


def related(actor: Actor, case_id: UUID, limit: int = SHOWN) -> list[dict[str, Any]]:
    """Solved cases that sound like this one, and what solved them."""
    case: Case = visible.get(actor, case_id)
    said = nearness.pieces(case.text)
    often, otherwise = _frequencies(clock.now().replace(minute=0, second=0, microsecond=0))
    telling = nearness.rarest(said, often, otherwise, MANY_ROWS)
    if not telling:
        return []
    where, params = visible.where(actor)
    rows = fast.rows(
        f"SELECT c.id, c.number, c.class_code, c.text, c.closed_at FROM cases_case c WHERE {where}"
        " AND c.tokens && %s::text[] AND c.state IN ('closed', 'evaluated') AND c.id <> %s"
        f" ORDER BY c.closed_at DESC LIMIT {ASKED}",
        [*params, telling, case_id],
    )
    ranked = sorted(
        ((nearness.likeness(said, nearness.pieces(r[3])) + 0.15 * (r[2] == case.class_code), r) for r in rows),
        key=lambda pair: -pair[0],
    )
    chosen = [(s, r) for s, r in ranked if s >= 0.15][:limit]
    solved = dict(fast.rows(_SOLVED, [[r[0] for _, r in chosen]])) if chosen else {}
    return [_solved(score, row, case.class_code, solved.get(row[0], "")) for score, row in chosen]


def _solved(score: float, row: tuple[Any, ...], class_code: str, note: str) -> dict[str, Any]:
    known = tables.catalogue().classes.get(row[2])
    return {"id": row[0], "number": row[1], "class": {"zh": known.zh, "en": known.en} if known else None,
            "same_class": row[2] == class_code and bool(class_code), "text": row[3][: listing.SHORT],
            "closed_at": row[4], "solved_by": mask_text(note)[0][: listing.SHORT * 2],
            "likeness": round(min(score, 1.0), 3)}  # fmt: skip


@lru_cache(maxsize=1)
def _frequencies(hour: datetime) -> tuple[dict[str, float], float]:
    """In how many rows each common word stands, as the database last counted, and what any other may have at most."""
    size = fast.rows("SELECT reltuples FROM pg_class WHERE oid = 'cases_case'::regclass", [])
    total = max(float(size[0][0]), 1.0) if size else 1.0
    rows = fast.rows(
        "SELECT most_common_elems::text::text[], most_common_elem_freqs FROM pg_stats"
        " WHERE schemaname = current_schema() AND tablename = 'cases_case' AND attname = 'tokens'", [])  # fmt: skip
    if not rows or rows[0][0] is None:
        return {}, total * 0.001
    words, shares = rows[0]
    often = {w: s * total for w, s in zip(words, shares, strict=False)}
    return often, min(often.values(), default=total * 0.001)
