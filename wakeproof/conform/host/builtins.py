"""The builtins of the host that are compared; their calls, and the outcomes of these.

Some of them are not builtins. `stream.pass` and `future.pass` give a readable end to the callee,
which gives it back. Four move the callee of a subtask. `call import` answers at once or
not, `callee.gate` turns backpressure on or off, `callee.finish` lets a callee return, and
`callee.give-up` lets one that was cancelled, and was silent, acknowledge it.

A builtin that waits is called in a task of its own. At most one waits at a time; it goes on after
the call that ends its wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class TableSizes:
    """How many handles, streams and futures there are at most at the same time."""

    handles: int = 10
    streams: int = 3
    futures: int = 3

    @property
    def channels(self) -> int:
        """The number of streams and futures; the streams come first."""
        return self.streams + self.futures


# of the sequences that are compared
SIZES = TableSizes()
# the largest number of items in a buffer
MOST_ITEMS = 3
# the parameters of builtins that are not handles
NO_HANDLES = ("flag", "items", "answer")
# what a callee does that is cancelled, by the number of its answer
ANSWERS = ("gives up", "returns", "is silent")
# the value of a call that waits
WAITS = 0xFFFF_FFFE


@dataclass(frozen=True)
class HostBuiltin:
    """One kind of call: its parameters, its result, and its weight in random sequences."""

    name: str
    takes: tuple[str, ...]
    gives: str
    weight: int = 4
    waits: bool = False

    @property
    def export(self) -> str:
        """The name of the export of the component."""
        return self.name.replace(".", "-").replace(" ", "-")

    @property
    def function(self) -> str:
        """The name of the function of the model."""
        return "canon_" + self.name.replace(".", "_").replace("-", "_")

    @property
    def specified(self) -> str:
        """The name of the function of the definitions, which has the form as an option."""
        return self.function.removesuffix("_sync").removesuffix("_async")


def _ends(kind: str) -> Iterator[HostBuiltin]:
    """Yield the builtins of streams or of futures."""
    yield HostBuiltin(f"{kind}.new", (), "ends", 6)
    yield HostBuiltin(f"{kind}.pass", (f"{kind.upper()}_READ",), "", 2)
    for verb, end in (("read", "READ"), ("write", "WRITE")):
        taken = ("items",) if kind == "stream" else ()
        yield HostBuiltin(f"{kind}.{verb}", (f"{kind.upper()}_{end}", *taken), "copy", 10)
        yield HostBuiltin(
            f"{kind}.{verb}-sync", (f"{kind.upper()}_{end}", *taken), "copy", 2, waits=True
        )
        yield HostBuiltin(f"{kind}.cancel-{verb}", (f"{kind.upper()}_{end}",), "copy", 5)
        yield HostBuiltin(f"{kind}.drop-{verb.rstrip('e')}able", (f"{kind.upper()}_{end}",), "", 3)


BUILTINS = {
    builtin.name: builtin
    for builtin in (
        HostBuiltin("waitable-set.new", (), "handle", 4),
        HostBuiltin("waitable-set.drop", ("WAITABLE_SET",), "", 2),
        HostBuiltin("waitable-set.poll", ("WAITABLE_SET",), "event", 14),
        HostBuiltin("waitable-set.wait", ("WAITABLE_SET",), "event", 3, waits=True),
        HostBuiltin("waitable.join", ("waitable", "set or none"), "", 12),
        *_ends("stream"),
        *_ends("future"),
        HostBuiltin("call import", ("flag",), "call", 6),
        HostBuiltin("subtask.cancel", ("SUBTASK", "flag"), "state", 4),
        HostBuiltin("subtask.cancel-sync", ("SUBTASK",), "state", 2, waits=True),
        HostBuiltin("subtask.cancel-async", ("SUBTASK", "answer"), "state", 3),
        HostBuiltin("subtask.drop", ("SUBTASK",), "", 4),
        HostBuiltin("callee.finish", ("SUBTASK",), "", 5),
        HostBuiltin("callee.give-up", ("SUBTASK",), "", 3),
        HostBuiltin("callee.gate", ("flag",), "", 2),
        HostBuiltin("thread.yield", (), "", 1),
    )
}


@dataclass(frozen=True)
class HostCall:
    """One call of a sequence, with its handles as the guest has them."""

    builtin: str
    arguments: tuple[int, ...] = ()

    def __str__(self) -> str:
        words = []
        for taken, value in zip(BUILTINS[self.builtin].takes, self.arguments, strict=True):
            match taken:
                case "flag":
                    words.append(str(bool(value)).lower())
                case "items":
                    words.append(str(value))
                case "answer":
                    words.append(ANSWERS[value])
                case _:
                    none = taken == "set or none" and not value
                    words.append("null" if none else f"h{value}")
        return f"{self.builtin}({', '.join(words)})"


@dataclass(frozen=True)
class Outcome:
    """The result of a call as a number, or its trap: the site of the model, or Wasmtime's message.

    A call without a result has the value 0, and one that waits `WAITS`. `after` is the result of
    the earlier call that has waited until now, None if none has.
    """

    value: int = 0
    trap: str = ""
    after: int | None = None


def handles_made(call: HostCall, outcome: Outcome) -> list[int]:
    """List the handles that a call made."""
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
