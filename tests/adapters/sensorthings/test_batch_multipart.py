"""`$batch` as multipart/mixed, with change sets: the form of clients of SensorThings 1.0 and 1.1."""

from __future__ import annotations

import email
from typing import Any

import orjson
import pytest
from tests.adapters.sensorthings.conftest import ROOT, Program
from tests.adapters.sensorthings.test_batch import BAD_THING, PLAIN_THING, kept, stream, told
from tests.adapters.sensorthings.test_writes import SENSOR, STREAM

from linli.adapters.sensorthings.odata import batches, multiparts

__all__ = ["stream"]
pytestmark = [pytest.mark.django_db, pytest.mark.engines]


def mime(*pieces: bytes, boundary: str = "b_1") -> bytes:
    mark = b"--" + boundary.encode()
    return b"".join(mark + b"\r\n" + piece + b"\r\n" for piece in pieces) + mark + b"--"


def http(line: str, body: Any = None, id: str = "", **headers: str) -> bytes:
    own = f"Content-ID: {id}\r\n" if id else ""
    inner = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())
    data = b"" if body is None else orjson.dumps(body)
    return (
        f"Content-Type: application/http\r\n{own}\r\n{line} HTTP/1.1\r\nHost: localhost\r\n{inner}\r\n".encode() + data
    )


def changes(*pieces: bytes) -> bytes:
    return b"Content-Type: multipart/mixed;boundary=cs\r\n\r\n" + mime(*pieces, boundary="cs")


def send(program: Program, data: bytes, boundary: str = "b_1", **headers: str) -> Any:
    kind = f"multipart/mixed;boundary={boundary}"
    return program.web.generic("POST", f"{ROOT}/$batch", data, kind, headers=headers)


def read(answer: Any) -> list[Any]:
    """(status, Content-ID, Location, JSON) of each part; a list of them for a change set."""
    assert answer.status_code == 200, answer.content
    whole = email.message_from_bytes(b"Content-Type: " + answer["Content-Type"].encode() + b"\r\n\r\n" + answer.content)
    assert not whole.defects

    def one(found: Any) -> Any:
        if found.is_multipart():
            return [one(inner) for inner in found.get_payload()]
        assert found.get_content_type() == "application/http"
        line, _, rest = found.get_payload(decode=True).partition(b"\r\n")
        inner = email.message_from_bytes(rest)
        data = inner.get_payload(decode=True)
        assert line.startswith(b"HTTP/1.1 ") and int(inner["Content-Length"]) == len(data)
        shown = orjson.loads(data) if inner.get_content_type() == "application/json" else data.decode()
        return int(line.split()[1]), found["Content-ID"], inner["Location"], shown

    return [one(found) for found in whole.get_payload()]


def test_multipart_with_a_change_set(program: Program) -> None:
    thing = program.post("/Things", PLAIN_THING)
    own = f"Things({thing['@iot.id']})"
    stream = {**STREAM, "name": "气温 °C", "Sensor": {"@iot.id": "$sensor1"}}
    data = b"preamble\r\n" + mime(
        http(f"GET /v1.1/{own}?$select=name"),
        changes(http("POST /v1.1/Sensors", SENSOR, "sensor1", Content_Type="application/json", Content_Length="3"),
                http(f"POST {own}/Datastreams", stream, "any"),
                http(f"PATCH /sta/v1.1/{own}", {"name": "Patched"}, "p"),
                http(f"PATCH {own}", [{"op": "replace", "path": "/description", "value": "New"}], "q",
                     Content_Type="application/json-patch+json")),
        http("GET $any/Sensor?$select=name"), http("GET Things(999999)", id="last"),
        http("GET Things?$filter=name eq 'Patched'&$select=name,description"),
    ) + b"\r\nepilogue"  # fmt: skip
    first, group, seen, missing, found = read(send(program, data))
    assert (first[0], first[3]) == (200, {"name": "Plain"})
    assert [g[:2] for g in group] == [(201, "sensor1"), (201, "any"), (200, "p"), (200, "q")]
    assert group[0][2] == group[0][3]["@iot.selfLink"] and group[1][3]["name"] == "气温 °C"
    assert seen[3] == {"name": "DS18B20"} and missing[:2] == (404, "last") and missing[3]["code"] == 404
    assert found[3]["value"] == [{"name": "Patched", "description": "New"}]


def test_a_change_set_that_fails_is_one_answer(program: Program, stream: int) -> None:
    told(program, stream, 1, 1)
    before = kept(program, stream)
    here = f"POST Datastreams({stream})/Observations"
    parts = [http(here, {"result": 5}, "1"), http("POST Things", BAD_THING, "2"), http(here, {"result": 6}, "3")]
    data = mime(changes(*parts), http("GET Things/$count", id="4"), http("GET $1"))  # fmt: skip
    answer = send(program, data)
    failed, count, after = read(answer)
    assert failed[:2] == (400, "2") and "description" in failed[3]["message"]
    assert (count[0], count[1], count[3]) == (200, "4", "1") and after[0] == 424
    assert kept(program, stream) == before and answer["Preference-Applied"] == "continue-on-error=true"
    assert len(read(send(program, data, Prefer="odata.continue-on-error=false"))) == 1


def test_lines_that_end_short_and_ids_inside(program: Program) -> None:
    data = mime(http("POST Things", PLAIN_THING, Content_ID="t"), http("GET $t?$select=name")).replace(b"\r\n", b"\n")
    made, found = read(send(program, data))
    assert made[:2] == (201, "t") and found[3] == {"name": "Plain"}
    bare = mime(
        b"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nGET Things/$count\r\n\r\n\r\n"
    )
    assert read(send(program, bare))[0][3] == "1"


GOOD = http("GET Things")
BROKEN = [
    (mime(GOOD), "other", "body"), (mime(GOOD)[:-2], "b_1", "body"), (b"\r\n", "b_1", "body"),
    (mime(GOOD), "", "body.content"),
    (mime(b"\r\nGET Things HTTP/1.1\r\n\r\n"), "b_1", "part 1.content-type"),
    (mime(b"Content-Type: text/plain\r\n\r\nGET Things HTTP/1.1\r\n\r\n"), "b_1", "part 1.content-type"),
    (mime(GOOD, b"Content-Type: application/http\r\n\r\n"), "b_1", "part 2"),
    (mime(b"Content-Type: application/http\r\n\r\nThings\r\n\r\n"), "b_1", "part 1"),
    (mime(b"Content-Type: application/http\r\nnonsense\r\n\r\nGET Things HTTP/1.1\r\n\r\n"), "b_1", "part 1"),
    (mime(http("HEAD Things")), "b_1", "part 1.method"), (mime(http("GET " + "x" * 40_000)), "b_1", "part 1.url"),
    (mime(http("GET Things", {"a": 1})), "b_1", "part 1.body"),
    (mime(http("GET Things", Authorization="Bearer x")), "b_1", "part 1.headers.authorization"),
    (mime(http("POST Things", PLAIN_THING, "1"), http("GET Things", id="1")), "b_1", "part 2.id"),
    (mime(b"Content-Type: application/http\r\nContent-Transfer-Encoding: base64\r\n\r\nR0VU"), "b_1", "part 1.content"),
    (mime(changes(http("POST Things", PLAIN_THING, "1"), changes(http("POST Things", PLAIN_THING, "2")))), "b_1",
     "part 1.2.content-type"),
    (mime(changes(http("GET Things", id="1"))), "b_1", "part 1.1.method"),
    (mime(changes(http("POST Things", PLAIN_THING, "1"))[:-2]), "b_1", "part 1"),
    (mime(b"Content-Type: multipart/mixed\r\n\r\n--cs--"), "b_1", "part 1.content-type"),
    (mime(http("POST $batch", {"requests": []})), "b_1", "part 1.url"),
    (mime(b"Content-Type: application/http\r\n" + b"A: b\r\n" * 200 + b"\r\nGET Things\r\n\r\n"), "b_1", "part 1"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "boundary", "word"), BROKEN)
def test_what_is_wrong_with_a_multipart_is_named(program: Program, data: bytes, boundary: str, word: str) -> None:
    answer = send(program, data, boundary)
    assert answer.status_code == 400 and answer.json()["message"].startswith(word), answer.json()
    assert program.get("/Things/$count") == "0"


def test_a_multipart_is_bounded(program: Program) -> None:
    many = [http("POST Things", PLAIN_THING, str(n)) for n in range(batches.MAX_PARTS + 1)]
    for data in (mime(*many), mime(changes(*many)), mime(*[GOOD] * 300, changes(*many[:300]))):
        answer = send(program, data)
        assert answer.status_code == 413 and answer.json()["message"].startswith("requests: "), answer.content
    assert program.get("/Things/$count") == "0"


@pytest.mark.parametrize("data", [b"\r\n" * 200_000, b"--b_1" + b" " * 400_000, b"--b_1\r\n" + b"a " * 200_000,
                                  b"--b_1\r\n" * 100_000])  # fmt: skip
def test_nonsense_is_refused_soon(data: bytes) -> None:
    from time import process_time

    began = process_time()
    with pytest.raises(Exception, match=r"body|requests|part"):
        multiparts.read(data, "multipart/mixed; boundary=b_1")
    assert process_time() - began < 2
