"""The public API: models, scenarios, verdicts, traces and proofs, without a terminal.

Users import these names from `wakeproof`. The functions print nothing and end nothing; they raise
`InputError`, and `KeyboardInterrupt` if a run is interrupted. The types hold what a user needs of
the types of the same name inside, and print themselves as the commands do.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from wakeproof.check.job import Job, run_job
from wakeproof.check.replay import replay_one
from wakeproof.check.simulation import Walk, numbered_steps, script_lines
from wakeproof.check.verdict import Verdict as VerdictRow
from wakeproof.check.verdict import run_of
from wakeproof.errors import InputError
from wakeproof.execution.trace import StepRow
from wakeproof.explore.explorer import usable
from wakeproof.language.model import BUNDLED, Model
from wakeproof.scenario.features import every_build
from wakeproof.scenario.file import (
    Scenario,
    bundled_scenarios,
    find_scenario,
    read_scenario,
)
from wakeproof.scenario.instance import Instance, with_extra_versions
from wakeproof.scenario.mixes import (
    ROLES,
    Build,
    Mix,
    mix_name,
    read_run_name,
    run_name,
)
from wakeproof.util.resources import processors

if TYPE_CHECKING:
    from rich.console import Console

    from wakeproof.prove import Proof as ProofOfMix

FORMS = ("rust-test", "rust-crate", "issue")
"""What a trace can be exported to."""


class _Shown:
    """A result that prints itself as the commands do, in text and in a notebook."""

    def _print(self, console: Console) -> None:
        raise NotImplementedError

    def __str__(self) -> str:
        from wakeproof.report.terminal.verdicts import recorded

        return recorded(self._print).export_text().rstrip("\n")

    def _repr_html_(self) -> str:
        from wakeproof.report.terminal.verdicts import recorded

        return recorded(self._print).export_html(inline_styles=True, code_format=_HTML)


_HTML = '<pre style="white-space: pre-wrap">{code}</pre>'


@dataclass(frozen=True, repr=False)
class Trace(_Shown):
    """The steps of one run of a scenario, from the first state on.

    `print(trace)` shows the steps as the terminal does: who takes each, the calls in their order,
    what changed, and in the end what broke.

    Attributes:
        scenario: The scenario.
        model: The model in which it was found.
        mix: The version of each role and the features of the build, as `check_scenario` takes them.
        property: The id of the property that is violated at the end; empty if none is.
        site: The site that the last step reaches; empty if it reaches none.
        steps: The steps, each a dictionary as in the results of `wakeproof check --json`.
        script: The steps as lines of a script, which `simulate` takes.

    Examples:
        >>> import wakeproof
        >>> trace = wakeproof.simulate("subtask", mix="v3/v2/v3", seed=7, steps=6)
        >>> trace.script[0], len(trace.steps)
        ('call_export right', 6)
        >>> print(trace)  # doctest: +ELLIPSIS
           1 host    call_export(right)  Call an async export.
        ...
    """

    scenario: Scenario
    model: Model
    mix: str
    property: str
    site: str
    steps: tuple[StepRow, ...]

    @functools.cached_property
    def script(self) -> list[str]:
        """The steps as lines of a script."""
        return [" ".join((row["action"], *row["arguments"].values())) for row in self.steps]

    def __repr__(self) -> str:
        end = " at ".join(word for word in (self.property, self.site) if word)
        end = f", violates {end}" if end else ""
        return f"<Trace of {self.scenario.name} {self.mix}: {len(self.steps)} steps{end}>"

    def _instance(self, model: Model) -> Instance:
        mix, build = read_run_name(self.mix, tuple(self.scenario.roles))
        return Instance(self.scenario, mix, model, build)

    def _print(self, console: Console) -> None:
        from wakeproof.report.terminal.verdicts import print_end, print_trace

        print_trace(console, self.steps)
        if self.property:
            prop = self.model.properties[self.property]
            message = "" if self.site else f"the property: {prop.says}"
            print_end(console, prop, self.site, message, self.model.sites)


@dataclass(frozen=True)
class Violation(_Shown):
    """A violation of one property at one site, with a shortest trace to it.

    `print(violation)` shows a heading and the trace.

    Attributes:
        property: The id of the property.
        site: The site in the real code: an assertion, an `unwrap`, a trap. Empty if the property
            is an invariant of the model.
        must_hold: What must hold at the site, or what the invariant says.
        means: What the violation means for the program.
        trace: A shortest trace, which `replay` and `export_trace` take.

    Examples:
        >>> import wakeproof
        >>> (verdict,) = wakeproof.check_scenario(
        ...     "issue-1618", mix="v2/v1/v2", property="no-panic"
        ... )
        >>> verdict.violations[0].site
        'waitable::register_waker::prev-is-own'
        >>> len(verdict.violations[0].trace.steps)
        10
    """

    property: str
    site: str
    must_hold: str = field(repr=False)
    means: str = field(repr=False)
    trace: Trace

    def _print(self, console: Console) -> None:
        from rich.text import Text

        where = f" at {self.site}" if self.site else ""
        text = f"{where}  {self.trace.mix}, {len(self.trace.steps)} steps"
        console.print(Text.assemble((self.property, "bold yellow"), text))
        self.trace._print(console)


@dataclass(frozen=True)
class Verdict(_Shown):
    """The verdict on one property of a scenario in one mix and build.

    `print(verdict)` shows the verdict and every violation with its trace.

    Attributes:
        scenario: The scenario.
        mix: The version of each role and the features of the build, as `check_scenario` takes them.
        property: The id of the property.
        verdict: `holds` (in every run within the scenario's bounds), `violated`, or `unknown`
            (a limit was reached).
        expected: The verdict that the scenario expects; `any` if it expects none of this build.
        reason: Why it is expected.
        as_expected: Whether the verdict is the expected one, at the expected sites.
        states: The number of states that were visited.
        transitions: The number of steps that were taken between them.
        depth: The number of steps from the first state to the farthest one.
        seconds: The duration of the run in seconds.
        limit: The limit that ended the run; empty if it was exhaustive.
        violations: The violations, one for each site.

    Examples:
        >>> import wakeproof
        >>> (verdict,) = wakeproof.check_scenario(
        ...     "issue-1618", mix="v2/v2/v2", property="no-panic"
        ... )
        >>> verdict.verdict, verdict.as_expected, verdict.violations
        ('holds', True, ())
        >>> print(verdict)  # doctest: +ELLIPSIS
        no-panic  v2/v2/v2: holds, as expected: ...
    """

    scenario: Scenario = field(repr=False)
    mix: str
    property: str
    verdict: str
    expected: str = field(repr=False)
    reason: str = field(repr=False)
    as_expected: bool
    states: int
    transitions: int = field(repr=False)
    depth: int = field(repr=False)
    seconds: float = field(repr=False)
    limit: str
    violations: tuple[Violation, ...]

    def _print(self, console: Console) -> None:
        from rich.text import Text

        from wakeproof.report.terminal.verdicts import COLOURS

        expected = "as expected" if self.as_expected else f"expected {self.expected}"
        console.print(
            Text.assemble(
                (self.property, "bold"),
                f"  {self.mix}: ",
                (self.verdict, COLOURS[self.verdict]),
                f", {expected}: {self.reason}",
            )
        )
        for violation in self.violations:
            console.print()
            violation._print(console)


@dataclass(frozen=True)
class Proof(_Shown):
    """What is proved by induction in one mix: for runs of any length, at the given sizes.

    `print(proof)` shows the verdicts.

    Attributes:
        mix: The version of each role, such as `v2/v2/v2`.
        sizes: The number of members of each index type.
        verdicts: The verdict on each property by its id: `proved`; `violated`, if a bundled
            scenario has a trace; or `open`.
        open: The goals that are neither proved nor violated, by the id of their property: the
            property itself, or its sites.
        facts: The lemmas and invariants that are inductive together.

    Examples:
        >>> import wakeproof
        >>> proof = wakeproof.prove_properties(
        ...     mix="v2/v2/v2",
        ...     properties=["no-stale-callback", "no-leak"],
        ...     sizes={"Task": 1, "Operation": 1, "Handle": 1},
        ... )
        >>> proof.verdicts
        {'no-stale-callback': 'proved', 'no-leak': 'violated'}
        >>> print(proof)
        v2/v2/v2  1 Task, 1 Future, 1 Operation, 1 Handle, 2 Channel
        no-stale-callback: proved
        no-leak: violated
    """

    mix: str
    sizes: Mapping[str, int]
    verdicts: Mapping[str, str]
    open: Mapping[str, tuple[str, ...]] = field(repr=False)
    facts: tuple[str, ...] = field(repr=False)

    def _print(self, console: Console) -> None:
        sizes = ", ".join(f"{number} {name}" for name, number in self.sizes.items())
        console.print(f"{self.mix}  {sizes}", markup=False)
        for name, verdict in self.verdicts.items():
            goals = f"; open: {', '.join(self.open[name])}" if name in self.open else ""
            console.print(f"{name}: {verdict}{goals}", markup=False)


def load_model(folder: str | Path | None = None) -> Model:
    """Load a model. Its files are read when they are first needed.

    Args:
        folder: A folder with a model (`properties.toml` is in it), or with versions that build on
            the bundled model; None for the bundled model.

    Raises:
        InputError: There is neither a model nor a version in the folder.

    Examples:
        >>> import wakeproof
        >>> wakeproof.load_model().versions
        ['v1', 'v1_1638', 'v2', 'v2_draft', 'v3']
    """
    if folder is None:
        return BUNDLED
    root = Path(folder)
    if not root.is_dir():
        raise InputError("no such folder", where=str(folder), hint="name a folder with a model")
    if (root / "properties.toml").exists():
        return Model(root)
    extra = tuple(sorted(root.glob("*.py")))
    if not extra:
        raise InputError(
            "neither a model (properties.toml) nor version files (*.py)",
            where=str(folder),
            hint="name a folder with a model",
        )
    return Model(BUNDLED.root, extra)


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
    scenario = read_scenario(find_scenario(str(name_or_path)))
    return with_extra_versions(scenario, _model(model))


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
        runs = list(itertools.product(_mixes(found), found.builds()))
    else:
        chosen, build = _run(found, model, mix)
        runs = [(chosen, one) for one in (found.builds() if build is None else [build])]
    explorer, threads = usable("auto"), processors()
    return [
        _public_verdict(verdict, found, model)
        for chosen, build in runs
        for verdict in run_job(
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
        )
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
        mix: One mix, as for `check_scenario`; None for the last that the scenario names.
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
    chosen, build = (_mixes(found)[-1], None) if mix is None else _run(found, model, mix)
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
    instance = trace._instance(trace.model if model is None else _model(model))
    return replay_one(instance, trace.property, {"site": trace.site, "trace": list(trace.steps)})


def export_trace(trace: Trace, to: str) -> dict[str, str]:
    """Write a violation as a Rust test, as a crate or as a bug report.

    Args:
        trace: The trace of a violation that somebody outside can see: a panic, a trap, a task that
            waits for ever.
        to: `rust-test` (a test for the crate's own tests), `rust-crate` (a crate that cargo runs
            alone) or `issue` (a bug report in Markdown).

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
    from wakeproof.export.trace import files_of, violated
    from wakeproof.findings.known_releases import known_of

    _refuse_unknown("form", [to], FORMS)
    instance = trace._instance(trace.model)
    result = {
        "scenario": trace.scenario.name,
        "mix": instance.mix,
        "features": instance.build,
        "property": trace.property,
    }
    violation = {"site": trace.site, "trace": list(trace.steps)}
    known = known_of(instance, trace.property, trace.site)
    files = files_of(violated(result, violation, instance, known), to)
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
          hint: one of no-waitable-in-dead-set, no-stale-callback, ...
    """
    model = _model(model)
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
    from wakeproof.proof_verdicts import conclude, known_violations, violated_goals
    from wakeproof.prove import prove, sizes_of

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

    def is_violated(proof: ProofOfMix, goal: str) -> bool:
        return (mix_name(mix), goal) in violated

    (proof,) = prove(model, [mix], sizes, lambda *_: None, lambda _: None, violated=is_violated)
    if not proof.finished:
        raise KeyboardInterrupt
    concluded = {name: conclude(proof, model.properties[name], known) for name in properties}
    return Proof(
        mix_name(mix),
        sizes,
        {name: one.verdict() for name, one in concluded.items()},
        {name: tuple(one.open) for name, one in concluded.items() if one.open},
        tuple(proof.standing()),
    )


def _model(model: Model | str | Path | None) -> Model:
    return model if isinstance(model, Model) else load_model(model)


def _scenario(scenario: Scenario | str | Path, model: Model) -> Scenario:
    if isinstance(scenario, Scenario):
        return with_extra_versions(scenario, model)
    return load_scenario(scenario, model)


def _mixes(scenario: Scenario) -> list[Mix]:
    """The mixes that a scenario names. Raises `InputError` if there are none."""
    mixes = scenario.mixes({})
    if not mixes:
        raise InputError(
            "the scenario names no mix", where=str(scenario.path), hint="name one in [mixes]"
        )
    return mixes


def _run(scenario: Scenario, model: Model, name: str) -> tuple[Mix, Build]:
    """The mix and the build of a name, which the scenario must have. Raises `InputError`."""
    mix, build = read_run_name(name, tuple(scenario.roles))
    _refuse_unknown("version", mix.values(), model.versions)
    if mix not in scenario.mixes({role: (version,) for role, version in mix.items()}):
        named = "; ".join(f"{role}: {', '.join(some)}" for role, some in scenario.roles.items())
        raise InputError(
            f"{scenario.name} does not name the mix {mix_name(mix)}",
            where=scenario.line_of("[mixes]"),
            hint=f"it names {named}" + (", the same in every role" if scenario.uniform else ""),
        )
    if build is None:
        return mix, None
    every = [one for one in every_build(scenario, model.features) if one is not None]
    if set(build) not in map(set, every):
        raise InputError(
            f"{scenario.name} has no build {name!r}",
            where=str(scenario.path),
            hint="one of " + ", ".join(run_name(mix, one) for one in every)
            if every
            else "leave out the features",
        )
    return mix, next(one for one in every if set(one) == set(build))


def _refuse_unknown(what: str, names: Iterable[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise InputError(f"unknown {what} {name!r}", hint="one of " + ", ".join(known))


def _refuse_less_than_one(name: str, number: int | None) -> None:
    if number is not None and number < 1:
        raise InputError(f"{name}={number} is not a number above 0", hint=f"{name}=1 or more")


def _public_verdict(found: VerdictRow, scenario: Scenario, model: Model) -> Verdict:
    """A verdict with its violations and their traces as users get them."""
    prop, sites = model.properties[found.property], model.sites
    mix = run_of(found)
    violations = []
    for row in found.violations:
        site, steps = row["site"], tuple(row["trace"])
        violations.append(
            Violation(
                prop.id,
                site,
                sites[site].condition if site in sites else prop.says,
                prop.means,
                Trace(scenario, model, mix, prop.id, site, steps),
            )
        )
    return Verdict(
        scenario=scenario,
        mix=mix,
        property=prop.id,
        verdict=found.verdict,
        expected=found.expected,
        reason=found.reason,
        as_expected=found.as_expected,
        states=found.states,
        transitions=found.transitions,
        depth=found.depth,
        seconds=found.seconds,
        limit=found.limit,
        violations=tuple(violations),
    )
