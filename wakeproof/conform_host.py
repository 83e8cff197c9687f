"""The model's host layer held against Wasmtime, builtin call by builtin call.

Sequences of calls run on a fresh instance of `conformance/host/host.wat` in Wasmtime and on a
fresh model in lockstep: all short ones over a few alphabets, then seeded random longer ones. Every
result is compared, handle numbers and events too, and every trap: that it happens, and that
its message is one that stands for the model's site. A poll may answer any event of the set, so
the model follows Wasmtime's choice if it allows it. A divergence is shrunk before it is told.

The callee of a subtask moves by three calls that are no builtins: `call import` (which answers at
once or not), `callee.gate` (backpressure) and `callee.finish`.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import itertools
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from wakeproof.canonical_abi import BLOCKED, CODES, EVENTS
from wakeproof.content import ROOT
from wakeproof.errors import InputError
from wakeproof.language import GuardFailed, WentWrong
from wakeproof.machine import Machine, Run, Snapshot, default, key_size
from wakeproof.model import BUNDLED, Model

COMPONENT = ROOT / "conformance" / "host" / "host.wat"
PAYLOADS = ("u8", "", "u32", "s64", "f32")
HANDLES, STREAMS, FUTURES = 10, 3, 3
LONGEST = 60
WRONG, ACCEPTED = 0.06, 0.012
PROGRESS_EVERY = 500


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


@dataclass(frozen=True)
class Divergence:
    """A sequence whose last call comes out differently, shrunk."""

    payload: str
    calls: tuple[Call, ...]
    model: tuple[Outcome, ...]
    wasmtime: tuple[Outcome, ...]


@dataclass(frozen=True)
class Explained:
    """A divergence that is known, and why the model does not follow Wasmtime there (yet).

    `covers` is asked with the model's host after the call, the call, and both outcomes.
    """

    id: str
    covers: Callable[[Host, Call, Outcome, Outcome], bool]
    reason: str


def _wrong_cancel(host: Host, call: Call, here: Outcome, there: Outcome) -> bool:
    late = "cancelled when no" in there.trap if there.trap else there.value & 0xF == 2
    return ".cancel-" in call.builtin and here.trap == "host::cancel_copy::wrong-end" and late


EXPLAINED = (
    Explained(
        "wrong-end-cancel",
        _wrong_cancel,
        "cancel-read of a writable end and cancel-write of a readable end: the specification and "
        "the model trap; Wasmtime checks the direction too late, and cancels the copy of the other "
        "direction or traps for another reason.",
    ),
)

_COPYING = "cannot have concurrent operations active on a future/stream"
_IN_SET = "waitable cannot be used synchronously while added to a waitable set"
_NO_SET = "handle is not an waitable-set"
# the messages of Wasmtime that stand for a site of the model; it may check in another order
TRAPS: dict[str, tuple[str, ...]] = {
    "host::Table.get::empty-slot": ("unknown handle index",),
    "host::WaitableSet.drop::not-empty": ("resource has children",),
    "host::canon_waitable_set_drop::not-a-set": ("handle is not a waitable-set",),
    "host::canon_waitable_set_poll::not-a-set": (_NO_SET,),
    "host::canon_waitable_join::not-a-set": (_NO_SET,),
    "host::canon_waitable_join::not-a-waitable": ("handle is not a waitable",),
    "host::stream_copy::wrong-end": ("handle is not a stream", _COPYING),
    "host::future_copy::wrong-end": ("handle is not a future", _COPYING),
    "host::stream_copy::not-idle": (
        _COPYING,
        "cannot read from stream after being notified that the writable end dropped",
        "cannot write to stream after being notified that the readable end dropped",
    ),
    "host::future_copy::not-idle": (
        _COPYING,
        "cannot read from future after previous read succeeded",
        "cannot write to future after previous write succeeded or readable end dropped",
    ),
    "host::cancel_copy::wrong-end": (
        "handle is not a stream",
        "handle is not a future",
        "passed read end to",
        "passed write end to",
    ),
    "host::cancel_copy::not-copying": (
        "stream or future read cancelled when no read is pending",
        "stream or future write cancelled when no write is pending",
    ),
    "host::cancel_copy::sync-in-set": (_IN_SET,),
    "host::drop::wrong-end": (
        "handle is not a stream",
        "handle is not a future",
        "handle is not a readable end of a stream",
        "handle is not a readable end of a future",
        "passed read end to",
        "cannot drop busy stream",
    ),
    "host::CopyEnd.drop::copying": (
        "cannot drop busy stream",
        "cannot remove busy stream",
        "cannot remove busy future",
    ),
    "host::WritableFutureEnd.drop::not-written": (
        "cannot drop future write end without first writing a value",
        "cannot drop busy future",
    ),
    "host::canon_subtask_cancel::not-a-subtask": ("handle is not a subtask",),
    "host::canon_subtask_cancel::resolution-delivered": (
        "`subtask.cancel` called after terminal status delivered",
        _IN_SET,
    ),
    "host::canon_subtask_cancel::sync-in-set": (_IN_SET,),
    "host::canon_subtask_drop::not-a-subtask": (
        "handle is not a subtask",
        "handle is not a waitable",
    ),
    "host::Subtask.drop::resolution-not-delivered": (
        "cannot drop a subtask which has not yet resolved",
    ),
}


@dataclass
class HostConformance:
    """What was compared, and what came out differently."""

    seed: int
    engine: str
    calls: int = 0
    sequences: int = 0
    exhaustive: dict[str, int] = field(default_factory=dict)
    exhaustive_calls: int = 0
    divergences: list[Divergence] = field(default_factory=list)
    explained: Counter[str] = field(default_factory=Counter)
    builtins: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    traps: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds if self.seconds else 0.0

    @property
    def unreached(self) -> list[str]:
        """The trap sites that can be compared and were not reached."""
        return sorted(set(TRAPS) - set(self.traps))


# --- Wasmtime -----------------------------------------------------------------------------------


def load_wasmtime() -> Any:
    """The package, with its bindings."""
    try:
        package: Any = importlib.import_module("wasmtime")
        importlib.import_module("wasmtime.component")
        bindings: Any = importlib.import_module("wasmtime._ffi")
        bindings.wasmtime_config_wasm_component_model_async_set  # noqa: B018
        bindings.wasmtime_config_wasm_component_model_more_async_builtins_set  # noqa: B018
        bindings.wasmtime_component_func_call_async  # noqa: B018
    except ImportError:
        raise InputError(
            "the package wasmtime is not installed", hint="pip install 'wasmtime==50.*'"
        ) from None
    except AttributeError as error:
        raise InputError(
            f"this release of the package wasmtime cannot be driven: {error}",
            hint="pip install 'wasmtime==50.*'",
        ) from None
    return package


class Engine:
    """The component, compiled once for every item type; `fresh` makes an instance."""

    def __init__(self) -> None:
        self.package = load_wasmtime()
        self.ffi: Any = importlib.import_module("wasmtime._ffi")
        config = self.package.Config()
        self.ffi.wasmtime_config_wasm_component_model_async_set(config.ptr(), True)
        self.engine = self.package.Engine(config)
        self.linker = self.package.component.Linker(self.engine)
        self.name = f"Wasmtime {importlib.metadata.version('wasmtime')}"
        try:
            text = COMPONENT.read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot be read: {error}", where=str(COMPONENT)) from None
        self.components: dict[str, tuple[Any, dict[str, Any]]] = {}
        for payload in PAYLOADS:
            item = f" {payload}" if payload else ""
            changed = text.replace("(stream u8)) ;; item", f"(stream{item}))")
            changed = changed.replace("(future u8)) ;; item", f"(future{item}))")
            component = self.package.component.Component(self.engine, changed)
            guest = component.get_export_index("guest")
            indexes = {
                name: component.get_export_index(builtin.export, guest)
                for name, builtin in BUILTINS.items()
            }
            self.components[payload] = component, indexes

    def fresh(self, payload: str) -> Guest:
        """A new store with a new instance: a trap leaves nothing behind."""
        return Guest(self, *self.components[payload])


class Guest:
    """One instance, and the exports that were called so far."""

    def __init__(self, engine: Engine, component: Any, indexes: dict[str, Any]) -> None:
        self.engine = engine
        self.indexes = indexes
        self.store = engine.package.Store(engine.engine)
        self.context = self.store._context()
        self.instance = engine.linker.instantiate(self.store, component)
        self.functions: dict[str, Any] = {}
        self.value = engine.ffi.wasmtime_component_val_t()

    def call(self, name: str, arguments: Sequence[int]) -> Outcome:
        """Call a builtin. The event loop runs while the call does, and only then."""
        ffi = self.engine.ffi
        function = self.functions.get(name)
        if function is None:
            function = self.instance.get_func(self.store, self.indexes[name])._func
            self.functions[name] = function
        values = (ffi.wasmtime_component_val_t * len(arguments))()
        for slot, argument in zip(values, arguments, strict=True):
            slot.kind = ffi.WASMTIME_COMPONENT_U32.value
            slot.of.u32 = argument
        gives = bool(BUILTINS[name].gives)
        error = ctypes.POINTER(ffi.wasmtime_error_t)()
        future = ffi.wasmtime_component_func_call_async(
            ctypes.byref(function),
            self.context,
            values,
            len(arguments),
            ctypes.byref(self.value) if gives else None,
            int(gives),
            ctypes.byref(error),
        )
        try:
            ready = any(ffi.wasmtime_call_future_poll(future) for _ in range(100))
        finally:
            ffi.wasmtime_call_future_delete(future)
        if error:
            return Outcome(trap=self._message(error))
        if not ready:
            return Outcome(trap="the call blocks")
        if not gives:
            return Outcome()
        wide = BUILTINS[name].gives in ("ends", "event")
        return Outcome(self.value.of.u64 if wide else self.value.of.u32)

    def _message(self, error: Any) -> str:
        """The message of an error, without the guest's stack."""
        text = str(self.engine.package.WasmtimeError._from_ptr(error))
        text = text.partition("Caused by:\n")[2] or text
        return text.strip().splitlines()[0].strip().removeprefix("wasm trap: ")


# --- the model ----------------------------------------------------------------------------------


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


# --- sequences ----------------------------------------------------------------------------------


class Chooser:
    """Gives a sequence call by call; a picky one may take back what the model does not like."""

    picky = False

    def __call__(self, host: Host, played: Played) -> Call | None:
        """The next call, or None at the end."""
        raise NotImplementedError

    def accepts_trap(self) -> bool:
        """Whether a call that traps may stand."""
        return True


@dataclass(frozen=True)
class Alphabet:
    """What the exhaustive part puts together: calls, after a few that set the scene."""

    name: str
    scene: tuple[Call, ...]
    calls: tuple[Call, ...]


def _words(text: str) -> tuple[Call, ...]:
    """Calls as people write them: `stream.read 2, waitable.join 2 1`."""
    calls = []
    for part in text.split(","):
        words = part.split()
        numbers = [int(w) for w in words if w.isdigit()]
        calls.append(Call(" ".join(words[: len(words) - len(numbers)]), tuple(numbers)))
    return tuple(calls)


def _both_ends(kind: str) -> Alphabet:
    """A set, a stream or future, and everything that they can do."""
    return Alphabet(
        kind,
        _words(f"waitable-set.new, {kind}.new"),
        _words(
            f"{kind}.read 2, {kind}.write 3, {kind}.cancel-read 2, {kind}.cancel-write 3, "
            f"{kind}.drop-readable 2, {kind}.drop-writable 3, waitable.join 2 1, "
            "waitable.join 3 1, waitable.join 2 0, waitable-set.poll 1, waitable-set.drop 1, "
            f"{kind}.read 3"
        ),
    )


ALPHABETS = (
    _both_ends("stream"),
    _both_ends("future"),
    Alphabet(
        "subtask",
        _words("waitable-set.new, call import 0"),
        _words(
            "call import 0, call import 1, callee.gate 1, callee.gate 0, callee.finish 2, "
            "subtask.cancel 2 0, subtask.cancel 2 1, subtask.drop 2, waitable.join 2 1, "
            "waitable.join 2 0, waitable-set.poll 1, waitable-set.drop 1, subtask.cancel 3 0"
        ),
    ),
    Alphabet(
        "table",
        (),
        _words(
            "waitable-set.new, stream.new, future.new, call import 0, waitable-set.drop 1, "
            "waitable-set.drop 2, stream.drop-readable 1, stream.drop-writable 2, "
            "future.drop-readable 1, future.drop-writable 3, waitable.join 1 2, waitable.join 2 1, "
            "waitable-set.poll 1, subtask.drop 1"
        ),
    ),
)


class Walk(Chooser):
    """A random sequence: mostly right calls, now and then a wrong one."""

    picky = True
    names = tuple(BUILTINS)
    weights = tuple(itertools.accumulate(b.weight for b in BUILTINS.values()))

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.length = rng.randint(6, LONGEST)
        self.position, self.tries = -1, 0

    def __call__(self, host: Host, played: Played) -> Call | None:
        """The next call, unless thirty in a row were taken back."""
        position = len(played.calls)
        self.tries = self.tries + 1 if position == self.position else 0
        self.position = position
        return self._draw(host) if position < self.length and self.tries < 30 else None

    def accepts_trap(self) -> bool:
        """Seldom: a trap ends the sequence."""
        return self.rng.random() < ACCEPTED

    def _draw(self, host: Host) -> Call:
        rng = self.rng
        builtin = BUILTINS[rng.choices(self.names, cum_weights=self.weights)[0]]
        arguments = []
        for taken in builtin.takes:
            if taken == "flag":
                arguments.append(rng.randrange(2))
                continue
            if taken == "set or none" and rng.random() < 0.25:
                arguments.append(0)
                continue
            right = host.handles(taken)
            wrong = not right or rng.random() < WRONG
            arguments.append(rng.randint(1, HANDLES) if wrong else rng.choice(right))
        return Call(builtin.name, tuple(arguments))


class Fixed(Chooser):
    """A sequence that is given."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = calls

    def __call__(self, host: Host, played: Played) -> Call | None:
        """The next call."""
        position = len(played.calls)
        return self.calls[position] if position < len(self.calls) else None


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


class Without(Chooser):
    """A sequence without one of its calls: its handles are those that the same calls make now."""

    def __init__(self, played: Played, left_out: int) -> None:
        self.rows = [
            (call, made(call, outcome))
            for n, (call, outcome) in enumerate(zip(played.calls, played.model, strict=True))
            if n != left_out
        ]
        self.owners: dict[int, tuple[int, int]] = {}

    def __call__(self, host: Host, played: Played) -> Call | None:
        """The next call with its handles of this run; a handle that nobody makes stays."""
        number = len(played.calls)
        if number == len(self.rows):
            return None
        if number:
            for which, handle in enumerate(self.rows[number - 1][1]):
                self.owners[handle] = number - 1, which
        call = self.rows[number][0]
        arguments = []
        for taken, value in zip(BUILTINS[call.builtin].takes, call.arguments, strict=True):
            if taken != "flag" and value in self.owners:
                row, which = self.owners[value]
                now = made(played.calls[row], played.model[row])
                value = now[which] if which < len(now) else value
            arguments.append(value)
        return Call(call.builtin, tuple(arguments))


@dataclass
class Played:
    """A sequence as it ran, until its end, a trap or a divergence."""

    payload: str
    calls: list[Call] = field(default_factory=list)
    model: list[Outcome] = field(default_factory=list)
    wasmtime: list[Outcome] = field(default_factory=list)
    diverged: bool = False
    explained: str = ""
    stopped: bool = False  # the model has no such call here


def agree(call: Call, model: Outcome, wasmtime: Outcome) -> bool:
    """Whether both came to the same: the same result, or a trap of the same meaning."""
    if model.trap and wasmtime.trap:
        return any(message in wasmtime.trap for message in TRAPS.get(model.trap, ()))
    return not model.trap and not wasmtime.trap and model.value == wasmtime.value


def ending(played: Played) -> tuple[str, str, str]:
    """What kind of divergence ends a sequence: the builtin and both outcomes, without handles."""
    call = played.calls[-1]
    here, there = (re.sub(r"\d+", "", tell(call, s[-1])) for s in (played.model, played.wasmtime))
    return call.builtin, here, there


class Comparison:
    """Both sides, and what was found so far."""

    def __init__(
        self, seed: int, model: Model, progress: Callable[[HostConformance], None] | None
    ) -> None:
        self.engine = Engine()
        self.host = Host(model)
        self.result = HostConformance(seed, self.engine.name)
        self.progress = progress
        self.began = time.perf_counter()
        self.seen: set[tuple[str, str, str]] = set()

    def play(self, payload: str, choose: Chooser) -> Played:
        """Run one sequence on both sides."""
        host = self.host
        guest = self.engine.fresh(payload)
        host.reset()
        played = Played(payload)
        while (call := choose(host, played)) is not None:
            # the model follows Wasmtime's choice in a poll, and goes first in all else
            first = BUILTINS[call.builtin].gives != "event"
            saved = host.save() if choose.picky else None
            sent = host.sent(call)
            try:
                here = host.call(call) if first else Outcome()
            except Impossible:
                here = None
            if saved and (here is None or (here.trap and not choose.accepts_trap())):
                host.load(saved)
                continue
            if here is None:
                played.stopped = True
                return played
            there = guest.call(call.builtin, sent)
            if not first:
                here = host.call(call, there)
            played.calls.append(call)
            played.model.append(here)
            played.wasmtime.append(there)
            if not agree(call, here, there):
                known = next((e.id for e in EXPLAINED if e.covers(host, call, here, there)), "")
                played.explained, played.diverged = known, not known
                return played
            if here.trap:
                return played
        return played

    def run(self, payload: str, choose: Chooser) -> Played:
        """Run one sequence, and count it."""
        played, result = self.play(payload, choose), self.result
        result.sequences += 1
        for call, here, there in zip(played.calls, played.model, played.wasmtime, strict=True):
            result.calls += 1
            result.builtins[call.builtin] += 1
            if here.trap and there.trap:
                result.traps[here.trap] += 1
            elif BUILTINS[call.builtin].gives == "event" and here.value:
                result.events[tell(call, here).partition(" ")[0]] += 1
        if played.explained:
            result.explained[played.explained] += 1
        if played.diverged:
            self.diverged(played)
        result.seconds = time.perf_counter() - self.began
        if self.progress is not None and result.sequences % PROGRESS_EVERY == 0:
            self.progress(result)
        return played

    def diverged(self, played: Played) -> None:
        """Shrink and keep the first divergence of each kind."""
        if ending(played) not in self.seen:
            self.seen.add(ending(played))
            played = self.shrink(played)
            self.result.divergences.append(
                Divergence(
                    played.payload,
                    tuple(played.calls),
                    tuple(played.model),
                    tuple(played.wasmtime),
                )
            )

    def shrink(self, played: Played) -> Played:
        """Drop calls while it still diverges in the same way."""
        wanted, position = ending(played), len(played.calls) - 2
        while position >= 0:
            shorter = self.play(played.payload, Without(played, position))
            if shorter.diverged and ending(shorter) == wanted:
                played = shorter
                position = len(played.calls) - 1
            position -= 1
        return played

    def exhaust(self, alphabet: Alphabet, length: int) -> int:
        """Every sequence of this length; what a trap ends is not continued. Gives the calls."""
        before, digits, size = self.result.calls, [0] * length, len(alphabet.calls)
        while True:
            calls = (*alphabet.scene, *(alphabet.calls[d] for d in digits))
            played = self.run("u8", Fixed(calls))
            ran = len(played.calls) - len(alphabet.scene) + played.stopped
            position = max(0, min(ran, length) - 1)
            digits[position + 1 :] = [0] * (length - position - 1)
            while digits[position] == size - 1:
                digits[position] = 0
                if position == 0:
                    return self.result.calls - before
                position -= 1
            digits[position] += 1


def conform(
    seed: int = 0,
    calls: int = 200_000,
    progress: Callable[[HostConformance], None] | None = None,
    model: Model = BUNDLED,
) -> HostConformance:
    """Compare at least `calls` builtin calls: at most half of them exhaustively, then random ones.

    Raises `InputError` if Wasmtime is not there.
    """
    comparison = Comparison(seed, model, progress)
    result = comparison.result
    try:
        _exhaustive_part(comparison, calls // 2)
        result.exhaustive_calls = result.calls
        rng = random.Random(seed)
        while result.calls < calls:
            comparison.run(rng.choice(PAYLOADS), Walk(rng))
    except KeyboardInterrupt:
        pass
    result.seconds = time.perf_counter() - comparison.began
    return result


def _exhaustive_part(comparison: Comparison, budget: int) -> None:
    """One length after the other over all alphabets, while the next is likely to fit."""
    result = comparison.result
    costs = {a.name: [0, len(a.scene) + 1] for a in ALPHABETS}
    for length in range(1, LONGEST):
        for alphabet in ALPHABETS:
            spent = costs[alphabet.name]
            growth = spent[-1] / spent[-2] if spent[-2] else len(alphabet.calls)
            if len(spent) != length + 1 or result.calls + spent[-1] * growth > budget:
                continue
            spent.append(comparison.exhaust(alphabet, length))
            result.exhaustive[alphabet.name] = length
        if not any(len(spent) == length + 2 for spent in costs.values()):
            return


# --- telling ------------------------------------------------------------------------------------


def tell(call: Call, outcome: Outcome) -> str:
    """An outcome as people read it."""
    if outcome.trap:
        return f"trap: {outcome.trap}"
    value, payload = outcome.value, outcome.value & 0xFFFF_FFFF
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
            event = next((n for n, e in EVENTS.items() if e == value >> 56), str(value >> 56))
            said = _state(payload) if event == "SUBTASK" else _copy(payload)
            return f"{event} h{value >> 32 & 0xFFFF} {said}"
    return "ok"


def _copy(value: int) -> str:
    if value == BLOCKED:
        return "BLOCKED"
    name = {0: "COMPLETED", 1: "DROPPED", 2: "CANCELLED"}.get(value & 0xF, str(value & 0xF))
    return f"{name}({value >> 4})"


def _state(value: int) -> str:
    states = (
        "STARTING",
        "STARTED",
        "RETURNED",
        "CANCELLED_BEFORE_STARTED",
        "CANCELLED_BEFORE_RETURNED",
    )
    return states[value] if value < len(states) else str(value)


def report(result: HostConformance) -> str:
    """The comparison in a few lines, with every divergence."""
    spread = ", ".join(f"{name} to {length}" for name, length in result.exhaustive.items())
    lines = [
        f"{result.calls:,} builtin calls in {result.sequences:,} sequences on {result.engine} and "
        f"on the model, seed {result.seed}: {result.seconds:.1f} s, {result.rate:,.0f} a second",
        f"all short sequences, by length: {spread} ({result.exhaustive_calls:,} calls)",
        f"events compared: {sum(result.events.values()):,}; "
        f"traps compared: {sum(result.traps.values()):,} at {len(result.traps)} sites",
    ]
    if result.unreached:
        lines.append("never reached: " + ", ".join(result.unreached))
    for known in EXPLAINED:
        if result.explained[known.id]:
            lines.append(f"explained, {result.explained[known.id]} times: {known.reason}")
    for divergence in result.divergences:
        item = divergence.payload or "nothing"
        lines += ["", f"divergence (items of type {item}):" if item else "divergence:"]
        rows = zip(divergence.calls, divergence.model, divergence.wasmtime, strict=True)
        for number, (call, here, there) in enumerate(rows, 1):
            if number < len(divergence.calls):
                lines.append(f"  {number:2} {call} = {tell(call, here)}")
            else:
                lines.append(f"  {number:2} {call}")
                lines.append(f"       model:    {tell(call, here)}")
                lines.append(f"       Wasmtime: {tell(call, there)}")
    found = len(result.divergences)
    lines.append(
        f"{found} unexplained divergence{'s' if found != 1 else ''}"
        if found
        else "no unexplained divergence"
    )
    return "\n".join(lines)


def markdown(result: HostConformance, command: str) -> str:
    """The comparison as a page, with the command that made it."""
    rows = [f"| `{name}` | {count:,} |" for name, count in sorted(result.builtins.items())]
    traps = [f"| `{site}` | {count:,} |" for site, count in sorted(result.traps.items())]
    return "\n".join(
        [
            "## The model's host layer against Wasmtime",
            "",
            f"Generated by `{command}`.",
            "",
            "```text",
            report(result),
            "```",
            "",
            "Where the two differ and the model does not follow Wasmtime:",
            "",
            *(f"- {known.reason}" for known in EXPLAINED),
            "",
            "| builtin | calls |",
            "| --- | --- |",
            *rows,
            "",
            "| trap on both sides | times |",
            "| --- | --- |",
            *traps,
            "",
        ]
    )
