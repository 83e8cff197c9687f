"""The model beside a component on Wasmtime, step by step.

Wasmtime decides who is called back when, and with which event; the model follows, if it may. What
the program does, and what happens outside, a `Chooser` decides, among the steps that the model
allows. Every builtin is compared with its result, and all else as in `guest_player`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import (
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from typing import Protocol

from wakeproof.conform.abi_codes import CODES, EVENTS, WAIT
from wakeproof.conform.component.engine import Component
from wakeproof.conform.component.interface import (
    CALLEES,
    TASKS,
    Builtin,
    Ended,
    Endless,
    Stopped,
)
from wakeproof.conform.component.known_bugs import (
    COPY_OUTLIVES,
    DEADLOCK,
    DURING_SYNC,
    ENDLESS,
    EVENT_TAKEN,
    EVENT_TAKEN_FROM_WAIT,
    KNOWN_BUGS,
    LATE_CANCEL,
    MORE_TRAPS,
    NEVER_STARTED,
    YIELDED_CANCELLED,
)
from wakeproof.conform.guest.player import Parted, same_end, same_line
from wakeproof.conform.guest.protocol import (
    AWAY,
    Act,
    Expected,
    Names,
)
from wakeproof.conform.guest.script import Script, format_words
from wakeproof.conform.host.traps import TRAPS
from wakeproof.crates.wasmtime import reason_of
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.sites import Site
from wakeproof.language.values import Scalar, Step

# what a caller sees of a task that gave its result
RESOLVED_BY = {"task.return": "RETURNED", "task.cancel": "CANCELLED_BEFORE_RETURNED"}
RESOLVED = [CODES[name] for name in RESOLVED_BY.values()]
BEFORE_STARTED = "CANCELLED_BEFORE_STARTED"
# steps that happen outside, and that the caller is commanded to bring about
OUTSIDE = (
    "call_export",
    "request_cancellation",
    "call_sync_export",
    "call_sync_lifted_export",
    "peer_copy",
    "peer_drop",
    "subtask_progress",
)
# the caller's commands: the last eight have something above the eighth bit
GIVE_UP_TURN, WAIT_FOR_ALL, RETURN = 0, 1, 2
START, CANCEL, SYNC, SYNC_LIFTED, COPY, DROP, LET_START, LET_RETURN = range(3, 11)
# how often the caller may give up its turn for what it has asked for
TURNS = 50


class Chooser(Protocol):
    """Decides what the program does and what happens outside. `Stopped` ends the walk."""

    def program(self) -> Act:
        """The next step of the program."""

    def outside(self) -> Act | int:
        """The next step outside, or `GIVE_UP_TURN`, or `WAIT_FOR_ALL`."""

    def took(self, act: Act) -> None:
        """A step was taken, Wasmtime's too; raises to refuse it."""


class Follower:
    """One walk: the model's state, and what the component must say next."""

    def __init__(
        self,
        script: Script,
        sites: Mapping[str, Site],
        listing: Mapping[str, Callable[[], list[tuple[Scalar, ...]]]],
    ) -> None:
        self.script = script
        self.sites = sites
        # what lists the arguments with which an action may be possible
        self.listing = listing
        actors = {f.name: f.marks["action"] for f in script.machine.actions}
        outside = {name for name, actor in actors.items() if actor == "peer"} | set(OUTSIDE)
        self.host_actions = [n for n, a in actors.items() if a == "host" and n not in outside]
        self.program_actions = [n for n, a in actors.items() if a == "program"]
        self.calls: Counter[str] = Counter()
        self.chooser: Chooser

    def play(self, component: Component, chooser: Chooser) -> Ended:
        """A whole walk. Raises `Parted`, and what the chooser raises."""
        self.chooser = chooser
        self.names = Names(own_handles=True)
        self.act: Act | None = None
        self.left: list[Expected] = []
        # builtins that have not come back
        self.under_way: list[Expected | None] = []
        self.asked_for: Act | None = None
        self.turns = 0
        self.callee_of: dict[int, int] = {}
        self.panic: list[str] = []
        self.wrong: WentWrong | None = None
        # how the tasks of the model gave their results, as their callers see it
        self.resolved: dict[int, int] = {}
        # what happened that Wasmtime may go wrong after
        self.happened: set[str] = set()
        # who started the last copy of an end; nobody who lasts, in an export of synchronous type
        self.copies: dict[int, int | None] = {}
        self.cancelled_busy: set[int] = set()
        self.opening, self.state = self.script.begin()
        self.opening.reverse()
        try:
            ended = component.walk(self)
        except Endless as endless:
            raise Parted("an end", f"{ENDLESS}: {endless}") from None
        self._same_end(ended)
        return ended

    # --- the model --------------------------------------------------------------------------------

    def try_step(self, action: str, *arguments: Scalar) -> Act | None:
        """The step if the model allows it here."""
        try:
            return self.script.act(self.state, Step(action, arguments))
        except GuardFailed:
            return None

    def take(self, act: Act) -> None:
        """The model takes a step; the component must say what it expects."""
        self.chooser.took(act)
        if act.wrong is not None and act.wrong.kind in ("bound", "undefined"):
            # the model cannot go on, or nobody can say what happens
            self.wrong = act.wrong
            raise Stopped
        if act.born is not None:
            self.names.forget(act.born)
        waited_for = self._waited_for()
        self.state = act.after
        self._take_events(act.step, waited_for)
        self.turns = 0
        if act.command is not None:
            self.act = act
            self.left = list(reversed(act.expected))
        elif act.expected:
            raise Parted(
                format_words(act.expected[0].words), "nothing: the guest has no part in the step"
            )
        self.script.machine.load(self.state)

    def _waited_for(self) -> dict[tuple[int, int], str]:
        """The events that are there for a task that waits, with how it waits."""
        self.script.machine.load(self.state)
        deliverable = self.script.machine.namespace["deliverable"]
        handles = range(len(self.script.s.slot))
        phases = map(self.script.enums["Phase"].__getitem__, self.script.s.phase)
        return {
            (task, handle): phase
            for task, phase in enumerate(phases)
            if phase in ("WAITING", "BLOCKED_WAIT")
            for handle in handles
            if deliverable(task, handle)
        }

    def _take_events(self, step: Step, before: Mapping[tuple[int, int], str]) -> None:
        """Note the events that are gone, and that the tasks which waited were not given."""
        self.script.machine.load(self.state)
        deliverable = self.script.machine.namespace["deliverable"]
        given = step.arguments if step.action in ("deliver_event", "waitable_set_wait") else ()
        for waits, phase in before.items():
            if waits != given and not deliverable(*waits):
                self.happened.add(EVENT_TAKEN if phase == "WAITING" else EVENT_TAKEN_FROM_WAIT)

    def circumstances(self) -> set[str]:
        """What happened in the walk that Wasmtime may go wrong after."""
        self.script.machine.load(self.state)
        s, enums = self.script.s, self.script.enums
        outlives = any(
            enums["CopyState"][s.copy_state[handle]] == "COPYING"
            and (task is None or enums["Phase"][s.phase[task]] == "ENDED")
            for handle, task in self.copies.items()
        )
        return self.happened | ({COPY_OUTLIVES} if outlives else set())

    def follow(self, seen: str, action: str, *arguments: Scalar) -> Act:
        """Wasmtime has taken this step. Raises `Parted` if the model does not allow it."""
        act = self.try_step(action, *arguments)
        if act is None:
            raise Parted(f"{action} is not possible here", f"Wasmtime: {seen}")
        self.take(act)
        return act

    def _phase(self, task: int) -> str:
        self.script.machine.load(self.state)
        return str(self.script.enums["Phase"][self.script.s.phase[task]])

    def _running(self) -> int | None:
        self.script.machine.load(self.state)
        running: int | None = self.script.s.running
        return running

    def _handle_of(self, index: int) -> int:
        """The model's handle for an index of Wasmtime's table."""
        for handle, heard in (self.names.handles or {}).items():
            if heard == str(index):
                return handle
        raise Parted("no such handle", f"handle {index}")

    # --- what the guest says ----------------------------------------------------------------------

    def tell(self, line: str) -> None:
        """The guest says something: a call of the C ABI, or the end of an export."""
        words = line.split(" ")
        if words[0] == "panic":
            self.panic = words
        elif words[0] == "taken":
            self.script.machine.load(self.state)
            channel = int(words[1])
            self.names.handle(self.script.s.readable[channel], words[2])
        elif words[0] == "at":
            self._stands(words)
        else:
            if not self.left and words[:2] == ["abi", "wasip3_task_set"]:
                running = self._running()
                if running is not None and self._phase(running) == "YIELDED":
                    self.follow(line, "resume_block_on", running)
            self._same(words)

    def ask(self, line: str) -> str:
        """The guest asks what to do."""
        words = line.split(" ")
        if words[:2] == ["at", "idle"]:
            # before anything else: what a walk begins with is opened
            self._nothing_left(words)
            return self._open() if self.opening else "done"
        if words[0] == "enter":
            return self._enter(words)
        if words[:2] == ["at", "sync"] and self.asked_for is not None:
            self.follow(line, *_named(self.asked_for.step))
            self.asked_for = None
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
        """An export is called, or called back."""
        self._nothing_left(words)
        task, seen = int(words[2]) - 1, " ".join(words)
        self.script.machine.load(self.state)
        if self.script.s.sync_export:
            resumed = words[1] == "callback" and self._phase(task) == "YIELDED"
            what = f"{DURING_SYNC}: {seen}" if resumed else seen
            raise Parted("trap at host::canon_lift::sync-blocked-alone", what)
        if words[1] == "start":
            self.asked_for = None
            act = self.follow(seen, "call_export", task)
            assert act.command is not None
            return act.command
        event, waitable, code = words[3:]
        if event == str(EVENTS["NONE"]):
            act = self.follow(seen, "resume_yielded", task)
        elif event == str(EVENTS["CANCEL"]):
            host = self.script.enums["HostTask"][self.script.s.host_task[task]]
            if host == "RESOLVED":
                late = f"{LATE_CANCEL}: {seen}" if task in self.cancelled_busy else seen
                raise Parted("no cancellation of a task with a result", late)
            pending = self._phase(task) == "CANCELLING"
            name = "deliver_pending_cancel" if pending else "request_cancellation"
            act = self.follow(seen, name, task)
        else:
            act = self.follow(seen, "deliver_event", task, self._handle_of(int(waitable)))
        assert act.command is not None
        command = act.command.split(" ")
        _, release, number, model_event, _, model_code = command
        if (model_event, model_code) != (event, code):
            raise Parted(f"event {model_event} {model_code}", f"event {event} {code}")
        return " ".join(["callback", release, number, event, waitable, code])

    def _nothing_left(self, heard: list[str]) -> None:
        if self.left:
            expected = self.left[-1]
            raise Parted(f"{expected.kind} {format_words(expected.words)}", " ".join(heard))

    def _stands(self, heard: list[str]) -> None:
        """The guest is where a step must leave it."""
        self._nothing_left(heard)
        assert self.act is not None
        place, wrong = list(self.act.place), self.act.wrong
        if wrong is not None:
            if wrong.kind == "trap" and heard == ["at", "idle", "0"]:
                # the export ends without having returned
                return
            raise Parted(f"{wrong.kind} at {wrong.site}", " ".join(heard))
        if heard == ["at", "idle", "-"] and self.under_way and self.under_way[-1] is None:
            # an export of synchronous type, and the wait below goes on
            return
        real = list(heard)
        if place[:2] == ["at", "idle"] and place[-1].isdigit() and int(place[-1]) & 0xF == WAIT:
            handle = (int(place[-1]) >> 4) - 1
            place[-1] = str(WAIT | int(self.names.handle(handle) or 0) << 4)
        if len(place) != len(real) or any(
            p not in ("*", h) for p, h in zip(place, real, strict=True)
        ):
            raise Parted(" ".join(place), " ".join(real))

    def _same(self, heard: list[str]) -> None:
        """A line of the guest that the model has next."""
        self.script.machine.load(self.state)
        assert self.act is not None
        if not self.left:
            wrong = self.act.wrong
            what = f"{wrong.kind} at {wrong.site}" if wrong else " ".join(self.act.place)
            raise Parted(what, " ".join(heard))
        expected = self.left.pop()
        same_line(expected, heard, self.names, self.act.alive)
        if expected.kind != "ret":
            self.calls[str(expected.words[0])] += 1

    # --- builtins ---------------------------------------------------------------------------------

    def called(self, builtin: Builtin, arguments: tuple[int, ...]) -> None:
        """The guest calls a builtin: the model's next, with the same arguments."""
        heard = ["call", builtin.name, *map(str, arguments)]
        if not self.left and builtin.gives == "event":
            self._waits(heard)
            return
        expected = self.left[-1] if self.left else None
        if expected is not None and expected.words[-1] == "trap":
            heard.append("trap")
        self._same(heard)
        assert expected is not None
        if expected.reply is None:
            # it must trap: nothing else may be said
            self.left.clear()
            self.under_way.append(expected)
            return
        if builtin.name in ("task.return", "task.cancel"):
            self.resolved[self.script.export] = CODES[RESOLVED_BY[builtin.name]]
        if builtin.name.endswith((".read", ".write")):
            handle = next(word[1] for word in expected.words if not isinstance(word, str))
            s = self.script.s
            self.copies[handle] = None if s.sync_export or s.sync_lifted else self.script.export
        if ".drop" in builtin.name:
            (handle,) = (w[1] for w in expected.words if not isinstance(w, str))
            self.names.freed(handle)
        if builtin.gives and not builtin.name.startswith("context"):
            self.under_way.append(expected)

    def _waits(self, heard: list[str]) -> None:
        """A wait on a set, or a poll of one: the model stands before it."""
        assert self.act is not None
        place = list(self.act.place)
        if place[:2] != heard[:2]:
            raise Parted(" ".join(place), " ".join(heard))
        number = self.names.handle(int(place[2]) - 1) if place[2] != "0" else "0"
        if number != heard[2]:
            raise Parted(f"{place[1]} of handle {number}", " ".join(heard))
        self.calls[heard[1]] += 1
        self.under_way.append(None)

    def gave(self, builtin: Builtin, values: tuple[int, int, int]) -> None:
        """A builtin came back, with the model's result."""
        expected = self.under_way.pop()
        heard = [str(value) for value in values]
        if expected is None:
            expected = self._answered(builtin, heard)
        if expected.reply is None:
            raise Parted(f"{builtin.name} traps", f"{builtin.name} gives {' '.join(heard)}")
        if builtin.name == "call-import":
            heard = [str(values[0] & 0xF), str(values[0] >> 4)]
            self._call_goes_to(expected)
        if builtin.name == "subtask.cancel" and heard[0] == str(CODES[BEFORE_STARTED]):
            self.happened.add(NEVER_STARTED)
        self.script.machine.load(self.state)
        assert self.act is not None
        for word, other in zip(expected.reply, heard, strict=False):
            if word == str(AWAY):
                # an end that a peer gets at once
                continue
            if not self.names.agree(word, other, self.act.alive):
                gives = f"{builtin.name} gives"
                raise Parted(
                    f"{gives} {format_words(expected.reply)}", f"{gives} {' '.join(heard)}"
                )

    def _answered(self, builtin: Builtin, heard: list[str]) -> Expected:
        """A wait or poll came back: Wasmtime's choice."""
        task = self._running()
        if task is None:
            raise Parted("nothing runs", f"{builtin.name} comes back")
        event, index, _ = heard
        handle = self._handle_of(int(index)) if event != "0" else None
        action = {
            "SET_POLL": "waitable_set_poll",
            "BLOCKED_POLL": "waitable_set_poll_of_block_on",
            "BLOCKED_WAIT": "waitable_set_wait",
        }[self._phase(task)]
        seen = f"{builtin.name} gives {' '.join(heard)}"
        below = self.script.s.sync_export and None in self.under_way
        if below and self.try_step(action, task, handle) is None:
            # the wait of whoever was interrupted
            raise Parted("trap at host::canon_lift::sync-blocked-alone", f"{DURING_SYNC}: {seen}")
        self.follow(seen, action, task, handle)
        return self.left.pop()

    # --- callees ----------------------------------------------------------------------------------

    def callee(self) -> int:
        """A callee that has nothing to do, for the call that the model makes."""
        self.script.machine.load(self.state)
        busy = {k for h, k in self.callee_of.items() if self._is_call(h)}
        free = [k for k in range(CALLEES) if k not in busy]
        if not free:
            raise Stopped
        self.calling = free[0]
        return free[0] | (256 if self._wanted() == "STARTING" else 0)

    def _is_call(self, handle: int) -> bool:
        s, enums = self.script.s, self.script.enums
        return bool(
            enums["HandleKind"][s.slot[handle]] == "SUBTASK"
            and enums["SubtaskState"][s.subtask_state[handle]] in ("STARTING", "STARTED")
        )

    def _wanted(self) -> str:
        """How far the call comes at once."""
        assert self.act is not None
        answer = self.act.step.arguments[1]
        return self.script.enums["SubtaskState"][int(answer or 0)]

    def _call_goes_to(self, expected: Expected) -> None:
        assert expected.reply is not None
        word = expected.reply[1]
        if not isinstance(word, str):
            self.callee_of[word[1]] = self.calling

    def _called_by(self, callee: int) -> int | None:
        """The handle of the call that a callee works on."""
        self.script.machine.load(self.state)
        for handle, k in self.callee_of.items():
            if k == callee and self._is_call(handle):
                return handle
        return None

    def started(self, callee: int) -> bool:
        """A callee starts: as the model's call says, or later, which is a step."""
        call = self.under_way[-1] if self.under_way else None
        if call is not None and call.words[0] == "call-import":
            return self._wanted() == "RETURNED"
        handle = self._called_by(callee)
        if handle is None:
            raise Parted("no call", "a callee starts")
        self.asked_for = None
        self.follow("a callee starts", "subtask_progress", handle)
        return False

    def resumed(self, callee: int, event: int) -> bool:
        """A callee ends: it returns, or gives up as the model says."""
        if event == EVENTS["CANCEL"]:
            assert self.act is not None
            return bool(self.act.step.arguments[1])
        handle = self._called_by(callee)
        self.asked_for = None
        if handle is None:
            raise Parted("no call", "a callee returns")
        self.follow("a callee returns", "subtask_progress", handle)
        return True

    # --- the caller -------------------------------------------------------------------------------

    def next(self) -> int:
        """The caller's next command."""
        wish = self.asked_for
        if wish is not None and wish.step.action == "request_cancellation":
            self._cancels_late(wish)
        if self._is_mid_step():
            return self._give_up_turn()
        chosen = self.chooser.outside()
        if chosen == GIVE_UP_TURN:
            return self._give_up_turn()
        if chosen == WAIT_FOR_ALL:
            return RETURN if self.all_ended() else WAIT_FOR_ALL
        assert isinstance(chosen, Act)
        return self._bring_about(chosen)

    def _cancels_late(self, wish: Act) -> None:
        """Wasmtime did something else first: the task may have ended, or something may run."""
        act = self.try_step(*_named(wish.step))
        if act is None:
            self.asked_for = None
        elif self._running() is not None:
            self.asked_for = None
            self.cancelled_busy.add(int(wish.step.arguments[0] or 0))
            self.take(act)

    def _is_mid_step(self) -> bool:
        """The guest is inside of a builtin that waits for a callee, or an earlier wish is open."""
        waits = self.under_way and self.under_way[-1] is not None
        return bool(self.left or waits or self.asked_for is not None)

    def _give_up_turn(self) -> int:
        self.turns += 1
        if self.turns > TURNS:
            wish = self.asked_for
            what = "a step of the host" if wish is None else " ".join(map(str, _named(wish.step)))
            raise Parted(what, f"nothing in {TURNS} turns of the event loop")
        return GIVE_UP_TURN

    def _bring_about(self, act: Act) -> int:
        name, arguments = act.step.action, act.step.arguments
        first = int(arguments[0] or 0) if arguments else 0
        match name:
            case "call_export":
                self.asked_for = act
                return START | (first + 1) << 8
            case "call_sync_lifted_export":
                self.asked_for = act
                return SYNC_LIFTED
            case "call_sync_export":
                self.take(act)
                return SYNC
            case "request_cancellation":
                if self._running() is None:
                    self.asked_for = act
                else:
                    self.cancelled_busy.add(first)
                    if self._phase(first) == "YIELDED":
                        self.happened.add(YIELDED_CANCELLED)
                    self.take(act)
                return CANCEL | (first + 1) << 8
            case "peer_copy":
                self.take(act)
                return COPY | first << 8
            case "peer_drop":
                self.take(act)
                return DROP | first << 8
        # a callee is let go on; it says when it does
        assert name == "subtask_progress"
        self.asked_for = act
        self.script.machine.load(self.state)
        state = self.script.enums["SubtaskState"][self.script.s.subtask_state[first]]
        what = LET_START if state == "STARTING" else LET_RETURN
        return what | self.callee_of[first] << 8

    def saw(self, what: int, task: int, value: int) -> None:
        """What the caller sees of a task: that it is resolved, as the model's task resolved it."""
        expected = self.resolved.get(task - 1)
        if value in RESOLVED and value != expected and 0 < task <= TASKS:
            raise Parted(f"the caller sees {expected}", f"the caller sees {value}")

    def all_ended(self) -> bool:
        """Every task that was called has ended."""
        self.script.machine.load(self.state)
        s, ended = self.script.s, self.script.enums["Phase"].index("ENDED")
        return s.running is None and all(s.phase[task] == ended for task in range(len(s.phase)))

    # --- the end ----------------------------------------------------------------------------------

    def _same_end(self, ended: Ended) -> None:
        """The walk ends as the model's last step says. Raises `Parted`."""
        if ended.how == "stopped":
            return
        wrong = self.wrong = self.act.wrong if self.act is not None else None
        if self.panic:
            self._nothing_left(self.panic)
            same_end(wrong, self.panic, self.sites, self.script.releases)
            return
        if ended.how == "returns":
            return
        reason = reason_of(ended.message)
        if wrong is None:
            wrong = self.wrong = self._trap_of_wait()
        if wrong is not None:
            self._same_trap(wrong, reason)
        elif reason == DEADLOCK:
            if (name := self.host_may()) is not None:
                raise Parted(f"{name} is possible", reason)
        else:
            raise Parted("goes on", reason)

    def _same_trap(self, wrong: WentWrong, reason: str) -> None:
        self._nothing_left([reason])
        known = (*TRAPS.get(wrong.site, ()), *MORE_TRAPS.get(wrong.site, ()))
        if wrong.kind != "trap" or not any(message in reason for message in known):
            raise Parted(f"{wrong.kind} at {wrong.site}", reason)

    def _trap_of_wait(self) -> WentWrong | None:
        """How a wait or poll that has not come back can trap."""
        if not self.under_way or self.under_way[-1] is not None:
            return None
        for act in self.steps(self.host_actions):
            if act.wrong is not None and act.wrong.kind == "trap":
                self.take(act)
                self.left.clear()
                return act.wrong
        return None

    def host_may(self) -> str | None:
        """An action of the host that is possible now, if there is one."""
        self.script.machine.load(self.state)
        possible = (name for name in self.host_actions if self.listing[name]())
        return next(possible, None)

    def steps(self, actions: Iterable[str]) -> Iterator[Act]:
        """The steps of these actions that are possible now."""
        self.script.machine.load(self.state)
        found = [(name, self.listing[name]()) for name in actions]
        for name, rows in found:
            for arguments in rows:
                act = self.try_step(name, *arguments)
                if act is not None:
                    yield act


def _named(step: Step) -> tuple[str, *tuple[Scalar, ...]]:
    return (step.action, *step.arguments)


def explained(parted: Parted, follower: Follower) -> str:
    """The words of `KNOWN_BUGS` behind a divergence; empty if it is not one of those."""
    words = next((words for words in KNOWN_BUGS if words in parted.real), "")
    after = KNOWN_BUGS[words].after if words else ""
    return words if not after or after in follower.circumstances() else ""
