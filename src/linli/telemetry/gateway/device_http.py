"""Devices over HTTP: `POST /api/v1/{token}/telemetry` and `/attributes`. 200 means stored for good."""

from __future__ import annotations

import asyncio
import re

from linli.telemetry.gateway.hub import Gateway
from linli.telemetry.gateway.payload import BadPayload
from linli.telemetry.http1 import Request, Response, json_response, problem

STORE_S = 20.0
_PATH = re.compile(r"/api/v1/([^/]{1,200})/(telemetry|attributes)")


class DeviceDoor:
    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    async def handle(self, request: Request) -> Response:
        match = _PATH.fullmatch(request.path)
        if match is None:
            return problem(404, "not-found", "devices post to /api/v1/{token}/telemetry or /attributes")
        if request.method != "POST":
            return problem(405, "method-not-allowed", "only POST is taken here")
        gateway = self.gateway
        device = gateway.registry.find(match[1]) if gateway.ready else None
        if not gateway.ready or gateway.batcher.pressed:
            return self._busy()
        if device is None:
            gateway.count_refusal("unknown-token")
            return problem(401, "unauthenticated", "no enabled device has this token", [("token", "is not known")])
        if device.budget < 0 and device.allow(0):
            device.refuse("more values a second than one device may send", bad=False)
            answer = problem(429, "too-many", "more values a second than one device may send")
            answer.headers["retry-after"] = str(int(device.allow(0)) + 1)
            return answer
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            if match[2] == "attributes":
                gateway.take_attributes(device, request.body, stored)
                clamped = 0
            else:
                before = device.clamped
                gateway.take(device, request.body, stored, backfill=request.query.get("backfill") in ("1", "true"))
                clamped = device.clamped - before
        except BadPayload as error:
            device.refuse(str(error))
            gateway.count_refusal(error.code)
            status = 400 if error.code == "bad-json" else 422
            return problem(status, error.code, str(error), [(error.field, error.reason)])
        try:
            await asyncio.wait_for(stored, STORE_S)
        except TimeoutError:
            return self._busy()
        if clamped:
            reason = f"{clamped} values had a clock more than 10 minutes ahead or 400 days behind; stored at our time"
            return json_response({"warnings": [{"field": "ts", "reason": reason}]})
        return json_response({})

    def _busy(self) -> Response:
        answer = problem(503, "unavailable", "readings cannot be stored at the moment; send again")
        answer.headers["retry-after"] = "5"
        return answer
