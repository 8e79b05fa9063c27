"""A backup made while files come and go, and restored: the heads of the audit are in it, its events are sent again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.kernel import s3
from tests.kernel.test_audit import sealed
from tests.kernel.test_relay import database_url, emit

from linli.commands import backup, restore
from linli.engines import archive
from linli.home import Home
from linli.kernel import clock, seals, storage
from linli.kernel.models import OutboxEvent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engines]
KEY = b"k" * 32


class Busy(archive.Writer):
    """Somebody deletes a file as soon as another was saved."""

    def __init__(self, path: Path, store: storage.Store, victim: str) -> None:
        super().__init__(path, KEY)
        self.store, self.victim = store, victim

    def add(self, name: str, data: bytes) -> None:
        super().add(name, data)
        if name.startswith("files/"):
            self.store.delete(self.victim)


def test_a_backup_of_a_busy_district_restores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed(2)
    emit(3)
    OutboxEvent.objects.update(sent_at=clock.now())
    with s3.serving() as (url, _), psycopg.connect(database_url(), autocommit=True) as db:
        for name, value in {"DATABASE": database_url(), "FILES": url, "HISTORY": ""}.items():
            monkeypatch.setenv(f"LINLI_{name}_URL", value)
        store = storage.open_store(url)
        for key in ("aa/1", "bb/2", "cc/3"):
            store.put(key, key.encode())
        facts = backup.save(Home.current(), Busy(tmp_path / "b", store, "bb/2"))
        assert facts["files"] == 2
        db.execute("drop database if exists restored")
        db.execute("create database restored")
        target = database_url().rpartition("/")[0] + "/restored"
        monkeypatch.setenv("LINLI_DATABASE_URL", target)
        monkeypatch.setenv("LINLI_FILES_URL", (tmp_path / "files").as_uri())
        home = Home(tmp_path / "new")
        try:
            restore.Restore(home, tmp_path / "b", KEY).run()
            _same(home, target, tmp_path)
        finally:
            db.execute("drop database restored with (force)")


def _same(home: Any, url: str, folder: Path) -> None:
    assert (home.path / "audit-heads.log").read_bytes() == seals.heads_log().read_bytes()
    assert (folder / "files" / "aa" / "1").read_bytes() == b"aa/1" and not (folder / "files" / "bb" / "2").exists()
    with psycopg.connect(url) as db:
        row = db.execute("select count(*), count(sent_at) from kernel_outbox").fetchone()
    assert row == (3, 0), "no stream of the new home has them"
