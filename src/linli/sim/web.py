"""HTTP clients of the simulated world: staff signed in by name, and residents without an account."""

from __future__ import annotations

import re
import uuid
from typing import Any

import httpx


class Refused(Exception):
    """The platform refused; `problem` is its problem+json."""

    def __init__(self, response: httpx.Response) -> None:
        try:
            self.problem: dict[str, Any] = response.json()
        except ValueError:
            self.problem = {"status": response.status_code, "detail": response.text[:200]}
        self.status = response.status_code
        where = f"{response.request.method} {response.request.url.path}"
        super().__init__(f"{where}: {self.status} {self.problem.get('detail')} {self.problem.get('errors') or ''}")


class Client:
    """A JSON client of /api/v1. Each write carries an Idempotency-Key and is tried again when the line breaks."""

    def __init__(self, origin: str, *, key: str | None = None, verify: Any = True) -> None:
        self.origin = origin.rstrip("/")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.http = httpx.Client(base_url=self.origin, headers=headers, timeout=30, verify=verify)

    def sign_in(self, username: str, password: str) -> Client:
        self.post("session", {"username": username, "password": password})
        return self

    def get(self, path: str, **query: Any) -> Any:
        return self._call("GET", path, params={k: v for k, v in query.items() if v is not None})

    def post(self, path: str, body: Any = None, *, files: Any = None, data: Any = None) -> Any:
        return self._call("POST", path, json=body, files=files, data=data)

    def put(self, path: str, body: Any = None) -> Any:
        return self._call("PUT", path, json=body)

    def patch(self, path: str, body: Any = None) -> Any:
        return self._call("PATCH", path, json=body)

    def pages(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """All items of a list, page by page."""
        items: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = self.get(path, cursor=cursor, **query)
            items += page["items"]
            cursor = page.get("next")
            if not cursor:
                return items

    def _call(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Origin": self.origin}
        if method != "GET":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        for attempt in range(4):
            try:
                response = self.http.request(method, f"/api/v1/{path.lstrip('/')}", headers=headers, **options)
            except httpx.TransportError:
                if attempt == 3:
                    raise
                continue
            break
        if response.status_code >= 400:
            raise Refused(response)
        return response.json() if response.content and "json" in response.headers.get("content-type", "") else None


FIELD = re.compile(
    r'<input[^>]*\bname="([^"]+)"[^>]*\bvalue="([^"]*)"|<input[^>]*\bvalue="([^"]*)"[^>]*\bname="([^"]+)"'
)


def hidden_fields(page: str) -> dict[str, str]:
    """Names and values of a form's inputs that have a value, as a browser would send the hidden ones."""
    found = {}
    for tag in re.findall(r"<input\b[^>]*>", page):
        if 'type="hidden"' in tag and (match := FIELD.search(tag)):
            found[match[1] or match[4]] = match[2] or match[3] or ""
    return found
