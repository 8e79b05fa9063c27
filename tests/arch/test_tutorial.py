"""The tutorial is true: its commands are run, in its order, in a copy of this checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from linli.checks.tree import Tree
from linli.cli import main

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/tutorials/add-a-feature.md"
NEEDED = ("src/", "packs/", "tests/", "docs/", "pyproject.toml", "README")


def copy_checkout(target: Path) -> None:
    for path in Tree(ROOT).files:
        if path.startswith(NEEDED):
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, target / path)


def run(command: str, checkout: Path) -> str:
    words = command.split()
    if words[0] == "linli":
        words = [sys.executable, "-m", *words]
    elif words[0] == "python":
        words[0] = sys.executable
    elif words[0] == "lint-imports":
        words[0] = str(Path(sys.executable).parent / "lint-imports")
    env = {k: v for k, v in os.environ.items() if k not in ("LINLI_TEST_DB", "LINLI_HOME") and "XDIST" not in k}
    env |= {"PYTHONPATH": str(checkout / "src")}
    done = subprocess.run(words, cwd=checkout, env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.mark.slow
def test_the_tutorial_can_be_followed(tmp_path: Path) -> None:
    copy_checkout(tmp_path)
    before = run_checks(tmp_path)
    for language, body in re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        if language == "csv":
            with (tmp_path / "tests/identity/permissions.csv").open("a", encoding="utf-8") as table:
                table.write(body)
            continue
        for command in body.strip().splitlines():
            if command.startswith("linli check"):
                assert run_checks(tmp_path) <= before, "the new room breaks a house rule"
            else:
                run(command, tmp_path)
    assert (tmp_path / "src/linli/benches/migrations/0001_initial.py").exists()


def run_checks(checkout: Path) -> set[str]:
    from linli import checks

    rules = ["rooms", "routes", "queries", "signals", "forbidden", "personal", "packs", "sizes", "words", "links"]
    return {str(f) for f in checks.run(checkout, rules)}


def test_a_bad_name_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "src/linli/parks").mkdir(parents=True)
    for words in (["Parks", "park"], ["p", "park"], ["parks", "parks"], ["parks", "park"], ["../x", "park"]):
        assert main(["new-module", *words, "--zh", "公园", "--root", str(tmp_path)]) == 2
    assert "already" in capsys.readouterr().err
