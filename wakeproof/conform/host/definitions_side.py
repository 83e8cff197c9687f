"""The builtins in the specification's own definitions: `definitions.py`, which is executed.

The file is a program in Python, so that it can be a reference like the others. It runs with the
rights of whoever starts it, and none of its text is part of Wakeproof. The component of
`conformance/host/host.wat` is played here by functions: each builtin is an export of the guest,
lifted synchronously from an async type, and a callee waits for the future that ends it.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from wakeproof.conform.abi_codes import EVENTS, EXIT, WAIT
from wakeproof.conform.host.builtins import BUILTINS, WAITS, Outcome
from wakeproof.errors import InputError
from wakeproof.util.text import read_text

HINT = "give design/mvp/canonical-abi/definitions.py of WebAssembly/component-model"
# what must be there to drive the definitions
NEEDED = (
    *("Store", "ComponentInstance", "CanonicalOptions", "FuncType", "StreamType", "FutureType"),
    *("MemInst", "Trap", "U8Type", "U32Type", "S64Type", "F32Type", "thread_local_handler"),
)
# the types of items by their names in text
ITEMS = {"u8": "U8Type", "u32": "U32Type", "s64": "S64Type", "f32": "F32Type"}
# how often the event loop turns before a call counts as blocked
TURNS = 100
MEMORY_BYTES = 256


class Ended(BaseException):
    """The sequence is over: raised in threads of the definitions that still wait."""


class StoppableLock:
    """A lock whose waiter can be ended."""

    def __init__(self, switch: Threads) -> None:
        self.switch = switch
        self.lock = threading.Lock()
        self.ended = False

    def acquire(self) -> None:
        """Take the lock. Raises `Ended` if the sequence ends meanwhile."""
        if self.lock.acquire(blocking=False):
            return
        self.switch.blocked.add(self)
        self.lock.acquire()
        self.switch.blocked.discard(self)
        if self.ended:
            raise Ended

    def release(self) -> None:
        """Let the waiter go on."""
        self.lock.release()


class Threads:
    """The threads of the definitions, of which one runs at a time.

    `failure` is what a thread raised that it did not handle: its resumer goes on all the same.
    """

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.blocked: set[StoppableLock] = set()
        self.failure: BaseException | None = None
        module.threading = SimpleNamespace(  # type: ignore[attr-defined]
            Lock=lambda: StoppableLock(self), Thread=self.thread, local=threading.local
        )

    def thread(self, target: Callable[[], None]) -> threading.Thread:
        """Return a thread that does not keep the process alive."""
        return threading.Thread(target=self.run, args=(target,), daemon=True)

    def run(self, target: Callable[[], None]) -> None:
        """Run a thread to its end; if it fails, go on in the one that resumed it."""
        try:
            target()
        except Ended:
            return
        except BaseException as error:
            self.failure = error
            handler = self.module.thread_local_handler.value
            handler.cont = handler.block_arg = handler.switch_to = None
            handler.lock.release()

    def end(self) -> None:
        """End the threads that wait."""
        # those that end take themselves out of the set that is there when they run
        ended, self.blocked = self.blocked, set()
        for lock in ended:
            lock.ended = True
            lock.release()
        self.failure = None


class Definitions:
    """The definitions, loaded once. Raises `InputError` if they cannot be executed or driven."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.module = load_definitions(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self.name = f"{path.name} (SHA-256 {digest[:12]})"
        self.threads = Threads(self.module)
        self.try_out()

    def try_out(self) -> None:
        """Make one call. Raises `InputError` if it fails."""
        try:
            trap = self.fresh("u8").call("waitable-set.new", ()).trap
        except Exception as error:
            trap = f"{type(error).__name__}: {error}"
        if trap:
            raise InputError(f"cannot be driven: {trap}", where=str(self.path), hint=HINT)

    def fresh(self, payload: str) -> DefinitionsInstance:
        """Make an instance in a store of its own, and end the threads of the one before."""
        self.threads.end()
        return DefinitionsInstance(self, payload)

    def place_of(self, error: BaseException) -> str:
        """Return the function and the line of the definitions where an error was raised."""
        frames = [
            (frame.f_code.co_qualname, line)
            for frame, line in traceback.walk_tb(error.__traceback__)
            if frame.f_code.co_filename == str(self.path)
        ]
        places = [(n, line) for n, line in frames if n not in ("trap", "trap_if")] or [
            ("no function", 0)
        ]
        return "{}, line {}".format(*places[-1])


def load_definitions(path: Path) -> ModuleType:
    """Execute the definitions. Raises `InputError` if they fail or lack what is needed."""
    text = read_text(path, hint=HINT)
    module = ModuleType("wakeproof_definitions")
    # its dataclasses look their module up
    sys.modules[module.__name__] = module
    try:
        exec(compile(text, str(path), "exec"), module.__dict__)
    except Exception as error:
        lines = [n for _, n in traceback.walk_tb(error.__traceback__)]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1]
        raise InputError(
            f"cannot be executed: {type(error).__name__}: {error}",
            where=f"{path}:{line}",
            hint=HINT,
        ) from None
    builtins = (b.specified for n, b in BUILTINS.items() if "call" not in n and "pass" not in n)
    missing = [name for name in (*NEEDED, *builtins) if not hasattr(module, name)]
    if missing:
        raise InputError(
            f"not the definitions of the Canonical ABI: no {missing[0]}", where=str(path), hint=HINT
        )
    return module


class Choices:
    """The definitions' random choices: the wanted event, else what waited longest."""

    def __init__(self, instance: DefinitionsInstance) -> None:
        self.instance = instance

    def shuffle(self, waitables: list[Any]) -> None:
        """Put the waitable first whose event is wanted."""
        array, wanted = self.instance.guest.handles.array, self.instance.wanted
        first = array[wanted] if 0 < wanted < len(array) else None
        waitables.sort(key=lambda waitable: waitable is not first)

    def choice(self, threads: list[Any]) -> Any:
        """Choose the thread that waited longest."""
        return min(threads, key=self.instance.store.waiting.index)

    def randint(self, low: int, high: int) -> int:
        """Choose to wait, though the condition may hold already: others go first."""
        return low


class DefinitionsInstance:
    """One instance of the guest and its callee; `wanted` is the handle whose event is wanted."""

    def __init__(self, definitions: Definitions, payload: str) -> None:
        self.definitions = definitions
        d = self.d = definitions.module
        d.random = Choices(self)  # type: ignore[attr-defined]
        self.store = d.Store()
        self.guest = d.ComponentInstance(self.store)
        self.callee = d.ComponentInstance(self.store)
        self.memory = d.MemInst(bytearray(MEMORY_BYTES), "i32")
        item = getattr(d, ITEMS[payload])() if payload else None
        self.types = {"stream_t": d.StreamType(item), "future_t": d.FutureType(item)}
        self.async_options = d.CanonicalOptions(memory=self.memory, async_=True)
        self.sync_options = d.CanonicalOptions(memory=self.memory)
        self.stackful = d.CanonicalOptions(async_=True)
        self.wanted = 0
        # what a callee does that is cancelled, and which callees give up when they end
        self.answer = 0
        self.writers: dict[int, int] = {}
        self.giving_up: set[int] = set()
        # the results of calls that have waited
        self.waited: list[Outcome] = []

    def call(self, name: str, arguments: Sequence[int], seen: Outcome | None = None) -> Outcome:
        """Call a builtin; arguments and outcome are those of the exports on Wasmtime.

        Where the definitions may deliver one of several events, they deliver the one that `seen`
        has, if that is there.
        """
        given = (seen.value, seen.after or 0) if seen else (0, 0)
        self.wanted = next((n >> 32 & 0xFFFF for n in given if n >> 56), 0)
        outcomes: list[Outcome] = []
        before = len(self.waited)
        waits = BUILTINS[name].waits

        def core(_: list[int]) -> list[int]:
            into = self.waited if waits else outcomes
            try:
                into.append(Outcome(self._perform(name, arguments)))
            except self.d.Trap as trap:
                into.append(Outcome(trap=self.definitions.place_of(trap)))
            if waits:
                self.d.canon_task_return([], self.stackful, [])
            return []

        threads = self.definitions.threads
        try:
            self._run_task(core, waits)
            self._let_go_on()
        except (self.d.Trap, Exception) as error:
            threads.failure = threads.failure or error
        if threads.failure is not None:
            place = self.definitions.place_of(threads.failure)
            if isinstance(threads.failure, self.d.Trap):
                return Outcome(trap=place)
            kind, what = type(threads.failure).__name__, str(threads.failure)
            return Outcome(trap=f"{kind} in {place}" + (f": {what}" if what else ""))
        over = self.waited[before:]
        if waits:
            return over[0] if over else Outcome(WAITS)
        outcome = outcomes[0] if outcomes else Outcome(trap="the call blocks")
        if over and not outcome.trap:
            return Outcome(outcome.value, over[0].trap, None if over[0].trap else over[0].value)
        return outcome

    def _let_go_on(self) -> None:
        """Let the call that waits go on, if it can."""
        for _ in range(TURNS):
            ready = any(thread.ready() for thread in self.store.waiting)
            if not ready or self.definitions.threads.failure is not None:
                return
            self.store.tick()

    def _run_task(self, core: Callable[[list[int]], list[int]], stackful: bool) -> None:
        """Run an export of the guest, and others while it waits."""
        options = self.stackful if stackful else self.d.CanonicalOptions()
        lifted = self.store.lift(core, self._type(), options, self.guest)
        resolved: list[Any] = []
        self.store.invoke(lifted, lambda: [], resolved.append)
        for _ in range(TURNS):
            ready = any(thread.ready() for thread in self.store.waiting)
            if resolved or not ready or self.definitions.threads.failure is not None:
                return
            self.store.tick()

    def _type(self, async_: bool = True) -> Any:
        """Return the type of a function without parameters and result."""
        return self.d.FuncType([], [], async_=async_)

    def _perform(self, name: str, arguments: Sequence[int]) -> int:
        """Do what the export does. Raises `Trap` of the definitions."""
        match name:
            case "call import":
                return self._call_import(*arguments)
            case "callee.finish" | "callee.give-up":
                if name == "callee.give-up":
                    self.giving_up.add(arguments[0])
                self._in_callee(lambda: self._finish(*arguments))
                self._builtin("canon_thread_yield")
                return 0
            case "callee.gate":
                gate = "canon_backpressure_inc" if arguments[0] else "canon_backpressure_dec"
                self._in_callee(lambda: self._builtin(gate))
                self._builtin("canon_thread_yield")
                return 0
            case "stream.pass" | "future.pass":
                return self._pass(name.partition(".")[0], *arguments)
            case "subtask.cancel" | "subtask.cancel-sync" | "subtask.cancel-async":
                self.answer = arguments[1] if len(arguments) > 1 else 2
                waits = not name.endswith("-async")
                return self._builtin(BUILTINS[name].specified, arguments[0], sync=waits)
            case "waitable-set.poll" | "waitable-set.wait":
                event = self._builtin(BUILTINS[name].function, arguments[0], 0)
                words = [int.from_bytes(self.memory.bytes[n : n + 4], "little") for n in (0, 4)]
                return event << 56 | words[0] << 32 | words[1]
        sync = ".cancel-" in name or name.endswith("-sync")
        return self._builtin(BUILTINS[name].specified, *arguments, sync=sync)

    def _builtin(self, function: str, *arguments: int, sync: bool = False, **types: Any) -> int:
        """Call a builtin of the definitions; their options come by the names of parameters."""
        builtin = getattr(self.d, function)
        options: dict[str, Any] = {
            **self.types,
            **types,
            "opts": self.sync_options if sync else self.async_options,
            "mem": self.memory,
            "async_": not sync,
            "cancellable": False,
        }
        given = [options[name] for name in inspect.signature(builtin).parameters if name in options]
        results = builtin(*given, *arguments)
        return int(results[0]) if results else 0

    # --- the callee -----------------------------------------------------------------------------

    def _in_callee(self, core: Callable[[], object]) -> None:
        """Call an export of the callee of synchronous type."""

        def export(_: list[int]) -> list[int]:
            core()
            return []

        kind, options = self._type(async_=False), self.d.CanonicalOptions()
        lifted = self.store.lift(export, kind, options, self.callee)
        self.store.lower(lifted, kind, options, self.guest)([])

    def _call_import(self, number: int, at_once: int) -> int:
        """Call the callee's `work`, which answers at once or waits for a future."""
        future = self.d.FutureType(None)
        sets: list[int] = []

        def leave() -> list[int]:
            self.d.canon_task_return([], options, [])
            return [EXIT]

        def work(_: list[int]) -> list[int]:
            if at_once:
                return leave()
            wset = self._builtin("canon_waitable_set_new")
            sets.append(wset)
            ends = self._builtin("canon_future_new", future_t=future)
            reader, self.writers[number] = ends & 0xFFFF_FFFF, ends >> 32
            self._builtin("canon_future_read", reader, 0, future_t=future)
            self._builtin("canon_waitable_join", reader, wset)
            return [wset << 4 | WAIT]

        def callback(event: list[int]) -> list[int]:
            cancelled = event[0] == EVENTS["CANCEL"]
            if cancelled and self.answer == 2:
                return [sets[0] << 4 | WAIT]
            if number in self.giving_up or (cancelled and self.answer == 0):
                self.d.canon_task_cancel()
                return [EXIT]
            return leave()

        options = self.d.CanonicalOptions(async_=True, callback=callback)
        lifted = self.store.lift(work, self._type(), options, self.callee)
        lowered = self.store.lower(lifted, self._type(), self.async_options, self.guest)
        (packed,) = lowered([])
        return int(packed)

    def _pass(self, kind: str, end: int) -> int:
        """Give an end to the callee, which gives it back."""
        value = self.types[f"{kind}_t"]
        of = self.d.FuncType([value], [value], async_=False)
        options = self.d.CanonicalOptions()
        lifted = self.store.lift(lambda given: given, of, options, self.callee)
        (back,) = self.store.lower(lifted, of, options, self.guest)([end])
        assert back == end
        return 0

    def _finish(self, number: int) -> None:
        """Write the future for which a callee waits."""
        future = self.d.FutureType(None)
        self._builtin("canon_future_write", self.writers.get(number, 0), 0, future_t=future)
