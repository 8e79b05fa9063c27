"""Maps of `linli replay`: which column of a table is the time, the device and each property. Data of the packs."""

from __future__ import annotations

import csv
import gzip
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from string import Formatter
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from linli.commands import _maps


class BadMap(Exception):
    """The map or the file cannot be used; the text says why."""


class BadRow(Exception):
    """A row that is not sent; the text is the reason in the report."""

    def __init__(self, reason: str, field: str) -> None:
        super().__init__(reason)
        self.field = field


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    property: str
    scale: float
    offset: float


@dataclass(frozen=True, slots=True)
class Row:
    """`at` is ms UTC of the recording; `device` the code that the map makes for this row."""

    line: int
    device: str
    at: int
    values: dict[str, float]


class Map:
    def __init__(self, name: str, raw: dict[str, Any], prefix: str = "") -> None:
        try:
            if raw.get("kind") != "telemetry":
                raise BadMap(f"the map {name} is not for telemetry")
            self.device = raw["device"]
            self.prefix = prefix
            self.model = str(self.device["model"])
            time = raw["time"]
            self.time_columns = [str(c) for c in time.get("columns") or [time["column"]]]
            self.formats = [str(f) for f in time.get("formats", ())]
            self.zone = _zone(str(time.get("zone", "UTC")))
            self.missing = frozenset(str(m) for m in raw.get("missing", ("",)))
            self.columns = [
                Column(str(p["column"]), str(p["property"]), float(p.get("scale", 1)), float(p.get("offset", 0)))
                for p in raw["properties"]
            ]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadMap(f"the map {name} lacks or misspells {error}") from error

    def check(self, header: list[str]) -> None:
        """Every column the map names must be there, except a property's: recordings differ in what they measured."""
        names = set(header)
        wanted = [*self.time_columns, *_fields(str(self.device["code"])) - {"stem"}]
        if lacking := [c for c in wanted if c not in names]:
            raise BadMap(f"the file has no column {', '.join(lacking)}; it has {', '.join(header)[:200]}")
        self.columns = [c for c in self.columns if c.name in names]
        if not self.columns:
            raise BadMap(f"the file has none of the map's properties; it has {', '.join(header)[:200]}")

    def row(self, line: int, cells: dict[str, str], stem: str) -> Row:
        at = self._time(cells)
        values: dict[str, float] = {}
        for column in self.columns:
            text = (cells.get(column.name) or "").strip()
            if text in self.missing:
                continue
            try:
                value = float(text) * column.scale + column.offset
            except ValueError:
                raise BadRow("a value is not a number", column.name) from None
            if not math.isfinite(value):
                raise BadRow("a value is not finite", column.name)
            values[column.property] = round(value, 9)
        if not values:
            raise BadRow("no value", "-")
        return Row(line, self.code(cells, stem), at, values)

    def code(self, cells: dict[str, str], stem: str) -> str:
        code = self.prefix + str(self.device["code"]).format(**{**cells, "stem": stem})
        return "".join(c if c.isalnum() or c in "-_." else "-" for c in code)[:60]

    def title(self, language: str, stem: str, cells: dict[str, str]) -> str:
        return str(self.device["name"][language]).format(**{**cells, "stem": stem})[:100]

    def _time(self, cells: dict[str, str]) -> int:
        texts = [(cells.get(c) or "").strip() for c in self.time_columns]
        try:
            if len(texts) > 1:
                local = datetime(*(int(float(t)) for t in texts))  # type: ignore[arg-type]  # noqa: DTZ001
            else:
                local = self._parse(texts[0])
        except (ValueError, TypeError, OverflowError):
            raise BadRow("the time cannot be read", self.time_columns[0]) from None
        if local.tzinfo is None:
            local = local.replace(tzinfo=self.zone)
        return int(local.astimezone(UTC).timestamp() * 1000)

    def _parse(self, text: str) -> datetime:
        for form in self.formats:
            try:
                return datetime.strptime(text, form)  # noqa: DTZ007
            except ValueError:
                continue
        return datetime.fromisoformat(text)


def _fields(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def _zone(text: str) -> tzinfo:
    if text[:1] in "+-" and len(text) == 6:
        minutes = int(text[1:3]) * 60 + int(text[4:6])
        return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise BadMap(f"{text} is no time zone") from error


def load(name: str, prefix: str = "") -> Map:
    found, own = _maps.known(), _maps.own_name(name)
    if own not in found:
        raise BadMap(f"there is no map {name} in the packs; there are {', '.join(sorted(found))}")
    return Map(name, found[own], prefix)


def stem(path: Path) -> str:
    name = path.name.removesuffix(".gz").removesuffix(".csv")
    return name.split("__")[-1]


def cells(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, cells by column name) of a CSV, plain or gzipped. A cut or binary file raises BadMap."""
    opened = gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb")  # noqa: SIM115
    try:
        with opened, io.TextIOWrapper(opened, encoding="utf-8-sig", newline="") as text:  # type: ignore[arg-type]
            reader = csv.DictReader(text)
            if not reader.fieldnames:
                raise BadMap(f"{path.name} is empty")
            yield 0, {name: name for name in reader.fieldnames}
            for found in reader:
                yield reader.line_num, {k: v for k, v in found.items() if k is not None and isinstance(v, str)}
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise BadMap(f"{path.name} cannot be read: {error}") from error
