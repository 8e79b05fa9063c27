"""A simulated phone: the outbox of web/field/src/offline/outbox.ts in Python, with a disk that outlives its crashes.

Same order of acts as there: the item is on the disk before anything is sent; before each step the phone asks who is
signed in; the key of a step is `<item>.<step>`; a lost answer, 408, 429 and 5xx are tried again, 401 stops, any other
refusal holds its chain back.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.phones.chaos import Broken, ask

BOUNDARY = "linli-phone"
RETRY = 0.2  # the first wait between tries, seconds: the real phone waits two


class Refused(Exception):
    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"{status} {said}")
        self.status = status


def encode(step: dict[str, Any], photos: dict[str, bytes]) -> tuple[bytes, str]:
    """The body and its content type."""
    if "photo" not in step:
        return json.dumps(step.get("body", {})).encode(), "application/json"
    photo, parts = step["photo"], []
    for name, value in photo["fields"].items():
        parts.append(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{photo["field"]}"; filename="photo.jpg"\r\n'
    parts.append(f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + photos[photo["id"]] + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}"


@dataclass
class Line:
    """One browser's way to the service: cookies by account, everything through the bad line."""

    port: int
    origin: str
    cookies: dict[str, str] = field(default_factory=dict)

    async def call(self, account: str, method: str, path: str, body: bytes = b"", kind: str = "", key: str = "") -> Any:
        host = self.origin.partition("//")[2]
        head = [f"{method} /api/v1{path} HTTP/1.1", f"Host: {host}", f"Origin: {self.origin}", "Connection: close",
                f"Cookie: {self.cookies.get(account, '')}", f"Content-Length: {len(body)}"]  # fmt: skip
        head += [f"Content-Type: {kind}"] * bool(kind) + [f"Idempotency-Key: {key}"] * bool(key)
        message = "\r\n".join(head).encode() + b"\r\n\r\n" + body
        answer = await asyncio.wait_for(ask("127.0.0.1", self.port, message), 120)
        top, _, rest = answer.partition(b"\r\n\r\n")
        status = int(top.split(b" ", 2)[1])
        if found := re.findall(rb"(?im)^set-cookie: ([^;\r]+)", top):
            self.cookies[account] = b"; ".join(found).decode()
        if b"chunked" in top.lower():
            rest = b"".join(re.split(rb"(?:\A|\r\n)[0-9a-f]+\r\n", rest))
        if status >= 400:
            raise Refused(status, rest[:300].decode(errors="replace"))
        return json.loads(rest) if rest.strip() else None

    async def sign_in(self, account: str, password: str) -> None:
        body = json.dumps({"username": account, "password": password}).encode()
        while True:
            try:
                await self.call(account, "POST", "/session", body, "application/json")
                return
            except (OSError, Broken, TimeoutError):
                await asyncio.sleep(RETRY)


class Phone:
    """`disk` is a folder: one file an item, replaced whole. A crash drops the object; a new one reads the folder."""

    def __init__(self, disk: Path, line: Line, dice: random.Random) -> None:
        self.disk, self.line, self.dice = disk, line, dice
        self.account = ""
        self.ids: dict[str, str] = {}

    def items(self) -> list[dict[str, Any]]:
        found = [json.loads(path.read_text()) for path in self.disk.glob("*.json")]
        return sorted((one for one in found if one["account"] == self.account), key=lambda one: one["created"])

    def save(self, item: dict[str, Any]) -> None:
        path = self.disk / f"{item['id']}.json"
        part = path.with_suffix(f".{uuid.uuid4().hex}")
        part.write_text(json.dumps(item))
        os.replace(part, path)

    def photo(self, data: bytes) -> str:
        made = str(uuid.uuid4())
        (self.disk / f"{made}.jpg").write_bytes(data)
        return made

    def enqueue(self, chain: str, steps: list[dict[str, Any]], item_id: str = "") -> None:
        self.save({
            "id": item_id or str(uuid.uuid4()), "account": self.account, "chain": chain, "steps": steps, "done": 0,
            "answers": [], "created": time.time_ns(), "state": "waiting", "tries": 0, "problem": "",
        })  # fmt: skip

    async def pump(self) -> None:
        """Until nothing of this account waits, but for what is held back."""
        while True:
            held = {one["chain"] for one in self.items() if one["state"] == "refused"}
            ready = [one for one in self.items() if one["state"] == "waiting" and one["chain"] not in held]
            if not ready:
                return
            outcome = await self._send(ready[0])
            if outcome == "stop":
                return
            if outcome == "later":
                await asyncio.sleep(min(5, RETRY * 2 ** min(ready[0]["tries"], 4)) * self.dice.uniform(0.5, 1.5))

    async def _send(self, item: dict[str, Any]) -> str:
        while item["done"] < len(item["steps"]):
            try:
                await self._ours()
                answer = await self._step(item, item["steps"][item["done"]])
            except (OSError, Broken, TimeoutError, ValueError) as error:
                return self._failed(item, "later", str(error))
            except Refused as error:
                if error.status == 401:
                    return "stop"
                again = error.status in (408, 429) or error.status >= 500
                return self._failed(item, "later" if again else "refused", str(error))
            item["answers"].append(answer)
            item["done"] += 1
            self.save(item)
        item["state"] = "sent"
        self.save(item)
        return "sent"

    def _failed(self, item: dict[str, Any], outcome: str, problem: str) -> str:
        item["tries"], item["problem"] = item["tries"] + 1, problem
        item["state"] = "refused" if outcome == "refused" else "waiting"
        self.save(item)
        return outcome

    async def _ours(self) -> None:
        me = await self.line.call(self.account, "GET", "/me")
        assert me["username"] == self.account, "sent under another member's session"

    async def _step(self, item: dict[str, Any], step: dict[str, Any]) -> Any:
        path = re.sub(r"\{(\d+)\.(\w+)\}", lambda m: str(item["answers"][int(m[1])][m[2]]), step["path"])
        photos = {}
        if "photo" in step:
            photos = {step["photo"]["id"]: (self.disk / f"{step['photo']['id']}.jpg").read_bytes()}
        body, kind = encode(step, photos)
        return await self.line.call(self.account, step["method"], path, body, kind, f"{item['id']}.{item['done']}")
