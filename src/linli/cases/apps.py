from django.apps import AppConfig


class CasesConfig(AppConfig):
    name = "linli.cases"
    label = "cases"

    def ready(self) -> None:
        """Cases move with their grids, answer for their pictures, and lend the alarms their calendar."""
        from linli.cases import tables
        from linli.cases.rules.calendar import add_seconds
        from linli.cases.services import photos  # noqa: F401
        from linli.devices import facade as devices
        from linli.places import facade as places
        from linli.places.contracts import RehomedTable

        places.rehome_table(
            RehomedTable(
                name="cases.case", label_zh="案件", label_en="Cases", table="cases_case", where="t.closed_at IS NULL"
            )
        )
        devices.on_working_hours(lambda at, seconds: add_seconds(tables.calendar(), at, seconds, "work_hour"))
