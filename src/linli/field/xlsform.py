"""An XLSForm as a form of a pack: `linli import form FILE.xlsx`.

What the phone cannot ask (repeats, calculations, conditions other than one equality) is refused by name, never
dropped. Extra columns: `linli_personal` (yes) in survey, `linli_case` (a class) in choices, `linli_kind` in settings;
with `linli_kind` = case also `linli_classes` and `linli_at` (report or finish): the form is asked of these classes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from linli.field.rules import KINDS, parse

CONDITION = re.compile(r"\$\{(\w+)\}\s*=\s*'([^']*)'|selected\(\s*\$\{(\w+)\}\s*,\s*'([^']*)'\s*\)")
TYPES = {
    "text": "text", "integer": "integer", "int": "integer", "decimal": "decimal", "date": "date", "note": "note",
    "select one": "select_one", "select all that apply": "select_multiple",
}  # fmt: skip
YES = ("yes", "true", "true()", "1")


class NotOurs(ValueError):
    """The form asks for something that the phone cannot do."""


def read(path: Path) -> dict[str, Any]:
    """The form as a pack says it; NotOurs names what does not fit."""
    from pyxform.errors import PyXFormError
    from pyxform.xls2json import parse_file_to_json

    try:
        book = parse_file_to_json(str(path))
    except (PyXFormError, OSError, KeyError) as error:
        raise NotOurs(f"pyxform cannot read it: {error}") from error
    code = re.sub(r"[^a-z0-9_-]+", "_", str(book.get("id_string") or path.stem).lower()).strip("_-")
    kind = str(book.get("linli_kind") or "hazard")
    if kind not in KINDS:
        raise NotOurs(f"settings: linli_kind must be one of {', '.join(KINDS)}")
    version = re.sub(r"\D", "", str(book.get("version") or "")) or "1"
    fields = [_field(one) for one in book["children"] if one["name"] != "meta"]
    title = str(book.get("title") or code)
    form = {"code": code, "version": int(version), "kind": kind, "name": _words(title, title), "fields": fields}
    form |= _binding(book)
    try:
        parse(form)
    except ValueError as error:
        raise NotOurs(str(error)) from error
    return form


def _binding(book: dict[str, Any]) -> dict[str, Any]:
    """Which classes a form is asked of, and when: settings `linli_classes` (2004*, 100103) and `linli_at`."""
    classes = [one for one in re.split(r"[\s,;，；、]+", str(book.get("linli_classes") or "")) if one]
    at = str(book.get("linli_at") or "")
    return {**({"classes": classes} if classes else {}), **({"at": at} if at else {})}


def _words(label: Any, name: str) -> dict[str, str]:
    """Both languages of a label; one language serves for both."""
    if not isinstance(label, dict):
        return {"zh": str(label or name), "en": str(label or name)}
    found = {"zh": "", "en": ""}
    for language, text in label.items():
        key = "zh" if re.search(r"zh|chin|[\u4e00-\u9fff]", language, re.IGNORECASE) else "en"
        found[key] = found[key] or str(text)
    return {k: v or found["zh"] or found["en"] or name for k, v in found.items()}


def _field(one: dict[str, Any]) -> dict[str, Any]:
    name = str(one["name"]).lower()
    kind = TYPES.get(str(one["type"]))
    if kind is None:
        raise NotOurs(f"{name}: the phone cannot ask for {one['type']}")
    bind = one.get("bind") or {}
    if unknown := bind.keys() - {"required", "relevant", "type"}:
        raise NotOurs(f"{name}: {', '.join(sorted(unknown))} is not supported")
    made: dict[str, Any] = {"name": name, "type": kind, "label": _words(one.get("label"), name)}
    if str(bind.get("required", "")).lower() in YES:
        made["required"] = True
    if str(one.get("linli_personal", "")).lower() in YES:
        made["personal"] = True
    if bind.get("relevant"):
        made["when"] = _when(name, str(bind["relevant"]))
    if kind.startswith("select"):
        made["choices"] = [_choice(c) for c in one.get("choices") or ()]
    return made


def _when(name: str, text: str) -> dict[str, str]:
    found = CONDITION.fullmatch(text.strip())
    if found is None:
        raise NotOurs(f"{name}: the condition {text} is not one equality")
    return {"field": (found[1] or found[3]).lower(), "is": found[2] or found[4] or ""}


def _choice(one: dict[str, Any]) -> dict[str, Any]:
    value = str(one["name"])
    case = {"case": str(one["linli_case"])} if one.get("linli_case") else {}
    return {"value": value, **_words(one.get("label"), value), **case}
