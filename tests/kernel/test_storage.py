"""Files: kept whole, named by nothing one could guess, served only through their owner's check."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client
from tests.kernel import s3

from linli.kernel import clock, files, jobs, storage, upkeep
from linli.kernel.actor import PUBLIC, SYSTEM
from linli.kernel.errors import NotFound
from linli.kernel.models import StoredFile


@dataclass
class Place:
    """Where a store is, and how to make what is in it older."""

    url: str
    age: Callable[[str, timedelta], None]


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "folder":
        folder = tmp_path / "files"

        def touch(key: str, by: timedelta) -> None:
            at = time.time() - by.total_seconds()
            os.utime(folder / key, (at, at))

        yield Place(folder.as_uri(), touch)
        return
    with s3.serving() as (url, objects):

        def redate(key: str, by: timedelta) -> None:
            data, at = objects[f"pre/{key}"]
            objects[f"pre/{key}"] = data, at - by

        yield Place(url, redate)


@pytest.fixture
def store(place: Place) -> storage.Store:
    return storage.open_store(place.url)


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


def test_a_listing_tells_how_old_each_is(store: storage.Store, place: Place) -> None:
    old, young = storage.new_key(), storage.new_key()
    for key in (old, young):
        store.put(key, b"abc")
    place.age(old, timedelta(hours=30))
    ages = {key: clock.now() - at for key, at in store.listed()}
    assert timedelta(hours=29) < ages[old] < timedelta(hours=31) and ages[young] < timedelta(minutes=5)


@pytest.mark.django_db(transaction=True)
def test_what_no_row_names_is_swept_after_a_day(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINLI_FILES_URL", place.url)
    files.owner("test_open", lambda actor, ref, file: True)
    named = files.keep(b"named", content_type="image/png", owner_kind="test_open", owner_ref="1").key
    with pytest.raises(RuntimeError), transaction.atomic():
        orphan = files.keep(b"orphan", content_type="image/png", owner_kind="test_open", owner_ref="2").key
        raise RuntimeError
    store = storage.store()
    young = storage.new_key()
    store.put(young, b"its row may be on the way")
    store.put("reports/2026.txt", b"not ours")
    for key in (named, orphan, "reports/2026.txt"):
        place.age(key, timedelta(hours=25))
    assert "kernel.orphans" in jobs.TASKS
    upkeep.orphans()
    assert set(store.keys()) == {named, young, "reports/2026.txt"}


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
