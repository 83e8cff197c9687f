"""Run the command line: every error is one message and one exit status."""

from __future__ import annotations

import errno
import io
import logging
import os
import signal
import sys
from typing import NoReturn

import click

from wakeproof.commands.completion import refuse_incomplete
from wakeproof.commands.help import input_error
from wakeproof.errors import Exit, InputError, fault
from wakeproof.util.resources import collect_rarely
from wakeproof.util.text import number_in

MOST_COLUMNS = 1 << 16
"""The columns of a terminal, and its lines."""


def main() -> None:
    """Run the command line; wrong input is one message, without a traceback."""
    try:
        # whoever runs it in CI ends it so; what is finished is printed and written
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        prepare()
        collect_rarely()
        # what takes time is imported where an interrupt is handled
        from wakeproof.cli import cli

        status = cli.main(prog_name="wakeproof", standalone_mode=False)
        sys.stdout.flush()
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
        drop_output()
        sys.exit(Exit.UNKNOWN)
    except MemoryError:
        leave(Exit.UNKNOWN, "out of memory\n  hint: lower --max-states")
    except OSError as error:
        drop_output()
        place = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
        hint = "free some space" if error.errno == errno.ENOSPC else "name another file or folder"
        leave(Exit.WRONG_USE, str(InputError(error.strerror or str(error), where=place, hint=hint)))
    except Exception as error:
        logging.getLogger("wakeproof").debug("", exc_info=True)
        leave(Exit.SOFTWARE, str(fault(error)))


def prepare() -> None:
    """Have standard output take any text; ignore a size of the terminal that is not a number.

    Raises `InputError` if it is closed, for words of the command line that are not UTF-8, and for
    variables of a completion that no shell has set.
    """
    if sys.stdout is None:
        raise InputError("standard output is closed", hint="send it to /dev/null")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        # what asks the process to end is an interrupt: results are kept, nothing is left behind
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    for name in ("COLUMNS", "LINES"):
        # rich reads any digit of Unicode as a number
        if number_in(os.environ.get(name, "0"), MOST_COLUMNS) is None:
            del os.environ[name]
    refuse_incomplete()
    for word in sys.argv:
        if any("\ud800" <= letter <= "\udfff" for letter in word):
            raise InputError(f"{word!r} is not UTF-8", hint="rename the file")


def drop_output() -> None:
    """Drop what is still to be written to standard output, which does not take it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def leave(status: Exit, message: str) -> NoReturn:
    """Print a message to standard error and exit."""
    click.echo(f"wakeproof: {message}", err=True)
    sys.exit(status)
