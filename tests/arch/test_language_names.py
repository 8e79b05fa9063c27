"""The names of the languages on the switch are words of both: no other text may be one of them."""

from __future__ import annotations

from tests.e2e.words import MESSAGES


def test_no_text_is_the_name_of_a_language() -> None:
    """Else each page with the switch would seem to hold a word of the other language."""
    assert "English" not in MESSAGES["en"] and "中文" not in MESSAGES["zh"]
