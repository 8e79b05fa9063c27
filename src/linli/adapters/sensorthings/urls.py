"""Addresses of the service."""

from __future__ import annotations

from django.urls import re_path

from linli.adapters.sensorthings import batch_views, mqtt_views, views

urlpatterns = [
    re_path(r"^sta/mqtt/(?P<what>[a-z]+)$", mqtt_views.asked),
    re_path(r"^sta/v1\.1/?$", views.root),
    re_path(r"^sta/v1\.1/\$batch$", batch_views.batch),
    re_path(r"^sta/v1\.1/(?P<path>.+)$", views.resource),
]
