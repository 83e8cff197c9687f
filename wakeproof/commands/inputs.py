"""The inputs that options name: scenarios, models, mixes, builds."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from wakeproof.bundled import SCENARIOS
from wakeproof.commands.options import BuildOptions, ClusterOptions, MixOptions, ModelOptions
from wakeproof.errors import InputError
from wakeproof.language.model import Model, model_of
from wakeproof.scenario.file import Scenario, bundled_scenarios, find_scenario
from wakeproof.scenario.mixes import (
    ROLES,
    Build,
    Mix,
    MixChoice,
    newest_mix,
    read_run_name,
)
from wakeproof.util.parallel import Workers
from wakeproof.util.text import did_you_mean


def chosen_model(options: ModelOptions) -> Model:
    """Return the model that the options choose, with its host.

    A folder without a model of its own has versions that build on the bundled one. Raises
    `InputError` for a folder that has neither, and for an unknown host.
    """
    return model_of(options.model).with_host(options.host)


def chosen_scenarios(names: Sequence[str]) -> list[Path]:
    """Return the paths of the scenarios that are named, each once; without names all bundled ones.

    Raises `InputError` for two files of one name.
    """
    chosen: dict[str, Path] = {}
    for path in (find_scenario(name) for name in names):
        known = chosen.setdefault(path.stem, path)
        if known.resolve() != path.resolve():
            raise InputError(
                f"two scenarios are called {path.stem}", where=str(path), hint="rename one of them"
            )
    return list(chosen.values()) or bundled_scenarios()


def texts_of(model: Model, scenarios: Iterable[Scenario] = ()) -> list[Path]:
    """Return the files of a model and of scenarios, and the folders where bases of these may be."""
    paths = [scenario.path for scenario in scenarios]
    return [*model.texts, SCENARIOS, *paths, *(path.parent for path in paths)]


@contextmanager
def chosen_workers(options: ClusterOptions, texts: Iterable[Path] = ()) -> Iterator[Workers | None]:
    """Yield the workers of the cluster that the options choose; None for this machine.

    The workers have to have the same `texts`, which are those of the model. Raises `InputError` as
    `cluster` does.
    """
    if options.cluster is None:
        yield None
        return
    from wakeproof.util.cluster import cluster

    with cluster(options.cluster, texts) as workers:
        yield workers


def chosen_mixes(options: MixOptions, model: Model) -> MixChoice:
    """Return which mixes the options choose. Raises `InputError` for an unknown version."""
    roles = {
        role: tuple(map(model.version_named, versions))
        for role, versions in options.roles().items()
    }
    mixes = tuple(
        {role: model.version_named(version) for role, version in parse_mix(word).items()}
        for word in options.mix
    )
    if mixes:
        roles = {role: tuple(mix[role] for mix in mixes) for role in ROLES}
    for version in itertools.chain.from_iterable(roles.values()):
        if version not in model.versions:
            raise InputError(
                f"unknown ABI version {version!r}", hint=did_you_mean(version, model.versions)
            )
    return MixChoice(roles, mixes)


def parse_mix(word: str) -> Mix:
    """Return the mix that is written `v1/v2/v2`. Raises `InputError` for anything else."""
    mix, build = read_run_name(word, ROLES)
    if build is not None:
        raise InputError(f"{word!r} has features", hint="choose them with --on and --off")
    return mix


def mixes_of(scenario: Scenario, chosen: MixChoice) -> list[Mix]:
    """Return the mixes of a scenario that are chosen."""
    return [mix for mix in scenario.mixes(chosen.roles) if chosen.allows(mix)]


def one_mix(scenario: Scenario, options: MixOptions, model: Model) -> Mix:
    """Return the mix of a command that takes one.

    It is the one that `--mix` names, whether the scenario does or not; else the newest of the
    scenario's mixes that the options allow. Raises `InputError` for none, or several in `--mix`.
    """
    chosen = chosen_mixes(options, model)
    if len(chosen.mixes) > 1:
        raise InputError(f"--mix {','.join(options.mix)}: several mixes", hint="name one of them")
    mixes = chosen.mixes or mixes_of(scenario, chosen)
    if not mixes:
        raise InputError(
            "the scenario names none of these mixes",
            hint=f"`wakeproof show {scenario.reference}` prints its mixes",
        )
    return newest_mix(mixes, model.versions)


def one_build(options: BuildOptions, model: Model) -> Build:
    """Return the build of a command that takes one: only the features of `--on` are on.

    None, which is the scenario's own build, without both options. Raises `InputError` for an
    unknown feature.
    """
    on = known_features(model, options.on)
    off = known_features(model, options.off)
    return tuple(on) if on or off else None


def known_features(model: Model, names: Sequence[str]) -> Sequence[str]:
    """Return the names of features. Raises `InputError` for an unknown one."""
    known = model.features
    for name in names:
        if name not in known:
            raise InputError(f"unknown feature {name!r}", hint=did_you_mean(name, list(known)))
    return names
