"""Take the steps of the model on the real runtime, and compare what it prints word by word.

`same_line`, `same_place` and `same_end` compare a call, the end of a step, and a panic or fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wakeproof.conform.guest.driver import GuestDriver, Silence
from wakeproof.conform.guest.panic_places import PanicPlace, panic_place
from wakeproof.conform.guest.protocol import Act, Expected, RealNames, words_text
from wakeproof.conform.guest.script import Script
from wakeproof.errors import Exit, InputError
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.sites import Site
from wakeproof.language.values import Snapshot, Step

# how the line of a thread begins that waits in the host, or may
WAITS = (["call", "waitable-set.wait"], ["call", "subtask.cancel"])
AGAIN = "run it again"
# an export or its callback has returned EXIT, and nothing runs
EXITED = ["at", "idle", "0"]


class Parted(Exception):
    """The real runtime does something else than the model: what each of them does.

    `expected` is the call that the model makes instead, if it makes one.
    """

    def __init__(self, model: str, real: str, expected: Expected | None = None) -> None:
        super().__init__(model, real)
        self.model = model
        self.real = real
        self.expected = expected


@dataclass(frozen=True)
class PlayedSteps:
    """The number of steps that were taken, and how they ended.

    `parted` if the last step differs, `wrong` if both sides went wrong in it.
    """

    steps: int
    parted: Parted | None = None
    wrong: WentWrong | None = None


class GuestPlayer:
    """A driver that takes the steps of a script. `calls` counts the calls that were compared."""

    def __init__(self, driver: GuestDriver, script: Script, sites: Mapping[str, Site]) -> None:
        self.driver = driver
        self.script = script
        self.sites = sites
        self.calls: Counter[str] = Counter()

    def begin(self) -> Snapshot:
        """Begin a walk; returns the initial state of the model."""
        self.names = RealNames()
        self.driver_waits = True
        try:
            self.last = self.driver.begin_walk()
        except Silence:
            raise InputError(
                "the driver of the released crates was killed", hint=AGAIN, status=Exit.UNKNOWN
            ) from None
        # the calls in which threads are suspended
        self.suspended: set[str] = set()
        acts, initial = self.script.begin()
        for act in acts:
            self.take(act)
        return initial

    def end(self) -> None:
        """End a walk."""
        self.driver.end_walk(self.driver_waits)

    def play(self, steps: Sequence[Step]) -> PlayedSteps:
        """Take the steps in a new walk, until the two sides part or go wrong.

        Raises `GuardFailed` for a step that is not possible, or that a bound of the run forbids.
        """
        try:
            state = self.begin()
            for number, step in enumerate(steps, 1):
                act = self.script.act(state, step)
                if act.wrong is not None and act.wrong.kind == "bound":
                    raise GuardFailed
                try:
                    self.take(act)
                except Parted as parted:
                    return PlayedSteps(number, parted)
                if act.wrong is not None:
                    return PlayedSteps(number, wrong=act.wrong)
                state = act.after
            return PlayedSteps(len(steps))
        finally:
            self.end()

    def take(self, act: Act) -> None:
        """Take one step. Raises `Parted`, and `InputError` if the driver was killed."""
        if act.born is not None:
            self.names.forget(act.born)
        try:
            self._take(act)
        except Silence as silence:
            self.driver_waits = False
            if silence.gone:
                raise InputError(
                    "the driver of the released crates was killed",
                    hint=AGAIN,
                    status=Exit.UNKNOWN,
                ) from None
            raise Parted(" ".join(act.place), str(silence)) from None

    def _take(self, act: Act) -> None:
        left = list(reversed(act.expected))
        if act.command is None:
            self._without_the_guest(act, left)
            return
        if act.command:
            self._suspend()
            self.driver.send(act.command)
            received = self.driver.receive()
        else:
            received = self._go_on(left)
        while not self._arrived(act, received, left):
            received = self.driver.receive()
        self.last = received

    def _suspend(self) -> None:
        """Suspend the thread that runs if it waits in the host, so that others may run."""
        if self.last[:2] in WAITS:
            self.suspended.add(" ".join(self.last))
            self.driver.send("suspend")
            self.last = self.driver.receive()
            same_place(("at", "idle", "suspended"), self.last)

    def _go_on(self, left: Sequence[Expected]) -> list[str]:
        """Make the thread go on that makes the next call; returns its line."""
        line = f"call {words_text(left[-1].words)}" if left else ""
        if line not in self.suspended:
            return self.last
        self._suspend()
        self.suspended.remove(line)
        self.driver.send(f"resume {line.split(' ')[-1]}")
        return self.driver.receive()

    def _without_the_guest(self, act: Act, left: list[Expected]) -> None:
        """Take a step of the host or a peer: the guest makes no call, and waits if it traps."""
        if left:
            nothing = "nothing: the guest has no part in the step"
            raise Parted(words_text(left[-1].words), nothing, left[-1])
        if act.wrong is None or self.last[:2] in WAITS or self.last == EXITED:
            # the trap is that of the wait, or of the end of an export
            return
        if self.last[:2] != ["at", "idle"] or not self.suspended:
            raise Parted(f"{act.wrong.kind} at {act.wrong.site}", " ".join(self.last))
        # every thread waits, and the trap ends them all
        self.last = min(self.suspended).split(" ")

    def _arrived(self, act: Act, received: list[str], left: list[Expected]) -> bool:
        """Compare one line; returns whether the step is over."""
        wrong = act.wrong
        if received[0] in ("panic", "fault", "ended"):
            self.driver_waits = False
            if left:
                raise Parted(words_text(left[-1].words), " ".join(received), left[-1])
            same_end(wrong, received, self.sites, self.script.releases, self._place(received))
            return True
        if left:
            self._same(left.pop(), received, act)
            # a builtin that traps does not come back
            return not left and not self.driver_waits
        if wrong is None:
            same_place(act.place, received)
        elif wrong.kind == "undefined" and act.reused:
            # the callback was stale on both sides; its memory has a new owner, and carries on
            return True
        elif wrong.kind != "trap" or received != EXITED:
            # the one trap outside of a builtin: an export that ends without having returned
            raise Parted(f"{wrong.kind} at {wrong.site}", " ".join(received))
        return True

    def seen(self, wrong: WentWrong) -> str:
        """Describe the end of a walk as it looks from outside, once it agrees with the model."""
        if wrong.kind == "panic":
            return f"panic in {self._place(self.last)}"
        if wrong.kind == "trap":
            return f"the host traps: {' '.join(w for w in self.last[1:] if w != 'trap')}"
        if self.last[0] == "fault":
            return "freed memory is touched"
        return "memory is used that has a new owner"

    def _place(self, received: Sequence[str]) -> PanicPlace | None:
        """Return the place of a panic; None for another end."""
        return panic_place(received[1], self.driver.checkout) if received[0] == "panic" else None

    def _same(self, expected: Expected, received: list[str], act: Act) -> None:
        """Compare a call or the return of one, and answer it."""
        same_line(expected, received, self.names, act.alive)
        if expected.kind != "ret":
            self.calls[str(expected.words[0])] += 1
        if expected.kind == "call":
            if expected.reply is None:
                # the host traps: the builtin does not return
                self.driver.send("quit")
                self.driver_waits = False
            else:
                self.driver.send(expected.answer())


def same_line(
    expected: Expected, received: Sequence[str], names: RealNames, alive: Mapping[int, bool]
) -> None:
    """Compare a line with the one that the model expects next. Raises `Parted`."""
    words = expected.words
    same = received[0] == expected.kind and (
        (expected.kind == "ret" and not words)
        or (
            len(received) == len(words) + 1
            and all(
                names.agree(word, other, alive)
                for word, other in zip(words, received[1:], strict=True)
            )
        )
    )
    if not same:
        raise Parted(f"{expected.kind} {words_text(words)}", " ".join(received), expected)


def same_place(place: Sequence[str], received: Sequence[str]) -> None:
    """Compare where the driver stands with where the step must leave it. Raises `Parted`."""
    if len(place) != len(received) or any(
        word not in ("*", other) for word, other in zip(place, received, strict=True)
    ):
        raise Parted(" ".join(place), " ".join(received))


def same_end(
    wrong: WentWrong | None,
    received: list[str],
    sites: Mapping[str, Site],
    releases: Mapping[str, str],
    place: PanicPlace | None,
) -> None:
    """Compare a panic or a fault with how the model's step went wrong. Raises `Parted`.

    `place` is where the panic is, None for a fault or a panic outside of the crates.
    """
    real = " ".join(received)
    if wrong is None:
        raise Parted("goes on", real)
    if wrong.kind == "undefined":
        if received != ["fault", "freed"]:
            raise Parted(f"undefined behaviour at {wrong.site}", real)
        return
    site = sites[wrong.site]
    # the table of sites has no lines for a release that no version mirrors
    lines = {name.removeprefix("v"): line for name, line in site.places}
    if (
        wrong.kind != "panic"
        or place is None
        or place.release not in releases.values()
        or not site.source.endswith(place.file)
        or (place.release in lines and lines[place.release] not in place.lines)
    ):
        raise Parted(f"{wrong.kind} at {wrong.site}", real)
