"""A scenario in one mix and build, ready to run."""

from __future__ import annotations

import dataclasses
import functools
from collections import deque
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import cast

from wakeproof.errors import InputError
from wakeproof.execution.enabled_steps import enumerators, is_site, outcomes, why_not
from wakeproof.execution.machine import Machine
from wakeproof.execution.trace import Tracer
from wakeproof.language import ir
from wakeproof.language.about_runs import BEGINS, ENDS, IF, THEN
from wakeproof.language.declarations import enumeration_of
from wakeproof.language.model import Model
from wakeproof.language.resolve import Resolved, version_parameter
from wakeproof.language.sites import KINDS
from wakeproof.language.values import Run, Snapshot, Step
from wakeproof.scenario.automaton import Automaton, Spot, letter_of
from wakeproof.scenario.features import features_on, is_own, with_build
from wakeproof.scenario.file import Expectation, Scenario, find_scenario, read_scenario
from wakeproof.scenario.mixes import Build, Mix, Versions
from wakeproof.scenario.parameters import bind, for_the_host, index_names
from wakeproof.scenario.programs import (
    automaton_of,
    needed_words,
    refuse_without_start,
    starts_of,
    with_derived,
)
from wakeproof.scenario.script import allowed_actions, parse_script
from wakeproof.scenario.weave import tables, weave
from wakeproof.scenario.wellformed import check_wellformed, with_derived_parameters
from wakeproof.util.text import did_you_mean

LOOKED_AT = 2_000
"""The first states, in which a program that cannot go on is looked for."""

TASK = "Task"
"""The type whose members have programs."""


class Instance:
    """A scenario in one mix and build, ready to run.

    `run` has its sizes and parameters, `names` the members of every index type by name, `features`
    the features that are on, `actions` the names of the allowed actions, `script` its steps or
    None. Raises `InputError` for what the model does not have, and if `is_checked` for parameters
    that do not fit together.
    """

    def __init__(
        self,
        scenario: Scenario,
        mix: Mix,
        model: Model,
        build: Build = None,
        *,
        is_checked: bool = True,
    ) -> None:
        scenario = with_extra_versions(scenario, model)
        check_hosts(scenario, model)
        words = needed_words(scenario, model)
        scenario = with_derived(scenario, words, TASK)
        scenario = for_the_host(scenario, model)
        check_names(scenario, mix, model)
        self.mix = mix
        self.model = model
        self.build = build
        self.resolved: Resolved = model.resolve(mix)
        program = self.resolved.program
        features = model.features
        # the expectations are about the builds that the scenario tries, else about its own
        self.has_expectations = bool(scenario.features) or is_own(scenario, build, features)
        scenario = with_build(scenario, build, features, program)
        self.run: Run = with_derived_parameters(
            scenario, program, bind(scenario, program, model.defaults), model.root
        )
        self.features = features_on(features, self.run.parameters)
        self.names = index_names(scenario, program, model.defaults.get("names", {}))
        self.scenario = dataclasses.replace(scenario, names=self.names)
        self.actions = allowed_actions(scenario, program)
        self.automaton: Automaton | None = None
        self.outline = _outline(program)
        if words is not None:
            self.automaton = made = automaton_of(
                self.scenario, words, program, self.run, self.names
            )
            named = [f.name for f in program.functions.values() if f.name in made.actions]
            without = scenario.without
            self.actions += [n for n in named if n not in self.actions and n not in without]
            self.resolved = weave(self.resolved, made, tuple(self.actions))
            self.run = self.with_tables(self.run, self.resolved.program)
        if is_checked:
            check_wellformed(self.scenario, program, self.run, self.names, model.root)
        self.script = parse_script(self.scenario, program)

    @property
    def assumed(self) -> list[str]:
        """The ids of the assumptions about the runs that count for progress."""
        always = [a.id for a in self.model.assumptions.values() if not a.optional]
        return [*always, *self.scenario.assume]

    def machine(self) -> Machine:
        """Return a new machine."""
        return Machine(self.resolved, self.run)

    def machine_among(self, versions: Versions) -> Machine:
        """Return a machine whose program is that of all mixes of these versions, of each role.

        Its library is compiled once for all of them. If a version declares more than texts and
        fields, as an action of its own, it is the machine of this mix alone.
        """
        together = self.model.resolve_mixes(dict(versions))
        if _outline(together.program) != self.outline:
            return self.machine()
        if self.automaton is not None:
            together = weave(together, self.automaton, tuple(self.actions))
        chosen = {
            version_parameter(role): names.index(self.mix[role])
            for role, names in versions
            if len(names) > 1
        }
        run = dataclasses.replace(self.run, parameters={**self.run.parameters, **chosen})
        return Machine(together, run)

    def with_tables(self, run: Run, program: ir.Program) -> Run:
        """Return a run with the parameters that the programs of its tasks are."""
        made = self.automaton
        assert made is not None
        starts = starts_of(self.scenario, made, program, run)
        refuse_without_start(self.scenario, made.words, starts, self.actions)
        more = {**tables(made, program, run), **starts}
        return dataclasses.replace(run, parameters={**run.parameters, **more})

    def tracer(self) -> Tracer:
        """Return a new machine that makes traces."""
        return Tracer(self.resolved, self.run, self.names, self.line_of if self.automaton else None)

    def line_of(self, machine: Machine, step: Step) -> str:
        """Return the line of a program that takes a step from the state of a machine, or ""."""
        spot = self.spot(machine)
        action = machine.program.functions[step.action]
        place = spot and spot.lines.get(letter_of(action, step.arguments))
        return f"{place.text}  ({Path(place.where).name}, {place.task})" if place else ""

    def spot(self, machine: Machine) -> Spot | None:
        """Return where the program stands whose code runs in the state of a machine, or None."""
        assert self.automaton is not None
        number = machine.namespace["program_here"]()
        return self.automaton.spots[number] if number else None

    def refuse_stuck(self) -> None:
        """Raise `InputError` for a program that cannot go on, in one of the first states.

        Its step is not possible there: the program itself is wrong, and nothing was found.
        """
        if self.automaton is None:
            return
        machine = self.machine()
        listing = enumerators(machine, self.actions)
        seen = {machine.initial(): None}
        left = deque(seen)
        while left:
            state = left.popleft()
            machine.load(state)
            spot = self.spot(machine)
            after = outcomes(machine, listing, state)
            if spot is not None and not after:
                machine.load(state)
                raise self.stuck(spot, machine)
            for _, outcome in after:
                if not is_site(outcome) and outcome not in seen and len(seen) < LOOKED_AT:
                    reached = cast(Snapshot, outcome)
                    seen[reached] = None
                    left.append(reached)

    def stuck(self, spot: Spot, machine: Machine) -> InputError:
        """Return the error about a program that cannot go on in the state of a machine."""
        place = next(iter(spot.lines.values()))
        steps = " or ".join(dict.fromkeys(action for action, _ in spot.letters))
        action, letter = next(iter(spot.letters.items()))[0]
        why = next(
            why_not(machine, step)
            for step, _ in machine.steps(only=[action])
            if letter_of(machine.program.functions[action], step.arguments)[1] == letter
        )
        return InputError(
            f"{place.task} cannot go on at {place.text!r}: {steps} is not possible there, as "
            f"{why or 'it does not hold in the middle of the step'}",
            where=place.where,
            hint="an operation must exist to be dropped, an end has one at a time, and a task that "
            "ends owns none: drop it, or move it to storage",
        )


@functools.lru_cache(maxsize=128)
def _outline(program: ir.Program) -> tuple[object, ...]:
    """Return what mixes of one program have in common: all but the state and the texts."""
    own = {name: p for name, p in program.parameters.items() if name not in program.choices}
    of_choices = {enumeration_of(name) for name in program.choices}
    enums = {name: members for name, members in program.enums.items() if name not in of_choices}
    marks = {"action", "invariant", "tested", "fair", BEGINS, ENDS, IF, THEN}
    marked = [
        (f.name, f.parameters, f.marks) for f in program.functions.values() if marks & set(f.marks)
    ]
    return program.indexes, program.bounds, enums, own, marked


def check_hosts(scenario: Scenario, model: Model) -> None:
    """Raise `InputError` for a host of an expectation that is unknown."""
    for expectation in scenario.expectations:
        for host in expectation.hosts:
            _check_name(scenario, "host", host, model.hosts)


def check_names(scenario: Scenario, mix: Mix, model: Model) -> None:
    """Raise `InputError` for a version of the mix or a name of an expectation that is unknown.

    An expectation with a misspelt name would be about nothing, and the default would count.
    """
    for version in mix.values():
        _check_name(scenario, "ABI version", version, model.versions)
    for name in scenario.assume:
        optional = [a.id for a in model.assumptions.values() if a.optional]
        _check_name(scenario, "assumption", name, optional)
    # without a list every action is allowed, and none is named
    for name in scenario.never if scenario.actions is not None else ():
        _check_name(scenario, "action", name, scenario.actions or ())
    features = scenario.features or tuple(model.features)
    for i, expectation in enumerate(scenario.expectations):
        _check_applies(scenario, expectation, scenario.expectations[:i])
        _check_name(scenario, "property", expectation.property, model.properties)
        for site in expectation.sites or ():
            _check_name(scenario, "site", site, model.sites)
            outcome = model.properties[expectation.property].outcome
            if KINDS[model.sites[site].kind] != outcome:
                raise InputError(
                    f"{site} does not violate {expectation.property}",
                    where=scenario.line_of(f'"{site}"'),
                    hint=f"it is a {model.sites[site].kind}: `wakeproof list sites` has them all",
                )
        for versions in expectation.mixes.values():
            for version in versions:
                _check_name(scenario, "ABI version", version, model.versions)
        for feature in (*expectation.on, *expectation.off):
            _check_name(scenario, "feature", feature, features)


def _check_applies(
    scenario: Scenario, expectation: Expectation, before: Sequence[Expectation]
) -> None:
    """Raise `InputError` for an expectation that counts nowhere: one before it always applies."""
    if any(_covers(other, expectation) for other in before):
        raise InputError(
            f"an expectation of {expectation.property} that never counts",
            where=scenario.line_of_expectation(expectation),
            hint="the first one that applies counts: remove it, or put it before the others",
        )


def _covers(other: Expectation, expectation: Expectation) -> bool:
    """Return whether an expectation applies wherever another one does."""
    return (
        other.property == expectation.property
        and set(other.on) <= set(expectation.on)
        and set(other.off) <= set(expectation.off)
        and (not other.hosts or (set(expectation.hosts) or {""}) <= set(other.hosts))
        and all(
            role in expectation.mixes and set(expectation.mixes[role]) <= set(versions)
            for role, versions in other.mixes.items()
        )
    )


def _check_name(scenario: Scenario, kind: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise InputError(
            f"unknown {kind} {name!r}",
            where=scenario.line_of(f'"{name}"'),
            hint=did_you_mean(name, known),
        )


def scenario_for(model: Model, name: str) -> Scenario:
    """Read a bundled scenario by its name, or one by its path, with the extra versions of a model.

    Raises `InputError` if there is none, or its file is not a scenario.
    """
    return with_extra_versions(read_scenario(find_scenario(name)), model)


def with_extra_versions(scenario: Scenario, model: Model) -> Scenario:
    """Return the scenario with the versions of the files beside the model.

    A version that the scenario names itself stays as it is; one that it names by the release which
    it mirrors gets its name.
    """
    scenario = scenario.with_names_of(model.version_named)
    sources = model.sources
    extra = [path.stem for path in model.extra if path.stem in sources.versions]
    return scenario.with_versions({name: sources.chain(name)[-2::-1] for name in extra})
