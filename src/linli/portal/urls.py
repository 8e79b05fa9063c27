"""Addresses of the portal. They hold codes and secrets of places and tickets, never anything about a person."""

from __future__ import annotations

from django.urls import path

from linli.portal import map_views, ticket_views, views

urlpatterns = [
    path("", views.home),
    path("robots.txt", views.robots),
    path("short", views.short),
    path("follow", views.follow),
    path("report", views.report_anywhere),
    path("q/<str:code>", views.unit),
    path("u/<str:code>", views.unit),
    path("q/<str:code>/me-too", views.me_too),
    path("u/<str:code>/me-too", views.me_too),
    path("t/<str:secret>", ticket_views.ticket),
    path("t/<str:secret>/data.json", ticket_views.data),
    path("t/<str:secret>/photo/<uuid:file_id>", ticket_views.photo),
    path("t/<str:secret>/withdraw", ticket_views.withdraw),
    path("t/<str:secret>/contact", ticket_views.contact),
    path("t/<str:secret>/answer", ticket_views.answer),
    path("map", map_views.public_map),
    path("privacy", views.privacy),
    path("language/<str:code>", views.language),
]
