"""A thread's kept connection to history, for whole answers: screens and programs ask at every page, where each layer of
a client counts. httpx stays for answers that stream."""

from __future__ import annotations

import http.client
import select
from typing import Any

import orjson


class NoAnswer(Exception):
    """It could not be asked, or the answer broke off."""


class Answer:
    __slots__ = ("content", "kind", "status_code")

    def __init__(self, status_code: int, kind: str, content: bytes) -> None:
        self.status_code, self.kind, self.content = status_code, kind, content

    def json(self) -> Any:
        return orjson.loads(self.content)


class Line:
    def __init__(self, host: str, port: int, token: str, timeout: float) -> None:
        self.timeout = timeout
        self._http = http.client.HTTPConnection(host, port, timeout=timeout)
        self._headers = {"authorization": f"Bearer {token}"}

    def ask(self, method: str, path: str, body: bytes = b"", *, timeout: float | None = None) -> Answer:
        """Asked once: what broke off may have been done."""
        line = self._http
        line.timeout = timeout or self.timeout
        if line.sock is not None:
            if select.select([line.sock], [], [], 0)[0]:  # closed while it was not used
                line.close()
            else:
                line.sock.settimeout(line.timeout)
        try:
            line.request(method, path, body or None, self._headers)
            answer = line.getresponse()
            return Answer(answer.status, answer.getheader("content-type", ""), answer.read())
        except (http.client.HTTPException, OSError) as error:
            line.close()
            raise NoAnswer(type(error).__name__) from error
