"""The page of a violation in a real browser: by keyboard, wide, narrow, and without scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import SIZES, Browser, Page, chromium, expect, severe
from tests.export.saved import SavedViolation, hostile, lasso, saved
from wakeproof.export.issue import KnownViolation
from wakeproof.findings.registry import load_findings

NAME = "frame-overwritten-while-it-waits"
FRAMES = saved(NAME)
FOUND = {"frames": FRAMES, "lasso": lasso(), "hostile": hostile()}
STEPS = len(FRAMES.trace)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


Open = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a page from a file; at the end it has asked for nothing, and nothing complained."""
    address = (tmp_path / "page.html").as_uri()
    asked: list[str] = []
    complaints: list[str] = []
    contexts = []

    def opened(
        found: SavedViolation,
        size: tuple[int, int] = SIZES[0],
        fragment: str = "",
        known: KnownViolation | None = None,
        **options: Any,
    ) -> Page:
        (tmp_path / "page.html").write_text(found.to("html", known), encoding="utf-8")
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.goto(address + fragment)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [url.partition("#")[0] for url in asked] == [address]
    assert complaints == []


def expect_step(page: Page, number: int) -> None:
    """One step is the current one, is open alone, and is named in the bar."""
    expect(page.locator("li.step.now")).to_have_id(f"step-{number}")
    expect(page.locator(".stepper p")).to_contain_text(f"Step {number} of {STEPS}: ")
    shown = page.locator("li.step > details[open]")
    expect(shown).to_have_count(1)
    expect(shown.locator(".number")).to_have_text(str(number))


def test_keys_move_the_current_step(visit: Open) -> None:
    page = visit(FRAMES)
    expect_step(page, 1)
    for key, number in (("ArrowRight", 2), ("End", STEPS), ("ArrowLeft", STEPS - 1), ("Home", 1)):
        page.keyboard.press(key)
        expect_step(page, number)
        assert page.evaluate("location.hash") == f"#step-{number}"
    page.keyboard.press("ArrowLeft")
    expect_step(page, 1)


def test_the_page_of_a_finding_steps_though_it_has_other_lines_too(visit: Open) -> None:
    (finding,) = [one for one in load_findings()[0] if one.name == NAME]
    page = visit(FRAMES, known=finding.known(None, ()))
    expect(page.locator("section.example .line")).to_have_count(len(finding.example["lines"]))
    expect_step(page, 1)
    page.locator(".stack").last.click()
    expect_step(page, STEPS)
    expect(page.locator(".stack.now")).to_have_count(1)


def test_the_line_of_the_program_goes_with_the_step(visit: Open) -> None:
    page = visit(FRAMES)
    for number in range(1, STEPS + 1):
        lines = page.locator(".code .line.now")
        steps = lines.evaluate_all("lines => lines.map((line) => line.dataset.steps.split(' '))")
        assert all(str(number) in of for of in steps)
        page.keyboard.press("ArrowRight")
    assert page.locator(f'.line[data-steps~="{STEPS}"].now').count() > 0


def test_buttons_are_reached_by_tab_and_pressed_by_enter(visit: Open) -> None:
    page = visit(FRAMES)
    page.get_by_role("button", name="step forward").focus()
    page.keyboard.press("Enter")
    expect_step(page, 2)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect_step(page, STEPS)
    expect(page.get_by_role("button", name="step forward")).to_be_disabled()


def test_a_link_leads_to_its_step(visit: Open) -> None:
    page = visit(FRAMES, fragment="#step-3")
    expect_step(page, 3)
    page.locator('.code a[href="#step-1"]').first.click()
    expect_step(page, 1)


def test_the_arrows_scroll_a_wide_picture_that_has_the_focus(visit: Open) -> None:
    page = visit(FRAMES)
    page.locator(".wide").first.focus()
    page.keyboard.press("ArrowRight")
    expect_step(page, 1)


def test_without_scripts_all_steps_are_open(visit: Open) -> None:
    page = visit(FRAMES, java_script_enabled=False)
    assert page.locator("li.step > details[open]").count() == STEPS
    assert page.locator(".stepper:visible").count() == 0


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.nightly)])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", FOUND)
def test_axe_finds_nothing_severe_and_nothing_is_wider_than_the_window(
    visit: Open, name: str, size: tuple[int, int], scheme: str
) -> None:
    page = visit(FOUND[name], size, color_scheme=scheme)
    assert severe(page) == []
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert severe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
