"""Builds: combinations of the build features of a release, and scenarios in them.

A model names its features in `parameters.toml`. A feature sets some parameters, in every role; for
every member of one type it may need members of other types, which a parameter then names.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from wakeproof.errors import InputError
from wakeproof.language import ir
from wakeproof.language.model import Feature
from wakeproof.language.values import default
from wakeproof.scenario.file import Scenario, combinations
from wakeproof.scenario.mixes import Build
from wakeproof.util.text import did_you_mean

PAIRED = ("same", "next")
"""Values that stand for a list over all members, however many there are."""


def features_on(features: Mapping[str, Feature], parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the features that the parameters of a run turn on, in one role at least."""
    return tuple(name for name, f in features.items() if _is_on(parameters.get(f.sets[0], False)))


def is_own(scenario: Scenario, build: Build, features: Mapping[str, Feature]) -> bool:
    """Return whether a build is that of the scenario's own parameters, in every role."""
    own = scenario.parameters

    def is_set(parameter: str, on: bool) -> bool:
        value = own.get(parameter, False)
        return all(v == on for v in (value if isinstance(value, Sequence) else (value,)))

    return build is None or all(
        is_set(parameter, name in build) for name, f in features.items() for parameter in f.sets
    )


def _is_on(value: Any) -> bool:
    return any(value) if isinstance(value, Sequence) else bool(value)


def every_build(scenario: Scenario, features: Mapping[str, Feature]) -> list[Build]:
    """List every combination of the features that the scenario tries, or of all of the model.

    The scenario's own build, None, comes first if it is not one of the combinations. A script
    prescribes the steps of one build, so it has this build only.
    """
    if scenario.script is not None:
        return scenario.builds()
    builds = combinations(scenario.features or tuple(features))
    if scenario.features or any(is_own(scenario, build, features) for build in builds):
        return builds
    return [None, *builds]


def with_build(
    scenario: Scenario, build: Build, features: Mapping[str, Feature], program: ir.Program
) -> Scenario:
    """Return the scenario with the parameters and members that a build needs.

    The build is one of the features that the scenario tries, or of all features if it tries none.
    Raises `InputError` for a feature that the model does not know.
    """
    if build is None:
        return scenario
    tried = scenario.features or tuple(features)
    for name in (*tried, *build):
        if name not in features:
            raise InputError(
                f"the model has no feature {name!r}",
                where=scenario.line_of(name),
                hint=did_you_mean(name, features),
            )
    for name in tried:
        switched = dict.fromkeys(features[name].sets, name in build)
        scenario = dataclasses.replace(scenario, parameters={**scenario.parameters, **switched})
        feature = features[name]
        given = [member for n in feature.named for member in scenario.parameters.get(n, ())]
        if name in build and feature.each and not any(given):
            scenario = _enlarged(scenario, feature, program)
    return scenario


def _enlarged(scenario: Scenario, feature: Feature, program: ir.Program) -> Scenario:
    """Return the scenario with the members that a feature needs, added behind its own."""
    sizes, names = dict(scenario.sizes), dict(scenario.names)
    parameters = dict(scenario.parameters)
    number = sizes[feature.each]
    users = names.get(feature.each, tuple(str(n + 1) for n in range(number)))
    for kind, more in feature.more.items():
        own = sizes[kind]
        sizes[kind] += more * number
        for name, declared in program.parameters.items():
            given = parameters.get(name)
            # one value stands for the scenario's own members, not for those that a feature adds
            if declared.keys[:1] == (kind,) and given is not None and given not in PAIRED:
                fill = "" if declared.value.optional else default(declared.value)
                first = given if isinstance(given, list) else [given] * own
                parameters[name] = [*first, *[fill] * (more * number)]
        if kind in names or kind in feature.named.values():
            own_names = names.get(kind, tuple(f"{kind.lower()}{n + 1}" for n in range(own)))
            names[kind] = (*own_names, *(f"{feature.name}-of-{user}" for user in users))
    for name, kind in feature.named.items():
        parameters[name] = list(names[kind][-number:])
    return dataclasses.replace(scenario, sizes=sizes, names=names, parameters=parameters)
