"""Addresses of the kernel: operations, front ends and static files."""

from __future__ import annotations

from django.urls import path, re_path
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView

from linli.kernel import front, ops

urlpatterns = [
    path("healthz", require_safe(ops.healthz)),
    path("readyz", require_safe(ops.readyz)),
    path("metrics", require_safe(ops.figures)),
    re_path(r"^static/(?P<path>.+)$", require_safe(front.static)),
    re_path(r"^(?P<name>console|field)$", require_safe(RedirectView.as_view(url="/%(name)s/"))),
    re_path(r"^(?P<name>console|field)/(?P<path>.*)$", require_safe(front.app)),
]
