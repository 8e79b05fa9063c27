"""Addresses of the kernel: operations, front ends and static files."""

from __future__ import annotations

from django.urls import path, re_path
from django.views.generic import RedirectView

from linli.kernel import front, ops

urlpatterns = [
    path("healthz", ops.healthz),
    path("readyz", ops.readyz),
    path("metrics", ops.figures),
    re_path(r"^static/(?P<path>.+)$", front.static),
    re_path(r"^(?P<name>console|field)$", RedirectView.as_view(url="/%(name)s/")),
    re_path(r"^(?P<name>console|field)/(?P<path>.*)$", front.app),
]
