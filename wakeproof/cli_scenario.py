"""The command line of `wakeproof new`."""

from __future__ import annotations

import sys
from typing import Any

import click

from wakeproof.commands import completion
from wakeproof.commands.completion import completer
from wakeproof.commands.help import RUNS, Command, option
from wakeproof.commands.options import PATH, model_option


class NewCommand(Command):
    """The command whose help lists the symptoms."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the symptoms, and the exit statuses."""
        from wakeproof.commands.new import symptoms

        with formatter.section("Symptoms"):
            formatter.write_dl([(s.name, f"{s.says} ({s.scenario})") for s in symptoms().values()])
        super().format_epilog(ctx, formatter)


@click.command("new", cls=NewCommand)
@click.argument("file", type=PATH, metavar="FILE")
@option(
    RUNS,
    "--from",
    "source",
    metavar="SYMPTOM|SCENARIO",
    shell_complete=completer(completion.symptoms, completion.scenarios, files=True),
    show_default="a program with a select",
    help="Begin from what you see, or from a scenario.",
)
@model_option
def new(**options: Any) -> None:
    """Write a scenario of your own into FILE: commented, a question, and it runs at once.

    It has no expectations, so that `wakeproof check FILE` prints verdicts, with status 1 if
    something is violated. A file that exists is not replaced.
    """
    from wakeproof.commands.new import NewOptions, new_command

    sys.exit(new_command(NewOptions(**options)))
