"""A scenario in one mix and build, ready to run."""

from __future__ import annotations

import dataclasses

from wakeproof.execution.machine import Machine
from wakeproof.execution.trace import Tracer
from wakeproof.language.model import Model
from wakeproof.language.resolve import Resolved
from wakeproof.language.values import Run
from wakeproof.scenario.features import built, is_own, stated
from wakeproof.scenario.file import Scenario
from wakeproof.scenario.mixes import Build, Mix
from wakeproof.scenario.parameters import bind, index_names
from wakeproof.scenario.script import allowed_actions, parse_script


class Instance:
    """A scenario in one mix and build, ready to run."""

    def __init__(self, scenario: Scenario, mix: Mix, model: Model, build: Build = None) -> None:
        scenario = with_extra_versions(scenario, model)
        self.mix = mix
        self.model = model
        self.build = build
        self.resolved: Resolved = model.resolve(mix)
        program = self.resolved.program
        features = model.features
        # a scenario speaks about the builds that it tries, or about the one that it is in
        self.has_expectations = bool(scenario.features) or is_own(scenario, build, features)
        scenario = built(scenario, build, features, program)
        self.run: Run = bind(scenario, program, model.defaults)
        self.features = stated(features, self.run.parameters)
        self.names = index_names(scenario, program, model.defaults.get("names", {}))
        self.scenario = dataclasses.replace(scenario, names=self.names)
        self.actions = allowed_actions(scenario, program)
        self.script = parse_script(self.scenario, program)

    def machine(self) -> Machine:
        """A plain machine."""
        return Machine(self.resolved, self.run)

    def tracer(self) -> Tracer:
        """A machine that tells traces."""
        return Tracer(self.resolved, self.run, self.names)


def with_extra_versions(scenario: Scenario, model: Model) -> Scenario:
    """The scenario with the versions of the files beside the model in it, if it does not name them
    itself.
    """
    chain = model.sources.chain
    return scenario.joined_by({p.stem: chain(p.stem)[-2::-1] for p in model.extra})
