"""docs/duties.md and the tests speak of each other: no duty without its test, no test of a duty that is not listed."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "duties.md").read_text(encoding="utf-8")


def named() -> set[tuple[str, str]]:
    """(file, test) of the page; `test_duty_*` stands for all of a file."""
    return set(re.findall(r"`(tests/[\w/]+\.py)::(test_duty_[\w*]+)`", PAGE))


def written() -> set[tuple[str, str]]:
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for test in re.findall(r"^def (test_duty_\w+)", path.read_text(encoding="utf-8"), re.M):
            found.add((path.relative_to(ROOT).as_posix(), test))
    return found


def test_every_duty_names_a_test_that_exists() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| Duty")]
    assert len(rows) >= 15
    assert [row for row in rows if "::test_duty_" not in row] == [], "a duty without a test"
    files = {file for file, _ in written()}
    assert [n for n in sorted(named()) if n not in written() and not (n[1].endswith("*") and n[0] in files)] == []


def test_every_test_of_a_duty_is_on_the_page() -> None:
    whole = {file for file, test in named() if test.endswith("*")}
    assert [t for t in sorted(written()) if t not in named() and t[0] not in whole] == []
