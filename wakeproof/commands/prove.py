"""`wakeproof prove`: prove properties by induction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from wakeproof.bundled import PROOFS
from wakeproof.commands.infer import ONE_AT_A_TIME, SECONDS, infer_command
from wakeproof.commands.inputs import chosen_mixes, chosen_model, chosen_workers, texts_of
from wakeproof.commands.options import ClusterOptions, MixOptions, ModelOptions
from wakeproof.commands.output import (
    refuse_unwritable,
    status_line,
    write_file,
    write_json,
)
from wakeproof.errors import Exit, InputError
from wakeproof.execution.machine import Machine
from wakeproof.language.model import Model
from wakeproof.language.properties import Property
from wakeproof.language.resolve import Resolved
from wakeproof.language.values import Run
from wakeproof.prove.certificates.folder import list_again, others_there, write_list
from wakeproof.prove.certificates.jobs import Writing, write_certificates, writings
from wakeproof.prove.conclusions import (
    OPEN,
    VIOLATED,
    Conclusion,
    Violations,
    conclude,
    known_violations,
    violated_goals,
)
from wakeproof.prove.houdini import prove
from wakeproof.prove.lemma_sources import (
    resolve_with_lemmas,
    sizes_of,
    with_host_of_lemmas,
)
from wakeproof.prove.obligation import (
    Answer,
    premises_of,
    site_goal,
    sites_in,
)
from wakeproof.prove.proof import Deciding, Job, Proof
from wakeproof.report.pages.proofs import proofs_page
from wakeproof.report.terminal.console import make_console
from wakeproof.report.terminal.counterexamples import describe_counterexample, print_shortest
from wakeproof.report.terminal.proofs import print_proof
from wakeproof.scenario.file import Scenario, bundled_scenarios, read_scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import Mix, every_mix, mix_name
from wakeproof.symbolic.solver import CADICAL
from wakeproof.util.parallel import Workers
from wakeproof.util.text import did_you_mean, number_in, plural

ALL_MIXES = "all"
"""The value of `--any-number` where none is typed."""
LARGEST_SIZE = 64
"""The largest number of members of an index type, as in a scenario."""


@dataclass(frozen=True, kw_only=True)
class ProveOptions(ModelOptions, MixOptions, ClusterOptions):
    """What to prove, at which sizes, and what to print and write.

    `properties` are properties, lemmas and sites, `panic SITE`; none are all properties. `sizes`
    are written `Task=3`. `any_number` names mixes, or is `all`. `solver` decides the obligations.
    `timeout` is the limit of `infer` in seconds. `command` is the command line, for the page.
    """

    properties: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    any_number: str | None = None
    fresh: bool = False
    solver: str = CADICAL
    json_file: Path | None = None
    report_file: Path | None = None
    matrix: bool = False
    certificates: Path | None = None
    every_state: bool = False
    infer: bool = False
    timeout: float | None = None
    command: str = ""

    def __post_init__(self) -> None:
        """Raise `InputError` for options that do not go together."""
        super().__post_init__()
        if self.timeout is not None and not self.infer:
            raise InputError(
                "--timeout is for --infer: an obligation has no limit", hint="leave out --timeout"
            )
        if self.every_state and self.certificates is None:
            raise InputError(
                "--every-state is for --certificates", hint="name a folder with --certificates"
            )
        if self.infer:
            self._refuse_with_infer()

    def _refuse_with_infer(self) -> None:
        if self.solver != CADICAL:
            raise InputError(
                f"--infer does not go with --solver {self.solver}: CaDiCaL searches",
                hint="leave out --solver; prove the proposals with it",
            )
        if len(self.properties) != 1:
            raise InputError(
                ONE_AT_A_TIME,
                hint="name the property: --infer --property one-home",
            )
        for option, value in (
            ("--any-number", self.any_number),
            ("--json", self.json_file),
            ("--report", self.report_file),
            ("--certificates", self.certificates),
        ):
            if value is not None:
                raise InputError(
                    f"--infer does not go with {option}: it proposes lemmas",
                    hint="put the proposals into the lemmas, then prove",
                )
        if self.cluster:
            raise InputError(
                "--infer does not go with --cluster: it is one search", hint="leave out --cluster"
            )


def prove_command(options: ProveOptions) -> int:
    """Prove, print and write the conclusions, return the exit status."""
    model = with_host_of_lemmas(chosen_model(options))
    mixes = every_mix(chosen_mixes(options, model), [model.versions[-1]])
    sizes = chosen_sizes(model, options.sizes)
    if options.infer:
        (goal,) = options.properties
        return infer_command(model, mixes, sizes, goal, options.timeout or SECONDS)
    shown = chosen_goals(model, mixes, options.properties)
    larger = chosen_larger(options.any_number, mixes)
    refuse_unwritable(
        options.json_file,
        options.report_file,
        folder=options.certificates,
        inputs=[*texts_of(model), PROOFS],
    )
    with chosen_workers(options, model.texts) as pool:
        return _prove(model, mixes, sizes, shown, larger, options, pool)


def _prove(
    model: Model,
    mixes: Sequence[Mix],
    sizes: Mapping[str, int],
    shown: Sequence[Shown],
    larger: Sequence[Mix],
    options: ProveOptions,
    pool: Workers | None,
) -> int:
    """Prove, print and write in new worker processes or those of a `pool`; return the status."""
    properties = model.properties
    console = make_console()
    with status_line(console, "reading") as show:
        finished = 0
        slowest = Answer("", "", "", 0.0)

        def on_done(job: Job, answers: list[Answer], left: int) -> None:
            nonlocal finished, slowest
            finished += 1
            slowest = max([slowest, *answers], key=lambda a: a.seconds)
            show(
                f"{plural(finished, 'action')} done, {left} left; slowest: {slowest.goal} by "
                f"{slowest.action}, {slowest.seconds:.1f} s"
            )

        scenarios = [read_scenario(path) for path in bundled_scenarios()]
        show("looking for traces of what is violated")
        known = known_violations(model, scenarios, mixes, lambda: None, options.fresh, pool)
        violated = violated_goals(known, list(properties.values()))
        proofs = prove(
            model,
            mixes,
            sizes,
            on_done,
            Deciding(options.solver, options.fresh, pool),
            larger,
            lambda proof, goal: (mix_name(proof.mix), goal) in violated,
        )
        whole = [p for proof in proofs for p in (proof, proof.any_number) if p is not None]
        if not all(proof.finished for proof in whole):
            done = sum(len(proof.answers) for proof in whole)
            console.print(f"interrupted: {plural(done, 'obligation')} decided and cached")
            return Exit.UNKNOWN
    conclusions = [concluded(proof, shown, known) for proof in proofs]
    for proof, row in zip(proofs, conclusions, strict=True):
        print_proof(console, proof, row, bool(options.properties), options.matrix)
        if options.properties:
            with status_line(console, "looking for a shortest violation") as show:
                print_shortest(console, row, proof.mix, model, scenarios, show)
    if options.json_file:
        write_json(
            options.json_file, [to_json(p, r) for p, r in zip(proofs, conclusions, strict=True)]
        )
    if options.report_file:
        text = proofs_page(
            proofs,
            conclusions,
            {n: uncovered(model, mixes[0], n, scenarios) for n in premise_names(proofs[0])},
            options.command,
        )
        write_file(options.report_file, text)
    if options.certificates:
        to_write = writings(model, proofs, options.certificates, options.every_state)
        if not write_all(console, to_write, options.certificates, pool):
            return Exit.UNKNOWN
    return status_of(conclusions, options.properties)


def write_all(
    console: Console, to_write: Sequence[Writing], folder: Path, pool: Workers | None = None
) -> bool:
    """Write certificates and print their number. Returns False if interrupted."""
    written: set[Path] = set()
    write_list(folder, (one.file for one in to_write))
    with status_line(console, "writing certificates") as show:

        def on_written(file: Path) -> None:
            written.add(file)
            show(f"{len(written)} of {plural(len(to_write), 'certificate')}")

        finished = write_certificates(to_write, on_written, pool)
    if finished:
        list_again(folder, written)
    else:
        console.print("interrupted: ", end="")
    console.print(f"{plural(len(written), 'certificate')} in {folder}", markup=False)
    if more := others_there(folder, (one.file for one in to_write)):
        console.print(more, markup=False)
    return finished


@dataclass(frozen=True)
class Shown:
    """One line of the conclusions: a property, one site of a way to go wrong, or a lemma."""

    property: Property
    site: str = ""
    lemma: bool = False


def chosen_goals(
    model: Model,
    mixes: Sequence[Mix],
    names: Sequence[str],
) -> list[Shown]:
    """Return the properties, lemmas and sites (`panic SITE`) of these names; without any, all
    properties.

    Raises `InputError` for a name that none of the mixes has.
    """
    properties = model.properties
    found = {name: Shown(prop) for name, prop in properties.items()}
    if not names:
        return list(found.values())
    if not set(names) <= found.keys():
        outcomes = {prop.outcome: prop for prop in properties.values() if prop.outcome}
        for mix in mixes:
            resolved = resolve_with_lemmas(model, mix)
            for name, lemma in resolved.program.marked("lemma").items():
                found[name] = Shown(Property(name, lemma.marks["lemma"], "", ""), lemma=True)
            for kind, site in sites_in(resolved.program, resolved.program.marked("action")):
                if kind in outcomes:
                    goal = site_goal(kind, site)
                    found[goal] = Shown(outcomes[kind], goal)
    for wanted in names:
        if wanted not in found:
            raise InputError(
                f"unknown property {wanted!r}",
                hint=f"a lemma of {PROOFS.name}/, a site as in 'panic SITE', or one of "
                + ", ".join(properties),
            )
    return [found[name] for name in dict.fromkeys(names)]


def concluded(proof: Proof, shown: Sequence[Shown], known: Violations) -> list[Conclusion]:
    """Return the conclusions about a mix, absent for a lemma or site that it does not have."""
    goals = {*proof.site_goals(), *proof.resolved.program.functions}
    conclusions = []
    for one in shown:
        wanted = one.site or (one.property.id if one.lemma else "")
        if wanted and wanted not in goals:
            conclusions.append(Conclusion(one.property, one.site, absent=True))
        else:
            conclusions.append(conclude(proof, one.property, known, one.site))
    return conclusions


def chosen_larger(words: str | None, mixes: Sequence[Mix]) -> list[Mix]:
    """Return the mixes of `--any-number`: none, all, or those of its names. Raises `InputError`."""
    if words is None:
        return []
    named = {mix_name(mix): mix for mix in mixes}
    if words == ALL_MIXES:
        return list(mixes)
    for word in words.split(","):
        if word not in named:
            raise InputError(f"--any-number {word}: no such mix", hint=did_you_mean(word, named))
    return [named[word] for word in words.split(",")]


def chosen_sizes(model: Model, words: Sequence[str]) -> dict[str, int]:
    """Return the sizes of the index types: those of `words`, `Task=3`, over those of `proofs.toml`.

    Raises `InputError` for a word that is not a size.
    """
    known = sizes_of(model)
    given: dict[str, int] = {}
    for word in words:
        name, _, digits = word.partition("=")
        number = number_in(digits, LARGEST_SIZE + 1)
        if name not in known or not number:
            raise InputError(
                f"--size {word}: no such size",
                hint=f"write a number from 1 to {LARGEST_SIZE} for one of {', '.join(known)}, "
                "for example Task=3",
            )
        given[name] = number
    return sizes_of(model, given=given)


def status_of(conclusions: Sequence[Sequence[Conclusion]], names: Sequence[str]) -> Exit:
    """Return the status for the properties that are named: 0 proved, 1 one violated, 3 one open."""
    verdicts = [c.verdict() for row in conclusions for c in row]
    if names and VIOLATED in verdicts:
        return Exit.NOT_AS_EXPECTED
    return Exit.UNKNOWN if names and OPEN in verdicts else Exit.AS_EXPECTED


def premise_names(proof: Proof) -> list[str]:
    """Return the names of the premises of a proof."""
    return list(premises_of(proof.resolved.program))


def uncovered(
    model: Model,
    mix: Mix,
    premise: str,
    scenarios: Sequence[Scenario],
) -> list[str]:
    """Return the scenarios whose parameters, on the host of the lemmas, do not fit a premise."""
    resolved = resolve_with_lemmas(model, mix)
    return [
        scenario.name
        for scenario in scenarios
        if not holds_for(resolved, Instance(scenario, mix, model, is_checked=False).run, premise)
    ]


def holds_for(resolved: Resolved, run: Run, premise: str) -> bool:
    """Return whether a premise holds for the parameters of a run."""
    return bool(Machine(resolved, run).namespace[premise]())


def to_json(proof: Proof, conclusions: Sequence[Conclusion]) -> dict[str, Any]:
    """Return the entry of a mix in the JSON results."""
    return {
        "mix": proof.mix,
        "sizes": dict(proof.sizes),
        "properties": [
            {
                "property": c.name(),
                "verdict": c.verdict(),
                "proved": c.proved,
                "any_number": c.any_number,
                "violated": {goal: str(trace) for goal, trace in c.violated.items()},
                "open": list(c.open),
                "needs": sorted(c.needs),
            }
            for c in conclusions
        ],
        "dropped": {name: answer.action for name, answer in proof.dropped.items()},
        "counterexamples": {
            name: describe_counterexample(proof.resolved, answer.counterexample)
            for name, answer in proof.dropped.items()
            if answer.counterexample is not None
        },
        "obligations": [_obligation(a) for a in proof.answers.values()],
        "any_number": [
            _obligation(a) for a in (proof.any_number.answers.values() if proof.any_number else ())
        ],
    }


def _obligation(answer: Answer) -> dict[str, Any]:
    return {
        "action": answer.action,
        "goal": answer.goal,
        "status": answer.status,
        "seconds": answer.seconds,
        "needs": list(answer.needs),
        "reason": answer.reason,
    }
