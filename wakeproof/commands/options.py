"""Types and groups of options that several commands share, and what each group is parsed into."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import click
from click.shell_completion import CompletionItem

from wakeproof.commands import completion
from wakeproof.commands.completion import Known, completer
from wakeproof.commands.help import LIMITS, OUTPUT, REAL, RUNS, F, option
from wakeproof.errors import InputError
from wakeproof.explore.result import LARGEST_LIMIT
from wakeproof.scenario.mixes import ROLES
from wakeproof.util.text import number_in


class Names(click.ParamType):  # type: ignore[type-arg]
    """A list of names, separated by commas: of ABI versions, `v1,v2`, of mixes, of features.

    `known` are the names that a shell completes; a command checks them against its model.
    """

    def __init__(self, name: str, known: Known, separators: str = ",") -> None:
        self.name = name
        self.complete = completer(known, separators=separators)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Split at commas; refuse an empty name."""
        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in str(value).split(","))
        if not all(names):
            self.fail(f"{value!r} has an empty name; write for example v1,v2", param, ctx)
        return names

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete the last name of the list."""
        return self.complete(ctx, param, incomplete)


class Number(click.IntRange):
    """A number above 0."""

    name = "n"

    def __init__(self) -> None:
        super().__init__(min=1, max=LARGEST_LIMIT)


CLUSTER = re.compile(r"local:[1-9][0-9]{0,3}|[a-z]+://\S+:[0-9]+")
"""The text of `--cluster`."""

LONGEST_TIME = 1e9
"""The largest number of seconds: thirty years, which solvers can count in milliseconds."""


class Seconds(click.FloatRange):
    """A duration in seconds: a finite number above 0."""

    name = "seconds"

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True, max=LONGEST_TIME)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the seconds."""
        seconds = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value} is not a number of seconds", param, ctx)
        return seconds


class Size(click.ParamType):  # type: ignore[type-arg]
    """An amount of memory in bytes, `500000000`, or with a unit, `500M`, `16G`."""

    name = "size"
    units: ClassVar[dict[str, int]] = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the bytes."""
        found = re.fullmatch(r"(\d+)([KMG]?)(?:i?B)?", str(value), re.IGNORECASE)
        number = number_in(found[1], 1 << 63) if found else None
        if not found or not number:
            self.fail(f"{value!r} is not a size; write for example 500M or 16G", param, ctx)
        return number * self.units[found[2].upper()]


class Cluster(click.ParamType):  # type: ignore[type-arg]
    """A cluster: the address of a scheduler, or N workers of this machine."""

    name = "cluster"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text."""
        if not CLUSTER.fullmatch(str(value)):
            hint = "write the address of a scheduler, e.g. tcp://host:8786, or local:2"
            self.fail(f"{value!r} is not a cluster; {hint}", param, ctx)
        return str(value)


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """The model of a command: a folder, or None for the bundled one; and its host, or empty."""

    model: Path | None = None
    host: str = ""


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
        """Return the versions that are chosen for single roles, by role."""
        return dict(zip(ROLES, (self.executor, self.block_on, self.import_), strict=True))

    def typed(self) -> list[str]:
        """Return the options as they are typed."""
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


@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """Where the jobs of a command run: on a cluster, `local:N` or an address, or, None, here."""

    cluster: str | None = None


VERSIONS = Names("versions", completion.versions)
MIXES = Names("mixes", completion.versions, separators=",/")
FEATURES = Names("features", completion.features)
SOLVERS = Names("solvers", completion.solvers)
PATH = click.Path(path_type=Path)
SCENARIO = completer(completion.scenarios, files=True)
VERSION = completer(completion.versions)
PROPERTY = completer(completion.properties)
RESULTS = "RESULTS.json"
"""The results file that a command reads, in usages."""
NOT_WRITTEN = "not written"


def mix_options(default: str, role: str = "any") -> Callable[[F], F]:
    """Add the options that choose mixes.

    `default` describes the mixes that a command takes without them, `role` the versions of a role.
    """

    def decorate(command: F) -> F:
        for name, field, what in reversed(
            [
                ("--executor", "executor", "the exports' executor"),
                ("--block-on", "block_on", "nested tasks (block_on)"),
                ("--import", "import_", "the operations (imports)"),
            ]
        ):
            command = option(
                RUNS,
                name,
                field,
                type=VERSIONS,
                default=(),
                show_default=role,
                help=f"Only mixes with one of these versions of {what}, e.g. v1,v2.",
            )(command)
        return option(
            RUNS,
            "--mix",
            type=MIXES,
            default=(),
            show_default=default,
            help="Only these mixes, written export/block_on/import, e.g. v1/v2/v2,v2/v2/v2.",
        )(command)

    return decorate


def build_options(default: str) -> Callable[[F], F]:
    """Add the options that choose builds; `default` describes the builds without them."""

    def decorate(command: F) -> F:
        one = "; a command that takes one build takes that with no others"
        for state, more in (("off", ""), ("on", one)):
            command = option(
                RUNS,
                f"--{state}",
                type=FEATURES,
                default=(),
                show_default=default,
                help=f"Only builds with these features {state}, e.g. async-spawn{more}.",
            )(command)
        return command

    return decorate


def model_option(command: F) -> F:
    """Add the options that name another model, or versions beside the bundled ones, and a host."""
    command = option(
        RUNS,
        "--host",
        metavar="HOST",
        default="",
        show_default="what the newest Wasmtime does",
        shell_complete=completer(completion.hosts),
        help="The host under the program, e.g. spec_26e6ea9d; `wakeproof list hosts` has all.",
    )(command)
    return option(
        RUNS,
        "--model",
        type=PATH,
        metavar="DIR",
        show_default="the bundled model",
        help="A folder with a model, or with versions that build on the bundled model.",
    )(command)


def property_option(
    what: str = "property", default: str = "all", more: str = ""
) -> Callable[[F], F]:
    """Add the option that chooses properties; `what` is the kind of thing, `more` goes behind."""
    return option(
        RUNS,
        "--property",
        "properties",
        multiple=True,
        metavar="ID",
        shell_complete=PROPERTY,
        show_default=default,
        help=f"Report only this {what}{more}; may be repeated.",
    )


def size_options(command: F) -> F:
    """Add the options that give the sizes of index types."""
    for name in ("Handle", "Operation", "Task"):
        command = option(
            RUNS,
            f"--{name.lower()}s",
            f"size_{name}",
            type=Number(),
            show_default="as in proofs.toml",
            help=f"Number of {name.lower()}s; the same as --size {name}=N.",
        )(command)
    return option(
        RUNS,
        "--size",
        "sizes",
        multiple=True,
        metavar="TYPE=N",
        show_default="as in proofs.toml",
        help="Number of members of an index type, e.g. Channel=3; may be repeated.",
    )(command)


def cluster_option(command: F) -> F:
    """Add the option that runs the jobs of a command on a cluster."""
    return option(
        RUNS,
        "--cluster",
        type=Cluster(),
        metavar="ADDRESS|local:N",
        show_default="the processors of this machine",
        help="Run on the workers of this Dask scheduler, e.g. tcp://host:8786, or on N that are "
        "started here.",
    )(command)


def real_option(command: F) -> F:
    """Add the option that plays traces on the released crates too."""
    return option(
        REAL,
        "--real",
        is_flag=True,
        help="Play every trace on the released crates too; needs cargo.",
    )(command)


def component_option(command: F) -> F:
    """Add the option that plays traces as components too."""
    return option(
        REAL,
        "--component",
        is_flag=True,
        help="Play every trace as a component on Wasmtime too; needs cargo and Rust's WebAssembly "
        "target.",
    )(command)


def timeout_option(what: str, default: float | str = "no limit") -> Callable[[F], F]:
    """Add the time limit of `what`; a `default` in words is None for the command."""
    return option(
        LIMITS,
        "--timeout",
        type=Seconds(),
        default=default if isinstance(default, float) else None,
        show_default=default if isinstance(default, str) else True,
        help=f"Time limit of {what} in seconds.",
    )


def seed_option(command: F) -> F:
    """Add the seed of the random numbers."""
    return option(
        RUNS,
        "--seed",
        type=click.INT,
        metavar="N",
        default=0,
        show_default=True,
        help="Seed of the random numbers.",
    )(command)


def steps_option(command: F) -> F:
    """Add the limit of the steps of a walk."""
    return option(
        LIMITS,
        "--steps",
        type=Number(),
        default=30,
        show_default=True,
        help="Maximum number of steps in one walk.",
    )(command)


def fresh_option(command: F) -> F:
    """Add the option that ignores the cache."""
    return option(RUNS, "--fresh", is_flag=True, help="Ignore cached results.")(command)


def json_option(command: F) -> F:
    """Add the file of results."""
    return option(
        OUTPUT,
        "--json",
        "json_file",
        type=PATH,
        metavar="FILE",
        show_default=NOT_WRITTEN,
        help="Write the results to this file as JSON; - is standard output.",
    )(command)


def report_option(what: str = "Write a Markdown page to this file.") -> Callable[[F], F]:
    """Add the page; `what` says what is written."""
    return option(
        OUTPUT,
        "--report",
        "report_file",
        type=PATH,
        metavar="FILE",
        show_default=NOT_WRITTEN,
        help=what,
    )


def file_option(name: str, field: str, what: str) -> Callable[[F], F]:
    """Add an option that writes `what` to a file."""
    return option(
        OUTPUT,
        name,
        field,
        type=PATH,
        metavar="FILE",
        show_default=NOT_WRITTEN,
        help=f"Write {what} to this file.",
    )


def ci_options(command: F) -> F:
    """Add the files and annotations that CI shows."""
    command = option(
        OUTPUT,
        "--annotations",
        is_flag=True,
        help="Print what is not as expected as annotations of GitHub Actions, too.",
    )(command)
    for name, field, what in (
        ("--summary", "summary_file", "a summary in Markdown"),
        ("--sarif", "sarif_file", "what was found as SARIF 2.1.0"),
        ("--junit", "junit_file", "the verdicts as JUnit XML"),
    ):
        command = file_option(name, field, what)(command)
    return command


SECTION = "Write a section of a Markdown page to this file; its other sections stay."
WITH_DATA = "Write a Markdown page to this file, and its data beside it with the suffix .json."


def walk_options(walks: int) -> Callable[[F], F]:
    """Add the options of a comparison by random walks, `walks` of them by default."""

    def decorate(command: F) -> F:
        for add in (
            report_option(SECTION),
            steps_option,
            option(
                LIMITS,
                "--walks",
                type=Number(),
                default=walks,
                show_default=True,
                help="Number of random walks.",
            ),
            seed_option,
            model_option,
            mix_options("every mix of released versions", "every released version"),
        ):
            command = add(command)
        return command

    return decorate
