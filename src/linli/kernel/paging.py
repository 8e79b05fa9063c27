"""Keyset paging: a page is `{"items": [...], "next": cursor or null}`. No OFFSET anywhere."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson
from django.core.exceptions import ValidationError
from django.db import DataError
from django.db.models import Model, Q, QuerySet
from ninja import Schema

from linli.kernel.errors import Invalid

T = TypeVar("T")
M = TypeVar("M", bound=Model)
DEFAULT_LIMIT, MAX_LIMIT = 50, 200


class Page(Schema, Generic[T]):
    items: list[T]
    next: str | None = None


def encode(values: Sequence[Any]) -> str:
    return (
        base64.urlsafe_b64encode(orjson.dumps([str(v) if isinstance(v, UUID) else v for v in values]))
        .decode()
        .rstrip("=")
    )


def decode(cursor: str, count: int) -> list[Any]:
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != count:
            raise ValueError
    except ValueError as error:
        raise Invalid("cursor", "is not one that this list gave") from error
    return values


def keyset(
    query: QuerySet[M], *, key: tuple[str, ...], cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> tuple[list[M], str | None]:
    """One page of `query` ordered by `key` (names, `-` for descending; the last must be unique and none null).

    Returns (rows, next cursor or None).
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise Invalid("limit", f"must be between 1 and {MAX_LIMIT}")
    names = [k.lstrip("-") for k in key]
    if cursor:
        values = decode(cursor, len(key))
        after = Q()
        for i, k in enumerate(key):
            same = Q(**{names[j]: values[j] for j in range(i)})
            after |= same & Q(**{f"{names[i]}__{'lt' if k.startswith('-') else 'gt'}": values[i]})
        lead = f"{names[0]}__{'lte' if key[0].startswith('-') else 'gte'}"
        try:
            query = query.filter(Q(**{lead: values[0]}) & after)
        except (ValueError, TypeError, ValidationError) as error:
            raise Invalid("cursor", "is not one that this list gave") from error
    try:
        rows = list(query.order_by(*key)[: limit + 1])
    except (DataError, OverflowError, ValueError) as error:  # a value of the cursor that its column cannot hold
        raise Invalid("cursor", "is not one that this list gave") from error
    if len(rows) <= limit:
        return rows, None
    rows = rows[:limit]
    return rows, encode([_plain(getattr(rows[-1], n)) for n in names])


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
