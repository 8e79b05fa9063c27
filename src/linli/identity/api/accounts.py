"""Accounts and their roles, for the administrations."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema, Status

from linli.identity import roles, selectors
from linli.identity.api.base import router
from linli.identity.api.schemas import AccountOut, GrantOut, SessionOut
from linli.identity.models import Account
from linli.identity.services import accounts, grants, lockout, passwords, second_factor, sessions
from linli.kernel import paging
from linli.kernel.http import SIGNED_IN, actor_of


class AccountIn(Schema):
    """`area_path`: where the account is administered; left out, the caller's own area."""

    username: str
    display_name: str
    area_path: str | None = None
    password: str = ""


class AccountMade(AccountOut):
    """`one_time_password` is shown this once, when none was given."""

    one_time_password: str


class AccountPatch(Schema):
    display_name: str | None = None
    area_path: str | None = None
    status: str | None = None


class GrantIn(Schema):
    """`area_path`: left out, that of the account; empty means everywhere."""

    role: str
    area_path: str | None = None
    centre_id: UUID | None = None


class OneTime(Schema):
    one_time_password: str


class Permission(Schema):
    code: str
    name: dict[str, str]


class RoleOut(Schema):
    code: str
    name: dict[str, str]
    permissions: list[str]


class RolesOut(Schema):
    permissions: list[Permission]
    roles: list[RoleOut]
    separated: list[list[str]]


def _out(row: Account) -> AccountOut:
    return AccountOut.of(row, selectors.grants_of([row.id])[row.id])


@router.get("/permissions", permission=SIGNED_IN, response=RolesOut)
def permissions(request: HttpRequest) -> RolesOut:
    """What each role may do, as the packs in force define it."""
    found = roles.load()
    return RolesOut(
        permissions=[Permission(code=c, name=n) for c, n in found.permissions.items()],
        roles=[RoleOut(code=r.code, name=r.name, permissions=sorted(r.permissions)) for r in found.roles.values()],
        separated=[sorted(s) for s in found.separated],
    )


@router.get("/accounts", permission="people.view", response=paging.Page[AccountOut])
def list_accounts(
    request: HttpRequest,
    cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
    username: str | None = None,
    status: str | None = None,
    role: str | None = None,
) -> paging.Page[AccountOut]:
    query = selectors.accounts(actor_of(request))
    if username:
        query = query.filter(username__startswith=username.lower())
    if status:
        query = query.filter(status=status)
    if role:
        query = query.filter(grants__role=role).distinct()
    rows, more = paging.keyset(query, key=("username",), cursor=cursor, limit=limit)
    held = selectors.grants_of([r.id for r in rows])
    return paging.Page(items=[AccountOut.of(r, held[r.id]) for r in rows], next=more)


@router.post("/accounts", permission="people.manage", response={201: AccountMade})
def create_account(request: HttpRequest, response: HttpResponse, payload: AccountIn) -> Status[AccountMade]:
    actor = actor_of(request)
    area_path = actor.areas("people.manage")[0] if payload.area_path is None else payload.area_path
    row, once = accounts.create_account(
        actor=actor, username=payload.username, display_name=payload.display_name,
        area_path=area_path, password=payload.password,
    )  # fmt: skip
    response["Cache-Control"] = "no-store"
    return Status(201, AccountMade(**_out(row).dict(), one_time_password=once))


@router.get("/accounts/{uuid:account_id}", permission="people.view", response=AccountOut)
def get_account(request: HttpRequest, account_id: UUID) -> AccountOut:
    return _out(selectors.account(actor_of(request), account_id))


@router.patch("/accounts/{uuid:account_id}", permission="people.manage", response=AccountOut)
def update_account(request: HttpRequest, account_id: UUID, payload: AccountPatch) -> AccountOut:
    actor = actor_of(request)
    row = selectors.account(actor, account_id, "people.manage")
    if payload.status is not None and payload.status != row.status:
        row = accounts.set_status(actor=actor, account=row, status=payload.status)
    if payload.display_name is not None or payload.area_path is not None:
        row = accounts.update_account(
            actor=actor, account=row, display_name=payload.display_name, area_path=payload.area_path
        )
    return _out(row)


@router.post("/accounts/{uuid:account_id}/password", permission="keys.manage", response=OneTime)
def reset_password(request: HttpRequest, response: HttpResponse, account_id: UUID) -> OneTime:
    actor = actor_of(request)
    row = selectors.account(actor, account_id, "keys.manage")
    response["Cache-Control"] = "no-store"
    return OneTime(one_time_password=passwords.reset_password(actor=actor, account=row))


@router.delete("/accounts/{uuid:account_id}/totp", permission="keys.manage", response={204: None})
def remove_second_factor(request: HttpRequest, account_id: UUID) -> Status[None]:
    actor = actor_of(request)
    row = selectors.account(actor, account_id, "keys.manage")
    second_factor.remove_totp(actor=actor, account=row)
    return Status(204, None)


@router.delete("/accounts/{uuid:account_id}/lock", permission="keys.manage", response={204: None})
def unlock(request: HttpRequest, account_id: UUID) -> Status[None]:
    actor = actor_of(request)
    lockout.unlock_account(actor=actor, account=selectors.account(actor, account_id, "keys.manage"))
    return Status(204, None)


@router.get("/accounts/{uuid:account_id}/sessions", permission="keys.manage", response=paging.Page[SessionOut])
def account_sessions(
    request: HttpRequest, account_id: UUID, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> paging.Page[SessionOut]:
    actor = actor_of(request)
    row = selectors.account(actor, account_id, "keys.manage")
    rows, more = paging.keyset(selectors.live_sessions(row.id), key=("-created_at", "-id"), cursor=cursor, limit=limit)
    return paging.Page(items=[SessionOut.of(r, actor) for r in rows], next=more)


@router.delete("/sessions/{uuid:session_id}", permission=SIGNED_IN, response={204: None})
def revoke_session(request: HttpRequest, session_id: UUID) -> Status[None]:
    """Ends one's own session, or with keys.manage that of an account in one's area."""
    actor = actor_of(request)
    sessions.revoke_session(actor=actor, session=selectors.session(actor, session_id))
    return Status(204, None)


@router.get("/accounts/{uuid:account_id}/grants", permission="people.view", response=list[GrantOut])
def list_grants(request: HttpRequest, account_id: UUID) -> list[GrantOut]:
    row = selectors.account(actor_of(request), account_id)
    return [GrantOut.of(g) for g in selectors.grants_of([row.id])[row.id]]


@router.post("/accounts/{uuid:account_id}/grants", permission="roles.manage", response={201: GrantOut})
def grant_role(request: HttpRequest, account_id: UUID, payload: GrantIn) -> Status[GrantOut]:
    actor = actor_of(request)
    row = selectors.account(actor, account_id, "roles.manage")
    area_path = row.area_path if payload.area_path is None else payload.area_path
    made = grants.grant_role(
        actor=actor, account=row, role=payload.role, area_path=area_path, centre_id=payload.centre_id
    )
    return Status(201, GrantOut.of(made))


@router.delete("/grants/{uuid:grant_id}", permission="roles.manage", response={204: None})
def revoke_role(request: HttpRequest, grant_id: UUID) -> Status[None]:
    actor = actor_of(request)
    grants.revoke_role(actor=actor, grant=selectors.grant(actor, grant_id))
    return Status(204, None)
