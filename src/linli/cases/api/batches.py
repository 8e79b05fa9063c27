"""Reports in bulk: a sheet is checked, taken in by a job, looked at while it goes on, and undone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import File, Status
from ninja.files import UploadedFile

from linli.cases.api import router
from linli.cases.importing import sheet
from linli.cases.selectors import batches
from linli.cases.services import batches as batch_services
from linli.kernel.errors import TooLarge
from linli.kernel.http import actor_of


@router.post("/case-imports", permission="cases.import", response={200: dict, 202: dict})
def import_sheet(request: HttpRequest, file: UploadedFile = File(...), check: bool = False) -> Status:
    """Take in a CSV or XLSX of at most 2,000 rows and 5 MB. With `check`, only say what is wrong. The same file again
    is the same import. Each error has the row, the field and a reason by code; good rows are taken in all the same."""
    if (file.size or 0) > sheet.MAX_BYTES:
        raise TooLarge("a sheet has at most 5 MB", field="file")
    row = batch_services.take_in(actor=actor_of(request), name=file.name or "", data=file.read(), only_check=check)
    return Status(200 if check else 202, batches.shown(row))


@router.get("/case-imports", permission="cases.import", response=dict)
def list_imports(request: HttpRequest, cursor: str | None = None, limit: int = 50) -> dict[str, Any]:
    """One's own imports, newest first."""
    return batches.page(actor_of(request), cursor=cursor, limit=limit)


@router.get("/case-imports/{batch_id}", permission="cases.import", response=dict)
def get_import(request: HttpRequest, batch_id: UUID) -> dict[str, Any]:
    """How far it is, and the rows that were refused."""
    return batches.get(actor_of(request), batch_id)


@router.post("/case-imports/{batch_id}/undo", permission="cases.import", response=dict)
def undo_import(request: HttpRequest, batch_id: UUID) -> dict[str, Any]:
    """Cancel its cases that nobody has touched, within a day."""
    return batches.shown(batch_services.undo(actor=actor_of(request), batch_id=batch_id))
