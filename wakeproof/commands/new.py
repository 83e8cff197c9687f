"""`wakeproof new`: begin a scenario of one's own."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from wakeproof.bundled import SYMPTOMS
from wakeproof.commands.inputs import chosen_model, parse_mix
from wakeproof.commands.options import ModelOptions
from wakeproof.commands.output import refuse_unwritable, write_file
from wakeproof.crates.releases import released_versions
from wakeproof.errors import Exit, InputError
from wakeproof.language.model import Model
from wakeproof.report.terminal.console import make_console
from wakeproof.scenario.file import SCENARIO_NAME, bundled_scenarios, find_scenario, read_scenario
from wakeproof.scenario.mixes import ROLES, Mix, newest_mix
from wakeproof.scenario.new_file import beginning, text_of
from wakeproof.util.text import did_you_mean
from wakeproof.util.toml import load_toml


@dataclass(frozen=True)
class Symptom:
    """What is seen of a bug, and the scenario in a mix in which a property of it is violated."""

    name: str
    says: str
    scenario: str
    property: str
    mix: str


@dataclass(frozen=True, kw_only=True)
class NewOptions(ModelOptions):
    """The file to write, and the symptom or scenario that it begins from."""

    file: Path
    source: str | None = None


@functools.cache
def symptoms() -> dict[str, Symptom]:
    """Return the symptoms by their names."""
    return {row["name"]: Symptom(**row) for row in load_toml(SYMPTOMS)["symptom"]}


def new_command(options: NewOptions) -> int:
    """Write a scenario that runs at once, and print what to do with it."""
    file = options.file
    if file.suffix != ".toml":
        raise InputError(
            f"{str(file)!r} is not the name of a scenario",
            hint=f"name a file that ends in .toml, such as {file.stem or 'story'}.toml",
        )
    if not SCENARIO_NAME.fullmatch(file.stem):
        raise InputError(
            f"{file.stem!r} is not the name of a scenario",
            hint="use letters, digits, `-` and `_`",
        )
    if file.exists():
        raise InputError("the file exists", where=str(file), hint="name another file")
    refuse_unwritable(file)
    model = chosen_model(options)
    write_file(file, text_for(file, options.source, model))
    console = make_console()
    console.print(f"{file}", markup=False, soft_wrap=True)
    shown = f"'{file}'" if " " in str(file) else str(file)
    console.print(f"next: wakeproof check {shown} --traces", markup=False, soft_wrap=True)
    return Exit.AS_EXPECTED


def text_for(file: Path, source: str | None, model: Model) -> str:
    """Return the text of a new scenario. Raises `InputError` for an unknown source."""
    says = model.defaults.get("says", {})
    newest = released_versions(model.sources)[-1]
    if source is None:
        return beginning(file.name, dict.fromkeys(ROLES, newest), says)
    symptom = symptoms().get(source)
    path = find_source(source) if symptom is None else find_scenario(symptom.scenario)
    scenario = read_scenario(path)
    mix: Mix = newest_mix(scenario.mixes({}), model.versions)
    if symptom is not None:
        mix = parse_mix(symptom.mix)
    program = model.resolve(mix).program
    return text_of(scenario, mix, program, says, symptom.property if symptom else "no-panic")


def find_source(name: str) -> Path:
    """Return the file of a scenario to begin from. Raises `InputError` if there is none."""
    try:
        return find_scenario(name)
    except InputError:
        known = [*symptoms(), *(path.stem for path in bundled_scenarios())]
        raise InputError(
            f"no symptom or scenario {name!r}",
            hint=did_you_mean(name, known) + "; `wakeproof new --help` lists the symptoms",
        ) from None
