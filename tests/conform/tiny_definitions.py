"""A stand-in for the specification's `definitions.py`: it has waitable sets and nothing else.

Every other builtin traps. As in the specification, a call runs in a thread of its own, which hands
control back by a lock.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any


class Trap(BaseException):
    """A trap."""


def trap_if(condition: bool) -> None:
    if condition:
        raise Trap


class Record:
    """An object with the fields that it is given."""

    def __init__(self, *values: Any, **fields: Any) -> None:
        self.values = values
        self.__dict__.update(fields)


class MemInst:
    def __init__(self, content: bytearray, kind: str) -> None:
        self.bytes = content


class Handler:
    """The lock by which a thread hands control back."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


CanonicalOptions = FuncType = StreamType = FutureType = Record
U8Type = U32Type = S64Type = F32Type = Record
thread_local_handler = threading.local()


class Table:
    def __init__(self) -> None:
        self.array: list[Any] = [None]
        self.free: list[int] = []

    def add(self, entry: Any) -> int:
        index = self.free.pop() if self.free else len(self.array)
        self.array[index : index + 1] = [entry]
        return index

    def remove(self, index: int) -> None:
        trap_if(index >= len(self.array) or self.array[index] is None)
        self.array[index] = None
        self.free.append(index)


class ComponentInstance:
    def __init__(self, store: Store) -> None:
        self.handles = Table()


class Thread:
    """A call that runs until it ends or waits for its next turn."""

    def __init__(self, run: Callable[[], None]) -> None:
        self.handler = Handler()
        self.turn = threading.Lock()
        self.turn.acquire()
        self.run = run

    def start(self) -> None:
        self.handler.lock.acquire()
        threading.Thread(target=self.base).start()
        self.handler.lock.acquire()

    def base(self) -> None:
        thread_local_handler.value = self.handler
        self.run()
        self.handler.lock.release()

    def ready(self) -> bool:
        return True

    def wait(self) -> None:
        current.store.waiting.append(self)
        self.handler.lock.release()
        self.turn.acquire()

    def resume(self) -> None:
        current.thread = self
        self.turn.release()
        self.handler.lock.acquire()


class Current:
    """What runs."""

    instance: ComponentInstance
    thread: Thread
    store: Store


current = Current()


class Store:
    def __init__(self) -> None:
        self.waiting: list[Thread] = []

    def lift(self, core: Any, kind: Any, options: Any, instance: ComponentInstance) -> Any:
        return core, instance

    def invoke(self, lifted: Any, on_start: Any, on_resolve: Any) -> None:
        def run() -> None:
            lifted[0](on_start())
            on_resolve([])

        current.store, current.instance = self, lifted[1]
        current.thread = Thread(run)
        current.thread.start()

    def tick(self) -> None:
        chosen = random.choice(self.waiting)
        self.waiting.remove(chosen)
        chosen.resume()


def canon_waitable_set_new() -> list[int]:
    return [current.instance.handles.add("set")]


def canon_waitable_set_drop(index: int) -> list[int]:
    current.instance.handles.remove(index)
    return []


def canon_waitable_set_poll(mem: MemInst, index: int, at: int) -> list[int]:
    current.thread.wait()
    trap_if(index >= len(current.instance.handles.array))
    mem.bytes[at : at + 8] = bytes(8)
    return [0]


def __getattr__(name: str) -> Any:
    if not name.startswith("canon_"):
        raise AttributeError(name)

    def other(*arguments: Any) -> None:
        trap_if(True)

    return other
