"""What the packs say about Open311, and how parameters of the protocol are read. No rows, no requests."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from linli.kernel import packs
from linli.kernel.errors import Invalid

SPAN = timedelta(days=90)
MAX_SIZE, MAX_SKIP = 200, 10_000
MAX_RADIUS = 50_000.0


@dataclass(frozen=True, slots=True)
class Value:
    key: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """What a service asks besides description and place."""

    pattern: str
    code: str
    zh: str
    en: str
    datatype: str
    required: bool
    values: tuple[Value, ...] = ()

    def fits(self, class_code: str) -> bool:
        if self.pattern.endswith("*"):
            return class_code.startswith(self.pattern[:-1])
        return class_code == self.pattern


@dataclass(frozen=True)
class Words:
    """The packs' tables: state → word of others, word of others → acts here, attributes of services."""

    out: Mapping[str, str]
    come: Mapping[str, tuple[str, ...]]
    attributes: tuple[Attribute, ...]


@lru_cache(maxsize=1)
def words() -> Words:
    out: dict[str, str] = {}
    come: dict[str, tuple[str, ...]] = {}
    asked: dict[tuple[str, str], Attribute] = {}
    for path in packs.files("open311", (".yaml",)):
        data = packs.read_yaml(path)
        out |= data.get("out", {})
        come |= {k: tuple(v) for k, v in data.get("in", {}).items()}
        for row in data.get("attributes", []):
            values = tuple(Value(str(v["key"]), v["zh"], v["en"]) for v in row.get("values", []))
            made = Attribute(
                str(row["class"]), row["code"], row["zh"], row["en"], row["datatype"], row["required"], values
            )
            asked[made.pattern, made.code] = made
    return Words(out, come, tuple(asked.values()))


def condition(class_code: str, rows: tuple[Value, ...]) -> Attribute:
    """The question which of a class's filing conditions it is."""
    zh, en = "属于哪种情况", "Which of these is it?"
    return Attribute(class_code, "condition", zh, en, "singlevaluelist", False, rows)


def asked_of(class_code: str) -> list[Attribute]:
    return [a for a in words().attributes if a.fits(class_code)]


def word_of(status: str) -> str:
    """Another system's status in one spelling: `In progress` and `in_progress` are the same word."""
    return re.sub(r"\W+", "_", status.upper()).strip("_")[:40]


def told(state: str, final: bool, own: Mapping[str, str] | None = None) -> str:
    """What a state is called outside; `own` is what an endpoint says differently."""
    return (own or {}).get(state) or words().out.get(state) or ("CLOSED" if final else "OPEN")


def acts_of(status: str, own: Mapping[str, Iterable[str]] | None = None) -> tuple[str, ...]:
    """The acts that another system's status may do here."""
    word = word_of(status)
    found = (own or {}).get(word)
    return tuple(found) if found is not None else words().come.get(word, ())


def read_time(name: str, text: str) -> datetime:
    """A W3C time; a date is its midnight and a missing offset is UTC, because many clients send them so."""
    try:
        found = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(name, "is not a W3C date and time such as 2026-11-23T08:00:00Z") from None


def window(first: str, last: str, now: datetime, names: tuple[str, str]) -> tuple[datetime, datetime]:
    """The span asked for: at most 90 days, by default the most recent ones."""
    try:
        start = read_time(names[0], first) if first else None
        end = read_time(names[1], last) if last else None
        start = start or ((end or now) - SPAN)
        end = end or min(start + SPAN, max(now, start))
    except OverflowError:
        raise Invalid(names[0], "is out of range") from None
    if end < start:
        raise Invalid(names[1], f"lies before {names[0]}")
    if end - start > SPAN:
        raise Invalid(names[0], f"{names[0]} and {names[1]} span more than 90 days")
    return start, end


def read_number(name: str, text: str, low: float, high: float) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not low <= found <= high:
        raise Invalid(name, f"must be a number from {low:g} to {high:g}")
    return found


def read_page(page: str, size: str) -> tuple[int, int]:
    """(rows to skip, rows to give). The protocol counts pages, so deep ones are refused: use dates."""
    per = int(read_number("page_size", size, 1, MAX_SIZE)) if size else 50
    number = int(read_number("page", page, 1, 1_000_000)) if page else 1
    if (number - 1) * per > MAX_SKIP:
        raise Invalid("page", f"goes beyond {MAX_SKIP} requests; narrow start_date and end_date instead")
    return (number - 1) * per, per


def listed(text: str, most: int = 200) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    return found[:most]


def said(attributes: Iterable[Attribute], given: Mapping[str, list[str]], english: bool) -> str:
    """The answers to a service's questions as a line for the case's text. Refuses what is missing or not listed."""
    lines = []
    for one in attributes:
        answers = [v.strip()[:200] for v in given.get(one.code, []) if v.strip()]
        if not answers:
            if one.required:
                raise Invalid(f"attribute[{one.code}]", "is required")
            continue
        if one.values:
            known = {v.key: v for v in one.values}
            if wrong := [a for a in answers if a not in known]:
                raise Invalid(f"attribute[{one.code}]", f"has no value {wrong[0][:40]}")
            answers = [known[a].en if english else known[a].zh for a in answers]
        lines.append(f"{one.en if english else one.zh}: {', '.join(answers)}")
    return "; ".join(lines)


def attributes_of(form: Mapping[str, Any]) -> dict[str, list[str]]:
    """`attribute[code]=…` and `attribute[code][]=…` of a form, by code."""
    found: dict[str, list[str]] = {}
    for name in form:
        if name.startswith("attribute[") and "]" in name:
            code = name[len("attribute[") :].partition("]")[0]
            values = form.getlist(name) if hasattr(form, "getlist") else [form[name]]
            found.setdefault(code, []).extend(str(v) for v in values)
    return found
