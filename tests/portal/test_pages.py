"""Pages are small, in both languages, and safe to open anywhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from tests.portal.conftest import browser
from tests.portal.test_report import send

from linli.commands import words as locale

pytestmark = pytest.mark.django_db
HAN = re.compile(r"[一-鿿]")
DATA = re.compile(r"<(\w+)[^>]*\bdata-content[^>]*>.*?</\1>", re.S)
FOREIGN = re.compile(r'<(\w+)[^>]*\blang="(?:zh-hans|en)"[^>]*>.*?</\1>', re.S)


def own_words(page: str) -> str:
    body = page.partition("<body>")[2]
    body = FOREIGN.sub("", DATA.sub("", body))
    return re.sub(r"<[^>]+>", " ", re.sub(r'\b(?:value|href|src|action|d|class|id|content)="[^"]*"', "", body)).replace(
        "邻里", ""
    )


def paths(web: Client, code: str) -> list[str]:
    for i in range(12):
        send(web, code, text=f"第 {i} 件")
    link = send(web, code, phone="13912345678", consent="1")["Location"]
    return ["/", f"/q/{code}", link, link.partition("?")[0], "/map", "/map?area=340121999001", "/privacy", "/report",
            "/done", "/heat", "/data", "/alerts", "/follow/phone"]  # fmt: skip


def test_each_page_is_under_thirty_kilobytes_with_its_style(web: Client, code: str) -> None:
    style = (Path(settings.BASE_DIR) / "portal/static/portal/portal.css").stat().st_size
    for path in paths(web, code):
        size = len(web.get(path).content) + style
        print(f"{path.partition('?')[0][:12]}: {size} bytes with style")
        assert size < 30_000, path


def test_no_chinese_on_english_pages_and_no_english_on_chinese_ones(web: Client, code: str) -> None:
    english = browser(language="en-GB")
    for path in paths(web, code):
        page = english.get(path).content.decode()
        assert '<html lang="en">' in page
        assert not HAN.search(own_words(page)), (path, HAN.findall(own_words(page)))
        chinese = own_words(web.get(path).content.decode())
        assert '<html lang="zh-Hans">' in web.get(path).content.decode()
        assert not re.findall(
            r"\b[A-Za-z]{4,}\s+[A-Za-z]{2,}", re.sub(r"JPEG|PNG|WebP|JSON|Linli|English|Atom|RSS|CSV", "", chinese)
        ), path


def test_every_sentence_is_translated_and_the_compiled_file_is_fresh() -> None:
    polib = pytest.importorskip("polib")
    po = polib.pofile(str(locale.PO))
    assert set(locale.sentences()) == {e.msgid for e in po}
    assert not [e.msgid for e in po if not (e.msgstr or e.msgstr_plural.get(0))]
    for entry in po:
        wanted = set(re.findall(r"%\(\w+\)s", entry.msgid))
        assert wanted == set(re.findall(r"%\(\w+\)s", entry.msgstr or entry.msgstr_plural[0])), entry.msgid
    mo = polib.mofile(str(locale.PO.with_suffix(".mo")))
    assert {e.msgid: e.msgstr or e.msgstr_plural[0] for e in mo} == {
        e.msgid: e.msgstr or e.msgstr_plural[0] for e in po
    }


def test_the_language_switch_comes_back_to_the_page_and_nowhere_else(web: Client, code: str) -> None:
    answer = web.get("/language/en", {"next": f"/q/{code}"})
    assert answer["Location"] == f"/q/{code}" and web.cookies[settings.LANGUAGE_COOKIE_NAME].value == "en"
    assert '<html lang="en">' in web.get("/").content.decode()
    for evil in ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"):
        assert web.get("/language/en", {"next": evil})["Location"] == "/"


def test_headers(web: Client, code: str, town: Any) -> None:
    for path in ("/", f"/q/{code}", "/map", "/privacy"):
        answer = web.get(path)
        assert (
            "default-src 'none'" in answer["Content-Security-Policy"]
            and "unsafe" not in answer["Content-Security-Policy"]
        )
        assert "style=" not in answer.content.decode()
    assert "Disallow: /" in web.get("/robots.txt").content.decode()


def test_the_map_shows_open_public_cases_at_their_building(web: Client, code: str) -> None:
    send(web, code)
    send(web, code, kind="need")
    page = web.get("/map").content.decode()
    assert page.count("<circle") == 1 and "正在办理 1 件" in page
    assert web.get("/map", {"area": "340121999003"}).content.decode().count("<circle") == 0
    assert web.get("/map", {"area": "nowhere"}).status_code == 404


def test_an_empty_district_has_its_pages_too(db: None) -> None:
    from linli.places import index

    index.refresh()
    web = browser()
    for path in ("/", "/map", "/privacy", "/report", "/done", "/heat", "/data", "/alerts", "/feed/atom"):
        assert web.get(path).status_code == 200
