"""The form of a backup: one file, a tar stream in AES-256-GCM chunks, with a manifest of checksums as its last member.

A chunk's place and whether it is the last are authenticated, so a file that was cut, reordered or changed does not
open. Nothing is written unencrypted on the way.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"LINLI-BACKUP-1\n"
CHUNK = 1024 * 1024
PART = 8 * CHUNK  # members of unknown length are cut into parts of this size
MANIFEST = "manifest.json"


class BadArchive(Exception):
    """The file is not a backup, was damaged, or the key is another one."""


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=MAGIC).derive(key))


def key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"linli backup key id" + key).digest()[:8]


class Sealed(io.RawIOBase):
    """Write side: encrypts what it is given."""

    def __init__(self, out: BinaryIO, key: bytes) -> None:
        salt = os.urandom(32)
        self._out, self._cipher = out, _cipher(key, salt)
        self._head = MAGIC + key_id(key) + salt
        self._buffer, self._count = bytearray(), 0
        out.write(self._head)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._buffer += data
        while len(self._buffer) > CHUNK:
            self._chunk(bytes(self._buffer[:CHUNK]), last=False)
            del self._buffer[:CHUNK]
        return len(data)

    def _chunk(self, data: bytes, last: bool) -> None:
        nonce = struct.pack("!IQ", 0, self._count)
        sealed = self._cipher.encrypt(nonce, data, self._head + bytes([last]))
        self._out.write(struct.pack("!IB", len(sealed), last) + sealed)
        self._count += 1

    def finish(self) -> None:
        self._chunk(bytes(self._buffer), last=True)
        self._buffer.clear()
        self._out.flush()
        os.fsync(self._out.fileno())


class Opened(io.RawIOBase):
    """Read side: decrypts and refuses what was changed."""

    def __init__(self, source: BinaryIO, key: bytes) -> None:
        head = source.read(len(MAGIC) + 40)
        if len(head) < len(MAGIC) + 40 or not head.startswith(MAGIC):
            raise BadArchive("this file is not a backup of Linli")
        if head[len(MAGIC) : len(MAGIC) + 8] != key_id(key):
            raise BadArchive("the backup was made with another key")
        self._source, self._head, self._cipher = source, head, _cipher(key, head[-32:])
        self._buffer, self._count, self._last = b"", 0, False

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._buffer and not self._last:
            self._next()
        taken = self._buffer[: len(target)]
        target[: len(taken)] = taken
        self._buffer = self._buffer[len(taken) :]
        return len(taken)

    def _next(self) -> None:
        frame = self._source.read(5)
        if len(frame) < 5:
            raise BadArchive("the backup is cut short")
        size, last = struct.unpack("!IB", frame)
        nonce = struct.pack("!IQ", 0, self._count)
        try:
            self._buffer = self._cipher.decrypt(nonce, self._source.read(size), self._head + bytes([last]))
        except (InvalidTag, ValueError) as error:
            raise BadArchive("the backup is damaged") from error
        self._count, self._last = self._count + 1, bool(last)


class Writer:
    """Adds members to a backup and keeps their checksums."""

    def __init__(self, path: Path, key: bytes) -> None:
        self.path, self.draft = path, path.with_name(f".{path.name}.part")
        self._file = open(self.draft, "wb", opener=lambda name, flags: os.open(name, flags, 0o600))  # noqa: SIM115
        self._sealed = Sealed(self._file, key)
        self._tar = tarfile.open(fileobj=self._sealed, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self.entries: dict[str, dict[str, Any]] = {}

    def add(self, name: str, data: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(data), 0o600
        self._tar.addfile(info, io.BytesIO(data))
        self.entries[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    def add_stream(self, name: str, source: BinaryIO) -> int:
        """Add a stream as `name/000000`, `name/000001`, ...; returns its length."""
        total, number = 0, 0
        while data := _full(source, PART):
            self.add(f"{name}/{number:06}", data)
            total, number = total + len(data), number + 1
        return total

    def close(self, facts: dict[str, Any]) -> None:
        """Write the manifest and put the file in its place; before this there is no backup."""
        self.add(MANIFEST, json.dumps(facts | {"entries": self.entries}, indent=1, default=str).encode())
        self._tar.close()
        self._sealed.finish()
        self._file.close()
        self.draft.replace(self.path)

    def abandon(self) -> None:
        self._file.close()
        self.draft.unlink(missing_ok=True)


def _full(source: BinaryIO, size: int) -> bytes:
    parts, left = [], size
    while left and (data := source.read(left)):
        parts.append(data)
        left -= len(data)
    return b"".join(parts)


def members(path: Path, key: bytes) -> Iterator[tuple[str, BinaryIO]]:
    """(name, content) in order. Read each before asking for the next; the last one is the manifest."""
    with open(path, "rb") as source:
        opened = io.BufferedReader(Opened(source, key), CHUNK)
        with tarfile.open(fileobj=opened, mode="r|") as tar:
            for info in tar:
                content = tar.extractfile(info)
                if content is not None:
                    yield info.name, content  # type: ignore[misc]
