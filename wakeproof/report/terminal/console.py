"""The console that commands print to."""

from __future__ import annotations

import io
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import click
from rich.console import Console
from rich.text import Text

STANDARD_OUTPUT = Path("-")
"""The name of a file of results that is standard output."""
STANDARD_OUTPUTS = (STANDARD_OUTPUT, Path("/dev/stdout"), Path("/dev/fd/1"))
"""All names of it."""
# columns where there is no terminal
WIDTH = 120
COLUMNS = 80
"""The columns of what fits every terminal."""
# by what --color says: on a terminal without NO_COLOR, always, never
COLOUR_SYSTEMS: Mapping[bool | None, Literal["auto", "standard"] | None] = {
    None: "auto",
    True: "standard",
    False: None,
}


class CommandConsole(Console):
    """A console of a command, which ends it where the reader has closed the pipe."""

    def on_broken_pipe(self) -> None:
        """Raise `BrokenPipeError`, so that files are still written."""
        raise BrokenPipeError


def make_console() -> Console:
    """Return a console as wide as the terminal, else `WIDTH`; with colours as --color says.

    It prints to standard error where a file of results is standard output.
    """
    context = click.get_current_context(silent=True)
    color = None if context is None else context.color
    values = () if context is None else context.params.values()
    taken = any(value in STANDARD_OUTPUTS for value in values)
    stream = sys.stderr if taken else sys.stdout
    return CommandConsole(
        stderr=taken,
        width=None if stream.isatty() else WIDTH,
        highlight=False,
        soft_wrap=False,
        color_system=COLOUR_SYSTEMS[color],
        no_color=None if color is None else not color,
    )


def print_hanging(console: Console, text: Text, indent: int, whole: bool = False) -> None:
    """Print a line; what does not fit goes on in lines that begin with `indent` spaces.

    `whole` lines are not wrapped in files, so that a search finds them.
    """
    if whole and not console.is_terminal:
        console.print(text, soft_wrap=True)
        return
    head, rest = text[:indent], text[indent:]
    for line in rest.wrap(console, max(console.width - indent, 1)):
        line.rstrip()
        console.print(head + line, soft_wrap=True)
        head = Text(" " * indent)


def wrapped(text: str, indent: int, style: str = "") -> list[Text]:
    """Return a text as lines of at most `COLUMNS`; all but the first begin with `indent` spaces."""
    lines = textwrap.wrap(
        text,
        COLUMNS,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return [Text(line, style=style) for line in lines]


def recorded(show: Callable[[Console], None]) -> Console:
    """Return a console that has recorded what `show` prints, `WIDTH` columns wide."""
    console = Console(width=WIDTH, highlight=False, file=io.StringIO(), record=True)
    show(console)
    return console
