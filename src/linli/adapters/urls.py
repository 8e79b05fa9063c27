"""Addresses of the protocols."""

from linli.adapters.open311.urls import urlpatterns

__all__ = ["urlpatterns"]
