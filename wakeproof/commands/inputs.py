"""What commands are given: scenarios, models, versions, features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wakeproof.bundled import SCENARIOS
from wakeproof.commands.options import BuildOptions, MixOptions
from wakeproof.errors import InputError
from wakeproof.language.model import BUNDLED, Model
from wakeproof.scenario.mixes import Build

ROLE_OPTIONS = {"export": "executor", "block_on": "block_on", "import": "import_"}


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


def chosen_versions(options: Mapping[str, Any], known: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The versions that the options choose, by role; unknown ones are refused."""
    chosen = {role: tuple(options[option]) for role, option in ROLE_OPTIONS.items()}
    for versions in chosen.values():
        for version in versions:
            if version not in known:
                raise InputError(
                    f"unknown ABI version {version!r}", hint="one of " + ", ".join(known)
                )
    return chosen


def chosen_roles(options: MixOptions, known: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The versions that the options choose, by role. Raises `InputError` for an unknown one."""
    given = {name: getattr(options, name) for name in ROLE_OPTIONS.values()}
    return chosen_versions(given, known)


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
