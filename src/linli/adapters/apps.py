from django.apps import AppConfig


class AdaptersConfig(AppConfig):
    name = "linli.adapters"
    label = "adapters"

    def ready(self) -> None:
        """The server remembers repeated writes by the case, not by the kept answer: its refusals are its own. What
        is bound to an area follows when that becomes another."""
        from linli.kernel.middleware import never_keep
        from linli.places import facade as places

        for name, zh, en, table, lost_zh, lost_en in (
            (
                "intake_hook",
                "接入点",
                "Intake hooks",
                "intake_hook",
                "范围变小的接入点",
                "Intake hooks that lose ground",
            ),
            (
                "reading_hook",
                "读数接入点",
                "Reading hooks",
                "reading_hook",
                "范围变小的读数接入点",
                "Reading hooks that lose ground",
            ),
            ("webhook", "通知地址", "Webhooks", "adapters_hook", "", ""),
            ("endpoint", "对接系统", "Open311 systems", "open311_endpoint", "", ""),
        ):
            places.rehome_table(
                places.RehomedTable(
                    name=f"adapters.{name}", label_zh=zh, label_en=en, table=table, grid_column="", lon_column="",
                    lat_column="", narrowed_zh=lost_zh, narrowed_en=lost_en,
                )
            )  # fmt: skip
        never_keep(r"/open311/.*", r"/intake/.*", r"/readings-intake/.*", r"/sta/.*")
