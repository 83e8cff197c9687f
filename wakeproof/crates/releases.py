"""The released versions of the crates, and their build features."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from wakeproof.bundled import ROOT
from wakeproof.errors import InputError
from wakeproof.language.sources import Sources
from wakeproof.scenario.mixes import Mix

SOURCE = ROOT / "conformance" / "guest"
FEATURES: Final = ("inter-task-wakeup", "async-spawn")


def releases() -> tuple[str, ...]:
    """The releases of `wit-bindgen` that the driver is built with, oldest first."""
    text = (SOURCE / "src" / "releases.rs").read_text(encoding="utf-8")
    return tuple(re.findall(r'^    "([\d.]+)" \w+ \w+;$', text, re.MULTILINE))


def releases_of(sources: Sources, mix: Mix) -> dict[str, str]:
    """The release of `wit-bindgen` behind every role of a mix. Raises `InputError` for none."""
    found = {}
    for role, version in mix.items():
        release = release_of(sources, version)
        if release is None:
            raise InputError(
                f"{version} is no release that the guest driver is built with",
                hint="one of " + ", ".join(released_versions(sources)),
            )
        found[role] = release
    return found


def release_of(sources: Sources, version: str) -> str | None:
    """The release of `wit-bindgen` that a version of the model mirrors, if the driver has it."""
    if version not in sources.versions:
        raise InputError(f"no version {version!r}", hint="`wakeproof list versions`")
    name = str(sources.versions[version].facts.get("RELEASE", ""))
    number = name.removeprefix("wit-bindgen ")
    return number if number in releases() else None


def released_versions(sources: Sources) -> list[str]:
    """The versions of the model that the driver can run, in order."""
    return [v for v in sorted(sources.versions) if release_of(sources, v) is not None]


def features_of(parameters: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The build of the crates that a scenario's parameters ask for; None if no one build does."""
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
