"""Somebody with one key and no source: what the tests of whole districts ask and make over the API."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx
from tests.district import District


class Stranger:
    """`get` and `post` give the answer's JSON; another status than the one wanted fails the test."""

    def __init__(self, district: District) -> None:
        self.http = httpx.Client(
            base_url=f"{district.origin}/api/v1/", headers={"Authorization": f"Bearer {district.key()}"},
            timeout=20, trust_env=False,
        )  # fmt: skip

    def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self.http.request(method, path, json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
        assert answer.status_code == status, answer.text
        return answer.json()

    def get(self, path: str, status: int = 200) -> Any:
        return self.ask("GET", path, status=status)

    def post(self, path: str, body: Any) -> Any:
        return self.ask("POST", path, body, 201)

    def device(self, code: str, model: str, **more: Any) -> str:
        """The id of a new device, where some other stands."""
        place = next(one for one in self.get("devices?limit=100")["items"] if one["lon"] is not None)
        body = {"code": code, "model": model, "name_zh": code, "lon": place["lon"], "lat": place["lat"]} | more
        return str(self.post("devices", body)["id"])

    def token(self, device: str) -> str:
        return str(self.post(f"devices/{device}/credentials", {})["token"])


def until(question: Callable[[], Any], seconds: float = 20) -> Any:
    """The first answer that is something."""
    end = time.monotonic() + seconds
    while not (found := question()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.2)
    return found
