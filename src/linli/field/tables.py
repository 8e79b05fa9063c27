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
