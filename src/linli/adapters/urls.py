"""Addresses of the protocols."""

from linli.adapters.intake.urls import urlpatterns as intake
from linli.adapters.open311.urls import urlpatterns as open311

urlpatterns = [*open311, *intake]
