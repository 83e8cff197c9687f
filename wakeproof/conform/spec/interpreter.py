"""Play programs of the specification's interpreter on the model's host layer.

Each command is the builtin calls that the testee, and the mock that it calls, make for it. Both
share the one handle table that the model has: no command shows the number of a handle. A program
runs to its end before the host calls anybody back, since the interpreter is an export of
synchronous type that never blocks; what waits goes on when a program is over.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from wakeproof.conform.abi_codes import BLOCKED, CODES
from wakeproof.conform.abi_codes import EVENTS as EVENT_CODES
from wakeproof.conform.host.builtins import (
    BUILTINS,
    MOST_ITEMS,
    NO_HANDLES,
    HostCall,
    TableSizes,
)
from wakeproof.conform.host.model_side import Impossible, ModelHost
from wakeproof.conform.spec.programs import Command

# the code of a command without a result
VOID = 1337
# the bytes that the mock reads from a stream
SINK_BYTES = 4
UNREACHABLE = "unreachable"
# kinds of parameters that need no handle; a slot that was never filled has the handle 0
MAY_BE_ZERO = (*NO_HANDLES, "set or none")


class Trapped(Exception):
    """The program traps; the message is the site in the model, or `UNREACHABLE`."""


class OutsideModel(Exception):
    """The model cannot say what a command does; the message names what it lacks."""


@dataclass
class Copies:
    """How many items one of the model stands for in the copies of a stream, after the first one.

    The model's buffers are small. The lengths of the copies of a program have a common divisor,
    and so has whatever is copied.
    """

    unit: int = 0


@dataclass
class Callee:
    """The callee of a subtask, and what it does when it starts."""

    cancellable: bool
    start: Callable[[], None]
    started: bool = False
    handle: int = 0


@dataclass
class Waiting:
    """A task that waits for an event of a set, and what it does then.

    `go_on` receives event, handle and payload.
    """

    wset: int
    go_on: Callable[[int, int, int], None]


def sizes_for(programs: Iterable[Sequence[Command]]) -> TableSizes:
    """Return the sizes that suffice for all of these programs on one instance."""
    counts = Counter(command.name for program in programs for command in program)
    streams, futures = counts["stream-new"], counts["future-new"]
    calls = sum(n for name, n in counts.items() if name.startswith(("call-", "await")))
    return TableSizes(2 * (streams + futures) + 2 * calls + 2, max(1, streams), max(1, futures))


def lengths_of(program: Iterable[Command]) -> list[int]:
    """List the lengths of the copies of streams that a program makes."""
    lengths = [c.numbers[1] for c in program if c.name in ("testee-read", "testee-write")]
    sinks = [SINK_BYTES for c in program if c.name == "call-import"]
    return lengths + sinks


@dataclass
class Interpreter:
    """An instance of the interpreter: the slots of its testee, and what waits in it."""

    host: ModelHost
    readable: dict[int, int] = field(default_factory=dict)
    writable: dict[int, int] = field(default_factory=dict)
    subtask: dict[int, int] = field(default_factory=dict)
    copies: dict[int, Copies] = field(default_factory=dict)
    callees: dict[int, Callee] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)
    backpressure: int = 0
    awaits: int = 0
    unit: int = 1

    def __post_init__(self) -> None:
        self.host.reset()

    def run(self, program: Iterable[Command]) -> None:
        """Run a program and what then goes on. Raises `Trapped` or `OutsideModel`."""
        last = 0
        program = list(program)
        self.unit = math.gcd(*lengths_of(program)) or 1
        for command in program:
            if command.name == "expect-code":
                if (last ^ command.numbers[0]) & 0xFFFF_FFFF:
                    raise Trapped(UNREACHABLE)
            elif command.name not in ("noop", "mock-read", "mock-write"):
                last = self.perform(command.name, *command.numbers)
        self.settle()

    def perform(self, name: str, *numbers: int) -> int:
        """Perform one command; return its code, `VOID` for one without a result."""
        kind, _, verb = name.partition("-")
        match name:
            case "stream-new" | "future-new":
                return self.new(kind, *numbers)
            case "testee-read" | "testee-write":
                return self.copy("stream", verb, *numbers)
            case "future-read" | "future-write":
                return self.copy("future", verb, numbers[0], 1)
            case "poll" | "await" | "poll-readable" | "await-readable":
                return self.event(kind == "await", verb == "readable", *numbers)
            case "call-import" | "call-import-future":
                return self.sink("future" if name.endswith("future") else "stream", *numbers)
            case "call-block-empty":
                return self.block(Callee(True, start=lambda: None), *numbers)
            case "call-block-future":
                return self.block_on_future(*numbers)
            case "subtask-cancel":
                return self.cancel(*numbers)
            case "subtask-drop":
                return self.drop("subtask.drop", self.subtask, *numbers)
            case "await-subtask":
                return self.await_subtask(*numbers)
            case "mock-bp-inc" | "mock-bp-dec":
                return self.press(1 if name.endswith("inc") else -1)
        return self.act_on_end(name, *numbers)

    def act_on_end(self, name: str, slot: int) -> int:
        """Cancel a copy of an end, or drop the end."""
        kind = "future" if name.startswith("future") else "stream"
        action = name.removeprefix("testee-").removeprefix("future-")
        slots = self.readable if "read" in action else self.writable
        if action.startswith("drop"):
            return self.drop(f"{kind}.{action}", slots, slot)
        end = slots.get(slot, 0)
        return self.code(end, self.call(f"{kind}.{action}", end))

    # --- builtins -------------------------------------------------------------------------------

    def call(self, builtin: str, *arguments: int) -> int:
        """Make a builtin call. Raises `Trapped` with the site of the model."""
        takes = BUILTINS[builtin].takes
        if any(not a and t not in MAY_BE_ZERO for t, a in zip(takes, arguments, strict=True)):
            raise Trapped("host::Table.get::empty-slot")
        try:
            outcome = self.host.call(HostCall(builtin, arguments))
        except Impossible:
            raise OutsideModel(f"a call of {builtin} that the model does not make") from None
        if outcome.trap:
            raise Trapped(outcome.trap)
        return outcome.value

    def code(self, end: int, value: int) -> int:
        """Return the code of a copy, with the number of items that the program asked for."""
        if value == BLOCKED or end not in self.copies:
            return value
        return value & 0xF | (value >> 4) * self.copies[end].unit << 4

    def drop(self, builtin: str, slots: dict[int, int], slot: int) -> int:
        """Drop the handle in a slot."""
        self.call(builtin, slots.get(slot, 0))
        return VOID

    def new(self, kind: str, slot: int) -> int:
        """Make a stream or future."""
        ends = self.call(f"{kind}.new")
        self.readable[slot], self.writable[slot] = ends & 0xFFFF_FFFF, ends >> 32
        shared = Copies()
        for end in (self.readable[slot], self.writable[slot]):
            self.copies.pop(end, None)
            if kind == "stream":
                self.copies[end] = shared
        return VOID

    def copy(self, kind: str, verb: str, slot: int, length: int) -> int:
        """Read or write from the testee."""
        slots = self.readable if verb == "read" else self.writable
        return self.copy_of_end(kind, verb, slots.get(slot, 0), length)

    def copy_of_end(self, kind: str, verb: str, end: int, length: int) -> int:
        """Read or write `length` items."""
        if kind == "future":
            return self.call(f"future.{verb}", end)
        shared = self.copies.setdefault(end, Copies())
        shared.unit = shared.unit or self.unit
        items, rest = divmod(length, shared.unit)
        if rest or items > MOST_ITEMS:
            raise OutsideModel("copies of many items")
        return self.code(end, self.call(f"stream.{verb}", end, items))

    def poll(self, wset: int) -> tuple[int, int, int]:
        """Poll a set; return event, handle and payload."""
        value = self.call("waitable-set.poll", wset)
        event, handle = value >> 56, value >> 32 & 0xFFFF
        payload = value & 0xFFFF_FFFF
        copied = event in (EVENT_CODES["STREAM_READ"], EVENT_CODES["STREAM_WRITE"])
        return event, handle, self.code(handle, payload) if copied else payload

    def joined(self, waitable: int) -> int:
        """Make a set with one waitable."""
        wset = self.call("waitable-set.new")
        self.call("waitable.join", waitable, wset)
        return wset

    # --- tasks that wait ------------------------------------------------------------------------

    def when_ready(self, waiting: Waiting) -> bool:
        """Go on at once if the event is there, else wait; return whether it was there."""
        if self.host.poll_choices(waiting.wset) == [None]:
            self.waiting.append(waiting)
            return False
        waiting.go_on(*self.poll(waiting.wset))
        return True

    def settle(self) -> None:
        """Let callees start and tasks go on, until nobody can."""
        if self.host.closed and not self.backpressure:
            self.call("callee.gate", 0)
            for callee in self.callees.values():
                if not callee.started:
                    callee.started = True
                    callee.start()
        while (ready := next(self.ready(), None)) is not None:
            self.waiting.remove(ready)
            ready.go_on(*self.poll(ready.wset))

    def ready(self) -> Iterator[Waiting]:
        """Yield the tasks whose event is there."""
        return (w for w in self.waiting if self.host.poll_choices(w.wset) != [None])

    def async_result(self, returned: bool) -> int:
        """Return the code of an asynchronous call of the testee: the driver keeps its subtask."""
        if returned:
            return CODES["RETURNED"]
        self.awaits += 1
        return CODES["STARTED"] | self.awaits << 4

    # --- commands of the testee -----------------------------------------------------------------

    def event(self, wait: bool, read: bool, slot: int, event: int, payload: int) -> int:
        """Poll or await an end, and compare its event."""
        end = (self.readable if read else self.writable).get(slot, 0)
        wset = self.joined(end)

        def compare(got: int, handle: int, value: int) -> None:
            if (got, value) != (event, payload):
                raise Trapped(UNREACHABLE)
            self.call("waitable.join", end, 0)
            self.call("waitable-set.drop", wset)

        if wait:
            return self.async_result(self.when_ready(Waiting(wset, compare)))
        compare(*self.poll(wset))
        return VOID

    def await_subtask(self, slot: int, state: int) -> int:
        """Await the event of a subtask, compare its state and drop it."""
        handle = self.subtask.get(slot, 0)
        wset = self.joined(handle)

        def compare(got: int, index: int, value: int) -> None:
            if (got, index, value) != (EVENT_CODES["SUBTASK"], handle, state):
                raise Trapped(UNREACHABLE)
            self.call("waitable.join", handle, 0)
            self.call("waitable-set.drop", wset)
            self.call("subtask.drop", handle)

        return self.async_result(self.when_ready(Waiting(wset, compare)))

    def block(self, callee: Callee, slot: int) -> int:
        """Call an import that waits."""
        value = self.call("call import", 0)
        callee.handle = self.subtask[slot] = value >> 4
        self.callees[callee.handle] = callee
        if value & 0xF == CODES["STARTED"]:
            callee.started = True
            callee.start()
        return value & 0xF

    def block_on_future(self, future: int, slot: int) -> int:
        """Call an import that reads a future and returns when it has the value."""
        reader = self.readable.get(future, 0)

        def start() -> None:
            self.read_in_mock("future", reader, 1, finish)

        def finish() -> None:
            self.call("callee.finish", callee.handle)
            self.callees.pop(callee.handle, None)

        callee = Callee(False, start)
        return self.block(callee, slot)

    def cancel(self, slot: int) -> int:
        """Cancel a subtask; of the mock's callees only one takes the cancellation."""
        handle = self.subtask.get(slot, 0)
        callee = self.callees.get(handle)
        if callee is not None and callee.started and not callee.cancellable:
            raise Trapped(UNREACHABLE)
        state = self.call("subtask.cancel", handle, 0)
        self.callees.pop(handle, None)
        return state

    # --- the mock -------------------------------------------------------------------------------

    def sink(self, kind: str, slot: int) -> int:
        """Call the import that reads once, returns, and drops its end when it has the event."""
        if self.host.closed:
            raise OutsideModel("a call under backpressure that passes an end")
        length = SINK_BYTES if kind == "stream" else 1
        self.read_in_mock(kind, self.readable.get(slot, 0), length, lambda: None)
        return CODES["RETURNED"]

    def read_in_mock(self, kind: str, end: int, length: int, then: Callable[[], None]) -> None:
        """Read in the mock, which insists that it must wait; drop the end with the event."""
        if self.copy_of_end(kind, "read", end, length) != BLOCKED:
            raise Trapped(UNREACHABLE)
        wset = self.joined(end)

        def called_back(event: int, handle: int, payload: int) -> None:
            if event != EVENT_CODES[f"{kind.upper()}_READ"]:
                raise Trapped(UNREACHABLE)
            self.call(f"{kind}.drop-readable", handle)
            self.call("waitable-set.drop", wset)
            then()

        self.when_ready(Waiting(wset, called_back))

    def press(self, change: int) -> int:
        """Count backpressure. Callees that wait to start do so when the program is over."""
        self.backpressure += change
        if self.backpressure < 0:
            raise Trapped("host::canon_backpressure_dec::none")
        starting = any(not callee.started for callee in self.callees.values())
        closed = self.backpressure > 0 or (self.host.closed and starting)
        if closed != self.host.closed:
            self.call("callee.gate", int(closed))
        return VOID
