"""Record the calls of a step of the model as the lines that the guest driver must print."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wakeproof.conform.abi_codes import CODES, EVENTS
from wakeproof.conform.guest.protocol import AWAY, Expected, Word
from wakeproof.execution.machine import Machine, Recorder, split_mark
from wakeproof.language import ir
from wakeproof.language.primitives import WentWrong


class Listener(Recorder):
    """A recorder of the builtins and C ABI calls of a step: the two interfaces of the runtime.

    `recorded` has the lines, `event` the event of a callback as the command has it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.recorded: list[Expected] = []
        self.event = ""
        self.machine: Machine
        self.enums: Mapping[str, Sequence[str]]

    def attach(self, machine: Machine) -> None:
        """Set the machine whose functions are recorded."""
        self.machine = machine
        self.enums = machine.program.enums
        self.p = machine.namespace["p"]

    def wrap(self, function: ir.Function, run: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does the same and records its calls."""
        if "cabi" in function.marks:
            return self._through_the_abi(function, run)
        name = function.marks["builtin"]
        if name == "callback event":
            return self._callback_event(run)

        def listened(*arguments: Any) -> Any:
            words = self._words(name, arguments)
            event = self._event_kind(arguments[1]) if name in WAITS else ""
            expected = Expected("call", (name.replace(" ", "-"), *words))
            if not self._came_from_a_peer(name, arguments):
                self.recorded.append(expected)
            try:
                result = run(*arguments)
            except WentWrong as wrong:
                if wrong.site in MEMBERSHIP:
                    expected.words = (*expected.words, "trap")
                raise
            if name == "context.get":
                expected.words = (name, str(int(result)))
            expected.reply = self._reply(name, arguments, result, event)
            return result

        return listened

    def _callback_event(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """Record the event of a callback, which is part of the command and not a call."""

        def listened(waitable: int) -> Any:
            kind = self._event_kind(waitable)
            code = run(waitable)
            self.event = f"{kind} {waitable + 1} {self._code(code)}"
            return code

        return listened

    def _through_the_abi(
        self, function: ir.Function, run: Callable[..., Any]
    ) -> Callable[..., Any]:
        name, fixed = split_mark(function.marks["cabi"])
        shown = [
            (place, kind)
            for place, (argument, kind) in enumerate(function.parameters)
            # the driver finds out by itself whether a pointer dangles, and cannot see into a box
            if argument != "dangling" and kind.name != "Future"
        ]

        names = [argument for argument, _ in function.parameters]
        dangling = names.index("dangling") if "dangling" in names else None

        def listened(*arguments: Any) -> Any:
            words = [self._value(arguments[place], kind) for place, kind in shown]
            if dangling is not None:
                words.append("stale" if arguments[dangling] else "fresh")
            self.recorded.append(Expected("abi", (name, *(fixed or words))))
            result = run(*arguments)
            if name == "callback" and self._is_in_waker():
                # the waker's code runs inside it
                return result
            back = (
                () if function.returns.kind == "unit" else (self._value(result, function.returns),)
            )
            self.recorded.append(Expected("ret", back))
            return result

        return listened

    def _is_in_waker(self) -> bool:
        """Whether a waker of the program runs."""
        running = self.machine.s.running
        return running is not None and bool(self.machine.namespace["in_waker"](running))

    def _came_from_a_peer(self, name: str, arguments: Sequence[Any]) -> bool:
        """Whether a stream or future is new because a peer hands in its reader: not a call."""
        return name.endswith(".new") and bool(
            arguments and self.enums["Side"][self.p.remote[arguments[0]]] == "WRITE"
        )

    def _words(self, name: str, arguments: Sequence[Any]) -> list[Word]:
        s = self.machine.s
        match name.split(".")[-1]:
            case "new" | "return" | "call import":
                return []
            case "get":
                return ["?"]
            case "cancel" if name == "task.cancel":
                return []
            case "set":
                return [str(int(arguments[1]))]
            case "wait" | "poll":
                return [self._handle(s.waitable_set[arguments[0]])]
            case "join":
                return [self._handle(handle) for handle in arguments]
            case "read" | "write" if name.startswith("stream"):
                return [self._handle(arguments[0]), str(arguments[1])]
            case _:
                return [self._handle(arguments[0])]

    def _reply(
        self, name: str, arguments: Sequence[Any], result: Any, event: str
    ) -> tuple[Word, ...]:
        s = self.machine.s
        if name in ("stream.new", "future.new"):
            channel = arguments[0]
            away = self.enums["Side"][self.p.remote[channel]] == "READ"
            reader = str(AWAY) if away else self._handle(s.readable[channel])
            return (reader, self._handle(s.writable[channel]))
        if name == "waitable-set.new":
            return (self._handle(result),)
        if name in WAITS:
            waitable = arguments[1]
            if waitable is None:
                return ("0", "0", "0")
            return (event, self._handle(waitable), self._code(result))
        if name == "call import":
            answer = CODES[self.enums["SubtaskState"][arguments[0]]]
            return (str(answer), self._handle(result))
        return () if result is None or isinstance(result, bool) else (self._code(result),)

    def _event_kind(self, waitable: int | None) -> str:
        if waitable is None:
            return "0"
        return str(EVENTS.get(self.enums["HandleKind"][self.machine.s.slot[waitable]], "?"))

    def _code(self, code: int) -> str:
        return str(CODES[self.enums["Code"][code]])

    @staticmethod
    def _handle(handle: int | None) -> Word:
        return "0" if handle is None else ("handle", handle)

    def _value(self, value: Any, kind: ir.Type) -> Word:
        if value is None:
            return "null"
        match kind.name:
            case "Task":
                return ("task", value)
            case "Operation":
                return ("operation", value)
            case "Handle":
                return self._handle(value)
            case "Code":
                return self._code(value)
        return str(value)


WAITS = ("waitable-set.wait", "waitable-set.poll")
# the traps that the driver finds by itself
MEMBERSHIP = (
    "host::WaitableSet.drop::not-empty",
    "host::cancel_copy::sync-in-set",
    "host::canon_subtask_cancel::sync-in-set",
)
