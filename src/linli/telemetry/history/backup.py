"""Backup and restore of the embedded store. A ClickHouse server has its own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from linli.telemetry.history.store import DATABASE, Store

_NAME = re.compile(r"[A-Za-z0-9._-]{1,80}")


def make(store: Store, client: Any, name: str) -> tuple[Path, int]:
    """A consistent copy in `<folder>/backup/<name>`, and its raw rows. Runs in the writer's thread: the stream keeps
    what arrives meanwhile."""
    if not store.embedded or store.folder is None:
        raise ValueError("a ClickHouse server is backed up by its own means")
    if not _NAME.fullmatch(name) or name.startswith("."):
        raise ValueError("name may hold letters, digits, dot, dash and underscore")
    target = store.folder.absolute() / "backup" / name
    if target.exists():
        shutil.rmtree(target)
    client.command(f"BACKUP DATABASE {DATABASE} TO File('{target}')")
    shutil.copy2(store.folder / "journal", target / "journal")
    return target, int(client.query("SELECT count() FROM raw").result_rows[0][0])


def restore(folder: Path, saved: Path) -> int:
    """Fill the empty store at `folder` from a backup's folder; history must not be running. Returns the raw rows."""
    if (folder / "store").exists():
        raise ValueError(f"{folder / 'store'} exists: restore only into an empty store")
    store = Store(folder)
    inside = folder.absolute() / "backup" / f"restoring-{saved.name}"
    shutil.copytree(saved, inside)
    try:
        client = store.client()
        client.command(f"DROP DATABASE IF EXISTS {DATABASE}")
        client.command(f"RESTORE DATABASE {DATABASE} FROM File('{inside}')")
        client.database = DATABASE
        if (inside / "journal").exists():
            shutil.copy2(inside / "journal", folder / "journal")
        rows = int(client.query("SELECT count() FROM raw").result_rows[0][0])
        client.close()
    finally:
        shutil.rmtree(inside, ignore_errors=True)
    return rows
