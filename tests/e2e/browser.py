"""A real Chromium for the tests, screenshots by name, and axe."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

SIZES = {"laptop": (1366, 768), "wall": (3840, 2160), "wall-hd": (1920, 1080), "phone": (390, 844)}
LANGUAGES = {"zh": "zh-CN", "en": "en-US"}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--use-gl=angle", "--use-angle=swiftshader",
         "--enable-unsafe-swiftshader"]  # fmt: skip


def chromium_path() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    raise AssertionError("no Chromium on this machine: install the Debian package chromium (as .ci/run does)")


def launch(playwright: Playwright, *more: str) -> Browser:
    return playwright.chromium.launch(executable_path=chromium_path(), args=[*FLAGS, *more])


@contextmanager
def context(
    browser: Browser, *, size: str = "laptop", language: str = "zh", theme: str = "light", **options: Any
) -> Iterator[BrowserContext]:
    """`theme` is light or dark as the system asks for it, or sun: the field app's own choice."""
    width, height = SIZES[size]
    made = browser.new_context(
        viewport={"width": width, "height": height}, locale=LANGUAGES[language],
        color_scheme="dark" if theme == "dark" else "light",
        timezone_id="Asia/Shanghai", is_mobile=size == "phone", has_touch=size == "phone",
        device_scale_factor=1, **options,
    )  # fmt: skip
    made.set_default_timeout(20_000)
    if theme == "sun":
        made.add_init_script("localStorage.setItem('linli.theme', 'sun')")
    try:
        yield made
    finally:
        made.close()


def sign_in(page: Page, origin: str, username: str, password: str, path: str = "/console/") -> None:
    """Sign in by the API in the page's own context, then open `path`."""
    answer = page.request.post(
        f"{origin}/api/v1/session",
        data=json.dumps({"username": username, "password": password}),
        headers={"Content-Type": "application/json", "Origin": origin},
    )
    assert answer.ok, answer.text()
    page.goto(origin + path)


def axe_violations(page: Page) -> list[dict[str, Any]]:
    """WCAG 2.2 A and AA rules that the page as it stands breaks."""
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
    return [
        {"id": v["id"], "impact": v["impact"], "nodes": [n["target"] for n in v["nodes"]][:5]}
        for v in found.response["violations"]
    ]


def shoot(page: Page, folder: Path | None, name: str) -> dict[str, Any]:
    """Screenshot and axe result under `folder/name.png|.json`; returns the axe result."""
    result = {"screen": name, "url": page.url, "violations": axe_violations(page)}
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"{name}.png")
        (folder / f"{name}.json").write_text(json.dumps(result, ensure_ascii=False, indent=1))
    return result
