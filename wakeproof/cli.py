"""The command line. Every command imports what it needs when it runs, so that help is quick."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from wakeproof import __version__
from wakeproof.commands.options import (
    Names,
    Seconds,
    Size,
    build_options,
    mix_options,
    model_option,
    walk_options,
)
from wakeproof.errors import Exit, InputError

STATUS = """
Exit status: 0 as expected, 1 not as expected, 2 wrong use or input, 3 unknown (a limit was
reached or the run was interrupted).
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=STATUS)
@click.version_option(__version__, prog_name="wakeproof")
def cli() -> None:
    """Check the wasip3 async task C ABI: every interleaving of poll, drop, move and block_on."""


@cli.command(epilog=STATUS)
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO|FILE]...")
@mix_options
@build_options
@click.option(
    "--every-build", is_flag=True, help="Every feature on and off, not only as a scenario says."
)
@model_option
@click.option("--property", "properties", multiple=True, metavar="ID", help="Only this property.")
@click.option("--max-states", type=click.IntRange(min=1), help="Stop a run at this many states.")
@click.option(
    "--explorer",
    type=click.Choice(["auto", "native", "plain"]),
    default="auto",
    help="Native code, plain Python, or (auto) native code where it is to be had and pays.",
)
@click.option("--timeout", type=Seconds(), help="Stop a run after these seconds.")
@click.option("--memory", type=Size(), help="Stop a run whose tables need more, e.g. 16G.")
@click.option(
    "--symmetry", is_flag=True, help="Take states together that are alike by symmetry (native)."
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    help="Keep native runs in this folder, to go on with them whatever ended them.",
)
@click.option(
    "--swarm",
    type=click.IntRange(min=1),
    metavar="N",
    help="So many randomised searches instead, for what cannot be exhausted; never `holds`.",
)
@click.option(
    "--time",
    type=Seconds(),
    default=60.0,
    show_default=True,
    help="How many seconds a swarm takes.",
)
@click.option("--resume", is_flag=True, help="Go on from what is in the checkpoint's folder.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write the results here."
)
@click.option(
    "--report", "report_file", type=click.Path(path_type=Path), help="Write a Markdown page here."
)
@click.option(
    "--real", is_flag=True, help="Play every violation on the released crates; needs cargo."
)
@click.option("--quiet", is_flag=True, help="Only what is not as expected, and the last line.")
def check(**options: Any) -> None:
    """Check scenarios: the bundled ones, or those named, under every mix that they name."""
    from wakeproof.commands.check import CheckOptions, check_command

    sys.exit(check_command(CheckOptions(**options)))


@cli.command("list")
@click.argument(
    "what",
    type=click.Choice(["all", "scenarios", "properties", "versions", "actions", "sites"]),
    default="all",
)
@model_option
def list_(**options: Any) -> None:
    """List scenarios, properties, ABI versions, actions and sites."""
    from wakeproof.commands.show import ListOptions, list_command

    list_command(ListOptions(**options))


@cli.command()
@click.argument("name", metavar="SCENARIO|FILE|VERSION")
@click.option("--against", metavar="VERSION", help="Show what a version changes of this one.")
@model_option
def show(**options: Any) -> None:
    """Show a scenario: its story, who takes part, what they may do, what is expected.

    With --against, show the functions and fields in which two versions differ, side by side.
    """
    from wakeproof.commands.show import ShowOptions, show_command

    show_command(ShowOptions(**options))


@cli.command()
@click.argument("scenario", metavar="SCENARIO|FILE")
@mix_options
@build_options
@model_option
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random walk.")
@click.option("--steps", type=click.IntRange(min=1), default=30, show_default=True)
@click.option(
    "--script", type=click.Path(path_type=Path), help="Follow the steps in this file, one a line."
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Save the trace here.")
def simulate(**options: Any) -> None:
    """Walk through a scenario at random, or by a script, and print every step."""
    from wakeproof.commands.simulate import SimulateOptions, simulate_command

    sys.exit(simulate_command(SimulateOptions(**options)))


@cli.command()
@click.argument("trace", type=click.Path(path_type=Path), metavar="TRACE.json")
@click.option(
    "--scenario", type=str, help="The scenario to replay in, if it is not the one that is named."
)
@click.option("--real", is_flag=True, help="On the released crates too; needs cargo.")
@click.option(
    "--component",
    is_flag=True,
    help="Also on the crates, and as a component on Wasmtime; needs the WebAssembly target too.",
)
@click.option(
    "--report",
    "report_file",
    type=click.Path(path_type=Path),
    help="With --component: write what came out as a part of this Markdown page.",
)
@model_option
def replay(**options: Any) -> None:
    """Run the traces of a results file again and say whether they still happen."""
    from wakeproof.commands.replay import ReplayOptions, replay_command

    sys.exit(replay_command(ReplayOptions(**options)))


@cli.command(epilog=STATUS)
@click.argument(
    "results", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RESULTS.json..."
)
@click.option(
    "--report",
    "report_file",
    type=click.Path(path_type=Path),
    help="Write a Markdown page here, and its data beside it, with the suffix .json.",
)
@model_option
def releases(**options: Any) -> None:
    """Play the violations that `check --json` wrote on every release. Needs cargo."""
    from wakeproof.commands.releases import ReleasesOptions, releases_command

    sys.exit(releases_command(ReleasesOptions(**options)))


@cli.command(epilog=STATUS)
@click.argument("new", metavar="NEW")
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO|FILE]...")
@click.option("--against", required=True, metavar="OLD", help="The version that is there now.")
@click.option(
    "--beside", type=Names(), default=(), help="Other versions for the mixes, e.g. v1,v2."
)
@click.option(
    "--max-pairs",
    type=click.IntRange(min=1),
    default=4_000,
    show_default=True,
    help="Stop the lockstep of a scenario at this many pairs of states.",
)
@build_options
@click.option("--proofs", is_flag=True, help="Compare what is proved, too: some minutes.")
@model_option
@click.option("--fresh", is_flag=True, help="Use no results of earlier runs.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the review here.")
@click.option(
    "--report", "report_file", type=click.Path(path_type=Path), help="Write a Markdown page here."
)
@click.option("--quiet", is_flag=True, help="Without the traces.")
def review(**options: Any) -> None:
    """Review a version NEW against OLD: what it fixes, breaks and changes."""
    from wakeproof.commands.review import ReviewOptions, review_command

    sys.exit(review_command(ReviewOptions(**options)))


@cli.command(epilog=STATUS)
@mix_options
@model_option
@click.option(
    "--property",
    "properties",
    multiple=True,
    metavar="ID",
    help="Only this property, lemma or site ('panic SITE'), with what breaks it.",
)
@click.option(
    "--size", "sizes", multiple=True, metavar="TYPE=N", help="The size of an index type: Channel=3."
)
@click.option("--tasks", "size_Task", type=click.IntRange(min=1), help="The same as --size Task=N.")
@click.option(
    "--operations",
    "size_Operation",
    type=click.IntRange(min=1),
    help="The same as --size Operation=N.",
)
@click.option(
    "--handles", "size_Handle", type=click.IntRange(min=1), help="The same as --size Handle=N."
)
@click.option(
    "--any-number",
    is_flag=False,
    flag_value="all",
    metavar="[V/V/V,...]",
    help="Then prove what holds for index types of any size, of these mixes or of all.",
)
@click.option("--fresh", is_flag=True, help="Use no results of earlier runs.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write results here.")
@click.option(
    "--report", "report_file", type=click.Path(path_type=Path), help="Write a Markdown page here."
)
@click.option(
    "--matrix",
    is_flag=True,
    help="Print every obligation, facts by actions, and for each fact that falls what breaks it.",
)
@click.option(
    "--certificates",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write every proved obligation into this folder, as SMT-LIB 2.",
)
@click.option(
    "--every-state",
    is_flag=True,
    help="Certificates of every state, though one of those that are alike is enough for a proof.",
)
@click.option(
    "--infer",
    is_flag=True,
    help="Look for lemmas with which the one property, or `panic SITE`, is inductive.",
)
@click.option(
    "--timeout",
    type=Seconds(),
    help="Seconds for --infer: 600, if none are given.",
)
def prove(**options: Any) -> None:
    """Prove the properties by induction: for runs of any length, at given or any sizes.

    A role for which no version is chosen has the newest. With --property, the status is 1 if one of
    them is violated and 3 if one is open.
    """
    from wakeproof.commands.prove import ProveOptions, prove_command

    for name in ("Task", "Operation", "Handle"):
        number = options.pop(f"size_{name}")
        options["sizes"] += () if number is None else (f"{name}={number}",)
    command = "wakeproof " + " ".join(sys.argv[1:])
    sys.exit(prove_command(ProveOptions(command=command, **options)))


@cli.command(epilog=STATUS)
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--timeout",
    type=Seconds(),
    default=60.0,
    show_default=True,
    help="Seconds for an obligation.",
)
@click.option("--fresh", is_flag=True, help="Ask again what was confirmed before.")
@click.option(
    "--report",
    "report_file",
    type=click.Path(path_type=Path),
    help="Write a Markdown page here, and its data beside it, with the suffix .json.",
)
@click.option(
    "--confirmed",
    "confirmed_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.json",
    help="What --report wrote beside its page: certificates confirmed there are not checked again.",
)
def recheck(**options: Any) -> None:
    """Have a second solver, cvc5, confirm the certificates that `prove` wrote.

    What it has confirmed it is not asked again, as long as the certificate is the same.
    """
    from wakeproof.commands.recheck import RecheckOptions, recheck_command

    command = "wakeproof " + " ".join(sys.argv[1:])
    sys.exit(recheck_command(RecheckOptions(command=command, **options)))


@cli.command(epilog=STATUS)
@click.argument("what", metavar="TRACE.json|SCENARIO|FILE")
@click.option(
    "--to",
    "form",
    type=click.Choice(["rust-test", "rust-crate", "issue", "promela", "tla", "smtlib"]),
    required=True,
    help="The first three are of a saved trace, the others of a scenario.",
)
@click.option(
    "--output", type=click.Path(path_type=Path), help="The folder, or where it is one, the file."
)
@click.option("--property", metavar="ID", help="Of which violation, or (smtlib) property.")
@click.option("--site", metavar="ID", help="At which site.")
@mix_options
@click.option(
    "--steps", type=click.IntRange(min=1), help="The number of steps (smtlib), or another bound."
)
@model_option
def export(**options: Any) -> None:
    """Write a saved trace as a test, a crate or a bug report, or a scenario for another checker.

    Of a trace: rust-test, rust-crate (runs by cargo alone), issue. Of a scenario in one mix:
    promela (for Spin), tla (for TLC), smtlib (the violations of one property after a number of
    steps, for any SMT solver).
    """
    from wakeproof.commands.export import ExportOptions, export_command

    sys.exit(export_command(ExportOptions(**options)))


@cli.command(epilog=STATUS)
@click.argument("names", nargs=-1, metavar="[FINDING]...")
@click.option(
    "--output", type=click.Path(path_type=Path), help="Write traces, tests and reports here."
)
@click.option(
    "--components", is_flag=True, help="On Wasmtime too; needs Rust's WebAssembly target."
)
@click.option(
    "--traces",
    type=click.Path(path_type=Path),
    help="And every visible violation of this file, which `check --json` wrote, as a program.",
)
@click.option(
    "--one-mix", is_flag=True, help="Of those violations each in one mix, that which is first."
)
def findings(**options: Any) -> None:
    """Build and run the tests of all findings: each fails where it should and passes elsewhere.

    With --output on every release, and with everything written down. Needs cargo.
    """
    from wakeproof.commands.findings import FindingsOptions, findings_command

    sys.exit(findings_command(FindingsOptions(**options)))


@cli.group()
def conform() -> None:
    """Hold the model against real implementations: Wasmtime, and the released crates."""


@conform.command("host", epilog=STATUS)
@click.option("--calls", type=click.IntRange(min=1), default=200_000, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random sequences.")
@click.option(
    "--report", "report_file", type=click.Path(path_type=Path), help="Write a page here: its part."
)
@model_option
def conform_host(**options: Any) -> None:
    """Compare the model's host layer with Wasmtime, builtin call by builtin call."""
    from wakeproof.commands.conform import HostOptions, conform_host_command

    sys.exit(conform_host_command(HostOptions(**options)))


@conform.command("guest", epilog=STATUS)
@walk_options(15_000)
@click.option(
    "--traces",
    type=click.Path(path_type=Path),
    help="Play the traces of this file too, which `check --json` wrote.",
)
def conform_guest(**options: Any) -> None:
    """Compare the model's runtime with the released crates, call by call. Needs cargo."""
    from wakeproof.commands.conform import WalkOptions, conform_guest_command

    sys.exit(conform_guest_command(WalkOptions(**options)))


@conform.command("component", epilog=STATUS)
@walk_options(12_000)
def conform_component(**options: Any) -> None:
    """Compare both with the released crates as components on Wasmtime. Needs cargo.

    Needs Rust's target wasm32-unknown-unknown and the package wasmtime too.
    """
    from wakeproof.commands.conform import WalkOptions, conform_component_command

    sys.exit(conform_component_command(WalkOptions(**options)))


def main() -> None:
    """The entry point: one clear message for wrong input, no traceback."""
    try:
        status = cli.main(standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except (click.exceptions.Abort, KeyboardInterrupt):
        # click makes the one of the other while a command runs
        click.echo("wakeproof: interrupted", err=True)
        sys.exit(Exit.UNKNOWN)
    except click.ClickException as error:
        error.show()
        sys.exit(Exit.WRONG_USE)
    except InputError as error:
        click.echo(f"wakeproof: {error}", err=True)
        sys.exit(error.status)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Exit.WRONG_USE)
    except MemoryError:
        click.echo("wakeproof: out of memory\n  hint: lower --max-states", err=True)
        sys.exit(Exit.UNKNOWN)
    except OSError as error:
        click.echo(f"wakeproof: {error.strerror}: {error.filename or ''}", err=True)
        sys.exit(Exit.WRONG_USE)
