"""Addresses of the service."""

from __future__ import annotations

from django.urls import re_path

from linli.adapters.sensorthings import views

urlpatterns = [
    re_path(r"^sta/v1\.1/?$", views.root),
    re_path(r"^sta/v1\.1/(?P<path>.+)$", views.resource),
]
