"""What anybody sees of cases: done, one, heat, data, feeds; and private ones in none of it."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client
from tests.cases.conftest import jpeg
from tests.places.conftest import S, W
from tests.portal.test_report import send

from linli.cases.models import Case
from linli.cases.services import notes, photos
from linli.kernel import clock, ids, images
from linli.kernel.actor import SYSTEM, Actor, Grant
from linli.portal import urls

pytestmark = pytest.mark.django_db
MONTH = clock.now().replace(day=1) - timedelta(days=20)  # in a month that has ended, wherever the clock stands
NAME = f"{MONTH:%Y-%m}"


def cases(count: int, lon: float = W + 0.005, lat: float = S + 0.005, **more: Any) -> list[Case]:
    from linli.cases import geo

    x, y = geo.to_metres(lon, lat)
    fields: dict[str, Any] = {
        "kind": "problem", "class_code": "202157", "state": "closed", "step": 7, "channel": "qr", "lon": lon,
        "lat": lat, "x": x, "y": y, "area_path": "340121999.01.001", "created_at": MONTH, "filed_at": MONTH,
        "closed_at": MONTH + timedelta(days=2), "text": "灯不亮", **more,
    }  # fmt: skip
    return Case.objects.bulk_create(Case(number=f"T{ids.new_id().hex[-16:]}", **fields) for _ in range(count))


def closer() -> Actor:
    rights = frozenset({"cases.view", "cases.close"})
    return Actor(kind="account", username="closer", grants=(Grant("closer", "", rights),))


PUBLIC = ("", "done", "heat", "data", f"data/{NAME}.csv", f"data/{NAME}.geojson", "feed/atom", "feed/rss", "map",
          "alerts", "privacy", "report", "robots.txt", "short", "follow/phone", "follow?ticket=x")  # fmt: skip
KEYED = ("q/", "u/", "t/", "c/", "alerts/", "language/")  # by a code, a secret or a number


def test_private_cases_are_on_no_public_page_feed_or_file(web: Client, code: str, unit: Any) -> None:
    """Every address of the portal is in one of the two lists, so that a new one has to say where it belongs."""
    shown = {p.partition("?")[0].replace(NAME, "<str:month>") for p in PUBLIC}
    known = {str(p.pattern) for p in urls.urlpatterns if not str(p.pattern).startswith(KEYED)}
    assert known == {
        p.replace("feed/atom", "feed/<str:form>").replace("feed/rss", "feed/<str:form>") for p in shown
    } - {"follow"} | {"follow"}
    open_ones = {"state": "filed", "closed_at": None, "unit_id": unit.id}
    hidden = [
        c for more in ({}, open_ones) for c in cases(8, private=True, class_code="909001", text="家里漏水", **more)
    ]
    told = cases(6) + cases(6, **open_ones)
    for path in (*PUBLIC, f"q/{code}", f"u/{unit.short_code}", "done?area=340121999001", "map?area=340121999001"):
        for language in ("zh-CN", "en"):
            text = web.get(f"/{path}", headers={"Accept-Language": language}).content.decode(errors="replace")
            for case in hidden:
                assert case.number not in text and str(case.id) not in text, path
            assert "家里漏水" not in text and "909001" not in text and "灯不亮" not in text, path
    for case in hidden:
        assert web.get(f"/c/{case.number}").status_code == 404
    assert web.get(f"/c/{told[0].number}").status_code == 200
    assert all(c.number in web.get("/done").content.decode() for c in told[:6])


def test_small_counts_are_withheld_and_what_would_tell_them(web: Client, code: str) -> None:
    far = {"lon": W + 0.035, "lat": S + 0.035}
    cases(4)  # too few
    cases(5, class_code="100101", **far)
    cases(5, class_code="100102", **far)
    cases(2, class_code="100102", state="filed", closed_at=None, **far)  # 5 done of 7: the 2 could be reckoned out
    rows = list(csv.DictReader(io.StringIO(web.get(f"/data/{NAME}.csv").content.decode("utf-8-sig"))))
    assert [(r["class_code"], r["reported"], r["done"], r["median_days"]) for r in rows] == [
        ("100101", "5", "5", "2.0"), ("100102", "7", "", ""),
    ]  # fmt: skip
    assert {r["licence"] for r in rows} == {"CC-BY-4.0"}
    answer = web.get(f"/data/{NAME}.geojson")
    data = json.loads(answer.content)
    assert data["license"] == "CC-BY-4.0" and 'rel="license"' in answer["Link"] and len(data["features"]) == 2
    ring = data["features"][0]["geometry"]["coordinates"][0]
    assert ring[1][0] - ring[0][0] > 0.009, "squares of about a kilometre"
    assert str(far["lon"]) not in answer.content.decode()


def test_the_running_month_is_not_given(web: Client, code: str) -> None:
    cases(9, created_at=clock.now())
    now = clock.now() + timedelta(hours=8)
    assert web.get(f"/data/{now:%Y-%m}.csv").status_code == 404
    assert web.get("/data/2026-13.csv").status_code == web.get("/data/x.csv").status_code == 404


def test_heat_shows_full_squares_in_ranges_only(web: Client, code: str) -> None:
    cases(4, created_at=clock.now())
    assert "<rect" not in web.get("/heat").content.decode()
    from linli.portal import open_views

    open_views.forget()
    cases(9, created_at=clock.now())  # 13 by now
    page = web.get("/heat").content.decode()
    assert page.count("<rect") == 1 and "10 件以上" in page and "13" not in page.partition("<h2>")[2]


def test_done_pages_by_key_with_released_pictures(web: Client, code: str) -> None:
    made = cases(21)
    case = Case.objects.order_by("-closed_at", "-id")[0]
    picture = images.prepare(jpeg())
    seen = [photos.keep(case=case, actor=SYSTEM, stage=s, picture=picture) for s in ("report", "after", "after")]
    for row in seen[:2]:
        row.released_at = clock.now()
        row.save()
    page = web.get("/done").content.decode()
    assert str(seen[0].thumb_id) in page and str(seen[1].thumb_id) in page and str(seen[2].thumb_id) not in page
    more = page.partition("after=")[2].partition('"')[0]
    older = web.get("/done", {"after": more}).content.decode()
    assert [page.count(f"/c/{c.number}") + older.count(f"/c/{c.number}") for c in made] == [1] * 21
    assert web.get("/done", {"after": "nonsense"}).status_code == 404
    assert web.get("/done", {"area": "340121999003"}).content.decode().count("/c/") == 0


def test_words_with_numbers_or_plates_wait_for_a_person_and_stay_masked(web: Client, code: str) -> None:
    send(web, code, text="车牌皖A12345挡了消防通道, 车主电话13912345678")
    send(web, code, text="三楼的灯不亮")
    held, plain = Case.objects.order_by("created_at")
    assert "text-held" in held.flags and plain.flags == []
    page = lambda case: web.get(f"/c/{case.number}").content.decode()  # noqa: E731
    assert "三楼的灯不亮" not in page(plain), "before a person has filed it"
    Case.objects.update(state="filed", step=3, filed_at=clock.now())
    assert "三楼的灯不亮" in page(plain) and "消防通道" not in page(held)
    notes.release_text(actor=closer(), case_id=held.id, release=True)
    assert "皖A*****挡了消防通道" in page(held) and "13912345678" not in page(held) and "12345" not in page(held)
    notes.release_text(actor=closer(), case_id=held.id, release=False)
    assert "消防通道" not in page(held)


def test_feeds_are_whole_per_area_and_class(web: Client, code: str) -> None:
    one = cases(1, class_code="100101")[0]
    cases(1, class_code="202157")
    cases(1, class_code="100101", filed_at=None, state="submitted", closed_at=None)
    tree = ElementTree.fromstring(web.get("/feed/atom", {"area": "340121999001", "class": "1001"}).content)
    name = "{http://www.w3.org/2005/Atom}"
    entries = tree.findall(f"{name}entry")
    assert len(entries) == 1 and entries[0].findtext(f"{name}id").endswith(f"/c/{one.number}")
    assert len(ElementTree.fromstring(web.get("/feed/rss").content).findall("channel/item")) == 2
    assert web.get("/feed/rss", {"class": "9999"}).status_code == 404
    assert "xml" in web.get("/feed/rss")["Content-Type"]
