"""Lockstep comparison of the model's host layer with real hosts, builtin call by builtin call.

Sequences of calls run in lockstep on a fresh instance of `conformance/host/host.wat` in Wasmtime
and on a fresh state of the model: first all short ones over a few alphabets, then seeded random
longer ones. Every result is compared, including handles and events, and every trap: whether it
happens, and whether its message corresponds to the site of the model. A poll may return any event
of the set, so the model takes Wasmtime's choice if that is possible. A divergence is shrunk.

The specification's own definitions may be a third side, so that two agree against one. Where they
differ by a rule that is newer than they are, they leave the sequence, and the others go on.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from wakeproof.conform.host.builtins import BUILTINS, WAITS, HostCall, Outcome
from wakeproof.conform.host.definitions_side import Definitions
from wakeproof.conform.host.majority import OTHER_RULES, agree_with_definitions, majority
from wakeproof.conform.host.model_side import Impossible, ModelHost
from wakeproof.conform.host.outcome_text import describe_outcome
from wakeproof.conform.host.sequences import (
    ALPHABETS,
    LONGEST,
    Alphabet,
    CallChooser,
    CallsWithout,
    GivenCalls,
    PlayedCalls,
    RandomCalls,
)
from wakeproof.conform.host.traps import KNOWN_DIFFERENCES, TRAPS, agree
from wakeproof.conform.host.wasmtime_side import PAYLOADS, WasmtimeHost
from wakeproof.language.model import BUNDLED, Model

# sequences between two reports of progress
PROGRESS_EVERY = 500


@dataclass(frozen=True)
class HostDivergence:
    """A shrunk sequence whose last call has different outcomes.

    `definitions` is the outcome of the last call in the definitions, if they are a side.
    """

    payload: str
    calls: tuple[HostCall, ...]
    model: tuple[Outcome, ...]
    wasmtime: tuple[Outcome, ...]
    definitions: Outcome | None = None

    @property
    def agreeing(self) -> str:
        """Which references agree, as a sentence; empty if there are only two."""
        if self.definitions is None:
            return ""
        return majority(self.calls[-1], self.model[-1], self.wasmtime[-1], self.definitions)


@dataclass
class HostConformance:
    """The result of a comparison: what was compared, and the divergences.

    `exhaustive` has for each alphabet the length up to which all sequences ran. The counters count
    the known differences by id, the calls by builtin, the events by kind and the traps by site.
    `definitions` names the third side, if there is one: `votes` counts, by the id of a known
    difference, which references agree, and `left` the differences by which the third side left.
    """

    seed: int
    engine: str
    definitions: str = ""
    calls: int = 0
    sequences: int = 0
    exhaustive: dict[str, int] = field(default_factory=dict)
    exhaustive_calls: int = 0
    divergences: list[HostDivergence] = field(default_factory=list)
    explained: Counter[str] = field(default_factory=Counter)
    definitions_calls: int = 0
    left: Counter[str] = field(default_factory=Counter)
    votes: Counter[tuple[str, str]] = field(default_factory=Counter)
    builtins: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    traps: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Calls per second."""
        return self.calls / self.seconds if self.seconds else 0.0

    @property
    def unreached(self) -> list[str]:
        """The trap sites that were not reached, of those that can be compared."""
        return sorted(set(TRAPS) - set(self.traps))


def ending(played: PlayedCalls) -> tuple[str, ...]:
    """Return the kind of a divergence: the builtin and all outcomes, without handles and lines."""
    call = played.calls[-1]
    outcomes = [played.model[-1], played.wasmtime[-1], *last_of_definitions(played)]
    return call.builtin, *(re.sub(r"\d+", "", describe_outcome(call, o)) for o in outcomes)


def last_of_definitions(played: PlayedCalls) -> list[Outcome]:
    """Return the outcome of the last call in the definitions, if they had not left before it."""
    last = len(played.calls) - 1
    return played.definitions[last : last + 1]


class HostComparison:
    """All sides, and the result so far."""

    def __init__(
        self,
        seed: int,
        model: Model,
        progress: Callable[[HostConformance], None] | None,
        definitions: Definitions | None = None,
    ) -> None:
        self.engine = WasmtimeHost()
        self.host = ModelHost(model)
        self.definitions = definitions
        name = definitions.name if definitions else ""
        self.result = HostConformance(seed, self.engine.name, name)
        self.progress = progress
        self.began = time.perf_counter()
        self.seen: set[tuple[str, ...]] = set()

    def play(self, payload: str, choose: CallChooser) -> PlayedCalls:
        """Run a sequence on all sides until its end, a trap or a divergence."""
        host = self.host
        guest = self.engine.fresh(payload)
        third = self.definitions.fresh(payload) if self.definitions else None
        host.reset()
        played = PlayedCalls(payload)
        while (call := choose(host, played)) is not None:
            # the model takes Wasmtime's choice of an event, and goes first in all other calls
            first = BUILTINS[call.builtin].gives != "event"
            saved = host.save() if choose.picky else None
            arguments = host.export_arguments(call)
            try:
                host.check_waits(call.builtin)
                here = host.call(call) if first else Outcome()
            except Impossible:
                here = None
            if saved and (here is None or (here.trap and not choose.accepts_trap())):
                host.load(saved)
                continue
            if here is None:
                played.stopped = True
                return played
            there = guest.call(call.builtin, arguments)
            if not first:
                here = host.call(call, there)
            if not here.trap:
                here = host.with_what_follows(here, there)
            played.calls.append(call)
            played.model.append(here)
            played.wasmtime.append(there)
            if third is not None and not played.left:
                seen = None if first else there
                played.definitions.append(third.call(call.builtin, arguments, seen))
            if self.ends(played):
                return played
        return played

    def ends(self, played: PlayedCalls) -> bool:
        """Judge the last call of a sequence; return whether the sequence ends with it."""
        call, here, there = played.calls[-1], played.model[-1], played.wasmtime[-1]
        if not agree(call, here, there):
            covering = (e.id for e in KNOWN_DIFFERENCES if e.covers(self.host, call, here, there))
            played.explained = next(covering, "")
            played.diverged = not played.explained
            return True
        for definitions in last_of_definitions(played):
            if not agree_with_definitions(here, definitions):
                covering = (e.id for e in OTHER_RULES if e.covers(call, here, definitions))
                played.left = next(covering, "")
                played.diverged = not played.left
        return played.diverged or bool(here.trap)

    def run(self, payload: str, choose: CallChooser) -> PlayedCalls:
        """Run a sequence and count what it compared."""
        played, result = self.play(payload, choose), self.result
        result.sequences += 1
        for call, here, there in zip(played.calls, played.model, played.wasmtime, strict=True):
            result.calls += 1
            result.builtins[call.builtin] += 1
            if here.trap and there.trap:
                result.traps[here.trap] += 1
            elif BUILTINS[call.builtin].gives == "event" and here.value not in (0, WAITS):
                result.events[describe_outcome(call, here).partition(" ")[0]] += 1
        result.definitions_calls += len(played.definitions)
        if played.left:
            result.left[played.left] += 1
        if played.explained:
            result.explained[played.explained] += 1
            for third in last_of_definitions(played):
                sides = played.calls[-1], played.model[-1], played.wasmtime[-1], third
                result.votes[played.explained, majority(*sides)] += 1
        if played.diverged:
            self.diverged(played)
        result.seconds = time.perf_counter() - self.began
        if self.progress is not None and result.sequences % PROGRESS_EVERY == 0:
            self.progress(result)
        return played

    def diverged(self, played: PlayedCalls) -> None:
        """Keep the first divergence of each kind, shrunk."""
        if ending(played) not in self.seen:
            self.seen.add(ending(played))
            played = self.shrink(played)
            self.result.divergences.append(
                HostDivergence(
                    played.payload,
                    tuple(played.calls),
                    tuple(played.model),
                    tuple(played.wasmtime),
                    next(iter(last_of_definitions(played)), None),
                )
            )

    def shrink(self, played: PlayedCalls) -> PlayedCalls:
        """Drop calls as long as the sequence still diverges in the same way."""
        wanted, position = ending(played), len(played.calls) - 2
        while position >= 0:
            shorter = self.play(played.payload, CallsWithout(played, position))
            if shorter.diverged and ending(shorter) == wanted:
                played = shorter
                position = len(played.calls) - 1
            position -= 1
        return played

    def exhaust(self, alphabet: Alphabet, length: int) -> int:
        """Run every sequence of this length, and return how many calls they made.

        What comes after a trap, or after an impossible call, is skipped.
        """
        before, digits, size = self.result.calls, [0] * length, len(alphabet.calls)
        while True:
            calls = (*alphabet.scene, *(alphabet.calls[d] for d in digits))
            played = self.run("u8", GivenCalls(calls))
            ran = len(played.calls) - len(alphabet.scene) + played.stopped
            position = max(0, min(ran, length) - 1)
            digits[position + 1 :] = [0] * (length - position - 1)
            while digits[position] == size - 1:
                digits[position] = 0
                if position == 0:
                    return self.result.calls - before
                position -= 1
            digits[position] += 1


def compare_host(
    seed: int = 0,
    calls: int = 200_000,
    progress: Callable[[HostConformance], None] | None = None,
    model: Model = BUNDLED,
    definitions: Definitions | None = None,
) -> HostConformance:
    """Compare at least `calls` builtin calls: at most half of them exhaustively, then random ones.

    Fewer if it is interrupted. `definitions` are a third side. `progress` receives the result every
    `PROGRESS_EVERY` sequences. Raises `InputError` if Wasmtime is not installed.
    """
    comparison = HostComparison(seed, model, progress, definitions)
    result = comparison.result
    try:
        _exhaustive_part(comparison, calls // 2)
        result.exhaustive_calls = result.calls
        rng = random.Random(seed)
        while result.calls < calls:
            comparison.run(rng.choice(PAYLOADS), RandomCalls(rng))
    except KeyboardInterrupt:
        pass
    result.seconds = time.perf_counter() - comparison.began
    return result


def _exhaustive_part(comparison: HostComparison, budget: int) -> None:
    """Run all sequences, one length after the other, while the next is likely to fit the budget."""
    result = comparison.result
    costs = {a.name: [0, len(a.scene) + 1] for a in ALPHABETS}
    for length in range(1, LONGEST):
        for alphabet in ALPHABETS:
            spent = costs[alphabet.name]
            growth = spent[-1] / spent[-2] if spent[-2] else len(alphabet.calls)
            if len(spent) != length + 1 or result.calls + spent[-1] * growth > budget:
                continue
            spent.append(comparison.exhaust(alphabet, length))
            result.exhaustive[alphabet.name] = length
        if not any(len(spent) == length + 2 for spent in costs.values()):
            return
