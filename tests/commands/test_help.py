"""The help texts, the voice of errors, and what options mean in all commands."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections import defaultdict
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from wakeproof import __version__
from wakeproof.cli import cli
from wakeproof.commands.check import CheckOptions
from wakeproof.commands.completion import COMPLETION
from wakeproof.commands.conform import HostOptions, SpecOptions, WalkOptions
from wakeproof.commands.explain import ExplainOptions
from wakeproof.commands.explore import ExploreOptions
from wakeproof.commands.export import ExportOptions
from wakeproof.commands.findings import FindingsOptions
from wakeproof.commands.graph import GraphOptions
from wakeproof.commands.help import SECTIONS, Option
from wakeproof.commands.new import NewOptions
from wakeproof.commands.pr import PrOptions
from wakeproof.commands.prove import ProveOptions
from wakeproof.commands.recheck import RecheckOptions
from wakeproof.commands.releases import ReleasesOptions
from wakeproof.commands.replay import ReplayOptions
from wakeproof.commands.review import ReviewOptions
from wakeproof.commands.show import ListOptions, ShowOptions
from wakeproof.commands.simulate import SimulateOptions
from wakeproof.errors import Exit
from wakeproof.main import main

OPTIONS: dict[str, type] = {
    "check": CheckOptions,
    "conform component": WalkOptions,
    "conform guest": WalkOptions,
    "conform host": HostOptions,
    "conform spec": SpecOptions,
    "explain": ExplainOptions,
    "explore": ExploreOptions,
    "export": ExportOptions,
    "findings": FindingsOptions,
    "graph": GraphOptions,
    "list": ListOptions,
    "new": NewOptions,
    "pr": PrOptions,
    "prove": ProveOptions,
    "recheck": RecheckOptions,
    "releases": ReleasesOptions,
    "replay": ReplayOptions,
    "review": ReviewOptions,
    "show": ShowOptions,
    "simulate": SimulateOptions,
}


def commands(group: click.Group = cli, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command by the words that are typed; a group of commands is one, too."""
    yield before, group
    for name, command in group.commands.items():
        path = f"{before} {name}".strip()
        if isinstance(command, click.Group):
            yield from commands(command, path)
        else:
            yield path, command


COMMANDS = dict(commands())


def options(command: click.Command) -> list[click.Option]:
    """The options of a command, without `--help`."""
    return [parameter for parameter in command.params if isinstance(parameter, click.Option)]


def help_of(path: str, columns: int) -> str:
    """What a command prints with `--help` on a terminal of this width."""
    done = CliRunner().invoke(cli, [*path.split(), "--help"], terminal_width=columns)
    assert done.exit_code == 0
    return done.output


def unspaced(text: str) -> str:
    """A text without its white space, as a wrapped line is."""
    return "".join(text.split())


# --- help ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_is_a_sentence(path: str) -> None:
    for option in options(COMMANDS[path]):
        assert re.fullmatch(r"[A-Z].*\.", option.help or ""), f"{path} {option.opts}"
        assert isinstance(option, Option), f"{path} {option.opts}: it is in no group"
        assert option.group in SECTIONS


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_with_a_value_has_its_default_in_the_help(path: str) -> None:
    command = COMMANDS[path]
    context = click.Context(command)
    for option in options(command):
        row = option.get_help_record(context)
        if row is not None and not option.is_flag and not option.required:
            assert "default: " in row[1], f"{path} {option.opts}"


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("path", COMMANDS)
def test_no_line_is_cut_off(path: str, columns: int) -> None:
    text = help_of(path, columns)
    assert max(map(len, text.splitlines())) <= columns
    whole = unspaced(text)
    command = COMMANDS[path]
    for option in options(command):
        assert unspaced(option.help or "") in whole
    for child in command.commands.values() if isinstance(command, click.Group) else ():
        first = (child.help or "").split("\n\n")[0]
        assert unspaced(first) in whole


@pytest.mark.parametrize("path", COMMANDS)
def test_the_exit_statuses_are_in_every_help(path: str) -> None:
    text = help_of(path, 80)
    for status in Exit:
        assert re.search(rf"^  {status.value:<2}  {re.escape(status.meaning)}$", text, re.MULTILINE)


def test_the_help_has_the_line_that_switches_completion_on() -> None:
    for shell, line in COMPLETION.items():
        assert f"  {shell:<4}  {line}\n" in help_of("", 80)


def test_the_version_is_printed() -> None:
    for option in ("-V", "--version"):
        assert CliRunner().invoke(cli, [option]).output == f"wakeproof, version {__version__}\n"


# --- one name, one meaning ----------------------------------------------------------------------

DIFFERENT = {
    "--output": "a file for one form of an export, a folder for findings",
    "--property": "one violation of a file of traces, or what is reported",
    "--quiet": "a review has no verdicts of each mix, and check names what is unexpected",
    "-q": "as --quiet",
    "--report": "a page, a page with data, or a section of a page",
    "--solver": "the one that decides obligations, or those that confirm certificates",
    "--steps": "the steps of a walk, or of an exported model",
    "--timeout": "the work that is limited: a run, an obligation, a search",
    "--to": "the forms of an export, or of a graph",
    "--traces": "findings plays those of a file as programs, check prints them",
}
"""Options whose help is not the same in all commands, with the reason."""


def test_an_option_means_the_same_in_every_command() -> None:
    meanings = defaultdict(set)
    for command in COMMANDS.values():
        for option in options(command):
            kind = (type(option.type).__name__, option.multiple, option.is_flag)
            for name in option.opts:
                meanings[name].add((kind, option.help))
    assert {name for name, found in meanings.items() if len(found) > 1} == DIFFERENT.keys()
    # these differ in their words, and in nothing else
    kinds = {name: {kind for kind, _ in meanings[name]} for name in DIFFERENT}
    assert [name for name, found in kinds.items() if len(found) > 1] == [
        "--property",
        "--solver",
        "--traces",
    ]


@pytest.mark.parametrize("path", OPTIONS)
def test_the_options_of_a_command_are_the_fields_of_its_dataclass(path: str) -> None:
    fields = {field.name for field in dataclasses.fields(OPTIONS[path])}
    parameters = {parameter.name for parameter in COMMANDS[path].params}
    sizes = {"size_Task", "size_Operation", "size_Handle"}
    assert parameters - sizes <= fields
    # the command line itself, and what only one of two commands with the same class has
    assert fields - parameters <= {"command", "traces"}


def test_every_command_has_a_dataclass_of_options() -> None:
    leaves = {path for path, command in COMMANDS.items() if not isinstance(command, click.Group)}
    assert leaves == OPTIONS.keys()


# --- errors and colours -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("listing", "no such command 'listing'\n  hint: did you mean list?"),
        ("check --no-such", "no such option '--no-such'\n  hint: `wakeproof check --help`"),
        ("check --modell x", "no such option '--modell'\n  hint: did you mean --model?"),
        ("check --max-states 0", "invalid value for '--max-states': 0 is not in the range"),
        ("check --timeout nan", "invalid value for '--timeout': nan is not a number of seconds"),
        ("check --memory 5Q", "invalid value for '--memory': '5Q' is not a size; write for ex"),
        ("review v3", "missing option '--against'\n  hint: `wakeproof review --help`"),
        ("show", "missing argument 'SCENARIO|FILE|VERSION|FINDING'"),
        ("check --resume", "--resume needs --checkpoint\n  hint: "),
        ("check --explorer plain --symmetry", "--symmetry is for native code\n  hint: "),
        ("check --swarm 2 --symmetry", "--symmetry does not go with --swarm\n  hint: "),
        ("check --mix v1/v1/v1 --import v1", "--mix does not go with --executor, "),
        ("replay x.json --report y.md", "--report needs --component\n  hint: "),
        ("export x.json --to issue --steps 3", "--steps is for a scenario\n  hint: "),
        ("export yield --to tla --site x", "--site is not for tla"),
        ("prove --timeout 5", "--timeout is for --infer"),
        ("recheck docs --solver x", "unknown solver 'x'\n  hint: one or more of cvc5,z3,bitwuzla"),
        ("check no-such-scenario", "no scenario 'no-such-scenario'\n  hint: "),
    ],
)
def test_wrong_use_has_one_voice(
    words: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["wakeproof", *words.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == Exit.WRONG_USE
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"wakeproof: {message}")
    assert len(printed.err.splitlines()) == 2
    assert "\n  hint: " in printed.err


@pytest.mark.parametrize("words", [[], ["conform"]])
def test_a_group_without_a_command_prints_its_help(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["wakeproof", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == Exit.WRONG_USE
    assert capsys.readouterr().err.startswith("Usage: wakeproof ")


WALK = ["simulate", "subtask", "--steps", "1"]
CYAN = "\x1b[36m"


def test_colours_are_printed_on_a_terminal_or_always_or_never(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = CliRunner().invoke
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert "\x1b" not in run(cli, WALK).output, "this is not a terminal"
    assert CYAN in run(cli, ["--color", "always", *WALK]).output
    # a terminal, as rich sees it
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert CYAN in run(cli, WALK).output
    assert "\x1b" not in run(cli, ["--color", "never", *WALK]).output
    monkeypatch.setenv("NO_COLOR", "1")
    assert CYAN not in run(cli, WALK).output
    assert CYAN in run(cli, ["--color", "always", *WALK]).output
