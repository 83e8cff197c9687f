"""`python -m bench.explorer`: time the pages of the explorer for the bundled scenarios.

Each scenario has a server of its own, `wakeproof explore SCENARIO`, with a cache that is empty.
Printed are seconds until the server listens, and milliseconds: of the first screen, of the same
page once more, and of the slowest of some steps on a path; then, in Chromium, until the first
screen is drawn and until the page of a step is. No page needs compiled code.
"""

from __future__ import annotations

import contextlib
import functools
import html
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.request import urlopen

import click

from wakeproof.scenario.file import bundled_scenarios
from wakeproof.util.markdown import table_head, table_row

STEPS = 12
"""The steps of the path, each a link of the page before."""
LISTENS = "exploring at "
CHOICE = re.compile(r'<a class="take" href="([^"]*)"')
HEADS = ("scenario", "start, s", "first screen", "again", "a step", "in Chromium: first", "a step")


@dataclass(frozen=True)
class Times:
    """Times of one scenario: seconds until the server listens, then milliseconds."""

    scenario: str
    start: float
    first: float
    again: float
    step: float
    drawn: float | None = None
    drawn_step: float | None = None

    def row(self) -> str:
        """Return the row of the table."""
        drawn = ("" if t is None else f"{t:.0f}" for t in (self.drawn, self.drawn_step))
        times = (f"{t:.0f}" for t in (self.first, self.again, self.step))
        return table_row(self.scenario, f"{self.start:.1f}", *times, *drawn)


@contextlib.contextmanager
def served(scenario: str) -> Iterator[tuple[str, float]]:
    """Serve a scenario; yield its address, and the seconds until the server listens."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-m", "wakeproof", "explore", scenario, "--port", "0"]
        begun = time.perf_counter()
        environment = {**os.environ, "XDG_CACHE_HOME": cache}
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            if not line.startswith(LISTENS):
                raise SystemExit(f"{scenario}: the explorer does not start")
            yield line.removeprefix(LISTENS).strip(), time.perf_counter() - begun
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()


def timed(action: Callable[[], Any]) -> tuple[Any, float]:
    """Return what an action returns, and its milliseconds."""
    begun = time.perf_counter()
    found = action()
    return found, (time.perf_counter() - begun) * 1000


def text_at(address: str) -> str:
    """Return the page at an address."""
    with urlopen(address) as answer:
        found: str = answer.read().decode()
    return found


def measured(scenario: str, browser: Any, seed: int) -> Times:
    """Return the times of a scenario; `browser` is one of Playwright, or None."""
    picks = random.Random(seed)
    with served(scenario) as (address, start):
        page, first = timed(lambda: text_at(address))
        _, again = timed(lambda: text_at(address))
        base, slowest, at = address.partition("/state")[0], 0.0, address
        for _ in range(STEPS):
            choices = CHOICE.findall(page)
            if not choices:
                break
            at = base + html.unescape(picks.choice(choices))
            page, step = timed(functools.partial(text_at, at))
            slowest = max(slowest, step)
        if browser is None:
            return Times(scenario, start, first, again, slowest)
        shown = browser.new_page()
        _, drawn = timed(lambda: shown.goto(address, wait_until="load"))
        _, drawn_step = timed(lambda: shown.goto(at, wait_until="load"))
        shown.close()
        return Times(scenario, start, first, again, slowest, drawn, drawn_step)


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """Yield a browser; None without Playwright."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        yield None
        return
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        yield found
        found.close()


@click.command()
@click.argument("scenarios", nargs=-1)
@click.option("--seed", default=1, show_default=True, help="Seed of the choice of steps.")
def main(scenarios: Sequence[str], seed: int) -> None:
    """Time the explorer's pages for SCENARIOS, all bundled ones without any; print a table."""
    with chromium() as browser:
        print("\n".join(table_head(*HEADS)))
        for name in scenarios or [path.stem for path in bundled_scenarios()]:
            print(measured(name, browser, seed).row(), flush=True)


if __name__ == "__main__":
    main()
