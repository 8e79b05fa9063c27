"""Text that people bring as files."""

from __future__ import annotations


def decoded(data: bytes) -> str | None:
    """As spreadsheets write it, UTF-8 or GB 18030; None when it is neither."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None
