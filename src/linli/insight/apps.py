from django.apps import AppConfig


class InsightConfig(AppConfig):
    name = "linli.insight"
    label = "insight"

    def ready(self) -> None:
        """Boundaries moved: the cases within are counted anew, in their new areas."""
        from linli.insight.services import roll
        from linli.places import facade as places

        places.on_rehome(roll.on_rehome)
