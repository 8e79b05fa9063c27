"""Observations that programs publish over MQTT: each once, however often it is sent.

At QoS 1 and 2 a message comes again when its acknowledgement was lost. An observation that is there already, the same
in all that was said, is that one, and so is a Datastream that stands whole in a message; one without a time has the
time of its first coming.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

import orjson
from django.db import DataError

from linli.adapters.sensorthings.odata import paths, times
from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.odata.query import MAX_TOP, Query
from linli.adapters.sensorthings.schema import DATASTREAMS, FEATURES, OBSERVATIONS
from linli.adapters.sensorthings.selectors import entities, observing, resources
from linli.adapters.sensorthings.selectors.frames import MANAGE, Params, rows
from linli.adapters.sensorthings.services import alike, drafts, storing
from linli.adapters.sensorthings.services.creating import Maker
from linli.adapters.sensorthings.services.tables import managed, quiet, run
from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.kernel.errors import LinliError

Row = dict[str, Any]
KEPT = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Message:
    """`path` behind v1.1/, `text` None when it is no UTF-8, `at`: when it came (ms); `once` names it among its sender's
    messages, '' at QoS 0; `again`: the sender says that it may have come before."""

    path: str
    text: str | None
    at: int
    once: str = ""
    again: bool = False


@dataclass(slots=True)
class Said:
    """A message that was read. `feature`: a new one stands in it; `whole`: so does its Datastream, of which there may
    be no row; `timed`: it says when."""

    item: storing.Item
    stream: Row
    feature: Row | None = None
    timed: bool = True
    whole: Row | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        one = self.item
        rest = [one.result, one.result_time, one.valid, one.quality, one.parameters, one.feature, self.feature]
        return one.stream, one.start, one.end, orjson.dumps(rest)


def take(*, actor: Actor, messages: list[Message]) -> list[Row]:
    """For each message {status: 201, id} or {status, message}, in order. When it returns they can be read."""
    try:
        actor.require(MANAGE)
    except LinliError as error:  # it may listen all the same
        return [_refused(error)] * len(messages)
    answers: list[Row] = [{} for _ in messages]
    said: dict[int, Said] = {}
    reader = _Reader(actor)
    for number, message in enumerate(messages):
        try:
            said[number] = reader.read(message)
        except LinliError as error:
            answers[number] = _refused(error)
    _date(actor, [(messages[n], one) for n, one in said.items() if not one.timed])
    _store(actor, said, answers)
    return answers


def _refused(error: LinliError) -> Row:
    if error.status >= 500:
        raise error
    told = "; ".join(f"{e.field}: {e.reason}" for e in error.errors) or error.detail
    return {"status": 400 if error.status == 422 else error.status, "message": told}


# --- reading --------------------------------------------------------------------------------------------------------


class _Reader:
    """Reads messages; what many of them name is looked up once."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self._found: dict[str, resources.Resource | LinliError] = {}
        self._streams: dict[int, Row | LinliError] = {}
        self._features: set[int] = set()

    def read(self, message: Message) -> Said:
        found = _kept(self._found, message.path, lambda: self._resolve(message.path))
        draft = drafts.read(OBSERVATIONS, resources.under(found, _json(message.text)))
        link = draft.links.get("Datastream")
        if link is None:
            raise Wrong('an Observation needs a Datastream: by the topic, or a whole one, or {"@iot.id": …}')
        key = drafts.key_of(DATASTREAMS, link)
        stream = _kept(self._streams, key, lambda: managed(self.actor, DATASTREAMS, key)) if key is not None else {}
        said = Said(storing.item(key or 0, draft.values, None), stream, whole=link if key is None else None)
        said.timed = bool(draft.values.get("phenomenonTime"))
        if "FeatureOfInterest" in draft.links:
            said.item.feature = drafts.key_of(FEATURES, draft.links["FeatureOfInterest"])
            if said.item.feature is None:
                said.feature = draft.links["FeatureOfInterest"]
            else:
                self._known(said.item.feature)
        return said

    def _resolve(self, path: str) -> resources.Resource:
        found = resources.resolve(self.actor, paths.steps(path))
        if found.entity is not OBSERVATIONS or not found.many or found.rest:
            raise Wrong("what is published are Observations")
        return found

    def _known(self, feature: int) -> None:
        if feature not in self._features and entities.one(self.actor, FEATURES, feature) is None:
            raise Wrong(f"FeatureOfInterest: there is no FeatureOfInterest with the id {feature}")
        self._features.add(feature)


def _kept(known: dict[Any, Any], key: Any, find: Any) -> Any:
    if key not in known:
        try:
            known[key] = find()
        except LinliError as error:
            known[key] = error
    if isinstance(known[key], LinliError):
        raise known[key]
    return known[key]


def _json(text: str | None) -> Any:
    if text is None:
        raise Wrong("the message is not UTF-8")
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Wrong(f"the message is not JSON: {error}") from error
    if "\\u0000" in text:
        raise Wrong("the message holds a zero character, which no text may have")
    return found


def _date(actor: Actor, said: list[tuple[Message, Said]]) -> None:
    """Those that name no time are of when they came first. That is kept before anything is stored: whatever fails
    then, told again a message is the same observation."""
    keys = {m: hashlib.sha256(f"{actor.account_id}\0{m.once}".encode()).digest() for m, _ in said if m.once}
    again = [keys[m] for m in keys if m.again]
    told = {bytes(k): at for k, at in run("SELECT key, at FROM sta_told WHERE key = ANY(%s)", [again])} if again else {}
    new = {key: m.at for m, key in keys.items() if key not in told}
    if new:
        run("INSERT INTO sta_told (key, at, created_at) SELECT k, a, %s FROM unnest(%s::bytea[], %s::bigint[]) x(k, a)"
            " ON CONFLICT (key) DO UPDATE SET at = excluded.at, created_at = excluded.created_at",
            [clock.now(), list(new), list(new.values())])  # fmt: skip
    for m, one in said:
        one.item.start = one.item.end = (told.get(keys[m], m.at) if m in keys else m.at) * 1000


def forget_old() -> None:
    run("DELETE FROM sta_told WHERE created_at < %s", [clock.now() - KEPT])


# --- storing --------------------------------------------------------------------------------------------------------


def _store(actor: Actor, said: dict[int, Said], answers: list[Row]) -> None:
    """All at once; when one of them cannot be stored, each by itself."""
    if not said:
        return
    try:
        for number, key in _stored(actor, said).items():
            answers[number] = {"status": 201, "id": key}
    except (LinliError, DataError) as error:
        no = _refused(error if isinstance(error, LinliError) else Wrong("it holds a value that cannot be kept"))
        for number, one in said.items():
            if len(said) == 1:
                answers[number] = no
            else:
                _store(actor, {number: one}, answers)


def _stored(actor: Actor, said: dict[int, Said]) -> dict[int, int | str]:
    with quiet(), storing.Batch(actor) as batch:
        for one in said.values():
            if one.whole is not None:
                one.stream = alike.datastream(actor, Maker(actor, batch), one.whole)
                one.item.stream = one.stream["id"]
        streams = {one.item.stream: one.stream for one in said.values()}
        for key in sorted(streams):  # who sends the same at the same moment over another line waits
            run("SELECT pg_advisory_xact_lock(hashtextextended('sta_observation', %s))", [key])
        there = _there(actor, streams, list(said.values()))
        ids: dict[int, int | str] = {}
        places: dict[tuple[Any, ...], int] = {}
        for number, one in said.items():
            if (found := _same(one, there)) is not None:
                ids[number] = found
            elif one.key not in places:
                places[one.key] = len(batch.items)
                batch.items.append(_whole(actor, batch, one))
    return {n: ids[n] if n in ids else batch.ids[places[one.key]] for n, one in said.items()}


def _whole(actor: Actor, batch: storing.Batch, one: Said) -> storing.Item:
    if one.feature is None:
        return replace(one.item)
    feature = Maker(actor, batch).linked(OBSERVATIONS, "FeatureOfInterest", one.feature)
    return replace(one.item, feature=feature)


def _there(actor: Actor, streams: dict[int, Row], said: list[Said]) -> dict[tuple[int, int], list[Row]]:
    """What is there already of these series at these times (µs): rows, and readings."""
    at: dict[int, set[int]] = {}
    for one in said:
        if abs(one.item.start) < storing.MAX_MS * 1000:
            at.setdefault(one.item.stream, set()).add(one.item.start)
    params = Params({"ids": list(at), "at": [times.moment(t) for starts in at.values() for t in starts]})
    found = [observing.side_row(r) | {"_at": times.micros_of(r["phenomenon_start"])} for r in rows(_ROWS, params)]
    own = {key: sorted(t for t in starts if t >= 0) for key, starts in at.items() if streams[key]["device_id"]}
    taken = observing.taken([(streams[key], [t // 1000 for t in starts]) for key, starts in own.items()])
    for key, starts in own.items():
        found += _readings(actor, streams[key], [t for t in starts if t // 1000 in taken[key]])
    by: dict[tuple[int, int], list[Row]] = {}
    for row in found:
        by.setdefault((row["ds"], row["_at"]), []).append(row)
    return by


_ROWS = """SELECT r.* FROM sta_observation r
    WHERE r.datastream_id = ANY(%(ids)s::bigint[]) AND r.phenomenon_start = ANY(%(at)s::timestamptz[])"""


def _readings(actor: Actor, stream: Row, at: list[int]) -> list[Row]:
    moments = tuple(("lit", "time", t) for t in at if t % 1000 == 0)
    if not moments:
        return []
    asked = Query(filter=("in", ("path", ("phenomenonTime",)), moments), top=MAX_TOP)
    found, _ = observing.page(actor, observing.Series({stream["id"]: stream}), asked)
    return [r | {"_at": r["t"] * 1000} for r in found if r["n"] is None]


def _same(one: Said, there: dict[tuple[int, int], list[Row]]) -> int | str | None:
    """The id of an observation that is this one. A reading has been received some time: that is no result time."""
    item = one.item
    when = times.iso(item.result_time) if item.result_time is not None else None
    valid = times.iso_span(*item.valid) if item.valid is not None else None
    for row in there.get((item.stream, item.start), ()):
        told = row["resultTime"] if row["n"] is not None else None
        if (
            row["phenomenonTime"] == times.iso_span(item.start, item.end) and _equal(row["result"], item.result)
            and told == when and row.get("validTime") == valid and _equal(row.get("resultQuality"), item.quality)
            and _equal(row.get("parameters"), item.parameters)
            and (item.feature is None or row["feature_id"] == item.feature)
            and (one.feature is None or _looks_like(row["feature_id"], one.feature))
        ):  # fmt: skip
            return cast("int | str", row["_id"])
    return None


def _looks_like(feature: int | None, body: Row) -> bool:
    """Whether a feature that is there is the one that stands in a message."""
    sql = "SELECT 1 FROM sta_feature WHERE id = %s AND name = %s AND feature = %s::jsonb"
    return bool(run(sql, [feature, body.get("name"), _text(body.get("feature")).decode()]))


def _equal(a: Any, b: Any) -> bool:
    """As JSON: 1 is 1.0, and neither is true."""
    if isinstance(a, bool) or isinstance(b, bool) or a is None or b is None:
        return a is b
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a == b
    return type(a) is type(b) and _text(a) == _text(b)


def _text(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
