"""Roles given and taken. Only the security administration does it, never for oneself."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction

from linli.identity import resolver, roles, rules
from linli.identity.models import Account, RoleGrant
from linli.identity.services import changed, drop_listeners
from linli.identity.services.accounts import check_area
from linli.kernel import services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Forbidden, Invalid


def grant_role(
    *, actor: Actor, account: Account, role: str, area_path: str = "", centre_id: UUID | None = None
) -> RoleGrant:
    defined = roles.load()
    if role not in defined.roles:
        raise Invalid("role", f"must be one of {', '.join(defined.roles)}")
    actor.require("roles.manage", check_area(area_path))
    _check_centre(area_path, centre_id)
    if account.id == actor.account_id:
        raise Forbidden("nobody gives a role to themselves")
    with services.unit(actor):
        account = Account.objects.select_for_update().get(id=account.id)  # two grants at once must not both pass
        held = RoleGrant.objects.filter(account=account).values_list("role", flat=True)
        other = rules.clash(held, role, defined.separated)
        if other:
            raise Conflict(f"{role} and {other} are separated: one account may not hold both", code="separated-roles")
        grant = RoleGrant(
            account=account, role=role, area_path=area_path, centre_id=centre_id, granted_by=actor.account_id
        )
        try:
            with transaction.atomic():
                grant.save(force_insert=True)
        except IntegrityError:
            raise Conflict("the account holds this role there already") from None
        changed(actor, account, "grant.create", role=role, area_path=area_path)
        drop_listeners(account.id, None, "grants")
    return grant


def _check_centre(area_path: str, centre_id: UUID | None) -> None:
    if centre_id is None:
        return
    its_area = resolver.centre_areas([centre_id]).get(centre_id)
    if its_area is None:
        raise Invalid("centre_id", "is not a centre")
    if rules.overlap(area_path, its_area) is None:
        raise Invalid("centre_id", f"the centre serves {its_area}, which is outside of {area_path}")


def revoke_role(*, actor: Actor, grant: RoleGrant) -> None:
    actor.require("roles.manage", grant.area_path)
    if grant.account_id == actor.account_id:
        raise Forbidden("nobody takes a role from themselves")
    with services.unit(actor):
        grant.delete()
        changed(actor, grant.account, "grant.revoke", role=grant.role, area_path=grant.area_path)
        drop_listeners(grant.account_id, None, "grants")
