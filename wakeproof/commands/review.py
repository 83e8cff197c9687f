"""`wakeproof review`: compare a new version with another."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from wakeproof.commands.inputs import (
    chosen_model,
    chosen_scenarios,
    chosen_workers,
    one_build,
    texts_of,
)
from wakeproof.commands.options import BuildOptions, ClusterOptions, ModelOptions
from wakeproof.commands.output import refuse_unwritable, status_line, write_file
from wakeproof.errors import InputError
from wakeproof.report.terminal.console import make_console
from wakeproof.scenario.file import read_scenario
from wakeproof.util.text import plural


@dataclass(frozen=True, kw_only=True)
class ReviewOptions(ModelOptions, BuildOptions, ClusterOptions):
    """A version or host `new`, the one that it is compared with, and the scenarios (none: all).

    `beside` are more versions for the mixes; `max_pairs` limits the lockstep of a scenario.
    """

    new: str
    against: str
    scenarios: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    max_pairs: int
    proofs: bool = False
    fresh: bool = False
    json_file: Path | None = None
    report_file: Path | None = None
    quiet: bool = False

    def refuse_for_hosts(self) -> None:
        """Raise `InputError` for an option that means nothing where hosts are compared."""
        given = {
            "--beside": self.beside,
            "--proofs": self.proofs,
            "--host": self.host,
            "--on and --off": self.on or self.off,
        }
        for option, value in given.items():
            if value:
                raise InputError(f"{option} is for versions, not for hosts", hint="leave it out")

    def typed(self) -> list[str]:
        """Return the options on which the review depends, as they are typed."""
        typed = [f"--against {self.against}"]
        lists = {"beside": self.beside, "on": self.on, "off": self.off}
        typed += [f"--{name} {','.join(words)}" for name, words in lists.items() if words]
        typed += ["--proofs"] if self.proofs else []
        return typed + ([f"--model {self.model}"] if self.model else [])


def review_command(options: ReviewOptions) -> int:
    """Review a version, print and write the review, return the exit status."""
    from wakeproof.report.pages.review import review_page
    from wakeproof.report.terminal.review import print_review
    from wakeproof.review.host_review import review_hosts
    from wakeproof.review.proofs import review_proofs
    from wakeproof.review.review import Comparison, review, to_json

    model = chosen_model(options)
    build = one_build(options, model)
    scenarios = [read_scenario(path) for path in chosen_scenarios(options.scenarios)]
    refuse_unwritable(options.json_file, options.report_file, inputs=texts_of(model, scenarios))
    if build is not None:
        # the steps of a script are those of one build
        scenarios = [scenario for scenario in scenarios if scenario.script is None]
        if not scenarios:
            raise InputError(
                "a script is reviewed in its own build", hint="leave out --on and --off"
            )
    console = make_console()
    with (
        chosen_workers(options, model.texts) as pool,
        status_line(console, "reading the model") as show,
    ):

        def under_way(done: int, total: int) -> None:
            show(f"{done:,} of {plural(total, 'run')}")

        if options.new in model.hosts:
            options.refuse_for_hosts()
            properties = model.with_host(options.new).properties
            result = review_hosts(
                options.new, options.against, scenarios, model, options.fresh, under_way, pool
            )
        else:
            properties = model.properties
            names = (options.new, options.against, options.beside)
            comparison = Comparison(*names, build, options.max_pairs)
            result = review(comparison, scenarios, model, options.fresh, under_way, pool)
        if options.proofs and result.finished:
            result.proofs = review_proofs(
                options.new,
                options.against,
                model,
                options.fresh,
                lambda left: show(f"proofs: {plural(left, 'action')} left"),
                pool,
            )
            result.finished = result.proofs is not None
    print_review(console, result, properties, not options.quiet)
    if options.report_file:
        words = ["wakeproof review", options.new, *options.scenarios, *options.typed()]
        page = review_page(result, properties, model.sites, " ".join(words))
        write_file(options.report_file, page)
    if options.json_file:
        write_file(options.json_file, json.dumps(to_json(result), indent=1) + "\n")
    if not result.finished:
        console.print("interrupted: the results above are cached and will not be computed again")
    return result.status
