"""The functions of the API.

They print nothing and end nothing; they raise `InputError` for wrong input, and `KeyboardInterrupt`
if a run is interrupted.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from wakeproof.api.results import Proof, Trace, Verdict, public_verdict
from wakeproof.check.job import Job, run_job, together
from wakeproof.check.replay import replay_one
from wakeproof.check.simulation import Walk, numbered_steps, script_lines
from wakeproof.errors import InputError
from wakeproof.explore.explorer import usable
from wakeproof.explore.result import LARGEST_LIMIT
from wakeproof.export import PICTURES, PROGRAMS, REPORT
from wakeproof.language.model import Model, model_of
from wakeproof.scenario.features import every_build
from wakeproof.scenario.file import Scenario, bundled_scenarios, read_scenario
from wakeproof.scenario.instance import Instance, scenario_for, with_extra_versions
from wakeproof.scenario.mixes import (
    ROLES,
    Build,
    Mix,
    mix_name,
    newest_mix,
    read_run_name,
    run_name,
)
from wakeproof.util.resources import processors
from wakeproof.util.text import did_you_mean

FEW = 4
"""So many known names are listed; of more, those that are like the unknown one."""


def load_model(folder: str | Path | None = None, *, host: str = "") -> Model:
    """Load a model. Its files are read when they are first needed.

    Args:
        folder: A folder with a model (`properties.toml` is in it), or with versions that build on
            the bundled model; None for the bundled model.
        host: The host that runs; empty for the model's default.

    Raises:
        InputError: There is neither a model nor a version in the folder, or no such host.

    Examples:
        >>> import wakeproof
        >>> wakeproof.load_model().versions
        ['v0_48_1', 'v0_57_1', 'v1', 'v1_1638', 'v2', 'v2_draft', 'v3']
    """
    return model_of(None if folder is None else Path(folder)).with_host(host)


def load_scenario(name_or_path: str | Path, model: Model | str | Path | None = None) -> Scenario:
    """Load a scenario.

    Args:
        name_or_path: The name of a bundled scenario, or the path of a file.
        model: The model; versions beside the bundled ones join the mixes of the scenario.

    Raises:
        InputError: There is no such scenario, or the file is not one.

    Examples:
        >>> import wakeproof
        >>> wakeproof.load_scenario("issue-1618").title
        'Issue 1618, step by step'
    """
    return scenario_for(_model(model), str(name_or_path))


def check_scenario(
    scenario: Scenario | str | Path,
    *,
    model: Model | str | Path | None = None,
    mix: str | None = None,
    property: str | None = None,
    max_states: int | None = None,
    timeout: float | None = None,
) -> list[Verdict]:
    """Explore every run of a scenario and give a verdict on each property.

    Args:
        scenario: A scenario, its name, or the path of its file.
        model: The model, or its folder as for `load_model`; None for the bundled one.
        mix: One mix as it is printed: the versions of the export, of `block_on` and of the import
            as in `v2/v1/v2`, with the features of the build if it is not the scenario's own, as in
            `v3/v3/v3 +async-spawn` or `v3/v3/v3 +none`. None for every mix that the scenario names.
        property: The id of the only property to give a verdict on; None for all.
        max_states: The number of states at which a run ends as `unknown`.
        timeout: The seconds after which a run ends as `unknown`.

    Returns:
        The verdicts, in the order of the mixes, the builds that the scenario tries, and the
        properties. One run, of one mix in one build, has all processors.

    Raises:
        InputError: The scenario, the mix or the property does not exist, the model is outside its
            language, or the script of the scenario is not possible.

    Examples:
        >>> import wakeproof
        >>> verdicts = wakeproof.check_scenario("subtask", mix="v3/v2/v3")
        >>> all(verdict.as_expected for verdict in verdicts)
        True
    """
    model = _model(model)
    found = _scenario(scenario, model)
    if property is not None:
        _refuse_unknown("property", [property], model.properties)
    _refuse_less_than_one("max_states", max_states)
    if timeout is not None and not timeout > 0:
        raise InputError(f"timeout={timeout} is not a number of seconds", hint="more than 0")
    if mix is None:
        runs = list(itertools.product(_mixes(found, model), found.builds()))
    else:
        chosen, build = _run(found, model, mix)
        _refuse_unnamed(found, chosen)
        runs = [(chosen, one) for one in (found.builds() if build is None else [build])]
    explorer, threads = usable("auto"), processors()
    jobs = [
        Job(
            found,
            model,
            tuple(chosen.items()),
            max_states,
            timeout,
            explorer=explorer,
            threads=threads,
            build=build,
        )
        for chosen, build in runs
    ]
    verdicts = {job.name: run_job(job) for job in together(jobs)}
    return [
        public_verdict(verdict, found, model)
        for job in jobs
        for verdict in verdicts[job.name]
        if property in (None, verdict.property)
    ]


def simulate(
    scenario: Scenario | str | Path,
    *,
    model: Model | str | Path | None = None,
    mix: str | None = None,
    seed: int = 0,
    steps: int = 30,
    script: str | Path | Iterable[str] | None = None,
) -> Trace:
    """Walk through a scenario, at random or by a script.

    Args:
        scenario: A scenario, its name, or the path of its file.
        model: The model, or its folder as for `load_model`; None for the bundled one.
        mix: One mix, as for `check_scenario`, of any versions; None for the newest that the
            scenario names.
        seed: The seed of the random walk: the same seed takes the same steps.
        steps: The greatest number of steps of the random walk.
        script: The steps to take in place of random ones: lines `action argument ...`, one text
            with such lines, or the path of a file as a `Path`. `#` begins a comment.

    Returns:
        The trace. It ends early if a step goes wrong, or if no step is possible.

    Raises:
        InputError: The scenario or the mix does not exist, or a step of the script is not possible;
            the hint then names the actions that are.

    Examples:
        >>> import wakeproof
        >>> trace = wakeproof.simulate("subtask", mix="v3/v2/v3", steps=3)
        >>> again = wakeproof.simulate("subtask", mix="v3/v2/v3", script=trace.script)
        >>> again.steps == trace.steps
        True
    """
    model = _model(model)
    found = _scenario(scenario, model)
    _refuse_less_than_one("steps", steps)
    chosen, build = (_newest(found, model), None) if mix is None else _run(found, model, mix)
    walk = Walk(Instance(found, chosen, model, build), random.Random(seed))
    if script is None:
        walk.wander(steps)
    elif isinstance(script, Path):
        walk.follow(script_lines(script))
    else:
        lines = script.splitlines() if isinstance(script, str) else script
        walk.follow(numbered_steps(lines, "script"))
    result = walk.result()
    return Trace(
        found,
        model,
        run_name(chosen, build),
        result["property"],
        result["violations"][0]["site"],
        tuple(walk.rows),
    )


def replay(trace: Trace, *, model: Model | str | Path | None = None) -> str:
    """Run a trace again.

    Args:
        trace: The trace.
        model: The model to run it in; None for that in which it was found.

    Returns:
        An empty text if it still happens, with the same calls, and violates the same property; else
        what differs.

    Raises:
        InputError: The model does not have the mix of the trace, or is outside its language.

    Examples:
        >>> import wakeproof
        >>> wakeproof.replay(wakeproof.simulate("subtask", steps=5))
        ''
    """
    instance = _instance(trace, trace.model if model is None else _model(model))
    return replay_one(instance, trace.property, {"site": trace.site, "trace": list(trace.steps)})


def export_trace(trace: Trace, to: str) -> dict[str, str]:
    """Write a trace as a Rust test, as a crate, as a bug report or as a picture.

    Args:
        trace: The trace. For a test, a crate or a report it is that of a violation that somebody
            outside can see: a panic, a trap, a task that waits for ever.
        to: `rust-test` (a test for the crate's own tests), `rust-crate` (a crate that cargo runs
            alone), `issue` (a bug report in Markdown), `html` (a page of its own), `mermaid` or
            `svg` (a sequence diagram) or `itf` (the Informal Trace Format).

    Returns:
        The texts by their file names. Nothing is written to the disk.

    Raises:
        InputError: There is no such form, or the trace cannot be written in it.

    Examples:
        >>> import wakeproof
        >>> (verdict,) = wakeproof.check_scenario(
        ...     "issue-1618", mix="v1/v1/v1", property="no-panic"
        ... )
        >>> files = wakeproof.export_trace(verdict.violations[0].trace, "issue")
        >>> files["issue.md"].splitlines()[0]
        '# ...'
    """
    from wakeproof.export.picture import picture
    from wakeproof.export.trace import files_of, write_test
    from wakeproof.findings.known_releases import known_violation

    _refuse_unknown("form", [to], [*PROGRAMS, REPORT, *PICTURES])
    instance = _instance(trace, trace.model)
    result = {
        "scenario": trace.scenario.name,
        "mix": instance.mix,
        "features": instance.build,
        "property": trace.property,
    }
    violation: dict[str, object] = {"site": trace.site, "trace": list(trace.steps)}
    if trace.loop is not None:
        violation["loop"] = trace.loop
    known = known_violation(instance, trace.property, violation)
    if to in PICTURES:
        text = picture(instance, trace.property, violation, to, known)
        return {f"trace{PICTURES[to]}": text}
    files = files_of(write_test(result, violation, instance, known), to)
    return {name or "issue.md": text for name, text in files.items()}


def prove_properties(
    *,
    model: Model | str | Path | None = None,
    mix: str | None = None,
    properties: str | Sequence[str] = (),
    sizes: Mapping[str, int] | None = None,
) -> Proof:
    """Prove properties by induction: for runs of any length, at given sizes.

    All facts of the mix are proved together, on all processors. In a script, call this below
    `if __name__ == "__main__":`, as worker processes import the script. Results are cached.

    Args:
        model: The model, with its lemmas; None for the bundled one.
        mix: One mix such as `v2/v1/v2`; None for the newest version in every role.
        properties: The ids of the properties to give a verdict on, or one id; none for all.
        sizes: The number of members of index types, such as `{"Task": 3}`; the others are those of
            the model's `proofs.toml`.

    Raises:
        InputError: The mix, a property or a size does not exist, or the model has no lemmas.

    Examples:
        >>> import wakeproof
        >>> wakeproof.prove_properties(properties=["no-stuck-tasks"])
        Traceback (most recent call last):
        ...
        wakeproof.errors.InputError: unknown property 'no-stuck-tasks'
          hint: did you mean no-stuck-task?
    """
    from wakeproof.prove.lemma_sources import with_host_of_lemmas

    model = with_host_of_lemmas(_model(model))
    names = [properties] if isinstance(properties, str) else properties
    _refuse_unknown("property", names, model.properties)
    if mix is None:
        chosen = dict.fromkeys(ROLES, model.versions[-1])
    else:
        chosen, build = read_run_name(mix, ROLES)
        if build is not None:
            raise InputError(f"{mix!r}: a proof is for every build", hint="leave out the features")
        _refuse_unknown("version", chosen.values(), model.versions)
    return _prove(model, chosen, names or list(model.properties), sizes or {})


def _prove(model: Model, mix: Mix, properties: Sequence[str], given: Mapping[str, int]) -> Proof:
    """The proof of one mix, as `wakeproof prove` makes it."""
    from wakeproof.prove.conclusions import conclude, known_violations, violated_goals
    from wakeproof.prove.houdini import prove
    from wakeproof.prove.lemma_sources import sizes_of

    known_sizes = sizes_of(model)
    for name, number in given.items():
        if name not in known_sizes or not isinstance(number, int) or number < 1:
            raise InputError(
                f"{name}={number} is not a size",
                hint=f"a number above 0 for one of {', '.join(known_sizes)}",
            )
    sizes = sizes_of(model, given=given)
    scenarios = [read_scenario(path) for path in bundled_scenarios()]
    known = known_violations(model, scenarios, [mix], lambda: None, False)
    violated = violated_goals(known, list(model.properties.values()))
    (proof,) = prove(
        model,
        [mix],
        sizes,
        lambda job, answers, left: None,
        violated=lambda proof, goal: (mix_name(proof.mix), goal) in violated,
    )
    if not proof.finished:
        raise KeyboardInterrupt
    concluded = {name: conclude(proof, model.properties[name], known) for name in properties}
    return Proof(
        mix_name(mix),
        sizes,
        {name: one.verdict() for name, one in concluded.items()},
        {name: tuple(one.open) for name, one in concluded.items() if one.open},
        tuple(proof.kept()),
    )


def _model(model: Model | str | Path | None) -> Model:
    return model if isinstance(model, Model) else load_model(model)


def _scenario(scenario: Scenario | str | Path, model: Model) -> Scenario:
    if isinstance(scenario, Scenario):
        return with_extra_versions(scenario, model)
    return load_scenario(scenario, model)


def _mixes(scenario: Scenario, model: Model) -> list[Mix]:
    """The mixes that a scenario names. Raises `InputError` for none, or an unknown version."""
    mixes = scenario.mixes({})
    _refuse_unknown("version", itertools.chain(*(mix.values() for mix in mixes)), model.versions)
    if not mixes:
        raise InputError(
            "the scenario names no mix", where=str(scenario.path), hint="name one in [mixes]"
        )
    return mixes


def _newest(scenario: Scenario, model: Model) -> Mix:
    """The mix of the newest versions that a scenario names."""
    return newest_mix(_mixes(scenario, model), model.versions)


def _run(scenario: Scenario, model: Model, name: str) -> tuple[Mix, Build]:
    """The mix and the build of a name; None is the scenario's own build. Raises `InputError`."""
    mix, build = read_run_name(name, tuple(scenario.roles))
    _refuse_unknown("version", mix.values(), model.versions)
    if build is None:
        return mix, None
    every = [one for one in every_build(scenario, model.features) if one is not None]
    for one in every:
        if set(one) == set(build):
            return mix, one
    names = ", ".join(run_name(mix, one) for one in every)
    raise InputError(
        f"{scenario.name} has no build {name!r}",
        where=str(scenario.path),
        hint=f"use one of {names}" if every else "leave out the features",
    )


def _refuse_unnamed(scenario: Scenario, mix: Mix) -> None:
    if mix not in scenario.mixes({role: (version,) for role, version in mix.items()}):
        named = "; ".join(f"{role}: {', '.join(some)}" for role, some in scenario.roles.items())
        raise InputError(
            f"{scenario.name} does not name the mix {mix_name(mix)}",
            where=scenario.line_of("[mixes]"),
            hint=f"it names {named}" + (", the same in every role" if scenario.uniform else ""),
        )


def _instance(trace: Trace, model: Model) -> Instance:
    """The scenario of a trace in its mix and build, of a model."""
    mix, build = read_run_name(trace.mix, tuple(trace.scenario.roles))
    return Instance(trace.scenario, mix, model, build)


def _refuse_unknown(what: str, names: Iterable[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            few = "use one of " + ", ".join(known) if len(known) <= FEW else ""
            hint = few or did_you_mean(name, list(known))
            raise InputError(f"unknown {what} {name!r}", hint=hint)


def _refuse_less_than_one(name: str, number: int | None) -> None:
    if number is not None and not 1 <= number <= LARGEST_LIMIT:
        raise InputError(
            f"{name}={number} is not a number from 1 to {LARGEST_LIMIT}", hint=f"{name}=1 or more"
        )
