"""Mixes of versions, builds of features, and their names."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Mix = dict[str, str]

# the features that are on; None is what the scenario's own parameters say
Build = tuple[str, ...] | None
# who may be of another release: the schema asks for a list of versions for each
ROLES = ("export", "block_on", "import")


@dataclass(frozen=True)
class MixChoice:
    """Which mixes are chosen: `roles` are the versions of each role, `mixes` are whole mixes.

    Where either is empty, it allows everything.
    """

    roles: Mapping[str, tuple[str, ...]]
    mixes: tuple[Mix, ...] = ()

    def allows(self, mix: Mix) -> bool:
        """Whether a mix is one of those that are chosen."""
        in_roles = all(mix[r] in versions for r, versions in self.roles.items() if versions)
        return in_roles and (not self.mixes or mix in self.mixes)


def every_mix(chosen: MixChoice, versions: Sequence[str]) -> list[Mix]:
    """Every mix that is chosen; a role without a choice has each of `versions`."""
    lists = [dict.fromkeys(chosen.roles.get(role) or versions) for role in ROLES]
    mixes = (dict(zip(ROLES, mix, strict=True)) for mix in itertools.product(*lists))
    return [mix for mix in mixes if chosen.allows(mix)]


def mix_name(mix: Mapping[str, str]) -> str:
    """A mix in one word, in the order of its roles: `v1/v2/v2`."""
    return "/".join(mix.values())


def run_name(mix: Mapping[str, str], build: Build) -> str:
    """A mix with the features that its build has on, among those that are tried: `v1/v2/v2`, as
    the scenario says, `v1/v2/v2 +none`, `v1/v2/v2 +async-spawn`.
    """
    features = () if build is None else build or ("none",)
    return " ".join((mix_name(mix), *(f"+{feature}" for feature in features)))


def build_of(result: Mapping[str, Any]) -> Build:
    """The build of an entry of a results file."""
    features = result.get("features")
    return None if features is None else tuple(features)


def build_name(features: Iterable[str]) -> str:
    """The features of a build, for people."""
    return " and ".join(features) or "none"


def builds_name(some: Sequence[Build], every: Sequence[Build]) -> str:
    """Builds among all, for people; empty if nothing is tried."""
    if len(every) < 2:
        return ""
    return "any" if len(some) == len(every) else "; ".join(build_name(b or ()) for b in some)
