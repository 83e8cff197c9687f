"""Sequences of calls: exhaustive alphabets, random walks, shrinking."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from wakeproof.conform.host.builtins import (
    BUILTINS,
    HANDLES,
    Call,
    Outcome,
    made,
)
from wakeproof.conform.host.model_side import Host

LONGEST = 60
WRONG, ACCEPTED = 0.06, 0.012


class Chooser:
    """Gives a sequence call by call; a picky one may take back what the model does not like."""

    picky = False

    def __call__(self, host: Host, played: Played) -> Call | None:
        """The next call, or None at the end."""
        raise NotImplementedError

    def accepts_trap(self) -> bool:
        """Whether a call that traps may stand."""
        return True


@dataclass(frozen=True)
class Alphabet:
    """What the exhaustive part puts together: calls, after a few that set the scene."""

    name: str
    scene: tuple[Call, ...]
    calls: tuple[Call, ...]


def _words(text: str) -> tuple[Call, ...]:
    """Calls as people write them: `stream.read 2, waitable.join 2 1`."""
    calls = []
    for part in text.split(","):
        words = part.split()
        numbers = [int(w) for w in words if w.isdigit()]
        calls.append(Call(" ".join(words[: len(words) - len(numbers)]), tuple(numbers)))
    return tuple(calls)


def _both_ends(kind: str) -> Alphabet:
    """A set, a stream or future, and everything that they can do."""
    return Alphabet(
        kind,
        _words(f"waitable-set.new, {kind}.new"),
        _words(
            f"{kind}.read 2, {kind}.write 3, {kind}.cancel-read 2, {kind}.cancel-write 3, "
            f"{kind}.drop-readable 2, {kind}.drop-writable 3, waitable.join 2 1, "
            "waitable.join 3 1, waitable.join 2 0, waitable-set.poll 1, waitable-set.drop 1, "
            f"{kind}.read 3"
        ),
    )


ALPHABETS = (
    _both_ends("stream"),
    _both_ends("future"),
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


class Walk(Chooser):
    """A random sequence: mostly right calls, now and then a wrong one."""

    picky = True
    names = tuple(BUILTINS)
    weights = tuple(itertools.accumulate(b.weight for b in BUILTINS.values()))

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.length = rng.randint(6, LONGEST)
        self.position, self.tries = -1, 0

    def __call__(self, host: Host, played: Played) -> Call | None:
        """The next call, unless thirty in a row were taken back."""
        position = len(played.calls)
        self.tries = self.tries + 1 if position == self.position else 0
        self.position = position
        return self._draw(host) if position < self.length and self.tries < 30 else None

    def accepts_trap(self) -> bool:
        """Seldom: a trap ends the sequence."""
        return self.rng.random() < ACCEPTED

    def _draw(self, host: Host) -> Call:
        rng = self.rng
        builtin = BUILTINS[rng.choices(self.names, cum_weights=self.weights)[0]]
        arguments = []
        for taken in builtin.takes:
            if taken == "flag":
                arguments.append(rng.randrange(2))
                continue
            if taken == "set or none" and rng.random() < 0.25:
                arguments.append(0)
                continue
            right = host.handles(taken)
            wrong = not right or rng.random() < WRONG
            arguments.append(rng.randint(1, HANDLES) if wrong else rng.choice(right))
        return Call(builtin.name, tuple(arguments))


class Fixed(Chooser):
    """A sequence that is given."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = calls

    def __call__(self, host: Host, played: Played) -> Call | None:
        """The next call."""
        position = len(played.calls)
        return self.calls[position] if position < len(self.calls) else None


class Without(Chooser):
    """A sequence without one of its calls: its handles are those that the same calls make now."""

    def __init__(self, played: Played, left_out: int) -> None:
        self.rows = [
            (call, made(call, outcome))
            for n, (call, outcome) in enumerate(zip(played.calls, played.model, strict=True))
            if n != left_out
        ]
        self.owners: dict[int, tuple[int, int]] = {}

    def __call__(self, host: Host, played: Played) -> Call | None:
        """The next call with its handles of this run; a handle that nobody makes stays."""
        number = len(played.calls)
        if number == len(self.rows):
            return None
        if number:
            for which, handle in enumerate(self.rows[number - 1][1]):
                self.owners[handle] = number - 1, which
        call = self.rows[number][0]
        arguments = []
        for taken, value in zip(BUILTINS[call.builtin].takes, call.arguments, strict=True):
            if taken != "flag" and value in self.owners:
                row, which = self.owners[value]
                now = made(played.calls[row], played.model[row])
                value = now[which] if which < len(now) else value
            arguments.append(value)
        return Call(call.builtin, tuple(arguments))


@dataclass
class Played:
    """A sequence as it ran, until its end, a trap or a divergence."""

    payload: str
    calls: list[Call] = field(default_factory=list)
    model: list[Outcome] = field(default_factory=list)
    wasmtime: list[Outcome] = field(default_factory=list)
    diverged: bool = False
    explained: str = ""
    stopped: bool = False  # the model has no such call here
