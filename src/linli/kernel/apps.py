from django.apps import AppConfig


class KernelConfig(AppConfig):
    name = "linli.kernel"
    label = "kernel"

    def ready(self) -> None:
        """Register the kernel's own periodic work and every module's tasks."""
        from django.utils.module_loading import autodiscover_modules

        from linli.kernel import upkeep  # noqa: F401

        autodiscover_modules("jobs")
