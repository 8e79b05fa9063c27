"""The demo district has a webhook that is off and a case whose run card was started; a second run adds none."""

from __future__ import annotations

from typing import Any

import pytest

from linli.adapters.webhooks.models import Delivery, Hook
from linli.cases.models import Case
from linli.command.models import CardRun
from linli.demo import samples, staff
from linli.kernel import packs
from linli.places import index
from linli.places.pack import load_pack

pytestmark = pytest.mark.django_db


def test_samples_are_made_once_and_send_nothing(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.DEMO = True
    monkeypatch.setenv("LINLI_PACKS", "demo")
    load_pack()
    index.invalidate()
    folder = packs.root() / "demo"
    staff.load(packs.read_yaml(folder / "staff.yaml"))
    pack = packs.read_yaml(folder / "samples.yaml")
    assert samples.load(pack) == 2
    hook = Hook.objects.get()
    assert not hook.enabled and hook.url.startswith("http://127.0.0.1:") and not Delivery.objects.exists()
    run = CardRun.objects.get()
    case = Case.objects.get()
    assert (run.case_id, run.playbook) == (case.id, "fallen_tree") and run.by is not None
    assert case.closed_at is None and case.area_path
    assert samples.load(pack) == 0 and Hook.objects.count() == Case.objects.count() == CardRun.objects.count() == 1
    Hook.objects.all().delete()
    assert samples.load(pack) == 0, "what somebody took away does not come back"
    index.invalidate()
