"""Traces of the model as components on Wasmtime: what a user sees of them.

The program does what the trace says, the caller and the peers too, and Wasmtime what it likes: if
that is something else, the trace cannot be had there. Once the trace is over the program carries
on as a program would (it polls what it owns, and returns), and everybody outside gives what can be
given: what waits then waits for ever.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wakeproof.check import Instance
from wakeproof.component import Endless, Stopped
from wakeproof.component_player import DEADLOCK, ENDLESS, WAIT_FOR_ALL, Follower, reason_of
from wakeproof.conform_component import (
    EXPLAINED,
    Astray,
    Given,
    component_with,
    explained,
)
from wakeproof.enabled import enumerators
from wakeproof.errors import InputError
from wakeproof.guest import releases_of
from wakeproof.guest_player import CRATE, Parted
from wakeproof.guest_script import Act, Script
from wakeproof.language import GuardFailed
from wakeproof.machine import Run, Step
from wakeproof.reader import Resolved, Sources
from wakeproof.report import table_row
from wakeproof.reproduce import Reproduction, features_of
from wakeproof.scenario import Mix
from wakeproof.sites import Site

# how many steps are taken outside once the trace is over
GIVEN_AFTER = 40
# how many the program takes then
STEPS_AFTER = 300


@dataclass(frozen=True)
class Sight:
    """What a user of Wasmtime sees of a trace. `followed`: Wasmtime took all its steps."""

    seen: str
    followed: bool = True
    refutes: bool = False

    def __str__(self) -> str:
        return self.seen


def on_wasmtime(instance: Instance) -> OnWasmtime:
    """What plays the traces of a scenario in a mix. Raises `InputError` if nothing can."""
    sources = instance.model.sources
    sites = instance.model.sites
    return OnWasmtime(instance.resolved, instance.run, instance.mix, instance.names, sources, sites)


class OnWasmtime:
    """Plays traces of one scenario and mix as components.

    Raises `InputError` if the component cannot be built or run.
    """

    def __init__(
        self,
        resolved: Resolved,
        run: Run,
        mix: Mix,
        names: Mapping[str, Sequence[str]],
        sources: Sources,
        sites: Mapping[str, Site],
    ) -> None:
        self.missing = ""
        self.names = names
        features = features_of(run.parameters)
        try:
            releases = releases_of(sources, mix)
        except InputError as error:
            self.missing = error.what
            return
        if features is None:
            self.missing = "the roles are built with different features"
            return
        script = Script(resolved, run, releases)
        rows = enumerators(script.machine, resolved.trees)
        self.follower = Follower(script, sites, {name: listing for name, listing, _ in rows})
        self.component = component_with(features)

    def play(self, steps: Sequence[Step]) -> Sight:
        """Take the steps, and then carry on."""
        if self.missing:
            return Sight(f"not played: {self.missing}", followed=False)
        carry_on = CarryOn(self.follower, steps)
        try:
            ended = self.follower.play(self.component, carry_on)
        except Astray:
            return Sight(
                f"cannot be had: at step {carry_on.number + 1} Wasmtime takes another", False
            )
        except GuardFailed:
            return Sight(f"cannot be had: step {carry_on.number + 1} is not possible there", False)
        except Parted as parted:
            if parted.real.startswith(ENDLESS):
                return Sight(parted.real)
            if words := explained(parted, self.follower):
                return Sight(f"traps: {words}")
            number = carry_on.number
            both = f"the model has {parted.model}, Wasmtime {parted.real}"
            return Sight(f"at step {number} {both}", refutes=True)
        return Sight(self._seen(ended.how, ended.message))

    def _seen(self, how: str, message: str) -> str:
        follower = self.follower
        if follower.panic:
            found = CRATE.search(follower.panic[1])
            assert found is not None
            return f"panics in wit-bindgen {found[1]}, {found[2]}, line {found[3]}"
        reason = reason_of(message)
        if how == "trap" and reason != DEADLOCK:
            return f"traps: {reason}"
        if how == "stopped" and follower.wrong is not None:
            return f"nobody can say: {follower.wrong.kind} at {follower.wrong.site}"
        if how == "stopped":
            return "nothing to see yet: the program has nothing left to do"
        unresolved, unended = self._left()
        if unresolved:
            return f"deadlock detected: {_list(unresolved)} never {_verb(unresolved, 'return')}"
        if unended:
            be = "was" if len(unended) == 1 else "were"
            word = "result" if len(unended) == 1 else "results"
            return f"{_list(unended)} never {_verb(unended, 'exit')}, though the {word} {be} given"
        return "nothing to see"

    def _left(self) -> tuple[list[str], list[str]]:
        """Which exports have no result, and which have one and go on."""
        script = self.follower.script
        script.machine.load(self.follower.state)
        phases = script.enums["Phase"]
        host = script.enums["HostTask"]
        unresolved: list[str] = []
        unended: list[str] = []
        for task, name in enumerate(self.names["Task"]):
            if phases[script.s.phase[task]] == "ENDED":
                continue
            gone_on = host[script.s.host_task[task]] == "RESOLVED"
            (unended if gone_on else unresolved).append(f"`{name}`")
        return unresolved, unended


def _list(names: Sequence[str]) -> str:
    return " and ".join(names)


def _verb(names: Sequence[str], verb: str) -> str:
    return verb if len(names) > 1 else f"{verb}s"


# --- the page -------------------------------------------------------------------------------------

NAMES = re.compile(r"`[^`]+`(?: and `[^`]+`)*")
PLACE = re.compile(r"wit-bindgen \S+, \S*?(\w+\.rs), line \d+")


def in_general(sight: Sight) -> str:
    """What is seen, without the names of the trace and the lines of a release."""
    seen = PLACE.sub(r"`\1`", sight.seen)
    if "never" in seen:
        many = " and " in "".join(NAMES.findall(seen))
        seen = NAMES.sub("tasks" if many else "a task", seen)
    return seen


@dataclass
class Columns:
    """Traces beside each other: how often, by violation, word of the crates, and what is seen."""

    rows: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, violated: str, crates: Reproduction, sight: Sight) -> None:
        """Count a trace that still happens in the model."""
        self.rows[violated, crates.word, in_general(sight)] += 1

    def markdown(self, command: str) -> str:
        """The part of a page."""
        lines = [
            "## Traces in the model, on the released crates and on Wasmtime",
            "",
            f"Generated by `{command}`.",
            "",
            f"{sum(self.rows.values()):,} traces, each the shortest to its violation in one mix",
            "and build. *Not visible*: the crates make the same calls, and no host could see",
            "anything. On Wasmtime everybody outside then gives what can be given, and the program",
            "ends. *Nothing to see*: all calls return, and what is left behind (a task's set, an",
            "event, a future that never runs) no caller is shown.",
            "",
            table_row("in the model", "on the crates", "on Wasmtime", "traces"),
            table_row("---", "---", "---", "---"),
            *(table_row(*row, f"{count:,}") for row, count in sorted(self.rows.items())),
        ]
        seen = {words for words in EXPLAINED for row in self.rows if words in row[2]}
        if seen:
            lines += ["", "Where the crates and Wasmtime do not end alike:", ""]
            lines += [f"- {words}: {EXPLAINED[words].why}." for words in EXPLAINED if words in seen]
        return "\n".join(lines) + "\n"


class CarryOn(Given):
    """A trace, and then what a program does that wants to end."""

    def __init__(self, follower: Follower, steps: Sequence[Step]) -> None:
        super().__init__(follower, steps)
        # what was polled since the program was last asked to run
        self.polled: set[Any] = set()
        self.outside_taken = self.steps_after = 0

    def after(self) -> Act:
        """Poll what the future owns, return if possible, else wait; drop what has to be dropped."""
        self.steps_after += 1
        if self.steps_after > STEPS_AFTER:
            raise Endless("the program runs again and again")
        follower = self.follower
        s = follower.script.s
        follower.script.machine.load(follower.state)
        future = follower.script.machine.namespace["current_future"]()
        owned = [o for o, owner in enumerate(s.owner) if owner == future and future is not None]
        for operation in owned:
            if operation not in self.polled:
                self.polled.add(operation)
                if (act := follower.try_step("poll", operation)) is not None:
                    return act
        for name in (
            "return_ready",
            "finish_drop",
            "return_sync_export",
            "return_sync_lifted_export",
            "return_pending",
        ):
            if (act := follower.try_step(name)) is not None:
                self.polled.clear()
                return act
        for act in follower.steps(["drop_operation"]):
            if not act.step.arguments[1]:
                return act
        raise Stopped

    def outside_after(self) -> Act | int:
        """The peers copy, then drop their ends; callees return."""
        self.outside_taken += 1
        if self.outside_taken < GIVEN_AFTER:
            for act in self.follower.steps(["subtask_progress", "peer_copy", "peer_drop"]):
                return act
        return WAIT_FOR_ALL
