"""What an operation gives to the program once it is over, as the guest driver prints it.

A stream's read or write gives a result and a buffer: `complete-2/1` copied two items, and one is in
the buffer that comes back. A future's gives a value, or the end that comes back.
"""

from __future__ import annotations

from collections.abc import Sequence

from wakeproof.conform.abi_codes import CODES
from wakeproof.conform.guest.protocol import Expected

# the codes of copies by their numbers
COPIES = {str(number): name for name, number in CODES.items() if name[-1].isdigit()}
OF_FUTURES = {
    "FUTURE_READ": {"COMPLETED_0": "value", "CANCELLED_0": "reader"},
    "FUTURE_WRITE": {"COMPLETED_0": "sent", "DROPPED_0": "returned", "CANCELLED_0": "writer"},
}


def code_of_copy(recorded: Sequence[Expected]) -> str:
    """Return the code of the copy that was started or cancelled in a step; empty if none was."""
    for expected in recorded:
        if expected.kind == "call" and expected.reply:
            verb = str(expected.words[0]).partition(".")[2].removeprefix("cancel-")
            if verb in ("read", "write"):
                return COPIES.get(str(expected.reply[0]), "")
    return ""


def result_word(kind: str, code: str, items: int) -> str:
    """Return what a read or write of `items` gives that ended with a code of a copy."""
    if kind in OF_FUTURES:
        return OF_FUTURES[kind].get(code, code)
    how, _, number = code.lower().partition("_")
    copied = int(number)
    left = copied if kind == "STREAM_READ" else items - copied
    result = f"complete-{copied}" if copied or how == "completed" else how
    return f"{result}/{left}"
