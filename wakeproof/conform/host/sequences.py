"""Sequences of calls: alphabets for the exhaustive part, random sequences, and shorter variants.

A chooser returns its sequence call by call, because the next call depends on what came before.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from wakeproof.conform.host.builtins import (
    BUILTINS,
    MOST_ITEMS,
    NO_HANDLES,
    SIZES,
    HostCall,
    Outcome,
    handles_made,
)
from wakeproof.conform.host.model_side import ModelHost

# calls of a random sequence at most
LONGEST = 60
# probability that an argument is a random handle, and that a call which traps stays
WRONG, ACCEPTED = 0.06, 0.012
# a random sequence ends after as many calls in a row that trap or are impossible
TRIES = 30


class CallChooser:
    """A sequence, call by call.

    For a `picky` one, calls that are impossible are taken back, and so are most of those that trap.
    """

    picky = False

    def __call__(self, host: ModelHost, played: PlayedCalls) -> HostCall | None:
        """Return the next call, or None at the end."""
        raise NotImplementedError

    def accepts_trap(self) -> bool:
        """Whether a call that traps stays in the sequence."""
        return True


@dataclass(frozen=True)
class Alphabet:
    """The calls of which the exhaustive part makes all sequences, after those of the scene."""

    name: str
    scene: tuple[HostCall, ...]
    calls: tuple[HostCall, ...]


def _words(text: str) -> tuple[HostCall, ...]:
    """Parse calls, such as `stream.read 2, waitable.join 2 1`."""
    calls = []
    for part in text.split(","):
        words = part.split()
        numbers = [int(w) for w in words if w.isdigit()]
        calls.append(HostCall(" ".join(words[: len(words) - len(numbers)]), tuple(numbers)))
    return tuple(calls)


def _both_ends(kind: str) -> Alphabet:
    """Return all calls on a set and both ends of a stream or future; copies are of one item."""
    items = " 1" if kind == "stream" else ""
    return Alphabet(
        kind,
        _words(f"waitable-set.new, {kind}.new"),
        _words(
            f"{kind}.read 2{items}, {kind}.write 3{items}, "
            f"{kind}.cancel-read 2, {kind}.cancel-write 3, "
            f"{kind}.drop-readable 2, {kind}.drop-writable 3, waitable.join 2 1, "
            "waitable.join 3 1, waitable.join 2 0, waitable-set.poll 1, waitable-set.drop 1, "
            f"{kind}.read 3{items}"
        ),
    )


ALPHABETS = (
    _both_ends("stream"),
    _both_ends("future"),
    Alphabet(
        "items",
        _words("waitable-set.new, stream.new, waitable.join 2 1"),
        _words(
            "stream.read 2 0, stream.read 2 1, stream.read 2 3, stream.write 3 0, "
            "stream.write 3 1, stream.write 3 3, stream.cancel-write 3, stream.drop-writable 3, "
            "waitable.join 2 0, stream.cancel-read 2, waitable-set.poll 1, waitable.join 3 1"
        ),
    ),
    Alphabet(
        "subtask",
        _words("waitable-set.new, call import 0"),
        _words(
            "call import 0, call import 1, callee.gate 1, callee.gate 0, callee.finish 2, "
            "subtask.cancel 2 0, subtask.cancel 2 1, subtask.drop 2, waitable.join 2 1, "
            "waitable.join 2 0, waitable-set.poll 1, waitable-set.drop 1, subtask.cancel 3 0"
        ),
    ),
    Alphabet(
        "waits",
        _words("waitable-set.new, stream.new, call import 0, future.new"),
        _words(
            "stream.read-sync 2 1, stream.write-sync 3 1, waitable-set.wait 1, "
            "subtask.cancel-sync 4, subtask.cancel-async 4 0, subtask.cancel-async 4 2, "
            "callee.finish 4, callee.give-up 4, stream.write 3 1, stream.cancel-read 2, "
            "waitable.join 2 1, waitable.join 4 1, waitable.join 2 0, waitable-set.drop 1, "
            "stream.drop-writable 3, stream.pass 2, waitable.join 5 1, future.read-sync 5"
        ),
    ),
    Alphabet(
        "table",
        (),
        _words(
            "waitable-set.new, stream.new, future.new, call import 0, waitable-set.drop 1, "
            "waitable-set.drop 2, stream.drop-readable 1, stream.drop-writable 2, "
            "future.drop-readable 1, future.drop-writable 3, waitable.join 1 2, waitable.join 2 1, "
            "waitable-set.poll 1, subtask.drop 1"
        ),
    ),
)


class RandomCalls(CallChooser):
    """A random sequence of mostly valid calls."""

    picky = True
    names = tuple(BUILTINS)
    weights = tuple(itertools.accumulate(b.weight for b in BUILTINS.values()))

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.length = rng.randint(6, LONGEST)
        self.position, self.tries = -1, 0

    def __call__(self, host: ModelHost, played: PlayedCalls) -> HostCall | None:
        """Return the next call, unless `TRIES` in a row were taken back."""
        position = len(played.calls)
        self.tries = self.tries + 1 if position == self.position else 0
        self.position = position
        return self._draw(host) if position < self.length and self.tries < TRIES else None

    def accepts_trap(self) -> bool:
        """Whether a trap stays: rarely, because it ends the sequence."""
        return self.rng.random() < ACCEPTED

    def _draw(self, host: ModelHost) -> HostCall:
        rng = self.rng
        builtin = BUILTINS[rng.choices(self.names, cum_weights=self.weights)[0]]
        arguments = []
        for taken in builtin.takes:
            if taken == "flag":
                arguments.append(rng.randrange(2))
                continue
            if taken in ("items", "answer"):
                arguments.append(rng.randint(0, MOST_ITEMS if taken == "items" else 2))
                continue
            if taken == "set or none" and rng.random() < 0.25:
                arguments.append(0)
                continue
            right = host.handles(taken)
            wrong = not right or rng.random() < WRONG
            arguments.append(rng.randint(1, SIZES.handles) if wrong else rng.choice(right))
        return HostCall(builtin.name, tuple(arguments))


class GivenCalls(CallChooser):
    """A given sequence."""

    def __init__(self, calls: Sequence[HostCall]) -> None:
        self.calls = calls

    def __call__(self, host: ModelHost, played: PlayedCalls) -> HostCall | None:
        """Return the next call."""
        position = len(played.calls)
        return self.calls[position] if position < len(self.calls) else None


class CallsWithout(CallChooser):
    """A sequence without one of its calls.

    A handle in its arguments becomes the one that the same call makes in this run.
    """

    def __init__(self, played: PlayedCalls, left_out: int) -> None:
        self.rows = [
            (call, handles_made(call, outcome))
            for n, (call, outcome) in enumerate(zip(played.calls, played.model, strict=True))
            if n != left_out
        ]
        self.owners: dict[int, tuple[int, int]] = {}

    def __call__(self, host: ModelHost, played: PlayedCalls) -> HostCall | None:
        """Return the next call with the handles of this run; a handle that no call makes stays."""
        number = len(played.calls)
        if number == len(self.rows):
            return None
        if number:
            for which, handle in enumerate(self.rows[number - 1][1]):
                self.owners[handle] = number - 1, which
        call = self.rows[number][0]
        arguments = []
        for taken, value in zip(BUILTINS[call.builtin].takes, call.arguments, strict=True):
            if taken not in NO_HANDLES and value in self.owners:
                row, which = self.owners[value]
                now = handles_made(played.calls[row], played.model[row])
                value = now[which] if which < len(now) else value
            arguments.append(value)
        return HostCall(call.builtin, tuple(arguments))


@dataclass
class PlayedCalls:
    """A sequence as it ran until its end, a trap or a divergence: calls and outcomes on all sides.

    `definitions` ends where the definitions left, with a difference whose id is `left`.
    `explained` is the id of the known difference that ended it. `stopped`: the model could not make
    the call after these.
    """

    payload: str
    calls: list[HostCall] = field(default_factory=list)
    model: list[Outcome] = field(default_factory=list)
    wasmtime: list[Outcome] = field(default_factory=list)
    definitions: list[Outcome] = field(default_factory=list)
    left: str = ""
    diverged: bool = False
    explained: str = ""
    stopped: bool = False
