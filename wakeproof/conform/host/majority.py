"""Which of three references agree: the model, Wasmtime, and the specification's definitions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wakeproof.conform.abi_codes import EVENTS
from wakeproof.conform.host.builtins import BUILTINS, HostCall, Outcome
from wakeproof.conform.host.traps import TRAPS, agree

# the low bits of the result of a copy
COMPLETED, DROPPED, CANCELLED = 0, 1, 2
# functions that a later text of the definitions puts together: the sites of the model have others
RENAMED = {"End.drop": ("CopyEnd.drop", "WritableFutureEnd.drop")}


def agree_with_definitions(other: Outcome, definitions: Outcome) -> bool:
    """Whether an outcome of the model or of Wasmtime is that of the definitions.

    Two traps are the same if they are raised in the same function; a message of Wasmtime may belong
    to several.
    """
    if not other.trap or not definitions.trap:
        return other == definitions
    function = definitions.trap.partition(",")[0]
    functions = RENAMED.get(function, (function,))
    if other.trap.startswith("host::"):
        return other.trap.split("::")[1] in functions
    sites = (s for s, messages in TRAPS.items() if any(m in other.trap for m in messages))
    return other == definitions or any(site.split("::")[1] in functions for site in sites)


def majority(call: HostCall, model: Outcome, wasmtime: Outcome, definitions: Outcome) -> str:
    """Return which references agree on the outcome of a call, as a sentence."""
    pairs = (
        ("the model", "Wasmtime", agree(call, model, wasmtime)),
        ("the model", "the definitions", agree_with_definitions(model, definitions)),
        ("Wasmtime", "the definitions", agree_with_definitions(wasmtime, definitions)),
    )
    agreeing = [(one, other) for one, other, same in pairs if same]
    if len(agreeing) == len(pairs):
        return "all three agree"
    return " and ".join(f"{a} agrees with {b}" for a, b in agreeing) or "no two agree"


@dataclass(frozen=True)
class OlderText:
    """A rule that is newer than the definitions that can be had, so that they differ alone.

    `covers` decides from the call, the outcome of the model and that of the definitions.
    """

    id: str
    covers: Callable[[HostCall, Outcome, Outcome], bool]
    reason: str


def _late_cancel(call: HostCall, model: Outcome, definitions: Outcome) -> bool:
    if ".cancel-" not in call.builtin or model.trap or definitions.trap:
        return False
    return model.value ^ definitions.value == CANCELLED ^ COMPLETED and bool(
        model.value & CANCELLED
    )


def _idle_drop(call: HostCall, model: Outcome, definitions: Outcome) -> bool:
    if model.trap or definitions.trap or model.value & 0xF != DROPPED:
        return False
    polled = BUILTINS[call.builtin].gives == "event" and model.value >> 56 > EVENTS["SUBTASK"]
    return polled or ".cancel-" in call.builtin


def _wrong_buffer(call: HostCall, model: Outcome, definitions: Outcome) -> bool:
    return definitions.trap.startswith("AssertionError in SharedFutureImpl.drop")


OLDER_TEXTS = (
    OlderText(
        "708-future-drop",
        _wrong_buffer,
        "before pull request 708 they assert the wrong kind of buffer where the readable end of a "
        "future is dropped during a write",
    ),
    OlderText(
        "719-late-cancel",
        _late_cancel,
        "before pull request 719 a cancel that comes too late gives COMPLETED; since then, in the "
        "model and in Wasmtime it gives CANCELLED with the same items",
    ),
    OlderText(
        "720-idle-drop",
        _idle_drop,
        "before pull request 720 an end whose copy is not pending has no event of the other end's "
        "drop",
    ),
)
"""The differences of the definitions at commits 6d281648 and 26e6ea9d."""
