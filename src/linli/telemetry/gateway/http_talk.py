"""Attributes and commands for devices over HTTP, as ThingsBoard has them: they ask, and may wait for the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg

from linli.telemetry.gateway.hub import Gateway, asked_attributes
from linli.telemetry.gateway.payload import BadPayload, answer_of
from linli.telemetry.gateway.registry import VIA_GATEWAY, Device, Login
from linli.telemetry.http1 import Request, Response, json_response, problem

STORE_S = 20.0
USUAL_MS, MOST_MS = 20_000, 60_000
LOOK_S = 2.0  # whether who waits is still there


class Waiting:
    """A request that waits for a command, or for attributes that change: a session of the device meanwhile."""

    def __init__(self, login: Login, gone: Callable[[], bool], *, commands: bool) -> None:
        self.device, self.credentials = login
        self.refusal = ""
        self.gone, self.commands = gone, commands
        self.heard: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.then: Callable[[], None] = lambda: None

    @property
    def wants_commands(self) -> bool:
        """One, if it has not hung up: what is told to nobody would be lost."""
        return self.commands and not self.heard.done() and not self.gone()

    @property
    def wants_attributes(self) -> bool:
        return not self.commands and not self.heard.done() and not self.gone()

    def __enter__(self) -> Waiting:
        self.device.sessions[f"{VIA_GATEWAY}http-{id(self):x}"] = self
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def command(self, number: int, method: str, params: Any, then: Callable[[], None]) -> None:
        if not self.heard.done():
            self.heard.set_result({"id": number, "method": method, "params": params})
            self.then = then

    def tell_attributes(self, values: dict[str, Any]) -> None:
        if not self.heard.done():
            self.heard.set_result(values)

    def dismiss(self, code: int, reason: str) -> None:
        self.refusal = reason
        self.close()

    def close(self) -> None:
        self.device.sessions.pop(f"{VIA_GATEWAY}http-{id(self):x}", None)
        self.device.state_changed = True
        if not self.heard.done():
            self.heard.cancel()


async def talk(gateway: Gateway, login: Login, what: str, number: str, request: Request) -> Response | None:
    """The answer to `what` (attributes, attributes/updates, rpc, firmware, software) with a number or '', or None."""
    ask, device = (request.method, what, bool(number)), login.device
    if ask == ("GET", "attributes", False):
        return await _attributes(gateway, device, request)
    if ask in (("GET", "firmware", False), ("GET", "software", False)):
        return await _firmware(gateway, device, what, request)
    if ask in (("GET", "rpc", False), ("GET", "attributes/updates", False)):
        return await _wait(gateway, login, request, commands=what == "rpc")
    if ask == ("POST", "rpc", False):
        return Response(200, gateway.ask_us(request.body))
    if ask == ("POST", "rpc", True):
        return await _answer(gateway, device, int(number), request.body)
    return None


async def _firmware(gateway: Gateway, device: Device, kind: str, request: Request) -> Response:
    try:
        body = await gateway.firmware.asked(device, kind, dict(request.query))
    except BadPayload as error:
        status = {"no-firmware": 404, "other-firmware": 400}.get(error.code)
        if status is None:
            raise
        gateway.count_refusal(error.code)
        return problem(status, error.code, str(error), [(error.field, error.reason)])
    except (psycopg.Error, OSError):
        return problem(503, "unavailable", "it cannot be read at the moment; ask again")
    return Response(200, body, "application/octet-stream")


async def _attributes(gateway: Gateway, device: Device, request: Request) -> Response:
    found: asyncio.Future[tuple[dict[str, Any], dict[str, Any]]] = asyncio.get_running_loop().create_future()
    gateway.talk.ask(device, lambda *both: None if found.done() else found.set_result(both))
    try:
        async with asyncio.timeout(STORE_S):
            client, shared = await found
    except TimeoutError:
        return problem(503, "unavailable", "attributes cannot be read at the moment; ask again")
    return json_response(asked_attributes(dict(request.query), client, shared))


async def _wait(gateway: Gateway, login: Login, request: Request, *, commands: bool) -> Response:
    text = request.query.get("timeout", "0")
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise BadPayload("timeout", "must be a whole number of milliseconds; 0 is as long as usual")
    wait_ms = min(int(text) or USUAL_MS, MOST_MS)
    with Waiting(login, request.gone, commands=commands) as waiting:
        gateway.talk.look([login.device], again=True)
        try:
            async with asyncio.timeout(wait_ms / 1000):
                found = await _heard(waiting)
        except (TimeoutError, asyncio.CancelledError):
            if waiting.refusal:
                return problem(401, "unauthenticated", waiting.refusal, [("token", "does not hold any more")])
            return problem(408, "timeout", "nothing came in this time")
        if request.gone():  # it is sent again to whom comes next
            return problem(408, "timeout", "the client has hung up")
        waiting.then()
    return json_response(found)


async def _heard(waiting: Waiting) -> Any:
    """What came; TimeoutError when the client has hung up: its session ends."""
    while not (await asyncio.wait([waiting.heard], timeout=LOOK_S))[0]:
        if waiting.gone():
            raise TimeoutError
    return waiting.heard.result()


async def _answer(gateway: Gateway, device: Device, number: int, body: bytes) -> Response:
    kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    gateway.talk.answer(device, number, answer_of(body), lambda: None if kept.done() else kept.set_result(None))
    try:
        async with asyncio.timeout(STORE_S):
            await kept
    except TimeoutError:
        return problem(503, "unavailable", "the answer cannot be kept at the moment; send again")
    return json_response({})
