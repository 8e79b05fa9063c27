"""The store of files: a folder, or S3 by URL (`s3://bucket/prefix?endpoint=…`). Keys cannot be guessed.

The store is not a way to a file for people: they get one through `files.read`, which asks the file's owner.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from linli.home import Home


class Missing(Exception):
    """There is no file of that key."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What `put` tells: the key, the SHA-256 of the bytes, and their number."""

    key: str
    sha256: str
    size: int


class Store(Protocol):
    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> Kept: ...
    def get(self, key: str) -> bytes: ...
    def delete(self, key: str) -> None: ...
    def url(self, key: str) -> str: ...
    def listed(self) -> Iterator[tuple[str, datetime]]: ...
    def keys(self) -> Iterator[str]: ...


OURS = re.compile(r"[0-9a-f]{2}/[0-9a-f]{38}(?:\.\w+)?")


def new_key(suffix: str = "") -> str:
    """A fresh key of 160 random bits, spread over 256 folders."""
    name = secrets.token_hex(20)
    return f"{name[:2]}/{name[2:]}{suffix}"


def _checked(key: str) -> str:
    parts = key.split("/")
    if not key or key.startswith("/") or any(p in ("", ".", "..") for p in parts) or "\0" in key or "\\" in key:
        raise ValueError("not a key of the store")
    return key


class FolderStore:
    """Files under a folder. `put` returns when the bytes and the name are on the disk; a name is never half written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> Kept:
        path = self.root / _checked(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(fd, "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return Kept(key, hashlib.sha256(data).hexdigest(), len(data))

    def get(self, key: str) -> bytes:
        try:
            return (self.root / _checked(key)).read_bytes()
        except (FileNotFoundError, IsADirectoryError) as error:
            raise Missing(key) from error

    def delete(self, key: str) -> None:
        (self.root / _checked(key)).unlink(missing_ok=True)

    def url(self, key: str) -> str:
        return (self.root / _checked(key)).as_uri()

    def listed(self) -> Iterator[tuple[str, datetime]]:
        """Every key with the time of its last writing."""
        for path in sorted(self.root.glob("**/*")):
            try:
                info = path.stat()
            except FileNotFoundError:  # deleted meanwhile
                continue
            if stat.S_ISREG(info.st_mode) and not path.name.startswith("."):
                yield path.relative_to(self.root).as_posix(), datetime.fromtimestamp(info.st_mtime, UTC)

    def keys(self) -> Iterator[str]:
        yield from (key for key, _ in self.listed())


class ObjectStore:
    """Files in an S3-compatible store (or any that `obstore` opens)."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> Kept:
        import obstore

        obstore.put(self.store, _checked(key), data, attributes={"Content-Type": content_type})
        return Kept(key, hashlib.sha256(data).hexdigest(), len(data))

    def get(self, key: str) -> bytes:
        import obstore

        try:
            return bytes(obstore.get(self.store, _checked(key)).bytes())
        except FileNotFoundError as error:
            raise Missing(key) from error

    def delete(self, key: str) -> None:
        import obstore

        try:
            obstore.delete(self.store, _checked(key))
        except FileNotFoundError:
            return

    def url(self, key: str) -> str:
        return f"store:{_checked(key)}"

    def listed(self) -> Iterator[tuple[str, datetime]]:
        """Every key with the time of its last writing."""
        import obstore

        for batch in obstore.list(self.store):
            yield from ((str(meta["path"]), meta["last_modified"]) for meta in batch)

    def keys(self) -> Iterator[str]:
        yield from (key for key, _ in self.listed())


def open_store(url: str) -> Store:
    """A store by URL: `file:///folder` or `s3://bucket/prefix?endpoint=http://host:port&region=…`."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return FolderStore(Path(unquote(parts.path)))
    if parts.scheme == "s3":
        from obstore.store import S3Store

        options: Any = dict(parse_qsl(parts.query))
        if endpoint := options.get("endpoint"):
            options["allow_http"] = str(endpoint.startswith("http://")).lower()
        allowed = options.pop("allow_http", "false") == "true"
        return ObjectStore(
            S3Store(parts.netloc, prefix=parts.path.strip("/") or None, client_options={"allow_http": allowed},
                    config=options)
        )  # fmt: skip
    raise ValueError(f"files cannot be kept at a {parts.scheme}:// address")


@lru_cache(maxsize=4)
def _opened(url: str) -> Store:
    return open_store(url)


def store() -> Store:
    """The district's store: LINLI_FILES_URL, else the folder `files` of its home."""
    return _opened(os.environ.get("LINLI_FILES_URL") or Home.current().files.as_uri())
