"""What can be asked for: a community or the whole district, a big class or all, or one's own ticket; in words."""

from __future__ import annotations

from django.utils.translation import gettext as _

from linli.cases import facade as cases
from linli.cases.contracts import PublicItem
from linli.kernel.errors import NotFound
from linli.kernel.i18n import either
from linli.places import facade as places
from linli.places.contracts import GridInfo
from linli.portal.models import Alert


def communities() -> list[dict[str, str]]:
    return [{"code": g.code, "name": either(g.name_zh, g.name_en)} for g in places.grids(level=2)]


def classes() -> list[dict[str, str]]:
    return [{"code": code, "name": either(zh, en)} for code, zh, en in cases.big_classes()]


def chosen(code: str) -> GridInfo | None:
    """The community of a code; None for the whole district; NotFound for a code that no community has."""
    if not code:
        return None
    found = next((g for g in places.grids(level=2) if g.code == code), None)
    if found is None:
        raise NotFound()
    return found


def big_class(code: str) -> str:
    if code and code not in {c for c, _, _ in cases.big_classes()}:
        raise NotFound()
    return code


def area_path(row: Alert) -> str | None:
    """Where the wish looks now; None when its community is no more."""
    try:
        found = chosen(row.area_code)
    except NotFound:
        return None
    return found.area_path if found else ""


def phrase(area_code: str, big: str) -> str:
    area = next((c["name"] for c in communities() if c["code"] == area_code), "") or _("Whole district")
    kind = next((c["name"] for c in classes() if c["code"] == big), "") or _("All classes")
    return f"{area} · {kind}"


def words(row: Alert) -> str:
    return _("How your own report goes") if row.ticket else phrase(row.area_code, row.big_class)


def community(item: PublicItem) -> str:
    """The name of the community that a case lies in, without asking where it is more exactly."""
    if item.lon is None or item.lat is None:
        return ""
    place = places.locate(item.lon, item.lat)
    return either(place.community_name, place.community_name_en) if place else ""
