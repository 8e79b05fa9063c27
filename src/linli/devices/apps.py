from django.apps import AppConfig


class DevicesConfig(AppConfig):
    name = "linli.devices"
    label = "devices"

    def ready(self) -> None:
        from linli.devices import events

        events.register()
