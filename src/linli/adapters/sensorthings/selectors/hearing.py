"""What a program hears over MQTT: the series behind a topic, and observations as they are sent."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from urllib.parse import parse_qsl

from linli.adapters.sensorthings.odata import paths, query
from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.schema import FEATURES, OBSERVATIONS
from linli.adapters.sensorthings.selectors import answers, ids, observing, resources
from linli.adapters.sensorthings.selectors.answers import Context, Row
from linli.adapters.sensorthings.selectors.frames import Params, rows
from linli.kernel.actor import Actor
from linli.kernel.errors import TooLarge

VERSION = "v1.1/"
MOST = 20_000


def heard(actor: Actor, topic: str, tag: str = "") -> Row:
    """`streams` as [datastream, device in hex or "", property], what is selected and of which feature; with the tag of
    an earlier answer that still holds, the tag alone."""
    path, _, text = topic.removeprefix(VERSION).partition("?")
    asked = query.parse(parse_qsl(text, keep_blank_values=True))
    if asked != query.Query(select=asked.select):
        raise Wrong("a subscription takes $select only")
    answers.check_select(OBSERVATIONS, asked)
    found = resources.resolve(actor, paths.steps(path))
    if found.entity is not OBSERVATIONS or not found.many or found.rest:
        raise Wrong("what is told over MQTT are Observations, as in v1.1/Datastreams(1)/Observations")
    own = resources.series_of(actor, found)
    if len(own.streams) > MOST:
        raise TooLarge(f"{len(own.streams)} series, at most {MOST}: subscribe to Observations of Datastreams instead")
    plain = {s["id"] for s in own.plain}
    streams = [[s["id"], s["device_id"].hex, s["property"]] if s["id"] in plain else [s["id"], "", ""]
               for s in sorted(own.streams.values(), key=lambda s: s["id"])]  # fmt: skip
    now = hashlib.sha256(repr(streams).encode()).hexdigest()
    if now == tag:
        return {"tag": now}
    feature = found.parent[2]["id"] if found.parent and found.parent[0] is FEATURES else None
    return {"tag": now, "select": ",".join(asked.select), "feature": feature, "streams": streams}


def told(context: Context, groups: Sequence[Row]) -> list[list[Row | None]]:
    """For each group {select, feature, found}, what was found as it is sent: a reading as [datastream, time, arrival,
    value, flags], anything else by its id. None for what the actor may not see, and what is gone."""
    given = [one for group in groups for one in group["found"]]
    keys = [key for one in given if isinstance(one, str) and (key := ids.read(one))]
    bare = [key for key in keys if key.n is None]
    wanted = {one[0] for one in given if not isinstance(one, str)} | {key.stream for key in bare}
    own = observing.of_streams(context.actor, sorted(wanted))
    side = _side(own, bare) | _kept(context.actor, [key.n for key in keys if key.n is not None])
    return [_shown(context, group, own, side) for group in groups]


def _side(own: observing.Series, bare: list[ids.Key]) -> dict[str, Row]:
    """Those that were plain readings, by their ids as text."""
    params = Params()
    where = "FALSE"
    for key in bare:
        where += f" OR (r.datastream_id = {params.bind(key.stream)} AND r.t = {params.bind(key.t)})"
    found = rows(f"SELECT r.* FROM sta_observation r WHERE r.bare AND ({where})", params) if bare else []
    made = (observing.side_row(r) for r in found if r["datastream_id"] in own.streams)
    return {str(r["_id"]): r for r in made}


def _kept(actor: Actor, numbers: list[int]) -> dict[str, Row]:
    made = (observing.side_row(r) for r in observing.kept(actor, numbers) if not r["bare"]) if numbers else ()
    return {str(r["_id"]): r for r in made}


def _shown(context: Context, group: Row, own: observing.Series, side: dict[str, Row]) -> list[Row | None]:
    found: list[Row | None] = []
    for one in group["found"]:
        row = side.get(one) if isinstance(one, str) else _plain(own, *one)
        if row is not None and group["feature"] is not None and row["feature_id"] != group["feature"]:
            row = None
        found.append(row)
    asked = query.Query(select=tuple(filter(None, group["select"].split(","))))
    sent = iter(answers.shaped(context, OBSERVATIONS, [r for r in found if r is not None], asked))
    return [next(sent) if r is not None else None for r in found]


def _plain(own: observing.Series, key: int, t: int, recv: int, value: float, flags: int) -> Row | None:
    stream = own.streams.get(key)
    if stream is None or stream["device_id"] is None:
        return None
    return observing.plain_row(stream, {"t": t, "recv": recv, "value": value, "flags": flags})
