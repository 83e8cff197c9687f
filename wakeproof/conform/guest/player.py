"""The model's steps, taken by the real runtime, and compared word by word."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wakeproof.conform.guest.driver import Guest, Silence
from wakeproof.conform.guest.protocol import Act, Expected, Names
from wakeproof.conform.guest.script import Script, format_words
from wakeproof.errors import Exit, InputError
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.sites import Site
from wakeproof.language.values import Snapshot, Step

CRATE = re.compile(r"wit-bindgen-(\d+\.\d+\.\d+)/(src/\S+?):(\d+):\d+$")


class Parted(Exception):
    """The real runtime does something else than the model."""

    def __init__(self, model: str, real: str) -> None:
        super().__init__(model, real)
        self.model = model
        self.real = real


@dataclass(frozen=True)
class Played:
    """How far steps were taken: where the two parted, if they did, or how both went wrong."""

    steps: int
    parted: Parted | None = None
    wrong: WentWrong | None = None


class Player:
    """Takes the model's steps on the real runtime. `calls` counts what was compared."""

    def __init__(self, guest: Guest, script: Script, sites: Mapping[str, Site]) -> None:
        self.guest = guest
        self.script = script
        self.sites = sites
        self.calls: Counter[str] = Counter()

    def begin(self) -> Snapshot:
        """Begin a walk; the model's initial state."""
        self.names = Names()
        self.asked = True
        self.last = self.guest.walk()
        # the waits of the host that are under way
        self.waits: list[list[str]] = []
        acts, initial = self.script.begin()
        for act in acts:
            self.take(act)
        return initial

    def end(self) -> None:
        """End a walk."""
        self.guest.leave(self.asked)

    def play(self, steps: Sequence[Step]) -> Played:
        """A whole walk, which ends where the two part or go wrong.

        Raises `GuardFailed` for a step that is not possible, or that a bound of the run forbids.
        """
        state = self.begin()
        try:
            for number, step in enumerate(steps, 1):
                act = self.script.act(state, step)
                if act.wrong is not None and act.wrong.kind == "bound":
                    raise GuardFailed
                try:
                    self.take(act)
                except Parted as parted:
                    return Played(number, parted)
                if act.wrong is not None:
                    return Played(number, wrong=act.wrong)
                state = act.after
            return Played(len(steps))
        finally:
            self.end()

    def take(self, act: Act) -> None:
        """Take one step. Raises `Parted`, and `InputError` if somebody killed the driver."""
        if act.born is not None:
            self.names.forget(act.born)
        try:
            self._take(act)
        except Silence as silence:
            self.asked = False
            if silence.gone:
                raise InputError(
                    "the driver of the released crates was killed",
                    hint="run it again",
                    status=Exit.UNKNOWN,
                ) from None
            raise Parted(" ".join(act.place), str(silence)) from None

    def _take(self, act: Act) -> None:
        left = list(reversed(act.expected))
        if act.command is None:
            self._without_the_guest(act, left)
            return
        if act.command:
            if self.last[0] == "call":
                self.waits.append(self.last)
            self.guest.say(act.command)
            heard = self.guest.hear()
        else:
            heard = self.last
        while not self._arrived(act, heard, left):
            heard = self.guest.hear()
        self.last = heard

    def _without_the_guest(self, act: Act, left: list[Expected]) -> None:
        """A step of the host or a peer alone: the guest makes no call, and waits if it traps."""
        if left:
            raise Parted(format_words(left[-1].words), "nothing: the guest has no part in the step")
        if act.wrong is not None and self.last[:2] != ["call", "waitable-set.wait"]:
            raise Parted(f"{act.wrong.kind} at {act.wrong.site}", " ".join(self.last))

    def _arrived(self, act: Act, heard: list[str], left: list[Expected]) -> bool:
        """Deal with one line; whether the step is over."""
        wrong = act.wrong
        if heard[0] in ("panic", "fault", "ended"):
            self.asked = False
            if left:
                raise Parted(format_words(left[-1].words), " ".join(heard))
            self._same_end(wrong, heard)
            return True
        if left:
            self._same(left.pop(), heard, act)
            # a builtin that traps does not come back
            return not left and not self.asked
        if wrong is None:
            self._same_place(act.place, heard)
            if heard == ["at", "blocked"]:
                heard[:] = self.waits.pop()
        elif wrong.kind == "undefined" and act.reused:
            # the callback was stale on both sides; its memory has a new owner, and carries on
            return True
        elif wrong.kind != "trap" or heard != ["at", "idle", "0"]:
            # the one trap that is no builtin's: an export that ends without having returned
            raise Parted(f"{wrong.kind} at {wrong.site}", " ".join(heard))
        return True

    def seen(self, wrong: WentWrong) -> str:
        """How the end of a walk looked from outside, once it agreed with the model's."""
        if wrong.kind == "panic":
            found = CRATE.search(self.last[1])
            assert found is not None
            return f"panic in wit-bindgen {found[1]}, {found[2]}, line {found[3]}"
        if wrong.kind == "trap":
            return f"the host traps: {' '.join(w for w in self.last[1:] if w != 'trap')}"
        if self.last[0] == "fault":
            return "freed memory is touched"
        return "memory is used that has a new owner"

    def _same(self, expected: Expected, heard: list[str], act: Act) -> None:
        """Compare a call, or the return of one, and answer it."""
        same_line(expected, heard, self.names, act.alive)
        if expected.kind != "ret":
            self.calls[str(expected.words[0])] += 1
        if expected.kind == "call":
            if expected.reply is None:
                # the host traps: the guest never hears of it
                self.guest.say("quit")
                self.asked = False
            else:
                self.guest.say(expected.answer())

    def _same_place(self, place: tuple[str, ...], heard: list[str]) -> None:
        if heard == ["at", "blocked"] and self.waits:
            heard = self.waits[-1]
        if len(place) != len(heard) or any(
            p not in ("*", h) for p, h in zip(place, heard, strict=True)
        ):
            raise Parted(" ".join(place), " ".join(heard))

    def _same_end(self, wrong: WentWrong | None, heard: list[str]) -> None:
        same_end(wrong, heard, self.sites, self.script.releases)


def same_line(
    expected: Expected, heard: Sequence[str], names: Names, alive: Mapping[int, bool]
) -> None:
    """What is heard is what the model has next. Raises `Parted`."""
    words = expected.words
    same = heard[0] == expected.kind and (
        (expected.kind == "ret" and not words)
        or (
            len(heard) == len(words) + 1
            and all(
                names.agree(word, other, alive)
                for word, other in zip(words, heard[1:], strict=True)
            )
        )
    )
    if not same:
        raise Parted(f"{expected.kind} {format_words(words)}", " ".join(heard))


def same_end(
    wrong: WentWrong | None,
    heard: list[str],
    sites: Mapping[str, Site],
    releases: Mapping[str, str],
) -> None:
    """A panic or a fault is the model's. Raises `Parted`."""
    real = " ".join(heard)
    if wrong is None:
        raise Parted("goes on", real)
    if wrong.kind == "undefined":
        if heard != ["fault", "freed"]:
            raise Parted(f"undefined behaviour at {wrong.site}", real)
        return
    found = CRATE.search(heard[1]) if heard[0] == "panic" else None
    site = sites[wrong.site]
    places = {name.removeprefix("v"): line for name, line in site.places}
    if (
        wrong.kind != "panic"
        or found is None
        or found[1] not in releases.values()
        or not site.source.endswith(found[2])
        # the lines of a release that no version mirrors are not in the table
        or places.get(found[1], int(found[3])) != int(found[3])
    ):
        raise Parted(f"{wrong.kind} at {wrong.site}", real)
