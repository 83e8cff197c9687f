"""The model beside a component on Wasmtime, step by step.

Wasmtime decides which thread goes on when, and with which event; the model follows, if that step is
possible in it. What the program does and what happens outside, a `StepChooser` decides, among the
steps that are possible in the model. Every builtin is compared with its result, and all else as on
the native crates (`guest.player`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from wakeproof.conform.abi_codes import CODES, EVENTS, WAIT
from wakeproof.conform.component.circumstances import Circumstances
from wakeproof.conform.component.engine import Component
from wakeproof.conform.component.interface import (
    ACKNOWLEDGES,
    CALLEES,
    CALLERS,
    CANCEL,
    COPY,
    DROP,
    GIVE_UP_TURN,
    HANDED,
    LET_RETURN,
    LET_START,
    RETURN,
    RETURNS,
    START,
    SYNC,
    SYNC_LIFTED,
    TASKS,
    WAIT_FOR_ALL,
    WAITS_ON,
    ComponentBuiltin,
    Ended,
    Endless,
    Stopped,
)
from wakeproof.conform.component.known_bugs import (
    CANNOT_BLOCK,
    DEADLOCK,
    ENDLESS,
    MORE_TRAPS,
    NEVER_STARTED,
)
from wakeproof.conform.component.model_side import ModelSide
from wakeproof.conform.guest.panic_places import panic_place
from wakeproof.conform.guest.player import Parted, same_end, same_line, same_place
from wakeproof.conform.guest.protocol import AWAY, Act, Expected, RealNames, words_text
from wakeproof.conform.guest.script import Script
from wakeproof.conform.host.traps import TRAPS
from wakeproof.crates.wasmtime import reason_of
from wakeproof.language.primitives import WentWrong
from wakeproof.language.sites import Site
from wakeproof.language.values import Scalar, Step

# what a caller sees of a task that gave its result
RESOLVED_BY = {"task.return": "RETURNED", "task.cancel": "CANCELLED_BEFORE_RETURNED"}
RESOLVED = [CODES[name] for name in RESOLVED_BY.values()]
BEFORE_STARTED = "CANCELLED_BEFORE_STARTED"
# a step of the host in which the guest has no part, so that nothing is seen of it
UNSEEN = ("put_call_aside",)
# how many turns the caller may give up until Wasmtime takes the step that it has requested
TURNS = 50


class StepChooser(Protocol):
    """The choice of what the program does and what happens outside. `Stopped` ends the walk."""

    def program(self) -> Act:
        """Return the next step of the program."""

    def outside(self) -> Act | int:
        """Return the next step outside, or `GIVE_UP_TURN`, or `WAIT_FOR_ALL`."""

    def calls_directly(self) -> bool:
        """Whether the caller waits itself for the export of synchronous type that it now calls."""

    def took(self, act: Act) -> None:
        """Note a step that was taken, Wasmtime's too; raises to refuse it."""


class Follower:
    """The party of a component, beside the model. `calls` counts the builtins."""

    def __init__(self, script: Script, sites: Mapping[str, Site]) -> None:
        self.script = script
        self.sites = sites
        self.model = ModelSide(script)
        self.calls: Counter[str] = Counter()
        self.chooser: StepChooser

    def play(self, component: Component, chooser: StepChooser) -> Ended:
        """Run a walk to its end. Raises `Parted`, and what the chooser raises."""
        self.chooser = chooser
        self.names = RealNames(own_handles=True)
        self.circumstances = Circumstances(self.model)
        # the last step with a part of the guest, and the lines that the guest must still send in it
        self.act: Act | None = None
        self.left: list[Expected] = []
        # builtins that have not returned, without waits and polls, which are Wasmtime's choice
        self.under_way: list[Expected] = []
        # the step that the caller has requested and Wasmtime not taken, and the turns since
        self.requested: Act | None = None
        self.turns = 0
        # by handle, the callee of a call
        self.callee_of: dict[int, int] = {}
        # who calls the export of synchronous type next; by slot of the model, who has an open call
        self.sync_caller = 0
        self.sync_callers: dict[int, int] = {}
        self.panic: list[str] = []
        self.wrong: WentWrong | None = None
        # by task of the model, how it gave its result, as a code that its caller sees
        self.resolved: dict[int, int] = {}
        self.opening = self.model.begin()
        self.opening.reverse()
        try:
            ended = component.walk(self)
        except Endless as endless:
            raise Parted("an end", f"{ENDLESS}: {endless}") from None
        self._same_end(ended)
        return ended

    # --- steps of the model -----------------------------------------------------------------------

    def take(self, act: Act) -> None:
        """Take a step in the model; the guest must send the lines that it expects."""
        self.chooser.took(act)
        if act.wrong is not None and act.wrong.kind in ("bound", "undefined"):
            # the model cannot go on, or what happens is undefined
            self.wrong = act.wrong
            raise Stopped
        if act.born is not None:
            self.names.forget(act.born)
        waited = self.model.waited_events()
        self.model.state = act.after
        self.circumstances.note_taken_events(act.step, waited)
        self.turns = 0
        if act.command is not None:
            self.act = act
            self.left = list(reversed(act.expected))
        elif act.expected:
            raise Parted(
                words_text(act.expected[0].words), "nothing: the guest has no part in the step"
            )

    def follow(self, seen: str, action: str, *arguments: Scalar) -> Act:
        """Take the step that Wasmtime has taken. Raises `Parted` if it is not possible."""
        act = self.model.try_step(action, *arguments)
        if act is None and self._take_unseen():
            act = self.model.try_step(action, *arguments)
        if act is None:
            raise Parted(f"{action} is not possible here", f"Wasmtime: {seen}")
        self.take(act)
        return act

    def _take_unseen(self) -> bool:
        """Take a step of which nothing is seen; False if none is possible."""
        act = next(self.model.steps(UNSEEN), None)
        if act is not None:
            self.take(act)
        return act is not None

    def _handle_at(self, index: int) -> int:
        """Return the model's handle for an index of Wasmtime's table. Raises `Parted`."""
        handle = self.names.handle_at(str(index))
        if handle is None:
            raise Parted("unknown handle", f"handle {index}")
        return handle

    # --- lines of the guest -----------------------------------------------------------------------

    def receive(self, line: str) -> None:
        """Compare a call of the C ABI, or the end of an export."""
        words = line.split(" ")
        if words[0] == "panic":
            self.panic = words
        elif words[0] == "taken":
            channel = int(words[1])
            self.names.handle(self.model.load().readable[channel], words[2])
        elif words[0] == "at":
            self._stands(words)
        elif words[0] == "enter":
            self._enter_sync(line)
        else:
            if not self.left and words[:2] == ["abi", "wasip3_task_set"]:
                running = self.model.running()
                if running is not None and self.model.phase(running) == "YIELDED":
                    self.follow(line, "resume_block_on", running)
            expected = self.left[-1] if self.left else None
            self._same(words)
            if words[:2] == ["call", "lift"] and expected is not None:
                self._lifted(expected)

    def _lifted(self, expected: Expected) -> None:
        """Note that a reader leaves the table, or is about to trap."""
        (handle,) = (word[1] for word in expected.words if not isinstance(word, str))
        if expected.reply is not None:
            self.names.freed(handle)

    def answer(self, line: str) -> str:
        """Answer a guest that waits for a command."""
        words = line.split(" ")
        if words[:2] == ["at", "idle"]:
            # before the first step: what the walk begins with is opened
            self._nothing_left(words)
            return self._open() if self.opening else "done"
        if words[0] == "enter":
            return self._enter(words)
        self._stands(words)
        while True:
            act = self.chooser.program()
            self.take(act)
            if act.command:
                return act.command

    def _open(self) -> str:
        act = self.opening.pop()
        self.act = act
        self.left = list(reversed(act.expected))
        return act.command or ""

    def _enter(self, words: list[str]) -> str:
        """Follow a call or callback of an export, and return its command."""
        self._nothing_left(words)
        task, seen = int(words[2]) - 1, " ".join(words)
        if words[1] == "start":
            self.requested = None
            act = self.follow(seen, "call_export", task)
            assert act.command is not None
            return act.command
        event, waitable, code = words[3:]
        if event == str(EVENTS["NONE"]):
            act = self.follow(seen, "resume_yielded", task)
        elif event == str(EVENTS["CANCEL"]):
            act = self._enter_cancelled(task, seen)
        else:
            act = self.follow(seen, "deliver_event", task, self._handle_at(int(waitable)))
        assert act.command is not None
        command = act.command.split(" ")
        _, release, number, model_event, _, model_code = command
        if (model_event, model_code) != (event, code):
            raise Parted(f"event {model_event} {model_code}", f"event {event} {code}")
        return " ".join(["callback", release, number, event, waitable, code])

    def _enter_cancelled(self, task: int, seen: str) -> Act:
        """Follow a callback that cancels a task: the caller asks for it now, or did before."""
        requested = self.requested
        if requested is None or requested.step != Step("request_cancellation", (task,)):
            return self.follow(seen, "deliver_pending_cancel", task)
        self.requested = None
        return self.follow(seen, "request_cancellation", task)

    def _enter_sync(self, seen: str) -> None:
        """Follow a call of an export that is no callback task, which was requested."""
        self._nothing_left([seen])
        requested, self.requested = self.requested, None
        if requested is None:
            raise Parted("no call", seen)
        self.follow(seen, *_named(requested.step))
        if requested.step.action == "call_sync_export":
            self.sync_callers[self.model.running_slot()] = self.sync_caller

    def _nothing_left(self, received: list[str]) -> None:
        if self.left:
            expected = self.left[-1]
            raise Parted(f"{expected.kind} {words_text(expected.words)}", " ".join(received))

    def _stands(self, received: list[str]) -> None:
        """Compare where the guest stands with where the step must leave it."""
        self._nothing_left(received)
        assert self.act is not None
        place, wrong = list(self.act.place), self.act.wrong
        if wrong is not None:
            if wrong.kind == "trap" and received == ["at", "idle", "0"]:
                # the export ends without having returned
                return
            raise Parted(f"{wrong.kind} at {wrong.site}", " ".join(received))
        if place[:2] == ["at", "idle"] and place[-1].isdigit() and int(place[-1]) & 0xF == WAIT:
            handle = (int(place[-1]) >> 4) - 1
            place[-1] = str(WAIT | int(self.names.handle(handle) or 0) << 4)
        same_place(place, received)

    def _same(self, received: list[str]) -> None:
        """Compare a line with the one that the model expects next."""
        assert self.act is not None
        if not self.left:
            wrong = self.act.wrong
            what = f"{wrong.kind} at {wrong.site}" if wrong else " ".join(self.act.place)
            raise Parted(what, " ".join(received))
        expected = self.left.pop()
        same_line(expected, received, self.names, self.act.alive)
        if expected.kind != "ret":
            self.calls[str(expected.words[0])] += 1

    # --- builtins ---------------------------------------------------------------------------------

    def builtin_called(self, builtin: ComponentBuiltin, arguments: tuple[int, ...]) -> None:
        """Compare a call of a builtin with the next one of the model."""
        received = ["call", builtin.name, *map(str, arguments)]
        if not self.left and builtin.waits:
            self._waits(received)
            return
        expected = self.left[-1] if self.left else None
        if expected is not None and expected.words[-1] == "trap":
            received.append("trap")
        self._same(received)
        assert expected is not None
        if expected.reply is None:
            # it must trap: the guest sends nothing more
            self.left.clear()
            self.under_way.append(expected)
            return
        if builtin.name in ("task.return", "task.cancel"):
            assert self.act is not None
            assert self.act.export is not None
            self.resolved[self.act.export] = CODES[RESOLVED_BY[builtin.name]]
        if builtin.name.endswith((".read", ".write")):
            handle = next(word[1] for word in expected.words if not isinstance(word, str))
            assert self.act is not None
            self.circumstances.note_copy(handle, self.act.export)
        if ".drop" in builtin.name:
            (handle,) = (w[1] for w in expected.words if not isinstance(w, str))
            self.names.freed(handle)
        if builtin.gives and not builtin.name.startswith("context"):
            self.under_way.append(expected)

    def _waits(self, received: list[str]) -> None:
        """Compare a call before which the model stands: a wait, or one that will wait."""
        assert self.act is not None
        place = list(self.act.place)
        if place[:2] != received[:2]:
            raise Parted(" ".join(place), " ".join(received))
        number = self.names.handle(int(place[2]) - 1) if place[2] != "0" else "0"
        if number != received[2]:
            raise Parted(f"{place[1]} of handle {number}", " ".join(received))
        self.calls[received[1]] += 1

    def builtin_returned(
        self, builtin: ComponentBuiltin, values: tuple[int, int, int], handle: int
    ) -> None:
        """Compare the result of a builtin with that of the model."""
        received = [str(value) for value in values]
        if builtin.gives == "event":
            expected = self._answered(builtin, received, handle)
        elif builtin.waits and (step := self._end_of_drop(handle)) is not None:
            self._nothing_left([builtin.name, *received])
            self.follow(f"{builtin.name} gives {received[0]}", *_named(step))
            expected = self.left.pop()
        else:
            expected = self.under_way.pop()
        if expected.reply is None:
            raise Parted(f"{builtin.name} traps", f"{builtin.name} gives {' '.join(received)}")
        if builtin.name == "call-import":
            received = [str(values[0] & 0xF), str(values[0] >> 4)]
            self._call_goes_to(expected)
        if builtin.name == "subtask.cancel" and received[0] == str(CODES[BEFORE_STARTED]):
            self.circumstances.happened.add(NEVER_STARTED)
        assert self.act is not None
        for word, other in zip(expected.reply, received, strict=False):
            if word == str(AWAY):
                # an end that a peer gets at once
                continue
            if not self.names.agree(word, other, self.act.alive):
                gives = f"{builtin.name} gives"
                raise Parted(
                    f"{gives} {words_text(expected.reply)}", f"{gives} {' '.join(received)}"
                )

    def _answered(self, builtin: ComponentBuiltin, received: list[str], wset: int) -> Expected:
        """Follow the return of a wait or poll, whose result is Wasmtime's choice."""
        self._nothing_left([builtin.name, *received])
        seen = f"{builtin.name} gives {' '.join(received)}"
        task = self.model.running()
        if task is None:
            task = self.model.waits_on(self._handle_at(wset))
        if task is None:
            raise Parted("nothing waits", seen)
        event, index, _ = received
        handle = self._handle_at(int(index)) if event != "0" else None
        action = {
            "SET_POLL": "waitable_set_poll",
            "BLOCKED_POLL": "waitable_set_poll_of_block_on",
            "BLOCKED_WAIT": "waitable_set_wait",
        }[self.model.phase(task)]
        self.follow(seen, action, task, handle)
        return self.left.pop()

    def _end_of_drop(self, index: int) -> Step | None:
        """Return the step with which a drop goes on that waits for the call of this handle."""
        return self.model.end_of_drop(self._handle_at(index))

    # --- callees ----------------------------------------------------------------------------------

    def choose_callee(self) -> int:
        """Return a callee without a call, for the one that the model makes."""
        busy = {k for handle, k in self.callee_of.items() if self.model.is_open_call(handle)}
        free = [k for k in range(CALLEES) if k not in busy]
        if not free:
            raise Stopped
        self.calling = free[0]
        return free[0] | (256 if self._answer_of_call() == "STARTING" else 0)

    def _answer_of_call(self) -> str:
        """Return the state that the call reaches at once."""
        assert self.act is not None
        answer = self.act.step.arguments[1]
        return self.model.enums["SubtaskState"][int(answer or 0)]

    def _call_goes_to(self, expected: Expected) -> None:
        assert expected.reply is not None
        word = expected.reply[1]
        if not isinstance(word, str):
            self.callee_of[word[1]] = self.calling

    def _call_of(self, callee: int) -> int | None:
        """Return the handle of the open call of a callee."""
        for handle, k in self.callee_of.items():
            if k == callee and self.model.is_open_call(handle):
                return handle
        return None

    def callee_started(self, callee: int) -> bool:
        """Follow the start of a callee: in the call of the model, or later, which is a step."""
        call = self.under_way[-1] if self.under_way else None
        if call is not None and call.words[0] == "call-import":
            return self._answer_of_call() == "RETURNED"
        handle = self._call_of(callee)
        if handle is None:
            raise Parted("no call", "a callee starts")
        self.requested = None
        self.follow("a callee starts", "subtask_progress", handle)
        return False

    def callee_resumed(self, callee: int, event: int) -> int:
        """Follow a callee: it returns, acknowledges a cancellation, or is silent at first."""
        if event == EVENTS["CANCEL"]:
            assert self.act is not None
            if self.act.step.action == "drop_call_and_wait":
                return WAITS_ON
            return RETURNS if self.act.step.arguments[1] else ACKNOWLEDGES
        handle = self._call_of(callee)
        requested, self.requested = self.requested, None
        if handle is None:
            raise Parted("no call", "a callee returns")
        if requested is not None and requested.step.action == "acknowledge_cancel":
            self.follow("a callee acknowledges", "acknowledge_cancel", handle)
            return ACKNOWLEDGES
        self.follow("a callee returns", "subtask_progress", handle)
        return RETURNS

    # --- the caller -------------------------------------------------------------------------------

    def next_command(self) -> int:
        """Return the next command of the caller. Raises `Parted` if it must not run."""
        if self._is_mid_step():
            return self._give_up_turn()
        if not self.model.function("outside_runs")() and not self._take_unseen():
            raise Parted("a thread of the instance has to go on", "the caller goes on")
        chosen = self.chooser.outside()
        if chosen == GIVE_UP_TURN:
            return self._give_up_turn()
        if chosen == WAIT_FOR_ALL:
            return RETURN if self.model.all_ended() else WAIT_FOR_ALL
        assert isinstance(chosen, Act)
        return self._bring_about(chosen)

    def _is_mid_step(self) -> bool:
        """Whether the guest is in a builtin that waits for a callee, or a request is open."""
        return bool(self.left or self.under_way or self.requested is not None)

    def _give_up_turn(self) -> int:
        self.turns += 1
        if self.turns > TURNS:
            step = None if self.requested is None else _named(self.requested.step)
            what = "a step of the host" if step is None else " ".join(map(str, step))
            raise Parted(what, f"nothing in {TURNS} turns of the event loop")
        return GIVE_UP_TURN

    def _bring_about(self, act: Act) -> int:
        """Return the command that brings a step outside about.

        The model takes the step at once, or when Wasmtime does: then it is requested.
        """
        name, arguments = act.step.action, act.step.arguments
        first = int(arguments[0] or 0) if arguments else 0
        match name:
            case "call_export":
                self.requested = act
                return START | (first + 1) << 8
            case "call_sync_lifted_export":
                self.requested = act
                return SYNC_LIFTED
            case "call_sync_export":
                self.requested = act
                self.sync_caller = self._free_sync_caller()
                return SYNC | self.sync_caller << 8
            case "request_cancellation":
                self.circumstances.note_cancellation(first)
                if act.command is None:
                    # it is delivered later
                    self.take(act)
                else:
                    self.requested = act
                return CANCEL | (first + 1) << 8
            case "peer_copy":
                self.take(act)
                return COPY | first << 8
            case "peer_drop":
                self.take(act)
                return DROP | first << 8
            case "drop_handed_reader":
                self.take(act)
                return DROP | (first + HANDED) << 8
        # a callee may go on, and reports when it does
        assert name in ("subtask_progress", "acknowledge_cancel")
        self.requested = act
        what = LET_START if self.model.subtask_state(first) == "STARTING" else LET_RETURN
        return what | self.callee_of[first] << 8

    def _free_sync_caller(self) -> int:
        """Return a caller of the export of synchronous type whose call is not open.

        `CALLERS` is the caller of everything else.
        """
        if self.chooser.calls_directly():
            return CALLERS
        used = self.model.used_slots()
        busy = {caller for slot, caller in self.sync_callers.items() if slot in used}
        return next(k for k in range(CALLERS) if k not in busy)

    def caller_saw(self, what: int, task: int, value: int) -> None:
        """Compare how the caller sees a task resolved with how the model's task resolved it."""
        expected = self.resolved.get(task - 1)
        if value in RESOLVED and value != expected and 0 < task <= TASKS:
            raise Parted(f"the caller sees {expected}", f"the caller sees {value}")

    # --- the end ----------------------------------------------------------------------------------

    def _same_end(self, ended: Ended) -> None:
        """Compare the end of the walk with the last step of the model. Raises `Parted`."""
        if ended.how == "stopped":
            return
        wrong = self.wrong = self.act.wrong if self.act is not None else None
        if self.panic:
            self._nothing_left(self.panic)
            place = panic_place(self.panic[1])
            same_end(wrong, self.panic, self.sites, self.script.releases, place)
            return
        if ended.how == "returns":
            return
        reason = reason_of(ended.message)
        if wrong is None:
            wrong = self.wrong = self._trap_of_host(reason)
        if wrong is not None:
            self._same_trap(wrong, reason)
        elif reason == (CANNOT_BLOCK if self.model.may_not_suspend() else DEADLOCK):
            if (name := self.model.possible_host_action()) is not None:
                raise Parted(f"{name} is possible", reason)
        else:
            raise Parted("goes on", reason)

    def _same_trap(self, wrong: WentWrong, reason: str) -> None:
        self._nothing_left([reason])
        if not _traps_so(wrong, reason):
            raise Parted(f"{wrong.kind} at {wrong.site}", reason)

    def _trap_of_host(self, reason: str) -> WentWrong | None:
        """Take a step of the host that traps for this reason; None without one."""
        for act in self.model.steps(self.model.host_actions):
            if act.wrong is not None and _traps_so(act.wrong, reason):
                self.take(act)
                self.left.clear()
                return act.wrong
        return None


def _traps_so(wrong: WentWrong, reason: str) -> bool:
    """Whether Wasmtime gives this reason for a trap."""
    known = (*TRAPS.get(wrong.site, ()), *MORE_TRAPS.get(wrong.site, ()))
    return wrong.kind == "trap" and any(message in reason for message in known)


def _named(step: Step) -> tuple[str, *tuple[Scalar, ...]]:
    return (step.action, *step.arguments)
