"""A webhook that is switched off, and one case with a run card under way, for pages that would be empty otherwise."""

from __future__ import annotations

from typing import Any

from linli.adapters.webhooks import services as webhooks
from linli.adapters.webhooks.models import Hook
from linli.cases import facade as cases
from linli.command.card_services import start_card
from linli.command.models import CardRun
from linli.identity import facade as identity
from linli.kernel.actor import Actor
from linli.kernel.models import AuditRow
from linli.places.models import Compound, Grid


def load(pack: dict[str, Any]) -> int:
    """What the district never had; returns how many samples were made now."""
    return _hook(pack["hook"]) + _case(pack["case"])


def _actor(username: str) -> Actor:
    found = identity.account_by_name(username)
    actor = identity.actor_for(found.id) if found else None
    if actor is None:
        raise RuntimeError(f"the demo has no account {username}")
    return actor


def _hook(item: dict[str, Any]) -> int:
    """Once: where there ever was a webhook, none is made, also when somebody took it away."""
    if Hook.objects.exists() or AuditRow.objects.filter(action="webhook.create").exists():
        return 0
    webhooks.create_hook(actor=_actor(item["who"]), given={**item, "area_path": "", "enabled": False})
    return 1


def _case(item: dict[str, Any]) -> int:
    """A report that the desk filed, and the run card that it started. Once: the run stays when the case has ended."""
    if CardRun.objects.exists():
        return 0
    area = Grid.objects.get(name_zh=item["compound_of"], valid_to=None).area_path
    place = Compound.objects.filter(area_path__startswith=area).order_by("code").first()
    if place is None:
        return 0
    made = cases.report_signal(
        actor=_actor(item["by"]), channel="hotline", class_code=item["class"], text=item["text"], lon=place.lon,
        lat=place.lat, idempotency_key="demo-sample",
    )  # fmt: skip
    start_card(actor=_actor(item["desk"]), case_id=made.case_id, playbook=item["playbook"])
    return 1
