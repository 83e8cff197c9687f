"""Mixes of versions, builds of features, and their names."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wakeproof.errors import InputError

Mix = dict[str, str]

Versions = tuple[tuple[str, tuple[str, ...]], ...]
"""The roles, and the versions that each may run."""

# the features that are on; None is the build of the scenario's own parameters
Build = tuple[str, ...] | None
# the roles that may be of different releases; the schema requires a list of versions for each
ROLES = ("export", "block_on", "import")


@dataclass(frozen=True)
class MixChoice:
    """A choice of mixes by the versions of each role, and by whole mixes.

    An empty choice, of a role or of mixes, allows everything.
    """

    roles: Mapping[str, tuple[str, ...]]
    mixes: tuple[Mix, ...] = ()

    def allows(self, mix: Mix) -> bool:
        """Return whether a mix is chosen."""
        in_roles = all(mix[r] in versions for r, versions in self.roles.items() if versions)
        return in_roles and (not self.mixes or mix in self.mixes)


def every_mix(chosen: MixChoice, versions: Sequence[str]) -> list[Mix]:
    """List every chosen mix; a role without a choice has each of `versions`."""
    lists = [dict.fromkeys(chosen.roles.get(role) or versions) for role in ROLES]
    mixes = (dict(zip(ROLES, mix, strict=True)) for mix in itertools.product(*lists))
    return [mix for mix in mixes if chosen.allows(mix)]


def newest_mix(mixes: Iterable[Mix], versions: Sequence[str]) -> Mix:
    """Return the mix of the newest versions, the first role first; `versions` are all in order.

    An unknown version is the newest, so that it is refused where the mix is used.
    """
    age = {version: number for number, version in enumerate(versions)}
    return max(mixes, key=lambda mix: [age.get(version, len(age)) for version in mix.values()])


def mix_name(mix: Mapping[str, str]) -> str:
    """Return a mix in one word, in the order of its roles: `v1/v2/v2`."""
    return "/".join(mix.values())


def run_name(mix: Mapping[str, str], build: Build) -> str:
    """Name a mix and the features that its build has on.

    `v1/v2/v2` is the scenario's own build; others are `v1/v2/v2 +none`, `v1/v2/v2 +async-spawn`.
    """
    features = () if build is None else build or ("none",)
    return " ".join((mix_name(mix), *(f"+{feature}" for feature in features)))


def read_run_name(name: str, roles: Sequence[str]) -> tuple[Mix, Build]:
    """Read a name as `run_name` writes it: a version for each role, then the features of a build.

    Raises `InputError` for anything else.
    """
    first, *marks = name.split() or [""]
    versions = first.split("/")
    features = tuple(mark.removeprefix("+") for mark in marks)
    if len(versions) != len(roles) or marks != [f"+{feature}" for feature in features]:
        raise InputError(
            f"{name!r} is not a mix", hint=f"write {'/'.join(roles)}, a version for each"
        )
    mix = dict(zip(roles, versions, strict=True))
    return mix, (() if features == ("none",) else features or None)


def build_of(result: Mapping[str, Any]) -> Build:
    """Return the build of an entry of a results file."""
    features = result.get("features")
    return None if features is None else tuple(features)


def build_name(features: Iterable[str]) -> str:
    """Return the features of a build, for people."""
    return " and ".join(features) or "none"


def builds_name(some: Sequence[Build], every: Sequence[Build]) -> str:
    """Return some builds among `every` build, for people; empty if there is only one."""
    if len(every) < 2:
        return ""
    return "any" if len(some) == len(every) else "; ".join(build_name(b or ()) for b in some)
