"""Translate steps of the model into commands for the guest driver and its expected replies.

A step of the model runs with its builtins and C ABI calls listened to. Out come the command that
makes the real runtime take the same step, the calls that it must make, in order, with arguments
and with the results that the model's host gives, and where it must stand afterwards.
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
    Word,
    spell,
)
from wakeproof.crates.actions import action_rows
from wakeproof.crates.releases import SOURCE
from wakeproof.errors import InputError
from wakeproof.execution.machine import Machine
from wakeproof.language.primitives import WentWrong
from wakeproof.language.resolve import Resolved
from wakeproof.language.values import Run, Snapshot, Step


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


def format_words(words: Sequence[Word]) -> str:
    """Words as text, for a message."""
    return " ".join(map(spell, words))
