from django.apps import AppConfig


class OrgsConfig(AppConfig):
    name = "linli.orgs"
    label = "orgs"

    def ready(self) -> None:
        from linli.identity import facade
        from linli.orgs import selectors
        from linli.places import facade as places

        for name, zh, en in (("team", "队伍", "Teams"), ("centre", "中心", "Centres")):
            places.rehome_table(
                places.RehomedTable(
                    name=f"orgs.{name}", label_zh=zh, label_en=en, table=f"orgs_{name}", grid_column="",
                    lon_column="", lat_column="",
                )
            )  # fmt: skip
        facade.on_teams(selectors.team_ids_of)
        facade.on_centres(selectors.areas_of_centres)
