"""All things of places at once, for what is kept of the registry beside the readings."""

from __future__ import annotations

from typing import Any

from django.db import connection

_OPEN = (
    "FROM devices_device d JOIN devices_thing_model m ON m.code = d.model_id AND m.subject = 'place'"
    " WHERE d.area_path <> ''"
)
_THINGS = f"SELECT d.id, d.code, d.name_zh, d.model_id, d.area_path, d.owner_department {_OPEN} ORDER BY d.id"
_STAMP = (
    "SELECT count(*), coalesce(bit_xor(hashtextextended(concat_ws(chr(31), d.id, d.code, d.name_zh, d.model_id,"
    f" d.area_path, d.owner_department), 0)), 0) {_OPEN}"
)


def things() -> list[tuple[Any, ...]]:
    """(id, code, name, model, area path, owner department), retired ones too: their readings stay."""
    with connection.cursor() as cursor:
        cursor.execute(_THINGS)
        return list(cursor.fetchall())


def stamp() -> str:
    """Another text whenever `things` gives other rows."""
    with connection.cursor() as cursor:
        cursor.execute(_STAMP)
        return ":".join(str(part) for part in cursor.fetchone())
