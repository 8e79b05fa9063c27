"""A report as PDF."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from linli.insight.report.build import Report
from linli.kernel import typeset

TEMPLATE = Path(__file__).with_name("report.typ")


def render(report: Report) -> bytes:
    return typeset.pdf(TEMPLATE, report=asdict(report))
