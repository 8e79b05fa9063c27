"""Pictures of cases: made anew by `kernel.images`, kept with a thumbnail, public only after a person released them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from uuid import UUID

from PIL import Image

from linli.cases.models import Case, Photo
from linli.cases.selectors import visible
from linli.cases.services import common
from linli.kernel import clock, files, ids, images, services, storage
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Invalid, NotFound
from linli.kernel.models import StoredFile

OWNER = "case_photo"
MAX_PER_CASE = 40
STAGES = ("report", "before", "after")
MAX_BOXES = 40
Box = tuple[float, float, float, float]  # left, top, width, height as parts of the picture's sides


def keep(*, case: Case, actor: Actor, stage: str, picture: images.Prepared, photo_id: UUID | None = None) -> Photo:
    """Store a prepared picture for a case, in the caller's transaction."""
    row = Photo(id=photo_id or ids.new_id(), case=case, stage=stage, width=picture.width, height=picture.height,
                size=len(picture.image), sha256=hashlib.sha256(picture.image).hexdigest(), by_kind=actor.kind,
                by_id=actor.account_id)  # fmt: skip
    image = files.keep(picture.image, content_type="image/jpeg", owner_kind=OWNER, owner_ref=row.id, suffix=".jpg")
    thumb = files.keep(picture.thumb, content_type="image/jpeg", owner_kind=OWNER, owner_ref=row.id, suffix=".jpg")
    row.file_id, row.thumb_id = image.id, thumb.id
    row.save(force_insert=True)
    return row


def copy(*, case: Case, actor: Actor, photo_id: UUID, stage: str, file_ids: tuple[UUID, UUID]) -> Photo | None:
    """Keep a picture that another room has already made anew, once; in the caller's transaction."""
    if stage not in STAGES or Photo.objects.filter(pk=photo_id).exists():
        return None
    image, thumb = (storage.store().get(files.find(i).key) for i in file_ids)
    picture = images.Prepared(image, thumb, *Image.open(io.BytesIO(image)).size)
    return keep(case=case, actor=actor, stage=stage, picture=picture, photo_id=photo_id)


def add_photo(*, actor: Actor, case_id: UUID, stage: str, data: bytes) -> Photo:
    """Add one picture to a case one sees: report, before or after."""
    if stage not in STAGES:
        raise Invalid("stage", f"must be one of {', '.join(STAGES)}")
    picture = images.prepare(data)
    with services.unit(actor):
        case = visible.get(actor, case_id, lock=True)
        if case.source != "linli" or case.closed_at is not None:
            raise Conflict("a case that has ended takes no more pictures")
        digest = hashlib.sha256(picture.image).hexdigest()
        held = Photo.objects.filter(case=case)
        if (same := held.filter(sha256=digest, stage=stage).first()) is not None:
            return same
        if held.count() >= MAX_PER_CASE:
            raise Invalid("photo", f"a case has at most {MAX_PER_CASE} pictures")
        row = keep(case=case, actor=actor, stage=stage, picture=picture)
        at = clock.now()
        common.entry(case=case, actor=actor, act="photo", at=at, detail={"photo_id": str(row.id), "stage": stage})
        common.record(case=case, actor=actor, act="photo", detail={"stage": stage, "photo": str(row.id)})
        common.tell(case=case, actor=actor, type="case.changed", act="photo")
    return row


def release_photo(*, actor: Actor, case_id: UUID, photo_id: UUID, release: bool) -> Photo:
    """Let the public see a picture, or no longer: always the act of a person who has looked at it."""
    with services.unit(actor):
        case = visible.get(actor, case_id, lock=True)
        actor.require("cases.close", case.area_path)
        row = Photo.objects.filter(case=case, pk=photo_id).first()
        if row is None:
            raise NotFound()
        if release and case.private:
            raise Conflict("pictures of a private case are not released")
        at = clock.now()
        row.released_by, row.released_at = (actor.account_id, at) if release else (None, None)
        row.save(update_fields=["released_by", "released_at"])
        act = "release_photo" if release else "withdraw_photo"
        common.entry(case=case, actor=actor, act=act, at=at, detail={"photo_id": str(row.id)})
        common.record(case=case, actor=actor, act=act, detail={"photo": str(row.id)})
        common.tell(case=case, actor=actor, type="case.changed", act=act)
    return row


def redact_photo(*, actor: Actor, case_id: UUID, photo_id: UUID, boxes: Sequence[Box]) -> Photo:
    """Cover parts of a picture for everybody: what is shown from now on is a copy, the original is sealed.

    Always from the original, so that a second time replaces the first.
    """
    _check_boxes(boxes)
    with services.unit(actor):
        case = visible.get(actor, case_id, lock=True)
        actor.require("cases.close", case.area_path)
        row = Photo.objects.select_for_update().filter(case=case, pk=photo_id).first()
        if row is None:
            raise NotFound()
        sealed = row.original_file_id or row.file_id
        picture = images.covered(storage.store().get(files.find(sealed).key), boxes)
        for old in {row.file_id, row.thumb_id} - {sealed}:
            files.drop(old)
        image = files.keep(picture.image, content_type="image/jpeg", owner_kind=OWNER, owner_ref=row.id, suffix=".jpg")
        thumb = files.keep(picture.thumb, content_type="image/jpeg", owner_kind=OWNER, owner_ref=row.id, suffix=".jpg")
        row.file_id, row.thumb_id, row.original_file_id, row.size = image.id, thumb.id, sealed, len(picture.image)
        row.save(update_fields=["file_id", "thumb_id", "original_file_id", "size"])
        detail = {"photo_id": str(row.id), "boxes": len(boxes)}
        common.entry(case=case, actor=actor, act="redact_photo", at=clock.now(), detail=detail)
        common.record(case=case, actor=actor, act="redact_photo", detail=detail)
        common.tell(case=case, actor=actor, type="case.changed", act="redact_photo")
    return row


def _check_boxes(boxes: Sequence[Box]) -> None:
    if not 1 <= len(boxes) <= MAX_BOXES:
        raise Invalid("boxes", f"1 to {MAX_BOXES} rectangles")
    for left, top, width, height in boxes:
        inside = 0 <= left < 1 and 0 <= top < 1 and left + width <= 1.0001 and top + height <= 1.0001
        if not inside or width <= 0 or height <= 0:
            raise Invalid("boxes", "parts of the picture's sides, from 0 to 1")


def may_read(actor: Actor, ref: str, file: StoredFile) -> bool:
    """The owner's check behind GET /files/{id}: whoever sees the case; anybody once it was released and is public."""
    row = Photo.objects.select_related("case").defer("case__tokens").filter(pk=ref).first()
    if row is None:
        return False
    if file.id == row.original_file_id:
        return _may_unseal(actor, row)
    if row.released_at is not None and not row.case.private:
        return True
    return visible.sees(actor, row.case)


def _may_unseal(actor: Actor, row: Photo) -> bool:
    """The sealed original: only for whoever may close the case, and each look is written down."""
    case: Case = row.case
    if actor.kind != "account" or not actor.can("cases.close", case.area_path) or not visible.sees(actor, case):
        return False
    with services.unit(actor):
        common.record(case=case, actor=actor, act="read_original", detail={"photo": str(row.id)})
    return True


files.owner(OWNER, may_read)
