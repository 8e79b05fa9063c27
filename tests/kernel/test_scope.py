"""Whoever has a permission everywhere sees all rows, also where a selector adds others to them."""

from __future__ import annotations

import pytest
from django.db.models import Q

from linli.kernel import audit
from linli.kernel.actor import SYSTEM, Actor, Grant
from linli.kernel.models import AuditRow
from linli.kernel.scope import area_q

pytestmark = pytest.mark.django_db


def test_everywhere_is_not_narrowed_by_more() -> None:
    audit.record(actor=SYSTEM, action="test.act", kind="thing", ref="one", area="D.1")
    everywhere = Actor(kind="account", grants=(Grant("auditor", "", frozenset({"audit.view"})),))
    q = area_q(everywhere, "audit.view") | Q(area_path="")
    assert AuditRow.objects.filter(q, ref="one").count() == 1
