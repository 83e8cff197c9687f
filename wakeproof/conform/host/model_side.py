"""The builtins in the model's host layer."""

from __future__ import annotations

from typing import Any

from wakeproof.conform.abi_codes import CODES, EVENTS
from wakeproof.conform.host.builtins import (
    BUILTINS,
    FUTURES,
    HANDLES,
    STREAMS,
    Call,
    Outcome,
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


class Impossible(Exception):
    """The model cannot make this call here: a bound, or a callee that has nothing to do."""


def host_machine(model: Model) -> Machine:
    """A machine of the base text, with streams and futures that have both ends in the guest."""
    version = next(iter(model.sources.versions))
    sizes = {"Handle": HANDLES, "Channel": STREAMS + FUTURES}
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
    parameters["next_handle"] = [*range(1, HANDLES), None]
    parameters["is_future"] = [c >= STREAMS for c in range(STREAMS + FUTURES)]
    return Machine(resolved, Run(sizes, parameters))


class Host:
    """The model's host layer, with the callee's side of the subtasks.

    `call` gives the outcome, and takes Wasmtime's where the model leaves a choice.
    """

    def __init__(self, model: Model) -> None:
        machine = self.machine = host_machine(model)
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
        """Back to an empty handle table."""
        self.machine.load(self.start)
        self.closed = False
        self.calls = 0
        self.numbers: dict[int, int] = {}

    def save(self) -> tuple[Snapshot, bool, int, dict[int, int]]:
        """Everything, to come back to."""
        return self.machine.save(), self.closed, self.calls, dict(self.numbers)

    def load(self, saved: tuple[Snapshot, bool, int, dict[int, int]]) -> None:
        """Back to what was saved."""
        snapshot, self.closed, self.calls, numbers = saved
        self.machine.load(snapshot)
        self.numbers = dict(numbers)

    def handles(self, taken: str) -> list[int]:
        """The handles that are right for a parameter."""
        slots = self.s.slot
        if taken == "waitable":
            wrong = (self.kind["FREE"], self.kind["WAITABLE_SET"])
            return [h + 1 for h in range(HANDLES) if slots[h] not in wrong]
        wanted = self.kind["WAITABLE_SET" if taken == "set or none" else taken]
        return [h + 1 for h in range(HANDLES) if slots[h] == wanted]

    def sent(self, call: Call) -> tuple[int, ...]:
        """The arguments of Wasmtime's export; asked before the model's call."""
        match call.builtin:
            case "stream.read" | "stream.write":
                return (call.arguments[0], 16 if call.builtin.endswith("read") else 32, 1)
            case "future.read" | "future.write":
                return (call.arguments[0], 16 if call.builtin.endswith("read") else 32)
            case "call import":
                return (self.calls, call.arguments[0])
            case "callee.finish":
                return (self.numbers.get(call.arguments[0], 0),)
            case _:
                return call.arguments

    def poll_choices(self, wset: int) -> list[int | None]:
        """The waitables, or none, whose event a poll may answer; traps on what is no set."""
        self.s.waitable_set[0] = wset - 1
        try:
            self.ns["check_set"](0, False)
            return [h for h in (None, *range(HANDLES)) if self.ns["may_answer"](0, h)]
        finally:
            self.s.waitable_set[0] = None

    def call(self, call: Call, observed: Outcome | None = None) -> Outcome:
        """Make a call; raises `Impossible` where the model has no such call."""
        try:
            return Outcome(self._value(call, observed))
        except WentWrong as wrong:
            if wrong.kind == "bound":
                raise Impossible from None
            return Outcome(trap=wrong.site)
        except GuardFailed:
            raise Impossible from None

    def _value(self, call: Call, observed: Outcome | None) -> int:
        name, arguments = call.builtin, call.arguments
        match BUILTINS[name].gives:
            case "handle":
                return int(self.functions[name]()) + 1
            case "ends":
                return self._new(name)
            case "copy":
                return self._code(self.functions[name](arguments[0] - 1))
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
        """The number that stands for a member of the model's `Code`."""
        return self.codes[code]

    def _new(self, name: str) -> int:
        """A stream or future in a channel that nobody has an end of."""
        channels = range(STREAMS) if name == "stream.new" else range(STREAMS, STREAMS + FUTURES)
        channel = next((c for c in channels if not self.ns["channel_is_open"](c)), None)
        if channel is None:
            raise Impossible
        self.functions[name](channel)
        readable, writable = self.s.readable[channel], self.s.writable[channel]
        return int(readable + 1 | (writable + 1) << 32)

    def _poll(self, wset: int, observed: Outcome | None) -> int:
        """The event that Wasmtime gave, if it may be given, else the first that may."""
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
        """The callee does not start while its gate is closed; then it answers or waits."""
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
        """A callee that waits returns."""
        if self.subtask_states[self.s.subtask_state[handle]] != "STARTED":
            raise Impossible
        self.ns["subtask_progress"](handle)

    def _gate(self, closed: bool) -> None:
        """Backpressure on or off; every callee that did not start yet does now."""
        if closed == self.closed:
            raise Impossible
        self.closed = closed
        for handle in range(HANDLES if not closed else 0):
            starting = self.subtask_states[self.s.subtask_state[handle]] == "STARTING"
            if starting and self.s.slot[handle] == self.kind["SUBTASK"]:
                self.ns["subtask_progress"](handle)
