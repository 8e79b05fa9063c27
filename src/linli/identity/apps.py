from django.apps import AppConfig


class IdentityConfig(AppConfig):
    name = "linli.identity"
    label = "identity"

    def ready(self) -> None:
        from linli.identity.services import areas
        from linli.kernel.middleware import never_keep

        areas.register()
        never_keep(
            r"/api/v1/session",
            r"/api/v1/apikeys",
            r"/api/v1/me/(totp|password)(/.*)?",
            r"/api/v1/accounts",
            r"/api/v1/accounts/[^/]+/password",
        )
