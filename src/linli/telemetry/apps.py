from django.apps import AppConfig


class TelemetryConfig(AppConfig):
    """Readings of devices for the web; it has no tables, readings live in the history store."""

    name = "linli.telemetry"
    label = "telemetry"
