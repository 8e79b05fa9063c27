from django.apps import AppConfig


class TelemetryConfig(AppConfig):
    """Readings of devices for the web; they live in the history store, and only runs of the bench have a table."""

    name = "linli.telemetry"
    label = "telemetry"
