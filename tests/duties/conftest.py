"""The portal's unit and browser, for duties that residents see."""

from tests.portal.conftest import S, W, code, town, unit, web

__all__ = ["S", "W", "code", "town", "unit", "web"]
