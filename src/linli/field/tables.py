"""The forms of the packs in force. Read once."""

from __future__ import annotations

from functools import lru_cache

from linli.field.rules import Form, parse
from linli.kernel import packs


@lru_cache(maxsize=1)
def forms() -> dict[str, Form]:
    """By code; a later pack's form replaces one of the same code."""
    found: dict[str, Form] = {}
    for path in packs.files("forms", (".yaml",)):
        for data in packs.read_yaml(path)["forms"]:
            form = parse(data)
            found[form.code] = form
    return found


def site_forms() -> list[Form]:
    """Visits and hazard checks."""
    return [form for form in forms().values() if form.kind != "case"]


def class_forms(class_code: str | None = None, at: str = "") -> list[Form]:
    """Forms of classes: all, or those asked of one class, at one moment."""
    found = [form for form in forms().values() if form.kind == "case" and at in ("", form.at)]
    return found if class_code is None else [form for form in found if form.asks(class_code)]
