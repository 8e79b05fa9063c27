"""A report as a Word file. Text goes in as text: no field, macro or link is made of it."""

from __future__ import annotations

import io
import re

from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.shared import Pt

from linli.insight.report.build import Block, Report

BAD = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # no XML file may hold them


def render(report: Report) -> bytes:
    document = Document()
    _fonts(document)
    document.core_properties.title, document.core_properties.author = report.title, "Linli"
    document.core_properties.language = "zh-CN" if report.lang == "zh" else "en"
    document.add_heading(_clean(report.title), level=0)
    document.add_paragraph(_clean(report.subtitle))
    for block in report.blocks:
        if block.kind == "heading":
            document.add_heading(_clean(block.text), level=1)
        elif block.kind == "text":
            document.add_paragraph(_clean(block.text))
        else:
            _table(document, block)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _fonts(document: Document) -> None:  # type: ignore[valid-type]
    for name in ("Normal", "Title", "Heading 1"):
        style = document.styles[name]  # type: ignore[attr-defined]
        style.font.name = "Calibri"
        style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), "Microsoft YaHei")
    document.styles["Normal"].font.size = Pt(10.5)  # type: ignore[attr-defined]


def _table(document: Document, block: Block) -> None:  # type: ignore[valid-type]
    table = document.add_table(rows=1, cols=len(block.head), style="Light Grid Accent 1")  # type: ignore[attr-defined]
    for cells, row in ((table.rows[0].cells, block.head), *((table.add_row().cells, r) for r in block.rows)):
        for i, (cell, text) in enumerate(zip(cells, row, strict=True)):
            cell.text = _clean(text)
            if i:
                cell.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.RIGHT


def _clean(text: str) -> str:
    return BAD.sub("", text)
