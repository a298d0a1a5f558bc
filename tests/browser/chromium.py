"""The Chromium that Debian installs, driven by Playwright."""

import shutil

from playwright.async_api import Browser, Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str:
    """Return where the browser is installed."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    assert found is not None, "chromium is missing: apt-get install chromium fonts-noto-cjk"
    return found


async def open_chromium(playwright: Playwright, *more: str) -> Browser:
    """Start the browser, without the sandbox that it cannot have as root; `more` are its options."""
    options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", *more]
    return await playwright.chromium.launch(executable_path=find_chromium(), args=options)
