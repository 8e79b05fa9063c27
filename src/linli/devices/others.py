"""Terms about other devices: those of a thing model in the same place as the rule's own device.

    {"kind": "threshold", "of": {"model": "rain_gauge", "level": 0, "age_s": 1800}, "property": "rain_rate", ...}

It holds while any of these devices says so, by a reading not older than `age_s`. The place is a grid: level 0 is the
district, 1 to 4 the grids below. Pure functions; properties of other models are known as `model/property`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from linli.devices.wording import OF, Property
from linli.kernel.errors import FieldError

KINDS = ("threshold", "range")
LEVELS = range(5)
AGE_S = (60, 86_400)
MAX_OTHERS = 100  # of one place
MAX_PAIRS = 200_000  # devices of a rule, each with each of those: about 75 MB of a sense process
Check = Iterator[FieldError]
Term = Mapping[str, Any]


def place_of(area_path: str, level: int) -> str:
    """The grid of that level that a path lies in; the finest there is, when it has none of that level."""
    return ".".join(area_path.split(".")[: level + 1])


def models(condition: Mapping[str, Any] | None) -> list[str]:
    """The models that terms are about besides the rule's own, as far as they are named."""
    terms = (condition or {}).get("terms")
    of = [t["of"] for t in terms if isinstance(t, Mapping) and "of" in t] if isinstance(terms, list) else []
    return list(dict.fromkeys(o["model"] for o in of if isinstance(o, Mapping) and isinstance(o.get("model"), str)))


def looks(condition: Mapping[str, Any] | None) -> Iterator[tuple[str, int, str]]:
    """(model, level, property) of each term about other devices."""
    for term in (condition or {}).get("terms", ()):
        if "of" in term:
            yield term["of"]["model"], term["of"]["level"], term["property"]


def known(model: str, name: Mapping[str, str], properties: list[Property]) -> list[Property]:
    """The properties of another model, as terms about it name them."""
    return [
        Property(f"{model}/{p.code}", OF[0].format(name["zh"], p.zh), OF[1].format(name["en"].lower(), p.en), p.type,
                 p.unit, p.low, p.high)
        for p in properties
    ]  # fmt: skip


def code_of(term: Term) -> Any:
    """The code under which the properties of all have that of a term."""
    of, name = term.get("of"), term.get("property")
    if of is None:
        return name if isinstance(name, str) and "/" not in name else None
    return f"{of.get('model')}/{name}" if isinstance(of, Mapping) else None


def problems(at: str, term: Term, number: int, properties: Mapping[str, Any]) -> Check:
    """What is wrong with whom a term is about."""
    of = term.get("of")
    if of is None:
        return
    if not isinstance(of, Mapping) or set(of) != {"model", "level", "age_s"}:
        yield FieldError(f"{at}.of", "takes model, level, age_s")
        return
    if number == 0:
        yield FieldError(f"{at}.of", "the first term is about the rule's own device, which has the alarm")
    if term.get("kind") not in KINDS:
        yield FieldError(f"{at}.kind", f"of other devices must be one of {', '.join(KINDS)}")
    if not any(code.startswith(f"{of['model']}/") for code in properties):
        yield FieldError(f"{at}.of.model", "is no thing model of a place")
    if isinstance(of["level"], bool) or of["level"] not in [*LEVELS]:
        yield FieldError(f"{at}.of.level", "must be 0 (the district) to 4")
    age = of["age_s"]
    if isinstance(age, bool) or not isinstance(age, int) or not AGE_S[0] <= age <= AGE_S[1]:
        yield FieldError(f"{at}.of.age_s", f"must be {AGE_S[0]} to {AGE_S[1]} seconds")
