"""The demo district has a roster of its week and notes on its boards; a second run adds none."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from linli.command.models import BoardNote
from linli.demo import roster, staff
from linli.kernel import clock, packs
from linli.orgs.models import Team
from linli.places.pack import load_pack
from linli.work.models import Shift

pytestmark = pytest.mark.django_db


def test_rosters_of_the_week_and_two_notes_once_a_week(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.DEMO = True
    load_pack()
    folder = packs.root() / "demo"
    staff.load(packs.read_yaml(folder / "staff.yaml"))
    pack = packs.read_yaml(folder / "roster.yaml")
    made = roster.load(pack)
    assert made == sum(len(item["days"]) for item in pack["shifts"]) == Shift.objects.filter(state="published").count()
    assert BoardNote.objects.count() == len(pack["board"]) == 2
    assert roster.load(pack) == 0 and BoardNote.objects.count() == 2
    pump = Shift.objects.filter(team=Team.objects.get(code="pump"), lead=True).order_by("starts_at")
    assert pump.count() == 7
    later = clock.now() + timedelta(days=7)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert roster.load(pack) == made
