"""Puts every module's router under /api/v1. A module takes part by having `api.py` with `router`."""

from __future__ import annotations

import importlib
from importlib.util import find_spec

from django.conf import settings

from linli.kernel import http

api = http.new_api()
for name in settings.LINLI_APPS:
    if find_spec(f"linli.{name}.api"):
        importlib.import_module(f"linli.{name}.api").router.mount(api)
