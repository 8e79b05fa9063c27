"""Words for an answer: the packs' templates for an act on a case, with its number, class, area and deadline put in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from linli.cases import intake_tables, tables
from linli.cases.models import Case
from linli.cases.selectors import visible
from linli.kernel.actor import Actor

LANGUAGES = ("zh", "en")


def listed() -> list[dict[str, Any]]:
    """All templates as they stand in the packs."""
    return [{"key": t.key, "act": t.act, "class": t.class_prefix, "name": t.name, "text": t.text}
            for t in intake_tables.templates()]  # fmt: skip


def for_case(actor: Actor, case_id: UUID, act: str) -> list[dict[str, Any]]:
    """Those of an act that fit the case's class, filled in; the more precise class first."""
    case = visible.get(actor, case_id)
    fields = {language: _fields(case, language) for language in LANGUAGES}
    return [
        {"key": t.key, "name": t.name, "text": {lang: _filled(t.text[lang], fields[lang]) for lang in LANGUAGES}}
        for t in intake_tables.templates()
        if t.act == act and case.class_code.startswith(t.class_prefix)
    ]


def _filled(text: str, fields: dict[str, str]) -> str:
    for name, value in fields.items():
        text = text.replace("{" + name + "}", value)
    return text


def _fields(case: Case, language: str) -> dict[str, str]:
    from linli.places import facade as places

    known, due = tables.catalogue().classes.get(case.class_code), case.handle_due_at or case.due_at
    names = places.area_names(case.area_path, language) if language == "en" else places.area_names(case.area_path)
    unnamed = {"zh": "问题", "en": "matter"}
    return {"number": case.number, "class": getattr(known, language) if known else unnamed[language],
            "area": names[-1] if names else "—",
            "due": f"{due.astimezone(tables.calendar().zone):%m-%d %H:%M}" if due else "—"}  # fmt: skip
