"""The last word of the tests against others' servers: tools/same-counts."""

import subprocess
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "same-counts"
ALL = "2193 passed, 7 warnings in 640.78s (0:10:40)\n"
FOUR = "2189 passed, 4 skipped, 7 warnings in 640.78s (0:10:40)\n"


@pytest.mark.parametrize(
    ("test", "external", "says", "code"),
    [
        (ALL, "954 passed, 1 warning in 365.27s (0:06:05)\ncollected: 954\n", "954 collected", 0),
        (FOUR, "950 passed, 4 skipped in 5.20s\ncollected: 954\n", "950 passed, 4 skipped (4 where all run)", 0),
        (ALL, "950 passed, 4 skipped in 5.20s\ncollected: 954\n", "4 skipped (0 where all run)", 1),
        (ALL, "1 failed, 953 passed in 5.20s\n1 passed in 3.20s\ncollected: 954\n", "954 passed", 0),
        (ALL, "953 passed in 365.27s (0:06:05)\ncollected: 954\n", "953 passed", 1),
        (ALL, "954 passed in 5.20s\n", "0 collected", 1),
    ],
)
def test_each_collected_passed_or_was_skipped(tmp_path: Path, test: str, external: str, says: str, code: int) -> None:
    (tmp_path / "here.log").write_text(test)
    (tmp_path / "there.log").write_text(external)
    found = subprocess.run([TOOL, tmp_path / "here.log", tmp_path / "there.log"], capture_output=True, text=True)
    assert says in found.stdout
    assert found.returncode == code
