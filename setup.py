"""The wheel carries what a checkout has beside the package: the packs and the built front ends."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent


class BuildWithPacks(build_py):
    def run(self) -> None:
        if getattr(self, "editable_mode", False):
            super().run()
            return
        shutil.rmtree(Path(self.build_lib) / "linli", ignore_errors=True)  # a file deleted since the last build
        super().run()
        target = Path(self.build_lib) / "linli"
        for source, name in ((ROOT / "packs", "packs"), (ROOT / "src" / "linli" / "dist", "dist")):
            if source.is_dir():
                shutil.rmtree(target / name, ignore_errors=True)
                shutil.copytree(source, target / name)


setup(cmdclass={"build_py": BuildWithPacks})
