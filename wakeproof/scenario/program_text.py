"""Read the lines of a task's program: a small language of steps, choices, conditions and loops.

A line is a sequence of parts with `,` between them; a part is a choice with `|` between its
alternatives. What follows `:` is one step, or a group in parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from wakeproof.errors import InputError

WORDS = (
    "if",
    "else",
    "while",
    "maybe",
    "repeat",
    "each",
    "set",
    "clear",
    "loop",
    "end",
    "and",
    "not",
)
"""The words of the language itself; every other word is one of the model or an action."""

FREE = "_"
"""An argument that the program leaves open."""

DEEPEST = 40
"""Groups within groups: the parser calls itself for each."""

TOKEN = re.compile(r"\s*(?:([A-Za-z0-9_][A-Za-z0-9_-]*)|([(),|:]))")


@dataclass(frozen=True)
class Place:
    """A line of a program: the task, the text, and `file:line`."""

    task: str
    text: str
    where: str


@dataclass(frozen=True)
class Do:
    """An action or a word of the model, with its arguments."""

    word: str
    arguments: tuple[str, ...]
    place: Place


@dataclass(frozen=True)
class InOrder:
    """Parts, one after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Either:
    """One of several alternatives."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Asked:
    """A condition of the model about a member, or that it does not hold."""

    condition: str
    argument: str
    holds: bool
    place: Place


@dataclass(frozen=True)
class If:
    """`then` if all tests hold, else `other`."""

    tests: tuple[Asked, ...]
    then: Node
    other: Node


@dataclass(frozen=True)
class While:
    """The body again and again as long as all tests hold; without tests, any number of times."""

    tests: tuple[Asked, ...]
    body: Node


@dataclass(frozen=True)
class Each:
    """The body once for each other future; `name` stands for it."""

    name: str
    body: Node
    place: Place


@dataclass(frozen=True)
class Set:
    """A flag of the program becomes true or false."""

    flag: str
    value: bool
    place: Place


@dataclass(frozen=True)
class Jump:
    """Go on at the first line (`loop`), or at the end of the program (`end`)."""

    to: str
    place: Place


Node = Do | InOrder | Either | If | While | Each | Set | Jump

NOTHING = InOrder(())


def read_line(place: Place) -> Node:
    """Read one line. Raises `InputError` with its place."""
    return _Reader(place).line()


def substitute(node: Node, names: Mapping[str, str], place: Place) -> Node:
    """Return the text of a word with its arguments in place of its parameters, at a place."""

    def of(inner: Node) -> Node:
        return substitute(inner, names, place)

    match node:
        case Do(word, arguments):
            return Do(word, tuple(names.get(a, a) for a in arguments), place)
        case InOrder(parts):
            return InOrder(tuple(map(of, parts)))
        case Either(parts):
            return Either(tuple(map(of, parts)))
        case If(tests, then, other):
            return If(_tests(tests, names, place), of(then), of(other))
        case While(tests, body):
            return While(_tests(tests, names, place), of(body))
        case Each(name, body):
            return Each(name, of(body), place)
        case Set(flag, value):
            return Set(names.get(flag, flag), value, place)
        case Jump(to):
            return Jump(to, place)


def _tests(tests: Sequence[Asked], names: Mapping[str, str], place: Place) -> tuple[Asked, ...]:
    return tuple(
        Asked(t.condition, names.get(t.argument, t.argument), t.holds, place) for t in tests
    )


class _Reader:
    """The reader of one line: its tokens, and how far it is."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.tokens: list[str] = []
        self.at = self.depth = 0
        end = 0
        text = place.text.rstrip()
        while end < len(text):
            found = TOKEN.match(text, end)
            if found is None:
                self.refuse(f"{text[end:].strip()[:1]!r} is not a part of a program")
            self.tokens.append(found[1] or found[2])
            end = found.end()

    def refuse(self, what: str, hint: str = "") -> NoReturn:
        """Raise the `InputError` about this line."""
        raise InputError(
            f"{self.place.text!r}: {what}",
            where=self.place.where,
            hint=hint or "docs/reference/programs.md has the words of a program",
        )

    def peek(self) -> str:
        """Return the next token; empty at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        """Return the next token and go on. Refuses another one than the `wanted`."""
        token = self.peek()
        if wanted and token != wanted:
            self.refuse(
                f"{wanted!r} is missing before {token!r}" if token else f"{wanted!r} is missing"
            )
        self.at += 1
        return token

    def name(self, what: str) -> str:
        """Return a name, which is `what` in a message."""
        token = self.take()
        if not token or token in "(),|:":
            self.refuse(f"{what} is missing")
        return token

    def line(self) -> Node:
        """Read the whole line."""
        found = self.sequence()
        if self.peek():
            self.refuse(f"{self.peek()!r} is one too many")
        return found

    def sequence(self) -> Node:
        """Read parts with `,` between them."""
        parts = [self.choice()]
        while self.peek() == ",":
            self.take()
            parts.append(self.choice())
        return parts[0] if len(parts) == 1 else InOrder(tuple(parts))

    def choice(self) -> Node:
        """Read alternatives with `|` between them."""
        parts = [self.part()]
        while self.peek() == "|":
            self.take()
            parts.append(self.part())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def part(self) -> Node:
        """Read one step, a group, or a word of the language with its part."""
        self.depth += 1
        if self.depth > DEEPEST:
            self.refuse("too many groups within groups")
        try:
            return self.one_part()
        finally:
            self.depth -= 1

    def one_part(self) -> Node:
        """Read a part by its first token."""
        token = self.take()
        match token:
            case "(":
                found = self.sequence()
                self.take(")")
                return found
            case "if":
                tests = self.tests()
                then, other = self.part(), NOTHING
                if self.peek() == "else":
                    self.take()
                    self.take(":")
                    return If(tests, then, self.part())
                return If(tests, then, other)
            case "while":
                return While(self.tests(), self.part())
            case "maybe":
                return Either((self.part(), NOTHING))
            case "repeat":
                return While((), self.part())
            case "each":
                name = self.name("the name that stands for each other future")
                self.take(":")
                return Each(name, self.part(), self.place)
            case "set" | "clear":
                return Set(self.name("the flag"), token == "set", self.place)
            case "" | ")" | "," | "|" | ":" | "else" | "and" | "not":
                self.refuse(f"a step is missing before {token!r}" if token else "a step is missing")
        return self.step(token)

    def step(self, token: str) -> Node:
        """Read an action or a word of the model with its arguments, or a jump."""
        if token in ("loop", "end"):
            return Jump(token, self.place)
        arguments = []
        while self.peek() and self.peek() not in (*"(),|:", "else"):
            arguments.append(self.take())
        if self.peek() in ("(", ":"):
            self.refuse(f"{self.peek()!r} behind {' '.join([token, *arguments])!r}")
        return Do(token, tuple(arguments), self.place)

    def tests(self) -> tuple[Asked, ...]:
        """Read conditions with `and` between them, and the `:` behind them."""
        found = []
        while True:
            holds = self.peek() != "not"
            if not holds:
                self.take()
            condition = self.name("a condition")
            found.append(Asked(condition, self.name("its argument"), holds, self.place))
            if self.peek() != "and":
                break
            self.take()
        self.take(":")
        return tuple(found)
