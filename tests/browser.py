"""A real Chromium: Debian's, driven by Playwright. Without one the tests that need it are skipped."""

import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, async_playwright

# Without these it calls home at its start.
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One for all tests, since it takes seconds to start: each makes a context of its own."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine: install Debian's package chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", *QUIET])
        yield browser
        await browser.close()


def watch(page: Page) -> tuple[list[str], list[str]]:
    """Addresses asked for beyond this machine, and errors of scripts, as they come."""
    strangers: list[str] = []
    errors: list[str] = []
    page.on(
        "request", lambda r: strangers.append(r.url) if not r.url.startswith(("http://127.0.0.1", "data:", "blob:")) else None
    )
    page.on("pageerror", lambda error: errors.append(str(error)))
    return strangers, errors
