"""The `multipart/mixed` form of batches: requests as `application/http`, groups as change sets. Pure."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from http.client import responses
from itertools import groupby

from django.utils.http import parse_header_parameters

from linli.adapters.sensorthings.odata.batches import MAX_URL, Answer, Part, Unfit, checked, limited

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_VERSION = re.compile(r"[ \t]HTTP/\d(?:\.\d)?$")
_END = re.compile(rb"\r?\n\r?\n|\A\r?\n")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
MAX_HEAD, MAX_HEADERS = 64_000, 100


def read(data: bytes, content_type: str) -> list[Part]:
    """The parts of a batch. Raises Unfit, or TooLarge for too many."""
    parts: list[Part] = []
    for where, headers, body in _pieces(data, content_type, "body", "part "):
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "multipart/mixed":
            parts.append(_part(where, headers, body, ""))
            continue
        for name, own, request in _pieces(body, headers["content-type"], where, f"{where}."):
            parts.append(_part(name, own, request, f"change set of {where}"))
            limited(parts)
    return checked(list(limited(parts)))


def _pieces(data: bytes, content_type: str, where: str, prefix: str) -> list[tuple[str, dict[str, str], bytes]]:
    """(name, headers, content) of each piece between the boundaries that the type names."""
    _, parameters = parse_header_parameters(content_type)
    boundary = parameters.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise Unfit(f"{where}.content-type", "multipart/mixed needs a boundary of 1 to 70 characters")
    mark = rb"(?:\A|\r?\n)--" + re.escape(boundary.encode()) + rb"(--)?[ \t]*(?=\r?\n|\Z)"
    found: list[tuple[str, dict[str, str], bytes]] = []
    begun: int | None = None
    for match in re.finditer(mark, data):
        if begun is not None:
            name = f"{prefix}{len(found) + 1}"
            found.append((name, *_cut(data[begun : match.start()], name)))
            limited(found)
        if match[1]:
            return found
        begun = match.end()
    end = "is never closed" if begun is not None else "stands nowhere in it"
    raise Unfit(where, f"the boundary {boundary!r} {end}")


def _cut(piece: bytes, where: str) -> tuple[dict[str, str], bytes]:
    """A piece begins with the end of its boundary's line; an empty line ends its headers."""
    piece = piece[2:] if piece.startswith(b"\r\n") else piece[1:]
    return _headed(piece, where)


def _headed(data: bytes, where: str) -> tuple[dict[str, str], bytes]:
    end = _END.search(data)
    head, rest = (data[: end.start()], data[end.end() :]) if end else (data, b"")
    if len(head) > MAX_HEAD:
        raise Unfit(where, f"its headers are longer than {MAX_HEAD} bytes")
    found: dict[str, str] = {}
    lines = re.sub(r"\r?\n[ \t]+", " ", head.decode("utf-8", "replace")).splitlines()
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name) or len(lines) > MAX_HEADERS:
            raise Unfit(where, f"has a header that cannot be read, or more than {MAX_HEADERS}: {line[:40]!r}")
        found[name.lower()] = value.strip()
    return found, rest


def _part(where: str, mime: dict[str, str], data: bytes, group: str) -> Part:
    kind = mime.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/http":
        inside = " in a change set" if group else " or multipart/mixed"
        raise Unfit(f"{where}.content-type", f"must be application/http{inside}")
    if mime.get("content-transfer-encoding", "binary").strip().lower() not in ("binary", "8bit", "7bit"):
        raise Unfit(f"{where}.content-transfer-encoding", "must be binary")
    line, _, rest = data.lstrip(b"\r\n").partition(b"\n")
    if len(line) > MAX_URL:
        raise Unfit(f"{where}.url", f"must have 1 to {MAX_URL} characters")
    method, _, url = _VERSION.sub("", line.decode("utf-8", "replace").strip()).partition(" ")
    if not method.isalpha() or not url.strip():
        raise Unfit(where, "must begin with a line like GET Things(1) HTTP/1.1")
    headers, body = _headed(rest, where)
    name = mime.get("content-id") or headers.pop("content-id", "")
    return Part(where, name, method.upper(), url.strip(), headers, body, group)


# --- answers --------------------------------------------------------------------------------------------------------


def written(answers: Sequence[Answer]) -> tuple[bytes, str]:
    """The answer to a batch, and its content type. A change set that failed is told by one answer: the failure's."""
    told: list[bytes] = []
    for _, found in groupby(enumerate(answers), lambda one: one[1].part.group or one[0]):
        many = [answer for _, answer in found]
        failed = [a for a in many if not a.good]
        if many[0].part.group and not failed:
            body, kind = _joined([_http(a) for a in many], "changeset")
            told.append(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
        else:
            told.append(_http(next((a for a in failed if a.status != 424), (failed or many)[0])))
    return _joined(told, "batch")


def _joined(pieces: Sequence[bytes], word: str) -> tuple[bytes, str]:
    boundary = f"{word}_{uuid.uuid4().hex}"
    mark = b"--" + boundary.encode()
    body = b"".join(mark + b"\r\n" + piece + b"\r\n" for piece in pieces) + mark + b"--\r\n"
    return body, f"multipart/mixed; boundary={boundary}"


def _http(one: Answer) -> bytes:
    head = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    if one.part.id:
        head.append(f"Content-ID: {one.part.id}")
    head += ["", f"HTTP/1.1 {one.status} {responses.get(one.status, '')}"]
    if one.kind:
        head.append(f"Content-Type: {one.kind}")
    if one.location:
        head.append(f"Location: {one.location}")
    head += [f"Content-Length: {len(one.body)}", "", ""]
    return "\r\n".join(head).encode() + one.body
