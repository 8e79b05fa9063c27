"""Devices by what platforms of others call them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import orjson
from django.conf import settings
from django.db import connection

from linli.devices import contracts
from linli.devices.contracts import RegistryRow


def speaking(by: str, numbers: Iterable[str]) -> dict[str, RegistryRow]:
    """The devices of these codes, or (`by` is number) of these outside numbers; who is not known is left out."""
    wanted = list(dict.fromkeys(numbers))
    if by == "code":
        return {row.code: row for row in _rows(wanted, [])}
    key = settings.HOME.secret(contracts.TOKEN_KEY)
    forms = {n: contracts.station_number(contracts.OUTSIDE, n) for n in wanted}
    hashes = {n: contracts.station_hash(key, contracts.OUTSIDE, form) for n, form in forms.items()}
    known = {bytes(one): row for row in _rows([], list(hashes.values())) for one in row.credential_hashes or ()}
    return {n: known[one] for n, one in hashes.items() if one in known}


def _rows(codes: list[str], hashes: list[bytes]) -> list[RegistryRow]:
    if not codes and not hashes:
        return []
    with connection.cursor() as cursor:
        cursor.execute(contracts.REGISTRY_SPEAKING_SQL, [codes, hashes])
        return [_read(RegistryRow(*row)) for row in cursor.fetchall()]


def _read(row: RegistryRow) -> RegistryRow:
    """Django's connection gives JSON as text."""
    return replace(row, properties=_json(row.properties), translate=_json(row.translate))


def _json(value: Any) -> Any:
    return orjson.loads(value) if isinstance(value, str) else value or {}
