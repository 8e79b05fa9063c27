from django.apps import AppConfig


class FieldConfig(AppConfig):
    name = "linli.field"
    label = "field"

    def ready(self) -> None:
        from linli.field import selectors
        from linli.kernel import files
        from linli.places import facade as places

        files.owner("voice_note", selectors.may_hear)
        places.rehome_table(
            places.RehomedTable(
                name="field.entry", label_zh="走访与排查记录", label_en="Visits and hazard checks", table="field_entry",
                grid_column="",
            )
        )  # fmt: skip
