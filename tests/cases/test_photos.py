"""Pictures: what is kept is new; what is no picture is refused; who may see which."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from tests.cases.conftest import IN_NORTH, NORTH, SOUTH, Desk, jpeg
from tests.cases.plates import overlap, street
from tests.cases.test_flow import CASES, act, post, report

from linli.cases import facade
from linli.cases.models import Photo
from linli.cases.services import suggested
from linli.kernel import images
from linli.kernel.actor import PUBLIC
from linli.kernel.models import AuditRow, StoredFile

pytestmark = pytest.mark.django_db


def send(client: Any, case_id: str, data: bytes, stage: str = "before", name: str = "a.jpg") -> Any:
    file = SimpleUploadedFile(name, data, content_type="image/jpeg")
    return client.post(f"{CASES}/{case_id}/photos", {"file": file, "stage": stage})


def with_exif() -> bytes:
    picture, exif = Image.new("RGB", (3000, 1000), "olive"), Image.Exif()
    exif[0x010F], exif[0x0112] = "SecretCamera", 6
    exif.get_ifd(0x8825).update({1: "N", 2: (31.0, 59.0, 24.0), 3: "E", 4: (117.0, 15.0, 0.0)})
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif, comment=b"SecretComment")
    return out.getvalue()


def test_exif_position_and_comments_are_dropped_and_the_picture_is_upright(desk: Desk) -> None:
    case_id, client = report(desk)["id"], desk.client("intake")
    made = send(client, case_id, with_exif()).json()
    assert (made["width"], made["height"]) == (533, 1600)  # turned as EXIF says, then made smaller
    for file_id in (made["file_id"], made["thumb_id"]):
        answer = client.get(f"/api/v1/files/{file_id}")
        assert answer["Content-Type"] == "image/jpeg" and answer["Content-Security-Policy"]
        assert b"Secret" not in answer.content and b"Exif" not in answer.content
        picture = Image.open(io.BytesIO(answer.content))
        assert not picture.getexif() and "comment" not in picture.info
    assert client.get(f"{CASES}/{case_id}").json()["photos"][0]["stage"] == "before"


def test_a_polyglot_loses_its_other_half(desk: Desk) -> None:
    evil = jpeg() + b"PK\x03\x04<script>alert(1)</script><?php system('x') ?>"
    case_id, client = report(desk)["id"], desk.client("intake")
    made = send(client, case_id, evil).json()
    content = client.get(f"/api/v1/files/{made['file_id']}").content
    assert b"script" not in content and b"php" not in content


def bomb() -> bytes:
    """A PNG of 60,000 × 60,000 pixels in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", 422),
        (b"GIF89a" + b"\0" * 50, 422),
        (b"<html>", 422),
        (b"", 422),
        (jpeg()[:200], 422),
        (b"\xff\xd8\xff" + b"\0" * 500, 422),
        (bomb(), 422),
        (jpeg() + b"\0" * images.MAX_BYTES, 413),
    ],
    ids=["svg", "gif", "html", "empty", "cut", "junk", "bomb", "huge"],
)  # fmt: skip
def test_what_is_no_good_picture_is_refused(desk: Desk, data: bytes, status: int) -> None:
    case_id = report(desk)["id"]
    answer = send(desk.client("intake"), case_id, data)
    assert answer.status_code == status, answer.content
    told = answer.json()["errors"]
    assert [e["field"] for e in told] == ["photo"] and all(e["reason"] for e in told), told
    assert desk.client("intake").get(f"{CASES}/{case_id}/photos").json()["items"] == []


def test_the_same_picture_is_kept_once(desk: Desk) -> None:
    case_id, client = report(desk)["id"], desk.client("intake")
    assert send(client, case_id, jpeg()).json()["id"] == send(client, case_id, jpeg()).json()["id"]


def test_a_picture_is_seen_with_its_case_and_by_all_only_after_release(desk: Desk) -> None:
    case_id = report(desk)["id"]
    file_id, photo_id = (lambda r: (r["file_id"], r["id"]))(send(desk.client("intake"), case_id, jpeg()).json())
    path, nobody = f"/api/v1/files/{file_id}", Client()
    assert desk.client("dispatcher", NORTH).get(path).status_code == 200
    assert desk.client("dispatcher", SOUTH).get(path).status_code == 404
    assert nobody.get(path).status_code == 404
    release = f"{CASES}/{case_id}/photos/{photo_id}/release"
    assert post(desk.client("intake"), release, {"release": True}).status_code == 403
    assert post(desk.client("duty_lead"), release, {"release": True}).json()["released"] is True
    assert nobody.get(path).status_code == 200
    assert post(desk.client("duty_lead"), release, {"release": False}).status_code == 200
    assert nobody.get(path).status_code == 404


def test_a_private_cases_picture_is_never_released(desk: Desk) -> None:
    case_id = report(desk, kind="need", class_code="909001")["id"]
    photo = send(desk.client("intake"), case_id, jpeg()).json()
    release = f"{CASES}/{case_id}/photos/{photo['id']}/release"
    assert post(desk.client("duty_lead"), release, {"release": True}).status_code == 409


def test_an_ended_case_takes_no_more_pictures(desk: Desk) -> None:
    case_id = report(desk)["id"]
    assert act(desk.client("intake"), case_id, "reject", reason="重复").status_code == 200
    assert send(desk.client("intake"), case_id, jpeg()).status_code == 409


def test_covered_parts_are_gone_for_everybody_and_the_original_is_sealed_with_a_log(desk: Desk) -> None:
    receipt = facade.report_signal(
        actor=PUBLIC, channel="qr", text="墙", lon=IN_NORTH[0], lat=IN_NORTH[1], photos=[jpeg((400, 300), "white")]
    )  # fmt: skip
    row = Photo.objects.get(case_id=receipt.case_id)
    before, lead = row.file_id, desk.client("duty_lead")
    path = f"/api/v1/cases/{receipt.case_id}/photos/{row.id}"
    assert lead.post(f"{path}/release", {"release": True}, content_type="application/json").status_code == 200
    assert Client().get(f"/api/v1/files/{before}").status_code == 200
    for boxes in ([{"x": 0, "y": 0, "w": 0.5, "h": 1}], [{"x": 0.5, "y": 0, "w": 0.5, "h": 1}]):
        answer = lead.post(f"{path}/redact", {"boxes": boxes}, content_type="application/json")
        assert answer.status_code == 200, answer.content
    row.refresh_from_db()
    assert row.original_file_id == before and StoredFile.objects.filter(owner_ref=str(row.id)).count() == 3
    shown = Image.open(io.BytesIO(Client().get(f"/api/v1/files/{row.file_id}").content)).convert("L")
    assert (shown.getpixel((50, 150)), shown.getpixel((350, 150))) == (255, 0), "the second time replaces the first"
    assert Client().get(f"/api/v1/files/{before}").status_code == 404
    assert desk.client("intake").get(f"/api/v1/files/{before}").status_code == 404
    assert lead.get(f"/api/v1/files/{before}").status_code == 200
    assert AuditRow.objects.filter(action="case.read_original").count() == 1
    for wrong in ([], [{"x": 0.9, "y": 0, "w": 0.5, "h": 0.1}], [{"x": 0, "y": 0, "w": 0, "h": 1}]):
        answer = lead.post(f"{path}/redact", {"boxes": wrong}, content_type="application/json")
        assert answer.status_code == 422


def test_a_plate_is_suggested_once_and_covers_nothing_until_a_person_says_so(desk: Desk) -> None:
    data, box = street(3, "blue")
    case_id = report(desk)["id"]
    photo, lead = send(desk.client("intake"), case_id, data).json(), desk.client("duty_lead")
    path = f"{CASES}/{case_id}/photos/{photo['id']}/suggest"
    assert post(desk.client("intake"), path, {}).status_code == 403
    found = post(lead, path, {}).json()["items"]
    (plate,) = [one for one in found if one["kind"] == "plate"]
    assert box and overlap((plate["x"], plate["y"], plate["w"], plate["h"]), box) > 0.4
    assert set(plate) == {"kind", "score", "x", "y", "w", "h"} and 0 < plate["score"] <= 1
    assert post(lead, path, {}).json()["items"] == found
    row = Photo.objects.get(pk=photo["id"])
    assert row.suggested == found and row.original_file_id is None and str(row.file_id) == photo["file_id"]
    assert AuditRow.objects.filter(action="case.suggest_boxes").count() == 1, "looked for once"
    assert "cv2" not in sys.modules


def test_plates_are_found_as_often_as_the_decision_says() -> None:
    hits, wrong = 0, 0
    for seed in range(100, 106):
        data, box = street(seed, ("blue", "green", None)[seed % 3])
        plates = [(f["x"], f["y"], f["w"], f["h"]) for f in suggested.run_child(data) if f["kind"] == "plate"]
        right = [one for one in plates if box and overlap(one, box) > 0.4]
        hits, wrong = hits + bool(right), wrong + len(plates) - len(right)
    assert hits >= 3 and wrong <= 2, (hits, wrong)
