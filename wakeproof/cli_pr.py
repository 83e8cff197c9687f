"""The command `wakeproof pr`: a pull request of the crate beside the model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from wakeproof.commands.help import LIMITS, OUTPUT, RUNS, Command, option
from wakeproof.commands.options import (
    VERSION,
    Number,
    build_options,
    ci_options,
    json_option,
    model_option,
    seed_option,
    steps_option,
)


@click.command("pr", cls=Command)
@option(
    RUNS,
    "--crate",
    type=click.Path(path_type=Path),
    required=True,
    metavar="PATH",
    help="A checkout of bytecodealliance/wit-bindgen, or its folder crates/guest-rust. It is code, "
    "which is built and runs with your rights.",
)
@option(
    RUNS,
    "--base",
    metavar="VERSION",
    default="v3",
    show_default=True,
    shell_complete=VERSION,
    help="The released version whose model it is compared with.",
)
@model_option
@option(
    RUNS,
    "--against",
    metavar="VERSION",
    default="",
    shell_complete=VERSION,
    show_default="the base",
    help="Compare with this version.",
)
@option(
    RUNS,
    "--only",
    multiple=True,
    metavar="FUNCTION",
    show_default="those that the branch changes",
    help="Walk first where this function of the crate is reached, e.g. WaitableOperation::cancel; "
    "may be repeated.",
)
@build_options("every build of the crate")
@seed_option
@option(
    LIMITS,
    "--walks",
    type=Number(),
    default=2_000,
    show_default=True,
    help="Number of random walks.",
)
@steps_option
@json_option
@ci_options
@option(OUTPUT, "--quiet", "-q", is_flag=True, help="Print no traces.")
def pr(**options: Any) -> None:
    """Look at a pull request of the crate: is the model right for it; needs cargo.

    The guest driver is built with the source of the checkout, in which nothing is written. Walks
    and the traces of the findings are taken beside the model, first where the checkout has
    changed. With the pull request's own version in the folder of --model they are taken beside
    that too, and it is reviewed against the base or --against.

    The status is 1 if the model parts from the checkout, the layout of the C ABI breaks, a finding
    is brought, its test fails otherwise, or the version of --model is worse than the other.
    """
    from wakeproof.commands.pr import PrOptions, pr_command

    sys.exit(pr_command(PrOptions(**options)))
