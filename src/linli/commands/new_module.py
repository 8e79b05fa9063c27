"""`linli new-module`: a new room of the house with everything a room has. See docs/tutorials/add-a-feature.md."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from linli import commands

TEMPLATES = Path(__file__).with_name("scaffold")
EDITORS = ("dispatcher",)


def register(sub: Any) -> None:
    parser = sub.add_parser("new-module", help="scaffold a module with a table, a service, routes, tests and pages")
    parser.add_argument("name", help="what the room is called: a plural noun, such as benches")
    parser.add_argument("noun", help="one of them: bench")
    parser.add_argument("--zh", required=True, help="what it is called in Chinese")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the checkout (default: here)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    root, name, noun = args.root, args.name, args.noun
    if not re.fullmatch(r"[a-z][a-z0-9]{2,29}", name) or not re.fullmatch(r"[a-z][a-z0-9]{2,29}", noun):
        raise commands.CommandError("names are 3 to 30 small letters and digits")
    if name == noun:
        raise commands.CommandError("the room and one thing in it need different names")
    if not (root / "src" / "linli").is_dir():
        raise commands.CommandError("run this in a checkout, or give --root")
    if (root / "src" / "linli" / name).exists():
        raise commands.CommandError(f"there is a room {name} already")
    words = {"@name@": name, "@Name@": name.capitalize(), "@noun@": noun, "@Noun@": noun.capitalize(), "@zh@": args.zh}
    made = _files(root, words) + _edits(root, words)
    modules = [str(p) for p in made if p.suffix == ".py"]
    subprocess.run([sys.executable, "-m", "ruff", "check", "-q", "--fix", *modules], cwd=root, check=False)
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", *modules], cwd=root, check=False)
    for path in made:
        print(path.relative_to(root))
    print(f"next: linli manage makemigrations {name}; then see docs/tutorials/add-a-feature.md")
    return 0


def _files(root: Path, words: dict[str, str]) -> list[Path]:
    name = words["@name@"]
    places = {"page.md": f"docs/subsystems/{name}.md", "test.py": f"tests/{name}/test_{name}.py"}
    made = []
    for template in sorted(TEMPLATES.glob("*.txt")):
        own = template.name.removesuffix(".txt")
        target = root / places.get(own, f"src/linli/{name}/{own}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_filled(template, words), encoding="utf-8")
        made.append(target)
    empty = root / "src" / "linli" / name / "migrations" / "__init__.py"
    empty.parent.mkdir()
    empty.write_text("")
    return [*made, empty]


def _filled(template: Path, words: dict[str, str]) -> str:
    text = template.read_text(encoding="utf-8")
    for mark, word in words.items():
        text = text.replace(mark, word)
    return text


def _edits(root: Path, words: dict[str, str]) -> list[Path]:
    """The lines in files that list all rooms."""
    name, roles = words["@name@"], "packs/standard/roles.yaml"
    permissions = _filled(TEMPLATES / "lines" / "permissions.txt", words)
    edits = [
        ("src/linli/settings.py", re.escape('"portal",'), f'"portal", "{name}",'),
        ("pyproject.toml", re.escape("(linli.portal) |"), f"(linli.{name}) | (linli.portal) |"),
        (roles, "\n\nroles:\n", f"\n{permissions}\nroles:\n"),
    ]
    for role in EDITORS:
        given = f"      - {name}.view\n      - {name}.edit\n"
        edits.append((roles, rf"(?s)(\n  {role}:\n.*?\n    permissions:\n)", rf"\g<1>{given}"))
    changed = []
    for path, mark, text in edits:
        target = root / path
        before = target.read_text(encoding="utf-8")
        after = re.sub(mark, text, before, count=1)
        if after == before:
            raise commands.CommandError(f"{path} has no place for the new room ({mark})")
        target.write_text(after, encoding="utf-8")
        changed.append(target)
    lists = {
        "docs/glossary.md": _filled(TEMPLATES / "lines" / "glossary.txt", words),
        "docs/subsystems/README.md": f"- [{name}]({name}.md)\n",
    }
    for path, text in lists.items():
        with (root / path).open("a", encoding="utf-8") as out:
            out.write(text)
    return list(dict.fromkeys([*changed, *(root / path for path in lists)]))
