"""What history is about to insert, on disk before it does: `I <epoch> <first> <last> <unix time>`, then `D`.

After a kill, an intent without `D` is inserted again, unchanged: the same rows under the same token, which the store
takes once. After an unclean boot of the machine (the store may have lost what it had not synced) every intent that
the stream still holds is inserted again. The epoch counts streams: a new one starts its sequence at 1.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Intent:
    epoch: int
    first: int
    last: int
    at: int

    @property
    def token(self) -> str:
        return f"readings:{self.epoch}:{self.first}-{self.last}"


class Journal:
    """One file, appended to; rewritten when it has grown long."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.intents: list[Intent] = []
        self.open_intent: Intent | None = None
        self.epoch, self.stream = 0, ""
        self.boot = ""
        self._load()
        self.rebooted = bool(self.boot) and self.boot != _boot_id()
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115
        self._rewrite()

    def _load(self) -> None:
        if not self.path.exists():
            return
        for line in self.path.read_text(errors="replace").splitlines():
            words = line.split()
            try:
                if words[0] == "I":
                    self.open_intent = Intent(*(int(w) for w in words[1:5]))
                elif words[0] == "D" and self.open_intent is not None:
                    self.intents.append(self.open_intent)
                    self.open_intent = None
                elif words[0] == "S":
                    self.epoch, self.stream = int(words[1]), words[2]
                elif words[0] == "B":
                    self.boot = words[1]
            except (IndexError, ValueError, TypeError):
                continue  # the last line, cut by a kill before its fsync: that insert never began

    def next_sequence(self) -> int:
        """The first sequence of this epoch that no intent covers."""
        known = [i.last for i in (*self.intents[-1:], self.open_intent) if i is not None and i.epoch == self.epoch]
        return max(known, default=0) + 1

    def set_stream(self, identity: str) -> bool:
        """Remember which stream is read; true when it is another than before."""
        if identity == self.stream:
            return False
        self.epoch += 1
        self.stream = identity
        self.open_intent = None  # its messages are gone with the old stream
        self._rewrite()
        return True

    def intend(self, first: int, last: int) -> Intent:
        intent = Intent(self.epoch, first, last, int(time.time()))
        self._append(f"I {intent.epoch} {first} {last} {intent.at}\n", sync=True)
        self.open_intent = intent
        return intent

    def done(self) -> None:
        """The insert is in the store. Losing this line costs a replay that changes nothing, so it is not synced."""
        assert self.open_intent is not None
        self._append("D\n", sync=False)
        self.intents.append(self.open_intent)
        self.open_intent = None

    def done_before(self, unix: float) -> int:
        """The last sequence of this epoch stored at or before `unix`; 0 if none."""
        found = 0
        for intent in self.intents:
            if intent.epoch == self.epoch and intent.at <= unix:
                found = intent.last
        return found

    def forget(self, before: int) -> None:
        """Drop intents that the stream no longer holds, but always keep the last."""
        kept = [i for i in self.intents[:-1] if i.epoch == self.epoch and i.last >= before]
        self.intents = kept + self.intents[-1:]
        self._rewrite()

    def _append(self, text: str, *, sync: bool) -> None:
        self._file.write(text.encode())
        if sync:
            os.fdatasync(self._file.fileno())

    def _rewrite(self) -> None:
        lines = [f"B {_boot_id()}", f"S {self.epoch} {self.stream or '-'}"]
        for i in self.intents:
            lines += [f"I {i.epoch} {i.first} {i.last} {i.at}", "D"]
        if (i := self.open_intent) is not None:
            lines.append(f"I {i.epoch} {i.first} {i.last} {i.at}")
        draft = self.path.with_suffix(".new")
        with open(draft, "wb") as out:
            out.write(("\n".join(lines) + "\n").encode())
            out.flush()
            os.fsync(out.fileno())
        draft.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._file.close()
        self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115


def _boot_id() -> str:
    return _BOOT.read_text().strip() if _BOOT.exists() else "-"
