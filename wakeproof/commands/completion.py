"""Values that a shell completes: names of scenarios, versions, properties, sites, and so on.

A key press waits for them, so only the files that hold the names are read, and what cannot be read
completes nothing: an error would be printed into the line that is being typed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from wakeproof.bundled import MODEL, ROOT, SCENARIOS
from wakeproof.errors import InputError
from wakeproof.util.text import number_in

COMPLETION = {
    "bash": 'eval "$(_WAKEPROOF_COMPLETE=bash_source wakeproof)"',
    "zsh": 'eval "$(_WAKEPROOF_COMPLETE=zsh_source wakeproof)"',
    "fish": "_WAKEPROOF_COMPLETE=fish_source wakeproof | source",
}
"""The line that switches completion on, by shell; it belongs into the shell's start-up file."""

MOST_WORDS = 100_000
"""The words of a line that is completed."""

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


def refuse_incomplete() -> None:
    """Raise `InputError` for variables that are not those of a shell that completes a word."""
    variable = "_WAKEPROOF_COMPLETE"
    instruction = os.environ.get(variable)
    if not instruction:
        return
    shell, _, what = instruction.partition("_")
    if shell not in COMPLETION or what not in ("source", "complete"):
        raise InputError(
            f"{variable}={instruction}: not a shell whose words are completed",
            hint="unset it, or use one of " + ", ".join(f"{name}_source" for name in COMPLETION),
        )
    words, place = os.environ.get("COMP_WORDS"), os.environ.get("COMP_CWORD")
    is_place = place is not None and (shell == "fish" or number_in(place, MOST_WORDS) is not None)
    if what == "complete" and (words is None or not is_place):
        raise InputError(
            f"COMP_WORDS and COMP_CWORD are not those of {shell}",
            hint=f"a shell sets them: unset {variable}",
        )


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


def solvers(_: click.Context) -> list[str]:
    """Return the solvers that confirm certificates."""
    from wakeproof.prove.certificates.second_solvers import PACKAGES

    return list(PACKAGES)


def symptoms(_: click.Context) -> list[str]:
    """Return the symptoms from which a scenario begins."""
    from wakeproof.util.toml import load_toml

    return [row["name"] for row in load_toml(ROOT / "symptoms.toml")["symptom"]]


def findings(_: click.Context) -> list[str]:
    """Return the bundled findings."""
    from wakeproof.util.toml import load_toml

    return [row["name"] for row in load_toml(ROOT / "findings.toml")["finding"]]


def model_folder(context: click.Context) -> Path:
    """Return the folder that was typed if it has a model of its own, else the bundled one."""
    given: Path | None = context.params.get("model")
    return given if given is not None and (given / "properties.toml").exists() else MODEL
