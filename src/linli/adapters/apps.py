from django.apps import AppConfig


class AdaptersConfig(AppConfig):
    name = "linli.adapters"
    label = "adapters"

    def ready(self) -> None:
        """The server remembers repeated writes by the case, not by the kept answer: its refusals are its own."""
        from linli.kernel.middleware import never_keep

        never_keep(r"/open311/.*", r"/intake/.*")
