"""What other modules may ask of identity."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest

from linli.identity import origin, resolver, roles, selectors
from linli.identity.contracts import AccountInfo
from linli.identity.models import Account, RoleGrant
from linli.identity.services import accounts as account_services
from linli.identity.services import grants as grant_services
from linli.identity.services import keys as key_services
from linli.kernel.actor import SYSTEM, Actor, contains
from linli.kernel.errors import NotFound


def _info(row: Account) -> AccountInfo:
    return AccountInfo(row.id, row.username, row.display_name, row.area_path, row.status, row.demo, row.language)


def actor_for(account_id: UUID) -> Actor | None:
    """The actor that the account would be; None when unknown or disabled."""
    return resolver.by_account(account_id)


def caller_address(request: HttpRequest) -> str:
    """The address that a request comes from, behind our own front door."""
    return origin.address(request)


def actor_by_key(text: str) -> Actor | None:
    """The actor of an API key that came by another way than a header; None for a key unknown, expired or revoked."""
    return resolver.by_key(text)


def account(account_id: UUID) -> AccountInfo | None:
    row = Account.objects.filter(id=account_id).first()
    return _info(row) if row else None


def account_by_name(username: str) -> AccountInfo | None:
    row = Account.objects.filter(username=username.strip().lower()).first()
    return _info(row) if row else None


def display_name(account_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Names of staff, for staff: never put them on public pages, in events or in logs."""
    return dict(Account.objects.filter(id__in=list(account_ids)).values_list("id", "display_name"))


def usernames(account_ids: Iterable[UUID]) -> dict[UUID, str]:
    """What these accounts sign in as, for those who plan: never put them on public pages, in events or in logs."""
    return dict(Account.objects.filter(id__in=list(account_ids)).values_list("id", "username"))


def ids_of(names: Iterable[str]) -> dict[str, UUID]:
    """Active accounts by the names they sign in as; unknown ones are left out."""
    rows = Account.objects.filter(username__in=list(names), status="active")
    return dict(rows.values_list("username", "id"))


def role_name(role: str) -> dict[str, str]:
    """{zh, en}; the code itself for an unknown role."""
    found = roles.load().roles.get(role)
    return dict(found.name) if found else {"zh": role, "en": role}


def accounts_with(permission: str, area_path: str) -> list[AccountInfo]:
    """Active accounts that have `permission` in an area containing `area_path`."""
    parts = area_path.split(".") if area_path else []
    around = ["", *[".".join(parts[: i + 1]) for i in range(len(parts))]]
    held = RoleGrant.objects.filter(
        Q(area_path__in=around), role__in=selectors.roles_with(permission), account__status="active"
    )
    rows = Account.objects.filter(id__in=held.values("account_id")).order_by("username")
    actors = ((row, resolver.by_account(row.id)) for row in rows)  # a centre or a missing second factor may narrow them
    return [_info(row) for row, actor in actors if actor is not None and actor.can(permission, area_path)]


def accounts_as(role: str, area_path: str) -> list[AccountInfo]:
    """Active accounts that hold `role`, with effect, in an area containing `area_path`, by name."""
    held = RoleGrant.objects.filter(role=role, account__status="active")
    rows = Account.objects.filter(id__in=held.values("account_id")).order_by("username")
    actors = ((row, resolver.by_account(row.id)) for row in rows)  # a centre or a missing second factor may narrow them
    return [
        _info(row)
        for row, actor in actors
        if actor is not None and any(g.role == role and contains(g.area_path, area_path) for g in actor.grants)
    ]


def in_centre(centre_id: UUID) -> set[UUID]:
    """Active accounts that hold a role within a centre."""
    held = RoleGrant.objects.filter(centre_id=centre_id, account__status="active")
    return set(held.values_list("account_id", flat=True))


def ensure_account(
    *,
    username: str,
    display_name: str,
    password: str = "",
    grants: Iterable[tuple[str, str]] = (),
    area_path: str = "",
    demo: bool = False,
) -> UUID:
    """For set-up (demo, tests, first administrator): the account with these (role, area) grants, made if missing."""
    row = Account.objects.filter(username=username).first()
    if row is None:
        row, _ = account_services.create_account(
            actor=SYSTEM,
            username=username,
            display_name=display_name,
            area_path=area_path,
            password=password,
            demo=demo,
        )
    held = set(RoleGrant.objects.filter(account=row).values_list("role", "area_path"))
    for role, area in grants:
        if (role, area) not in held:
            grant_services.grant_role(actor=SYSTEM, account=row, role=role, area_path=area)
    return row.id


def create_apikey(*, account_id: UUID, name: str = "", scopes: list[str] | None = None) -> str:
    """For set-up: the text of a new key."""
    row = Account.objects.filter(id=account_id).first()
    if row is None:
        raise NotFound()
    return key_services.create_apikey(actor=SYSTEM, account=row, name=name, scopes=scopes)[1]


def on_teams(fn: Callable[[UUID], tuple[UUID, ...]]) -> None:
    """`orgs` registers how an account's teams are found."""
    resolver.set_team_source(fn)


def on_centres(fn: Callable[[Iterable[UUID]], dict[UUID, str]]) -> None:
    """`orgs` registers how the areas of centres are found."""
    resolver.set_centre_source(fn)


def forget_actors() -> None:
    """Call after a write that changes what an actor is (its teams, the area of its centre)."""
    from linli.identity.services import forget

    forget()


def lock_account(account_id: UUID) -> None:
    """Hold the account's row to the end of the transaction in progress: its writes of one kind go one by one."""
    Account.objects.select_for_update().filter(id=account_id).first()
