import shutil

import pytest


# For a module each: while Playwright runs, nothing else in its thread can run asyncio.
@pytest.fixture(scope="module")
def browser():
    """A headless Chromium: Debian's, or the one that Playwright brings."""
    from playwright.sync_api import Error, sync_playwright

    path = shutil.which("chromium") or shutil.which("google-chrome")
    quiet = ["--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as play:
        try:
            chromium = play.chromium.launch(executable_path=path, args=["--no-sandbox", *quiet])
        except Error as error:
            pytest.skip(f"no Chromium here (`make browser` installs it): {error}")
        yield chromium
        chromium.close()
