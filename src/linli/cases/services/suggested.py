"""Where a picture may show a face or a number plate: suggested to whoever covers it, never covered by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

import linli
from linli.cases.models import Photo
from linli.cases.selectors import visible
from linli.cases.services import common
from linli.kernel import files, services, storage
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound, Unavailable
from linli.kernel.i18n import say

SECONDS = 30


def suggest_boxes(*, actor: Actor, case_id: UUID, photo_id: UUID) -> list[dict[str, Any]]:
    """Rectangles to look at: `kind` (face, plate), `score` from 0 to 1, x, y, w, h as parts of the sides; best first.

    Looked for once, in the uncovered picture, and kept with it: nothing but rectangles. Only for whoever may cover it.
    """
    with services.unit(actor):
        row = _photo(actor, case_id, photo_id)
        if row.suggested is not None:
            return list(row.suggested)
        data = storage.store().get(files.find(row.original_file_id or row.file_id).key)
    boxes = run_child(data)  # outside of a transaction: it takes a second
    with services.unit(actor):
        row = _photo(actor, case_id, photo_id, lock=True)
        if row.suggested is None:
            row.suggested = boxes
            row.save(update_fields=["suggested"])
            detail = {"photo": str(row.id), "boxes": len(boxes)}
            common.record(case=row.case, actor=actor, act="suggest_boxes", detail=detail)
    return list(row.suggested)


def _photo(actor: Actor, case_id: UUID, photo_id: UUID, *, lock: bool = False) -> Photo:
    case = visible.get(actor, case_id, lock=lock)
    actor.require("cases.close", case.area_path)
    row = Photo.objects.filter(case=case, pk=photo_id).first()
    if row is None:
        raise NotFound()
    row.case = case
    return row


def run_child(data: bytes) -> list[dict[str, Any]]:
    """Looked at by a process of its own: OpenCV's memory goes with it, and a bad picture breaks nothing else."""
    source = str(Path(linli.__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH", ""))))
    command = [sys.executable, "-m", "linli.cases.finder.find"]
    env = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=SECONDS, check=True, env=env)
    except (subprocess.SubprocessError, OSError) as error:
        raise Unavailable(say("暂时没有建议, 请自己画矩形", "No suggestions now; draw by hand")) from error
    found: list[dict[str, Any]] = orjson.loads(done.stdout)
    return found
