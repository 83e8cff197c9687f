"""Errors of the input, each one message; the exit statuses."""

from __future__ import annotations

from enum import IntEnum

ISSUES = "https://github.com/wakeproof/wakeproof/issues"


class Exit(IntEnum):
    """The exit statuses of the commands."""

    AS_EXPECTED = 0
    NOT_AS_EXPECTED = 1
    WRONG_USE = 2
    UNKNOWN = 3
    SOFTWARE = 70

    @property
    def meaning(self) -> str:
        """The status as a sentence."""
        return MEANINGS[self]


LONGEST = 480
"""The characters of each part of a message: `where`, `what` and `hint`."""

MEANINGS = {
    Exit.AS_EXPECTED: "Everything is as expected.",
    Exit.NOT_AS_EXPECTED: "Something is not as expected.",
    Exit.WRONG_USE: "The command or its input is wrong.",
    Exit.UNKNOWN: "The answer is unknown: a limit was reached, or the run was interrupted.",
    Exit.SOFTWARE: "The tool itself is wrong: it failed, or two of its executions differ.",
}


class InputError(Exception):
    """Wrong use or wrong input.

    Attributes:
        what: What is wrong.
        where: The place, as a file or `file:line`; empty if there is none.
        hint: What to do about it; empty if nothing is known.
        status: The exit status of a command.

    Examples:
        >>> import wakeproof
        >>> try:
        ...     wakeproof.check_scenario("subtask", property="no-panics")
        ... except wakeproof.InputError as error:
        ...     error.what
        "unknown property 'no-panics'"
    """

    def __init__(
        self, what: str, *, where: str = "", hint: str = "", status: Exit = Exit.WRONG_USE
    ) -> None:
        self.what = what
        self.where = where
        self.hint = hint
        self.status = status
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{shorten(self.where)}: " if self.where else ""
        hint = f"\n  hint: {shorten(self.hint)}" if self.hint else ""
        return f"{place}{shorten(self.what)}{hint}"


def fault(error: Exception) -> InputError:
    """Return the message about an unexpected failure of the tool itself."""
    words = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
    return InputError(
        f"unexpected failure: {words}",
        hint=f"this is a fault of the tool: report it at {ISSUES}, with what --debug prints",
    )


def shorten(text: str) -> str:
    """Return a part of a message, without its middle if it is long."""
    half = LONGEST // 2 - 4
    return text if len(text) <= LONGEST else f"{text[:half]} [...] {text[-half:]}"


class ModelError(InputError):
    """A model text is outside the model language, or contradicts itself."""
