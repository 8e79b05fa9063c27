"""The register of personal fields and their sealed values: `personal` and `personal_reads` both stand on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import models

from linli.kernel import crypto, masks


@dataclass(frozen=True, slots=True)
class PersonalSpec:
    """What is declared of one personal field: shown in the notice, enforced by `read`, obeyed by retention."""

    model: str
    field: str
    category: str
    purposes: tuple[str, ...]
    bases: tuple[tuple[str, str], ...]
    retention_days: int
    blind_index: bool

    def basis_of(self, purpose: str) -> str:
        return dict(self.bases)[purpose]


REGISTRY: dict[tuple[str, str], PersonalSpec] = {}


class Sealed:
    """An encrypted personal value. Its text is a mask; there is no way from it to the clear value but `read`."""

    __slots__ = ("blob", "category", "context")

    def __init__(self, blob: bytes, category: str, context: bytes) -> None:
        self.blob, self.category, self.context = blob, category, context

    def __str__(self) -> str:
        try:
            return masks.mask(self.category, clear(self))
        except crypto.Unreadable:
            return "***"

    def __repr__(self) -> str:
        return f"<Sealed {self.category} {self}>"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and other.blob == self.blob

    def __hash__(self) -> int:
        return hash(self.blob)

    def __getstate__(self) -> tuple[bytes, str, bytes]:
        return self.blob, self.category, self.context

    def __setstate__(self, state: tuple[bytes, str, bytes]) -> None:
        self.blob, self.category, self.context = state


def clear(sealed: Sealed) -> str:
    """The clear value. Only `personal_reads` and the mask call this."""
    return crypto.open_sealed(sealed.blob[crypto.BLIND_SIZE :], sealed.context).decode()


def spec_of(instance: models.Model, field: str) -> PersonalSpec:
    try:
        return REGISTRY[instance._meta.label, field]
    except KeyError:
        raise TypeError(f"{instance._meta.label}.{field} is not a personal field") from None


def specs() -> Iterable[PersonalSpec]:
    """All registered fields, in the order of their models."""
    return [REGISTRY[k] for k in sorted(REGISTRY)]
