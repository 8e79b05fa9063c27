"""The addresses of indicators under /api/v1/insight."""

from linli.kernel.http import Router

router = Router(tags=["insight"])

from linli.insight.api import bulletins, files, reads, supervision  # noqa: E402, F401
