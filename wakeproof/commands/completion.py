"""Values that a shell completes: names of scenarios, versions, properties, sites, and so on.

A key press waits for them, so only the files that hold the names are read, and what cannot be read
completes nothing: an error would be printed into the line that is being typed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from wakeproof.bundled import MODEL, ROOT, SCENARIOS

Known = Callable[[click.Context], Iterable[str]]
"""The names that can be typed, given what was typed before."""

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
"""What click calls: the items that complete an incomplete word."""


def completer(*sources: Known, separators: str = "", files: bool = False) -> Complete:
    """Return a function that completes the names of all sources.

    `separators` end a name of a list, after which the next is completed. With `files` the shell
    completes paths too, where no name fits.
    """

    def complete(
        context: click.Context, _: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        end = max((incomplete.rfind(mark) for mark in separators), default=-1) + 1
        before, word = incomplete[:end], incomplete[end:]
        # bash forgets the names that come before a request for paths
        items = [CompletionItem(incomplete, type="file")] if files else []
        for known in sources:
            with contextlib.suppress(Exception):
                names = [name for name in known(context) if name.startswith(word)]
                items += [CompletionItem(before + name) for name in names]
        return items

    return complete


def scenarios(_: click.Context) -> list[str]:
    """Return the bundled scenarios."""
    return sorted(file.stem for file in SCENARIOS.glob("*.toml"))


def versions(context: click.Context) -> list[str]:
    """Return the versions of the model, and those of a folder beside it."""
    folder = model_folder(context)
    files = [*(folder / "versions").glob("*.py")]
    given = context.params.get("model")
    if given is not None and given != folder:
        files += given.glob("*.py")
    return sorted(file.stem for file in files if file.name != "__init__.py")


def hosts(context: click.Context) -> list[str]:
    """Return the hosts of the model."""
    files = (model_folder(context) / "hosts").glob("*.py")
    return sorted(file.stem for file in files if file.name != "__init__.py")


def properties(context: click.Context) -> list[str]:
    """Return the properties of the model."""
    from wakeproof.util.toml import load_toml

    return [row["id"] for row in load_toml(model_folder(context) / "properties.toml")["property"]]


def sites(context: click.Context) -> list[str]:
    """Return the sites of the model."""
    from wakeproof.language.sites import load_sites

    return list(load_sites(model_folder(context)))


def features(context: click.Context) -> list[str]:
    """Return the features of a release that the model declares."""
    from wakeproof.util.toml import load_toml

    return list(load_toml(model_folder(context) / "parameters.toml")["features"])


def findings(_: click.Context) -> list[str]:
    """Return the bundled findings."""
    from wakeproof.util.toml import load_toml

    return [row["name"] for row in load_toml(ROOT / "findings.toml")["finding"]]


def model_folder(context: click.Context) -> Path:
    """Return the folder that was typed if it has a model of its own, else the bundled one."""
    given: Path | None = context.params.get("model")
    return given if given is not None and (given / "properties.toml").exists() else MODEL
