"""What commands are given: scenarios, models, versions, features."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from wakeproof.bundled import SCENARIOS
from wakeproof.commands.options import BuildOptions, MixOptions
from wakeproof.errors import InputError
from wakeproof.language.model import BUNDLED, Model
from wakeproof.scenario.file import Scenario
from wakeproof.scenario.mixes import ROLES, Build, Mix, MixChoice


def chosen_model(given: Path | None) -> Model:
    """The model of a folder, or the bundled one; a folder without a model of its own holds
    versions that build on the bundled one."""
    if given is None:
        return BUNDLED
    if not given.is_dir():
        raise InputError("no such folder", where=str(given), hint="name a folder with a model")
    if (given / "properties.toml").exists():
        return Model(given)
    extra = tuple(sorted(given.glob("*.py")))
    if not extra:
        raise InputError(
            "neither a model (properties.toml) nor version files (*.py)", where=str(given)
        )
    return Model(BUNDLED.root, extra)


def find_scenario(name: str) -> Path:
    """A bundled scenario by name, or a file."""
    bundled = SCENARIOS / f"{name}.toml"
    if bundled.is_file():
        return bundled
    if Path(name).is_file():
        return Path(name)
    raise InputError(
        f"no scenario {name!r}",
        hint="`wakeproof list scenarios` names the bundled ones; name a file of your own by path",
    )


def chosen_scenarios(names: Sequence[str]) -> list[Path]:
    """The scenarios that are named, each once, or the bundled ones; two of one name are refused."""
    chosen: dict[str, Path] = {}
    for path in (find_scenario(name) for name in names):
        known = chosen.setdefault(path.stem, path)
        if known.resolve() != path.resolve():
            raise InputError(
                f"two scenarios are called {path.stem}", where=str(path), hint="rename one of them"
            )
    return list(chosen.values()) or bundled_scenarios()


def bundled_scenarios() -> list[Path]:
    """The bundled scenarios in order of name."""
    return sorted(SCENARIOS.glob("*.toml"))


def chosen_mixes(options: MixOptions, model: Model) -> MixChoice:
    """The mixes that the options choose. Raises `InputError` for an unknown version."""
    roles = options.roles()
    mixes = tuple(parse_mix(word) for word in options.mix)
    if mixes:
        roles = {role: tuple(mix[role] for mix in mixes) for role in ROLES}
    for version in itertools.chain.from_iterable(roles.values()):
        if version not in model.versions:
            raise InputError(
                f"unknown ABI version {version!r}", hint="one of " + ", ".join(model.versions)
            )
    return MixChoice(roles, mixes)


def parse_mix(word: str) -> Mix:
    """The mix that is written `v1/v2/v2`. Raises `InputError` for another number of versions."""
    versions = word.split("/")
    if len(versions) != len(ROLES):
        raise InputError(f"{word!r} is not a mix", hint=f"write a version for {'/'.join(ROLES)}")
    return dict(zip(ROLES, versions, strict=True))


def mixes_of(scenario: Scenario, chosen: MixChoice) -> list[Mix]:
    """The mixes of a scenario that are chosen."""
    return [mix for mix in scenario.mixes(chosen.roles) if chosen.allows(mix)]


def one_mix(scenario: Scenario, options: MixOptions, model: Model) -> Mix:
    """The mix of a command that takes one.

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
            hint=f"`wakeproof show {scenario.name}` prints its mixes",
        )
    return max(mixes, key=lambda mix: [model.versions.index(version) for version in mix.values()])


def one_build(options: BuildOptions, model: Model) -> Build:
    """The build of a command that takes one: with just the features of `--on`.

    None, which is the scenario's own build, without both options. Raises `InputError` for an
    unknown feature.
    """
    on = known_features(model, options.on)
    off = known_features(model, options.off)
    return tuple(on) if on or off else None


def known_features(model: Model, names: Sequence[str]) -> Sequence[str]:
    """The names of features. Raises `InputError` for an unknown one."""
    known = model.features
    for name in names:
        if name not in known:
            raise InputError(f"unknown feature {name!r}", hint="one of " + ", ".join(known))
    return names
