"""Pictures of cases. The bytes themselves: GET /files/{file_id}, which asks `services.photos.may_read`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import File, Form, Status
from ninja.files import UploadedFile

from linli.cases.api import router
from linli.cases.api.schemas import RedactIn, ReleaseIn
from linli.cases.models import Photo
from linli.cases.rules import moderation
from linli.cases.selectors import detail
from linli.cases.services import notes, photos, suggested
from linli.kernel import images
from linli.kernel.errors import TooLarge
from linli.kernel.http import actor_of


def _shown(row: Photo) -> dict[str, Any]:
    return {"id": row.id, "stage": row.stage, "file_id": row.file_id, "thumb_id": row.thumb_id, "width": row.width,
            "height": row.height, "size": row.size, "created_at": row.created_at,
            "released": row.released_at is not None, "original_id": row.original_file_id}  # fmt: skip


@router.get("/cases/{case_id}/photos", permission="cases.view", response=dict)
def list_photos(request: HttpRequest, case_id: UUID) -> dict[str, Any]:
    """All pictures of a case, in the order in which they came."""
    return {"items": detail.get(actor_of(request), case_id)["photos"]}


@router.post("/cases/{case_id}/photos", permission="cases.comment", response={201: dict})
def add_photo(
    request: HttpRequest, case_id: UUID, file: UploadedFile = File(...), stage: str = Form("before")
) -> Status:
    """Add a picture (multipart: `file`, `stage` = report, before, after). EXIF and position are dropped."""
    if (file.size or 0) > images.MAX_BYTES:
        raise TooLarge(f"a picture has at most {images.MAX_BYTES // 1024 // 1024} MB", field="photo")
    row = photos.add_photo(actor=actor_of(request), case_id=case_id, stage=stage, data=file.read())
    return Status(201, _shown(row))


@router.post("/cases/{case_id}/photos/{photo_id}/release", permission="cases.close", response=dict)
def release_photo(request: HttpRequest, case_id: UUID, photo_id: UUID, body: ReleaseIn) -> dict[str, Any]:
    """Let the public see a picture one has looked at, or no longer."""
    return _shown(
        photos.release_photo(actor=actor_of(request), case_id=case_id, photo_id=photo_id, release=body.release)
    )


@router.post("/cases/{case_id}/photos/{photo_id}/redact", permission="cases.close", response=dict)
def redact_photo(request: HttpRequest, case_id: UUID, photo_id: UUID, body: RedactIn) -> dict[str, Any]:
    """Cover rectangles of a picture for everybody; the original is sealed, and each look at it is logged."""
    boxes = [(b.x, b.y, b.w, b.h) for b in body.boxes]
    return _shown(photos.redact_photo(actor=actor_of(request), case_id=case_id, photo_id=photo_id, boxes=boxes))


@router.post("/cases/{case_id}/photos/{photo_id}/suggest", permission="cases.close", response=dict)
def suggest_boxes(request: HttpRequest, case_id: UUID, photo_id: UUID) -> dict[str, Any]:
    """Rectangles where a face or a number plate may be, for a person to look at; nothing is covered by this."""
    return {"items": suggested.suggest_boxes(actor=actor_of(request), case_id=case_id, photo_id=photo_id)}


@router.post("/cases/{case_id}/text/release", permission="cases.close", response=dict)
def release_text(request: HttpRequest, case_id: UUID, body: ReleaseIn) -> dict[str, Any]:
    """Let the public read the words of a report that hold numbers or plates (masked), or hold them back."""
    row = notes.release_text(actor=actor_of(request), case_id=case_id, release=body.release)
    return {"released": moderation.HELD not in row.flags}
