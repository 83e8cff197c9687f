"""Help texts: options in groups, whole sentences, exit statuses, how completion is switched on.

The errors of click are worded here too, as their hints lead to the help.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from wakeproof.commands.completion import COMPLETION
from wakeproof.errors import Exit, InputError

F = TypeVar("F", bound=Callable[..., Any])

RUNS = "Which runs"
LIMITS = "Limits"
EXPLORATION = "Exploration"
REAL = "Real implementations"
OUTPUT = "Output"
OTHER = "Other options"
SECTIONS = (RUNS, LIMITS, EXPLORATION, REAL, OUTPUT, OTHER)
"""The groups of options in their order."""


class Option(click.Option):
    """An option that belongs to a group of the help text."""

    def __init__(self, *names: Any, group: str = OTHER, **attributes: Any) -> None:
        super().__init__(*names, **attributes)
        self.group = group


def option(group: str, *names: str, **attributes: Any) -> Callable[[F], F]:
    """Decorate a command with an option of a group; all else is as for `click.option`."""
    return click.option(*names, cls=Option, group=group, **attributes)


class Command(click.Command):
    """A command whose help shows its options in groups, and the exit statuses."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, each group in a section of its own."""
        rows: dict[str, list[tuple[str, str]]] = {name: [] for name in SECTIONS}
        for parameter in self.get_params(ctx):
            row = parameter.get_help_record(ctx)
            if row is not None and isinstance(parameter, click.Option):
                rows[getattr(parameter, "group", OTHER)].append(row)
        for name in SECTIONS:
            if rows[name]:
                with formatter.section(name):
                    formatter.write_dl(rows[name])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the exit statuses."""
        with formatter.section("Exit status"):
            formatter.write_dl([(str(status.value), status.meaning) for status in Exit])


class Group(Command, click.Group):
    """A group of commands, whose help describes each of them by a whole sentence."""

    command_class = Command
    group_class = type

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, then the options of the group."""
        rows = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                rows.append((name, sentence(command)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)
        super().format_options(ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the exit statuses and, for the outermost group, how completion is switched on."""
        super().format_epilog(ctx, formatter)
        if ctx.parent is None:
            with formatter.section("Completion of names in the shell"):
                formatter.write_dl(list(COMPLETION.items()))


def sentence(command: click.Command) -> str:
    """Return the first sentence of a command's help."""
    return command.get_short_help_str(limit=1_000)


def input_error(error: click.ClickException) -> InputError:
    """Return an error of click in the form of all others: `what`, and a `hint`."""
    context = getattr(error, "ctx", None)
    command = "wakeproof" if context is None else context.command_path
    hint = f"`{command} --help` describes its use"
    what = error.format_message()
    if similar := getattr(error, "possibilities", None):
        what, hint = error.message, "did you mean " + " or ".join(sorted(similar)) + "?"
    what = " ".join(what.split()).rstrip(".")
    return InputError(what[:1].lower() + what[1:], hint=hint)
