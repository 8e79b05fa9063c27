"""All addresses of the web process. A module adds pages by having `urls.py` with `urlpatterns`."""

from __future__ import annotations

from importlib.util import find_spec

from django.conf import settings
from django.urls import include, path

from linli.api import api
from linli.kernel.routing import by_first_part

_routes, _app, _namespace = api.urls
urlpatterns = [
    path("api/v1/", (by_first_part(_routes), _app, _namespace)),
    *[path("", include(f"linli.{name}.urls")) for name in settings.LINLI_APPS if find_spec(f"linli.{name}.urls")],
]

handler404 = "linli.portal.pages.missing"
