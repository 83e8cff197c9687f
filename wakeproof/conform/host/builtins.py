"""The builtins of the host that are compared, their calls and outcomes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

HANDLES, STREAMS, FUTURES = 10, 3, 3


@dataclass(frozen=True)
class Builtin:
    """One kind of call: what it takes, what it gives, how often a random sequence has it."""

    name: str
    takes: tuple[str, ...]
    gives: str
    weight: int = 4

    @property
    def export(self) -> str:
        """The name of the component's export."""
        return self.name.replace(".", "-").replace(" ", "-")

    @property
    def function(self) -> str:
        """The name of the model's function."""
        return "canon_" + self.name.replace(".", "_").replace("-", "_")


def _ends(kind: str) -> Iterator[Builtin]:
    """The builtins of streams or of futures."""
    yield Builtin(f"{kind}.new", (), "ends", 6)
    for verb, end in (("read", "READ"), ("write", "WRITE")):
        yield Builtin(f"{kind}.{verb}", (f"{kind.upper()}_{end}",), "copy", 10)
        yield Builtin(f"{kind}.cancel-{verb}", (f"{kind.upper()}_{end}",), "copy", 5)
        yield Builtin(f"{kind}.drop-{verb.rstrip('e')}able", (f"{kind.upper()}_{end}",), "", 3)


BUILTINS = {
    builtin.name: builtin
    for builtin in (
        Builtin("waitable-set.new", (), "handle", 4),
        Builtin("waitable-set.drop", ("WAITABLE_SET",), "", 2),
        Builtin("waitable-set.poll", ("WAITABLE_SET",), "event", 14),
        Builtin("waitable.join", ("waitable", "set or none"), "", 12),
        *_ends("stream"),
        *_ends("future"),
        Builtin("call import", ("flag",), "call", 6),
        Builtin("subtask.cancel", ("SUBTASK", "flag"), "state", 4),
        Builtin("subtask.drop", ("SUBTASK",), "", 4),
        Builtin("callee.finish", ("SUBTASK",), "", 5),
        Builtin("callee.gate", ("flag",), "", 2),
    )
}


@dataclass(frozen=True)
class Call:
    """One call of a sequence, with handles as the guest sees them."""

    builtin: str
    arguments: tuple[int, ...] = ()

    def __str__(self) -> str:
        words = []
        for taken, value in zip(BUILTINS[self.builtin].takes, self.arguments, strict=True):
            handle = "null" if taken == "set or none" and not value else f"h{value}"
            words.append(str(bool(value)).lower() if taken == "flag" else handle)
        return f"{self.builtin}({', '.join(words)})"


@dataclass(frozen=True)
class Outcome:
    """What a call came to: a raw result, or a trap (the model's site, Wasmtime's message)."""

    value: int = 0
    trap: str = ""


def made(call: Call, outcome: Outcome) -> list[int]:
    """The handles that a call made."""
    match BUILTINS[call.builtin].gives:
        case _ if outcome.trap:
            return []
        case "handle":
            return [outcome.value]
        case "ends":
            return [outcome.value & 0xFFFF_FFFF, outcome.value >> 32]
        case "call" if outcome.value >> 4:
            return [outcome.value >> 4]
    return []
