"""Translate steps of the model into commands for the guest driver and its expected replies.

While a step of the model runs, a `Listener` records its builtins and calls of the C ABI. The
result is an `Act`: the command that makes the real runtime take the same step, the calls that it
must make, in order, with arguments and the results of the model's host, and where it must stand
after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wakeproof.conform.abi_codes import (
    EVENTS,
    EXIT,
    WAIT,
    YIELD,
)
from wakeproof.conform.guest.listener import Listener
from wakeproof.conform.guest.protocol import (
    Act,
    Expected,
)
from wakeproof.conform.guest.results import code_of_copy, result_word
from wakeproof.crates.actions import action_rows
from wakeproof.crates.releases import SOURCE, features_of, releases_of
from wakeproof.errors import InputError
from wakeproof.execution.machine import Machine
from wakeproof.language.primitives import WentWrong
from wakeproof.language.resolve import Resolved
from wakeproof.language.values import Run, Snapshot, Step
from wakeproof.scenario.instance import Instance

# steps of the host in which a thread begins, or goes on: their first argument is its task
BEGINS = (
    "call_export",
    "deliver_event",
    "resume_yielded",
    "request_cancellation",
    "deliver_pending_cancel",
)
GOES_ON = (*BEGINS, "waitable_set_wait", "end_cancel")
# the waker that is given to each poll
WAKERS = {
    "poll": "context",
    "call_import": "context",
    "poll_with_noop_waker": "noop",
    "call_import_with_noop_waker": "noop",
    "poll_with_program_waker": "program",
    "call_import_with_program_waker": "program",
}
# steps that give the result of an operation to the program
GIVES = (*WAKERS, "poll_with_waker_of", "cancel_operation")
RETURNS_OF_SYNC = ("return_sync_export", "return_sync_lifted_export")


class Script:
    """The model of one mix, step by step, as the driver takes part in it."""

    def __init__(self, resolved: Resolved, run: Run, releases: Mapping[str, str]) -> None:
        self.listener = Listener()
        self.machine = Machine(resolved, run, self.listener)
        self.listener.attach(self.machine)
        self.program = resolved.program
        self.enums = self.program.enums
        self.p = self.machine.namespace["p"]
        self.releases = releases
        self.rows = action_rows()
        # the export whose code ran last: its return must have a code
        self.export = 0

    @property
    def s(self) -> Any:
        """The state of the machine."""
        return self.machine.s

    def begin(self) -> tuple[list[Act], Snapshot]:
        """Return the commands before the first step, and the initial state.

        They choose the release of the imports and open the channels that are open at the start.
        """
        self.listener.recorded.clear()
        initial = self.machine.initial()
        calls = list(self.listener.recorded)
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
        """Take a step in the model, from the state `before`.

        Raises `GuardFailed` if it is not possible, and `InputError` for an action for which the
        driver has no command.
        """
        self.machine.load(before)
        command = self._command(step)
        lowest = self._lowest(step)
        waited = {frame for frame in self._waits() if frame[1] not in self._going_on(step)}
        self.listener.recorded.clear()
        heard = self._heard(step)
        if step.action == "finish_wake":
            # the callback in which the waker ran returns
            self.listener.recorded.append(Expected("ret", ()))
        wrong = None
        try:
            self.machine.namespace[step.action](*step.arguments)
        except WentWrong as error:
            wrong = error
        if command is not None:
            command = command.replace("EVENT", self.listener.event)
            if command == "CHANNEL":
                channel = int(step.arguments[0] or 0)
                back = step.action == "take_reader_back"
                command = self._receive("take-back", channel) if back else self._open(channel)
        recorded = tuple(self.listener.recorded)
        if step.action == "request_cancellation" and not recorded:
            # the host only notes it
            command = None
        if command is not None and lowest is not None:
            self.export = lowest
        alive = {task: bool(value) for task, value in enumerate(self.s.alive)}
        begun = {frame: place for frame, place in self._waits().items() if frame not in waited}
        result = self._result(step, heard or code_of_copy(recorded))
        place = self._place(step, lowest, begun, result)
        after = self.machine.save()
        reused = self._is_reused(recorded)
        return Act(step, command, recorded, place, wrong, after, alive, reused, lowest)

    # commands

    def _command(self, step: Step) -> str | None:
        """Make the command for a step, from the state before it."""
        if command := (
            self._export_command(step)
            or self._operation_command(step)
            or self._program_command(step)
        ):
            return command
        row = self.rows.get(step.action)
        if row is None:
            raise InputError(
                f"the guest driver has no command for the action {step.action}",
                hint=f"add a row to {SOURCE / 'actions.toml'}",
            )
        return None if row.driver is None else row.driver.format(*step.arguments)

    def _export_command(self, step: Step) -> str:
        """Make the command for a step in which the host calls an export; else empty."""
        arguments: tuple[Any, ...] = step.arguments
        match step.action, arguments:
            case "call_export", (task,):
                return f"start {self.releases['export']} {task + 1} {self.p.root[task]}"
            case "deliver_event", (task, _):
                return self._callback(task, "EVENT")
            case "resume_yielded", (task,):
                return self._callback(task, f"{EVENTS['NONE']} 0 0")
            case "request_cancellation" | "deliver_pending_cancel", (task,):
                return self._callback(task, f"{EVENTS['CANCEL']} 0 0")
        return ""

    def _operation_command(self, step: Step) -> str:
        """Make the command for a step of the program with an operation; else empty."""
        arguments: tuple[Any, ...] = step.arguments
        match step.action, arguments:
            case action, (operation, *_) if action in WAKERS:
                return self._poll(operation, WAKERS[action])
            case "poll_with_waker_of", (operation, future):
                return self._poll(operation, str(future))
            case "poll_completed", (operation,):
                return f"poll {operation} context keep - - -"
            case "make_operation", (operation,):
                return f"make {operation} {self._new(operation)}"
            case ("cancel_operation" | "cancel_completed", (operation,)):
                kind, channel, _ = self._new(operation).split()
                return f"cancel {operation} {self._keep()} {kind} {channel}"
            case ("drop_operation", (operation, _)) | ("drop_call_and_wait", (operation,)):
                return f"drop {operation}"
        return ""

    def _program_command(self, step: Step) -> str:
        """Make the command for another step of the program; empty if its row has it."""
        arguments: tuple[Any, ...] = step.arguments
        match step.action, arguments:
            case "keep_waker", ():
                return f"keep {self._polled()}"
            case "block_on", (task,):
                return f"block-on {self.releases['block_on']} {self.p.root[task]}"
            case "start_task_by_hand", (task,):
                return f"start-by-hand {self.releases['block_on']} {self.p.root[task]}"
            case "spawn_local", (future,):
                return f"spawn {future} {'keep' if self.p.keep_join_handles else 'detach'}"
            case "open_channel" | "take_reader_back", _:
                return "CHANNEL"
            case "hand_over_reader", (channel,):
                return f"hand-over {channel} {self._kind(channel)}"
        return ""

    def _polled(self) -> int | None:
        """Return the future that the task on top of the stack polls."""
        running = self.s.running
        return None if running is None else self.s.polling[running]

    def _callback(self, task: int, event: str) -> str:
        return f"callback {self.releases['export']} {task + 1} {event}"

    def _poll(self, operation: int, waker: str) -> str:
        new = self._new(operation) if self._is_free(operation) else "- - -"
        return f"poll {operation} {waker} {self._keep()} {new}"

    def _new(self, operation: int) -> str:
        kind = self.enums["OperationKind"][self.p.kind[operation]]
        what = "call" if kind == "SUBTASK" else kind.split("_")[1].lower()
        return f"{what} {self.p.channel[operation]} {self.p.items[operation]}"

    def _keep(self) -> str:
        return "keep" if self.p.keep_completed else "free"

    def _open(self, channel: int) -> str:
        """Make the command that opens a channel, or receives the reader from a peer."""
        remote = self.enums["Side"][self.p.remote[channel]]
        if remote == "WRITE":
            return self._receive("receive", channel)
        away = "away" if remote == "READ" else "both"
        return f"open {channel} {self._kind(channel)} {away}"

    def _receive(self, command: str, channel: int) -> str:
        """Make the command that receives a reader, from the state after the step."""
        handle = self.s.readable[channel]
        return f"{command} {channel} {self._kind(channel)} {0 if handle is None else handle + 1}"

    def _kind(self, channel: int) -> str:
        return "future" if self.p.is_future[channel] else "stream"

    def _is_reused(self, recorded: Sequence[Expected]) -> bool:
        """Whether the last call is a stale callback, to a slot that has a new owner."""
        if not recorded or recorded[-1].kind != "abi" or recorded[-1].words[0] != "callback":
            return False
        _, operation, _, word = recorded[-1].words
        if word != "stale":
            return False
        state = self.enums["OperationState"]
        return isinstance(operation, tuple) and state[self.s.state[operation[1]]] != "FREE"

    # threads

    def _going_on(self, step: Step) -> set[Any]:
        """Return the task with which a step of the host makes a thread begin or go on."""
        return {step.arguments[0]} if step.action in GOES_ON else set()

    def _lowest(self, step: Step) -> int | None:
        """Return the export whose code a step runs, from the state before it.

        None if no code of the guest runs, or that of an export that is no task.
        """
        task: int | None = next(iter(self._going_on(step)), self.s.running)
        caller: Sequence[int | None] = self.s.caller
        while task is not None and caller[task] is not None:
            task = caller[task]
        if task is None or step.action in BEGINS:
            return task
        role = self.enums["ExecutorRole"][self.s.executor_role[task]]
        return task if role == "EXPORT" else None

    def _waits(self) -> dict[tuple[str, int, str], tuple[str, ...]]:
        """Return the frames that wait in the host, and do not run, and the call of each.

        A task or an export that is no task waits on its set or for the callee of a call.
        """
        s, waits = self.s, self.enums["Phase"].index("BLOCKED_WAIT")
        found: dict[tuple[str, int, str], tuple[str, ...]] = {
            ("set", task, ""): ("call", "waitable-set.wait", str((s.waitable_set[task] or 0) + 1))
            for task, phase in enumerate(s.phase)
            if phase == waits and task != s.running
        }
        for field in ("given_up", "sync_given_up"):
            for frame, operation in enumerate(getattr(s, field, ())):
                if operation is not None:
                    place = ("call", "subtask.cancel", str((s.subtask[operation] or 0) + 1))
                    found[field, frame, str(operation)] = place
        return found

    # where the driver stands

    def _is_free(self, operation: int) -> bool:
        return self.enums["OperationState"][self.s.state[operation]] in ("FREE", "DONE")

    def _place(
        self,
        step: Step,
        lowest: int | None,
        begun: Mapping[tuple[str, int, str], tuple[str, ...]],
        result: str,
    ) -> tuple[str, ...]:
        """Return where the driver stands after a step, in which the thread of `lowest` has run.

        `begun` has the call in which the step suspends a frame, if it does; `result` is what the
        step gives to the program.
        """
        s, running = self.s, self.s.running
        if step.action in RETURNS_OF_SYNC:
            # its thread ends, even where the host then goes on with what it interrupted
            return ("at", "idle", "-")
        if running is None:
            if self.machine.namespace["sync_export_runs"]():
                return ("at", "sync", result)
            for place in begun.values():
                return place
            return ("at", "idle", "-" if lowest is None else self._answer(lowest))
        phase = self.enums["Phase"][s.phase[running]]
        wset = str((s.waitable_set[running] or 0) + 1)
        if phase == "BLOCKED_WAIT":
            return ("call", "waitable-set.wait", wset)
        if phase in ("BLOCKED_POLL", "SET_POLL"):
            return ("call", "waitable-set.poll", wset)
        if phase == "WAKING":
            return ("at", "wake", result)
        if phase == "DROPPING":
            dropped = self.machine.namespace["dropped_now"](running)
            return ("at", "drop", str(dropped), result)
        if phase == "YIELDED":
            # the loop of a `block_on` goes on by itself: the next turn sets its task
            return ("abi", "wasip3_task_set", "*")
        return ("at", "poll", str(s.polling[running]), result)

    def _heard(self, step: Step) -> str:
        """Return the code of which an operation that is polled or cancelled has heard already."""
        if step.action not in GIVES:
            return ""
        code = self.enums["Code"][self.s.code[step.arguments[0]]]
        return "" if code == "NONE" else code

    def _result(self, step: Step, code: str) -> str:
        """Return what a step gives to the program, `-` if nothing; `code` is that of a copy."""
        row = self.rows.get(step.action)
        if row is not None and row.pending:
            return "pending" if getattr(self.s, row.pending)[step.arguments[0]] else "ready"
        if step.action not in GIVES:
            return "-"
        operation = int(step.arguments[0] or 0)
        if not self._is_free(operation):
            return "pending"
        kind = self.enums["OperationKind"][self.p.kind[operation]]
        if kind == "SUBTASK":
            return "ready"
        # an end that is done is not copied on, and what was never started copies nothing
        code = code or ("CANCELLED_0" if step.action == "cancel_operation" else "DROPPED_0")
        return result_word(kind, code, self.p.items[operation])

    def _answer(self, task: int) -> str:
        """Return the code that the callback of the export returns; `*` if any."""
        s = self.s
        phase = self.enums["Phase"][s.phase[task]]
        if phase == "CANCELLING":
            return "*"
        if phase == "WAITING":
            return str(WAIT | (s.waitable_set[task] + 1) << 4)
        return str(YIELD if phase == "YIELDED" else EXIT)


class Unplayable(Exception):
    """The released crates cannot run an instance, for the reason that is the message."""


def script_of(
    instance: Instance, releases: Mapping[str, str] | None = None
) -> tuple[Script, tuple[str, ...]]:
    """Return the script of an instance, and the features with which the crates must be built.

    `releases` has by role the releases to run, in the place of those that the versions of the mix
    mirror. Raises `Unplayable` if a version mirrors none, or if the roles need different features.
    """
    try:
        releases = releases or releases_of(instance.model.sources, instance.mix)
    except InputError as error:
        raise Unplayable(error.what) from None
    features = features_of(instance.run.parameters)
    if features is None:
        raise Unplayable("the roles are built with different features")
    return Script(instance.resolved, instance.run, releases), features
