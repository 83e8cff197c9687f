"""A trace as a script of WebAssembly: a component that makes its calls, and an assertion about it.

The builtin calls of all tasks are made in their order by one function, which returns the number of
the first step whose results are not those of the trace, or 0. A peer's end is in the same
component, and its copies are made there. The callee of imports is that of
`conformance/host/host.wat`. Left out is what belongs to a task: its result, its context, and what
the host makes of a callback's code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wakeproof.bundled import ROOT
from wakeproof.errors import InputError
from wakeproof.execution.trace import NO_RETURN, CallRow, StepRow
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.trace_handles import ENDS, OF_TASKS, TraceHandles, step_words
from wakeproof.util.text import read_text

HOST = ROOT / "conformance" / "host" / "host.wat"
# what stands before and after the callee in that file
CALLEE = (";; --- the callee", ";; --- the guest")
RESULTS = ("COMPLETED", "DROPPED", "CANCELLED")
STATES = (
    *("STARTING", "STARTED", "RETURNED"),
    *("CANCELLED_BEFORE_STARTED", "CANCELLED_BEFORE_RETURNED"),
)
EVENTS = {"SUBTASK": 1, "stream-r": 2, "stream-w": 3, "future-r": 4, "future-w": 5}
# where a read of the guest puts its items, where a write takes them, and the same for peers
READ_INTO, WRITE_FROM, PEER = 64, 128, 192
# the parameters of the builtins of streams and futures, and of others, with their results
BUILTINS = {
    "waitable-set.new": "(result i32)",
    "waitable-set.drop": "(param i32)",
    "waitable-set.poll": "(param i32 i32) (result i32)",
    "waitable.join": "(param i32 i32)",
    "subtask.cancel": "(param i32) (result i32)",
    "subtask.drop": "(param i32)",
    "thread.yield": "(result i32)",
}
KINDS = {
    "new": "(result i64)",
    "cancel-read": "(param i32) (result i32)",
    "cancel-write": "(param i32) (result i32)",
    "drop-readable": "(param i32)",
    "drop-writable": "(param i32)",
}
CALLED = {
    "work": ("(param i32 i32) (result i32)", '(param "number" u32) (param "at-once" u32)'),
    "finish": ("(param i32)", '(param "number" u32)'),
    "answer": ("(param i32)", '(param "answer" u32)'),
    "gate": ("(param i32)", '(param "closed" u32)'),
}


def code_of(name: str) -> int:
    """Return the number of a member of the model's `Code`."""
    if name == "BLOCKED":
        return -1
    if name in STATES:
        return STATES.index(name)
    result, _, items = name.rpartition("_")
    return RESULTS.index(result) | int(items) << 4


@dataclass
class Writer(TraceHandles):
    """The function that makes the calls, and what it knows of handles by their names.

    `number` is that of the current step. `ends` maps a handle to the kind of its end, such as
    `stream-r` for a reader, or to `SUBTASK`; `numbers` a subtask to its callee's number.
    """

    number: int = 0
    lines: list[str] = field(default_factory=list)
    locals: set[str] = field(default_factory=set)
    ends: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    starting: set[str] = field(default_factory=set)

    def of_peer(self, what: str, channel: str) -> str:
        """Return the name of a local of a peer's end: the end, or the code of its copy."""
        return f"{what}-{self.instance.names['Channel'].index(channel)}"

    # --- code -----------------------------------------------------------------------------------

    def get(self, name: str) -> str:
        """Return the value of a local, such as a handle; `null` is none."""
        if name == "null":
            return "(i32.const 0)"
        self.locals.add(name)
        return f"(local.get ${name})"

    def set(self, name: str, value: str) -> None:
        """Give a local a value."""
        self.locals.add(name)
        self.lines.append(f"(local.set ${name} {value})")

    def expect(self, value: str, wanted: int) -> None:
        """Return the number of the step if a value is not the wanted one."""
        failed = f"(then (return (i32.const {self.number})))"
        self.lines.append(f"(if (i32.ne {value} (i32.const {wanted})) {failed})")

    def call(self, name: str, *arguments: str | int) -> str:
        """Return a call."""
        given = (f"(i32.const {a})" if isinstance(a, int) else a for a in arguments)
        return f"(call ${name}{''.join(f' {a}' for a in given)})"

    # --- builtins of the trace ------------------------------------------------------------------

    def builtin(self, call: CallRow) -> bool:
        """Write a builtin call; return whether it is one of the component's."""
        name, arguments, result = call["name"], call["arguments"], call["result"]
        kind, _, verb = name.partition(".")
        if name in OF_TASKS:
            return False
        if kind in ("stream", "future"):
            self.of_channel(kind, verb, arguments, result)
        elif name == "waitable-set.new":
            self.set(result, self.call(name))
        elif name == "waitable-set.drop":
            self.lines.append(self.call(name, self.get(arguments["wset"])))
        elif name == "waitable.join":
            waitable, wset = arguments["waitable"], arguments["wset"]
            self.lines.append(self.call(name, self.get(waitable), self.get(wset)))
            self.sets[waitable] = wset
        elif name in ("waitable-set.wait", "waitable-set.poll", "callback event"):
            self.event(arguments, result)
        elif name == "call import":
            self.work(arguments["answer"], result)
        elif name == "subtask.cancel":
            if "callee_returns" not in arguments:
                hint = "export another trace"
                raise InputError("a cancellation that waits cannot be written", hint=hint)
            self.lines.append(self.call("answer", int(arguments["callee_returns"] == "true")))
            self.checked(self.call(name, self.get(arguments["handle"])), result)
        elif name == "subtask.drop":
            self.lines.append(self.call(name, self.get(arguments["handle"])))
        else:
            raise InputError(f"the call {name} cannot be written", hint="export another trace")
        return True

    def checked(self, value: str, result: str) -> None:
        """Write a call whose code is compared, unless the trace has none as it traps."""
        if result == NO_RETURN:
            self.lines.append(f"(drop {value})")
        else:
            self.expect(value, code_of(result))

    def of_channel(self, kind: str, verb: str, arguments: Mapping[str, str], result: str) -> None:
        """Write a builtin of a stream or future."""
        if verb == "new":
            self.new(arguments["channel"])
            return
        end = self.get(arguments["handle"])
        if verb in ENDS:
            items = [int(arguments["items"])] if kind == "stream" else []
            buffer = READ_INTO if verb == "read" else WRITE_FROM
            self.checked(self.call(f"{kind}.{verb}", end, buffer, *items), result)
        elif verb.startswith("cancel"):
            self.checked(self.call(f"{kind}.{verb}", end), result)
        else:
            self.lines.append(self.call(f"{kind}.{verb}", end))

    def new(self, channel: str) -> None:
        """Write a new stream or future."""
        kind, ends = self.kind(channel), self.made[channel]
        self.lines.append(f"(local.set $ends {self.call(f'{kind}.new')})")
        for verb, value in (
            ("read", "(i32.wrap_i64 (local.get $ends))"),
            ("write", "(i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32)))"),
        ):
            name = ends.get(verb)
            if name is not None:
                self.ends[name] = f"{kind}-{verb[0]}"
            self.set(name or self.of_peer("peer", channel), value)
        if self.remote(channel) in ENDS:
            self.set(self.of_peer("copy", channel), "(i32.const 0)")

    def event(self, arguments: Mapping[str, str], result: str) -> None:
        """Write a poll that has to give the event of a waitable, or none.

        A host may choose among the events of a set, so one of several members is polled alone.
        """
        waitable = arguments["waitable"]
        if waitable == "null":
            wset = self.task_sets.get(arguments["task"], "null")
            if wset != "null":
                self.expect(self.call("waitable-set.poll", self.get(wset), 0), 0)
            return
        home = self.sets[waitable]
        alone = [other for other, of in self.sets.items() if of == home] == [waitable]
        wset = home if alone else "peers"
        if not alone:
            self.lines.append(self.call("waitable.join", self.get(waitable), self.get(wset)))
        self.expect(self.call("waitable-set.poll", self.get(wset), 0), EVENTS[self.ends[waitable]])
        if not alone:
            self.lines.append(self.call("waitable.join", self.get(waitable), self.get(home)))
        self.expect(f"(i32.sub (i32.load (i32.const 0)) {self.get(waitable)})", 0)
        self.expect("(i32.load (i32.const 4))", code_of(result))

    # --- callees --------------------------------------------------------------------------------

    def work(self, answer: str, result: str) -> None:
        """Write a call of an import."""
        if (answer == "STARTING") != bool(self.starting) and self.starting:
            raise InputError("a call starts while another waits to", hint="export another trace")
        if answer == "STARTING" and not self.starting:
            self.lines.append(self.call("gate", 1))
        number = len(self.numbers)
        status = self.call("work", number, int(answer == "RETURNED"))
        if result == "null":
            self.expect(status, code_of("RETURNED"))
            return
        self.set(result, status)
        self.expect(f"(i32.and {self.get(result)} (i32.const 15))", code_of(answer))
        self.set(result, f"(i32.shr_u {self.get(result)} (i32.const 4))")
        self.numbers[result], self.ends[result] = number, "SUBTASK"
        if answer == "STARTING":
            self.starting.add(result)

    def progress(self, handle: str) -> None:
        """Write what a callee does: it starts, or returns."""
        if handle in self.starting:
            if len(self.starting) > 1:
                raise InputError("two calls wait to start", hint="export another trace")
            self.starting.clear()
            self.lines.append(self.call("gate", 0))
        else:
            self.lines.append(self.call("finish", self.numbers[handle]))
        self.lines.append(f"(drop {self.call('thread.yield')})")

    # --- peers ----------------------------------------------------------------------------------

    def peer(self, row: StepRow) -> None:
        """Write a step of a peer."""
        action, arguments = row["action"], row["arguments"]
        if action == "subtask_progress":
            self.progress(arguments["handle"])
            return
        if action not in ("peer_copy", "peer_take", "peer_drop"):
            raise InputError(f"the step {action} cannot be written", hint="export another trace")
        channel = arguments["channel"]
        kind, verb = self.kind(channel), self.remote(channel)
        end, copy = self.of_peer("peer", channel), self.of_peer("copy", channel)
        self.settle(end, copy)
        if action == "peer_copy":
            items = [int(self.parameter("peer_items", channel))] if kind == "stream" else []
            self.set(copy, self.call(f"{kind}.{verb}", self.get(end), PEER, *items))
        elif action == "peer_drop":
            cancel = self.call(f"{kind}.cancel-{verb}", self.get(end))
            self.lines.append(
                f"(if (i32.eq {self.get(copy)} (i32.const -1)) (then (drop {cancel})))"
            )
            self.lines.append(self.call(f"{kind}.drop-{verb.rstrip('e')}able", self.get(end)))

    def settle(self, end: str, copy: str) -> None:
        """Take the event of a peer's copy, if it is there."""
        join = self.call("waitable.join", self.get(end), self.get("peers"))
        leave = self.call("waitable.join", self.get(end), 0)
        poll = self.call("waitable-set.poll", self.get("peers"), 0)
        over = f"(if {poll} (then (local.set ${copy} (i32.const 0))))"
        self.lines.append(
            f"(if (i32.eq {self.get(copy)} (i32.const -1)) (then {join} {over} {leave}))"
        )

    # --- the whole ------------------------------------------------------------------------------

    def begin(self) -> None:
        """Write what is there from the beginning: the channels that the scenario opens."""
        self.set("peers", self.call("waitable-set.new"))
        for channel in self.opened():
            self.new(channel)

    def step(self, row: StepRow) -> bool:
        """Write a step; return whether its last call is one of the component's."""
        self.follow_ends(row)
        self.number += 1
        self.lines.append(f";; {step_words(self.number, row)}")
        if row["actor"] == "peer":
            self.peer(row)
            return False
        written = [self.builtin(call) for call in row["calls"] if call["kind"] == "builtin"]
        self.follow_sets(row)
        return bool(written) and written[-1]


def wast(instance: Instance, trace: Sequence[StepRow], site: str, message: str) -> str:
    """Return a trace as a script. It ends in a trap at `site`, whose message is known, or in none.

    Raises `InputError` for a step that cannot be written.
    """
    writer = Writer(instance)
    writer.begin()
    last = [writer.step(row) for row in trace][-1:]
    traps = site.startswith("host::")
    if traps and last != [True]:
        raise InputError(
            f"the trap at {site} is not one of a call that a component could make by itself",
            hint="export a trace whose last call traps",
        )
    locals_ = [f"(local ${name} i32)" for name in sorted(writer.locals)]
    body = ["(local $ends i64)", *locals_, *writer.lines, "(i32.const 0)"]
    returns = '(assert_return (invoke "run") (u32.const 0))'
    asserted = f'(assert_trap (invoke "run") "{message}")' if traps else returns
    return "\n".join([*component(body), asserted, ""])


def component(body: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a component whose export `run` has this body."""
    calls = " ".join(body).replace(")", " ")
    functions = {name: made for name, made in imports() if f"(call ${name} " in calls}
    yield "(component"
    if set(CALLED) & set(functions):
        text = read_text(HOST)
        start, end = (text.index(mark) for mark in CALLEE)
        yield from ("  " + text[start:end].rstrip()).splitlines()
    yield '  (core module $Memory (memory (export "memory") 1))'
    yield "  (core instance $memory (instantiate $Memory))"
    yield "  (type $stream (stream u8))"
    yield "  (type $future (future u8))"
    for name, (_, defined) in functions.items():
        yield f"  (core func ${name} ({defined}))"
    yield "  (core module $Core"
    yield '    (import "" "memory" (memory 1))'
    for name, (kind, _) in functions.items():
        yield f'    (import "" "{name}" (func ${name} {kind}))'
    yield '    (func (export "run") (result i32)'
    yield from (f"      {line}" for line in body)
    yield "    ))"
    yield '  (core instance $core (instantiate $Core (with "" (instance'
    yield '    (export "memory" (memory $memory "memory"))'
    for name in functions:
        yield f'    (export "{name}" (func ${name}))'
    yield "  ))))"
    yield '  (func (export "run") async (result u32) (canon lift (core func $core "run"))))'


def imports() -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield each function of the core module: its name, its type, and how it is defined."""
    memory = '(memory (core memory $memory "memory"))'
    for name, kind in BUILTINS.items():
        yield name, (kind, f"canon {name}{f' {memory}' if name.endswith('poll') else ''}")
    for channel in ("stream", "future"):
        for verb, kind in KINDS.items():
            yield f"{channel}.{verb}", (kind, f"canon {channel}.{verb} ${channel}")
        items = " i32" if channel == "stream" else ""
        for verb in ENDS:
            kind = f"(param i32 i32{items}) (result i32)"
            defined = f"canon {channel}.{verb} ${channel} async {memory}"
            yield f"{channel}.{verb}", (kind, defined)
    for name, (kind, _) in CALLED.items():
        lowered = " async" if name == "work" else ""
        yield name, (kind, f'canon lower (func $callee "{name}"){lowered}')
