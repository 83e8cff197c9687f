"""Traces of the model as components on Wasmtime: what a user sees of them.

The program does what the trace says, the caller and the peers too, and Wasmtime what it likes: if
that is something else, the trace cannot be had there. Once the trace is over the program carries
on as a program would (it polls what it owns, and returns), and everybody outside gives what can be
given: what waits then waits for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wakeproof.conform.component.follower import Follower, explained
from wakeproof.conform.component.given_steps import Astray, CarryOn
from wakeproof.conform.component.known_bugs import DEADLOCK, ENDLESS
from wakeproof.conform.component.walks import component_with
from wakeproof.conform.guest.player import CRATE, Parted
from wakeproof.conform.guest.script import Script
from wakeproof.crates.releases import features_of, releases_of
from wakeproof.crates.wasmtime import reason_of
from wakeproof.errors import InputError
from wakeproof.execution.enabled_steps import enumerators
from wakeproof.language.primitives import GuardFailed
from wakeproof.language.resolve import Resolved
from wakeproof.language.sites import Site
from wakeproof.language.sources import Sources
from wakeproof.language.values import Run, Step
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import Mix


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
        rows = enumerators(script.machine)
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
