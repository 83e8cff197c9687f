"""Lockstep comparison of the model's host layer with Wasmtime, builtin call by builtin call.

Sequences of calls run in lockstep on a fresh instance of `conformance/host/host.wat` in Wasmtime
and on a fresh state of the model: first all short ones over a few alphabets, then seeded random
longer ones. Every result is compared, including handles and events, and every trap: whether it
happens, and whether its message corresponds to the site of the model. A poll may return any event
of the set, so the model takes Wasmtime's choice if that is possible. A divergence is shrunk.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from wakeproof.conform.host.builtins import BUILTINS, HostCall, Outcome
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
    """A shrunk sequence whose last call has different outcomes in the model and in Wasmtime."""

    payload: str
    calls: tuple[HostCall, ...]
    model: tuple[Outcome, ...]
    wasmtime: tuple[Outcome, ...]


@dataclass
class HostConformance:
    """The result of a comparison: what was compared, and the divergences.

    `exhaustive` has for each alphabet the length up to which all sequences ran. The counters count
    the known differences by id, the calls by builtin, the events by kind and the traps by site.
    """

    seed: int
    engine: str
    calls: int = 0
    sequences: int = 0
    exhaustive: dict[str, int] = field(default_factory=dict)
    exhaustive_calls: int = 0
    divergences: list[HostDivergence] = field(default_factory=list)
    explained: Counter[str] = field(default_factory=Counter)
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


def ending(played: PlayedCalls) -> tuple[str, str, str]:
    """Return the kind of a divergence: the builtin and both outcomes, without handles."""
    call = played.calls[-1]
    here, there = (
        re.sub(r"\d+", "", describe_outcome(call, s[-1])) for s in (played.model, played.wasmtime)
    )
    return call.builtin, here, there


class HostComparison:
    """Both sides, and the result so far."""

    def __init__(
        self, seed: int, model: Model, progress: Callable[[HostConformance], None] | None
    ) -> None:
        self.engine = WasmtimeHost()
        self.host = ModelHost(model)
        self.result = HostConformance(seed, self.engine.name)
        self.progress = progress
        self.began = time.perf_counter()
        self.seen: set[tuple[str, str, str]] = set()

    def play(self, payload: str, choose: CallChooser) -> PlayedCalls:
        """Run a sequence on both sides until its end, a trap or a divergence."""
        host = self.host
        guest = self.engine.fresh(payload)
        host.reset()
        played = PlayedCalls(payload)
        while (call := choose(host, played)) is not None:
            # the model takes Wasmtime's choice of an event, and goes first in all other calls
            first = BUILTINS[call.builtin].gives != "event"
            saved = host.save() if choose.picky else None
            arguments = host.export_arguments(call)
            try:
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
            played.calls.append(call)
            played.model.append(here)
            played.wasmtime.append(there)
            if not agree(call, here, there):
                known = next(
                    (e.id for e in KNOWN_DIFFERENCES if e.covers(host, call, here, there)), ""
                )
                played.explained, played.diverged = known, not known
                return played
            if here.trap:
                return played
        return played

    def run(self, payload: str, choose: CallChooser) -> PlayedCalls:
        """Run a sequence and count what it compared."""
        played, result = self.play(payload, choose), self.result
        result.sequences += 1
        for call, here, there in zip(played.calls, played.model, played.wasmtime, strict=True):
            result.calls += 1
            result.builtins[call.builtin] += 1
            if here.trap and there.trap:
                result.traps[here.trap] += 1
            elif BUILTINS[call.builtin].gives == "event" and here.value:
                result.events[describe_outcome(call, here).partition(" ")[0]] += 1
        if played.explained:
            result.explained[played.explained] += 1
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
) -> HostConformance:
    """Compare at least `calls` builtin calls: at most half of them exhaustively, then random ones.

    Fewer if it is interrupted. `progress` receives the result every `PROGRESS_EVERY` sequences.
    Raises `InputError` if Wasmtime is not installed.
    """
    comparison = HostComparison(seed, model, progress)
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
