"""A running street and a real browser."""

import pytest
from playwright.async_api import async_playwright, expect

from tests.browser.chromium import open_chromium
from tests.harness.street import open_street

expect.set_options(timeout=20_000)  # a condition is met sooner or not at all; a busy machine takes its time


@pytest.fixture
async def street(tmp_path):
    """A street with server and gateway, all well."""
    async with open_street(tmp_path) as opened:
        await opened.start()
        yield opened


@pytest.fixture
async def browser():
    async with async_playwright() as playwright:
        opened = await open_chromium(playwright)
        yield opened
        await opened.close()
