"""What other modules see of cases: plain values, no Django."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from linli.cases.rules import assignment, soundness

CHANNELS = ("qr", "web", "hotline", "patrol", "staff", "api", "device", "open311", "import", "wechat", "webhook")
PUBLIC_CHANNELS = ("qr", "web", "open311", "wechat", "webhook")  # by which anybody reports


@dataclass(frozen=True, slots=True)
class Contact:
    """What a reporter leaves to be told how it went. `consent` is their yes to exactly that use."""

    phone: str = ""
    name: str = ""
    consent: bool = True
    email: str = ""


@dataclass(frozen=True, slots=True)
class NewCase:
    """A signal on its way to become a case. `private=None`: as the kind and the class say.

    `case_id`: made by the client, so that a report sent again is known however late.
    """

    channel: str
    kind: str = "problem"
    class_code: str = ""
    text: str = ""
    lon: float | None = None
    lat: float | None = None
    unit_id: UUID | None = None
    address: str = ""
    private: bool | None = None
    urgent: bool = False
    contact: Contact | None = None
    photos: tuple[bytes, ...] = ()
    device_id: UUID | None = None
    alarm_id: UUID | None = None
    want_secret: bool = False
    area: str = ""  # where it is filed when only words say where; empty: the district
    state: str = ""  # where the transition table lets a case begin; empty for its initial state
    note: str = ""
    case_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the reporter gets: the number, the secret of the ticket's link, and when it should be done."""

    case_id: UUID
    number: str
    secret: str = ""
    due_at: datetime | None = None
    limit_zh: str = ""
    limit_en: str = ""
    illustrative: bool = False


@dataclass(frozen=True, slots=True)
class PublicStep:
    at: datetime
    zh: str
    en: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class PublicTicket:
    """A case as the holder of its secret sees it."""

    case_id: UUID
    number: str
    kind: str
    class_zh: str
    class_en: str
    state: str
    state_zh: str
    state_en: str
    step: int
    text: str
    address: str
    created_at: datetime
    due_at: datetime | None
    illustrative: bool
    closed_at: datetime | None
    steps: tuple[PublicStep, ...]
    photos: tuple[UUID, ...]
    released_photos: tuple[UUID, ...]
    phone_masked: str
    has_contact: bool
    looked: tuple[tuple[datetime, str, str], ...]  # who looked at the contact: when, purpose, reason
    can_reopen: bool
    me_too: int
    asked: bool = False  # whether it has ended so that one may ask: is it solved?
    answered: bool = False
    score: int | None = None
    after_photos: tuple[UUID, ...] = ()  # those of the finished work that a person has released
    short_code: str = ""  # with the phone number, another way to this ticket


@dataclass(frozen=True, slots=True)
class PublicCase:
    """An open, non-private case as anybody sees it: rounded to the building, without text."""

    case_id: UUID
    number: str
    class_zh: str
    class_en: str
    state: str
    state_zh: str
    state_en: str
    created_at: datetime
    lon: float | None
    lat: float | None
    me_too: int
    photos: tuple[UUID, ...] = ()
    distance_m: int = 0  # from where one asked, to ten metres


@dataclass(frozen=True, slots=True)
class PublicItem:
    """A public case with its two ends, as lists, feeds and its own page show it. `text` stands only on its own page."""

    case_id: UUID
    number: str
    class_code: str
    class_zh: str
    class_en: str
    state: str
    state_zh: str
    state_en: str
    step: int
    area_path: str
    lon: float | None
    lat: float | None
    created_at: datetime
    filed_at: datetime | None
    closed_at: datetime | None
    me_too: int
    before: tuple[tuple[UUID, UUID], ...] = ()  # released pictures: file and thumbnail
    after: tuple[tuple[UUID, UUID], ...] = ()
    text: str = ""
    steps: tuple[PublicStep, ...] = ()


@dataclass(frozen=True, slots=True)
class PublicCell:
    """Public cases of a cell of the grid of squares, and where its corners lie. Never fewer than the packs allow."""

    west: float
    south: float
    east: float
    north: float
    count: int
    class_code: str = ""
    class_zh: str = ""
    class_en: str = ""
    closed: int | None = None  # None: withheld
    median_days: float | None = None


@dataclass(frozen=True, slots=True)
class TicketNews:
    """What happened with a ticket since a moment, for whoever asked to be told. `key` opens the ticket for a while."""

    number: str
    class_zh: str
    class_en: str
    state_zh: str
    state_en: str
    asked: bool
    ended: bool
    key: str
    steps: tuple[PublicStep, ...]


@dataclass(frozen=True, slots=True)
class TeamSuggestion:
    team_id: UUID
    name_zh: str
    name_en: str
    reason_zh: str
    reason_en: str
    rule: int = 0  # its number as written, from 1
    why: tuple[dict[str, Any], ...] = ()  # {code, n}: on duty, load, distance; see rules.routing.reasons
    automatic: bool = False  # the rule may give it out by itself, and the team can take it now
    member_id: UUID | None = None  # the one whom the rule names
    member: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What an act led to."""

    case_id: UUID
    number: str
    state: str
    version: int
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SeenCase:
    """A case as other rooms need it to add to it. `permission`: what one needs in its area to hear of it."""

    id: UUID
    number: str
    area_path: str
    permission: str


@dataclass(frozen=True, slots=True)
class OwnCase:
    """An open case that a member reported."""

    id: UUID
    number: str
    class_code: str


@dataclass(frozen=True, slots=True)
class CardCase:
    """A case as its run cards need it. `permission`: as in SeenCase; `place`: see `work.facade.open_task`."""

    id: UUID
    number: str
    area_path: str
    permission: str
    class_code: str
    urgent: bool
    open: bool
    alarm_id: UUID | None
    place: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Referral:
    """A case that is with another system: which one, and what it is called there ('' until it said so)."""

    case_id: UUID
    to: str
    ref: str
    reason: str


@dataclass(frozen=True, slots=True)
class ClassInfo:
    """A class of the catalogue, with its rows of conditions: (number, zh, en)."""

    code: str
    zh: str
    en: str
    group_zh: str
    group_en: str
    private: bool
    conditions: tuple[tuple[int, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class OutsideCase:
    """A case as another system sees it. `full`: with its words, for callers who see the case; else as anybody."""

    case_id: UUID
    number: str
    class_code: str
    class_zh: str
    class_en: str
    state: str
    state_zh: str
    state_en: str
    step: int
    final: bool
    text: str
    address: str
    lon: float | None
    lat: float | None
    created_at: datetime
    updated_at: datetime
    due_at: datetime | None
    closed_at: datetime | None
    me_too: int
    full: bool
    photos: tuple[UUID, ...] = ()  # those that were released


@dataclass(frozen=True, slots=True)
class OutsideFilter:
    """What a list for another system is narrowed to; all parts together."""

    numbers: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    created_from: datetime | None = None
    created_to: datetime | None = None
    changed_from: datetime | None = None
    changed_to: datetime | None = None
    open: bool | None = None
    circle: tuple[float, float, float] | None = None  # longitude, latitude, metres


@dataclass(frozen=True, slots=True)
class OutsideUpdate:
    """A step of a case that others may hear of. `note` only for callers who see the case itself."""

    id: UUID
    case_id: UUID
    number: str
    act: str
    zh: str
    en: str
    state: str
    at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class CaseAct:
    """One act of a case's timeline, without its words."""

    at: datetime
    act: str
    to_state: str
    account_id: UUID | None = None  # only of people with an account
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What may be counted of a case: times, acts and deadlines, nothing that anybody wrote."""

    id: UUID
    area_path: str
    channel: str
    class_code: str
    state: str
    step: int
    ended: bool
    solved: bool  # ended in the last step of all, not turned away before
    waits: bool  # not beyond the step in which cases are given to teams
    urgent: bool
    team_id: UUID | None
    created_by: UUID | None
    created_at: datetime
    filed_at: datetime | None
    finished_at: datetime | None
    closed_at: datetime | None
    spot: str  # 50 metres around a place, or the unit; '' without a place
    deadlines: dict[str, datetime] = field(default_factory=dict)  # of the stages that have one, and `closing`
    extended: bool = False
    acts: tuple[CaseAct, ...] = ()


def unsound(table: Mapping[str, Any], roles: Mapping[str, frozenset[str]]) -> list[str]:
    """What is wrong with a table of acts of a pack, in sentences; `roles`: the permissions of each."""
    return soundness.check(table, roles)


def misassigned(rules: Mapping[str, Any], classes: Collection[str]) -> list[str]:
    """What is wrong with rules of assignment of a pack, in sentences; `classes`: the codes of the catalogue."""
    return assignment.check(rules, classes)
