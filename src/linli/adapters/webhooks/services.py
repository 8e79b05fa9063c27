"""Writes of webhooks: entering them, queueing what they hear, sending it."""

from __future__ import annotations

import base64
import secrets
import time
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import orjson
from django.conf import settings
from django.db.models import F

from linli.adapters import hosts, secret
from linli.adapters.alone import alone
from linli.adapters.webhooks import rules, selectors
from linli.adapters.webhooks.models import Delivery, Hook
from linli.identity import facade as identity
from linli.kernel import audit, clock, events, ids, services
from linli.kernel.actor import Actor
from linli.kernel.envelope import Envelope
from linli.kernel.errors import Conflict, FieldError, Invalid
from linli.kernel.i18n import say

TIMEOUT, BATCH, MOST_HOOKS = 10.0, 50, 20
TOLD = ("id", "type", "at", "kind", "ref", "area", "data")
FIELDS = ("name", "url", "types", "area_path", "enabled")


def create_hook(*, actor: Actor, given: dict[str, Any]) -> tuple[Hook, str]:
    """A hook of the actor's own account, and the secret that signs, which is not shown again."""
    actor.require(selectors.MANAGE)
    text = _new_secret()
    row = Hook(account_id=actor.account_id, **{k: v for k, v in given.items() if k in FIELDS})
    row.permissions, row.since = sorted(actor.permissions), clock.now()
    _check(row)
    row.secret = secret.seal(text, row.id)
    with services.unit(actor):
        if Hook.objects.filter(account_id=actor.account_id).count() >= MOST_HOOKS:
            words = say(f"一个账号最多 {MOST_HOOKS} 个通知地址", f"An account has at most {MOST_HOOKS} webhooks")
            raise Conflict(words, code="too-many-hooks")
        row.save(force_insert=True)
        _told(actor, row, "create")
    return row, text


def change_hook(*, actor: Actor, hook_id: UUID, version: int, given: dict[str, Any]) -> Hook:
    with services.unit(actor):
        selectors.hook(actor, hook_id)
        row = Hook.objects.select_for_update().get(pk=hook_id)
        if row.version != version:
            raise Conflict(_changed(), code="hook-changed")
        if given.get("enabled") and not row.enabled:
            row.failing_since, row.stopped_at, row.since = None, None, clock.now()
        for name, value in given.items():
            setattr(row, name, value)
        row.permissions = sorted(set(row.permissions) & actor.permissions)
        _check(row)
        row.version += 1
        row.save()
        _told(actor, row, "change")
    return row


def rotate_secret(*, actor: Actor, hook_id: UUID, version: int) -> tuple[Hook, str]:
    """A new secret, shown once. For a day messages carry a signature by each, so that a receiver can change over."""
    text = _new_secret()
    with services.unit(actor):
        selectors.hook(actor, hook_id)
        row = Hook.objects.select_for_update().get(pk=hook_id)
        if row.version != version:
            raise Conflict(_changed(), code="hook-changed")
        secret.renew(row, text)
        _told(actor, row, "rotate")
    return row, text


def _new_secret() -> str:
    return rules.PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def _changed() -> str:
    return say("此通知地址刚被修改, 请刷新后再试", "This webhook was changed meanwhile; reload it")


def delete_hook(*, actor: Actor, hook_id: UUID) -> None:
    with services.unit(actor):
        row = selectors.hook(actor, hook_id)
        _told(actor, row, "delete")
        row.delete()


def test_hook(*, actor: Actor, hook_id: UUID) -> Delivery:
    """A message of type `webhook.test`, sent as any other."""
    with services.unit(actor):
        row = selectors.hook(actor, hook_id)
        if not row.enabled:
            words = say("已暂停, 启用后才能测试", "It is paused; resume it before a test")
            raise Conflict(words, code="hook-paused")
        now = clock.now().isoformat()
        news = Envelope(str(ids.new_id()), "webhook.test", now, "webhook", str(row.id), data={"name": row.name})
        made = _queue(row, news)
        _told(actor, row, "test")
        _soon(row.id)
    return made


def send_again(*, actor: Actor, hook_id: UUID, delivery_id: UUID) -> Delivery:
    """What failed, or went, is sent once more under its own id."""
    with services.unit(actor):
        row = selectors.hook(actor, hook_id)
        found = selectors.delivery(actor, hook_id, delivery_id)
        Delivery.objects.filter(pk=found.pk).update(state="waiting", attempts=0, next_at=clock.now(), error="")
        _told(actor, row, "again")
        _soon(row.id)
    found.refresh_from_db()
    return found


def follow(envelope: Envelope) -> int:
    """Queue an event for the hooks that may hear it; returns how many. Runs in the transaction of its inbox row."""
    count = 0
    for row in Hook.objects.filter(enabled=True):
        if not rules.wishes(selectors.wish(row), envelope):
            continue
        actor = identity.actor_for(row.account_id)
        if actor is not None and actor.can(selectors.MANAGE) and rules.hears(actor, envelope):
            _queue(row, envelope)
            _soon(row.id)
            count += 1
    return count


def _queue(row: Hook, envelope: Envelope) -> Delivery:
    body = {k: v for k, v in asdict(envelope).items() if k in TOLD}
    made, _ = Delivery.objects.get_or_create(
        hook=row, event_id=UUID(envelope.id), defaults={"type": envelope.type, "body": body}
    )
    return made


def _soon(hook_id: UUID) -> None:
    from linli.adapters.webhooks import jobs

    jobs.soon(hook_id)


def deliver(hook_id: UUID) -> int | None:
    """Send what is due, oldest first; returns how many were tried, None while another worker is at it. Each is marked
    before the next is begun."""
    with alone("webhooks.deliver", hook_id) as mine:
        if not mine:
            return None
        row = Hook.objects.filter(pk=hook_id, enabled=True).first()
        return _deliver(row) if row is not None else 0


def _deliver(row: Hook) -> int:
    due = Delivery.objects.filter(hook=row, state="waiting", next_at__lte=clock.now()).order_by("created_at", "id")
    tried, keys = 0, [secret.unseal(row.secret, row.id)]
    if row.prior_until and row.prior_until > clock.now():
        keys.append(secret.unseal(row.prior_secret, row.id))
    with httpx.Client(timeout=TIMEOUT, follow_redirects=False) as http:
        for item in due[:BATCH]:
            begun = time.monotonic()
            status, error = _post(http, row.url, keys, item)
            tried += 1
            if not _written(row, item, status, error, round((time.monotonic() - begun) * 1000)):
                break  # it would be away for the others, too
    return tried


def _post(http: httpx.Client, url: str, keys: list[str], item: Delivery) -> tuple[int | None, str]:
    body, now, name = orjson.dumps(item.body), int(clock.now().timestamp()), str(item.id)
    headers = {
        "Content-Type": "application/json", "User-Agent": "linli-webhooks", "webhook-id": name,
        "webhook-timestamp": str(now), "webhook-signature": " ".join(rules.sign(key, name, now, body) for key in keys),
    }  # fmt: skip
    try:
        if _barred(url):
            return None, "the address is one of this machine or network that is never asked"
        answer = http.post(url, content=body, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return None, type(error).__name__
    return answer.status_code, "" if answer.is_success else f"answered {answer.status_code}"


def _barred(url: str) -> bool:
    found = hosts.addresses(urlsplit(url).hostname or "")
    return any(rules.barred(str(address), settings.LINLI_HOOKS_TO_LOOPBACK) for address in found)


def _written(row: Hook, item: Delivery, status: int | None, error: str, took_ms: int) -> bool:
    """Keep what came of it; False when the others need not be tried now."""
    now = clock.now()
    if not error:
        Delivery.objects.filter(pk=item.pk).update(state="sent", status=status, error="", sent_at=now,
                                                   took_ms=took_ms, attempts=F("attempts") + 1)  # fmt: skip
        Hook.objects.filter(pk=row.pk).update(last_success_at=now, failing_since=None, last_error="")
        return True
    pause = rules.wait(item.attempts + 1)
    Delivery.objects.filter(pk=item.pk).update(
        state="waiting" if pause else "failed", status=status, error=error[:200], attempts=F("attempts") + 1,
        took_ms=took_ms, next_at=now + pause if pause else now,
    )  # fmt: skip
    since = row.failing_since or now
    gone = status == 410 or now - since > rules.GIVE_UP
    Hook.objects.filter(pk=row.pk).update(failing_since=since, last_error=error[:200])
    if gone:
        Hook.objects.filter(pk=row.pk).update(enabled=False, stopped_at=now)
    row.failing_since = since
    return status is not None and not gone


def forget_old(days: int) -> int:
    """Drop deliveries that ended some days ago."""
    old = clock.now() - timedelta(days=days)
    return Delivery.objects.filter(created_at__lt=old).exclude(state="waiting").delete()[0]


def _url_words(why: str) -> str:
    """What `rules.wrong_url` found, in the language of the request."""
    return {
        "is not an address": say("不是有效的网址", "is not an address"),
        "must be an http or https address": say("应为 http 或 https 网址", "must be an http or https address"),
        "must hold no name, password or fragment": say(
            "不能含用户名, 密码或片段", "must hold no name, password or fragment"
        ),
        "has more than 500 characters": say("超过 500 个字符", "has more than 500 characters"),
    }[why]


def _check(row: Hook) -> None:
    errors = []
    row.name, row.url = row.name.strip(), row.url.strip()
    if not 1 <= len(row.name) <= 80:
        errors.append(FieldError("name", say("应为 1 至 80 个字", "must have 1 to 80 characters")))
    if why := rules.wrong_url(row.url):
        errors.append(FieldError("url", _url_words(why)))
    if not 1 <= len(row.types) <= 30 or any(not rules.TYPE.fullmatch(one) for one in row.types):
        zh_en = say("请选择 1 至 30 种事件, 如 case.*", "must be 1 to 30 event types such as case.changed, case.* or *")
        errors.append(FieldError("types", zh_en))
    if len(row.area_path) > 120:
        errors.append(FieldError("area_path", say("过长", "is too long")))
    if errors:
        raise Invalid(errors=errors)


def _told(actor: Actor, row: Hook, act: str) -> None:
    host = urlsplit(row.url).hostname or ""
    audit.record(actor=actor, action=f"webhook.{act}", kind="webhook", ref=row.id, detail={"host": host})
    events.emit(type="webhook.changed", kind="webhook", ref=row.id, audience=f"account:{row.account_id}",
                data={"act": act})  # fmt: skip
