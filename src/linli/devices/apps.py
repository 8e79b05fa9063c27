from django.apps import AppConfig


class DevicesConfig(AppConfig):
    name = "linli.devices"
    label = "devices"

    def ready(self) -> None:
        from linli.devices import events
        from linli.kernel.middleware import never_keep

        events.register()
        # A wrong claim counts though it is refused, which an Idempotency-Key would undo; a right one may be repeated.
        never_keep(r"/api/v1/devices/claim")
