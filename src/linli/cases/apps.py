from django.apps import AppConfig


class CasesConfig(AppConfig):
    name = "linli.cases"
    label = "cases"

    def ready(self) -> None:
        """Cases move with their grids, and answer for their pictures."""
        from linli.cases.services import photos  # noqa: F401
        from linli.places import facade as places
        from linli.places.contracts import RehomedTable

        places.rehome_table(
            RehomedTable(
                name="cases.case", label_zh="案件", label_en="Cases", table="cases_case", where="t.closed_at IS NULL"
            )
        )
