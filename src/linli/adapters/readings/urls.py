"""The public address of reading hooks."""

from __future__ import annotations

from django.urls import path

from linli.adapters.readings import views

urlpatterns = [path("readings-intake/<str:code>", views.readings)]
