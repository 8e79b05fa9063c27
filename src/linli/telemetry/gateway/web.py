"""How the gateway asks the district's web process, in the name of a program and with its own key."""

from __future__ import annotations

import asyncio
import base64
import logging
from typing import Any
from urllib.parse import urlsplit

import orjson

log = logging.getLogger("linli.gateway")
ASK_S, PARALLEL = 45.0, 6


class Away(Exception):
    """The web process does not answer, or cannot at the moment: ask again."""


class Login:
    """What a program named itself with; kept in memory only, to ask again."""

    __slots__ = ("header", "user")

    def __init__(self, user: str, key: str) -> None:
        self.user = user
        self.header = "Basic " + base64.b64encode(f"{user}:{key}".encode()).decode()


class Web:
    """`url` is the process itself, `public` what people and programs call it: addresses in answers begin with that."""

    def __init__(self, url: str, public: str = "") -> None:
        self.url = url
        parts = urlsplit(public or url)
        self._named = {"X-Forwarded-Host": parts.netloc, "X-Forwarded-Proto": parts.scheme}
        self._client: Any = None
        self._writes = asyncio.Semaphore(PARALLEL)
        self._reads = asyncio.Semaphore(PARALLEL)  # do not wait for writes

    async def ask(self, what: str, login: Login, body: Any = None, *, seconds: float = ASK_S) -> tuple[int, Any]:
        """(status, JSON) of `POST /sta/mqtt/<what>`; Away for what may be better next time."""
        import httpx  # not before the first program comes: a gateway of devices only does without

        if self._client is None:
            self._client = httpx.AsyncClient(
                base_url=self.url, trust_env=False, headers={"Content-Type": "application/json"} | self._named
            )
        try:
            async with self._writes if what == "observations" else self._reads:
                answer = await self._client.post(
                    f"/sta/mqtt/{what}", content=orjson.dumps(body), timeout=seconds,
                    headers={"Authorization": login.header},
                )  # fmt: skip
            if answer.status_code >= 500 or answer.status_code == 429:
                raise Away(f"the web process answered {answer.status_code}")
            return answer.status_code, orjson.loads(answer.content)
        except (httpx.HTTPError, orjson.JSONDecodeError, OSError) as error:
            raise Away(f"the web process does not answer: {type(error).__name__}") from error

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()


def words(status: int, doc: Any) -> str:
    """A refusal's reason."""
    return str(doc.get("message") or f"refused: {status}") if isinstance(doc, dict) else f"refused: {status}"
