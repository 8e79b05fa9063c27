"""Files with an owner: kept in the store, listed in the database, served only when the owner's check says yes.

files.owner("case_photo", lambda actor, ref, file: selectors.may_see(actor, ref))
row = files.keep(data, content_type="image/jpeg", owner_kind="case_photo", owner_ref=photo.id)
GET /api/v1/files/{file_id}
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from linli.kernel import clock, storage
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound
from linli.kernel.models import StoredFile

Check = Callable[[Actor, str, StoredFile], bool]
OWNERS: dict[str, Check] = {}
ORPHAN_AGE = timedelta(days=1)


def owner(kind: str, check: Check) -> None:
    """Register who may read files of `kind`; `check(actor, owner_ref, file)` is asked for every reading."""
    OWNERS[kind] = check


def keep(
    data: bytes, *, content_type: str, owner_kind: str, owner_ref: UUID | str, expires_at: datetime | None = None,
    suffix: str = "",
) -> StoredFile:  # fmt: skip
    """Store bytes and list them in the transaction in progress. A rolled-back one leaves an orphan for the sweep."""
    if owner_kind not in OWNERS:
        raise TypeError(f"nobody checks files of {owner_kind}: call files.owner first")
    kept = storage.store().put(storage.new_key(suffix), data, content_type)
    return StoredFile.objects.create(
        key=kept.key, sha256=kept.sha256, size=kept.size, content_type=content_type, owner_kind=owner_kind,
        owner_ref=str(owner_ref), expires_at=expires_at,
    )  # fmt: skip


def find(file_id: UUID) -> StoredFile:
    try:
        return StoredFile.objects.get(pk=file_id)
    except StoredFile.DoesNotExist:
        raise NotFound() from None


def readable(actor: Actor, file_id: UUID) -> StoredFile:
    """The file's row if `actor` may read it; NotFound otherwise, as for a guessed id."""
    row = find(file_id)
    check = OWNERS.get(row.owner_kind)
    if check is None or not check(actor, row.owner_ref, row):
        raise NotFound()
    return row


def read(actor: Actor, file_id: UUID) -> tuple[StoredFile, bytes]:
    row = readable(actor, file_id)
    return row, content(row)


def content(row: StoredFile) -> bytes:
    """The bytes of a file that was found readable: its owner is asked once for a reading, and may write that down."""
    try:
        return storage.store().get(row.key)
    except storage.Missing:
        raise NotFound() from None


def drop(file_id: UUID) -> None:
    """Delete the row now and the bytes when the transaction commits."""
    from django.db import transaction

    row = StoredFile.objects.filter(pk=file_id).first()
    if row is not None:
        key = row.key
        row.delete()
        transaction.on_commit(lambda: storage.store().delete(key))


def purge_expired() -> int:
    """Delete files whose time is over."""
    ids = list(StoredFile.objects.filter(expires_at__lt=clock.now()).values_list("pk", flat=True)[:5000])
    for file_id in ids:
        drop(file_id)
    return len(ids)


def sweep_orphans(batch: int = 1000) -> int:
    """Delete stored bytes that no row names: what a rolled-back `keep` left, or a `drop` cut short after its commit.

    Younger ones stay: their row may be in a transaction that has not ended. So do keys that we would not have made:
    a bucket may be shared.
    """
    kept, count = storage.store(), 0
    limit = clock.now() - ORPHAN_AGE
    old = (key for key, at in kept.listed() if at < limit and storage.OURS.fullmatch(key))
    while keys := list(islice(old, batch)):
        named = set(StoredFile.objects.filter(key__in=keys).values_list("key", flat=True))
        for key in keys:
            if key not in named:
                kept.delete(key)
                count += 1
    return count
