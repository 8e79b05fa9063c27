"""How a platform shows that it is the one: a token, HMAC-SHA256 of the body, or OneNET's MD5. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any

from linli.kernel.errors import FieldError
from linli.kernel.i18n import say

WAYS = ("token", "hmac", "onenet")
OUTCOMES = ("stored", "passed", "verified", "refused", "signature", "limited")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,59}")
MSG = re.compile(r'"msg"\s*:\s*')


def wrong_auth(auth: Any) -> list[FieldError]:
    """What is wrong with `auth`, by its own fields."""
    if not isinstance(auth, dict) or set(auth) - {"way", "in", "name"} or auth.get("way") not in WAYS:
        return [FieldError("auth.way", say("只能是 ", "must be one of ") + ", ".join(WAYS))]
    if auth.get("in", "header") not in ("header", "query") or (auth.get("in") == "query" and auth["way"] != "token"):
        why = say("只能是 header, 令牌也可是 query", "must be header; a token may also be in query")
        return [FieldError("auth.in", why)]
    if not isinstance(auth.get("name", "X"), str) or not NAME.fullmatch(auth.get("name", "X")):
        return [FieldError("auth.name", say("应为请求头或参数的名称", "must be the name of a header or parameter"))]
    return []


def place(auth: Mapping[str, Any]) -> str:
    """Which header, parameter or field holds the proof."""
    usual = {"token": "token" if auth.get("in") == "query" else "Authorization", "hmac": "X-Signature"}
    return str(auth.get("name") or usual.get(auth["way"], "msg_signature"))


def shown(
    auth: Mapping[str, Any], secrets: list[str], headers: Mapping[str, str], query: Mapping[str, str], body: bytes
) -> bool:
    """Whether one of the secrets stands behind a push."""
    given = (query if auth.get("in") == "query" else headers).get(place(auth), "")
    if auth["way"] == "token":
        return _any([given.removeprefix("Bearer ").strip()], secrets)
    if auth["way"] == "hmac":
        made = [hmac.new(one.encode(), body, hashlib.sha256).digest() for one in secrets]
        given = given.strip().removeprefix("sha256=")
        return _any([given], [base64.b64encode(one).decode() for one in made]) or _any(
            [given.lower()], [one.hex() for one in made]
        )
    return _onenet(secrets, body)


def verified(secrets: list[str], query: Mapping[str, str]) -> bool:
    """OneNET asks by GET whether the address is ours: `signature` is MD5 of token, nonce and msg, in base64. A `+` that
    was not escaped came as a space."""
    made = [_digest(one, query.get("nonce", ""), query.get("msg", "")) for one in secrets]
    return _any([query.get("signature", "").replace(" ", "+")], made)


def _onenet(secrets: list[str], body: bytes) -> bool:
    """The digest is of `msg`: of its text where it is one, else of its JSON as it came or as it is written shortest."""
    try:
        text = body.decode()
        doc = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if not isinstance(doc, dict) or not isinstance(doc.get("nonce"), str):
        return False
    given = doc.get("msg_signature") or doc.get("signature")
    msg = doc.get("msg")
    if not isinstance(given, str) or msg is None:
        return False
    forms = [msg] if isinstance(msg, str) else [json.dumps(msg, ensure_ascii=False, separators=(",", ":")), _raw(text)]
    return _any([given], [_digest(one, doc["nonce"], form) for one in secrets for form in forms])


def _raw(text: str) -> str:
    """The JSON of the first `msg` as it came."""
    found = MSG.search(text)
    if found is None:
        return ""
    try:
        _, end = json.JSONDecoder().raw_decode(text, found.end())
    except ValueError:
        return ""
    return text[found.end() : end]


def _digest(token: str, nonce: str, msg: str) -> str:
    made = hashlib.md5(f"{token}{nonce}{msg}".encode("utf-8", "replace"), usedforsecurity=False)
    return base64.b64encode(made.digest()).decode()


def _any(given: list[str], wanted: list[str]) -> bool:
    """In constant time; an empty proof or secret is none."""
    pairs = [(g.encode("utf-8", "replace"), w.encode()) for g in given for w in wanted if g and w]
    return sum(hmac.compare_digest(*pair) for pair in pairs) > 0
