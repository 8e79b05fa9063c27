"""`linli replay FILE --map NAME`: plays a recorded table as live telemetry, as any outside device would send it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from linli import commands

BACKFILL_MS = 300 * 86_400_000  # older than this goes by the HTTP door, which takes recordings of any age


def register(sub: Any) -> None:
    parser = sub.add_parser("replay", help="play a recorded table (csv, csv.gz) as live telemetry")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--map", required=True, metavar="NAME", help="such as lro_river, nab or air_beijing")
    pace = "seconds of the recording a second; 0 (default): as fast as the district takes it"
    parser.add_argument("--speed", type=float, default=0, metavar="N", help=pace)
    now = "move the recording's times so that its last row is now (default), so that rules fire"
    parser.add_argument("--shift", action=argparse.BooleanOptionalAction, default=True, help=now)
    parser.add_argument("--limit", type=int, metavar="ROWS", help="only the first ROWS rows of each file")
    parser.add_argument("--device-prefix", default="", metavar="TEXT", help="put before the codes of the devices")
    parser.add_argument("--token", metavar="TOKEN", help="send as this device instead of making one")
    parser.add_argument("--api-key", metavar="KEY", help="key that may make devices (default: LINLI_API_KEY)")
    parser.add_argument("--place", metavar="LON,LAT", help="where new devices stand (WGS84)")
    parser.add_argument(
        "--door", choices=("mqtt", "http"), help="which door to use (default: mqtt; http for old times)"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON; its last line is the whole")
    commands.add_home(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from linli.commands import _replay_map as maps
    from linli.commands import _replay_send as send
    from linli.home import Home

    if args.speed < 0 or (args.limit is not None and args.limit < 1):
        raise commands.CommandError("--speed must not be negative, --limit must be at least 1")
    started = time.monotonic()
    try:
        replay = Replay(args, send.Doors.of(Home.current(), args.api_key or os.environ.get("LINLI_API_KEY")))
        for path in args.files:
            replay.read(path)
        asyncio.run(replay.play())
    except (maps.BadMap, send.Refusal) as error:
        raise commands.CommandError(str(error)) from error
    report = replay.report(time.monotonic() - started)
    if args.json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        _print(report)
    return 0


class Replay:
    """Reads everything first (a report names each refused row), then plays the rows in the order of their times."""

    def __init__(self, args: argparse.Namespace, doors: Any) -> None:
        self.args = args
        self.doors = doors
        self.rows: list[Any] = []
        self.names: dict[str, tuple[str, str]] = {}
        self.model = ""
        self.read_rows = self.sent = self.points = 0
        self.reasons: Counter[str] = Counter()
        self.samples: list[dict[str, Any]] = []
        self.warnings: Counter[str] = Counter()
        self.first = self.last = 0
        self.door = ""

    def read(self, path: Path) -> None:
        from linli.commands import _replay_map as maps

        if not path.is_file():
            raise maps.BadMap(f"{path} is not a file")
        found = maps.load(self.args.map, self.args.device_prefix)
        self.model = found.model
        stem = maps.stem(path)
        seen: set[tuple[str, int]] = set()
        for count, (line, cells) in enumerate(maps.cells(path)):
            if count == 0:
                found.check(list(cells))
                continue
            if self.args.limit and count > self.args.limit:
                break
            self.read_rows += 1
            try:
                row = found.row(line, cells, stem)
                if (row.device, row.at) in seen:
                    raise maps.BadRow("a second row of the same time", found.time_columns[0])
            except maps.BadRow as error:
                self._reject(path, line, error)
                continue
            seen.add((row.device, row.at))
            self.rows.append(row)
            if row.device not in self.names:
                self.names[row.device] = (found.title("zh", stem, cells), found.title("en", stem, cells))

    def _reject(self, path: Path, line: int, error: Any) -> None:
        self.reasons[str(error)] += 1
        if len(self.samples) < 20:
            self.samples.append({"file": path.name, "line": line, "field": error.field, "reason": str(error)})

    async def play(self) -> None:
        from linli.commands import _replay_send as send

        if not self.rows:
            return
        self.rows.sort(key=lambda r: r.at)
        first, last = self.rows[0].at, self.rows[-1].at
        now = int(time.time() * 1000)
        speed = self.args.speed
        seconds = (last - first) / 1000 / speed if speed else 0.0
        shift = now + int(seconds * 1000) - last if self.args.shift else 0
        self.first, self.last = first + shift, last + shift
        self.door = self.args.door or ("http" if now - self.first > BACKFILL_MS else "mqtt")
        senders = {
            code: send.Sender(self.doors, token, self.door, self._warn) for code, token in self._tokens().items()
        }
        try:
            if speed:
                await self._paced(senders, shift, speed)
            else:
                await asyncio.gather(*(self._rush(code, sender, shift) for code, sender in senders.items()))
        finally:
            for sender in senders.values():
                await sender.close()

    def _tokens(self) -> dict[str, str]:
        from linli.commands import _replay_send as send

        if self.args.token:
            if len(self.names) > 1:
                raise send.Refusal(f"--token is for one device, the recording has {len(self.names)}")
            return dict.fromkeys(self.names, self.args.token)
        client = self.doors.client()
        place = _place(self.args.place) if self.args.place else send.place_beside(client, self.model)
        return {code: send.device_token(client, code, self.model, names, place) for code, names in self.names.items()}

    async def _paced(self, senders: dict[str, Any], shift: int, speed: float) -> None:
        """A row goes out when its time has come; rows of one moment go together."""
        start, first = time.monotonic(), self.rows[0].at
        pending: set[asyncio.Task[None]] = set()
        for row in self.rows:
            wait = (row.at - first) / 1000 / speed - (time.monotonic() - start)
            if wait > 0:
                await asyncio.sleep(wait)
            if len(pending) > 200:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            pending.add(asyncio.create_task(self._put(senders[row.device], [(row.at + shift, row.values)])))
        await asyncio.gather(*pending)

    async def _rush(self, code: str, sender: Any, shift: int) -> None:
        await self._put(sender, [(r.at + shift, r.values) for r in self.rows if r.device == code])

    async def _put(self, sender: Any, rows: list[tuple[int, dict[str, float]]]) -> None:
        await sender.put(rows)
        self.sent += len(rows)
        self.points += sum(len(values) for _, values in rows)

    def _warn(self, text: str) -> None:
        self.warnings[text] += 1

    def report(self, seconds: float) -> dict[str, Any]:
        from linli.kernel import clock

        def at(ms: int) -> str | None:
            return clock.datetime.fromtimestamp(ms / 1000, clock.UTC).isoformat() if ms else None

        return {
            "map": self.args.map, "files": [p.name for p in self.args.files], "rows": self.read_rows, "sent": self.sent,
            "rejected": sum(self.reasons.values()), "reasons": dict(self.reasons.most_common()),
            "samples": self.samples, "points": self.points, "devices": sorted(self.names), "door": self.door,
            "shifted": bool(self.args.shift), "first": at(self.first), "last": at(self.last),
            "warnings": dict(self.warnings), "seconds": round(seconds, 2),
        }  # fmt: skip


def _place(text: str) -> dict[str, float]:
    try:
        lon, lat = (float(part) for part in text.split(","))
    except ValueError as error:
        raise commands.CommandError("--place is LON,LAT in degrees") from error
    return {"lon": lon, "lat": lat}


def _print(report: dict[str, Any]) -> None:
    print(f"{report['rows']} rows: {report['sent']} sent ({report['points']} readings), {report['rejected']} rejected,"
          f" as {', '.join(report['devices'])} by {report['door']} in {report['seconds']} s")  # fmt: skip
    print(f"times {report['first']} to {report['last']}{' (shifted to now)' if report['shifted'] else ''}")
    for reason, count in report["reasons"].items():
        print(f"  rejected: {reason}: {count}")
    for sample in report["samples"][:5]:
        print(f"    {sample['file']} line {sample['line']}: {sample['reason']} ({sample['field']})")
    for warning, count in report["warnings"].items():
        print(f"  warning: {warning}: {count}")
