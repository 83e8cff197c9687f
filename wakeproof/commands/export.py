"""`wakeproof export`: write a trace or a scenario for other tools."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from wakeproof.check.carried import scenario_of
from wakeproof.check.results_file import host_of, read_results
from wakeproof.commands.inputs import chosen_model, one_build, one_mix, texts_of
from wakeproof.commands.options import BuildOptions, MixOptions, ModelOptions
from wakeproof.commands.output import refuse_unwritable, write_files, write_one
from wakeproof.errors import Exit, InputError
from wakeproof.export import MODELS, PICTURES, PROGRAMS, REPORT, SCRIPT
from wakeproof.report.terminal.console import make_console
from wakeproof.scenario.instance import Instance, scenario_for
from wakeproof.scenario.mixes import build_of, run_name

# the variable that names a checkout of the specification
CHECKOUT = "WAKEPROOF_SPEC"


@dataclass(frozen=True, kw_only=True)
class ExportOptions(ModelOptions, MixOptions, BuildOptions):
    """A saved trace or a scenario, the form that it is written in, and where.

    `scenario` is that of the trace, if not the one that the trace names. `interpreter` is a file
    with the interpreter of the specification's tests, or a checkout of the specification.

    `property`, `site` and the mixes choose a violation of a file of traces, or what is exported of
    a scenario. `steps` is the bound of an exported scenario, `on` and `off` choose its build.
    """

    what: str
    form: str
    scenario: str | None = None
    output: Path | None = None
    property: str | None = None
    site: str | None = None
    steps: int | None = None
    interpreter: Path | None = None

    def __post_init__(self) -> None:
        """Raise `InputError` for options that do not go together."""
        super().__post_init__()
        if self.steps is not None and self.form not in MODELS:
            raise InputError("--steps is for a scenario", hint="leave out --steps")
        if self.interpreter is not None and self.form != SCRIPT:
            raise InputError(f"--interpreter is for {SCRIPT}", hint="leave out --interpreter")
        if (self.on or self.off) and self.form not in MODELS:
            raise InputError("a trace has its own build", hint="leave out --on and --off")
        if self.scenario is not None and self.form in MODELS:
            raise InputError("--scenario is for a trace", hint="leave out --scenario")
        if self.site is not None and self.form in MODELS and self.form != "smtlib":
            raise InputError(
                f"--site is not for {self.form}: a model has all its sites", hint="leave out --site"
            )


def export_command(options: ExportOptions) -> int:
    """Write a trace or a scenario in another form; return the exit status."""
    return export_model(options) if options.form in MODELS else export_trace(options)


def export_trace(options: ExportOptions) -> int:
    """Write a saved trace in one of the other forms."""
    from wakeproof.export.picture import picture
    from wakeproof.export.trace import Wanted, choose, files_of, write_test
    from wakeproof.findings.known_releases import known_violation

    model = chosen_model(options)
    path = Path(options.what)
    if options.form not in PROGRAMS:
        refuse_unwritable(options.output, inputs=[*texts_of(model), path])
    wanted = Wanted(options.property, options.site, options.mix, options.roles())
    result, violation = choose(read_results(path), wanted, path)
    scenario = scenario_for(model, options.scenario or scenario_of(result))
    instance = Instance(scenario, dict(result["mix"]), host_of(model, result), build_of(result))
    known = known_violation(instance, result["property"], violation)
    if options.form == SCRIPT:
        text = script_of(instance, result["property"], violation, interpreter_of(options))
        write_one(text, options.output)
        return Exit.AS_EXPECTED
    if options.form in PICTURES:
        text = picture(instance, result["property"], violation, options.form, known)
        write_one(text, options.output)
        return Exit.AS_EXPECTED
    found = write_test(result, violation, instance, known)
    files = files_of(found, options.form)
    if options.form == REPORT:
        write_one(files[""], options.output)
        return Exit.AS_EXPECTED
    folder = options.output or Path(found.test.name)
    write_files(folder, files)
    console = make_console()
    console.print(f"{folder}: {', '.join(files)}", markup=False, soft_wrap=True)
    return Exit.AS_EXPECTED


def interpreter_of(options: ExportOptions) -> Path | None:
    """Return the file with the interpreter: that of the option, or of a checkout that is named."""
    checkout = os.environ.get(CHECKOUT)
    return options.interpreter or (Path(checkout) if checkout else None)


def script_of(
    instance: Instance, prop: str, violation: Mapping[str, Any], interpreter: Path | None
) -> str:
    """Return a violation as a script: a program of an interpreter if it can be, else a component.

    The message of its trap is there if only one is known, else all are, as a comment. Raises
    `InputError` if it is neither.
    """
    from wakeproof.conform.host.traps import TRAPS

    known = TRAPS.get(violation["site"], ())
    if len(known) == 1:
        return _script_with(known[0], instance, prop, violation, interpreter)
    text = _script_with("", instance, prop, violation, interpreter)
    messages = "".join(f";;   {message}\n" for message in known)
    return f"{text};; the message of the trap on Wasmtime is one of:\n{messages}" if known else text


def _script_with(
    message: str,
    instance: Instance,
    prop: str,
    violation: Mapping[str, Any],
    interpreter: Path | None,
) -> str:
    """Return a violation as a script with the message of its trap. Raises `InputError`."""
    from wakeproof.conform.spec.from_trace import Lacking, programs_of
    from wakeproof.conform.spec.program_script import program_script, read_interpreter
    from wakeproof.export.trace import replayed_steps
    from wakeproof.export.wast import wast

    rows, _ = instance.tracer().trace(replayed_steps(instance, prop, violation))
    component = partial(wast, instance, rows, violation["site"], message)
    if interpreter is None:
        return component()
    text = read_interpreter(interpreter)
    try:
        programs = programs_of(instance, rows, violation["site"])
    except Lacking as lacking:
        why = f"not a program of the specification's interpreter: {lacking}"
        try:
            return f";; {why}\n{component()}"
        except InputError as error:
            raise InputError(f"{error.what}; {why}", hint=error.hint) from None
    title = f"{instance.scenario.name} {run_name(instance.mix, instance.build)}: {prop}"
    return program_script(text, programs, title, message)


def export_model(options: ExportOptions) -> int:
    """Write a scenario in one mix as `promela`, `tla` or `smtlib`."""
    from wakeproof.export.scenario import files_of

    model = chosen_model(options)
    scenario = scenario_for(model, options.what)
    mix = one_mix(scenario, options, model)
    instance = Instance(scenario, mix, model, one_build(options, model))
    files = files_of(instance, options.form, options.steps, options.property, options.site)
    output = options.output
    if len(files) == 1 and output is not None and output.parent.is_dir():
        refuse_unwritable(output, inputs=texts_of(model, [scenario]))
    if output is None and len(files) == 1:
        print(next(iter(files.values())), end="")
        return Exit.AS_EXPECTED
    console = make_console()
    for file, text in files.items():
        path = output if output is not None and len(files) == 1 else (output or Path()) / file
        write_files(path.parent, {path.name: text})
        console.print(f"{path}", markup=False, soft_wrap=True)
    return Exit.AS_EXPECTED
