"""Translate steps of the model into commands for the guest driver and its expected replies.

A step of the model runs with its builtins and C ABI calls listened to. Out come the command that
makes the real runtime take the same step, the calls that it must make, in order, with arguments
and with the results that the model's host gives, and where it must stand afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wakeproof import ir
from wakeproof.canonical_abi import CODES, EVENTS, EXIT, WAIT, YIELD
from wakeproof.errors import InputError
from wakeproof.guest import SOURCE, action_rows
from wakeproof.language import WentWrong
from wakeproof.machine import Machine, Recorder, Run, Scalar, Snapshot, Step, split_mark
from wakeproof.reader import Resolved

# the handle of an end that a peer got: the program never uses it
AWAY = 0xFFFF_FFF0
Word = str | tuple[str, int]


@dataclass
class Expected:
    """A line that the driver must say.

    `kind` is `call` (a builtin, answered with `reply`; `reply` is None where the host traps),
    `abi` (a C ABI call) or `ret` (the return of one, `None` where the result is not compared). A
    word is a string, or stands for an address or an index: ("task", 1), ("operation", 0),
    ("handle", 2).
    """

    kind: str
    words: tuple[Word, ...]
    reply: tuple[Word, ...] | None = None

    def answer(self) -> str:
        """The reply as the driver wants it, with the model's handles."""
        assert self.reply is not None
        if self.words[0] == "call-import":
            # the state, and the handle above it
            state, handle = map(spell, self.reply)
            return f"= {int(state) | int(handle) << 4}"
        return " ".join(["=", *map(spell, self.reply)])


@dataclass(frozen=True)
class Act:
    """One step of the model, and what it is for the real runtime.

    `command` is sent to the driver: None for a step in which the guest has no part, empty
    where the step answers a wait or a poll, or the guest goes on by itself. `place` is where the
    driver stands after it, as its words: `at idle 1`, `call waitable-set.wait 3`; a word `*` may be
    anything. `reused`: the memory that a step uses after it was freed has a new owner by then.
    """

    step: Step
    command: str | None
    expected: tuple[Expected, ...]
    place: tuple[str, ...]
    wrong: WentWrong | None
    after: Snapshot
    alive: Mapping[int, bool] = field(default_factory=dict)
    reused: bool = False

    @property
    def born(self) -> int | None:
        """The slot in which the step begins a task."""
        begins = self.step.action in ("call_export", "block_on")
        return self.step.arguments[0] if begins else None


class Listener(Recorder):
    """Collects what a step means at the two interfaces of the runtime."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Expected] = []
        self.event = ""
        self.machine: Machine
        self.enums: Mapping[str, Sequence[str]]

    def attach(self, machine: Machine) -> None:
        """The machine whose functions this listens to."""
        self.machine = machine
        self.enums = machine.program.enums
        self.p = machine.namespace["p"]

    def wrap(self, function: ir.Function, run: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, listened to."""
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
                self.heard.append(expected)
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
        """The event of a callback is no call: it is part of the command."""

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
            # the driver says by itself whether a pointer dangles, and cannot see into a box
            if argument != "dangling" and kind.name != "Future"
        ]

        names = [argument for argument, _ in function.parameters]
        dangling = names.index("dangling") if "dangling" in names else None

        def listened(*arguments: Any) -> Any:
            words = [self._value(arguments[place], kind) for place, kind in shown]
            if dangling is not None:
                words.append("stale" if arguments[dangling] else "fresh")
            self.heard.append(Expected("abi", (name, *(fixed or words))))
            result = run(*arguments)
            back = (
                () if function.returns.kind == "unit" else (self._value(result, function.returns),)
            )
            self.heard.append(Expected("ret", back))
            return result

        return listened

    def _came_from_a_peer(self, name: str, arguments: Sequence[Any]) -> bool:
        """A reader that a peer hands in is no builtin call."""
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
                return [self._handle(arguments[0]), "1"]
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
# the traps that the driver says by itself
MEMBERSHIP = (
    "host::WaitableSet.drop::not-empty",
    "host::cancel_copy::sync-in-set",
    "host::canon_subtask_cancel::sync-in-set",
)


class Script:
    """The model of one mix, step by step, as the driver's part."""

    def __init__(self, resolved: Resolved, run: Run, releases: Mapping[str, str]) -> None:
        self.listener = Listener()
        self.machine = Machine(resolved, run, self.listener)
        self.listener.attach(self.machine)
        self.program = resolved.program
        self.enums = self.program.enums
        self.p = self.machine.namespace["p"]
        self.releases = releases
        self.rows = action_rows()
        # the export whose callback the host called last, on whose return a code is due
        self.export = 0

    @property
    def s(self) -> Any:
        """The machine's state."""
        return self.machine.s

    def begin(self) -> tuple[list[Act], Snapshot]:
        """The commands before the first step: the release of the imports, and open channels."""
        self.listener.heard.clear()
        initial = self.machine.initial()
        calls = list(self.listener.heard)
        idle = ("at", "idle", "-")
        acts = [
            Act(Step("import", ()), f"import {self.releases['import']}", (), idle, None, initial)
        ]
        for channel, opened in enumerate(self.p.opened):
            if opened:
                command = self._open(channel)
                expected = (calls.pop(0),) if command.startswith("open") else ()
                acts.append(Act(Step("open", (channel,)), command, expected, idle, None, initial))
        return acts, initial

    def act(self, before: Snapshot, step: Step) -> Act:
        """Take a step in the model. Raises `GuardFailed` if it is not possible.

        Raises `InputError` for an action that the driver has no command for.
        """
        self.machine.load(before)
        command = self._command(step)
        self.listener.heard.clear()
        wrong = None
        try:
            self.machine.namespace[step.action](*step.arguments)
        except WentWrong as error:
            wrong = error
        if command is not None:
            command = command.replace("EVENT", self.listener.event)
            if command == "CHANNEL":
                command = self._open(int(step.arguments[0] or 0))
        alive = {task: bool(value) for task, value in enumerate(self.s.alive)}
        place = self._place(step)
        after = self.machine.save()
        heard = tuple(self.listener.heard)
        return Act(step, command, heard, place, wrong, after, alive, self._is_reused(heard))

    # commands

    def _command(self, step: Step) -> str | None:
        """The command for a step, made before it: it names what is there then."""
        arguments: tuple[Any, ...] = step.arguments
        match step.action, arguments:
            case "call_export", (task,):
                self.export = task
                return f"start {self.releases['export']} {task + 1} {self.p.root[task]}"
            case "deliver_event", (task, _):
                return self._callback(task, "EVENT")
            case "resume_yielded", (task,):
                return self._callback(task, f"{EVENTS['NONE']} 0 0")
            case "request_cancellation", (task,) if self.s.running is not None:
                return None
            case "request_cancellation" | "deliver_pending_cancel", (task,):
                return self._callback(task, f"{EVENTS['CANCEL']} 0 0")
            case "poll", (operation,):
                return self._poll(operation, "context")
            case "poll_with_noop_waker", (operation,):
                return self._poll(operation, "noop")
            case "poll_with_waker_of", (operation, future):
                return self._poll(operation, str(future))
            case "call_import", (operation, _):
                return self._poll(operation, "context")
            case "call_import_with_noop_waker", (operation, _):
                return self._poll(operation, "noop")
            case "drop_operation", (operation, _):
                return f"drop {operation}"
            case "keep_waker", ():
                return f"keep {self._polled()}"
            case "block_on", (task,):
                return f"block-on {self.releases['block_on']} {self.p.root[task]}"
            case "spawn_local", (future,):
                return f"spawn {future} {'keep' if self.p.keep_join_handles else 'detach'}"
            case "open_channel", _:
                return "CHANNEL"
        row = self.rows.get(step.action)
        if row is None:
            raise InputError(
                f"the guest driver has no command for the action {step.action}",
                hint=f"a row of {SOURCE / 'actions.toml'}",
            )
        return None if row.driver is None else row.driver.format(*arguments)

    def _polled(self) -> int | None:
        """The future that is polled on top of the stack."""
        running = self.s.running
        return None if running is None else self.s.polling[running]

    def _callback(self, task: int, event: str) -> str:
        self.export = task
        return f"callback {self.releases['export']} {task + 1} {event}"

    def _poll(self, operation: int, waker: str) -> str:
        kind = self.enums["OperationKind"][self.p.kind[operation]]
        what = "call" if kind == "SUBTASK" else kind.split("_")[1].lower()
        new = f"{what} {self.p.channel[operation]}" if self._is_free(operation) else "- -"
        keep = "keep" if self.p.keep_completed else "free"
        return f"poll {operation} {waker} {keep} {new}"

    def _open(self, channel: int) -> str:
        """Make a channel, or take in the reader that a peer hands in."""
        kind = "future" if self.p.is_future[channel] else "stream"
        remote = self.enums["Side"][self.p.remote[channel]]
        if remote == "WRITE":
            handle = self.s.readable[channel]
            return f"receive {channel} {kind} {0 if handle is None else handle + 1}"
        return f"open {channel} {kind} {'away' if remote == 'READ' else 'both'}"

    def _is_reused(self, heard: Sequence[Expected]) -> bool:
        """The last call is a stale callback, to a slot that has a new owner."""
        if not heard or heard[-1].kind != "abi" or heard[-1].words[0] != "callback":
            return False
        _, operation, _, word = heard[-1].words
        if word != "stale":
            return False
        state = self.enums["OperationState"]
        return isinstance(operation, tuple) and state[self.s.state[operation[1]]] != "FREE"

    # where the driver stands

    def _is_free(self, operation: int) -> bool:
        return self.enums["OperationState"][self.s.state[operation]] in ("FREE", "DONE")

    def _place(self, step: Step) -> tuple[str, ...]:
        s, running = self.s, self.s.running
        if running is None:
            if s.sync_export or s.sync_lifted:
                return ("at", "sync", self._result(step))
            return ("at", "idle", self._answer(step))
        phase = self.enums["Phase"][s.phase[running]]
        wset = str((s.waitable_set[running] or 0) + 1)
        if phase == "BLOCKED_WAIT":
            return ("call", "waitable-set.wait", wset)
        if phase in ("BLOCKED_POLL", "SET_POLL"):
            return ("call", "waitable-set.poll", wset)
        if phase == "DROPPING":
            dropped = self.machine.namespace["dropped_now"](running)
            return ("at", "drop", str(dropped), self._result(step))
        if phase == "YIELDED":
            # the loop of a `block_on` goes on by itself: the next turn sets its task
            return ("abi", "wasip3_task_set", "*")
        return ("at", "poll", str(s.polling[running]), self._result(step))

    def _result(self, step: Step) -> str:
        """What a poll gives, `-` for every other command."""
        row = self.rows.get(step.action)
        if row is not None and row.pending:
            return "pending" if getattr(self.s, row.pending)[step.arguments[0]] else "ready"
        if not step.action.startswith(("poll", "call_import")):
            return "-"
        return "ready" if self._is_free(int(step.arguments[0] or 0)) else "pending"

    def _answer(self, step: Step) -> str:
        """What an export's callback gives back when it returns."""
        if step.action in ("return_sync_export", "return_sync_lifted_export"):
            return "-"
        s, task = self.s, self.export
        phase = self.enums["Phase"][s.phase[task]]
        if phase == "CANCELLING":
            return "*"
        if phase == "WAITING":
            return str(WAIT | (s.waitable_set[task] + 1) << 4)
        return str(YIELD if phase == "YIELDED" else EXIT)


class Names:
    """Which address of the driver stands for which task and operation of the model; and, where the
    host is a real one, which of its indexes for which handle.
    """

    def __init__(self, own_handles: bool = False) -> None:
        self.handles: dict[int, str] | None = {} if own_handles else None
        self.tasks: dict[int, str] = {}
        self.operations: dict[str, int] = {}

    def forget(self, task: int) -> None:
        """A new task stands in this slot."""
        self.tasks.pop(task, None)

    def handle(self, handle: int, heard: str = "") -> str:
        """The host's index for a handle; learned from `heard` if neither was known."""
        if self.handles is None:
            return str(handle + 1)
        if handle not in self.handles and heard and heard not in self.handles.values():
            self.handles[handle] = heard
        return self.handles.get(handle, "")

    def freed(self, handle: int) -> None:
        """The host takes the entry out of its table."""
        if self.handles is not None:
            self.handles.pop(handle, None)

    def agree(self, expected: Word, heard: str, alive: Mapping[int, bool]) -> bool:
        """Whether a word of the driver is the one expected; learns a new address."""
        if isinstance(expected, str):
            return expected == heard or (expected == "null" and heard == "0")
        kind, number = expected
        if kind == "handle":
            return heard == self.handle(number, heard)
        if heard in ("null", "0"):
            return False
        if kind == "task":
            if number not in self.tasks:
                # a V1 `block_on` has its state on the stack, where a later one may have its own
                if any(a == heard and alive.get(t) for t, a in self.tasks.items()):
                    return False
                self.tasks[number] = heard
            return self.tasks[number] == heard
        if heard.startswith("operation-"):
            return heard == f"operation-{number}"
        return self.operations.setdefault(heard, number) == number


def spell(word: Word) -> str:
    """A word as the driver says it; an address by its name."""
    if isinstance(word, str):
        return word
    kind, number = word
    return str(number + 1) if kind == "handle" else f"{kind}-{number}"


def format_words(words: Sequence[Word]) -> str:
    """Words as text, for a message."""
    return " ".join(map(spell, words))


def scalars(arguments: Sequence[Scalar]) -> Iterator[str]:
    """Arguments for a person."""
    for argument in arguments:
        yield "null" if argument is None else str(argument)
