"""The questions of `make bench-cases`: every filter and mixes of them, of rare and common values, by several roles."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
from tests.bench import cases as small

from linli.kernel import ids

Question = Callable[[], httpx.Response]
API = "/api/v1"


class Asks:
    """Questions to one district. Values are looked up in its data: the rarest, the middle and the commonest."""

    def __init__(self, dsn: str, web: str, keys: dict[str, str]) -> None:
        self.clients = {
            name: httpx.Client(base_url=web, headers={"Authorization": f"Bearer {key}"}, timeout=120)
            for name, key in keys.items()
        }
        self.rng = random.Random(3)
        with psycopg.connect(dsn) as db:
            self.classes, self.areas = (self._three(db, column) for column in ("class_code", "area_path"))
            teams = "SELECT team_id FROM cases_case WHERE team_id IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC"
            self.teams = [str(r[0]) for r in db.execute(teams)]
            of = "SELECT id FROM cases_case WHERE source = 'linli' AND {} ORDER BY random() LIMIT 400"
            self.open = [r[0] for r in db.execute(of.format("closed_at IS NULL AND NOT private"))]
            since = "closed_at > now() - interval '90 days' AND NOT private"
            self.closed = [r[0] for r in db.execute(of.format(since).replace("ORDER BY random() ", ""))]
            points = db.execute("SELECT lon, lat FROM cases_case WHERE closed_at IS NULL ORDER BY random() LIMIT 400")
            self.points = points.fetchall()
            self.inside = db.execute(  # a case may lie beyond the border, a new one may not
                "SELECT lon, lat FROM places_grid WHERE valid_to IS NULL ORDER BY level DESC LIMIT 100"
            ).fetchall()
            self.box = db.execute("SELECT min(lon), min(lat), max(lon), max(lat) FROM cases_case").fetchone()
        known = self.clients["leader"].get(f"{API}/openapi.json")
        paths = known.json()["paths"] if known.is_success else {}
        self.insight = sorted(p for p in paths if "/insight" in p and "{" not in p and self._plain(paths[p]))

    @staticmethod
    def _plain(routes: dict[str, Any]) -> bool:
        """Whether it is read, and asked without any word of its own."""
        return "get" in routes and not any(one.get("required") for one in routes["get"].get("parameters", ()))

    @staticmethod
    def _three(db: psycopg.Connection[Any], column: str) -> tuple[str, str, str]:
        rows = db.execute(
            f"SELECT {column} FROM cases_case WHERE {column} <> '' GROUP BY 1 ORDER BY count(*)"
        ).fetchall()
        return rows[0][0], rows[len(rows) // 2][0], rows[-1][0]

    def get(self, path: str, who: str = "dispatcher") -> Question:
        client = self.clients[who]
        return lambda: client.get(API + path)

    def turns(self, path: str, values: list[Any], who: str = "dispatcher") -> Question:
        """Another value each time."""
        client, turn = self.clients[who], itertools.cycle(values)
        return lambda: client.get(API + path.format(*(v if isinstance(v := next(turn), tuple) else (v,))))

    def by_part(self) -> dict[str, dict[str, Question]]:
        return {"lists": self.lists(), "search": self.search(), "one": self.one(), "map": self.map(),
                "create": {"with duplicate check": self.create, "without": self.create_only}}  # fmt: skip

    def filters(self) -> dict[str, str]:
        rare, mid, common = self.classes
        grid_rare, grid, grid_common = self.areas
        street, now = ".".join(grid.split(".")[:2]), datetime.now(UTC)

        def at(days: float) -> str:
            return quote((now - timedelta(days=days)).isoformat())

        return {
            "none": "", "open": "open=true", "open by deadline": "open=true&sort=due", "closed": "open=false",
            "street": f"area={street}", "street, open": f"area={street}&open=true",
            "street by deadline": f"area={street}&sort=due", "rare grid": f"area={grid_rare}",
            "middle grid": f"area={grid}", "common grid": f"area={grid_common}",
            "middle grid by deadline": f"area={grid}&sort=due", "rare grid, open": f"area={grid_rare}&open=true",
            "rare class": f"class_code={rare}", "middle class": f"class_code={mid}",
            "common class": f"class_code={common}", "class group": f"class_code={mid[:4]}",
            "middle class, middle grid": f"class_code={mid}&area={grid}",
            "common class, rare grid": f"class_code={common}&area={grid_rare}",
            "middle class, street, closed": f"class_code={mid}&area={street}&open=false",
            "rare channel": "channel=open311", "common channel": "channel=qr",
            "rare channel, open": "channel=open311&open=true", "rare channel, grid": f"channel=open311&area={grid}",
            "team": f"team={self.teams[0]}", "team, open": f"team={self.teams[-1]}&open=true",
            "kind": "kind=opinion", "kind, class": f"kind=need&class_code={mid}",
            "kind, street, state": f"kind=opinion&area={street}&state=evaluated",
            "overdue": "overdue=true", "overdue, grid": f"overdue=true&area={grid}", "pressing": "pressing=true",
            "soon": "soon=true", "urgent": "urgent=true",
            "urgent, grid, class": f"urgent=true&area={grid}&class_code={mid}",
            "state handling": "state=handling", "state cancelled": "state=cancelled",
            "state cancelled, grid": f"state=cancelled&area={grid}",
            "to decide": "state=submitted,verifying,accepted,filed",
            "to decide by deadline": "state=submitted,verifying,accepted,filed&sort=due", "step 4": "step=4",
            "a month two years ago": f"created_from={at(730)}&created_to={at(700)}",
            "closed a month two years ago": f"closed_from={at(730)}&closed_to={at(700)}",
            "closed today": f"closed_from={at(0.5)}",
            "closed a day long ago, grid": f"closed_from={at(701)}&closed_to={at(700)}&area={grid}",
            "another source": "source=sf311", "any source": "source=all",
            "mine": "mine=true", "mine, open": "mine=true&open=true",
            "mine, closed, grid": f"mine=true&open=false&area={grid}",
        }  # fmt: skip

    def lists(self) -> dict[str, Question]:
        found = {name: self.get(f"/cases?limit=50&{query}") for name, query in self.filters().items()}
        cursor = self.clients["dispatcher"].get(f"{API}/cases?limit=50&open=false").json()["next"]
        found["second page"] = self.get(f"/cases?limit=50&open=false&cursor={cursor}")
        for who in ("member01", "crew"):
            for name in ("none", "open by deadline", "mine", "mine, open", "middle class", "closed today"):
                found[f"{who}: {name}"] = self.get(f"/cases?limit=50&{self.filters()[name]}", who)
        return found

    def search(self) -> dict[str, Question]:
        asked = {
            "common word": "漏水", "common sign": "灯", "common English": "light", "rare word": "孔雀",
            "no such word": "无此词",
            "pair of characters": "路灯", "two words": "泵站 松动",
            "long and short": "幸福家园 漏水", "two English": "leaks Wenming",
            "common sentence": "请尽快处理", "rare sentence": "梅冲湖7号楼泵站松动", "rare and common": "钟楼 漏水",
            "words of two languages": "light 请尽快处理",
        }  # fmt: skip
        found = {name: self.get(f"/cases?limit=50&q={quote(q)}") for name, q in asked.items()}
        found["common word in a grid"] = self.get(f"/cases?limit=50&q={quote('漏水')}&area={self.areas[1]}")
        found["common word, open"] = self.get(f"/cases?limit=50&q={quote('漏水')}&open=true")
        return found

    def one(self) -> dict[str, Question]:
        return {
            "open case": self.turns("/cases/{}", self.open), "closed case": self.turns("/cases/{}", self.closed),
            "timeline": self.turns("/cases/{}/timeline", self.open),
            "nearby duplicates": self.turns("/cases/nearby?lon={}&lat={}", self.points),
            "nearby with class": self.turns(
                f"/cases/nearby?class_code={self.classes[2]}&lon={{}}&lat={{}}", self.points
            ),
        }  # fmt: skip

    def map(self) -> dict[str, Question]:
        lon, lat = self.points[0]
        near = f"{lon - 0.01:.4f},{lat - 0.006:.4f},{lon + 0.01:.4f},{lat + 0.006:.4f}"
        found = {
            "district, zoom 11": self.get("/cases/clusters?zoom=11"),
            "district, zoom 13": self.get("/cases/clusters?zoom=13"),
            "district, zoom 13, never the same": self.turns("/cases/clusters?zoom=13&bbox={}", self._boxes()),
            "pins of a screen": self.get(f"/cases/pins?bbox={near}"),
            "counts": self.get("/cases/counts"), "on time": self.get("/cases/on-time"),
        }  # fmt: skip
        for path in self.insight:
            found[path.removeprefix(API)] = self.get(path.removeprefix(API), "leader")
        return found

    def _boxes(self) -> list[str]:
        """The whole district in ever other words, so that no answer is remembered."""
        west, south, east, north = self.box
        return [f"{west - 0.01 - n / 1e5:.5f},{south:.5f},{east:.5f},{north:.5f}" for n in range(500)]

    def create_only(self) -> httpx.Response:
        return self._create(*self._report())

    def create(self) -> httpx.Response:
        """As the desk does it: what is known nearby, then the case; counted as one."""
        lon, lat, code = self._report()
        near = self.clients["dispatcher"].get(f"{API}/cases/nearby?lon={lon}&lat={lat}&class_code={code}")
        near.raise_for_status()
        return self._create(lon, lat, code)

    def _report(self) -> tuple[float, float, str]:
        return (*self.rng.choice(self.inside), self.rng.choice(self.classes))

    def _create(self, lon: float, lat: float, code: str) -> httpx.Response:
        text = f"{self.rng.choice(small.PLACES)}{self.rng.choice(small.SUBJECTS)}{self.rng.choice(small.TROUBLES)}"
        body = {"kind": "problem", "class_code": code, "lon": lon, "lat": lat, "text": text}
        return self.clients["dispatcher"].post(
            f"{API}/cases", json=body, headers={"Idempotency-Key": str(ids.new_id())}
        )
