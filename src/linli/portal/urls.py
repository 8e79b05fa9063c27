"""Addresses of the portal. They hold codes and secrets of places and tickets, never anything about a person."""

from __future__ import annotations

from django.urls import path

from linli.portal import alert_views, feeds, map_views, open_views, ticket_views, views

urlpatterns = [
    path("", views.home),
    path("robots.txt", views.robots),
    path("short", views.short),
    path("follow", views.follow),
    path("follow/phone", ticket_views.by_phone),
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
    path("t/<str:secret>/letters", ticket_views.by_mail),
    path("c/<str:number>", open_views.case),
    path("done", open_views.done),
    path("heat", open_views.heat),
    path("data", open_views.data),
    path("data/<str:month>.csv", open_views.data_file, {"form": "csv"}),
    path("data/<str:month>.geojson", open_views.data_file, {"form": "geojson"}),
    path("feed/<str:form>", feeds.feed),
    path("alerts", alert_views.alerts),
    path("alerts/confirm/<str:token>", alert_views.confirm),
    path("alerts/stop/<str:token>", alert_views.stop),
    path("map", map_views.public_map),
    path("privacy", views.privacy),
    path("language/<str:code>", views.language),
]
