"""Summaries of comparisons with real implementations, for the terminal and for a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from wakeproof.conform.component.known_bugs import KNOWN_BUGS
from wakeproof.conform.guest.comparison import GuestConformance
from wakeproof.conform.host.compare import HostConformance
from wakeproof.conform.host.majority import OTHER_RULES
from wakeproof.conform.host.outcome_text import describe_outcome
from wakeproof.conform.host.traps import KNOWN_DIFFERENCES
from wakeproof.conform.spec.check import SpecConformance, Verdict
from wakeproof.language.model import BUNDLED, Model
from wakeproof.util.text import plural

LOST = "their worker process was killed twice; if memory ran out, use fewer processors"


@dataclass(frozen=True)
class Counterpart:
    """Names for what walks compare with the model.

    `command` is that of `wakeproof conform`, `heading` the title of its section. `explained` has
    the reasons why some divergences are not errors of the model, by the key that is counted.
    """

    command: str
    heading: str
    real: str
    explained: Mapping[str, str] = field(default_factory=dict)


CRATES = Counterpart("guest", "The model's runtime against the released crates", "crates")
COMPONENTS = Counterpart(
    "component",
    "The model against the released crates on Wasmtime",
    "Wasmtime",
    {words: explanation.why for words, explanation in KNOWN_BUGS.items()},
)


def host_text(result: HostConformance) -> str:
    """Summarise a comparison of the host layer, with every divergence."""
    spread = ", ".join(f"{name} to {length}" for name, length in result.exhaustive.items())
    lines = [
        f"{plural(result.calls, 'builtin call')} in {plural(result.sequences, 'sequence')} "
        f"on {result.engine} and on the model, seed {result.seed}: {result.seconds:.1f} s, "
        f"{result.rate:,.0f} a second",
        f"all short sequences, by length: {spread} ({plural(result.exhaustive_calls, 'call')})",
        f"events compared: {sum(result.events.values()):,}; "
        f"traps compared: {sum(result.traps.values()):,} at {plural(len(result.traps), 'site')}",
    ]
    if result.unreached:
        lines.append("never reached: " + ", ".join(result.unreached))
    for known in KNOWN_DIFFERENCES:
        if result.explained[known.id]:
            lines.append(f"explained, {plural(result.explained[known.id], 'time')}: {known.reason}")
        votes = sorted(result.votes.items())
        lines += [f"  {words}, {plural(n, 'time')}" for (id_, words), n in votes if id_ == known.id]
    lines += definitions_lines(result)
    for divergence in result.divergences:
        item = divergence.payload or "nothing"
        lines += ["", f"divergence (items of type {item}):"]
        rows = zip(divergence.calls, divergence.model, divergence.wasmtime, strict=True)
        for number, (call, here, there) in enumerate(rows, 1):
            if number < len(divergence.calls):
                lines.append(f"  {number:2} {call} = {describe_outcome(call, here)}")
            else:
                lines.append(f"  {number:2} {call}")
                lines.append(f"       model:    {describe_outcome(call, here)}")
                lines.append(f"       Wasmtime: {describe_outcome(call, there)}")
        if divergence.definitions is not None:
            outcome = describe_outcome(divergence.calls[-1], divergence.definitions)
            lines += [f"       the definitions: {outcome}", f"       {divergence.agreeing}"]
    found = len(result.divergences)
    word = "unexplained divergence"
    lines.append(plural(found, word) if found else f"no {word}")
    return "\n".join(lines)


def definitions_lines(result: HostConformance) -> list[str]:
    """Summarise what the definitions did as a third side, and where they left sequences."""
    if not result.definitions:
        return []
    lines = [f"{result.definitions_calls:,} of the calls in the definitions, {result.definitions}"]
    for rule in OTHER_RULES:
        if times := result.left[rule.id]:
            lines.append(
                f"the definitions alone differ in {plural(times, 'sequence')}: {rule.reason}"
            )
    return lines


def walks_text(
    result: GuestConformance, model: Model = BUNDLED, counterpart: Counterpart = CRATES
) -> str:
    """Summarise a comparison by walks, with every divergence."""
    unreached = result.unreached(model)
    builds = {features for _, features in result.mixes}
    lines = [
        f"{plural(result.walks, 'walk')}, {result.full:,} of them to the end: "
        f"{plural(result.steps, 'step')}, {plural(sum(result.calls.values()), 'call')}; "
        f"mixes: {len({mix for mix, _ in result.mixes})}, builds of the crates: {len(builds)}; "
        f"{result.seconds:.1f} s, {result.rate:,.0f} walks a second",
        f"ends compared: {sum(result.sites.values()):,} at {plural(len(result.sites), 'site')}",
    ]
    if result.traces:
        number, places = sum(result.traces.values()), len(result.traces)
        lines.append(f"traces that end, played too: {number:,} at {plural(places, 'site')}")
    if result.lost:
        lines.append(f"{plural(result.lost, 'walk')} without a result: {LOST}")
    lines.append(f"{plural(len(unreached), 'site')} of the guest never reached")
    if result.bounds:
        hit = ", ".join(f"{name} {count:,}" for name, count in sorted(result.bounds.items()))
        lines.append(f"steps not taken, because a scenario has too few: {hit}")
    if never := sorted(result.known - set(result.actions)):
        lines.append(f"actions never taken: {', '.join(never)}")
    for divergence in result.divergences:
        features = ", ".join(divergence.features) or "no features"
        mix = "/".join(divergence.mix.values())
        lines += ["", f"divergence in {mix}, {features}, {divergence.stage}:"]
        lines += [f"  {number:2} {step}" for number, step in enumerate(divergence.steps, 1)]
        width = max(len(counterpart.real), 5) + 1
        for name, text in (("model", divergence.model), (counterpart.real, divergence.real)):
            lines.append(f"     {name + ':':{width}} {text}")
    for words, times in sorted(result.explained.items()):
        reason = counterpart.explained[words]
        lines.append(f"explained, {plural(times, 'walk')} with the end '{words}': {reason}")
    found = len(result.divergences)
    lines.append(plural(found, "divergence") if found else "no divergences")
    return "\n".join(lines)


def spec_text(results: Sequence[SpecConformance]) -> str:
    """Summarise checks of the specification's tests, with every assertion that fails.

    Each later one says how many assertions it has that the earlier ones lack.
    """
    parts = [_spec_part(result, results[:number]) for number, result in enumerate(results)]
    found = sum(len(result.failures) for result in results)
    failed = f"{plural(found, 'assertion') if found else 'no assertion'} failed"
    return "\n".join(["\n\n".join(parts), failed])


def _spec_part(result: SpecConformance, earlier: Sequence[SpecConformance]) -> str:
    """Summarise one check."""
    commit = f" of commit {result.commit}" if result.commit else ""
    asserted = result.assertions
    lines = [f"{plural(len(asserted), 'assertion')} in {plural(len(result.files), 'file')}{commit}"]
    if earlier:
        lines[0] += f", {result.added(earlier):,} of them new"
    lines.append("on the model: " + count_words(a.model for a in asserted))
    if result.skipped:
        lines.append(f"Wasmtime was not asked: {result.skipped}")
    else:
        on_wasmtime = (a.wasmtime for a in asserted if a.wasmtime is not None)
        lines.append(f"on {result.engine}: {count_words(on_wasmtime)}")
    for assertion in result.failures:
        lines += ["", f"{assertion.file}:{assertion.line}: {assertion.kind} fails"]
        lines += [f"  {of}: {reason}" for of, reason in assertion.failures]
    return "\n".join(lines)


def count_words(verdicts: Iterable[Verdict]) -> str:
    """Count verdicts: how many held, are outside, or failed."""
    counts = Counter(verdict.word for verdict in verdicts)
    return ", ".join(f"{counts[word]:,} {word}" for word in ("held", "outside", "failed"))
