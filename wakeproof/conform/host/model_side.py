"""The builtins in the model: the functions of its host layer, called one by one."""

from __future__ import annotations

from typing import Any

from wakeproof.conform.abi_codes import CODES, EVENTS
from wakeproof.conform.host.builtins import (
    BUILTINS,
    SIZES,
    HostCall,
    Outcome,
    TableSizes,
)
from wakeproof.execution.machine import Machine
from wakeproof.language.model import Model
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.values import (
    Run,
    Snapshot,
    default,
    key_size,
)

# the places of the buffers in the memory of the guest
READ_INTO, WRITE_FROM = 64, 128


class Impossible(Exception):
    """The model cannot make this call here: a bound forbids it, or a callee is not waiting."""


def host_machine(model: Model, table: TableSizes) -> Machine:
    """Make a machine of the base version; the guest has both ends of each stream and future."""
    version = next(iter(model.sources.versions))
    sizes = {"Handle": table.handles, "Channel": table.channels}
    roles = model.defaults.get("roles", {})
    mix = {role: version for role in (*roles, "export", "block_on", "import")}
    resolved = model.resolve(mix)
    program = resolved.program
    sizes = {name: sizes.get(name, 1) for name in program.indexes}
    parameters: dict[str, Any] = {}
    for name, declared in program.parameters.items():
        value: Any = default(declared.value)
        for key in reversed(declared.keys):
            value = [value] * key_size(program, sizes, key)
        parameters[name] = value
    parameters["next_handle"] = [*range(1, table.handles), None]
    parameters["is_future"] = [c >= table.streams for c in range(table.channels)]
    return Machine(resolved, Run(sizes, parameters))


class ModelHost:
    """The host layer of the model, and the callees of its subtasks."""

    def __init__(self, model: Model, sizes: TableSizes = SIZES) -> None:
        machine = self.machine = host_machine(model, sizes)
        self.sizes = sizes
        self.ns = machine.namespace
        self.s = machine.s
        enums = machine.program.enums
        self.kinds = enums["HandleKind"]
        self.kind = {name: number for number, name in enumerate(self.kinds)}
        self.subtask_states = enums["SubtaskState"]
        self.codes = [CODES.get(name, 0) for name in enums["Code"]]
        self.start = machine.initial()
        self.functions = {n: self.ns[b.function] for n, b in BUILTINS.items() if self._is_plain(n)}
        self.reset()

    @staticmethod
    def _is_plain(name: str) -> bool:
        return not name.startswith("call") and BUILTINS[name].gives != "event"

    def reset(self) -> None:
        """Start again with an empty handle table."""
        self.machine.load(self.start)
        self.closed = False
        self.calls = 0
        self.numbers: dict[int, int] = {}

    def save(self) -> tuple[Snapshot, bool, int, dict[int, int]]:
        """Return all that `load` needs to restore this state."""
        return self.machine.save(), self.closed, self.calls, dict(self.numbers)

    def load(self, saved: tuple[Snapshot, bool, int, dict[int, int]]) -> None:
        """Restore a saved state."""
        snapshot, self.closed, self.calls, numbers = saved
        self.machine.load(snapshot)
        self.numbers = dict(numbers)

    def handles(self, taken: str) -> list[int]:
        """List the handles that are valid for a parameter."""
        slots = self.s.slot
        if taken == "waitable":
            wrong = (self.kind["FREE"], self.kind["WAITABLE_SET"])
            return [h + 1 for h in range(self.sizes.handles) if slots[h] not in wrong]
        wanted = self.kind["WAITABLE_SET" if taken == "set or none" else taken]
        return [h + 1 for h in range(self.sizes.handles) if slots[h] == wanted]

    def export_arguments(self, call: HostCall) -> tuple[int, ...]:
        """Return the arguments of Wasmtime's export; must be called before the model's call."""
        match call.builtin:
            case "stream.read" | "stream.write" | "future.read" | "future.write":
                buffer = READ_INTO if call.builtin.endswith("read") else WRITE_FROM
                return (call.arguments[0], buffer, *call.arguments[1:])
            case "call import":
                return (self.calls, call.arguments[0])
            case "callee.finish":
                return (self.numbers.get(call.arguments[0], 0),)
            case _:
                return call.arguments

    def poll_choices(self, wset: int) -> list[int | None]:
        """List the waitables whose event a poll may return, and None if it may return no event.

        Raises `WentWrong` if the handle is not a waitable set.
        """
        self.s.waitable_set[0] = wset - 1
        try:
            self.ns["check_set"](0, False)
            return [h for h in (None, *range(self.sizes.handles)) if self.ns["may_answer"](0, h)]
        finally:
            self.s.waitable_set[0] = None

    def call(self, call: HostCall, observed: Outcome | None = None) -> Outcome:
        """Make a call and return its outcome.

        `observed` is Wasmtime's outcome, which decides where the model leaves a choice. Raises
        `Impossible` if the model cannot make the call here.
        """
        try:
            return Outcome(self._value(call, observed))
        except WentWrong as wrong:
            if wrong.kind == "bound":
                raise Impossible from None
            return Outcome(trap=wrong.site)
        except GuardFailed:
            raise Impossible from None

    def _value(self, call: HostCall, observed: Outcome | None) -> int:
        name, arguments = call.builtin, call.arguments
        match BUILTINS[name].gives:
            case "handle":
                return int(self.functions[name]()) + 1
            case "ends":
                return self._new(name)
            case "copy":
                return self._code(self.functions[name](arguments[0] - 1, *arguments[1:]))
            case "state":
                return self._code(self.functions[name](arguments[0] - 1, bool(arguments[1])))
            case "event":
                return self._poll(arguments[0], observed)
            case "call":
                return self._call_import(bool(arguments[0]))
        if name == "waitable.join":
            self.functions[name](arguments[0] - 1, arguments[1] - 1 if arguments[1] else None)
        elif name == "callee.finish":
            self._finish(arguments[0] - 1)
        elif name == "callee.gate":
            self._gate(bool(arguments[0]))
        else:
            self.functions[name](arguments[0] - 1)
        return 0

    def _code(self, code: int) -> int:
        """Return the number of a member of the model's `Code`."""
        return self.codes[code]

    def _new(self, name: str) -> int:
        """Make a stream or future in a channel without ends."""
        streams = self.sizes.streams
        futures = range(streams, self.sizes.channels)
        channels = range(streams) if name == "stream.new" else futures
        channel = next((c for c in channels if not self.ns["channel_is_open"](c)), None)
        if channel is None:
            raise Impossible
        self.functions[name](channel)
        readable, writable = self.s.readable[channel], self.s.writable[channel]
        return int(readable + 1 | (writable + 1) << 32)

    def _poll(self, wset: int, observed: Outcome | None) -> int:
        """Poll for the event that Wasmtime returned, or the first possible one."""
        choices = self.poll_choices(wset)
        given = (observed.value >> 32 & 0xFFFF) - 1 if observed and observed.value else None
        chosen = given if given in choices else choices[0]
        sort = "" if chosen is None else self.kinds[self.s.slot[chosen]]
        self.s.waitable_set[0] = wset - 1
        try:
            code = self._code(self.ns["canon_waitable_set_poll"](0, chosen))
        finally:
            self.s.waitable_set[0] = None
        if chosen is None:
            return 0
        return EVENTS[sort] << 56 | (chosen + 1) << 32 | code

    def _call_import(self, at_once: bool) -> int:
        """Call the import; the callee starts if its gate is open, then returns or waits."""
        if at_once and self.closed:
            raise Impossible
        answer = "RETURNED" if at_once else "STARTING" if self.closed else "STARTED"
        handle: int | None = self.ns["canon_lower"](self.subtask_states.index(answer))
        self.calls += 1
        if handle is None:
            return CODES["RETURNED"]
        self.numbers[handle + 1] = self.calls - 1
        return CODES[answer] | (handle + 1) << 4

    def _finish(self, handle: int) -> None:
        """Let a callee that waits return."""
        if self.subtask_states[self.s.subtask_state[handle]] != "STARTED":
            raise Impossible
        self.ns["subtask_progress"](handle)

    def _gate(self, closed: bool) -> None:
        """Turn backpressure on or off; where it goes off, each callee that is starting starts."""
        if closed == self.closed:
            raise Impossible
        self.closed = closed
        for handle in range(self.sizes.handles if not closed else 0):
            starting = self.subtask_states[self.s.subtask_state[handle]] == "STARTING"
            if starting and self.s.slot[handle] == self.kind["SUBTASK"]:
                self.ns["subtask_progress"](handle)
