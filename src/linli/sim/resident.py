"""A resident without an account: fills the form of the unit page as a browser without scripts does."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import httpx

from linli.sim.web import Refused, hidden_fields

FORM = re.compile(r"<form\b[^>]*>.*?</form>", re.S)
ACTION = re.compile(r'<form\b[^>]*\baction="([^"]*)"')
TICKET = re.compile(r"/t/([A-Za-z0-9_\-]+)")
CHALLENGE = re.compile(r'data-challenge="([^"]+)"')
NUMBER = re.compile(r"\d{4}-\d{2}-\d{4,}")


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the page after the report says."""

    number: str
    secret: str
    page: str


def solve(task: dict[str, Any]) -> str:
    """The sum that the page asks for under abuse (ALTCHA v1): the number whose salted hash is the challenge."""
    most = int(task.get("maxnumber") or task.get("maxNumber") or 10**7)
    for number in range(most + 1):
        if hashlib.sha256(f"{task['salt']}{number}".encode()).hexdigest() == task["challenge"]:
            proof = {k: task[k] for k in ("algorithm", "challenge", "salt", "signature")} | {"number": number}
            return base64.b64encode(json.dumps(proof).encode()).decode()
    raise ValueError("the sum has no answer")


class Resident:
    """One browser without JavaScript."""

    def __init__(self, origin: str, *, verify: bool = True, language: str = "zh-CN") -> None:
        self.http = httpx.Client(
            base_url=origin, timeout=30, verify=verify, follow_redirects=True, headers={"Accept-Language": language}
        )

    def page(self, path: str) -> str:
        answer = self.http.get(path)
        if answer.status_code >= 400:
            raise Refused(answer)
        return answer.text

    def report(self, code: str, kind: str, text: str, *, phone: str = "", photo: bytes | None = None) -> Ticket:
        """Report at the unit with QR code `code`; `kind` is problem, need or opinion."""
        address = f"/q/{code}"
        page = self.page(address)
        form = next(f for f in FORM.findall(page) if 'name="text"' in f)
        action = ACTION.search(form)
        fields = {**hidden_fields(form), "kind": kind, "text": text}
        if phone:
            fields |= {"phone": phone, "consent": "1"}
        files = {"photo": ("photo.jpg", photo, "image/jpeg")} if photo else None
        target = urljoin(address, action[1]) if action and action[1] else address
        answer = self.http.post(target, data=fields, files=files)
        if answer.status_code == 429 and (asked := CHALLENGE.search(answer.text)):
            fields = {**hidden_fields(answer.text), **fields, "altcha": solve(json.loads(html.unescape(asked[1])))}
            answer = self.http.post(target, data=fields, files=files)
        if answer.status_code >= 400:
            raise Refused(answer)
        secret, number = TICKET.search(answer.text + str(answer.url)), NUMBER.search(answer.text)
        if not (secret and number):
            raise Refused(answer)
        return Ticket(number[0], secret[1], answer.text)

    def ticket(self, secret: str) -> str:
        """The page behind the secret link."""
        return self.page(f"/t/{secret}")
