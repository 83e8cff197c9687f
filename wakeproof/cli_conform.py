"""The commands of `wakeproof conform`: the model beside real implementations."""

from __future__ import annotations

import sys
from typing import Any

import click

from wakeproof.commands.help import LIMITS, REAL, RUNS, Group, option
from wakeproof.commands.options import (
    PATH,
    RESULTS,
    SECTION,
    Number,
    cluster_option,
    json_option,
    model_option,
    report_option,
    seed_option,
    walk_options,
)


@click.group("conform", cls=Group)
def conform() -> None:
    """Compare the model with real implementations: Wasmtime, and the released crates."""


@conform.command("host")
@seed_option
@model_option
@option(
    LIMITS,
    "--calls",
    type=Number(),
    default=200_000,
    show_default=True,
    help="Number of builtin calls.",
)
@option(
    REAL,
    "--definitions",
    type=PATH,
    metavar="FILE",
    show_default="none",
    envvar="WAKEPROOF_DEFINITIONS",
    show_envvar=True,
    help="Execute this definitions.py of the specification as a third reference. It is code, which "
    "runs with your rights.",
)
@report_option(SECTION)
def conform_host(**options: Any) -> None:
    """Compare the model's host layer with Wasmtime, builtin call by builtin call.

    The status is 1 if they diverge. With --definitions the output names which two references agree.
    """
    from wakeproof.commands.conform import HostOptions, conform_host_command

    sys.exit(conform_host_command(HostOptions(**options)))


@conform.command("spec")
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="PATH...")
@model_option
@json_option
@report_option(SECTION)
def conform_spec(**options: Any) -> None:
    """Check the specification's own tests on the model's host layer and on Wasmtime.

    PATH is a checkout of WebAssembly/component-model, a folder of .wast files, or one such file;
    of a second one the output says how many assertions the first lacks.
    The status is 1 if an assertion fails and is not listed as outside.
    """
    from wakeproof.commands.conform import SpecOptions, conform_spec_command

    sys.exit(conform_spec_command(SpecOptions(**options)))


@conform.command("guest")
@walk_options(15_000)
@cluster_option
@option(
    RUNS,
    "--traces",
    type=PATH,
    metavar=RESULTS,
    show_default="none",
    help="Play the traces of this results file too.",
)
def conform_guest(**options: Any) -> None:
    """Compare the model's runtime with the released crates, call by call; needs cargo.

    The status is 1 if they diverge, or if a trace does not happen on the crates.
    """
    from wakeproof.commands.conform import WalkOptions, conform_guest_command

    sys.exit(conform_guest_command(WalkOptions(**options)))


@conform.command("component")
@walk_options(12_000)
@cluster_option
def conform_component(**options: Any) -> None:
    """Compare the model with the released crates as components on Wasmtime; needs cargo.

    It needs Rust's target wasm32-unknown-unknown and the package wasmtime, too. The status is 1 if
    they diverge.
    """
    from wakeproof.commands.conform import WalkOptions, conform_component_command

    sys.exit(conform_component_command(WalkOptions(**options)))
