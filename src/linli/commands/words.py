"""`linli words`: bring the translation of the pages up to date and compile it (for developers; needs polib).

English is the source. The compiled file is committed, so that running Linli needs no gettext.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
PO = HERE / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
SIMPLE = re.compile(r"""\{%\s*translate\s+(?:"([^"]+)"|'([^']+)')""")
BLOCK = re.compile(r"\{%\s*blocktranslate\b[^%]*%\}(.*?)\{%\s*endblocktranslate\s*%\}", re.S)
PLURAL = re.compile(r"\{%\s*plural\s*%\}")
CODE = re.compile(r"""\b(?:_|gettext|gettext_lazy)\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\s*,?\s*\)""")
PIECE = re.compile(r'"((?:[^"\\]|\\.)*)"')
HEAD = {
    "Content-Type": "text/plain; charset=utf-8", "Content-Transfer-Encoding": "8bit", "Language": "zh_Hans",
    "Plural-Forms": "nplurals=1; plural=0;",
}  # fmt: skip


def register(sub: Any) -> None:
    parser = sub.add_parser("words", help="update and compile the translation of the residents' pages (developers)")
    parser.set_defaults(run=run)


def sentences() -> dict[str, str]:
    """All sentences of templates and code → their plural, or ''."""
    found: dict[str, str] = {}
    for path in sorted(HERE.rglob("templates/**/*.html")):
        text = path.read_text(encoding="utf-8")
        for a, b in SIMPLE.findall(text):
            found.setdefault(a or b, "")
        for body in BLOCK.findall(text):
            one, *many = (re.sub(r"\{\{\s*(\w+)\s*\}\}", r"%(\1)s", p) for p in PLURAL.split(body))
            found[one] = many[0] if many else ""
    for path in sorted((HERE / "portal").rglob("*.py")):
        for literal in CODE.findall(path.read_text(encoding="utf-8")):
            found.setdefault("".join(PIECE.findall(literal)), "")
    return found


def run(args: argparse.Namespace) -> int:
    import polib

    po = polib.pofile(str(PO)) if PO.exists() else polib.POFile()
    po.metadata = HEAD
    wanted, known = sentences(), {e.msgid for e in po}
    for entry in [e for e in po if e.msgid not in wanted]:
        po.remove(entry)
    for one, many in wanted.items():
        if one not in known:
            po.append(polib.POEntry(msgid=one, msgid_plural=many, msgstr_plural={0: ""}) if many
                      else polib.POEntry(msgid=one, msgstr=""))  # fmt: skip
    PO.parent.mkdir(parents=True, exist_ok=True)
    po.save(str(PO))
    po.save_as_mofile(str(PO.with_suffix(".mo")))
    missing = [e.msgid for e in po if not (e.msgstr or e.msgstr_plural.get(0))]
    for sentence in missing:
        print(f"not translated: {sentence}", file=sys.stderr)
    return 1 if missing else 0
