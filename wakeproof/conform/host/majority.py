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
class OtherRule:
    """A rule in which the model's host and Wasmtime agree against the definitions.

    It is newer than the definitions that can be had, or Wasmtime's own, which its host text has.

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
    if model.trap or definitions.trap:
        return False
    if model.after is not None and definitions.after is None:
        return model.after >> 56 > EVENTS["SUBTASK"] and model.after & 0xF == DROPPED
    polled = BUILTINS[call.builtin].gives == "event" and model.value >> 56 > EVENTS["SUBTASK"]
    return model.value & 0xF == DROPPED and (polled or ".cancel-" in call.builtin)


def _wrong_buffer(call: HostCall, model: Outcome, definitions: Outcome) -> bool:
    return definitions.trap.startswith("AssertionError in SharedFutureImpl.drop")


def _set_unchecked(call: HostCall, model: Outcome, definitions: Outcome) -> bool:
    copies = ("stream_copy", "future_copy")
    return (
        call.builtin.endswith(("read-sync", "write-sync"))
        and not model.trap
        and definitions.trap.startswith(copies)
    )


def _cancel_in_set(call: HostCall, model: Outcome, definitions: Outcome) -> bool:
    in_set = model.trap == "host::canon_subtask_cancel::sync-in-set"
    return in_set and call.builtin == "subtask.cancel-async" and not definitions.trap


def _undefined_name(call: HostCall, model: Outcome, definitions: Outcome) -> bool:
    return call.builtin.endswith(".pass") and definitions.trap.startswith("NameError in lower_")


def _cancelled_twice(call: HostCall, model: Outcome, definitions: Outcome) -> bool:
    again = call.builtin.startswith("subtask.cancel") and not model.trap
    return again and definitions.trap.startswith("canon_subtask_cancel")


def _left_waited(call: HostCall, model: Outcome, definitions: Outcome) -> bool:
    leaves = call.builtin == "waitable.join" and not call.arguments[1] and not model.trap
    return leaves and definitions.trap.startswith("canon_waitable_join")


OTHER_RULES = (
    OtherRule(
        "708-future-drop",
        _wrong_buffer,
        "before pull request 708 they assert the wrong kind of buffer where the readable end of a "
        "future is dropped during a write",
    ),
    OtherRule(
        "719-late-cancel",
        _late_cancel,
        "before pull request 719 a cancel that comes too late gives COMPLETED; since then, in the "
        "model and in Wasmtime it gives CANCELLED with the same items",
    ),
    OtherRule(
        "720-idle-drop",
        _idle_drop,
        "before pull request 720 an end whose copy is not pending has no event of the other end's "
        "drop",
    ),
    OtherRule(
        "715-cancel-in-set",
        _cancel_in_set,
        "before pull request 715 an asynchronous `subtask.cancel` does not trap while the call is "
        "in a set",
    ),
    OtherRule(
        "717-undefined-name",
        _undefined_name,
        "the definitions of pull request 717's branch use a name that they do not define where an "
        "end is passed on",
    ),
    OtherRule(
        "sync-copy-in-set",
        _set_unchecked,
        "a synchronous read or write of an end that is in a set traps; in Wasmtime only if the "
        "call has to wait",
    ),
    OtherRule(
        "cancelled-twice",
        _cancelled_twice,
        "a second `subtask.cancel` traps; not in Wasmtime, unless the first one waits",
    ),
    OtherRule(
        "join-of-waited",
        _left_waited,
        "`waitable.join` to no set traps while a builtin waits for the waitable; in Wasmtime the "
        "builtin waits for ever",
    ),
)
"""The differences of the definitions at commits 6d281648 and 26e6ea9d."""
