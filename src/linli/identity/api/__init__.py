"""Routes of identity, by topic; all share one router."""

from linli.identity.api import accounts, audit, keys, me, session  # noqa: F401
from linli.identity.api.base import router

__all__ = ["router"]
