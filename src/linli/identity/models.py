"""Tables of identity. Tokens, keys and passwords are stored as hashes, second-factor secrets encrypted."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from linli.kernel import clock, ids


class Account(models.Model):
    """Someone who signs in, or a program. `area_path` is where the account is administered, not what it may see."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    username = models.CharField(max_length=40, unique=True)
    display_name = models.CharField(max_length=80)
    area_path = models.CharField(max_length=120, default="", blank=True)
    status = models.CharField(max_length=12, default="active")
    demo = models.BooleanField(default=False)
    password = models.CharField(max_length=200)
    password_change_due = models.BooleanField(default=False)
    totp_secret = models.BinaryField(null=True)
    totp_confirmed_at = models.DateTimeField(null=True)
    totp_last_step = models.BigIntegerField(default=0)
    language = models.CharField(max_length=10, default="zh-hans")
    theme = models.CharField(max_length=10, default="auto")
    created_at = models.DateTimeField(default=clock.now)
    last_sign_in_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "identity_account"
        indexes = [models.Index(fields=["area_path"], name="identity_account_area", opclasses=["text_pattern_ops"])]


class RoleGrant(models.Model):
    """A role held in an area subtree, optionally within one centre (an id of `orgs`, which is a higher room)."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="grants")
    role = models.CharField(max_length=40)
    area_path = models.CharField(max_length=120, default="", blank=True)
    centre_id = models.UUIDField(null=True)
    granted_by = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "identity_grant"
        constraints = [
            models.UniqueConstraint(
                fields=["account", "role", "area_path", "centre_id"], nulls_distinct=False, name="identity_grant_once"
            )
        ]
        indexes = [models.Index(fields=["area_path", "role"], name="identity_grant_area")]


class Session(models.Model):
    """A signed-in browser. It ends when idle too long, at `expires_at`, or when revoked, whichever is first."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    token_hash = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField(default=clock.now)
    last_seen_at = models.DateTimeField(default=clock.now)
    idle_seconds = models.PositiveIntegerField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    address = models.CharField(max_length=45, default="")
    client = models.CharField(max_length=120, default="")

    class Meta:
        db_table = "identity_session"
        indexes = [
            models.Index(fields=["account", "-created_at"], name="identity_session_account"),
            models.Index(fields=["expires_at"], name="identity_session_end"),
        ]


class ApiKey(models.Model):
    """A key for programs. `scopes` narrows the account's permissions; empty means all of them."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    prefix = models.CharField(max_length=16, unique=True)
    secret_hash = models.BinaryField(max_length=32)
    name = models.CharField(max_length=80)
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "identity_apikey"
        indexes = [models.Index(fields=["account", "-created_at"], name="identity_apikey_account")]


class SignInFailure(models.Model):
    """Recent failed sign-ins under one key: account and address together, or an address alone. Keys are hashes."""

    key = models.BinaryField(max_length=32, primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, null=True, related_name="+")
    count = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField(default=clock.now)
    locked_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "identity_failure"
        indexes = [models.Index(fields=["last_at"], name="identity_failure_age")]
