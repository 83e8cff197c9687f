"""The command line. Every command imports what it needs when it runs, so that help is quick."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import click

from wakeproof import __version__
from wakeproof.cli_check import check
from wakeproof.cli_conform import conform
from wakeproof.cli_pr import pr
from wakeproof.cli_scenario import new
from wakeproof.commands import completion
from wakeproof.commands.completion import completer
from wakeproof.commands.help import (
    LIMITS,
    OUTPUT,
    RUNS,
    Group,
    Option,
    option,
)
from wakeproof.commands.options import (
    NOT_WRITTEN,
    PATH,
    PROPERTY,
    RESULTS,
    SCENARIO,
    SECTION,
    SOLVERS,
    VERSION,
    VERSIONS,
    WITH_DATA,
    Number,
    build_options,
    cluster_option,
    component_option,
    fresh_option,
    json_option,
    mix_options,
    model_option,
    property_option,
    real_option,
    report_option,
    seed_option,
    size_options,
    steps_option,
    timeout_option,
)
from wakeproof.export import MODELS, PICTURES, PROGRAMS, REPORT, SCRIPT

scenario_option = option(
    RUNS,
    "--scenario",
    metavar="SCENARIO|FILE",
    shell_complete=SCENARIO,
    show_default="the scenario of the trace",
    help="Take the steps in this scenario.",
)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(
    __version__,
    "-V",
    "--version",
    prog_name="wakeproof",
    cls=Option,
    help="Print the version and exit.",
)
@option(
    OUTPUT,
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Print colours on a terminal without NO_COLOR (auto), always or never.",
)
@option(OUTPUT, "--debug", is_flag=True, help="Print the traceback of a failure of the tool.")
@click.pass_context
def cli(context: click.Context, color: str, debug: bool) -> None:
    """Check the wasip3 async task C ABI: every interleaving of poll, drop, move and block_on."""
    if debug:
        logging.basicConfig(format="%(message)s")
        logging.getLogger("wakeproof").setLevel(logging.DEBUG)
    context.color = {"auto": None, "always": True, "never": False}[color]


@cli.command("list")
@click.argument(
    "what",
    type=click.Choice(
        [
            *("all", "scenarios", "properties", "versions", "hosts", "actions", "parameters"),
            *("words", "sites", "findings"),
        ]
    ),
    default="all",
)
@option(
    OUTPUT,
    "--schema",
    is_flag=True,
    help="Print the JSON schema of scenarios, for editors of TOML, instead.",
)
@model_option
def list_(**options: Any) -> None:
    """List the names that scenarios and commands use, each with its sentence."""
    from wakeproof.commands.show import ListOptions, list_command

    list_command(ListOptions(**options))


@cli.command("show")
@click.argument(
    "name",
    metavar="SCENARIO|FILE|VERSION|FINDING",
    shell_complete=completer(
        completion.scenarios, completion.versions, completion.findings, files=True
    ),
)
@option(
    RUNS,
    "--against",
    metavar="VERSION",
    shell_complete=VERSION,
    show_default="none",
    help="Compare with this version.",
)
@model_option
def show(**options: Any) -> None:
    """Show a scenario, a finding, a version, or what differs between two versions.

    Of a scenario it prints the story, who takes part, which actions may happen, and the verdicts
    that are expected; of a finding what happens, where, in which releases, the program in Rust and
    the cure; with --against the functions and fields in which two versions differ, side by side.
    """
    from wakeproof.commands.show import ShowOptions, show_command

    show_command(ShowOptions(**options))


@cli.command("explain")
@click.argument(
    "text",
    nargs=-1,
    required=True,
    metavar="TEXT...",
    shell_complete=completer(completion.findings, completion.sites),
)
@model_option
def explain(**options: Any) -> None:
    """Explain a panic, a trap, a line of a backtrace, a site, a property or a finding.

    TEXT is a message, a line such as `waitable.rs:271`, the id of a site or a property, or the name
    of a finding; - reads it from standard input. It prints what must hold there, the line in each
    release, the findings that end so, the shortest program in Rust, and the cure.
    """
    from wakeproof.commands.explain import ExplainOptions, explain_command

    explain_command(ExplainOptions(**options))


@cli.command("simulate")
@click.argument("scenario", metavar="SCENARIO|FILE", shell_complete=SCENARIO)
@mix_options("the newest mix of the scenario")
@build_options("the scenario's own build")
@model_option
@seed_option
@option(
    RUNS,
    "--script",
    type=PATH,
    metavar="FILE",
    show_default="the script of the scenario, else random steps",
    help="Take the steps in this file, one `action argument ...` a line, instead of random ones.",
)
@steps_option
@json_option
def simulate(**options: Any) -> None:
    """Take one walk through a scenario, at random or by a script, and print every step.

    The walk is in one mix and one build. A scenario with a script is followed by it. The status is
    1 if the walk violates a property.
    """
    from wakeproof.commands.simulate import SimulateOptions, simulate_command

    sys.exit(simulate_command(SimulateOptions(**options)))


@cli.command("explore")
@click.argument(
    "what", required=False, metavar=f"[SCENARIO|FILE|{RESULTS}]", shell_complete=SCENARIO
)
@scenario_option
@mix_options("the newest mix of the scenario")
@build_options("the scenario's own build")
@model_option
@option(
    OUTPUT,
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    show_default="8618, or a free one if it is in use",
    help="Serve on this port of 127.0.0.1; 0 is a free one.",
)
@option(OUTPUT, "--open", "open_browser", is_flag=True, help="Open the browser, too.")
def explore(**options: Any) -> None:
    """Explore the states of a scenario, or of the traces of a results file, in the browser.

    It serves pages on this machine alone until Ctrl-C, and prints their address. Without a name
    the first page has all bundled scenarios. It needs starlette and uvicorn: pip install
    'wakeproof[explore]'.
    """
    from wakeproof.commands.explore import ExploreOptions, explore_command

    sys.exit(explore_command(ExploreOptions(**options)))


@cli.command("replay")
@click.argument("trace", type=PATH, metavar=RESULTS)
@scenario_option
@model_option
@real_option
@component_option
@report_option(SECTION)
def replay(**options: Any) -> None:
    """Take the traces of a results file again, and print whether they still happen.

    --component implies --real, and --report needs --component. The status is 1 if a trace does not
    happen any more, or not on a real implementation.
    """
    from wakeproof.commands.replay import ReplayOptions, replay_command

    sys.exit(replay_command(ReplayOptions(**options)))


@cli.command("releases")
@click.argument("results", nargs=-1, required=True, type=PATH, metavar=f"{RESULTS}...")
@model_option
@report_option(WITH_DATA)
@cluster_option
def releases(**options: Any) -> None:
    """Play the violations of results files on every release of the crates; needs cargo.

    The files are those that `check --json` wrote. The status is 1 if a release does something else
    than its version of the model.
    """
    from wakeproof.commands.releases import ReleasesOptions, releases_command

    sys.exit(releases_command(ReleasesOptions(**options)))


@cli.command("review")
@click.argument("new", metavar="NEW", shell_complete=VERSION)
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO|FILE]...", shell_complete=SCENARIO)
@option(
    RUNS,
    "--against",
    required=True,
    metavar="VERSION",
    shell_complete=VERSION,
    help="Compare with this version.",
)
@option(
    RUNS,
    "--beside",
    type=VERSIONS,
    default=(),
    show_default="none",
    help="More versions that take part in the mixes, e.g. v1,v2.",
)
@build_options("the scenario's own build")
@model_option
@option(
    RUNS, "--proofs", is_flag=True, help="Compare what is proved, too; this takes some minutes."
)
@fresh_option
@option(
    LIMITS,
    "--max-pairs",
    type=Number(),
    default=4_000,
    show_default=True,
    help="Maximum number of pairs of states in the lockstep of a scenario.",
)
@json_option
@report_option()
@cluster_option
@option(OUTPUT, "--quiet", "-q", is_flag=True, help="Print no traces.")
def review(**options: Any) -> None:
    """Review the version NEW: what it fixes, breaks and changes against another version.

    Without names of scenarios all bundled ones are checked, each in one build. The status is 1 if
    something got worse.
    """
    from wakeproof.commands.review import ReviewOptions, review_command

    sys.exit(review_command(ReviewOptions(**options)))


@cli.command("prove")
@mix_options("the newest version in every role", "the newest version")
@model_option
@property_option(
    "property, lemma or site (`panic SITE`)", "all properties", ", with what violates it"
)
@size_options
@option(
    RUNS,
    "--any-number",
    is_flag=False,
    flag_value="all",
    metavar="[MIXES]",
    show_default="none",
    help="Prove for index types of any size too, in these mixes or in all that are proved.",
)
@option(
    RUNS,
    "--infer",
    is_flag=True,
    help="Search for lemmas with which the property, or site, of --property is inductive.",
)
@option(
    RUNS,
    "--solver",
    type=click.Choice(["cadical", "z3"]),
    default="cadical",
    show_default=True,
    help="The solver that decides the obligations; z3 takes some times as long.",
)
@timeout_option("the search of --infer", "600.0 with --infer")
@fresh_option
@cluster_option
@json_option
@report_option()
@option(
    OUTPUT,
    "--matrix",
    is_flag=True,
    help="Print every obligation, facts by actions, and what breaks each fact that is not proved.",
)
@option(
    OUTPUT,
    "--certificates",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    show_default=NOT_WRITTEN,
    help="Write every proved obligation into this folder as SMT-LIB 2.",
)
@option(
    OUTPUT,
    "--every-state",
    is_flag=True,
    help="Write certificates about every state, not only about one of those that are symmetric.",
)
def prove(**options: Any) -> None:
    """Prove the properties by induction, at given sizes or at any, for runs of any length.

    All mixes of the chosen versions are proved at once. With --property the status is 1 if one is
    violated and 3 if one is open.
    """
    from wakeproof.commands.prove import ProveOptions, prove_command

    for name in ("Task", "Operation", "Handle"):
        number = options.pop(f"size_{name}")
        options["sizes"] += () if number is None else (f"{name}={number}",)
    command = "wakeproof " + " ".join(sys.argv[1:])
    sys.exit(prove_command(ProveOptions(command=command, **options)))


@cli.command("recheck")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@option(
    RUNS,
    "--confirmed",
    "confirmed_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    show_default="none",
    help="Leave out the certificates that this file, the data of a page, has as confirmed.",
)
@option(
    RUNS,
    "--solver",
    type=SOLVERS,
    default="cvc5",
    show_default=True,
    help="The solvers that check every certificate, e.g. cvc5,z3,bitwuzla.",
)
@timeout_option("an obligation", 60.0)
@fresh_option
@cluster_option
@report_option(WITH_DATA)
def recheck(**options: Any) -> None:
    """Have other solvers confirm the certificates that `prove` wrote.

    The status is 1 if one of them refutes an obligation and 3 if one leaves it open.
    """
    from wakeproof.commands.recheck import RecheckOptions, recheck_command

    command = "wakeproof " + " ".join(sys.argv[1:])
    sys.exit(recheck_command(RecheckOptions(command=command, **options)))


@cli.command("export")
@click.argument("what", metavar=f"{RESULTS}|SCENARIO|FILE", shell_complete=SCENARIO)
@option(
    OUTPUT,
    "--to",
    "form",
    type=click.Choice([*PROGRAMS, REPORT, SCRIPT, *PICTURES, *MODELS]),
    metavar="FORM",
    required=True,
    help=f"The form to write: {', '.join([*PROGRAMS, REPORT, SCRIPT, *PICTURES])} for a trace; "
    f"{', '.join(MODELS)} for a scenario.",
)
@option(
    OUTPUT,
    "--output",
    type=PATH,
    metavar="FILE|DIR",
    show_default="standard output for one file, else a folder here",
    help="Write the file, or the folder where the form has several files, here.",
)
@option(
    RUNS,
    "--property",
    metavar="ID",
    shell_complete=PROPERTY,
    show_default="any",
    help="Take the violation of this property from a file of traces; of a scenario, the property: "
    "for smtlib any, for promela and tla one of progress.",
)
@option(
    RUNS,
    "--site",
    metavar="ID",
    shell_complete=completer(completion.sites),
    show_default="any",
    help="Take the violation at this site from a file of traces; for smtlib, the site.",
)
@scenario_option
@mix_options("any mix of a file of traces, the newest of a scenario")
@build_options("the build of the trace, the scenario's own build")
@model_option
@option(
    LIMITS,
    "--steps",
    type=Number(),
    show_default="the bound of the scenario",
    help="Maximum number of steps in the exported model; for smtlib, the number of steps.",
)
@option(
    OUTPUT,
    "--interpreter",
    type=PATH,
    show_default="$WAKEPROOF_SPEC",
    help="For wast: write a program of the specification's interpreter, where it has the commands. "
    "The file that has the interpreter, or a checkout of WebAssembly/component-model.",
)
def export(**options: Any) -> None:
    """Write a trace as a test, a report or a picture, or a scenario for another checker.

    Of a trace: rust-test, rust-crate (which cargo runs), issue, wast (for Wasmtime), html (a page),
    mermaid or svg (a diagram), itf (for viewers of traces). Of a scenario in one mix: promela (for
    Spin) or tla (for TLC), both with one property of progress or all others, or smtlib (the
    violation of one property after a number of steps, for any SMT solver).
    """
    from wakeproof.commands.export import ExportOptions, export_command

    sys.exit(export_command(ExportOptions(**options)))


@cli.command("graph")
@click.argument("scenario", metavar="SCENARIO|FILE", shell_complete=SCENARIO)
@option(
    OUTPUT,
    "--to",
    "form",
    type=click.Choice(["dot", "svg"]),
    default="dot",
    show_default=True,
    help="The form to write; svg needs Graphviz, which makes the layout.",
)
@option(
    OUTPUT,
    "--by",
    multiple=True,
    metavar="FIELD",
    show_default="all fields",
    help="Show this field, as phase, or this scalar, as phase[left]; states with the same values "
    "of all that are shown are one node. It may be given several times.",
)
@option(
    OUTPUT,
    "--output",
    type=PATH,
    metavar="FILE",
    show_default="standard output",
    help="Write the graph here.",
)
@mix_options("the newest mix of the scenario")
@build_options("the scenario's own build")
@model_option
@option(
    LIMITS,
    "--max-states",
    type=Number(),
    default=20_000,
    show_default=True,
    help="Maximum number of states of a run.",
)
@option(
    LIMITS,
    "--max-nodes",
    type=Number(),
    default=500,
    show_default=True,
    help="Maximum number of nodes of the graph.",
)
def graph(**options: Any) -> None:
    """Write the graph of the states of a small scenario, with the violations marked.

    It is in one mix and one build. A step that goes wrong leads to a node of its site; a state in
    which an invariant fails names the property.
    """
    from wakeproof.commands.graph import GraphOptions, graph_command

    sys.exit(graph_command(GraphOptions(**options)))


@cli.command("findings")
@click.argument(
    "names", nargs=-1, metavar="[FINDING]...", shell_complete=completer(completion.findings)
)
@option(RUNS, "--run", is_flag=True, help="Build and run the tests of the findings; needs cargo.")
@option(
    RUNS,
    "--traces",
    type=PATH,
    metavar=RESULTS,
    show_default="none",
    help="Play the traces of this results file too, each as a program.",
)
@option(
    RUNS,
    "--one-mix",
    is_flag=True,
    help="Play each violation of --traces in one mix only, the first.",
)
@component_option
@option(
    OUTPUT,
    "--output",
    type=PATH,
    metavar="DIR",
    show_default=NOT_WRITTEN,
    help="Write traces, tests and reports into this folder. With --run the tests run on every "
    "release; without it the pages have the results of an earlier run, which the folder has.",
)
def findings(**options: Any) -> None:
    """List the findings; with --run build and run their tests.

    Without names it takes all of them. Each test fails on the release that has the finding, and
    passes on one that has not and with the cure; the status is 1 if a test does something else. The
    other options but --output need --run.
    """
    from wakeproof.commands.findings import FindingsOptions, findings_command

    sys.exit(findings_command(FindingsOptions(**options)))


cli.add_command(check)
cli.add_command(conform)
cli.add_command(pr)
cli.add_command(new)
