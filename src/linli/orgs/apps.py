from django.apps import AppConfig


class OrgsConfig(AppConfig):
    name = "linli.orgs"
    label = "orgs"

    def ready(self) -> None:
        from linli.identity import facade
        from linli.orgs import selectors

        facade.on_teams(selectors.team_ids_of)
        facade.on_centres(selectors.areas_of_centres)
