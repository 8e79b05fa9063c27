"""A district's folder: where its data, secrets, logs and running addresses live. Knows no Django."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path


class Home:
    """One district's folder.

    Layout: `data/<engine>`, `files/`, `logs/<process>.log`, `secrets/` (0700), `run/env.json` (addresses of the
    running district, 0600), `run/status.json`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser().absolute()

    @classmethod
    def choose(cls, path: str) -> None:
        """Make `path` the home of this process and its children."""
        os.environ["LINLI_HOME"] = str(Path(path).expanduser().absolute())

    @classmethod
    def current(cls) -> Home:
        return cls(os.environ.get("LINLI_HOME") or ".linli")

    def folder(self, *parts: str, mode: int = 0o755) -> Path:
        path = self.path.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True, mode=mode)
        return path

    def data(self, name: str) -> Path:
        return self.folder("data", name)

    @property
    def files(self) -> Path:
        return self.folder("files")

    @property
    def logs(self) -> Path:
        return self.folder("logs")

    @property
    def run(self) -> Path:
        return self.folder("run")

    def secret(self, name: str) -> bytes:
        """32 random bytes kept at `secrets/<name>`, made at the first call; safe against two makers at once."""
        folder = self.folder("secrets", mode=0o700)
        path = folder / name
        if not path.exists():
            draft = folder / f".{name}.{os.getpid()}.{secrets.token_hex(4)}"
            fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(fd, "wb") as out:
                out.write(secrets.token_bytes(32))
                out.flush()
                os.fsync(out.fileno())
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return path.read_bytes()

    def run_env(self) -> dict[str, str]:
        path = self.path / "run" / "env.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def load_env(self) -> None:
        """Set this process's LINLI_* defaults from the running district; what is set already stays."""
        os.environ.setdefault("LINLI_HOME", str(self.path))
        for name, value in self.run_env().items():
            os.environ.setdefault(name, value)

    def write_private(self, name: str, text: str) -> None:
        """Write `run/<name>` in one step, readable by its owner only."""
        path = self.run / name
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w") as out:
            out.write(text)
        draft.replace(path)
