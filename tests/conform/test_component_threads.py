"""Threads of an instance that wait and go on in any order, in components on Wasmtime.

Random walks seldom get there: here a program waits wherever it can, and the caller has goals.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest

from wakeproof.conform.component.follower import Follower
from wakeproof.conform.component.interface import GIVE_UP_TURN, WAIT_FOR_ALL
from wakeproof.conform.component.model_side import on_wasmtime
from wakeproof.conform.component.walks import WAITS_STAGE, component_with
from wakeproof.conform.guest.protocol import Act
from wakeproof.conform.guest.script import script_of
from wakeproof.errors import InputError
from wakeproof.language.model import BUNDLED
from wakeproof.language.values import Step
from wakeproof.scenario.file import read_scenario
from wakeproof.scenario.instance import Instance

# the tasks of the stage: two exports, a `block_on` in each of them, and one in each call of the
# export of synchronous type
FIRST, SECOND, IN_FIRST, IN_SECOND, IN_SYNC, IN_OTHER_SYNC = range(6)
# what the body of a `block_on` reads; the channels and their handles have the same numbers
READS = {IN_SECOND: 1, IN_SYNC: 2, IN_OTHER_SYNC: 3}
LEFT_BEHIND = 0
RELEASES = ("v1", "v2", "v3")

CALL_FIRST, CALL_SECOND = Step("call_export", (FIRST,)), Step("call_export", (SECOND,))
CALL_SYNC, RETURN_SYNC = Step("call_sync_export", ()), Step("return_sync_export", ())
RETURN_READY, RETURN_PENDING = Step("return_ready", ()), Step("return_pending", ())
WRITE_FOR_FIRST = Step("peer_copy", (LEFT_BEHIND,))
BLOCKED_ALONE = "host::canon_lift::sync-blocked-alone"
FLAG_LEFT_ON = "wasmtime::switch_or_trap_if_may_not_suspend::sync-call-in-progress"

try:
    component_with(())
except InputError as error:
    # without the target or Wasmtime these tests are skipped, except in CI
    if os.environ.get("WAKEPROOF_NEEDS_COMPONENT"):
        raise
    pytest.skip(f"no components are run: {error.what}", allow_module_level=True)


# what the program or its caller does beside what `Goals` says
LEAVES_READ = "SECOND leaves a read behind that it has polled"
READS_ONCE_OTHERS_WAIT = "FIRST awaits a read as soon as another task waits in the host"
WAITS_TWICE = "the export of synchronous type waits a second time"
DIRECTLY = "the caller of the exports waits for that of synchronous type itself"
# tasks that wait in the host, and a step outside that is taken as soon as it is these
Goal = tuple[set[int], Step]


class Goals:
    """A chooser of the program's steps, and of steps outside that are given.

    FIRST yields 20 times; SECOND and exports of synchronous type wait in a `block_on`. `habits` has
    what they do beside. `taken` has all steps.
    """

    def __init__(self, follower: Follower, goals: Sequence[Goal], habits: set[str]) -> None:
        self.model = follower.model
        self.goals = list(reversed(goals))
        self.habits = set(habits)
        self.turns = 20
        self.taken: list[Step] = []

    def waiting(self) -> set[int]:
        """Return the tasks that wait in the host."""
        return {task for task in range(6) if self.model.phase(task) == "BLOCKED_WAIT"}

    def program(self) -> Act:
        """Return the next step of the program."""
        possible = (self.model.try_step(s.action, *s.arguments) for s in self.wanted())
        return next(act for act in possible if act is not None)

    def wanted(self) -> list[Step]:
        """Return the steps that the code wants to take; it takes the first possible one."""
        last, future = self.taken[-1], self.model.function("current_future")()
        if last.action == "call_sync_export":
            return [Step("block_on", (IN_SYNC,)), Step("block_on", (IN_OTHER_SYNC,))]
        if future is None and self.does_once(WAITS_TWICE):
            return [Step("block_on", (IN_OTHER_SYNC,))]
        if future is None:
            return [RETURN_SYNC, Step("finish_drop", ())]
        if future in READS:
            return self.wanted_to_read(READS[future], last)
        if future == FIRST:
            return self.wanted_by_first(last)
        if last == Step("call_export", (SECOND,)):
            return [Step("block_on", (IN_SECOND,))]
        if self.does_once(LEAVES_READ):
            return [Step("poll", (LEFT_BEHIND,))]
        return [Step("move_to_storage", (LEFT_BEHIND,)), RETURN_READY]

    def does_once(self, habit: str) -> bool:
        """Whether this is done now; then it is not done again."""
        does = habit in self.habits
        self.habits.discard(habit)
        return does

    def wanted_to_read(self, operation: int, last: Step) -> list[Step]:
        """Return what code wants that awaits a read."""
        poll = Step("poll", (operation,))
        return [poll] if last != poll else [RETURN_READY, RETURN_PENDING]

    def wanted_by_first(self, last: Step) -> list[Step]:
        """Return what FIRST wants: to yield, as long as it has turns."""
        if READS_ONCE_OTHERS_WAIT in self.habits and (self.waiting() or not self.turns):
            self.turns = 0
            return self.wanted_to_read(LEFT_BEHIND, last)
        if not self.turns:
            return [RETURN_READY]
        if last.action != "wake_self":
            return [Step("wake_self", ())]
        self.turns -= 1
        return [RETURN_PENDING]

    def outside(self) -> Act | int:
        """Return the next goal if it is time for it."""
        if self.goals and self.goals[-1][0] == self.waiting():
            step = self.goals[-1][1]
            act = self.model.try_step(step.action, *step.arguments)
            if act is not None:
                self.goals.pop()
                return act
        busy = self.model.possible_host_action() is not None
        return GIVE_UP_TURN if busy else WAIT_FOR_ALL

    def calls_directly(self) -> bool:
        """Whether the caller waits itself for an export of synchronous type."""
        return DIRECTLY in self.habits

    def took(self, act: Act) -> None:
        """Note a step."""
        self.taken.append(act.step)


def follow(release: str, *goals: Goal, habits: Sequence[str] = ()) -> tuple[str, Goals]:
    """Follow Wasmtime to the end, with all roles of one release; all goals must be reached.

    Returns the site of the trap with which it ends, empty if the caller returns.
    """
    mix = dict.fromkeys(("export", "block_on", "import"), release)
    instance = Instance(read_scenario(WAITS_STAGE), mix, on_wasmtime(BUNDLED))
    script, features = script_of(instance)
    follower = Follower(script, instance.model.sites)
    chooser = Goals(follower, goals, set(habits))
    ended = follower.play(component_with(features), chooser)
    assert not chooser.goals
    if ended.how == "returns":
        return "", chooser
    assert follower.wrong is not None
    return follower.wrong.site, chooser


def write_for(task: int) -> Step:
    """The step outside that ends the wait of a `block_on`."""
    return Step("peer_copy", (READS[task],))


def goes_on(task: int) -> Step:
    """The step in which the wait of a `block_on` ends."""
    return Step("waitable_set_wait", (task, READS[task]))


def ended_waits(chooser: Goals) -> list[int]:
    """Return the tasks whose waits have ended, in order."""
    return [int(s.arguments[0] or 0) for s in chooser.taken if s.action == "waitable_set_wait"]


# --- exports of synchronous type that wait --------------------------------------------------------

TWO_CALLS = [(set(), CALL_FIRST), (set(), CALL_SYNC), ({IN_SYNC}, CALL_SYNC)]
BOTH = {IN_SYNC, IN_OTHER_SYNC}


@pytest.mark.parametrize("release", RELEASES)
def test_a_callback_runs_while_a_sync_export_waits(release: str) -> None:
    goals = [(set(), CALL_FIRST), (set(), CALL_SYNC), ({IN_SYNC}, write_for(IN_SYNC))]
    trap, chooser = follow(release, *goals)
    called, returned = (chooser.taken.index(step) for step in (CALL_SYNC, RETURN_SYNC))
    assert Step("resume_yielded", (FIRST,)) in chooser.taken[called:returned]
    assert not trap


@pytest.mark.parametrize("release", RELEASES)
def test_two_sync_exports_wait_and_end_as_a_stack(release: str) -> None:
    writes = [(BOTH, write_for(IN_OTHER_SYNC)), ({IN_SYNC}, write_for(IN_SYNC))]
    trap, chooser = follow(release, *TWO_CALLS, *writes)
    assert ended_waits(chooser) == [IN_OTHER_SYNC, IN_SYNC]
    assert not trap


@pytest.mark.parametrize("release", RELEASES)
def test_the_lower_of_two_sync_exports_goes_on_first(release: str) -> None:
    writes = [(BOTH, write_for(IN_SYNC)), ({IN_OTHER_SYNC}, write_for(IN_OTHER_SYNC))]
    trap, chooser = follow(release, *TWO_CALLS, *writes)
    assert ended_waits(chooser) == [IN_SYNC, IN_OTHER_SYNC]
    # Wasmtime 50 believes that one of them is in progress when FIRST ends at last
    assert chooser.taken[-2:] == [RETURN_READY, Step("trap_without_sync_export", (FIRST,))]
    assert trap == FLAG_LEFT_ON


@pytest.mark.parametrize("release", RELEASES)
def test_a_sync_export_that_waits_alone_traps(release: str) -> None:
    trap, _ = follow(release, (set(), CALL_SYNC))
    assert trap == BLOCKED_ALONE


@pytest.mark.parametrize("release", RELEASES)
def test_an_async_export_that_waits_goes_on_while_a_sync_export_waits(release: str) -> None:
    goals = [(set(), CALL_SECOND), ({IN_SECOND}, write_for(IN_SECOND)), ({IN_SECOND}, CALL_SYNC)]
    trap, chooser = follow(release, *goals, habits=[DIRECTLY])
    assert chooser.taken.index(CALL_SYNC) < chooser.taken.index(goes_on(IN_SECOND))
    # then SECOND ends, and no other thread is ready
    assert trap == BLOCKED_ALONE


# --- the exclusive lock ---------------------------------------------------------------------------


@pytest.mark.parametrize("release", RELEASES)
def test_a_callback_does_not_run_for_a_sync_export_while_the_lock_is_held(release: str) -> None:
    goals = [(set(), CALL_FIRST), (set(), CALL_SECOND), ({IN_SECOND}, CALL_SYNC)]
    trap, chooser = follow(release, *goals, habits=[DIRECTLY])
    assert Step("resume_yielded", (FIRST,)) not in chooser.taken
    assert trap == BLOCKED_ALONE


@pytest.mark.parametrize("release", RELEASES)
def test_a_callback_that_has_to_wait_for_the_lock_is_enough_for_a_sync_export(release: str) -> None:
    calls = [(set(), CALL_FIRST), (set(), CALL_SYNC), ({IN_SYNC}, CALL_SECOND)]
    # both events are there before a thread goes on
    writes = [({IN_SECOND, IN_SYNC}, write_for(IN_SYNC)), ({IN_SECOND, IN_SYNC}, WRITE_FOR_FIRST)]
    more = [
        ({IN_SECOND, IN_OTHER_SYNC}, write_for(IN_OTHER_SYNC)),
        ({IN_SECOND}, write_for(IN_SECOND)),
    ]
    habits = [READS_ONCE_OTHERS_WAIT, WAITS_TWICE]
    trap, chooser = follow(release, *calls, *writes, *more, habits=habits)
    assert Step("put_call_aside", (FIRST,)) in chooser.taken
    assert not trap


@pytest.mark.parametrize("release", RELEASES)
def test_a_cancellation_is_delivered_once_the_lock_is_free(release: str) -> None:
    cancel = Step("request_cancellation", (FIRST,))
    trap, chooser = follow(
        release,
        (set(), CALL_FIRST),
        (set(), CALL_SECOND),
        ({IN_SECOND}, cancel),
        ({IN_SECOND}, write_for(IN_SECOND)),
    )
    delivered = chooser.taken.index(Step("deliver_pending_cancel", (FIRST,)))
    assert chooser.taken.index(RETURN_READY) < delivered
    assert not trap


def test_a_cancellation_is_delivered_after_the_result() -> None:
    cancel = Step("request_cancellation", (SECOND,))
    goals = [(set(), CALL_SECOND), ({IN_SECOND}, cancel), ({IN_SECOND}, write_for(IN_SECOND))]
    trap, chooser = follow("v2", *goals, habits=[LEAVES_READ])
    assert chooser.taken[-2:] == [RETURN_READY, Step("deliver_pending_cancel", (SECOND,))]
    assert not trap
