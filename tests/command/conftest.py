"""The district of the tests of cases."""

from tests.cases.conftest import desk

__all__ = ["desk"]
