"""Devices over HTTP: `POST /api/v1/{token}/telemetry` and `/attributes`; 200 means stored for good. What they may ask,
`GET …/attributes`, `…/rpc` and more, is `http_talk.py`."""

from __future__ import annotations

import asyncio
import re

import psycopg

from linli.telemetry import tiers
from linli.telemetry.gateway.frames import BadFrame
from linli.telemetry.gateway.http_talk import STORE_S, talk
from linli.telemetry.gateway.hub import TOO_OLD, Gateway
from linli.telemetry.gateway.payload import BadPayload, decode
from linli.telemetry.gateway.registry import Device, Login
from linli.telemetry.http1 import Request, Response, json_response, problem

_PATH = re.compile(
    r"/api/v1/([^/]{1,200})/(telemetry|attributes/updates|attributes|rpc|claim|firmware|software)(?:/([0-9]{1,18}))?"
)


class DeviceDoor:
    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    async def handle(self, request: Request) -> Response:
        if request.path == "/api/v1/provision":
            return await self._provision(request)
        match = _PATH.fullmatch(request.path)
        if match is None:
            return problem(404, "not-found", "devices speak at /api/v1/{token}/telemetry, /attributes or /rpc")
        gateway = self.gateway
        if not gateway.ready or gateway.batcher.pressed:
            return self._busy()
        login = gateway.registry.token(match[1]) or await self._newcomer(match[1], request.peer)
        if isinstance(login, Response):
            return login
        if request.method != "POST" or match[2] in ("rpc", "firmware", "software"):
            return await self._talk(login, match[2], match[3] or "", request)
        device = login.device
        if match[3] or "/" in match[2]:
            return problem(404, "not-found", "nothing is posted there")
        if match[2] == "claim":
            return await self._claim(device, request.body)
        return await self._post(device, match[2], request)

    async def _newcomer(self, token: str, peer: str) -> Login | Response:
        """Who is not known here, once it was asked for; or the refusal."""
        registry, newcomers = self.gateway.registry, self.gateway.newcomers
        if (known := await newcomers.known(registry.hashes(token, "", ""), peer)) is None:
            return self._busy("who this is cannot be looked up at the moment; come again")
        login = registry.token(token) if known else None
        if login is None:
            self.gateway.count_refusal("unknown-token")
            return problem(401, "unauthenticated", "no enabled device has this token", [("token", "is not known")])
        return login

    async def _post(self, device: Device, what: str, request: Request) -> Response:
        """Readings or attributes."""
        gateway = self.gateway
        if device.budget < 0 and device.allow(0):
            device.refuse("more values a second than one device may send", bad=False)
            answer = problem(429, "too-many", "more values a second than one device may send")
            answer.headers["retry-after"] = str(int(device.allow(0)) + 1)
            return answer
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            if what == "attributes":
                gateway.take_attributes(device, request.body, stored)
                warnings: list[str] = []
            else:
                before = device.clamped, gateway.refusals[TOO_OLD]
                gateway.take(device, request.body, stored, backfill=request.query.get("backfill") in ("1", "true"))
                warnings = _warnings(device.clamped - before[0], gateway.refusals[TOO_OLD] - before[1])
        except BadPayload as error:
            return self._refused(device, error)
        try:
            async with asyncio.timeout(STORE_S):
                await stored
        except TimeoutError:
            return self._busy()
        told = [{"field": "ts", "reason": reason} for reason in warnings]
        return json_response({"warnings": told} if told else {})

    async def _provision(self, request: Request) -> Response:
        if request.method != "POST":
            return problem(405, "method-not-allowed", "a device posts here what it registers itself by")
        if not self.gateway.ready:
            return self._busy()
        try:
            doc = decode(request.body)
        except BadPayload as error:
            return problem(400, error.code, str(error), [(error.field, error.reason)])
        return json_response(await self.gateway.joining.provision(doc, request.peer))

    async def _claim(self, device: Device, body: bytes) -> Response:
        try:
            await self.gateway.joining.claim(device, decode(body))
        except BadPayload as error:
            return self._refused(device, error)
        except (psycopg.Error, OSError):
            return self._busy()
        return json_response({})

    async def _talk(self, login: Login, what: str, number: str, request: Request) -> Response:
        device = login.device
        try:
            answer = await talk(self.gateway, login, what, number, request)
        except BadPayload as error:
            return self._refused(device, error)
        except BadFrame as error:
            return self._refused(device, BadPayload("body", str(error), "bad-shape"))
        return answer or problem(405, "method-not-allowed", f"{request.method} is not taken here")

    def _refused(self, device: Device, error: BadPayload) -> Response:
        device.refuse(str(error))
        self.gateway.count_refusal(error.code)
        status = 400 if error.code == "bad-json" else 422
        return problem(status, error.code, str(error), [(error.field, error.reason)])

    def _busy(self, why: str = "readings cannot be stored at the moment; send again") -> Response:
        answer = problem(503, "unavailable", why)
        answer.headers["retry-after"] = "5"
        return answer


def _warnings(clamped: int, older: int) -> list[str]:
    found = []
    if clamped:
        found.append(f"{clamped} values had a clock more than 10 minutes ahead or 400 days behind; stored at our time")
    if older:
        found.append(f"{older} values left out: the district keeps those since {tiers.day(tiers.now().raw)}")
    return found
