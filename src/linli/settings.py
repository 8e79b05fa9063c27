"""Django settings. Everything that differs between districts comes from the environment or from packs."""

from __future__ import annotations

import base64
import os
import zlib
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from linli.home import Home

HOME = Home.current()
DEMO = os.environ.get("LINLI_DEMO") == "1"
DEBUG = False
PUBLIC_URL = os.environ.get("LINLI_PUBLIC_URL", "http://127.0.0.1:8000")
SECRET_KEY = os.environ.get("LINLI_SECRET_KEY") or base64.b64encode(HOME.secret("django")).decode()
ALLOWED_HOSTS = ["*"]  # the front door decides which names it answers to
USE_X_FORWARDED_HOST = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
ROOT_URLCONF = "linli.urls"
WSGI_APPLICATION = "linli.wsgi.application"
BASE_DIR = Path(__file__).resolve().parent

LINLI_APPS = [
    name
    for name in ("kernel", "places", "identity", "orgs", "devices", "telemetry", "work", "cases", "insight", "field",
                 "command", "portal", "notify", "adapters")
    if (BASE_DIR / name / "apps.py").exists()
]  # fmt: skip
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.staticfiles",
    "procrastinate.contrib.django",
    "ninja",  # the assets of /api/v1/docs
    *[f"linli.{name}" for name in LINLI_APPS],
]
MIDDLEWARE = [
    "linli.kernel.ops.RequestFigures",
    "linli.kernel.middleware.RequestContext",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "linli.kernel.middleware.Idempotency",
]
LINLI_ACTOR_RESOLVER = "linli.identity.resolver.resolve_actor"


def mail(url: str) -> dict[str, object]:
    """`smtp://user:password@host:port` (STARTTLS; `?tls=none` for a relay on this machine) or `smtps://…`."""
    parts = urlsplit(url)
    tls = dict(parse_qsl(parts.query)).get("tls", "implicit" if parts.scheme == "smtps" else "starttls")
    return {
        "EMAIL_HOST": parts.hostname or "", "EMAIL_PORT": parts.port or (465 if tls == "implicit" else 587),
        "EMAIL_HOST_USER": unquote(parts.username or ""), "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": tls == "starttls", "EMAIL_USE_SSL": tls == "implicit", "EMAIL_TIMEOUT": 10,
    }  # fmt: skip


# Without a server for mail nobody is asked for an address; whom letters come from is said beside it.
globals().update(mail(MAIL_URL := os.environ.get("LINLI_MAIL_URL", "")))
MAIL_FROM = os.environ.get("LINLI_MAIL_FROM", "") if MAIL_URL else ""


def database(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    return {
        "ENGINE": "linli.kernel.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "linli",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "127.0.0.1",
        "PORT": str(parts.port or 5432),
        "OPTIONS": {
            **dict(parse_qsl(parts.query)),
            # never by itself (one plan does not serve a rare and a common value), but where a statement asks for it:
            # without a number here psycopg does not prepare even those
            "prepare_threshold": 2**31,
            "pool": {"min_size": 1, "max_size": int(os.environ.get("LINLI_DB_POOL", "12")), "timeout": 20},
        },
        "CONN_HEALTH_CHECKS": False,
        "TEST": {"NAME": os.environ.get("LINLI_TEST_DB") or f"test_{zlib.crc32(str(BASE_DIR).encode()):08x}"},
    }


DATABASES = {"default": database(os.environ.get("LINLI_DATABASE_URL", "postgresql://linli@127.0.0.1:5432/linli"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request",
                                           "django.template.context_processors.i18n"]},
    }
]  # fmt: skip
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
# Webhooks may go to this machine itself: for trying things out.
LINLI_HOOKS_TO_LOOPBACK = os.environ.get("LINLI_HOOKS_TO_LOOPBACK", "") == "1"
TIME_ZONE = os.environ.get("LINLI_TIME_ZONE", "Asia/Shanghai")
STATIC_URL = "/static/"
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
APPEND_SLASH = False
LOGGING_CONFIG = None
