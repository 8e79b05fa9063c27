"""Papers as PDF by typst. What goes in is data, never text of the typesetting language.

The Chinese typeface comes with the wheel `pylopdf-fonts-zh-cn` (Noto Sans SC, SIL OFL), none from the system.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson
import typst

from linli.kernel.errors import Invalid


@lru_cache(maxsize=1)
def _font_folder() -> str:
    spec = find_spec("pylopdf_fonts_zh_cn")
    if spec is None or not spec.submodule_search_locations:
        raise Invalid("sheet", "the package pylopdf-fonts-zh-cn with the Chinese typeface is missing")
    return str(next(iter(spec.submodule_search_locations)))


def pdf(template: Path, **inputs: Any) -> bytes:
    """A template with its inputs, each of which it reads as JSON of that name."""
    return typst.compile(
        str(template), font_paths=[_font_folder()], ignore_system_fonts=True,
        sys_inputs={name: orjson.dumps(value).decode() for name, value in inputs.items()},
    )  # fmt: skip
