"""Addresses of the server. Every one may end with .json or .xml; without, the Accept header decides."""

from __future__ import annotations

from django.urls import re_path

from linli.adapters.open311 import update_views, views

FORM = r"(?:\.(?P<form>json|xml))?"
urlpatterns = [
    re_path(rf"^open311/(?:v2/)?discovery{FORM}$", views.discovery),
    re_path(rf"^open311/v2/services{FORM}$", views.services),
    re_path(rf"^open311/v2/services/(?P<code>[^/.]+){FORM}$", views.definition),
    re_path(rf"^open311/v2/requests{FORM}$", views.requests),
    re_path(rf"^open311/v2/requests/(?P<number>[^/.]+){FORM}$", views.one_request),
    re_path(rf"^open311/v2/tokens/(?P<token>[^/.]+){FORM}$", views.token),
    re_path(rf"^open311/v2/servicerequestupdates{FORM}$", update_views.updates),
]
