"""`wakeproof export`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wakeproof.check.results_file import read_results
from wakeproof.commands.inputs import chosen_model, find_scenario
from wakeproof.commands.output import write_file
from wakeproof.errors import Exit, InputError
from wakeproof.report.terminal.verdicts import make_console
from wakeproof.scenario.file import read_scenario
from wakeproof.scenario.instance import Instance, with_extra_versions
from wakeproof.scenario.mixes import build_of


def export_trace_command(path: Path, form: str, options: Mapping[str, Any]) -> int:
    """`wakeproof export TRACE --to rust-test|rust-crate|issue`."""
    from wakeproof.export.trace import choose, files_of, write_test
    from wakeproof.findings.known_releases import known_of
    from wakeproof.findings.runs import write_pages

    model = chosen_model(options["model"])
    result, violation = choose(read_results(path), options, path)
    scenario = read_scenario(find_scenario(result["scenario"]))
    instance = Instance(scenario, dict(result["mix"]), model, build_of(result))
    known = known_of(instance, result["property"], violation["site"])
    found = write_test(result, violation, instance, known)
    files = files_of(found, form)
    output: Path | None = options["output"]
    if form == "issue":
        if output is None:
            print(files[""], end="")
        else:
            write_file(output, files[""])
        return Exit.AS_EXPECTED
    folder = output or Path(found.test.name)
    write_pages(folder, files, write_file)
    console = make_console()
    console.print(f"{folder}: {', '.join(files)}", markup=False, soft_wrap=True)
    return Exit.AS_EXPECTED


def export_model_command(name: str, form: str, options: Mapping[str, Any]) -> int:
    """`wakeproof export SCENARIO --to promela|tla|smtlib`."""
    from wakeproof.export.scenario import files_of, mix_of

    model = chosen_model(options["model"])
    scenario = with_extra_versions(read_scenario(find_scenario(name)), model)
    if options["site"] is not None and form != "smtlib":
        raise InputError(f"--site says nothing to {form}", hint="a model has all its sites")
    mix = mix_of(scenario, options["mix"], model.versions)
    instance = Instance(scenario, mix, model)
    files = files_of(instance, form, options)
    output: Path | None = options["output"]
    if output is None and len(files) == 1:
        print(next(iter(files.values())), end="")
        return Exit.AS_EXPECTED
    console = make_console()
    for file, text in files.items():
        path = output if output is not None and len(files) == 1 else (output or Path()) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, text)
        console.print(f"{path}", markup=False, soft_wrap=True)
    return Exit.AS_EXPECTED
