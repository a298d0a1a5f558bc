"""The Chromium that Debian installs, driven by Playwright."""

import shutil
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str:
    """Return where the browser is installed."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    assert found is not None, "chromium is missing: apt-get install chromium fonts-noto-cjk"
    return found


_OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
"""Without the sandbox that it cannot have as root."""


async def open_chromium(playwright: Playwright, *more: str) -> Browser:
    """Start the browser; `more` are its options."""
    return await playwright.chromium.launch(executable_path=find_chromium(), args=[*_OPTIONS, *more])


async def open_phone_folder(playwright: Playwright, folder: Path, **options: Any) -> BrowserContext:
    """Start a browser that keeps what it knows in a folder: opened again it is the same telephone."""
    return await playwright.chromium.launch_persistent_context(
        folder, executable_path=find_chromium(), args=list(_OPTIONS), **options
    )
