"""The programs of tasks as one deterministic automaton over the model's actions.

A program is read into a nondeterministic automaton, with edges for actions, for conditions and for
flags. Its places are then made deterministic: a place is a set of edges at which a task may be, so
that the position of a task is one value of the state. Conditions of the state between two actions
are asked when the next action is chosen; flags change with that action.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from wakeproof.errors import InputError
from wakeproof.language import ir
from wakeproof.language.values import Scalar, domain
from wakeproof.scenario.parameters import Names, parse_value
from wakeproof.scenario.program_text import (
    FREE,
    WORDS,
    Asked,
    Do,
    Each,
    Either,
    If,
    InOrder,
    Jump,
    Node,
    Place,
    Set,
    While,
    substitute,
)
from wakeproof.scenario.words import LOCK, LOCKED, Words
from wakeproof.util.text import did_you_mean, plural

MOST_PLACES = 250
"""The places of all programs of a scenario: a byte of native code holds one."""

SELF = "self"
"""The future whose program it is, as an argument."""

Letter = tuple[str, tuple[int, ...]]
"""An action with the arguments that a program can fix: members and numbers of enumerations."""

Flags = tuple[tuple[int, bool], ...]
Thread = tuple[int, Flags]
"""A place of a nondeterministic program, with the flags that change with the next action."""

Known = tuple[tuple[tuple[str, int], bool], ...]


@dataclass(frozen=True)
class Step:
    """The action that leads from one place to the next, with a member or None for each argument."""

    action: str
    arguments: tuple[int | None, ...]
    place: Place
    to: int


@dataclass(frozen=True)
class Condition:
    """A condition of the state, about a member, and the places after it."""

    name: str
    member: int
    then: int
    other: int


@dataclass(frozen=True)
class Flag:
    """A flag that changes on the way to the next place."""

    flag: int
    value: bool
    to: int


@dataclass
class Spot:
    """A place of the automaton: a condition, a flag that changes, or the actions from here."""

    name: str
    condition: Condition | None = None
    flag: Flag | None = None
    letters: dict[Letter, int] = field(default_factory=dict)
    lines: dict[Letter, Place] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Automaton:
    """The programs of a scenario.

    `spots[0]` is that of everything without a program, which may take the `free` actions. `begins`
    has the spot at which the program of a member begins. `actions` are those that programs name.
    """

    spots: Sequence[Spot]
    begins: Mapping[int, int]
    actions: Sequence[str]
    locks: Sequence[str]
    free: frozenset[str]
    words: Words


def fixed_parameters(function: ir.Function) -> list[int]:
    """List the parameters of an action that a program can fix: members, and enumerations."""
    return [
        i
        for i, (_, kind) in enumerate(function.parameters)
        if kind.kind in ("index", "enum") and not kind.optional
    ]


def _leaves(node: Node) -> bool:
    """Return whether a part always goes on elsewhere, so that nothing behind it is reached."""
    match node:
        case Jump():
            return True
        case InOrder(parts):
            return any(map(_leaves, parts))
        case Either(parts):
            return all(map(_leaves, parts))
        case If(_, then, other):
            return _leaves(then) and _leaves(other)
        case _:
            return False


def _place_of(node: Node) -> Place | None:
    """Return the place of a part; None for one without any step."""
    match node:
        case InOrder(parts) | Either(parts):
            return next(filter(None, map(_place_of, parts)), None)
        case If(_, body, _) | While(_, body):
            return _place_of(body)
        case Do() | Each() | Set() | Jump():
            return node.place
    return None


def letter_of(function: ir.Function, arguments: Sequence[Scalar]) -> Letter:
    """Return the letter of a step: its action, and the arguments that a program can fix."""
    return function.name, tuple(int(arguments[i] or 0) for i in fixed_parameters(function))


class _Reader:
    """The reader of the program of one member: a nondeterministic automaton."""

    def __init__(
        self,
        program: ir.Program,
        names: Names,
        words: Words,
        locks: Sequence[str],
        me: int,
        others: Sequence[int],
    ) -> None:
        self.program = program
        self.names = names
        self.words = words
        self.locks = locks
        self.me = me
        self.others = others
        self.silent: list[list[int]] = [[]]
        self.steps: dict[int, Step] = {}
        self.tests: dict[int, tuple[Place, Condition]] = {}
        self.flags: dict[int, tuple[int, bool, int]] = {}
        self.end = self.new()
        self.first = Place("", "", "")

    def new(self) -> int:
        """Add a place."""
        self.silent.append([])
        return len(self.silent) - 1

    def whole(self, lines: Sequence[Node], last: Place) -> None:
        """Read the lines, and the step that ends the program."""
        at = 0
        self.first = last
        for line, then in itertools.pairwise(lines):
            if _leaves(line):
                where = _place_of(then) or last
                raise InputError(
                    f"{where.text!r}: the line before it ends the program, or begins it anew",
                    where=where.where,
                    hint="remove what is never reached, or put a condition before `end` or `loop`",
                )
        for line in lines:
            at = self.node(line, at)
        self.silent[at].append(self.end)
        self.steps[self.end] = Step(self.words.ends, (), last, 0)

    def node(self, node: Node, at: int) -> int:
        """Read a part that begins at a place; return the place where it ends."""
        match node:
            case InOrder(parts):
                for part in parts:
                    at = self.node(part, at)
                return at
            case Either() | If() | While():
                return self.branches(node, at)
            case Each(name, body, place):
                for other in self.others:
                    member_name = self.names[self.words.index][other]
                    at = self.node(substitute(body, {name: member_name}, place), at)
                return at
            case Set(flag, value, place):
                end = self.new()
                self.flags[self.after(at)] = (self.member(LOCK, flag, place), value, end)
                return end
            case Jump(to):
                self.silent[at].append(0 if to == "loop" else self.end)
                return self.new()
            case Do():
                return self.do(node, at)

    def branches(self, node: Either | If | While, at: int) -> int:
        """Read a choice, a condition or a loop; return the place where it ends."""
        end = self.new()
        match node:
            case Either(parts):
                for part in parts:
                    self.silent[self.node(part, self.after(at))].append(end)
            case If(tests, then, other):
                no = self.new()
                yes = self.asked(tests, at, no)
                self.silent[self.node(then, yes)].append(end)
                self.silent[self.node(other, no)].append(end)
            case While(tests, body):
                head = self.after(at)
                yes = self.asked(tests, head, end)
                if not tests:
                    self.silent[head].append(end)
                self.silent[self.node(body, yes)].append(head)
        return end

    def after(self, at: int) -> int:
        """Add a place behind another one."""
        place = self.new()
        self.silent[at].append(place)
        return place

    def asked(self, tests: Sequence[Asked], at: int, no: int) -> int:
        """Ask conditions at a place; return that where all hold, any other leads to `no`."""
        for test in tests:
            condition = self.words.conditions.get(test.condition)
            if condition is None:
                known = list(self.words.conditions)
                raise InputError(
                    f"{test.place.text!r}: no condition {test.condition!r}",
                    where=test.place.where,
                    hint=did_you_mean(test.condition, known),
                )
            member = self.member(condition.of, test.argument, test.place)
            yes = self.new()
            then, other = (yes, no) if test.holds else (no, yes)
            asked = Condition(condition.name, member, then, other)
            self.tests[self.after(at)] = (test.place, asked)
            at = yes
        return at

    def do(self, node: Do, at: int) -> int:
        """Read an action, or a word of the model."""
        word = self.words.words.get((node.word, len(node.arguments)))
        if word is not None:
            for of, argument in zip(word.of, node.arguments, strict=True):
                self.member(of, argument, node.place)
            if len(set(node.arguments)) < len(node.arguments):
                raise InputError(
                    f"{node.place.text!r}: {node.word} has the same argument twice",
                    where=node.place.where,
                    hint=f"name {len(word.of)} that differ",
                )
            names = dict(zip(word.takes, node.arguments, strict=True))
            return self.node(substitute(word.body, names, node.place), at)
        function = self.program.functions.get(node.word)
        if function is None or function.marks.get("action") != "program":
            self.refuse_word(node, function)
        if len(node.arguments) > len(function.parameters):
            usage = " ".join(f"<{name}>" for name, _ in function.parameters)
            most = plural(len(function.parameters), "argument")
            raise InputError(
                f"{node.place.text!r}: {node.word} takes {most} at most",
                where=node.place.where,
                hint=f"write {node.word} {usage}".rstrip(),
            )
        fixed = fixed_parameters(function)
        values: list[int | None] = [None] * len(function.parameters)
        for i, text in enumerate(node.arguments):
            name, kind = function.parameters[i]
            if text == FREE:
                continue
            if i not in fixed:
                raise InputError(
                    f"{node.place.text!r}: {name} of {node.word} is not the program's choice",
                    where=node.place.where,
                    hint=f"write {FREE} in its place, or leave it out",
                )
            value = self.member(kind.name, text, node.place, kind)
            values[i] = value
        place = self.after(at)
        end = self.new()
        self.steps[place] = Step(node.word, tuple(values), node.place, end)
        return end

    def refuse_word(self, node: Do, function: ir.Function | None) -> NoReturn:
        """Raise the `InputError` about a word that is not an action of the program."""
        arities = sorted(n for name, n in self.words.words if name == node.word)
        hint = "host and peers act by themselves; a program has only its own steps"
        what = f"{node.word} is not a step of a program"
        if arities:
            wanted = " or ".join(map(str, arities))
            what = f"{node.word} takes {wanted} arguments, not {len(node.arguments)}"
            hint = "name an operation, or a lock, for each"
        elif function is None or "action" not in function.marks:
            known = [
                *(name for name, _ in self.words.words),
                *(
                    f.name
                    for f in self.program.functions.values()
                    if f.marks.get("action") == "program"
                ),
                *WORDS,
            ]
            what, hint = f"no word or action {node.word!r}", did_you_mean(node.word, known)
        raise InputError(f"{node.place.text!r}: {what}", where=node.place.where, hint=hint)

    def member(self, kind: str, text: str, place: Place, wanted: ir.Type | None = None) -> int:
        """Return the number of a member by its name. Raises `InputError` for an unknown one."""
        if kind == LOCK:
            if text not in self.locks:
                hint = did_you_mean(text, self.locks) or 'write locks = ["NAME"] under [program]'
                raise InputError(f"{place.text!r}: no lock {text!r}", where=place.where, hint=hint)
            return list(self.locks).index(text)
        if text == SELF and kind == self.words.index:
            return self.me
        if text == FREE:
            raise InputError(
                f"{place.text!r}: a condition is about one member",
                where=place.where,
                hint=did_you_mean(text, self.names[kind]),
            )
        try:
            value = parse_value(
                self.program, self.names, wanted or ir.Type("index", kind), text, place.where
            )
        except InputError as error:
            members = self.program.enums.get(kind, self.names.get(kind, ()))
            hint = did_you_mean(text, members) or error.hint
            task = self.program.parameters[self.words.task].keys[0]
            if kind == self.words.index and text in self.names.get(task, ()):
                hint = (
                    f"{text} is a task; what is spawned is a {kind}: list all under [names] {kind}"
                )
            raise InputError(
                f"{place.text!r}: no {kind} {text!r}", where=place.where, hint=hint
            ) from None
        assert value is not None
        return int(value)


class _Determiniser:
    """The maker of the spots of one automaton from the programs of its members."""

    def __init__(self, program: ir.Program, sizes: Mapping[str, int]) -> None:
        self.program = program
        self.sizes = sizes
        self.spots = [Spot("FREE")]
        self.used: dict[str, int] = {}

    def begin(self, reader: _Reader) -> int:
        """Add the spots of a program; return the one at which it begins."""
        self.reader = reader
        self.known: dict[object, int] = {}
        return self.spot(frozenset({(0, ())}))

    def add(self, place: Place | None) -> int:
        """Add a spot, named by a line. Raises `InputError` if there are too many."""
        line = place.where.rpartition(":")[2] if place else "0"
        number = self.used[line] = self.used.get(line, 0) + 1
        self.spots.append(Spot(f"line_{line}" + (f"_{number}" if number > 1 else "")))
        if len(self.spots) > MOST_PLACES:
            raise InputError(
                f"the programs have more than {MOST_PLACES} places",
                where=place.where if place else "",
                hint="write shorter programs, or fewer of them",
            )
        return len(self.spots) - 1

    def spot(self, threads: frozenset[Thread], known: Known = ()) -> int:
        """Return the spot of a set of threads in which some conditions are known."""
        live, open_tests, first = self.closure(threads, dict(known))
        key = (frozenset(live), frozenset(open_tests), known if open_tests else ())
        if key in self.known:
            return self.known[key]
        number = self.known[key] = self.add(first)
        if open_tests:
            _, condition = self.reader.tests[open_tests[0][0]]
            about = (condition.name, condition.member)
            self.spots[number].condition = Condition(
                *about,
                self.spot(threads, (*known, (about, True))),
                self.spot(threads, (*known, (about, False))),
            )
        elif live:
            self.letters(number, live)
        else:
            where = first.where if first else self.reader.first.where
            raise InputError(
                "a program goes round and round without a step",
                where=where,
                hint="write a step into the loop",
            )
        return number

    def closure(
        self, threads: frozenset[Thread], known: Mapping[tuple[str, int], bool]
    ) -> tuple[list[Thread], list[Thread], Place | None]:
        """Follow what is no action; return the threads before one, and before an open condition.

        The place is that of the first of them.
        """
        reader = self.reader
        seen: set[Thread] = set()
        live: list[Thread] = []
        open_tests: list[Thread] = []
        first: Place | None = None
        left = sorted(threads, reverse=True)
        while left:
            thread = left.pop()
            if thread in seen:
                continue
            seen.add(thread)
            at, flags = thread
            if at in reader.steps:
                live.append(thread)
                first = first or reader.steps[at].place
            elif at in reader.flags:
                flag, value, to = reader.flags[at]
                left.append((to, tuple(sorted({**dict(flags), flag: value}.items()))))
            elif at in reader.tests:
                place, asked = reader.tests[at]
                first = first or place
                holds = dict(flags).get(asked.member) if asked.name == LOCKED else None
                if holds is None:
                    holds = known.get((asked.name, asked.member))
                if holds is None:
                    open_tests.append(thread)
                else:
                    left.append((asked.then if holds else asked.other, flags))
            left += [(to, flags) for to in reversed(reader.silent[at])]
        return live, open_tests, first

    def letters(self, number: int, live: Sequence[Thread]) -> None:
        """Add the actions from a spot, and what they lead to."""
        reader = self.reader
        found: dict[Letter, tuple[Flags, dict[Thread, None], Place]] = {}
        for at, flags in live:
            step = reader.steps[at]
            for letter in self.concrete(step):
                known = found.setdefault(letter, (flags, {}, step.place))
                if known[0] != flags:
                    raise InputError(
                        f"{step.place.text!r}: the same step follows with and without a change of "
                        "a lock",
                        where=step.place.where,
                        hint="let the alternatives begin with different steps",
                    )
                known[1][step.to, ()] = None
        made: dict[object, int] = {}
        for letter, (flags, targets, place) in found.items():
            key = (flags, tuple(targets))
            if key not in made:
                made[key] = self.through(flags, self.spot(frozenset(targets)), place)
            self.spots[number].letters[letter] = made[key]
            self.spots[number].lines[letter] = place

    def through(self, flags: Flags, to: int, place: Place) -> int:
        """Return the spot before another one at which these flags change."""
        for flag, value in flags:
            number = self.add(place)
            self.spots[number].flag = Flag(flag, value, to)
            to = number
        return to

    def concrete(self, step: Step) -> Iterator[Letter]:
        """Yield the letters of a step: its action with every choice of what it leaves open."""
        function = self.program.functions[step.action]
        choices = [
            domain(self.program, self.sizes, function.parameters[i][1])
            if not step.arguments or step.arguments[i] is None
            else [step.arguments[i]]
            for i in fixed_parameters(function)
        ]
        for chosen in itertools.product(*choices):
            yield step.action, tuple(int(value or 0) for value in chosen)


@dataclass(frozen=True)
class TaskProgram:
    """The program of a member of the index type of programs: its lines, and where it is."""

    member: int
    lines: tuple[Node, ...]
    last: Place


def automaton(
    programs: Sequence[TaskProgram],
    program: ir.Program,
    sizes: Mapping[str, int],
    names: Names,
    words: Words,
    locks: Sequence[str],
    free: frozenset[str],
) -> Automaton:
    """Return the automaton of programs. Raises `InputError` for what the model does not have."""
    made = _Determiniser(program, sizes)
    begins = {}
    actions: dict[str, None] = {}
    members = [one.member for one in programs]
    for one in programs:
        others = [member for member in members if member != one.member]
        reader = _Reader(program, names, words, locks, one.member, others)
        reader.whole(one.lines, one.last)
        begins[one.member] = made.begin(reader)
        actions |= dict.fromkeys(step.action for step in reader.steps.values())
    return Automaton(made.spots, begins, tuple(actions), tuple(locks), free, words)
