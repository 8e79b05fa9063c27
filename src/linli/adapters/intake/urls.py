"""The public address of intake hooks."""

from __future__ import annotations

from django.urls import path

from linli.adapters.intake import views

urlpatterns = [path("intake/<str:code>", views.intake)]
