"""Structured logs: one JSON object a line, without phones, ID numbers or e-mail addresses. Knows no Django."""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Any

from linli.kernel.masks import mask_text

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "request"}


def _plain(value: Any) -> Any:
    if isinstance(value, (int, float, bool)) or value is None:
        return value
    return mask_text(str(value))[0]


class JsonFormatter(logging.Formatter):
    """Every text of a line is masked, whoever wrote it; tracebacks too."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self.process_name = process

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": self.process_name,
            "logger": record.name,
            "message": _plain(record.getMessage()),
        }
        line.update({k: _plain(v) for k, v in vars(record).items() if k not in _STANDARD and not k.startswith("_")})
        if record.exc_info:
            line["trace"] = _plain(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def configure(process: str, level: str | None = None) -> None:
    """Send all logs of this process to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level or os.environ.get("LINLI_LOG_LEVEL", "INFO"))
    for noisy in ("procrastinate", "nats", "httpx", "httpcore", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
