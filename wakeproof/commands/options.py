"""Types and groups of options that several commands share, and what each group is parsed into."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import click

from wakeproof.errors import InputError
from wakeproof.scenario.mixes import ROLES


class Names(click.ParamType):  # type: ignore[type-arg]
    """A list of names: of ABI versions, `v1,v2`, or of features."""

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Split at commas; the names are checked against the model later."""
        if isinstance(value, tuple):
            return value
        return tuple(v.strip() for v in str(value).split(",") if v.strip())


class Seconds(click.FloatRange):
    """A time limit: a finite number above 0."""

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the seconds."""
        seconds = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value} is not a number of seconds", param, ctx)
        return seconds


class Size(click.ParamType):  # type: ignore[type-arg]
    """An amount of memory: a number of bytes, or `500M`, `16G`."""

    name = "size"
    units: ClassVar[dict[str, int]] = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the bytes."""
        found = re.fullmatch(r"(\d+)([KMG]?)(?:i?B)?", str(value), re.IGNORECASE)
        if not found or not int(found[1]):
            self.fail(f"{value!r} is not a size; write for example 500M or 16G", param, ctx)
        return int(found[1]) * self.units[found[2].upper()]


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """The model of a command: a folder, or None for the bundled one."""

    model: Path | None = None


@dataclass(frozen=True, kw_only=True)
class MixOptions:
    """The mixes of a command: versions by role, or whole mixes `export/block_on/import`."""

    executor: tuple[str, ...] = ()
    block_on: tuple[str, ...] = ()
    import_: tuple[str, ...] = ()
    mix: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise `InputError` for options that do not go together."""
        if self.mix and any(self.roles().values()):
            raise InputError(
                "--mix does not go with --executor, --block-on and --import",
                hint="--mix names a version for every role",
            )

    def roles(self) -> dict[str, tuple[str, ...]]:
        """The versions that are chosen for single roles, by role."""
        return dict(zip(ROLES, (self.executor, self.block_on, self.import_), strict=True))

    def typed(self) -> list[str]:
        """The options as they are typed."""
        values = (self.executor, self.block_on, self.import_, self.mix)
        names = ("executor", "block-on", "import", "mix")
        return [
            f"--{name} {','.join(words)}"
            for name, words in zip(names, values, strict=True)
            if words
        ]


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """The builds of a command: features that are on, and features that are off."""

    on: tuple[str, ...] = ()
    off: tuple[str, ...] = ()


def mix_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that choose mixes."""
    command = click.option(
        "--mix", type=Names(), default=(), help="Only these mixes, e.g. v1/v2/v2,v2/v2/v2."
    )(command)
    return role_options(command)


def role_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The three options that choose versions."""
    for option, name, text in (
        ("--import", "import_", "Versions of the operations (imports), e.g. v1,v2."),
        ("--block-on", "block_on", "Versions of nested tasks, e.g. v1,v2."),
        ("--executor", "executor", "Versions of the exports' executor, e.g. v1,v2."),
    ):
        command = click.option(option, name, type=Names(), default=(), help=text)(command)
    return command


def build_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The two options that choose builds by their features."""
    for option in ("off", "on"):
        text = f"Only builds that have these features {option}, e.g. async-spawn."
        command = click.option(f"--{option}", type=Names(), default=(), help=text)(command)
    return command


def model_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option that names another model, or versions beside the bundled ones."""
    return click.option(
        "--model",
        type=click.Path(path_type=Path),
        help="A folder with a model of your own, or with versions that build on the bundled one.",
    )(command)


def walk_options(walks: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The options of the commands that walk at random, `walks` times if nothing is said."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        page = click.option(
            "--report",
            "report_file",
            type=click.Path(path_type=Path),
            help="Write a page here: its part.",
        )
        command = mix_options(page(model_option(command)))
        positive = click.IntRange(min=1)
        for name, kind, value, text in (
            ("--seed", click.INT, 0, "Of the random walks."),
            ("--steps", positive, 30, "A walk."),
            ("--walks", positive, walks, None),
        ):
            command = click.option(name, type=kind, default=value, show_default=True, help=text)(
                command
            )
        return command

    return decorate
