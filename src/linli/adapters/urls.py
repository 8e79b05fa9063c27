"""Addresses of the protocols."""

from linli.adapters.intake.urls import urlpatterns as intake
from linli.adapters.open311.urls import urlpatterns as open311
from linli.adapters.readings.urls import urlpatterns as readings
from linli.adapters.sensorthings.urls import urlpatterns as sensorthings

urlpatterns = [*open311, *intake, *readings, *sensorthings]
