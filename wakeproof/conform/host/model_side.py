"""The builtins in the model: the functions of its host layer, called one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

from wakeproof.conform.abi_codes import CODES, EVENTS
from wakeproof.conform.host.builtins import (
    BUILTINS,
    SIZES,
    WAITS,
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


Saved: TypeAlias = "tuple[Snapshot, bool, int, dict[int, int], tuple[str, int] | None]"


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
        self.blocked = enums["Code"].index("BLOCKED")
        self.reset()

    @staticmethod
    def _is_plain(name: str) -> bool:
        return not name.startswith(("call", "thread")) and BUILTINS[name].gives != "event"

    def reset(self) -> None:
        """Start again with an empty handle table."""
        self.machine.load(self.start)
        self.closed = False
        self.calls = 0
        self.numbers: dict[int, int] = {}
        # the builtin that waits, and its handle
        self.waiting: tuple[str, int] | None = None

    def save(self) -> Saved:
        """Return all that `load` needs to restore this state."""
        return self.machine.save(), self.closed, self.calls, dict(self.numbers), self.waiting

    def load(self, saved: Saved) -> None:
        """Restore a saved state."""
        snapshot, self.closed, self.calls, numbers, self.waiting = saved
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
            case name if BUILTINS[name].gives == "copy" and ".cancel" not in name:
                buffer = READ_INTO if ".read" in name else WRITE_FROM
                return (call.arguments[0], buffer, *call.arguments[1:])
            case "call import":
                return (self.calls, call.arguments[0])
            case "callee.finish" | "callee.give-up":
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

    def check_waits(self, name: str) -> None:
        """Raise `Impossible` if the builtin waits, and another one does already."""
        if BUILTINS[name].waits and self.waiting is not None:
            raise Impossible

    def with_what_follows(self, outcome: Outcome, observed: Outcome | None = None) -> Outcome:
        """Return the outcome of a call with the result of the one that has waited until then."""
        return replace(outcome, after=self.after(observed or Outcome()))

    def after(self, observed: Outcome) -> int | None:
        """Let the call that waits go on, if its event is there; return its result, else None.

        `observed` is Wasmtime's outcome, which decides where a wait may end with several events.
        """
        if self.waiting is None:
            return None
        name, handle = self.waiting
        if name == "waitable-set.wait":
            result = self._end_wait(handle, observed.after or 0)
            if result is None:
                return None
        elif not self.ns["sync_wait_is_over"](handle - 1):
            return None
        else:
            result = self._code(self.ns["end_sync_wait"](handle - 1))
        self.waiting = None
        return result

    def _value(self, call: HostCall, observed: Outcome | None) -> int:
        name, arguments = call.builtin, call.arguments
        if BUILTINS[name].waits:
            return self._wait(name, arguments, observed)
        match BUILTINS[name].gives:
            case "handle":
                return int(self.functions[name]()) + 1
            case "ends":
                return self._new(name)
            case "copy":
                return self._code(self.functions[name](arguments[0] - 1, *arguments[1:]))
            case "state" if name == "subtask.cancel-async":
                answers, returns = arguments[1] < 2, arguments[1] == 1
                return self._code(self.functions[name](arguments[0] - 1, answers, returns))
            case "state":
                return self._code(self.functions[name](arguments[0] - 1, bool(arguments[1])))
            case "event":
                return self._poll(arguments[0], observed)
            case "call":
                return self._call_import(bool(arguments[0]))
        self._act(name, arguments)
        return 0

    def _act(self, name: str, arguments: tuple[int, ...]) -> None:
        """Make a call without a result."""
        if name == "waitable.join":
            self.functions[name](arguments[0] - 1, arguments[1] - 1 if arguments[1] else None)
        elif name == "callee.finish":
            self._finish(arguments[0] - 1)
        elif name == "callee.give-up":
            self._give_up(arguments[0] - 1)
        elif name == "callee.gate":
            self._gate(bool(arguments[0]))
        elif name != "thread.yield":
            self.functions[name](arguments[0] - 1)

    def _wait(self, name: str, arguments: tuple[int, ...], observed: Outcome | None) -> int:
        """Call a builtin in a task of its own, which waits if it has to."""
        self.check_waits(name)
        handle = arguments[0]
        if name == "waitable-set.wait":
            self.ns["canon_waitable_set_wait_any"](handle - 1)
            result = self._end_wait(handle, observed.value if observed else 0)
        else:
            code = self.functions[name](handle - 1, *arguments[1:])
            result = None if code == self.blocked else self._code(code)
        if result is None:
            self.waiting = name, handle
            return WAITS
        return result

    def _end_wait(self, wset: int, given: int) -> int | None:
        """End the wait on a set with a given event, or the first one; None if there is none."""
        choices = [handle for handle in self.poll_choices(wset) if handle is not None]
        if not choices:
            return None
        chosen = (given >> 32 & 0xFFFF) - 1
        chosen = chosen if chosen in choices else choices[0]
        sort = self.kinds[self.s.slot[chosen]]
        code = self._code(self.ns["end_set_wait"](wset - 1, chosen))
        return EVENTS[sort] << 56 | (chosen + 1) << 32 | code

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

    def _give_up(self, handle: int) -> None:
        """Let a callee acknowledge its cancellation."""
        if self.subtask_states[self.s.subtask_state[handle]] != "STARTED":
            raise Impossible
        self.ns["acknowledge_cancel"](handle)

    def _gate(self, closed: bool) -> None:
        """Turn backpressure on or off; where it goes off, each callee that is starting starts."""
        if closed == self.closed:
            raise Impossible
        self.closed = closed
        for handle in range(self.sizes.handles if not closed else 0):
            starting = self.subtask_states[self.s.subtask_state[handle]] == "STARTING"
            if starting and self.s.slot[handle] == self.kind["SUBTASK"]:
                self.ns["subtask_progress"](handle)
