"""What commands print: wrapped lines, and numbers with their nouns."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from wakeproof.language.model import BUNDLED
from wakeproof.report.terminal.console import print_hanging
from wakeproof.report.terminal.trace import print_trace
from wakeproof.scenario.instance import Instance, scenario_for
from wakeproof.scenario.mixes import newest_mix
from wakeproof.util.text import plural


def console_of(width: int, terminal: bool = False) -> Console:
    return Console(width=width, file=io.StringIO(), force_terminal=terminal, color_system=None)


def printed(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_no_line_of_a_trace_begins_in_the_first_column() -> None:
    scenario = scenario_for(BUNDLED, "issue-1618")
    instance = Instance(scenario, newest_mix(scenario.mixes({}), BUNDLED.versions), BUNDLED)
    assert instance.script is not None
    rows, _ = instance.tracer().trace(instance.script)
    wide, narrow = console_of(1_000), console_of(60)
    print_trace(wide, rows)
    print_trace(narrow, rows)
    lines = printed(narrow)
    assert len(printed(wide)) == sum(1 + len(row["calls"]) + bool(row["changes"]) for row in rows)
    assert len(lines) > len(printed(wide))
    assert all(line.startswith("  ") and len(line) <= 60 for line in lines)
    assert "".join("".join(lines).split()) == "".join("".join(printed(wide)).split())


def test_a_wrapped_line_goes_on_below_its_indent() -> None:
    console = console_of(20)
    print_hanging(console, Text("  a: one two three four five"), 5)
    assert [line.rstrip() for line in printed(console)] == ["  a: one two three", "     four five"]


def test_a_whole_line_is_wrapped_on_a_terminal_only() -> None:
    line = "  a: one two three four five"
    file, terminal = console_of(20), console_of(20, terminal=True)
    for console in (file, terminal):
        print_hanging(console, Text(line), 5, whole=True)
    assert printed(file) == [line]
    assert len(printed(terminal)) == 2


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs"), (2_268, "2,268 runs")]
)
def test_a_number_has_the_noun_that_fits(number: int, words: str) -> None:
    assert plural(number, "run") == words
