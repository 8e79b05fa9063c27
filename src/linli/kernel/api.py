"""Addresses of the kernel: files, through the check of their owner."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified

from linli.kernel import files, http

router = http.Router(tags=["files"])
INLINE = {"image/jpeg", "image/png", "image/webp", "application/pdf"}


@router.get("/files/{file_id}", permission=http.PUBLIC, response={200: bytes, 304: None})
def get_file(request: HttpRequest, file_id: UUID) -> HttpResponse:
    """A file, if its owner lets the caller read it. Nobody's cache but the caller's own keeps it."""
    actor = http.actor_of(request)
    row = files.readable(actor, file_id)
    tag = f'"{row.sha256[:32]}"'
    if request.headers.get("If-None-Match") == tag:
        return HttpResponseNotModified()
    response = HttpResponse(files.content(row), content_type=row.content_type)
    response["ETag"] = tag
    response["Cache-Control"] = "private, max-age=3600"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Content-Disposition"] = "inline" if row.content_type in INLINE else "attachment"
    return response
