"""Who a listener is: asked of the web process with the listener's own cookie or token, and asked again every while."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass
from typing import Any

import httpx

from linli.kernel.actor import Actor, Grant
from linli.live.hub import uuid_or_none

FRESH = 5.0
PARALLEL = 16


class Unknown(Exception):
    """The web process says that nobody is signed in with this."""


class NoAnswer(Exception):
    """The web process does not answer; nothing is known."""


@dataclass(frozen=True, slots=True)
class Credential:
    """The headers that identify a listener. They are kept in memory only, to ask again."""

    cookie: str = ""
    authorization: str = ""

    @property
    def key(self) -> str:
        return hashlib.sha256(f"{self.cookie}\0{self.authorization}".encode()).hexdigest()

    @property
    def empty(self) -> bool:
        return not (self.cookie or self.authorization)


class Actors:
    """Answers of `/api/v1/live/session`, shared by listeners with the same credential for a few seconds."""

    def __init__(self, web_url: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=web_url, timeout=10, limits=httpx.Limits(max_connections=PARALLEL), headers={"User-Agent": "live"}
        )
        self._gate = asyncio.Semaphore(PARALLEL)
        self._known: dict[str, tuple[float, Actor]] = {}
        self._asking: dict[str, asyncio.Task[Actor]] = {}

    async def close(self) -> None:
        await self._client.aclose()

    async def of(self, credential: Credential, *, fresh: float = FRESH) -> Actor:
        """The actor of a credential; Unknown if it is nobody's, NoAnswer if the web process is away."""
        key = credential.key
        if (known := self._known.get(key)) and time.monotonic() - known[0] < fresh:
            return known[1]
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._ask(credential))
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        actor = await asyncio.shield(task)
        if len(self._known) > 5000:
            self._known.clear()
        self._known[key] = (time.monotonic(), actor)
        return actor

    def forget(self) -> None:
        self._known.clear()

    async def _ask(self, credential: Credential) -> Actor:
        headers = {"Accept": "application/json"}
        if credential.cookie:
            headers["Cookie"] = credential.cookie
        if credential.authorization:
            headers["Authorization"] = credential.authorization
        try:
            async with self._gate:
                answer = await self._client.get("/api/v1/live/session", headers=headers)
        except httpx.HTTPError as error:
            raise NoAnswer(type(error).__name__) from error
        if answer.status_code in (401, 403):
            raise Unknown
        if answer.status_code != 200:
            raise NoAnswer(str(answer.status_code))
        actor = actor_of(answer.json())
        if actor.kind == "public":
            raise Unknown
        return actor


def actor_of(body: dict[str, Any]) -> Actor:
    """The actor that the web process described."""
    return Actor(
        kind=str(body["kind"]),
        account_id=uuid_or_none(body.get("account_id")),
        session_id=uuid_or_none(body.get("session_id")),
        grants=tuple(
            Grant(str(g["role"]), str(g["area_path"]), frozenset(g["permissions"]), uuid_or_none(g.get("centre_id")))
            for g in body.get("grants", ())
        ),
        team_ids=tuple(t for t in (uuid_or_none(t) for t in body.get("team_ids", ())) if t),
    )
