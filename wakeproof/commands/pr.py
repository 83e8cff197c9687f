"""`wakeproof pr`: look at a pull request of the crate."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from wakeproof.commands.inputs import chosen_model, known_features, texts_of
from wakeproof.commands.options import BuildOptions, ModelOptions
from wakeproof.commands.output import refuse_unwritable, status_line, write_file
from wakeproof.conform.walking import every_build
from wakeproof.errors import InputError
from wakeproof.language.model import BUNDLED
from wakeproof.pull_request.look import Question, look_at
from wakeproof.pull_request.result import PullRequest, to_json
from wakeproof.report.ci.pull_request import (
    pull_request_annotations,
    pull_request_junit,
    pull_request_sarif,
    pull_request_summary,
)
from wakeproof.report.terminal.console import make_console
from wakeproof.report.terminal.pull_request import print_pull_request
from wakeproof.util.text import did_you_mean


@dataclass(frozen=True, kw_only=True)
class PrOptions(ModelOptions, BuildOptions):
    """A checkout of the crate, the version to compare it with, and how many walks to take.

    `model` is a folder with the author's own version, which is reviewed against `against`. `only`
    are functions of the crate.
    """

    crate: Path
    base: str
    against: str = ""
    walks: int
    steps: int = 30
    seed: int = 0
    only: tuple[str, ...] = ()
    json_file: Path | None = None
    junit_file: Path | None = None
    sarif_file: Path | None = None
    summary_file: Path | None = None
    annotations: bool = False
    quiet: bool = False

    def __post_init__(self) -> None:
        """Raise `InputError` for options that do not go together."""
        if self.against and self.model is None:
            raise InputError(
                "--against needs --model", hint="name the folder of your own version with --model"
            )


def pr_command(options: PrOptions) -> int:
    """Compare a checkout with a model, print and write the result; return the exit status."""
    model = chosen_model(options)
    refuse_unwritable(
        *(options.json_file, options.junit_file, options.sarif_file, options.summary_file),
        inputs=[*texts_of(model), options.crate],
    )
    for version in filter(None, (options.base, options.against)):
        if version not in model.versions:
            raise InputError(
                f"unknown ABI version {version!r}", hint=did_you_mean(version, model.versions)
            )
    on, off = (known_features(BUNDLED, names) for names in (options.on, options.off))
    builds = [b for b in every_build() if set(on) <= set(b) and not set(off) & set(b)]
    if not builds:
        raise InputError("no build has these features on and off", hint="leave --off out")
    question = Question(
        options.crate,
        options.base,
        options.walks,
        options.seed,
        options.steps,
        builds,
        BUNDLED.with_host(options.host),
        model if options.model is not None else None,
        options.against,
        options.only,
    )
    console = make_console()
    with status_line(console, "reading the checkout") as show:
        result = look_at(question, show)
    try:
        print_pull_request(console, result, model, not options.quiet)
        for line in pull_request_annotations(result) if options.annotations else ():
            console.print(line, markup=False, soft_wrap=True)
    finally:
        # a reader who closes the pipe loses no file
        write_results(result, options)
    return result.status


def write_results(result: PullRequest, options: PrOptions) -> None:
    """Write the files of the options. Raises `InputError` if one cannot be written."""
    if options.json_file:
        write_file(options.json_file, json.dumps(to_json(result), indent=1) + "\n")
    if options.junit_file:
        write_file(options.junit_file, pull_request_junit(result))
    if options.sarif_file:
        write_file(options.sarif_file, pull_request_sarif(result))
    if options.summary_file:
        write_file(options.summary_file, pull_request_summary(result))
