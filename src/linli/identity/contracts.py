"""What other modules see of accounts."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

KEY_START = "linli_"  # of every API key, and of nothing else


@dataclass(frozen=True, slots=True)
class AccountInfo:
    id: UUID
    username: str
    display_name: str
    area_path: str
    status: str
    demo: bool
    language: str = "zh-hans"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session. `token` goes into the cookie and is stored nowhere in clear."""

    account_id: UUID
    session_id: UUID
    token: str
    max_age_s: int
