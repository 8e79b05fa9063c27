"""Files: kept whole, named by nothing one could guess, served only through their owner's check."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.test import Client

from linli.kernel import clock, files, storage
from linli.kernel.actor import PUBLIC, SYSTEM
from linli.kernel.errors import NotFound
from linli.kernel.models import StoredFile


@pytest.fixture(params=["folder", "object"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> storage.Store:
    if request.param == "folder":
        return storage.open_store((tmp_path / "files").as_uri())
    from obstore.store import MemoryStore

    return storage.ObjectStore(MemoryStore())


def test_put_get_delete(store: storage.Store) -> None:
    key = storage.new_key(".jpg")
    kept = store.put(key, b"abc")
    assert (kept.sha256, kept.size) == (hashlib.sha256(b"abc").hexdigest(), 3)
    assert store.get(key) == b"abc" and list(store.keys()) == [key]
    store.delete(key)
    store.delete(key)
    with pytest.raises(storage.Missing):
        store.get(key)
    for bad in ("../x", "/etc/passwd", "a//b", "a/../b", "", "a\0b", "..\\x"):
        with pytest.raises(ValueError):
            store.put(bad, b"")


def test_keys_are_not_guessable() -> None:
    keys = {storage.new_key() for _ in range(1000)}
    assert len(keys) == 1000 and all(len(k) == 41 for k in keys)


def test_an_s3_address_opens() -> None:
    opened = storage.open_store(
        "s3://bucket/pre?endpoint=http://127.0.0.1:9000&region=x&access_key_id=a&secret_access_key=b"
    )
    assert isinstance(opened, storage.ObjectStore)
    with pytest.raises(ValueError):
        storage.open_store("ftp://x/y")


@pytest.mark.django_db
def test_a_file_is_served_only_if_its_owner_says_yes() -> None:
    files.owner("test_open", lambda actor, ref, file: ref == "yes")
    seen, hidden = (
        files.keep(b"\x89PNG", content_type="image/png", owner_kind="test_open", owner_ref=ref) for ref in ("yes", "no")
    )
    client = Client()
    answer = client.get(f"/api/v1/files/{seen.id}")
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, b"\x89PNG", "image/png")
    assert "sandbox" in answer["Content-Security-Policy"] and answer["Cache-Control"].startswith("private")
    assert client.get(f"/api/v1/files/{seen.id}", headers={"If-None-Match": answer["ETag"]}).status_code == 304
    refused, guessed = client.get(f"/api/v1/files/{hidden.id}"), client.get(f"/api/v1/files/{uuid4()}")
    assert (refused.status_code, refused.json()) == (404, guessed.json())
    with pytest.raises(NotFound):
        files.read(PUBLIC, hidden.id)
    with pytest.raises(TypeError):
        files.keep(b"", content_type="x/y", owner_kind="nobody", owner_ref="1")


@pytest.mark.django_db(transaction=True)
def test_a_file_is_gone_after_its_time() -> None:
    files.owner("test_open", lambda actor, ref, file: True)
    day = clock.now() + timedelta(days=1)
    row = files.keep(b"x", content_type="image/png", owner_kind="test_open", owner_ref="1", expires_at=day)
    assert files.purge_expired() == 0
    StoredFile.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    assert files.purge_expired() == 1
    with pytest.raises(NotFound):
        files.read(SYSTEM, row.id)
    with pytest.raises(storage.Missing):
        storage.store().get(row.key)
