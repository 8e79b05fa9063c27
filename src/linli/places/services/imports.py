"""Import of grids (GeoJSON) and of compounds, buildings and units (CSV or GeoJSON), with a report row by row.

A dry run reports what an import would do. An import is idempotent: rows are known by their code, and the same file
again changes nothing. A row that is refused leaves the others alone; the report names row, field and reason.
"""

from __future__ import annotations

from collections.abc import Callable

from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid, TooLarge
from linli.places.services import import_buildings, import_grids
from linli.places.services.import_rows import Report, read_rows

MAX_BYTES = 20 * 1024 * 1024
KINDS = ("grids", "compounds", "buildings", "units")


def import_file(*, actor: Actor, kind: str, name: str, data: bytes, apply: bool, system: str = "wgs84",
                update: bool = True, force: bool = False) -> Report:  # fmt: skip
    """Read a file of `kind` and, with `apply`, write it. Without `update`, rows known already are left as they are."""
    if kind not in KINDS:
        raise Invalid("kind", f"must be one of {', '.join(KINDS)}")
    if len(data) > MAX_BYTES:
        raise TooLarge(f"an import file has at most {MAX_BYTES // 1024 // 1024} MB", field="file")
    rows = read_rows(name, data)
    report = Report(kind, apply, rows=len(rows))
    loader: Callable[..., None] = import_grids.load if kind == "grids" else getattr(import_buildings, f"load_{kind}")
    loader(actor=actor, rows=rows, report=report, apply=apply, system=system, update=update, force=force)
    return report
