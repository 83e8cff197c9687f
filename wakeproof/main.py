"""Run the command line: every error is one message and one exit status."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import click

from wakeproof.cli import cli
from wakeproof.commands.help import input_error
from wakeproof.errors import Exit, InputError


def main() -> None:
    """Run the command line; wrong input is one message, without a traceback."""
    try:
        status = cli.main(prog_name="wakeproof", standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except (click.exceptions.Abort, KeyboardInterrupt):
        # click makes the one of the other while a command runs
        leave(Exit.UNKNOWN, "interrupted")
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(Exit.WRONG_USE)
    except click.ClickException as error:
        leave(Exit.WRONG_USE, str(input_error(error)))
    except InputError as error:
        leave(error.status, str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Exit.WRONG_USE)
    except MemoryError:
        leave(Exit.UNKNOWN, "out of memory\n  hint: lower --max-states")
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        leave(Exit.WRONG_USE, f"{place}{error.strerror}")


def leave(status: Exit, message: str) -> NoReturn:
    """Print a message to standard error and exit."""
    click.echo(f"wakeproof: {message}", err=True)
    sys.exit(status)
