"""N phones, each with two members in turn, crash, switch users and send; the ledger of what they meant is compared
with what the service has: nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import io
import random
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image
from tests.district import District
from tests.phones.chaos import Chaos
from tests.phones.phone import Line, Phone

from linli.sim.web import Client

PAIRS = {
    "pump": ("crew", "crew2"), "patrol": ("patrol1", "patrol2"), "enforcement": ("enforcement1", "enforcement2"),
    "safety": ("safety1", "safety2"), "community": ("community1", "community2"),
}  # fmt: skip
PLACE = (117.279084, 31.963367)
AT_ONCE = 64  # phones that send at the same time
ROUNDS = 400


@dataclass
class Ledger:
    """What the members did, by the phones' own account."""

    mark: str
    reports: dict[str, int] = field(default_factory=dict)  # text → photos
    tasks: list[str] = field(default_factory=list)
    crashes: int = 0
    switches: int = 0
    stuck: list[str] = field(default_factory=list)
    sent: int = 0


def picture(dice: random.Random) -> bytes:
    """A small JPEG that no other phone has."""
    data = io.BytesIO()
    colours = [(dice.randrange(256), dice.randrange(256), dice.randrange(256)) for _ in range(64)]
    image = Image.new("RGB", (8, 8))
    image.putdata(colours)
    image.resize((64, 64), Image.Resampling.NEAREST).save(data, "JPEG", quality=90)
    return data.getvalue()


class Fleet:
    def __init__(self, district: District, count: int, seed: int = 7) -> None:
        self.district, self.count, self.seed = district, count, seed
        self.passwords = district.passwords()
        self.origin = district.origin
        self.desk = Client(self.origin, verify=False).sign_in("dutylead", self.passwords["dutylead"])
        self.ledger = Ledger(uuid.uuid4().hex[:8])
        self.cookies: dict[str, str] = {}

    def make_tasks(self) -> list[str]:
        """One task a phone, of the team of its members."""
        teams = {one["code"]: one["id"] for one in self.desk.pages("teams")}
        made, names = [], [*PAIRS]
        for i in range(self.count):
            body = {"title": f"巡查 {self.ledger.mark}-{i}", "kind": "inspect", "team_id": teams[names[i % len(names)]],
                    "needs_photo": True, "place": {"lon": PLACE[0], "lat": PLACE[1]}}  # fmt: skip
            made.append(self.desk.post("tasks", body)["id"])
        return made

    async def run(self, tasks: Sequence[str]) -> Counter[str]:
        where = urlsplit(self.origin)
        async with Chaos(where.hostname or "127.0.0.1", where.port or 80, self.seed) as chaos:
            direct = Line(where.port or 80, self.origin)
            for account in sorted({one for pair in PAIRS.values() for one in pair}):
                await direct.sign_in(account, self.passwords[account])
            self.cookies = direct.cookies
            gate = asyncio.Semaphore(AT_ONCE)
            with tempfile.TemporaryDirectory(prefix="linli-phones-") as folder:
                await asyncio.gather(*(self._phone(i, Path(folder), chaos, gate, tasks[i]) for i in range(self.count)))
            return chaos.fates

    async def _phone(self, i: int, folder: Path, chaos: Chaos, gate: asyncio.Semaphore, task: str) -> None:
        dice = random.Random(self.seed * 100_003 + i)
        disk = folder / str(i)
        disk.mkdir()
        line = Line(chaos.port, self.origin, dict(self.cookies))
        first, second = PAIRS[[*PAIRS][i % len(PAIRS)]]
        phone = Phone(disk, line, dice)
        self._use(phone, first, dice, i, task)
        async with gate:
            await self._live(phone, dice, (first, second), i)

    def _use(self, phone: Phone, first: str, dice: random.Random, i: int, task: str) -> None:
        """All the members do, without a network: a report with a photo each, and the first one's task."""
        for account, chains in ((first, 1), ("", 0)):
            phone.account = account or PAIRS[[*PAIRS][i % len(PAIRS)]][1]
            self._report(phone, dice, f"{self.ledger.mark} {i} {phone.account}")
            if chains:
                self._task(phone, dice, task)

    def _report(self, phone: Phone, dice: random.Random, text: str) -> None:
        made, photo = str(uuid.uuid4()), phone.photo(picture(dice))
        place = {"lon": PLACE[0] + dice.uniform(-2e-3, 2e-3), "lat": PLACE[1] + dice.uniform(-2e-3, 2e-3)}
        body = {"id": made, "kind": "problem", "channel": "patrol", "text": text, "urgent": False, **place}
        steps: list[dict[str, Any]] = [{"method": "POST", "path": "/cases", "body": body}]
        steps.append({"method": "POST", "path": "/cases/{0.id}/photos",
                      "photo": {"id": photo, "field": "file", "fields": {"stage": "report"}}})  # fmt: skip
        phone.enqueue(f"report:{made}", steps, made)
        self.ledger.reports[text] = 1

    def _task(self, phone: Phone, dice: random.Random, task: str) -> None:
        photo = phone.photo(picture(dice))
        for action in ("accept", "photo", "finish"):
            step: dict[str, Any] = {"method": "PUT", "path": f"/tasks/{task}/steps/{uuid.uuid4()}",
                                    "body": {"action": action, "note": "已查"}}  # fmt: skip
            if action == "photo":
                step = {"method": "POST", "path": f"/tasks/{task}/photos/{photo}",
                        "photo": {"id": photo, "field": "photo", "fields": {"stage": "after"}}}  # fmt: skip
            phone.enqueue(f"task:{task}", [step])
        self.ledger.tasks.append(task)

    async def _live(self, phone: Phone, dice: random.Random, pair: tuple[str, str], i: int) -> None:
        """Sends in short spells that end by a crash, a second window or another user, until both have nothing left."""
        for turn in range(ROUNDS):
            phone = Phone(phone.disk, phone.line, dice)  # what was in memory is gone
            phone.account = pair[turn % 2]
            self.ledger.switches += 1
            if i % 10 == 0 and turn < 2:  # some sign in themselves, over the bad line
                await phone.line.sign_in(phone.account, self.passwords[phone.account])
            windows = [phone.pump() for _ in range(2 if dice.random() < 0.15 else 1)]
            limit = dice.uniform(0.3, 4) if turn < 8 else 60
            try:
                async with asyncio.timeout(limit):
                    await asyncio.gather(*windows)
            except TimeoutError:  # wherever it was: between an answer and its note on the disk, too
                self.ledger.crashes += 1
            if all(one["state"] != "waiting" for name in pair for one in self._of(phone, name)):
                break
        for name in pair:
            for one in self._of(phone, name):
                self.ledger.sent += one["state"] == "sent"
                if one["state"] != "sent":
                    self.ledger.stuck.append(f"{i} {name} {one['chain']} {one['state']} {one['problem']}")

    @staticmethod
    def _of(phone: Phone, name: str) -> list[dict[str, Any]]:
        held, phone.account = phone.account, name
        try:
            return phone.items()
        finally:
            phone.account = held

    def judge(self) -> dict[str, list[str]]:
        """What the service has against the ledger: lost and doubled, by name."""
        lost, doubled = [], []
        found = Counter[str]()
        photos: dict[str, int] = {}
        for case in self.desk.pages("cases", limit=100, q=self.ledger.mark):
            if case["text"] in self.ledger.reports:
                found[case["text"]] += 1
                photos[case["text"]] = len(self.desk.get(f"cases/{case['id']}/photos")["items"])
        for text, count in self.ledger.reports.items():
            _compare(f"case {text}", found[text], 1, lost, doubled)
            _compare(f"photo of {text}", photos.get(text, 0), count, lost, doubled)
        for task_id in self.ledger.tasks:
            task = self.desk.get(f"tasks/{task_id}")
            steps = Counter(one["action"] for one in task["steps"])
            for action in ("accept", "finish"):
                _compare(f"{action} of {task_id}", steps[action], 1, lost, doubled)
            _compare(f"photo of {task_id}", len(task["photos"]), 1, lost, doubled)
            if task["state"] != "done":
                lost.append(f"end of {task_id}: {task['state']}")
        return {"lost": lost, "doubled": doubled}


def _compare(what: str, has: int, should: int, lost: list[str], doubled: list[str]) -> None:
    if has < should:
        lost.append(what)
    elif has > should:
        doubled.append(f"{what}: {has}")


def drive(district: District, count: int) -> tuple[Ledger, dict[str, list[str]], str]:
    """The whole exercise; the figures as one line."""
    fleet = Fleet(district, count)
    tasks = fleet.make_tasks()
    began = time.monotonic()
    fates = asyncio.run(fleet.run(tasks))
    seconds, ledger = time.monotonic() - began, fleet.ledger
    found = fleet.judge()
    figures = (
        f"{count} phones, {ledger.sent} items sent in {seconds:.0f} s, {ledger.crashes} crashes,"
        f" {ledger.switches} user switches, {sum(fates.values())} requests"
        f" ({', '.join(f'{name} {fates[name]}' for name in sorted(fates))}):"
        f" {len(found['lost'])} lost, {len(found['doubled'])} doubled, {len(ledger.stuck)} stuck"
    )
    return ledger, found, figures
