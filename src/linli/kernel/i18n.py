"""Which of the two languages to answer in: `?lang=`, then the cookie, then Accept-Language; Chinese when in doubt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.utils.translation import get_language

LANGUAGES = ("zh", "en")
COOKIE = "linli_lang"


def language(request: HttpRequest) -> str:
    """`zh` or `en`."""
    for asked in (request.GET.get("lang", ""), request.COOKIES.get(COOKIE, "")):
        if found := _known(asked):
            return found
    return accepted(request.headers.get("Accept-Language", ""))


def accepted(header: str) -> str:
    """The better of the two by an Accept-Language header."""
    best, weight = "zh", -1.0
    for part in header.split(","):
        name, _, rest = part.strip().partition(";")
        found = _known(name)
        try:
            q = float(rest.partition("=")[2]) if "q=" in rest.replace(" ", "") else 1.0
        except ValueError:
            q = 0.0
        if found and q > weight:
            best, weight = found, q
    return best


def _known(tag: str) -> str:
    tag = tag.strip().lower().replace("_", "-")
    return next((known for known in LANGUAGES if tag == known or tag.startswith(known + "-")), "")


def pick(words: Mapping[str, Any] | str, lang: str) -> str:
    """The text of `{"zh": …, "en": …}` in a language; the other one rather than nothing."""
    if isinstance(words, str):
        return words
    return str(words.get(lang) or words.get("zh") or words.get("en") or "")


def django_code(lang: str) -> str:
    """Django's name of a language."""
    return "en" if lang == "en" else "zh-hans"


def english() -> bool:
    """Whether the request is answered in English."""
    return (get_language() or "").startswith("en")


def say(zh: str, en: str) -> str:
    """The sentence in the language of the request."""
    return en if english() else zh


def either(zh: str, en: str) -> str:
    """The one of two stored names that fits the request; the other where it is empty."""
    return say(zh or en, en or zh)
