"""What a form is, and whether answers fit it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

KINDS = ("visit", "hazard", "case")
MOMENTS = ("report", "finish")
PATTERN = re.compile(r"\d{0,6}\*|\d{6}")
TYPES = ("text", "integer", "decimal", "select_one", "select_multiple", "date", "note")
MAX_TEXT = 1000
# What a phone may find wrong with a photo. The photo is sent all the same; whoever looks at it sees the mark.
MARKS = ("blur", "dark", "far")
SOUNDS = {b"\x1a\x45\xdf\xa3": "audio/webm", b"OggS": "audio/ogg"}
MAX_SOUND, MAX_SECONDS = 2 * 1024 * 1024, 120


@dataclass(frozen=True, slots=True)
class Choice:
    """`case`: chosen, it makes a case of this class."""

    value: str
    zh: str
    en: str
    case: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """`personal`: the answer is about a person, kept sealed and only with consent. `when`: asked only when another
    field has this answer."""

    name: str
    type: str
    zh: str
    en: str
    required: bool = False
    personal: bool = False
    when: tuple[str, str] | None = None
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """`classes`, `at`: a form of kind `case` is asked of cases of these classes (`2004*` is a pattern), when one is
    reported or when its work is finished."""

    code: str
    version: int
    kind: str
    zh: str
    en: str
    fields: tuple[Field, ...]
    classes: tuple[str, ...] = ()
    at: str = ""

    def asks(self, class_code: str) -> bool:
        """Whether it is asked of cases of a class."""
        return bool(class_code) and any(
            class_code.startswith(one[:-1]) if one.endswith("*") else class_code == one for one in self.classes
        )


@dataclass(frozen=True, slots=True)
class Hazard:
    """An answer that makes a case."""

    field: str
    class_code: str
    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    plain: dict[str, Any]
    personal: dict[str, Any]
    hazards: tuple[Hazard, ...]
    wrong: tuple[tuple[str, str], ...]  # (field, reason)


def parse(data: Mapping[str, Any]) -> Form:
    """A form of a pack; ValueError says what is wrong with it."""
    fields = tuple(_field(one) for one in data["fields"])
    names = [one.name for one in fields]
    if len(set(names)) < len(names):
        raise ValueError(f"form {data['code']}: two fields have one name")
    for place, one in enumerate(fields):
        if one.when and one.when[0] not in names[:place]:
            raise ValueError(f"form {data['code']}: {one.name} depends on {one.when[0]}, which does not come before it")
        if one.personal and any(c.case for c in one.choices):
            raise ValueError(f"form {data['code']}: {one.name} is personal and cannot make a case")
    made = Form(
        data["code"], int(data["version"]), data["kind"], data["name"]["zh"], data["name"]["en"], fields,
        tuple(str(one) for one in data.get("classes", ())), str(data.get("at", "")),
    )  # fmt: skip
    _bound(made)
    return made


def _bound(form: Form) -> None:
    """A form of a class says of which and when; it asks nothing about a person and makes no case of its own."""
    if form.kind != "case":
        if form.classes or form.at:
            raise ValueError(f"form {form.code}: only a form of kind case has classes and a moment")
        return
    if not form.classes or form.at not in MOMENTS:
        raise ValueError(f"form {form.code}: needs classes, and at: {' or '.join(MOMENTS)}")
    if wrong := [one for one in form.classes if not PATTERN.fullmatch(one)]:
        raise ValueError(f"form {form.code}: {wrong[0]} is no class or pattern such as 2004*")
    if any(one.personal or any(c.case for c in one.choices) for one in form.fields):
        raise ValueError(f"form {form.code}: a form of a class has no personal field and makes no case")


def _field(data: Mapping[str, Any]) -> Field:
    when = data.get("when")
    return Field(
        data["name"], data["type"], data["label"]["zh"], data["label"]["en"], bool(data.get("required")),
        bool(data.get("personal")), (when["field"], str(when["is"])) if when else None,
        tuple(Choice(str(c["value"]), c["zh"], c["en"], str(c.get("case", ""))) for c in data.get("choices", ())),
    )  # fmt: skip


def check(form: Form, answers: Mapping[str, Any], *, consent: bool) -> Checked:
    """Sort the answers into plain and personal ones, find what makes a case, and say what is wrong."""
    plain: dict[str, Any] = {}
    personal: dict[str, Any] = {}
    hazards: list[Hazard] = []
    wrong = [(name, "is not asked by this form") for name in answers.keys() - {f.name for f in form.fields}]
    for one in form.fields:
        value = answers.get(one.name)
        if one.type == "note" or (one.when and not _holds(one.when, {**plain, **personal})):
            continue
        if value in (None, "", []):
            if one.required and not (one.personal and not consent):
                wrong.append((one.name, "is needed"))
        elif one.personal and not consent:
            wrong.append((one.name, "is about a person and was not consented to"))
        elif reason := _fault(one, value):
            wrong.append((one.name, reason))
        else:
            (personal if one.personal else plain)[one.name] = value
            hazards += _hazards(form, one, value)
    return Checked(plain, personal, tuple(hazards), tuple(sorted(wrong)))


@dataclass(frozen=True, slots=True)
class Taken:
    """Answers to a form of a class: those that fit, those that do not (kept as they came), fields still to be asked."""

    answers: dict[str, Any]
    unfit: dict[str, Any]
    missing: tuple[str, ...]


def take(form: Form, answers: Mapping[str, Any]) -> Taken:
    """Take whatever a phone sends, also one with an older form or none: nothing is refused, and what is missing is
    named."""
    found = check(form, answers, consent=False)
    unasked = {
        name: value for name, value in answers.items() if name not in found.plain and value not in (None, "", [])
    }
    needed = {one.name for one in form.fields if one.required}
    return Taken(found.plain, unasked, tuple(name for name, _ in found.wrong if name in needed))


def _holds(when: tuple[str, str], answers: Mapping[str, Any]) -> bool:
    value = answers.get(when[0])
    return when[1] in value if isinstance(value, list) else str(value) == when[1]


def _hazards(form: Form, one: Field, value: Any) -> list[Hazard]:
    chosen = value if isinstance(value, list) else [value]
    return [
        Hazard(one.name, c.case, f"{form.zh}：{one.zh} {c.zh}") for c in one.choices if c.case and c.value in chosen
    ]


def _fault(one: Field, value: Any) -> str:
    """Why a value does not fit its field; '' when it does."""
    known = {c.value for c in one.choices}
    if one.type == "integer":
        return "" if isinstance(value, int) and not isinstance(value, bool) else "is not a whole number"
    if one.type == "decimal":
        return "" if isinstance(value, int | float) and not isinstance(value, bool) else "is not a number"
    if one.type == "select_one":
        return "" if isinstance(value, str) and value in known else "is not a choice"
    if one.type == "select_multiple":
        return "" if isinstance(value, list) and all(v in known for v in value) else "is not a list of choices"
    if not isinstance(value, str) or len(value) > MAX_TEXT or "\0" in value:
        return f"is not a text of at most {MAX_TEXT} characters"
    return _date_fault(value) if one.type == "date" else ""


def _date_fault(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError:
        return "is not a date such as 2026-03-01"
    return ""


def sound_type(data: bytes) -> str:
    """The content type of a recording by its first bytes; '' for anything else."""
    for magic, kind in SOUNDS.items():
        if data.startswith(magic):
            return kind
    return "audio/mp4" if data[4:8] == b"ftyp" else ""
