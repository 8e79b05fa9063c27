"""The portal's unit and browser, for duties that residents see."""

from tests.cases.conftest import desk
from tests.portal.conftest import S, W, code, town, unit, web

__all__ = ["S", "W", "code", "desk", "town", "unit", "web"]
