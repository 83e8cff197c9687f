"""The model in a walk of a component: its state, and the steps that are possible in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from wakeproof.conform.guest.protocol import Act
from wakeproof.conform.guest.script import Script
from wakeproof.execution.enabled_steps import enumerators
from wakeproof.language.model import Model
from wakeproof.language.primitives import GuardFailed
from wakeproof.language.values import Scalar, Snapshot, Step

# the host that mirrors the Wasmtime that components run on
HOST = "wasmtime_50"
# steps outside of the component that the caller can bring about
OUTSIDE = (
    "call_export",
    "request_cancellation",
    "call_sync_export",
    "call_sync_lifted_export",
    "peer_copy",
    "peer_drop",
    "drop_handed_reader",
    "subtask_progress",
    "acknowledge_cancel",
)


def on_wasmtime(model: Model) -> Model:
    """Return the model with the host that is Wasmtime, if it has that one."""
    return model.with_host(HOST) if HOST in model.hosts else model


class ModelSide:
    """The state of the model in a walk."""

    def __init__(self, script: Script) -> None:
        self.script = script
        # by action, a function that lists the arguments with which it may be possible
        self.listing = {name: listing for name, listing, _ in enumerators(script.machine)}
        self.enums = script.enums
        self.state: Snapshot
        actors = {f.name: f.marks["action"] for f in script.machine.actions}
        outside = {name for name, actor in actors.items() if actor == "peer"} | set(OUTSIDE)
        self.outside_actions = outside
        self.host_actions = [n for n, a in actors.items() if a == "host" and n not in outside]
        self.program_actions = [n for n, a in actors.items() if a == "program"]

    def begin(self) -> list[Act]:
        """Go to the initial state; returns the commands before the first step."""
        acts, self.state = self.script.begin()
        return acts

    def load(self) -> Any:
        """Return the fields of the state."""
        self.script.machine.load(self.state)
        return self.script.s

    def function(self, name: str) -> Callable[..., Any]:
        """Return a function of the model, which reads the state."""
        self.load()
        found: Callable[..., Any] = self.script.machine.namespace[name]
        return found

    def try_step(self, action: str, *arguments: Scalar) -> Act | None:
        """Return the step, or None if it is not possible in this state."""
        try:
            return self.script.act(self.state, Step(action, arguments))
        except GuardFailed:
            return None

    def steps(self, actions: Iterable[str]) -> Iterator[Act]:
        """Yield the steps of these actions that are possible in this state."""
        self.load()
        found = [(name, self.listing[name]()) for name in actions]
        for name, rows in found:
            for arguments in rows:
                act = self.try_step(name, *arguments)
                if act is not None:
                    yield act

    def possible_host_action(self) -> str | None:
        """Return an action of the host that may be possible in this state, if there is one."""
        self.load()
        possible = (name for name in self.host_actions if self.listing[name]())
        return next(possible, None)

    def phase(self, task: int) -> str:
        """Return the phase of a task."""
        return str(self.enums["Phase"][self.load().phase[task]])

    def running(self) -> int | None:
        """Return the task that runs, None if none does."""
        running: int | None = self.load().running
        return running

    def waits_on(self, wset: int) -> int | None:
        """Return the task that waits in the host on this set, None if none does."""
        sets = self.load().waitable_set
        return next(
            (t for t, own in enumerate(sets) if own == wset and self.phase(t) == "BLOCKED_WAIT"),
            None,
        )

    def end_of_drop(self, handle: int) -> Step | None:
        """Return the step that ends a drop which waits for the call of this handle, if one does."""
        s = self.load()
        for field, action in (
            ("given_up", "end_cancel"),
            ("sync_given_up", "end_cancel_of_sync_export"),
        ):
            for frame, operation in enumerate(getattr(s, field, ())):
                if operation is not None and s.subtask[operation] == handle:
                    return Step(action, (frame,))
        return None

    def running_slot(self) -> int:
        """Return the slot of the export of synchronous type that runs."""
        return int(getattr(self.load(), "sync_running", 0) or 0)

    def used_slots(self) -> set[int]:
        """Return the slots of exports of synchronous type that have a call."""
        s = self.load()
        states = getattr(s, "sync_state", [s.sync_export])
        return {slot for slot, state in enumerate(states) if state}

    def may_not_suspend(self) -> bool:
        """Whether a call of synchronous type is in progress, so that a wait needs a switch."""
        return bool(getattr(self.load(), "do_not_suspend", False))

    def is_starting(self) -> bool:
        """Whether the caller of the code that runs goes on only when that first waits."""
        return bool(getattr(self.load(), "starting", False))

    def all_ended(self) -> bool:
        """Whether every task that was called has ended."""
        s, ended = self.load(), self.enums["Phase"].index("ENDED")
        nothing_runs = self.script.machine.namespace["nothing_runs"]()
        return nothing_runs and all(s.phase[task] == ended for task in range(len(s.phase)))

    def subtask_state(self, handle: int) -> str:
        """Return the state of the subtask with this handle."""
        return str(self.enums["SubtaskState"][self.load().subtask_state[handle]])

    def is_open_call(self, handle: int) -> bool:
        """Whether the handle is that of a call whose callee has not returned."""
        kind = self.enums["HandleKind"][self.load().slot[handle]]
        return kind == "SUBTASK" and self.subtask_state(handle) in ("STARTING", "STARTED")

    def waited_events(self) -> dict[tuple[int, int], str]:
        """Return which tasks wait for which pending events: the phase, by task and handle."""
        deliverable = self.function("deliverable")
        s = self.script.s
        phases = [self.enums["Phase"][phase] for phase in s.phase]
        return {
            (task, handle): phase
            for task, phase in enumerate(phases)
            if phase in ("WAITING", "BLOCKED_WAIT")
            for handle in range(len(s.slot))
            if deliverable(task, handle)
        }
