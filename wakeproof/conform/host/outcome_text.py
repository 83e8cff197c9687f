"""Outcomes of calls as text."""

from __future__ import annotations

from wakeproof.conform.abi_codes import BLOCKED, EVENTS
from wakeproof.conform.host.builtins import BUILTINS, WAITS, HostCall, Outcome


def describe_outcome(call: HostCall, outcome: Outcome) -> str:
    """Return the outcome of a call with names in the place of codes."""
    if outcome.trap:
        return f"trap: {outcome.trap}"
    value, payload = outcome.value, outcome.value & 0xFFFF_FFFF
    if value == WAITS:
        return "waits"
    if outcome.after is not None:
        own = describe_outcome(call, Outcome(value))
        late = _event(outcome.after) if outcome.after >> 56 else f"{outcome.after:#x}"
        return f"{own}; the call that has waited gives {late}"
    match BUILTINS[call.builtin].gives:
        case "handle":
            return f"h{value}"
        case "ends":
            return f"h{payload}, h{value >> 32}"
        case "copy":
            return _copy(value)
        case "state":
            return _state(value)
        case "call":
            return _state(value & 0xF) + (f", h{value >> 4}" if value >> 4 else "")
        case "event" if not value:
            return "NONE"
        case "event":
            return _event(value)
    return "ok"


def _event(value: int) -> str:
    payload = value & 0xFFFF_FFFF
    event = next((n for n, e in EVENTS.items() if e == value >> 56), str(value >> 56))
    result = _state(payload) if event == "SUBTASK" else _copy(payload)
    return f"{event} h{value >> 32 & 0xFFFF} {result}"


def _copy(value: int) -> str:
    if value == BLOCKED:
        return "BLOCKED"
    name = {0: "COMPLETED", 1: "DROPPED", 2: "CANCELLED"}.get(value & 0xF, str(value & 0xF))
    return f"{name}({value >> 4})"


def _state(value: int) -> str:
    if value == BLOCKED:
        return "BLOCKED"
    states = (
        "STARTING",
        "STARTED",
        "RETURNED",
        "CANCELLED_BEFORE_STARTED",
        "CANCELLED_BEFORE_RETURNED",
    )
    return states[value] if value < len(states) else str(value)
