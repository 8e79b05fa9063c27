"""The built front ends and static files from the process `web` itself, for districts behind an operator's own proxy.

The embedded front door serves `/console` and `/field` without asking us.
"""

from __future__ import annotations

import mimetypes
import re
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotModified
from django.utils.http import http_date

DIST = Path(settings.BASE_DIR) / "dist"
RANGE = re.compile(r"bytes=(\d+)-(\d*)$")
mimetypes.add_type("application/manifest+json", ".webmanifest")
mimetypes.add_type("text/javascript", ".js")


def app(request: HttpRequest, name: str, path: str = "") -> HttpResponseBase:
    """A file of a front end; an address that is no file is a page of the app itself."""
    folder = DIST / name
    if not (folder / "index.html").is_file():
        raise Http404(f"{name} is not built; run `make setup`")
    target = (folder / path).resolve()
    if not (target.is_relative_to(folder.resolve()) and target.is_file()):
        if path.startswith("assets/"):
            raise Http404
        target = folder / "index.html"
    hashed = path.startswith("assets/")
    return send(request, target, "public, max-age=31536000, immutable" if hashed else "no-cache")


def static(request: HttpRequest, path: str) -> HttpResponseBase:
    """A static file of a module."""
    found = finders.find(path)
    if not isinstance(found, str) or not Path(found).is_file():
        raise Http404
    return send(request, Path(found), "public, max-age=3600")


def send(request: HttpRequest, path: Path, cache: str) -> HttpResponseBase:
    """The file, a part of it, or `not modified`."""
    info = path.stat()
    tag = f'"{info.st_mtime_ns:x}-{info.st_size:x}"'
    if request.headers.get("If-None-Match") == tag:
        response: HttpResponseBase = HttpResponseNotModified()
    elif (wanted := RANGE.match(request.headers.get("Range", ""))) and int(wanted[1]) < info.st_size:
        response = _part(path, int(wanted[1]), int(wanted[2] or info.st_size - 1), info.st_size)
    else:
        response = FileResponse(path.open("rb"), content_type=_kind(path))
    response["ETag"], response["Cache-Control"] = tag, cache
    response["Last-Modified"], response["Accept-Ranges"] = http_date(info.st_mtime), "bytes"
    return response


def _kind(path: Path) -> str:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def _part(path: Path, first: int, last: int, size: int) -> HttpResponse:
    last = min(last, size - 1)
    with path.open("rb") as source:
        source.seek(first)
        response = HttpResponse(source.read(last - first + 1), status=206, content_type=_kind(path))
    response["Content-Range"] = f"bytes {first}-{last}/{size}"
    return response
