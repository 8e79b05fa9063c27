from django.apps import AppConfig


class FieldConfig(AppConfig):
    name = "linli.field"
    label = "field"

    def ready(self) -> None:
        from linli.field import selectors
        from linli.kernel import files

        files.owner("voice_note", selectors.may_hear)
