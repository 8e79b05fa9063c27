"""Conditions of several terms, as data and as pure functions: what is valid.

    {"match": "all" | "any", "terms": [term, ...], "windows": [window, ...], "ladder": [step, ...],
     "calculated": [figure, ...]}

A term compares one property (`TERMS`), or a figure made of several (`calculated.py`). Another kind of term is one more
entry there with its check, one more in `wording.TERMS` with its sentence, and one more way of judging in
`telemetry/sense/terms.py` (`KINDS`). Outside of its windows a rule does not count. A step of the ladder is the severity
of an alarm that has lasted `after_s`, or whose first term passes a `value` further on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from linli.devices import calculated, others
from linli.kernel.errors import FieldError

MATCHES = ("all", "any")
OPS = ("gt", "ge", "lt", "le", "eq", "ne")
ORDERS = ("gt", "ge", "lt", "le")
PER = {"minute": 60, "hour": 3600}
SEVERITIES = ("info", "warning", "severe", "urgent")
DAYS = ("every", "workday", "restday", "holiday")
CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")
MAX_TERMS, MAX_TIMES, MAX_WINDOWS = 8, 100, 8
WINDOW_S = (60, 86_400)  # over which a rate is taken or readings are counted
SIDES = ("any", "above", "below", "jump", "flat")  # of what is expected: as `telemetry/anomaly/term.py` has them
MAX_STRENGTH = 100
LEARN_S = 14 * 86_400  # twice this a series is learnt from before it is tried: four visits of each hour of the week

Check = Iterator[FieldError]
Term = Mapping[str, Any]


def problems(condition: Any, properties: Mapping[str, Any], severity: str) -> list[FieldError]:
    """What is wrong with a condition of a rule, field by field. `properties`: `rules.Property` by code."""
    if not isinstance(condition, Mapping):
        return [FieldError("condition", "is missing")]
    found = list(calculated.problems(condition, properties))
    found += [*_all(condition, properties), *_windows(condition.get("windows"))]
    return found or list(_ladder(condition, severity))


def _all(condition: Term, properties: Mapping[str, Any]) -> Check:
    yield from _only("condition", condition, ("match", "terms", "windows", "ladder", "calculated"))
    if condition.get("match", "all") not in MATCHES:
        yield FieldError("condition.match", f"must be one of {', '.join(MATCHES)}")
    terms = condition.get("terms")
    if not isinstance(terms, list) or not 1 <= len(terms) <= MAX_TERMS:
        yield FieldError("condition.terms", f"must be 1 to {MAX_TERMS} terms")
        return
    figures = calculated.known(condition)
    for number, term in enumerate(terms):
        at = f"condition.terms.{number}"
        yield from term_problems(at, term, {**figures, **properties})
        if isinstance(term, Mapping):
            yield from others.problems(at, term, number, properties)
        if isinstance(term, Mapping) and term.get("kind") == "anomaly" and term.get("property") in [*figures]:
            yield FieldError(f"{at}.property", "is calculated; what is usual is learnt of properties only")


def term_problems(at: str, term: Any, properties: Mapping[str, Any]) -> Check:
    if not isinstance(term, Mapping) or term.get("kind") not in [*TERMS]:
        yield FieldError(f"{at}.kind", f"must be one of {', '.join(TERMS)}")
        return
    fields, check = TERMS[term["kind"]]
    yield from _only(at, term, ("kind", "of", "property", *fields))
    prop = properties.get(others.code_of(term))
    if prop is None:
        yield FieldError(f"{at}.property", "is not a property of this model")
    elif prop.type not in ("number", "bool"):
        yield FieldError(f"{at}.property", "is neither a number nor a yes or no")
    else:
        yield from check(at, term, prop)


def _only(at: str, given: Term, known: tuple[str, ...]) -> Check:
    for name in given:
        if name not in known:
            yield FieldError(f"{at}.{name}", f"is not known; it takes {', '.join(known)}")


# --- windows and ladder ---------------------------------------------------------------------------------------------


def _windows(windows: Any) -> Check:
    if windows is None:
        return
    if not isinstance(windows, list) or not 1 <= len(windows) <= MAX_WINDOWS:
        yield FieldError("condition.windows", f"must be 1 to {MAX_WINDOWS} windows, or left out")
        return
    for number, one in enumerate(windows):
        at = f"condition.windows.{number}"
        if not isinstance(one, Mapping):
            yield FieldError(at, "takes days, from, to")
            continue
        yield from _only(at, one, ("days", "from", "to"))
        days = one.get("days", "every")
        listed = isinstance(days, list) and days and all(_whole(d, 1, 7) for d in days)
        if not listed and days not in DAYS:
            yield FieldError(f"{at}.days", f"must be one of {', '.join(DAYS)}, or a list of 1 (Monday) to 7 (Sunday)")
        for name in ("from", "to"):
            if not isinstance(one.get(name), str) or not CLOCK.fullmatch(one[name]):
                yield FieldError(f"{at}.{name}", "must be a time of day such as 22:00")
        if one.get("from") == one.get("to") or one.get("from") == "24:00":
            yield FieldError(f"{at}.to", "must differ from from; a whole day is 00:00 to 24:00")


def _ladder(condition: Term, severity: str) -> Check:
    ladder, first = condition.get("ladder"), condition["terms"][0]
    if ladder is None:
        return
    if not isinstance(ladder, list) or not 1 <= len(ladder) < len(SEVERITIES):
        yield FieldError("condition.ladder", "must be 1 to 3 steps, or left out")
        return
    below, limit = severity, first.get("value")
    for number, step in enumerate(ladder):
        at = f"condition.ladder.{number}"
        if not isinstance(step, Mapping):
            yield FieldError(at, "takes severity with after_s or value")
            return
        yield from _only(at, step, ("severity", "after_s", "value", "clear_value"))
        name = step.get("severity")
        if name not in SEVERITIES or below not in SEVERITIES or SEVERITIES.index(name) <= SEVERITIES.index(below):
            yield FieldError(f"{at}.severity", f"must be above {below}; from below: {', '.join(SEVERITIES)}")
            return
        below = name
        if (step.get("after_s") is None) == (step.get("value") is None):
            yield FieldError(f"{at}.after_s", "give either after_s or value")
        elif step.get("after_s") is not None:
            if not _whole(step["after_s"], 1, 30 * 86_400):
                yield FieldError(f"{at}.after_s", "must be 1 to 2592000 seconds")
        else:
            yield from _step_value(at, step, first, limit)
            limit = step["value"]


def _step_value(at: str, step: Term, first: Term, limit: Any) -> Check:
    if first["kind"] not in ("threshold", "rate") or first.get("op") not in ORDERS:
        yield FieldError(f"{at}.value", "needs a first term that is above or below a limit, or a rate")
    elif not _number(step["value"]):
        yield FieldError(f"{at}.value", "must be a number")
    elif (step["value"] <= limit) if first["op"] in ("gt", "ge") else (step["value"] >= limit):
        yield FieldError(f"{at}.value", f"must lie further on than {limit:g}")
    else:
        yield from clears(at, {**step, "op": first["op"]})


# --- each kind ------------------------------------------------------------------------------------------------------


def _threshold(at: str, term: Term, prop: Any) -> Check:
    if term.get("op") not in OPS:
        yield FieldError(f"{at}.op", f"must be one of {', '.join(OPS)}")
        return
    value = term.get("value")
    if not _number(value):
        yield FieldError(f"{at}.value", "must be a number")
        return
    if prop.type == "bool" and (term["op"] not in ("eq", "ne") or value not in (0, 1)):
        yield FieldError(f"{at}.value", "of a yes or no takes eq or ne with 1 (yes) or 0 (no)")
    yield from _within(f"{at}.value", value, prop)
    yield from clears(at, term)


def clears(at: str, term: Term) -> Check:
    """Where it ends must lie on the quiet side of where it begins."""
    clear, value, op = term.get("clear_value"), term["value"], term["op"]
    if clear is None:
        return
    if not _number(clear):
        yield FieldError(f"{at}.clear_value", "must be a number")
    elif op in ("eq", "ne"):
        yield FieldError(f"{at}.clear_value", "has no meaning with eq and ne")
    elif (op == "gt" and clear > value) or (op == "ge" and clear >= value):
        yield FieldError(f"{at}.clear_value", "must lie below value")
    elif (op == "lt" and clear < value) or (op == "le" and clear <= value):
        yield FieldError(f"{at}.clear_value", "must lie above value")


def _range(at: str, term: Term, prop: Any) -> Check:
    yield from _numeric(at, prop)
    if term.get("op") not in ("inside", "outside"):
        yield FieldError(f"{at}.op", "must be inside or outside")
        return
    low, high, margin = term.get("low"), term.get("high"), term.get("margin", 0)
    for name in ("low", "high"):
        if not _number(term.get(name)):
            yield FieldError(f"{at}.{name}", "must be a number")
            return
        yield from _within(f"{at}.{name}", term[name], prop)
    if not low < high:
        yield FieldError(f"{at}.high", "must lie above low")
    elif not _number(margin) or margin < 0:
        yield FieldError(f"{at}.margin", "must be a number of at least 0")
    elif term["op"] == "outside" and 2 * margin > high - low:
        yield FieldError(f"{at}.margin", "leaves nothing between low and high")


def _rate(at: str, term: Term, prop: Any) -> Check:
    yield from _numeric(at, prop)
    if term.get("op") not in ORDERS:
        yield FieldError(f"{at}.op", f"must be one of {', '.join(ORDERS)}")
    elif not _number(term.get("value")):
        yield FieldError(f"{at}.value", "must be a number")
    else:
        yield from clears(at, term)
    if term.get("per") not in PER:
        yield FieldError(f"{at}.per", f"must be one of {', '.join(PER)}")
    yield from _window(at, term)


def _count(at: str, term: Term, prop: Any) -> Check:
    yield from _threshold(at, term, prop)
    if not _whole(term.get("times"), 2, MAX_TIMES):
        yield FieldError(f"{at}.times", f"must be 2 to {MAX_TIMES} readings")
    yield from _window(at, term)


def _anomaly(at: str, term: Term, prop: Any) -> Check:
    yield from _numeric(at, prop)
    value, clear = term.get("value"), term.get("clear_value")
    if term.get("side") not in SIDES:
        yield FieldError(f"{at}.side", f"must be one of {', '.join(SIDES)}")
    elif term["side"] == "flat" and (value != 1 or clear is not None):
        yield FieldError(f"{at}.value", "of flat is 1, and it ends when the value moves")
    elif not _number(value) or not 1 <= value <= MAX_STRENGTH:
        yield FieldError(f"{at}.value", f"must be 1 (the edge of what is expected) to {MAX_STRENGTH} times as far")
    elif clear is not None and (not _number(clear) or not 0 < clear <= value):
        yield FieldError(f"{at}.clear_value", "must be above 0 and not above value")


def _window(at: str, term: Term) -> Check:
    if not _whole(term.get("window_s"), *WINDOW_S):
        yield FieldError(f"{at}.window_s", f"must be {WINDOW_S[0]} to {WINDOW_S[1]} seconds")


def _numeric(at: str, prop: Any) -> Check:
    if prop.type != "number":
        yield FieldError(f"{at}.property", "is not a number")


def _within(at: str, value: float, prop: Any) -> Check:
    if prop.low is not None and prop.high is not None and not prop.low <= value <= prop.high:
        yield FieldError(at, f"must lie within {prop.low:g} and {prop.high:g}, the range of {prop.code}")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


TERMS: dict[str, tuple[tuple[str, ...], Callable[[str, Term, Any], Check]]] = {
    "threshold": (("op", "value", "clear_value"), _threshold),
    "range": (("op", "low", "high", "margin"), _range),
    "rate": (("op", "value", "clear_value", "per", "window_s"), _rate),
    "count": (("op", "value", "times", "window_s"), _count),
    "anomaly": (("side", "value", "clear_value"), _anomaly),
}
"""Kind → its own fields, and what is wrong with them."""


# --- what others ask of a condition -----------------------------------------------------------------------------------


def main_property(condition: Term) -> str:
    """The property that an alarm of it names: that of the first term, the first of a formula."""
    terms = condition.get("terms")
    first = terms[0] if isinstance(terms, list) and terms else None
    name = str(first.get("property", "")) if isinstance(first, Mapping) else ""
    return next(iter(calculated.operands(condition, name)), "")


def properties_of(condition: Term) -> list[str]:
    """Every property of the device itself that it reads."""
    own = (t["property"] for t in condition["terms"] if "of" not in t)
    return list(dict.fromkeys(p for name in own for p in calculated.operands(condition, name)))


def reach_s(condition: Term) -> int:
    """How far back readings matter."""
    return max((LEARN_S if t["kind"] == "anomaly" else t.get("window_s", 0) for t in condition["terms"]), default=0)


def learns(condition: Term) -> bool:
    """Whether it asks what is usual: then a reading costs many times more."""
    return any(t["kind"] == "anomaly" for t in condition["terms"])


def converted(condition: Term, steps: Mapping[str, tuple[str, float, float]]) -> dict[str, Any]:
    """The same condition where properties were renamed or have another unit: new = old · factor + offset."""
    terms = []
    for term in condition["terms"]:
        if "of" in term:  # another model's
            terms.append(dict(term))
            continue
        name, factor, offset = steps.get(term["property"], (term["property"], 1.0, 0.0))
        terms.append(_moved(dict(term) | {"property": name}, factor, offset))
    made = dict(condition) | {"terms": terms} | calculated.converted(condition, steps)
    if condition.get("ladder"):
        first = condition["terms"][0]
        _, factor, offset = steps.get(first["property"], ("", 1.0, 0.0))
        made["ladder"] = [_moved({**first, "value": None, "clear_value": None} | dict(step), factor, offset) for step in
                          condition["ladder"]]  # fmt: skip
        made["ladder"] = [{k: v for k, v in step.items() if k in old} for step, old in
                          zip(made["ladder"], condition["ladder"], strict=True)]  # fmt: skip
    return made


def _moved(term: dict[str, Any], factor: float, offset: float) -> dict[str, Any]:
    if term["kind"] == "anomaly":  # strengths have no unit
        turned = {"above": "below", "below": "above"}
        return term | {"side": turned.get(term["side"], term["side"])} if factor < 0 else term
    shift = 0.0 if term["kind"] == "rate" else offset
    for name in ("value", "clear_value", "low", "high"):
        if term.get(name) is not None:
            term[name] = round(term[name] * factor + shift, 9)
    if term.get("margin"):
        term["margin"] = round(term["margin"] * abs(factor), 9)
    if factor < 0:
        term["op"] = {"gt": "lt", "lt": "gt", "ge": "le", "le": "ge"}.get(term["op"], term["op"])
        if term["kind"] == "range":
            term["low"], term["high"] = term["high"], term["low"]
    return term
