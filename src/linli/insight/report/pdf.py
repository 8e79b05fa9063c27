"""A report as PDF. The blocks go in as data, never as text of the typesetting language."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import orjson
import typst

from linli.insight.report.build import Report
from linli.places import facade as places

TEMPLATE = Path(__file__).with_name("report.typ")


def render(report: Report) -> bytes:
    return typst.compile(
        str(TEMPLATE), font_paths=[places.font_folder()], ignore_system_fonts=True,
        sys_inputs={"report": orjson.dumps(asdict(report)).decode()},
    )  # fmt: skip
