"""CreateObservations: many observations as arrays by datastream, set-based."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import numpy as np

from linli.adapters.sensorthings.odata import times
from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.schema import DATASTREAMS, FEATURES, OBSERVATIONS
from linli.adapters.sensorthings.selectors import entities
from linli.adapters.sensorthings.selectors.frames import MANAGE
from linli.adapters.sensorthings.services import drafts, placing, storing
from linli.adapters.sensorthings.services.tables import managed, managed_of, quiet
from linli.kernel.actor import Actor
from linli.kernel.errors import LinliError, NotFound

MOST = 200_000
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?(?:Z|\+00:00)")
FEATURE = "FeatureOfInterest/id"


def create_observations(*, actor: Actor, body: Any) -> list[int | str]:
    """For each row, in order, the id of its observation, or "error: …" with the reason; the others are stored."""
    actor.require(MANAGE)
    if not isinstance(body, list) or not all(isinstance(one, dict) for one in body):
        raise Wrong("the body must be a list of objects with Datastream, components and dataArray")
    answers: list[int | str] = []
    places: list[int] = []
    items: list[storing.Item] = []
    with quiet():
        known = _known(actor, body)
        for one in body:
            _group(actor, one, known, answers, places, items)
            if len(answers) > MOST:
                raise Wrong(f"at most {MOST} observations at once")
        if items:
            for place, key in zip(places, storing.store(actor, items), strict=True):
                answers[place] = key
    return answers


def _known(actor: Actor, body: list[dict[str, Any]]) -> dict[int, bool]:
    """Of the Datastreams that are named and may be written to, whether their Thing has a Location."""
    keys: set[int] = set()
    for group in body:
        with suppress(LinliError):
            keys.add(_named(group))
    found = managed_of(actor, DATASTREAMS, keys)
    there = placing.placed({row["thing_id"] for row in found.values()})
    return {key: row["thing_id"] in there for key, row in found.items()}


def _named(group: dict[str, Any]) -> int:
    """The id of the group's Datastream."""
    given = group.get("Datastream")
    key = drafts.key_of(DATASTREAMS, given) if isinstance(given, dict) else None
    if key is None:
        raise Wrong('each object needs a Datastream: {"@iot.id": …}')
    if not 0 < key <= entities.MAX_ID:
        raise NotFound(f"there is no Datastream with the id {key}")
    return int(key)


def _group(
    actor: Actor, group: dict[str, Any], known: dict[int, bool], answers: list[int | str], places: list[int],
    items: list[storing.Item],
) -> None:  # fmt: skip
    names, array = group.get("components"), group.get("dataArray")
    if not isinstance(names, list) or not isinstance(array, list):
        raise Wrong("each object needs components and dataArray, both lists")
    wrong = [n for n in names if n not in (*OBSERVATIONS.attributes, FEATURE)]
    if wrong or "result" not in names:
        raise Wrong(f"components: {', '.join(map(str, wrong)) or 'result'} {'is not known' if wrong else 'is missing'}")
    try:
        stream = _named(group)
        placed = known.get(stream)
        if placed is None:
            placed = bool(placing.placed([managed(actor, DATASTREAMS, stream)["thing_id"]]))
        if FEATURE not in names and not placed:
            raise Wrong(storing.NO_FEATURE)
    except LinliError as error:
        answers.extend([f"error: {error.detail}"] * len(array))
        return
    if names in (["phenomenonTime", "result"], ["result", "phenomenonTime"]) and (
        quick := _quick(stream, names, array)
    ):
        places.extend(range(len(answers), len(answers) + len(quick)))
        answers.extend([""] * len(quick))
        items.extend(quick)
        return
    features: dict[Any, int] = {}
    make = _maker(actor, stream, names, features, placed=placed)
    for row in array:
        try:
            made = make(row)
        except LinliError as error:
            answers.append(f"error: {error.detail}")
            continue
        places.append(len(answers))
        answers.append("")
        items.append(made)


def _quick(stream: int, names: list[str], array: list[Any]) -> list[storing.Item]:
    """Rows of an instant in UTC and a result, as most are, read all at once; [] when one is anything else."""
    at = names.index("phenomenonTime")
    try:
        texts = [row[at] for row in array]
        if not all(len(row) == 2 for row in array) or not all(_UTC.fullmatch(t) for t in texts):
            return []
        found = np.array([t[:19] if t[19] != "." else t[:23] for t in texts], "datetime64[us]").astype(np.int64)
    except (TypeError, ValueError, IndexError):
        return []
    return [storing.Item(stream, t, t, row[1 - at]) for t, row in zip(found.tolist(), array, strict=True)]


def _maker(actor: Actor, stream: int, names: list[str], features: dict[Any, int], *, placed: bool) -> Any:
    plain = {"phenomenonTime": None, "result": None}
    simple = set(names) <= set(plain)

    def make(row: Any) -> storing.Item:
        if not isinstance(row, list) or len(row) != len(names):
            raise Wrong(f"a row has {len(names)} values, as many as components")
        values = dict(zip(names, row, strict=True))
        if simple and isinstance(at := values.get("phenomenonTime"), str):
            start, end = times.span(at, "phenomenonTime") if "/" in at else (times.instant(at, "phenomenonTime"),) * 2
            return storing.Item(stream, start, end, values["result"])
        feature = values.pop(FEATURE, None)
        if feature is None and not placed:
            raise Wrong(storing.NO_FEATURE)
        if feature is not None and feature not in features:
            key = drafts.key_of(FEATURES, {"@iot.id": feature})
            if entities.one(actor, FEATURES, key) is None:
                raise Wrong(f"there is no FeatureOfInterest with the id {feature}")
            features[feature] = key
        read = {n: drafts.checked(OBSERVATIONS.attributes[n], v) for n, v in values.items() if n != "id"}
        return storing.item(stream, read, features.get(feature))

    return make
