"""Figures that a rule makes of several properties of its device, by a formula that stands in its condition.

    "calculated": [{"code": "head", "name": {"zh": "内外水位差", "en": "head"}, "unit": "m",
                    "formula": "inside - outside"}]

Terms name one by its code, as they name a property. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from linli.devices import formulas
from linli.devices.wording import CALLS, Pair, Property
from linli.kernel.errors import FieldError

CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")
MAX_FIGURES, MAX_NAME, MAX_UNIT = 4, 40, 16
_FIELDS = ("code", "name", "unit", "formula")
Known = Mapping[str, Property]
Check = Iterator[FieldError]


def problems(condition: Mapping[str, Any], properties: Known) -> Check:
    """What is wrong with the calculated figures of a condition, field by field."""
    figures = condition.get("calculated")
    if figures is None:
        return
    if not isinstance(figures, list) or not 1 <= len(figures) <= MAX_FIGURES:
        yield FieldError("condition.calculated", f"must be 1 to {MAX_FIGURES} figures, or left out")
        return
    seen: set[str] = set()
    for number, one in enumerate(figures):
        at = f"condition.calculated.{number}"
        if not isinstance(one, Mapping):
            yield FieldError(at, f"takes {', '.join(_FIELDS)}")
            continue
        yield from _figure(at, one, properties, seen)
    terms = condition.get("terms")
    used = [t.get("property") for t in terms if isinstance(t, Mapping)] if isinstance(terms, list) else []
    for number, one in enumerate(figures):
        if isinstance(one, Mapping) and one.get("code") not in used:
            yield FieldError(f"condition.calculated.{number}.code", "is used by no term")


def _figure(at: str, one: Mapping[str, Any], properties: Known, seen: set[str]) -> Check:
    for name in one:
        if name not in _FIELDS:
            yield FieldError(f"{at}.{name}", f"is not known; it takes {', '.join(_FIELDS)}")
    code = one.get("code")
    if not isinstance(code, str) or not CODE.fullmatch(code):
        yield FieldError(f"{at}.code", "must be small letters, digits and _, at most 40")
    elif code in properties or code in seen or code in formulas.FUNCTIONS:
        yield FieldError(f"{at}.code", "is the code of something else")
    else:
        seen.add(code)
    words = one.get("name")
    if not isinstance(words, Mapping) or not all(_short(words.get(k), MAX_NAME) for k in ("zh", "en")):
        yield FieldError(f"{at}.name", f"needs zh and en, at most {MAX_NAME} characters each")
    if not _short(one.get("unit", "-"), MAX_UNIT):
        yield FieldError(f"{at}.unit", f"must be a text of at most {MAX_UNIT} characters, or left out")
    try:
        found = formulas.parse(one.get("formula"))
    except formulas.FormulaError as error:
        yield FieldError(f"{at}.formula", str(error))
        return
    for name in found.operands:
        if name not in properties or properties[name].type not in ("number", "bool"):
            yield FieldError(f"{at}.formula", f"reads {name}, which is no number and no yes or no of this model")


def _short(text: Any, most: int) -> bool:
    return isinstance(text, str) and 1 <= len(text.strip()) <= len(text) <= most


def known(condition: Mapping[str, Any] | None) -> dict[str, Property]:
    """The figures of a condition as properties, by code; those that are not whole are left out."""
    return {
        one["code"]: Property(one["code"], one["name"]["zh"], one["name"]["en"], "number", one.get("unit", ""))
        for one in _listed(condition) if isinstance(one.get("code"), str) and _named(one)
    }  # fmt: skip


def _named(one: Mapping[str, Any]) -> bool:
    words = one.get("name")
    return isinstance(words, Mapping) and all(isinstance(words.get(k), str) for k in ("zh", "en"))


def _listed(condition: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    figures = (condition or {}).get("calculated")
    return [one for one in figures if isinstance(one, Mapping)] if isinstance(figures, list) else []


def operands(condition: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The properties behind the name of a term's left side: those of its formula, or the property itself."""
    for one in _listed(condition):
        if one.get("code") == name:
            try:
                return formulas.parse(one.get("formula")).operands
            except formulas.FormulaError:
                return ()
    return (name,)


def words(condition: Mapping[str, Any], properties: Known) -> Pair | None:
    """`，其中 内外水位差 = 内河水位 − 外河水位`."""
    told = []
    zh_calls, en_calls = ({name: pair[n] for name, pair in CALLS.items()} for n in (0, 1))
    for one in _listed(condition):
        tree = formulas.parse(one["formula"]).tree
        zh = formulas.shown(tree, lambda code: properties[code].zh if code in properties else code, zh_calls)
        en = formulas.shown(tree, lambda code: properties[code].en if code in properties else code, en_calls)
        told.append((f"{one['name']['zh']} = {zh}", f"{one['name']['en']} = {en}"))
    if not told:
        return None
    return f"，其中 {'，'.join(t[0] for t in told)}", f", where {', '.join(t[1] for t in told)}"


def converted(condition: Mapping[str, Any], steps: Mapping[str, tuple[str, float, float]]) -> dict[str, Any]:
    """The calculated figures where properties were renamed or have another unit; {} without any."""
    figures = [dict(one) | {"formula": formulas.renamed(one["formula"], steps)} for one in _listed(condition)]
    return {"calculated": figures} if figures else {}
