"""Other ways to one's own ticket than its secret link: a short code beside the phone number, and keys that run out.

Neither is stored. The code is made from the ticket's hash with a secret of this district; a key names the ticket and
its end, and is signed. Both die with the ticket's row; the code also with the phone number that it goes with.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import timedelta
from uuid import UUID

from linli.cases.models import Reporter
from linli.home import Home
from linli.kernel import clock

DIGITS, MOST = 6, 50
KEY_LENGTH = 48  # of a key as text; a ticket's own secret has half of that
DOOR_DAYS, MAIL_DAYS = 1, 60


def _mac(*parts: bytes) -> bytes:
    return hmac.new(Home.current().secret("ticket"), b"\0".join(parts), hashlib.sha256).digest()


def short_code(row: Reporter) -> str:
    """The digits that, with the phone number, lead to the ticket; '' for a ticket without a number."""
    return _digits(bytes(row.token_hash)) if row.phone is not None else ""


def _digits(token_hash: bytes) -> str:
    return f"{int.from_bytes(_mac(b'code', token_hash)[:8]) % 10**DIGITS:0{DIGITS}}"


def key_for(row: Reporter, days: int) -> str:
    """A key to this ticket that works for some days, where the secret itself is not at hand."""
    until = int((clock.now() + timedelta(days=days)).timestamp()).to_bytes(4)
    head = row.id.bytes + until
    return base64.urlsafe_b64encode(head + _mac(b"door", bytes(row.token_hash), head)[:16]).decode()


def behind(key: str) -> Reporter | None:
    """The ticket that a key opens; None for one that is wrong or too old."""
    try:
        raw = base64.b64decode(key, altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    if len(key) != KEY_LENGTH or len(raw) != 36:
        return None
    row = Reporter.objects.select_related("case").defer("case__tokens").filter(pk=UUID(bytes=raw[:16])).first()
    fits = hmac.compare_digest(_mac(b"door", bytes(row.token_hash) if row else b"", raw[:20])[:16], raw[20:])
    return row if fits and int.from_bytes(raw[16:20]) > clock.now().timestamp() else None


def by_phone(phone: str, code: str) -> str:
    """A key for whoever has both a ticket's phone number and its code; '' otherwise, whatever of it is wrong."""
    rows = list(Reporter.objects.filter(phone__blind=phone, withdrawn_at=None).order_by("-created_at")[:MOST])
    found = [r for r in rows if hmac.compare_digest(_digits(bytes(r.token_hash)).encode(), code.encode())]
    return key_for(found[0], DOOR_DAYS) if found else ""
