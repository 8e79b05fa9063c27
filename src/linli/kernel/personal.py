"""Personal fields: encrypted in the row, masked wherever they show, opened only by `read` with a stated purpose.

    phone = PersonalField(category="phone", purposes=("call_back",), basis="duty", retention_days=365, blind_index=True)

Assign clear text; it is sealed at once. Reading the attribute, `values()`, JSON, admin, pickles and logs give a
`Sealed`, whose text is a mask. `read` refuses purposes the field was not registered for, and writes one log row.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import models
from django.db.models import Lookup
from django.db.models.query_utils import DeferredAttribute

from linli.kernel import crypto, masks
from linli.kernel.masks import Found, mask_text
from linli.kernel.personal_reads import erase, look_up, notice, read, read_many, reads_of
from linli.kernel.personal_register import REGISTRY, PersonalSpec, Sealed, specs

__all__ = ["REGISTRY", "Found", "PersonalField", "PersonalSpec", "Sealed", "erase", "look_up", "mask_text", "notice",
           "read", "read_many", "reads_of", "specs"]  # fmt: skip
BASES = ("consent", "contract", "duty", "emergency", "public_interest", "employment")


class _Attribute(DeferredAttribute):
    """Seals what is assigned, so that no clear value ever stays on an instance."""

    field: PersonalField

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = self.field.sealed(value)


class PersonalField(models.BinaryField):
    """A personal value of a model. The column holds `blind index (16 bytes) | envelope`; empty text is NULL.

    `basis` is one of BASES for all purposes, or a mapping purpose → basis. `retention_days` counts from the row's
    `personal_since` (a property or field; default `created_at`). With basis `consent` the model needs a method
    `personal_consent(purpose) -> bool`.
    """

    descriptor_class = _Attribute

    def __init__(
        self,
        *args: Any,
        category: str = "text",
        purposes: Sequence[str] = (),
        basis: str | Mapping[str, str] = "duty",
        retention_days: int = 365,
        blind_index: bool = False,
        **kwargs: Any,
    ) -> None:
        self.category, self.purposes, self.basis = category, tuple(purposes), basis
        self.retention_days, self.blind_index = retention_days, blind_index
        kwargs.update(null=True, blank=True, editable=False, db_index=blind_index)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        for key in ("null", "blank", "editable", "db_index"):
            kwargs.pop(key, None)
        return name, path, args, {**kwargs, "category": self.category, "blind_index": self.blind_index}

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        if cls._meta.abstract or cls.__module__ == "__fake__":
            return
        if not self.purposes:
            raise TypeError(f"{cls.__name__}.{name}: a personal field names its purposes")
        bases = {p: self.basis if isinstance(self.basis, str) else self.basis[p] for p in self.purposes}
        if unknown := set(bases.values()) - set(BASES):
            raise TypeError(f"{cls.__name__}.{name}: unknown legal basis {unknown}")
        REGISTRY[cls._meta.label, name] = PersonalSpec(
            cls._meta.label, name, self.category, self.purposes, tuple(bases.items()), self.retention_days,
            self.blind_index,
        )  # fmt: skip

    @property
    def context(self) -> bytes:
        return f"{self.model._meta.db_table}.{self.column}".encode()

    def sealed(self, value: Any) -> Sealed | None:
        """`value` (clear text, a stored column or a Sealed) as a Sealed of this field; None for nothing."""
        if value is None or value == "":
            return None
        if isinstance(value, Sealed):
            return value
        if isinstance(value, (bytes, memoryview)):
            return Sealed(bytes(value), self.category, self.context)
        if not isinstance(value, str):
            raise TypeError(f"{self.name} takes text")
        return Sealed(self.fingerprint(value) + crypto.seal(value.encode(), self.context), self.category, self.context)

    def fingerprint(self, clear: str) -> bytes:
        """The blind index of a value; random where the field keeps none, so that equal values cannot be told."""
        if not self.blind_index:
            return os.urandom(crypto.BLIND_SIZE)
        return crypto.blind(masks.normal(self.category, clear), self.context)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Sealed | None:
        return self.sealed(value)

    def to_python(self, value: Any) -> Any:
        return self.sealed(value)

    def get_prep_value(self, value: Any) -> Any:
        sealed = self.sealed(value)
        return None if sealed is None else sealed.blob

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return value if prepared else self.get_prep_value(value)

    def value_to_string(self, obj: models.Model) -> str:
        return str(self.value_from_object(obj) or "")

    def get_lookup(self, lookup_name: str) -> Any:
        """Only `__blind` and `__isnull`: nothing else can be asked of a ciphertext."""
        if lookup_name in ("blind", "isnull"):
            return super().get_lookup(lookup_name)
        raise TypeError(f"{self.name} is personal: look it up with {self.name}__blind")


@PersonalField.register_lookup
class Blind(Lookup):
    """`phone__blind="138…"`: rows whose value equals the given one, found by its fingerprint through the index."""

    lookup_name = "blind"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        field: PersonalField = self.lhs.output_field
        if not field.blind_index:
            raise TypeError(f"{field.name} keeps no blind index")
        low = field.fingerprint(str(self.rhs))
        lhs, params = self.process_lhs(compiler, connection)
        return f"({lhs} >= %s AND {lhs} < %s)", (*params, low, *params, low + b"\xff" * 4)
