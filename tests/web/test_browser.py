"""The explorer in a real browser: by mouse, by keyboard, wide, narrow, with nothing from elsewhere.

The server is the command itself.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser import SIZES, Browser, Page, chromium, expect, missing, severe
from wakeproof.bundled import ROOT

try:
    import starlette  # noqa: F401
except ImportError as error:
    missing(f"the package {error.name}: pip install -e '.[explore,browser]'")

SCRIPTED = "/state?scenario=issue-1618&mix=v1/v1/v1"
LONG_NAME = "/state?scenario=yield&mix=v3/v3/v3+%2Binter-task-wakeup"
LOCKSTEP = f"{SCRIPTED}&beside=v2/v2/v2&at=3"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of an explorer, served by the command."""
    command = [sys.executable, "-m", "wakeproof", "explore", "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    found = re.fullmatch(r"exploring at (http://127\.0\.0\.1:\d+)/\n", process.stdout.readline())
    assert found is not None
    assert process.stdout.readline() == "Ctrl-C ends it\n"
    yield found[1]
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert rest == "the explorer has ended\n"
    assert process.returncode == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


Open = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, server: str) -> Iterator[Open]:
    """Opens a path in a new window; at the end nothing was asked elsewhere, nothing complained."""
    asked: list[str] = []
    complaints: list[str] = []
    contexts = []

    def opened(path: str, size: tuple[int, int] = SIZES[0], **options: Any) -> Page:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, base_url=server, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith(f"{server}/")] == []
    assert asked
    assert complaints == []


def where(page: Page) -> str:
    """Where the page is on its path."""
    return str(page.locator(".moves .where").inner_text())


def test_a_scenario_is_opened_stepped_and_stepped_back(visit: Open) -> None:
    page = visit("/")
    page.get_by_role("link", name="yield", exact=False).first.click()
    expect(page.locator(".moves .where")).to_have_text("step 0 of 0")
    page.locator(".take").first.click()
    expect(page.locator(".moves .where")).to_have_text("step 1 of 1")
    expect(page.locator(".step h2")).to_contain_text("call_export(")
    assert page.locator("svg.picture.wide path.arrow").count() > 0
    page.get_by_role("link", name="Back", exact=True).click()
    expect(page.locator(".moves .where")).to_have_text("step 0 of 1")
    page.get_by_role("link", name="Forward", exact=True).click()
    expect(page.locator(".moves .where")).to_have_text("step 1 of 1")
    page.go_back()
    expect(page.locator(".moves .where")).to_have_text("step 0 of 1")


def test_a_jump_leads_to_a_violation_and_the_path_has_each_step(visit: Open) -> None:
    page = visit(f"{SCRIPTED}&at=0")
    page.get_by_role("link", name="shortest way to a violation of one-home").click()
    expect(page.locator("tr.broken", has_text="one-home")).to_contain_text("✗ violated")
    page.locator(".path li a").nth(1).click()
    expect(page.locator(".moves .where")).to_contain_text("step 1 of")


def test_a_condition_is_typed_and_what_is_wrong_with_it_is_said(visit: Open) -> None:
    page = visit("/state?scenario=yield")
    page.get_by_label("Condition").fill("s.running == export")
    page.keyboard.press("Enter")
    expect(page.locator(".properties")).to_contain_text("✓ true")
    page.get_by_label("Condition").fill("s.runs == export")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("unknown field s.runs")


def test_a_link_is_copied_and_leads_to_the_same_state(visit: Open) -> None:
    page = visit(f"{SCRIPTED}&at=6", permissions=["clipboard-read", "clipboard-write"])
    page.locator(".take").first.click()
    expect(page.locator(".moves .where")).to_have_text("step 7 of 7")
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("#said")).to_have_text("link copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    other = visit(copied)
    assert other.locator("main .picture.wide").inner_html() == (
        page.locator("main .picture.wide").inner_html()
    )


def test_two_mixes_run_in_lockstep(visit: Open) -> None:
    page = visit(f"{SCRIPTED}&at=3")
    page.get_by_label("Beside").select_option("v2/v2/v2")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".difference")).to_contain_text("In step 4")
    page.get_by_role("link", name="step 4").click()
    expect(page.locator(".path .now")).to_contain_text("≠ differs from here")
    assert page.locator("svg.picture:visible").count() == 2


def test_the_keyboard_alone_goes_along_the_path_and_takes_a_step(visit: Open) -> None:
    page = visit(f"{SCRIPTED}&at=0")
    place = page.locator(".moves .where")
    page.keyboard.press("ArrowRight")
    expect(place).to_have_text("step 1 of 10")
    page.keyboard.press("End")
    expect(place).to_have_text("step 10 of 10")
    page.keyboard.press("ArrowLeft")
    expect(place).to_have_text("step 9 of 10")
    page.keyboard.press("Home")
    expect(place).to_have_text("step 0 of 10")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "take":
            break
    page.keyboard.press("Enter")
    expect(place).to_have_text("step 1 of 1")
    # the focus is in the content that is new
    assert page.evaluate("document.activeElement.id") == "main"


def test_the_first_tab_leads_to_the_content(visit: Open) -> None:
    page = visit(SCRIPTED)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_the_pages_work_without_scripts(visit: Open) -> None:
    page = visit(SCRIPTED, java_script_enabled=False)
    page.get_by_role("link", name="Forward").click()
    assert where(page) == "step 1 of 10"
    page.locator(".take").first.click()
    assert where(page) == "step 2 of 2"
    page.get_by_label("Condition").fill("s.running is None")
    page.get_by_role("button", name="Shortest way").click()
    assert "✓ true" in page.locator(".properties").inner_text()
    assert page.get_by_role("button", name="Copy link").count() == 0


PAGES = ["/", f"{SCRIPTED}&at=7", f"{SCRIPTED}&at=10", LOCKSTEP, "/state?scenario=yield&steps=zzz"]


@pytest.mark.parametrize(
    ("scheme", "size"),
    [
        ("light", SIZES[0]),
        pytest.param("dark", SIZES[0], marks=pytest.mark.nightly),
        pytest.param("light", SIZES[1], marks=pytest.mark.nightly),
    ],
)
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_severe(
    visit: Open, path: str, scheme: str, size: tuple[int, int]
) -> None:
    page = visit(path, size, color_scheme=scheme)
    for details in page.locator("summary").all():
        details.click()
    assert severe(page) == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", [*PAGES[:4], "/state?scenario=nested-waits", LONG_NAME])
def test_a_page_is_as_wide_as_the_window_and_shows_one_picture_a_run(
    visit: Open, path: str, size: tuple[int, int]
) -> None:
    page = visit(path, size)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    shown = page.locator("svg.picture:visible").count()
    assert shown == (0 if path == "/" else 2 if path == LOCKSTEP else 1)
