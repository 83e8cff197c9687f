"""Play traces of the model as components on Wasmtime, and describe what a user sees of them.

The program, the caller and the peers take the steps of the trace; if Wasmtime takes another step
of the host, the trace is not possible there. After the trace the program polls what it owns, and
returns; the peers copy and the callees return. What still waits then waits for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wakeproof.conform.component.follower import Follower
from wakeproof.conform.component.given_steps import Astray, CarryOn
from wakeproof.conform.component.known_bugs import DEADLOCK, ENDLESS
from wakeproof.conform.component.model_side import on_wasmtime
from wakeproof.conform.component.walks import component_with
from wakeproof.conform.guest.panic_places import panic_place
from wakeproof.conform.guest.player import Parted
from wakeproof.conform.guest.script import Unplayable, script_of
from wakeproof.crates.wasmtime import reason_of
from wakeproof.language.primitives import GuardFailed
from wakeproof.language.values import Step
from wakeproof.scenario.instance import Instance


@dataclass(frozen=True)
class Sight:
    """What a user of Wasmtime sees of a trace.

    `followed`: Wasmtime took all its steps. `refutes`: it does something else than the model.
    """

    seen: str
    followed: bool = True
    refutes: bool = False

    def __str__(self) -> str:
        return self.seen


class OnWasmtime:
    """A player of traces of an instance, as components, under the host that is Wasmtime.

    `missing` is the reason why the crates cannot run the instance. Raises `InputError` without
    cargo, the crates, the target or Wasmtime.
    """

    def __init__(self, instance: Instance) -> None:
        self.missing = ""
        instance = Instance(
            instance.scenario, instance.mix, on_wasmtime(instance.model), instance.build
        )
        self.names = instance.names
        try:
            script, features = script_of(instance)
        except Unplayable as unplayable:
            self.missing = str(unplayable)
            return
        self.follower = Follower(script, instance.model.sites)
        self.component = component_with(features)

    def play(self, steps: Sequence[Step], *, looped: bool = False) -> Sight:
        """Take the steps, and go on until nothing is left to do.

        `looped`: they end with several turns of a loop. Each call of each turn is compared.
        """
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
            if words := self.follower.circumstances.explain(parted):
                return Sight(f"traps: {words}")
            number = carry_on.number
            both = f"the model has {parted.model}, Wasmtime {parted.real}"
            return Sight(f"at step {number} {both}", refutes=True)
        if carry_on.number < len(steps) and reason_of(ended.message) == DEADLOCK:
            return Sight(
                f"cannot be had: after step {carry_on.number} nothing goes on there", False
            )
        seen = self._seen(ended.how, ended.message)
        if looped and carry_on.number == len(steps):
            seen = f"the same in each turn of its loop, then {seen}"
        return Sight(seen)

    def _seen(self, how: str, message: str) -> str:
        follower = self.follower
        if follower.panic:
            return f"panics in {panic_place(follower.panic[1])}"
        reason = reason_of(message)
        if how == "trap" and reason != DEADLOCK:
            return f"traps: {reason}"
        if how == "stopped" and follower.wrong is not None:
            return f"undetermined: {follower.wrong.kind} at {follower.wrong.site}"
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
        """Return the names of the tasks without a result, and of those that go on after it."""
        model = self.follower.model
        s = model.load()
        unresolved: list[str] = []
        unended: list[str] = []
        for task, name in enumerate(self.names["Task"]):
            if model.enums["Phase"][s.phase[task]] == "ENDED":
                continue
            resolved = model.enums["HostTask"][s.host_task[task]] == "RESOLVED"
            (unended if resolved else unresolved).append(f"`{name}`")
        return unresolved, unended


def _list(names: Sequence[str]) -> str:
    return " and ".join(names)


def _verb(names: Sequence[str], verb: str) -> str:
    return verb if len(names) > 1 else f"{verb}s"
