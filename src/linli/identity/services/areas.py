"""Grants and accounts follow when their grid is merged into another: at a path that is gone nobody sees anything."""

from __future__ import annotations

from collections.abc import Sequence

from linli.identity.models import RoleGrant
from linli.identity.services import drop_listeners, forget
from linli.places import facade as places
from linli.places.contracts import AreaChange


def register() -> None:
    """Called once when Django is ready."""
    places.rehome_table(
        places.RehomedTable(
            name="identity.grant", label_zh="角色授权", label_en="Role grants", table="identity_grant", grid_column="",
            lon_column="", lat_column="", unique=("account_id", "role", "centre_id"),
            narrowed_zh="范围变小的角色授权", narrowed_en="Role grants that lose ground",
        )
    )  # fmt: skip
    places.rehome_table(
        places.RehomedTable(
            name="identity.account", label_zh="账号", label_en="Accounts", table="identity_account",
            where="t.status = 'active'", grid_column="", lon_column="", lat_column="",
        )
    )  # fmt: skip
    places.on_rehome(_look_again)


def _look_again(changes: Sequence[AreaChange]) -> None:
    """Who holds a role where a path has become another is read anew, and listens anew."""
    areas = {c.new_area for c in changes if c.new_area != c.old_area}
    holders = RoleGrant.objects.filter(area_path__in=areas).values_list("account_id", flat=True).distinct()
    for account_id in holders:
        drop_listeners(account_id, None, "grants")
    forget()
