"""Threads of an instance that wait and go on in any order, in components on Wasmtime.

Random walks seldom get there: here a program waits wherever it can, and the caller has goals.
"""

from __future__ import annotations

import os

import pytest

from wakeproof.conform.component.follower import Follower
from wakeproof.conform.component.interface import GIVE_UP_TURN, WAIT_FOR_ALL, Ended
from wakeproof.conform.component.model_side import on_wasmtime
from wakeproof.conform.component.walks import THREADS, component_with
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
BLOCKED_ALONE = "host::canon_lift::sync-blocked-alone"

try:
    component_with(())
except InputError as error:
    # without the target or Wasmtime these tests are skipped, except in CI
    if os.environ.get("WAKEPROOF_NEEDS_COMPONENT"):
        raise
    pytest.skip(f"no components are run: {error.what}", allow_module_level=True)


class Goals:
    """A chooser of the program's steps, and of steps outside that are given.

    FIRST yields 20 times; SECOND and exports of synchronous type wait in a `block_on`. With
    `leaves_read`, SECOND then leaves a read behind that it has polled. A step of `goals` is taken
    once as many tasks wait in the host as it says. `taken` has all steps.
    """

    def __init__(
        self,
        follower: Follower,
        goals: list[tuple[int, Step]],
        leaves_read: bool = False,
        directly: bool = False,
    ) -> None:
        self.model = follower.model
        self.goals = list(reversed(goals))
        self.turns = 20
        self.leaves_read, self.directly = leaves_read, directly
        self.taken: list[Step] = []

    def program(self) -> Act:
        """Return the next step of the program."""
        possible = (self.model.try_step(s.action, *s.arguments) for s in self.wanted())
        return next(act for act in possible if act is not None)

    def wanted(self) -> list[Step]:
        """Return the steps that the code wants to take; it takes the first possible one."""
        last, future = self.taken[-1], self.model.function("current_future")()
        if last.action == "call_sync_export":
            return [Step("block_on", (IN_SYNC,)), Step("block_on", (IN_OTHER_SYNC,))]
        if future is None:
            return [RETURN_SYNC, Step("finish_drop", ())]
        if future in READS:
            poll = Step("poll", (READS[future],))
            return [poll] if last != poll else [RETURN_READY, RETURN_PENDING]
        if future == FIRST:
            return self.wanted_by_first(last)
        if last == Step("call_export", (SECOND,)):
            return [Step("block_on", (IN_SECOND,))]
        if self.leaves_read:
            self.leaves_read = False
            return [Step("poll", (LEFT_BEHIND,))]
        return [Step("move_to_storage", (LEFT_BEHIND,)), RETURN_READY]

    def wanted_by_first(self, last: Step) -> list[Step]:
        """Return what FIRST wants: to yield, as long as it has turns."""
        if not self.turns:
            return [RETURN_READY]
        if last.action != "wake_self":
            return [Step("wake_self", ())]
        self.turns -= 1
        return [RETURN_PENDING]

    def outside(self) -> Act | int:
        """Return the next goal if it is time for it."""
        waiting = [task for task in range(6) if self.model.phase(task) == "BLOCKED_WAIT"]
        if self.goals and self.goals[-1][0] == len(waiting):
            step = self.goals[-1][1]
            act = self.model.try_step(step.action, *step.arguments)
            if act is not None:
                self.goals.pop()
                return act
        busy = self.model.possible_host_action() is not None
        return GIVE_UP_TURN if busy else WAIT_FOR_ALL

    def calls_directly(self) -> bool:
        """Whether the caller waits itself for an export of synchronous type."""
        return self.directly

    def took(self, act: Act) -> None:
        """Note a step."""
        self.taken.append(act.step)


def follow(
    release: str,
    *goals: tuple[int, Step],
    leaves_read: bool = False,
    directly: bool = False,
) -> tuple[Ended, Follower, Goals]:
    """Follow Wasmtime to the end, with all roles of one release; all goals must be reached."""
    mix = dict.fromkeys(("export", "block_on", "import"), release)
    instance = Instance(read_scenario(THREADS), mix, on_wasmtime(BUNDLED))
    script, features = script_of(instance)
    follower = Follower(script, instance.model.sites)
    chooser = Goals(follower, list(goals), leaves_read, directly)
    ended = follower.play(component_with(features), chooser)
    assert not chooser.goals
    return ended, follower, chooser


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


@pytest.mark.parametrize("release", RELEASES)
def test_a_callback_runs_while_a_sync_export_waits(release: str) -> None:
    ended, _, chooser = follow(release, (0, CALL_FIRST), (0, CALL_SYNC), (1, write_for(IN_SYNC)))
    called, returned = (chooser.taken.index(step) for step in (CALL_SYNC, RETURN_SYNC))
    assert Step("resume_yielded", (FIRST,)) in chooser.taken[called:returned]
    assert ended.how == "returns"


@pytest.mark.parametrize("release", RELEASES)
def test_two_sync_exports_wait_and_end_as_a_stack(release: str) -> None:
    calls = [(0, CALL_FIRST), (0, CALL_SYNC), (1, CALL_SYNC)]
    writes = [(2, write_for(IN_OTHER_SYNC)), (1, write_for(IN_SYNC))]
    ended, _, chooser = follow(release, *calls, *writes)
    assert ended_waits(chooser) == [IN_OTHER_SYNC, IN_SYNC]
    assert ended.how == "returns"


@pytest.mark.parametrize("release", RELEASES)
def test_the_lower_of_two_sync_exports_goes_on_first(release: str) -> None:
    calls = [(0, CALL_FIRST), (0, CALL_SYNC), (1, CALL_SYNC)]
    writes = [(2, write_for(IN_SYNC)), (1, write_for(IN_OTHER_SYNC))]
    ended, follower, chooser = follow(release, *calls, *writes)
    assert ended_waits(chooser) == [IN_SYNC, IN_OTHER_SYNC]
    # Wasmtime 50 believes that one of them is in progress when FIRST ends at last
    assert chooser.taken[-2:] == [RETURN_READY, Step("trap_blocked_sync_export", (FIRST,))]
    assert follower.wrong is not None
    assert follower.wrong.site == BLOCKED_ALONE
    assert ended.how == "trap"


@pytest.mark.parametrize("release", RELEASES)
def test_a_sync_export_that_waits_alone_traps(release: str) -> None:
    ended, follower, _ = follow(release, (0, CALL_SYNC))
    assert follower.wrong is not None
    assert follower.wrong.site == BLOCKED_ALONE
    assert ended.how == "trap"


@pytest.mark.parametrize("release", RELEASES)
def test_an_async_export_that_waits_goes_on_while_a_sync_export_waits(release: str) -> None:
    calls = [(0, CALL_SECOND), (1, write_for(IN_SECOND)), (1, CALL_SYNC)]
    ended, follower, chooser = follow(release, *calls, directly=True)
    assert chooser.taken.index(CALL_SYNC) < chooser.taken.index(goes_on(IN_SECOND))
    # then SECOND ends, and no other thread is ready
    assert follower.wrong is not None
    assert follower.wrong.site == BLOCKED_ALONE
    assert ended.how == "trap"


@pytest.mark.parametrize("release", RELEASES)
def test_a_callback_does_not_run_for_a_sync_export_while_the_lock_is_held(release: str) -> None:
    calls = [(0, CALL_FIRST), (0, CALL_SECOND), (1, CALL_SYNC)]
    ended, follower, chooser = follow(release, *calls, directly=True)
    assert Step("resume_yielded", (FIRST,)) not in chooser.taken
    assert follower.wrong is not None
    assert follower.wrong.site == BLOCKED_ALONE
    assert ended.how == "trap"


# --- cancellations while the lock is held ---------------------------------------------------------


@pytest.mark.parametrize("release", RELEASES)
def test_a_cancellation_is_delivered_once_the_lock_is_free(release: str) -> None:
    cancel = Step("request_cancellation", (FIRST,))
    ended, _, chooser = follow(
        release, (0, CALL_FIRST), (0, CALL_SECOND), (1, cancel), (1, write_for(IN_SECOND))
    )
    delivered = chooser.taken.index(Step("deliver_pending_cancel", (FIRST,)))
    assert chooser.taken.index(RETURN_READY) < delivered
    assert ended.how == "returns"


def test_a_cancellation_is_delivered_after_the_result() -> None:
    cancel = Step("request_cancellation", (SECOND,))
    ended, _, chooser = follow(
        "v2", (0, CALL_SECOND), (1, cancel), (1, write_for(IN_SECOND)), leaves_read=True
    )
    assert chooser.taken[-2:] == [RETURN_READY, Step("deliver_pending_cancel", (SECOND,))]
    assert ended.how == "returns"
