"""A resident reports at a unit: no account, no script, nothing typed is lost, once is once."""

from __future__ import annotations

import html
import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from altcha import v1 as altcha
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client, RequestFactory
from PIL import Image
from tests.portal.conftest import browser

from linli.cases.models import Case, Photo, Reporter
from linli.kernel.actor import SYSTEM
from linli.places.models import Unit
from linli.places.services.qr import rotate_qr
from linli.portal import limits
from linli.portal.models import Count, Submission

pytestmark = pytest.mark.django_db
NONCE = re.compile(r'name="nonce" value="([^"]+)"')
PHONE = "13912345678"


def form(page: str, **more: Any) -> dict[str, Any]:
    found = NONCE.search(page)
    assert found
    return {"nonce": found[1], "kind": "problem", "text": "三楼的灯不亮", "where": "unit", **more}


def send(web: Client, code: str, **more: Any) -> Any:
    return web.post(f"/q/{code}", form(web.get(f"/q/{code}").content.decode(), **more))


def photo(fmt: str = "JPEG", size: tuple[int, int] = (400, 300)) -> SimpleUploadedFile:
    out = io.BytesIO()
    picture = Image.new("RGB", size, "green")
    exif = picture.getexif()
    exif[0x8825] = {1: "N", 2: (31.0, 58.0, 0.0)}
    picture.save(out, fmt, exif=exif)
    return SimpleUploadedFile("x.jpg", out.getvalue(), "image/jpeg")


def test_the_whole_way(web: Client, code: str, unit: Unit) -> None:
    page = web.get(f"/q/{code}").content.decode()
    assert "幸福家园 1 号楼 1 单元" in page and "<script" not in page
    answer = web.post(f"/q/{code}", form(page, phone=PHONE, consent="1", photo=photo()))
    assert answer.status_code == 303
    assert answer["Location"].startswith("/t/") and "new=1" in answer["Location"]
    ticket = web.get(answer["Location"]).content.decode()
    case = Case.objects.get()
    assert case.number in ticket and "139****5678" in ticket and PHONE not in ticket
    assert (case.unit_id, case.area_path, case.channel, case.kind) == (unit.id, unit.area_path, "qr", "problem")
    assert Photo.objects.count() == 1
    assert "三楼的灯不亮" in ticket
    picture = re.search(r'src="(/t/[^"]+/photo/[^"]+)"', ticket)
    assert picture
    data = web.get(picture[1]).content
    assert data.startswith(b"\xff\xd8\xff") and b"Exif" not in data
    again = web.get(f"/q/{code}").content.decode()
    assert "我也遇到了" in again


def test_the_same_form_twice_is_one_report_with_one_link(web: Client, code: str) -> None:
    fields = form(web.get(f"/q/{code}").content.decode())
    first, second = web.post(f"/q/{code}", fields), web.post(f"/q/{code}", fields)
    assert first["Location"] == second["Location"]
    assert Case.objects.count() == 1
    row = Submission.objects.get()
    secret = first["Location"].split("/")[2].partition("?")[0]
    assert secret.encode() not in bytes(row.receipt) and fields["nonce"].encode() not in bytes(row.nonce_hash)


@pytest.mark.django_db(transaction=True)
def test_the_same_form_at_the_same_moment_is_one_report(town: Any, code: str) -> None:
    fields = form(browser().get(f"/q/{code}").content.decode())

    def post(_: int) -> str:
        try:
            return browser().post(f"/q/{code}", fields)["Location"]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(post, range(4)))
    assert len(found) == 1 and Case.objects.count() == 1


def test_needs_and_opinions_are_private(web: Client, code: str) -> None:
    for kind in ("need", "opinion"):
        assert send(web, code, kind=kind).status_code == 303
    assert set(Case.objects.values_list("private", flat=True)) == {True}
    assert "这里正在处理" not in web.get(f"/q/{code}").content.decode()
    assert "circle" not in web.get("/map").content.decode()


def test_without_a_code_the_place_is_told_in_words(web: Client, town: Any) -> None:
    page = web.get("/report").content.decode()
    assert web.post("/report", form(page, where="other")).status_code == 422
    answer = web.post("/report", form(page, where="other", address="鸣凤路菜市场门口"))
    assert answer.status_code == 303
    assert Case.objects.get().address == "鸣凤路菜市场门口"
    assert web.post("/report", form(web.get("/report").content.decode(), where="unit")).status_code == 422


def test_elsewhere_in_the_compound_keeps_the_place(web: Client, code: str) -> None:
    assert send(web, code, where="compound", address="东门岗亭").status_code == 303
    case = Case.objects.get()
    assert case.unit_id is None and case.address == "幸福家园 东门岗亭" and case.lon is not None


BAD: list[tuple[dict[str, Any], str]] = [
    ({"text": ""}, "f-text"), ({"text": "长" * 501}, "f-text"), ({"kind": "crime"}, "f-kind"),
    ({"where": "moon"}, "f-where"), ({"where": "other"}, "f-address"), ({"phone": "abc", "consent": "1"}, "f-phone"),
    ({"phone": PHONE}, "f-consent"), ({"consent": "1"}, "f-phone"), ({"website": "http://spam"}, "f-website"),
    ({"photo": SimpleUploadedFile("x.jpg", b"GIF89a....")}, "f-photo"),
    ({"photo": SimpleUploadedFile("x.jpg", b"\xff\xd8\xff\xe0 broken")}, "f-photo"),
    ({"photo": SimpleUploadedFile("x.svg", b"<svg onload=alert(1)>")}, "f-photo"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "field"), BAD)
def test_what_is_wrong_is_named_and_what_was_typed_stays(
    web: Client, code: str, wrong: dict[str, Any], field: str
) -> None:
    answer = send(web, code, **{"text": "楼道<b>很脏</b>", "address": "二楼拐角", **wrong} if field != "f-address"
                  else {"text": "楼道<b>很脏</b>", **wrong})  # fmt: skip
    page = answer.content.decode()
    assert answer.status_code == 422 and Case.objects.count() == 0
    assert f'href="#{field}"' in page and f'id="{field}"' in page
    if "text" not in wrong:
        assert "楼道&lt;b&gt;很脏&lt;/b&gt;" in page
    if wrong.get("phone"):
        assert wrong["phone"] in page
    assert NONCE.search(page)


@pytest.mark.parametrize("body", [b"", b"\x00\xff" * 50, b"nonce=x&kind=problem&text=%00%01&where=unit", b"--x\r\n"])
def test_nonsense_bodies_are_refused_calmly(web: Client, code: str, body: bytes) -> None:
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data",
                 "application/json"):  # fmt: skip
        answer = web.post(f"/q/{code}", body, content_type=kind)
        assert answer.status_code in (400, 413, 422), (kind, body)
        assert "<h1" in answer.content.decode()
    assert Case.objects.count() == 0


def test_a_huge_body_is_refused(web: Client, code: str) -> None:
    answer = web.post(f"/q/{code}", b"text=" + b"x" * (13 * 1024 * 1024),
                      content_type="application/x-www-form-urlencoded")  # fmt: skip
    assert answer.status_code == 413 and "<h1" in answer.content.decode()


def test_unknown_replaced_and_short_codes(web: Client, code: str, unit: Unit) -> None:
    assert web.get("/q/zzzzzzzzzzzzzzzzzzzz").status_code == 404
    assert web.get(f"/u/{unit.short_code}").status_code == 200
    typed = f" {unit.short_code[:3]} {unit.short_code[3:]} "
    assert web.get("/short", {"code": typed})["Location"] == f"/u/{unit.short_code}"
    wrong = unit.short_code[:-1] + str((int(unit.short_code[-1]) + 1) % 10)
    page = web.get("/short", {"code": wrong})
    assert page.status_code == 404 and wrong in page.content.decode()
    rotate_qr(actor=SYSTEM, unit_id=unit.id, reason="x")
    assert web.get(f"/q/{code}").status_code == 410


def test_fifty_honest_reports_of_one_address_pass_and_far_beyond_a_small_sum_is_asked(code: str) -> None:
    web = browser("10.9.9.9")
    for i in range(50):
        assert send(web, code, text=f"第 {i} 件").status_code == 303
    assert Case.objects.count() == 50
    Count.objects.filter(count=50).update(count=limits.FREE["report"])
    answer = send(web, code, text="第五十一件")
    page = answer.content.decode()
    assert answer.status_code == 429 and "第五十一件" in page and "work.js" in page
    assert Case.objects.count() == 50
    found = re.search(r'data-challenge="([^"]+)"', page)
    assert found
    task = json.loads(html.unescape(found[1]))
    number = next(n for n in range(limits.WORK + 1)
                  if altcha.hash_hex("SHA-256", f"{task['salt']}{n}".encode()) == task["challenge"])  # fmt: skip
    proof = altcha.Payload(task["algorithm"], task["challenge"], number, task["salt"], task["signature"]).to_base64()
    fields = form(page, text="第五十一件", altcha=proof)
    assert web.post(f"/q/{code}", fields).status_code == 303
    assert web.post(f"/q/{code}", fields).status_code == 303  # the same form again: no second sum, no second report
    assert send(web, code, text="x", altcha=proof).status_code == 429  # a sum serves once
    assert send(web, code, text="x", altcha="e30=").status_code == 429
    assert send(browser("10.9.9.8"), code).status_code == 303
    assert Case.objects.count() == 52


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:a:b:c:d", True),
        ("2001:db8::1", "2001:db8::2", True),  # written short: the first four groups are not there to be cut off
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:10.1.2.3", "10.1.2.3", True),
        ("::ffff:10.1.2.3", "::ffff:10.1.2.4", False),
    ],
)
def test_an_ipv6_64_is_one_address(one: str, other: str, same: bool) -> None:
    callers = {limits.caller(RequestFactory().get("/", REMOTE_ADDR=address)) for address in (one, other)}
    assert (len(callers) == 1) is same, callers


def test_beyond_the_most_an_address_is_told_to_wait(web: Client, code: str) -> None:
    web.get("/short", {"code": "000000"})
    Count.objects.update(count=limits.MOST["short"])
    answer = web.get("/short", {"code": "111111"})
    assert answer.status_code == 429 and int(answer["Retry-After"]) <= 3601


def test_counts_hold_no_address_in_clear(web: Client, code: str) -> None:
    send(web, code)
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(encode(key, 'escape'), '') FROM portal_count")
        assert "10.1.2.3" not in cursor.fetchone()[0]


def test_me_too_counts_once_a_day_for_an_address(web: Client, code: str, unit: Unit) -> None:
    send(web, code)
    case = Case.objects.get()
    for _ in range(3):
        assert web.post(f"/q/{code}/me-too", {"case": case.id}).status_code == 303
    browser("10.5.5.5").post(f"/q/{code}/me-too", {"case": case.id})
    case.refresh_from_db()
    assert case.me_too == 2
    for wrong in ("", "x", "01a209a0-2e96-71ec-b22c-4cc594e64681"):
        assert web.post(f"/q/{code}/me-too", {"case": wrong}).status_code == 404
    assert web.get(f"/q/{code}/me-too").status_code == 405


def test_another_sites_page_cannot_report(web: Client, code: str) -> None:
    fields = form(web.get(f"/q/{code}").content.decode())
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert web.post(f"/q/{code}", fields, headers=headers).status_code == 403
    assert Case.objects.count() == 0
    assert web.post(f"/q/{code}", fields, headers={"Origin": "http://testserver"}).status_code == 303


def test_a_phone_number_is_in_no_clear_column(web: Client, code: str) -> None:
    send(web, code, text=f"请打 {PHONE} 联系我", phone=PHONE, consent="1")
    assert Reporter.objects.filter(phone__blind=PHONE).count() == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            for (row,) in cursor.fetchall():
                assert PHONE not in row and PHONE.encode().hex() not in row, table


def test_addresses_and_logs_hold_nothing_personal(web: Client, code: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    page = web.get(f"/q/{code}").content.decode()
    assert 'method="post"' in page and 'method="get"' not in page.lower()
    answer = web.post(f"/q/{code}", form(page, phone=PHONE, consent="1"))
    assert PHONE not in answer["Location"]
    web.post(f"/q/{code}", form(page, phone=PHONE))
    assert PHONE not in caplog.text
