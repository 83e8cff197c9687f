"""`wakeproof review`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from wakeproof.commands.inputs import chosen_model, chosen_scenarios, known_features
from wakeproof.commands.output import status_line, write_file
from wakeproof.errors import InputError
from wakeproof.report.terminal.verdicts import make_console
from wakeproof.scenario.file import read_scenario


def review_command(new: str, names: Sequence[str], options: Mapping[str, Any]) -> int:
    """`wakeproof review`: print, write the page and the JSON, give the exit status."""
    from wakeproof.report.pages.review import review_page
    from wakeproof.report.terminal.review import print_review
    from wakeproof.review.proofs import review_proofs
    from wakeproof.review.review import Comparison, review, to_json

    model = chosen_model(options["model"])
    scenarios = [read_scenario(path) for path in chosen_scenarios(names)]
    if options["on"]:
        # the steps of a script are those of one build
        scenarios = [scenario for scenario in scenarios if scenario.script is None]
        if not scenarios:
            raise InputError("a script is reviewed in its own build", hint="leave --on out")
    comparison = Comparison(
        new,
        options["against"],
        options["beside"],
        tuple(known_features(model, options["on"])) or None,
        options["max_pairs"],
    )
    console = make_console()
    with status_line(console, "reading the model") as say:

        def under_way(done: int, total: int) -> None:
            say(f"{done:,} of {total:,} runs")

        result = review(comparison, scenarios, model, options["fresh"], under_way)
        if options["proofs"] and result.finished:
            result.proofs = review_proofs(
                new,
                options["against"],
                model,
                options["fresh"],
                lambda left: say(f"proofs: {left} actions left"),
            )
            result.finished = result.proofs is not None
    properties = model.properties
    print_review(console, result, properties, not options["quiet"])
    if options["report_file"]:
        command = " ".join(["wakeproof review", new, *names, *review_options(options)])
        page = review_page(result, properties, model.sites, command)
        write_file(options["report_file"], page)
    if options["json_file"]:
        write_file(options["json_file"], json.dumps(to_json(result), indent=1) + "\n")
    if not result.finished:
        console.print("interrupted: what was reached is above, and will not be computed again")
    return result.status


def review_options(options: Mapping[str, Any]) -> list[str]:
    """The options of a review as they are typed."""
    typed = [f"--against {options['against']}"]
    typed += [f"--{name} {','.join(options[name])}" for name in ("beside", "on") if options[name]]
    typed += ["--proofs"] if options["proofs"] else []
    return typed + ([f"--model {options['model']}"] if options["model"] else [])
