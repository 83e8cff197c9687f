"""Builds: the features of a release that are on, and what a run needs for them.

A model names its features in `parameters.toml`. Each sets some parameters, in every role; and for
every member of one type it may need members of others, which a parameter then names.
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


def stated(features: Mapping[str, Feature], parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """The features that the values of a run turn on, in one role at least."""
    return tuple(name for name, f in features.items() if _is_on(parameters.get(f.sets[0], False)))


def is_own(scenario: Scenario, build: Build, features: Mapping[str, Feature]) -> bool:
    """Whether a build is the one that the scenario's own parameters say, in every role."""
    own = scenario.parameters

    def says(parameter: str, on: bool) -> bool:
        value = own.get(parameter, False)
        return all(v == on for v in (value if isinstance(value, Sequence) else (value,)))

    return build is None or all(
        says(parameter, name in build) for name, f in features.items() for parameter in f.sets
    )


def _is_on(value: Any) -> bool:
    return any(value) if isinstance(value, Sequence) else bool(value)


def every_build(scenario: Scenario, features: Mapping[str, Feature]) -> list[Build]:
    """Every combination of the features of a model, and what it says itself if that is none of
    them; only that if it is a script, whose steps are those of one build.
    """
    if scenario.script is not None:
        return scenario.builds()
    builds = combinations(scenario.features or tuple(features))
    if scenario.features or any(is_own(scenario, build, features) for build in builds):
        return builds
    return [None, *builds]


def built(
    scenario: Scenario, build: Build, features: Mapping[str, Feature], program: ir.Program
) -> Scenario:
    """The scenario in a build: of the features that it tries, or of all if it tries none.

    `InputError` for a feature that the model does not know.
    """
    if build is None:
        return scenario
    tried = scenario.features or tuple(features)
    for name in (*tried, *build):
        if name not in features:
            raise InputError(
                f"the model has no feature {name!r}",
                where=scenario.line_of(name),
                hint="one of " + ", ".join(features),
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
    """The scenario with the members that a feature needs behind its own."""
    sizes, names = dict(scenario.sizes), dict(scenario.names)
    parameters = dict(scenario.parameters)
    number = sizes[feature.each]
    users = names.get(feature.each, tuple(str(n + 1) for n in range(number)))
    for kind, more in feature.more.items():
        own = sizes[kind]
        sizes[kind] += more * number
        for name, declared in program.parameters.items():
            if declared.keys[:1] == (kind,) and isinstance(parameters.get(name), bool | list):
                fill = "" if declared.value.optional else default(declared.value)
                given = parameters[name]
                first = given if isinstance(given, list) else [given] * own
                parameters[name] = [*first, *[fill] * (more * number)]
        if kind in names or kind in feature.named.values():
            own_names = names.get(kind, tuple(f"{kind.lower()}{n + 1}" for n in range(own)))
            names[kind] = (*own_names, *(f"{feature.name}-of-{user}" for user in users))
    for name, kind in feature.named.items():
        parameters[name] = list(names[kind][-number:])
    return dataclasses.replace(scenario, sizes=sizes, names=names, parameters=parameters)
