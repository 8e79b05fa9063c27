"""What is wrong with an address or a body, told as a sentence."""

from __future__ import annotations

from linli.kernel.errors import LinliError


class Wrong(LinliError):
    """400: `raise Wrong("$top must be a whole number")`."""

    status, code, title = 400, "bad-request", "The request is not valid"
