"""The console that commands print to."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

from rich.console import Console

# columns where there is no terminal
WIDTH = 120


def make_console() -> Console:
    """Return a console as wide as the terminal, or `WIDTH` columns wide without one."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False, soft_wrap=False)


def recorded(show: Callable[[Console], None]) -> Console:
    """Return a console that has recorded what `show` prints, `WIDTH` columns wide."""
    console = Console(width=WIDTH, highlight=False, file=io.StringIO(), record=True)
    show(console)
    return console
