"""The wheel alone is enough: it carries the packs and the built front ends, and a district runs from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.engines.test_supervisor import Up, clean_env

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.engines]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    ours = ["--no-build-isolation"] if int(version("setuptools").split(".")[0]) >= 77 else []
    gone = ROOT / "build" / "lib" / "linli" / "gone.py"  # left by a build of a time when the package had it
    gone.parent.mkdir(parents=True, exist_ok=True)
    gone.touch()
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", *ours, "--wheel-dir", str(out), str(ROOT)]
    subprocess.run(command, check=True)
    return next(out.glob("linli-*.whl"))


def test_carries_packs_templates_and_front_ends(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, kind in (("packs", "*"), ("src/linli", "*.html"), ("src/linli", "*.mo"), ("src/linli/dist", "*")):
        base = ROOT / "packs" if folder == "packs" else ROOT / "src" / "linli"
        prefix = "linli/packs/" if folder == "packs" else "linli/"
        for path in (ROOT / folder).rglob(kind):
            if path.is_file() and not path.name.startswith("."):
                assert prefix + path.relative_to(base).as_posix() in names
    assert not [name for name in names if "node_modules" in name or name.endswith("gone.py")]


@pytest.mark.timeout(600)
def test_a_district_runs_from_it(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    python = place / "bin" / "python"
    site = place / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")  # the locked packages, but not this checkout
    zipfile.ZipFile(wheel).extractall(site)
    for name in ("caddy", "nats-server"):
        (place / "bin" / name).symlink_to(Path(sys.prefix) / "bin" / name)
    env = {k: v for k, v in clean_env().items() if k != "PYTHONPATH"}
    where = subprocess.run([python, "-c", "import linli; print(linli.__file__)"], env=env, capture_output=True,
                           text=True, check=True, cwd=tmp_path)  # fmt: skip
    assert where.stdout.startswith(str(site)), where.stdout
    district = Up(tmp_path / "home", "--demo", python=str(python))
    district.env = env
    district.start()
    try:
        assert "<html" in district.get("/").text
        told = json.loads((district.home / "run" / "demo.json").read_text())
        assert district.get(f"/q/{told['unit_code']}").status_code == 200
        if (ROOT / "src" / "linli" / "dist" / "console" / "index.html").exists():
            assert district.get("/console/").status_code == 200
    finally:
        assert district.stop() == 0
    assert os.path.isdir(site / "linli" / "packs")
