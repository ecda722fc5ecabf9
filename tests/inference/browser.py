"""A Chromium for the tests of pages: one that is installed, or Playwright's own (`make browser`)."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 40_000  # milliseconds; a page that is to fail a test costs as much


@contextmanager
def open_browser() -> Iterator:
    """Give a headless Chromium; where there is none, the test is skipped, but not in CI."""
    from playwright.sync_api import Error, sync_playwright

    path = next(filter(None, map(shutil.which, NAMES)), None)
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0  # whom Chromium's sandbox refuses
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if is_root else [])
        except Error as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"No Chromium can be started. `make browser` installs one. {str(error).splitlines()[0]}")
        yield browser
        browser.close()
