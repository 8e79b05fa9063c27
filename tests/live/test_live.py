"""Live events, from the stream to a listener, with the real web process deciding who a listener is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import nats
import orjson
import pytest
from asgiref.sync import sync_to_async
from pytest_django.live_server_helper import LiveServer
from tests.identity.accounts import client_for, make_account

from linli.identity import facade
from linli.kernel import clock, stream
from linli.live.main import Live

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engines]
OWN, OTHER = "D.001", "D.002"


def envelope(type: str = "case.changed", **more: Any) -> dict[str, Any]:
    base = {"id": str(uuid4()), "type": type, "at": clock.now().isoformat(), "kind": "case", "ref": str(uuid4()),
            "area": OWN, "centre": None, "audience": "staff", "permission": "live.follow", "data": {}}  # fmt: skip
    return base | more


class Client:
    """A listener that knows only HTTP and the event-stream format."""

    def __init__(self) -> None:
        self.status = 0
        self.events: list[dict[str, Any]] = []
        self.closed = asyncio.Event()
        self.more = asyncio.Event()

    async def open(self, port: int, query: str = "", **headers: str) -> Client:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        lines = [f"{k.replace('_', '-')}: {v}" for k, v in headers.items()]
        self.writer.write(("\r\n".join([f"GET /live/events{query} HTTP/1.0", "Host: x", *lines]) + "\r\n\r\n").encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        self.status = int(head.split(b" ")[1])
        self.task = asyncio.create_task(self._read())
        return self

    async def _read(self) -> None:
        fields: dict[str, str] = {}
        while line := (await self.reader.readline()).decode():
            if line.strip():
                name, _, value = line.strip().partition(":")
                fields[name] = value.strip()
            elif "event" in fields:
                data = orjson.loads(fields["data"])
                self.events.append({"event": fields["event"], "id": fields.get("id"), "data": data})
                fields = {}
                self.more.set()
        self.closed.set()

    def named(self, *names: str) -> list[dict[str, Any]]:
        return [e for e in self.events if e["event"] in names]

    async def until(self, check: Callable[[], bool], seconds: float = 5.0) -> None:
        async with asyncio.timeout(seconds):
            while not check():
                self.more.clear()
                await self.more.wait()

    def refs(self) -> list[str]:
        return [e["data"]["ref"] for e in self.events if "ref" in e["data"]]

    async def close(self) -> None:
        self.writer.close()
        self.task.cancel()


class Bed:
    """The process `live` in this loop, on a real NATS and a real web server."""

    def __init__(self, live: Live, port: int, js: Any, client: Any) -> None:
        self.live, self.port, self.js, self.client = live, port, js, client
        self.open: list[Client] = []

    async def listen(self, query: str = "", **headers: str) -> Client:
        client = await Client().open(self.port, query, **headers)
        self.open.append(client)
        if client.status == 200:
            await client.until(lambda: bool(client.named("tick")))
        return client

    async def publish(self, *envelopes: dict[str, Any]) -> None:
        for e in envelopes:
            await self.js.publish(f"evt.{e['type']}", orjson.dumps(e))


@asynccontextmanager
async def bed(nats_url: str, web: LiveServer, fresh: bool = True) -> AsyncIterator[Bed]:
    from linli.engines import testing

    client = await nats.connect(nats_url)
    js = client.jetstream()
    if fresh:
        try:
            await js.delete_stream(stream.EVENTS)
        except nats.js.errors.NotFoundError:
            pass
    await stream.ensure(js)
    live, port, stop = Live(nats_url, web.url, ring=100), testing.some_port(), asyncio.Event()
    task = asyncio.create_task(live.run(port, stop))
    async with asyncio.timeout(10):
        while not live.feed.connected:
            await asyncio.sleep(0.02)
    made = Bed(live, port, js, client)
    try:
        yield made
    finally:
        for listener in made.open:
            await listener.close()
        stop.set()
        await asyncio.wait_for(task, 10)
        await client.close()


def bearer(role: str = "dispatcher", area: str = OWN) -> str:
    return "Bearer " + facade.create_apikey(account_id=make_account((role, area)).id)


def run(coroutine: Any) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 60))


def test_only_events_of_ones_own_area_permission_and_wish(nats_url: str, live_server: LiveServer) -> None:
    key = bearer()

    async def go() -> None:
        async with bed(nats_url, live_server) as b:
            every, alarms = await b.listen(authorization=key), await b.listen("?types=alarm.*", authorization=key)
            narrow = await b.listen("?area=D.001.007", authorization=key)
            good, deep = envelope(), envelope("alarm.raised", area="D.001.007.001", kind="alarm")
            await b.publish(
                envelope(area=OTHER), envelope(area="D"), envelope(area=""), envelope(permission="nobody.has"),
                envelope(permission=""), envelope(audience="account:" + str(uuid4())), good, deep,
            )  # fmt: skip
            await every.until(lambda: len(every.refs()) == 2)
            assert every.refs() == [good["ref"], deep["ref"]]
            assert "permission" not in every.events[-1]["data"] and "audience" not in every.events[-1]["data"]
            await alarms.until(lambda: alarms.refs() == [deep["ref"]])
            await narrow.until(lambda: narrow.refs() == [deep["ref"]])

    run(go())


def test_nobody_gets_nothing(nats_url: str, live_server: LiveServer) -> None:
    async def go() -> None:
        async with bed(nats_url, live_server) as b:
            assert (await b.listen()).status == 401
            assert (await b.listen(authorization="Bearer linli_wrong")).status == 401
            assert (await b.listen(cookie="linli_session=made-up")).status == 401
            public = await b.listen("?audience=public&types=*,value")
            released, inside = envelope(audience="public", area=OTHER), envelope()
            await b.publish(inside, released)
            await public.until(lambda: len(public.refs()) == 1)
            assert public.refs() == [released["ref"]]

    run(go())


def test_resume_gives_what_was_missed_or_says_reset(nats_url: str, live_server: LiveServer) -> None:
    key = bearer()

    async def go() -> None:
        async with bed(nats_url, live_server) as b:
            sent = [envelope() for _ in range(5)]
            first = await b.listen(authorization=key)
            await b.publish(*sent[:2])
            await first.until(lambda: len(first.refs()) == 2)
            seen = first.events[-1]["id"]
            await first.close()
            await b.publish(*sent[2:])
            await asyncio.sleep(0.3)
            again = await b.listen(authorization=key, last_event_id=seen)
            assert again.refs() == [e["ref"] for e in sent[2:]]
            assert not again.named("reset")
            for odd in ("abc-1", seen.split("-")[0] + "-999999", "nonsense"):
                assert (await b.listen(authorization=key, last_event_id=odd)).named("reset")
            await b.publish(*[envelope(area=OTHER) for _ in range(110)])
            await asyncio.sleep(0.5)
            assert (await b.listen(authorization=key, last_event_id=seen)).named("reset"), "fell out of the ring"
        async with bed(nats_url, live_server, fresh=False) as b:
            tick = (await b.listen(authorization=key)).named("tick")[0]
            assert tick["id"].split("-")[0] == seen.split("-")[0], "a restart of live keeps the epoch"

    run(go())


def test_a_stream_made_anew_resets_every_listener(nats_url: str, live_server: LiveServer) -> None:
    key = bearer()

    async def go() -> None:
        async with bed(nats_url, live_server) as b:
            listener = await b.listen(authorization=key)
            await b.publish(envelope())
            await listener.until(lambda: len(listener.refs()) == 1)
            await b.js.delete_stream(stream.EVENTS)
            await asyncio.sleep(0.1)
            await stream.ensure(b.js)
            await listener.until(lambda: bool(listener.named("reset")), 15)
            before = len(listener.refs())
            late = envelope()
            # what the relay sends again after a loss is for the consumers: the screen has just read everything
            again = [envelope(at=(clock.now() - timedelta(minutes=5 + n)).isoformat()) for n in range(3)]
            await b.publish(*again, late)
            await listener.until(lambda: late["ref"] in listener.refs())
            assert listener.refs()[before:] == [late["ref"]]
            behind = await b.listen(authorization=key, last_event_id=f"{b.live.hub.epoch}-0")
            await behind.until(lambda: bool(behind.refs() or behind.named("reset")))
            assert not set(behind.refs()) & {e["ref"] for e in again}

    run(go())


def test_a_revoked_session_is_dropped_and_cannot_come_back(nats_url: str, live_server: LiveServer) -> None:
    account = make_account(("dispatcher", OWN))
    browser = client_for(account)
    cookie = "; ".join(f"{k}={m.value}" for k, m in browser.cookies.items())
    session = browser.get("/api/v1/live/session").json()

    async def go() -> None:
        async with bed(nats_url, live_server) as b:
            listener, other = await b.listen(cookie=cookie), await b.listen(authorization=key)
            await sync_to_async(browser.delete)("/api/v1/session")
            await b.publish(
                envelope("session.revoked", ref=session["session_id"], audience=f"account:{session['account_id']}",
                         data={"account_id": session["account_id"], "session_id": session["session_id"]})
            )  # fmt: skip
            await asyncio.wait_for(listener.closed.wait(), 5)
            assert (await b.listen(cookie=cookie)).status == 401
            assert not other.closed.is_set() and not other.named("session.revoked")

    key = bearer()
    run(go())


def test_a_session_that_ended_without_a_word_is_found(nats_url: str, live_server: LiveServer) -> None:
    account = make_account(("dispatcher", OWN))
    browser = client_for(account)
    cookie = "; ".join(f"{k}={m.value}" for k, m in browser.cookies.items())

    async def go() -> None:
        async with bed(nats_url, live_server) as b:
            listener = await b.listen(cookie=cookie)
            await b.live.recheck()
            assert not listener.closed.is_set()
            await sync_to_async(browser.delete)("/api/v1/session")
            await b.live.recheck()
            await asyncio.wait_for(listener.closed.wait(), 5)

    run(go())


def test_values_only_for_those_who_ask_and_coalesced(nats_url: str, live_server: LiveServer) -> None:
    key = bearer()

    async def go() -> None:
        async with bed(nats_url, live_server) as b:
            asked, quiet = await b.listen("?types=value", authorization=key), await b.listen(authorization=key)
            allowed = any("devices.view" in g.permissions for g in next(iter(b.live.hub.listeners)).actor.grants)
            for n in range(50):
                items = [["d1", OWN, "level", n, n / 10], ["d2", OTHER, "level", n, 1.0]]
                await b.client.publish("live.value.0", orjson.dumps({"items": items}))
            await b.client.flush()
            await asyncio.sleep(0.7)
            got = [i for e in asked.named("value") for i in e["data"]["items"]]
            assert {i[0] for i in got} == ({"d1"} if allowed else set())
            assert len(got) <= 4 and (not allowed or got[-1] == ["d1", OWN, "level", 49, 4.9])
            assert not quiet.named("value")

    run(go())


def test_a_slow_listener_is_dropped_and_the_others_hear_on(nats_url: str, live_server: LiveServer) -> None:
    key = bearer()

    async def go() -> None:
        async with bed(nats_url, live_server) as b:
            good = await b.listen(authorization=key)
            slow = await Client().open(b.port, "", authorization=key)
            slow.task.cancel()
            slow.writer.transport.pause_reading()  # type: ignore[attr-defined]
            b.open.append(slow)
            big = {"x": "y" * 20_000}
            for _ in range(6):
                await b.publish(*[envelope(data=big) for _ in range(100)])
            await good.until(lambda: len(good.refs()) == 600, 20)
            assert len(b.live.hub.listeners) == 1

    run(go())


def test_bad_requests_are_refused_clearly(nats_url: str, live_server: LiveServer) -> None:
    async def ask(port: int, text: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(text)
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return answer.split(b"\r\n")[0]

    async def go() -> None:
        async with bed(nats_url, live_server) as b:
            for text, status in (
                (b"POST /live/events HTTP/1.1\r\n\r\n", b"405"), (b"GET /other HTTP/1.1\r\n\r\n", b"404"),
                (b"\x00\x01\x02\r\n\r\n", b"400"), (b"GET /live/events HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
                (b"GET /live/events HTTP/1.1\r\n" + b"x: y\r\n" * 10_000, b"431"),
                (b"GET /live/events?area=" + b"a" * 200 + b" HTTP/1.1\r\n\r\n", b"422"),
            ):  # fmt: skip
                assert status in await ask(b.port, text)

    run(go())


def test_500_listeners_at_small_cost(nats_url: str, live_server: LiveServer) -> None:
    key = bearer()

    async def go() -> None:
        async with bed(nats_url, live_server) as b:
            clients = [await b.listen(authorization=key) for _ in range(500)]
            assert len(b.live.hub.groups) == 1
            began, cpu = time.perf_counter(), time.process_time()
            await b.publish(*[envelope() for _ in range(20)])
            for c in clients:
                await c.until(lambda c=c: len(c.refs()) == 20, 30)  # type: ignore[misc]
            wall, busy = time.perf_counter() - began, time.process_time() - cpu
            print(f"10,000 deliveries, both ends: {wall:.2f} s, {busy:.2f} CPU-s")

    run(go())


def test_every_role_hears_what_its_permissions_say_in_its_own_area_only(nats_url: str, live_server: LiveServer) -> None:
    """The permission matrix of live events: role × permission × (own area, other area)."""
    from linli.kernel import packs

    roles = packs.read_yaml(packs.root() / "standard" / "roles.yaml")
    keys = {role: bearer(role) for role in roles["roles"]}

    async def go() -> None:
        async with bed(nats_url, live_server) as b:
            ears = {role: await b.listen(authorization=key) for role, key in keys.items()}
            assert {role: ear.status for role, ear in ears.items()} == dict.fromkeys(keys, 200)
            wanted: dict[str, list[str]] = {role: [] for role in keys}
            for permission in roles["permissions"]:
                own, other = envelope(permission=permission), envelope(permission=permission, area=OTHER)
                await b.publish(own, other)
                for role, entry in roles["roles"].items():
                    wanted[role] += [own["ref"]] if permission in entry["permissions"] else []
            last = envelope()
            await b.publish(last)
            for role, ear in ears.items():
                await ear.until(lambda ear=ear: last["ref"] in ear.refs())  # type: ignore[misc]
                assert ear.refs()[:-1] == wanted[role], role

    run(go())
