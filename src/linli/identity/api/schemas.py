"""Shapes of identity's requests and answers."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from ninja import Schema

from linli.identity import resolver, roles
from linli.identity.models import Account, ApiKey, RoleGrant, Session
from linli.kernel.actor import Actor


class GrantOut(Schema):
    id: UUID
    role: str
    name: dict[str, str]
    area_path: str
    centre_id: UUID | None

    @staticmethod
    def of(row: RoleGrant) -> GrantOut:
        found = roles.load().roles.get(row.role)
        name = found.name if found else {"zh": row.role, "en": row.role}
        return GrantOut(id=row.id, role=row.role, name=name, area_path=row.area_path, centre_id=row.centre_id)


class AccountOut(Schema):
    id: UUID
    username: str
    display_name: str
    area_path: str
    status: str
    demo: bool
    second_factor: bool
    created_at: datetime
    last_sign_in_at: datetime | None
    grants: list[GrantOut]

    @staticmethod
    def of(row: Account, grants: list[RoleGrant]) -> AccountOut:
        return AccountOut(
            id=row.id, username=row.username, display_name=row.display_name, area_path=row.area_path,
            status=row.status, demo=row.demo, second_factor=row.totp_confirmed_at is not None,
            created_at=row.created_at, last_sign_in_at=row.last_sign_in_at,
            grants=[GrantOut.of(g) for g in grants],
        )  # fmt: skip


class ActorGrant(Schema):
    role: str
    area_path: str
    centre_id: UUID | None
    permissions: list[str]


class MeOut(Schema):
    """Who I am and what I may do. `pending` names what must be done before my roles take effect."""

    account_id: UUID
    username: str
    display_name: str
    kind: str
    language: str
    theme: str
    second_factor: bool
    demo: bool
    pending: list[str]
    roles: list[str]
    permissions: list[str]
    grants: list[ActorGrant]
    team_ids: list[UUID]

    @staticmethod
    def of(row: Account, actor: Actor, held: list[RoleGrant]) -> MeOut:
        has_totp = row.totp_confirmed_at is not None
        pending = resolver.pending({g.role for g in held}, row.password_change_due, has_totp)
        return MeOut(
            account_id=row.id, username=row.username, display_name=row.display_name, kind=actor.kind,
            language=row.language, theme=row.theme, second_factor=has_totp, demo=row.demo,
            pending=pending if actor.kind == "account" else [],
            roles=sorted(actor.roles), permissions=sorted(actor.permissions), grants=actor_grants(actor),
            team_ids=list(actor.team_ids),
        )  # fmt: skip


def actor_grants(actor: Actor) -> list[ActorGrant]:
    return [
        ActorGrant(role=g.role, area_path=g.area_path, centre_id=g.centre_id, permissions=sorted(g.permissions))
        for g in actor.grants
    ]


class SessionOut(Schema):
    id: UUID
    account_id: UUID
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str
    client: str
    current: bool

    @staticmethod
    def of(row: Session, actor: Actor) -> SessionOut:
        return SessionOut(
            id=row.id, account_id=row.account_id, created_at=row.created_at, last_seen_at=row.last_seen_at,
            expires_at=row.expires_at, address=row.address, client=row.client, current=row.id == actor.session_id,
        )  # fmt: skip


class ApiKeyOut(Schema):
    id: UUID
    account_id: UUID
    prefix: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    @staticmethod
    def of(row: ApiKey) -> ApiKeyOut:
        return ApiKeyOut(
            id=row.id, account_id=row.account_id, prefix=row.prefix, name=row.name, scopes=row.scopes,
            created_at=row.created_at, expires_at=row.expires_at, last_used_at=row.last_used_at,
            revoked_at=row.revoked_at,
        )  # fmt: skip


class ApiKeyMade(ApiKeyOut):
    """`key` is shown this once."""

    key: str
