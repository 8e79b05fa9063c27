"""Open cases that may be the same matter, ranked with the reason; and solved ones that sound alike."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from linli.cases import geo, intake_tables
from linli.cases.models import Case
from linli.cases.rules import nearness
from linli.cases.selectors import fast, listing, visible
from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.kernel.masks import mask_text

MOST, JUDGED, ASKED, SHOWN = 500, 16, 200, 5
MANY_ROWS = 1500  # how many rows the words of a text may be expected in, so that a search stays cheap
_COLUMNS = ", ".join(f"c.{n}" for n in listing.COLUMNS)
_ROWS = f"""SELECT {_COLUMNS}, {listing.ILLUSTRATIVE}, (SELECT p.thumb_id FROM cases_photo p WHERE p.case_id = c.id
    AND p.stage <> 'after' ORDER BY p.created_at LIMIT 1) FROM cases_case c WHERE c.id = ANY(%s)"""
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
    own = intake_tables.reach(class_code)
    far = radius_m or (own.radius_m if class_code else None)  # of all alike, or of each class its own
    reaches, reach = _Reaches(), round((far or intake_tables.widest()) * geo.stretch(lat))
    where, params = visible.where(actor)
    rows = fast.rows(
        f"SELECT c.id, c.class_code, c.x, c.y FROM cases_case c WHERE {where} AND c.closed_at IS NULL"
        f" AND c.source = 'linli' AND c.x BETWEEN %s AND %s AND c.y BETWEEN %s AND %s LIMIT {MOST}",
        [*params, x - reach, x + reach, y - reach, y + reach],
        prepare=True,
    )
    found = []
    for case_id, code, cx, cy in rows:
        distance = geo.distance(x, y, cx, cy, lat)
        if distance <= (far or reaches[code]) and case_id != without:
            found.append((code != class_code, distance, case_id))
    found.sort(key=lambda f: f[:2])
    return _judged({f[2]: f[1] for f in found[:JUDGED]}, class_code, text, limit)


class _Reaches(dict[str, float]):
    """How far the duplicates of a class are looked for, asked once a class."""

    def __missing__(self, code: str) -> float:
        self[code] = found = intake_tables.reach(code).radius_m
        return found


def _judged(near: dict[UUID, float], class_code: str, text: str, limit: int) -> list[dict[str, Any]]:
    if not near:
        return []
    rows = fast.rows(_ROWS, [list(near)], prepare=True)
    thumbs, now, said = {r[0]: r[-1] for r in rows}, clock.now(), nearness.pieces(text)
    items = []
    for item in listing.shown(rows):
        same = bool(class_code) and item["class_code"] == class_code
        like = nearness.likeness(said, nearness.pieces(item["text"])) if said else 0.0
        age = (now - item["created_at"]).total_seconds()
        told = nearness.judge(distance_m=near[item["id"]], age_h=age / 3600, same_class=same, like=like,
                              reach=intake_tables.reach(item["class_code"]))  # fmt: skip
        item["text"] = item["text"][: listing.SHORT]
        items.append({**item, "distance_m": round(near[item["id"]]), "same_class": same, "age_s": int(age),
                      "likeness": told.likeness, "thumb_id": thumbs.get(item["id"]), "score": told.score,
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
    from linli.cases import tables

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
