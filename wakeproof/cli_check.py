"""The command `wakeproof check` and its options."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from wakeproof.commands.help import EXPLORATION, LIMITS, OUTPUT, RUNS, Command, option
from wakeproof.commands.options import (
    NOT_WRITTEN,
    PATH,
    SCENARIO,
    Number,
    Seconds,
    Size,
    build_options,
    ci_options,
    cluster_option,
    file_option,
    fresh_option,
    json_option,
    mix_options,
    model_option,
    property_option,
    real_option,
    report_option,
    timeout_option,
)


@click.command("check", cls=Command)
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO|FILE]...", shell_complete=SCENARIO)
@mix_options("every mix of a scenario")
@build_options("every build of a scenario")
@option(
    RUNS,
    "--every-build",
    is_flag=True,
    help="Check every combination of features, not only the builds that a scenario names.",
)
@model_option
@property_option()
@option(
    LIMITS,
    "--max-states",
    type=Number(),
    show_default="no limit",
    help="Maximum number of states of a run.",
)
@timeout_option("a run")
@option(
    LIMITS,
    "--memory",
    type=Size(),
    show_default="no limit",
    help="Maximum size of the tables of a run in bytes, or with a unit, e.g. 500M or 16G.",
)
@option(
    LIMITS,
    "--disk",
    type=PATH,
    metavar="DIR",
    show_default="in memory",
    help="Keep the states of native code in a file in this folder, so that they take less memory.",
)
@option(
    EXPLORATION,
    "--explorer",
    type=click.Choice(["auto", "native", "plain"]),
    default="auto",
    show_default=True,
    help="Explore in native code, in plain Python, or (auto) in native code if a C compiler is "
    "available and the run is long enough to pay for it.",
)
@option(
    EXPLORATION,
    "--symmetry",
    is_flag=True,
    help="Merge states that differ only by symmetry; native code only.",
)
@option(
    EXPLORATION,
    "--checkpoint",
    type=PATH,
    metavar="DIR",
    show_default="not saved",
    help="Save native runs in this folder, so that an interrupted run can be resumed.",
)
@option(
    EXPLORATION,
    "--resume",
    is_flag=True,
    help="Resume the runs that are saved in the folder of --checkpoint.",
)
@option(
    EXPLORATION,
    "--swarm",
    type=Number(),
    show_default="an exhaustive search",
    help="Run this number of random searches instead of an exhaustive one; they find violations, "
    "but no verdict is `holds`.",
)
@option(
    EXPLORATION,
    "--time",
    type=Seconds(),
    show_default="60.0 with --swarm",
    help="Duration of a swarm in seconds.",
)
@option(
    EXPLORATION,
    "--jobs",
    type=Number(),
    show_default="all processors",
    help="Maximum number of processors.",
)
@option(
    EXPLORATION, "--fail-fast", is_flag=True, help="End with the first run that is not as expected."
)
@fresh_option
@cluster_option
@real_option
@option(
    OUTPUT,
    "--baseline",
    type=PATH,
    metavar="FILE",
    show_default="none",
    help="Accept the verdicts of this file, so that only what is new fails.",
)
@file_option("--write-baseline", "baseline_file", "the verdicts that are not as expected")
@json_option
@report_option()
@option(
    OUTPUT,
    "--html",
    "html_folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    show_default=NOT_WRITTEN,
    help="Write a page for each violation into this folder, and an index over them.",
)
@ci_options
@option(OUTPUT, "--verbose", "-v", is_flag=True, help="Print the verdicts of each mix.")
@option(
    OUTPUT,
    "--traces",
    is_flag=True,
    help="Print the shortest way to each violation: the program in Rust, steps, what follows.",
)
@option(
    OUTPUT,
    "--coverage",
    is_flag=True,
    help="Print which actions, sites and properties each scenario never puts to the test.",
)
@option(
    OUTPUT,
    "--quiet",
    "-q",
    is_flag=True,
    help="Print only what is not as expected, and the summary.",
)
def check(**options: Any) -> None:
    """Check scenarios in every mix and build that they name.

    Without names all bundled scenarios are checked. It prints one screen: what was checked, what is
    not as expected by cause, and what is known. The status is 1 if a verdict is not the one that
    its scenario expects. Results are cached, but for those of --real, --swarm and --checkpoint.
    """
    from wakeproof.commands.check import CheckOptions, check_command

    sys.exit(check_command(CheckOptions(**options)))
