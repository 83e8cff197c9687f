"""Chromium for tests of pages: without playwright or Chromium those who import this are skipped.

WAKEPROOF_NEEDS_BROWSER demands them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip the tests, unless they are demanded."""
    if os.environ.get("WAKEPROOF_NEEDS_BROWSER"):
        pytest.fail(f"{what} is missing", pytrace=False)
    pytest.skip(f"needs {what}", allow_module_level=True)


try:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import Browser, Page, expect, sync_playwright
except ImportError as error:
    missing(f"the package {error.name}: pip install -e '.[explore,browser]'")

__all__ = ["SIZES", "Browser", "Page", "chromium", "expect", "missing", "severe"]

CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    missing("Chromium: apt-get install chromium")

SIZES = [(1280, 800), (390, 844)]
SEVERE = ("serious", "critical", "moderate")
"""The impacts of axe that no page may have."""
# a machine may be busy with other tests
expect.set_options(timeout=20_000)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without windows, which is closed at the end."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


def severe(page: Page) -> list[tuple[str, str, list[str]]]:
    """What axe finds on a page and none may have: the rule, what it demands, and some elements."""
    found = Axe().run(page).response
    assert found["passes"]
    return [
        (one["id"], one["help"], [node["html"][:200] for node in one["nodes"][:3]])
        for one in found["violations"]
        if one["impact"] in SEVERE
    ]
