"""The releases of `wit-bindgen` that the guest driver is built with, and their build features.

A version of the model mirrors one release, or none (a draft).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from wakeproof.bundled import ROOT
from wakeproof.errors import InputError
from wakeproof.language.sources import Sources
from wakeproof.scenario.mixes import Mix

SOURCE = ROOT / "conformance" / "guest"
OLDER: Final = ("0.48.1", "0.50.0", "0.57.1")
"""Releases that the driver cannot be built with, and which a finding names."""
WASM_ALONE: Final = ("0.48.1",)
"""Releases that declare the host's builtins for the architecture `wasm32`, not for its family.

Elsewhere each builtin panics, so that what is built with them runs as a component alone.
"""
FEATURES: Final = ("inter-task-wakeup", "async-spawn")


def releases() -> tuple[str, ...]:
    """List the releases that the driver is built with, oldest first."""
    text = (SOURCE / "src" / "releases.rs").read_text(encoding="utf-8")
    return tuple(re.findall(r'^    "([\d.]+)" \w+ \w+;$', text, re.MULTILINE))


def releases_of(
    sources: Sources, mix: Mix, others: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the release behind each role of a mix.

    `others` has the release of a version that mirrors none of them, or of which the release does
    not count. Raises `InputError` if a version of the mix mirrors none of the releases.
    """
    found = {}
    for role, version in mix.items():
        release = (others or {}).get(version) or release_of(sources, version)
        if release is None:
            raise InputError(
                f"{version} is not a release that the guest driver is built with",
                hint="one of " + ", ".join(released_versions(sources)),
            )
        found[role] = release
    return found


def release_of(sources: Sources, version: str) -> str | None:
    """Return the release that a version of the model mirrors; None if the driver does not have it.

    Raises `InputError` for a version that the model does not have.
    """
    if version not in sources.versions:
        raise InputError(f"unknown version {version!r}", hint="`wakeproof list versions`")
    name = str(sources.versions[version].facts.get("RELEASE", ""))
    number = name.removeprefix("wit-bindgen ")
    return number if number in releases() else None


def released_versions(sources: Sources) -> list[str]:
    """List the versions of the model that mirror a release, in the order of their names."""
    return [v for v in sorted(sources.versions) if release_of(sources, v) is not None]


def mirrored(sources: Sources) -> dict[str, str]:
    """Return the release of each version that mirrors one."""
    found = {version: release_of(sources, version) for version in sources.versions}
    return {version: release for version, release in found.items() if release}


def known_features(release: str) -> tuple[str, ...]:
    """Return those of `FEATURES` that a release has: 0.49.0 is the first that wakes other tasks."""
    return FEATURES[1:] if release in WASM_ALONE else FEATURES


def features_of(parameters: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the features with which a scenario's parameters need the crates to be built.

    None if roles need different features, so that one build does not suffice.
    """
    found = []
    for feature in FEATURES:
        on = set(parameters.get(feature.replace("-", "_"), [False]))
        if feature == "async-spawn":
            on |= {True} if parameters.get("import_spawns") else set()
        if len(on) > 1:
            return None
        if True in on:
            found.append(feature)
    return tuple(found)
