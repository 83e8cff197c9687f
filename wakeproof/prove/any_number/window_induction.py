"""All obligations of one action in a window, for index types of any size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from wakeproof.language import ir
from wakeproof.language.analysis import is_state, is_store, reached
from wakeproof.language.resolve import Resolved
from wakeproof.prove.any_number.window_execution import Named, WindowExecution
from wakeproof.prove.any_number.window_model import WindowModel
from wakeproof.prove.induction import Induction
from wakeproof.prove.merged_actions import choice_name, merged_name, shared_name
from wakeproof.prove.obligation import (
    INITIAL,
    WRONG,
    Answer,
    Question,
    actions_of,
    facts_of,
    premises_of,
    site_goal,
)
from wakeproof.symbolic.execution import Flow
from wakeproof.symbolic.solver import CADICAL, Solution, Solver
from wakeproof.symbolic.terms import Formula, Value

EACH = "initial turn"
"""The action that is one turn of the loop with which the initial action ends."""

ROOM = "room for "
"""The obligation that an action names no more members of an index type than the window has."""

WALKS = "it follows a chain of any length"
"""The reason for which a fact stays open in every window."""


def actions_in_window(program: ir.Program) -> list[str]:
    """The names of the actions, the initial one in two parts."""
    first, *others = actions_of(program)
    return [first, EACH, *others]


def left_open(action: str, goal: str, reason: str, mix: tuple[tuple[str, str], ...] = ()) -> Answer:
    """The answer that an obligation is open, and why."""
    return Answer(action, goal, "unknown", 0.0, mix, reason=reason)


class WindowInduction(Induction):
    """All obligations of one action, for index types of any size.

    `sizes` are those of the window; what a fact counts is taken from the facts that all `questions`
    give.
    """

    model: WindowModel

    def __init__(
        self,
        resolved: Resolved,
        sizes: Mapping[str, int],
        actions: tuple[str, ...],
        questions: Sequence[Question],
        every_state: bool = False,
        solver: str = CADICAL,
    ) -> None:
        self.solver = solver
        self.resolved = resolved
        self.program = resolved.program
        self.actions = actions
        self.action = action = merged_name(actions)
        self.facts = facts_of(self.program)
        known = {
            name: fact
            for name, fact in self.facts.items()
            if all(name in question.given for question in questions)
        }
        function = self._function()
        named = (
            {} if action in (INITIAL, EACH) or every_state else self._restricted(sizes, function)
        )
        self.model = WindowModel(self.program, sizes, known, self._blank_fields(), named)
        self._hypotheses: dict[str, Formula] = {}
        self._goals: dict[str, Formula] = {}
        self._walking: set[str] = set()
        self._escapes: dict[str, dict[str, Formula]] = {}
        self._outside: dict[str, list[str]] = {}
        self._questions = tuple(questions)
        ghosts: list[Value] = [0] * len(self.program.state)
        cells = self.model.flatten(self.model.fresh_state("before"))
        blank = self._blank()
        for field in self.model.blank:
            start, extents = self.model.places["s"][field]
            end = start + math.prod(extents)
            cells[start:end] = blank[start:end]
        self.before = self.model.unflatten(cells)
        self._cells = [*cells, *ghosts]
        self.arguments = list(self._arguments(function))
        self._step = WindowExecution(self.model, disciplined=True)
        begin = Flow(True, self._cells, {})
        self._name_arguments(function)
        self._exit = self._step.call(function, self.arguments, begin)

    def _blank_fields(self) -> set[str]:
        """The fields that have their first values when the action begins."""
        if self.action not in (INITIAL, EACH):
            return set()
        stores = [n.field for n in reached(self.program, self._initial().body) if is_store(n)]
        return set(self.program.state) - (set(stores) if self.action == EACH else set())

    def _function(self) -> ir.Function:
        """The action; of the initial one the text before its last loop, or a turn of that loop."""
        if self.action not in (INITIAL, EACH):
            return super()._function()
        initial = self._initial()
        last = initial.body[-1]
        if not isinstance(last, ir.For):
            return initial if self.action == INITIAL else replace(initial, body=())
        if self.action == INITIAL:
            return replace(initial, body=initial.body[:-1])
        turn = ((last.variable, ir.Type("index", last.over)),)
        return replace(initial, parameters=turn, body=last.body)

    def _name_arguments(self, function: ir.Function) -> None:
        """Name the arguments of the action; of merged actions those of the one that is chosen."""
        given = dict(zip((name for name, _ in function.parameters), self.arguments, strict=True))
        if len(self.actions) == 1:
            for name, kind in function.parameters:
                if kind.kind == "index":
                    self._step.name(kind.name, given[name], True)
            return
        terms = self.model.terms
        path: Formula = True
        for action in self.actions:
            choice = cast(Formula, given.get(choice_name(action), True))
            for name, kind in self.program.functions[action].parameters:
                if kind.kind == "index":
                    value = given[shared_name(name, kind)]
                    self._step.name(kind.name, value, terms.and_(path, choice))
            path = terms.and_(path, terms.not_(choice))

    def _arguments(self, function: ir.Function) -> Iterator[Value]:
        """The arguments; as members are interchangeable, the first one may be the first member."""
        before: dict[str, int] = {}
        for name, kind in function.parameters:
            if kind.kind == "index":
                number = before.get(kind.name, 0)
                before[kind.name] = number + 1
                size = self.model.run.sizes[kind.name]
                possible = [*range(min(number + 1, size))]
                # the action that is chosen may not have this argument
                possible += [size] * (len(self.actions) > 1)
                member = ir.Type("index", kind.name)
                choice = self.model.number(f"{name} of {self.action}", possible, member)
                if kind.optional:
                    there = self.model.unknown(f"{name} of {self.action} is given")
                    yield self.model.terms.choose(there, choice, None)
                else:
                    yield choice
            else:
                yield self.model.inside(f"{name} of {self.action}", kind)

    # premises and hypotheses

    def unknowns(self) -> list[Value]:
        """The unknowns of the formulas."""
        return [value for value, _ in self.model.unknowns.values()]

    def premises(self) -> list[Formula]:
        """The premises: about the parameters, the window, and the members found."""
        premises = [self._holds(premise) for premise in premises_of(self.program).values()]
        return [
            *premises,
            self.model.terms.constrained(True, self._step.constraints),
            *self.model.known(),
        ]

    def _holds(self, fact: ir.Function) -> Formula:
        execution = WindowExecution(self.model, disciplined=False)
        value = execution.call(fact, (), Flow(True, self._cells, {})).value
        return cast(Formula, value)

    def hypothesis(self, fact: str) -> Formula:
        """The formula that the fact holds before, as far as the window shows."""
        if self.action == INITIAL:
            return True
        if fact not in self._hypotheses:
            self._hypotheses[fact] = self._holds(self.facts[fact])
        return self._hypotheses[fact]

    def completes(self) -> Formula:
        """The formula that the action comes to an end."""
        terms = self.model.terms
        return terms.and_(self._exit.alive, terms.not_(self._step.impossible))

    # goals

    def goals(self, wanted: Sequence[str] | None = None) -> dict[str, Formula]:
        """The formulas that a fact is broken, that it goes wrong, or that the window lacks room."""
        if not self._goals:
            for kind in self.model.run.sizes:
                self._goals[ROOM + kind] = self._no_room(kind)
        changed = self._changed()
        for name, fact in self.facts.items():
            if name in self._goals or (wanted is not None and name not in wanted):
                continue
            touched = {n.field for n in reached(self.program, fact.body) if is_state(n)}
            if self.action == INITIAL or touched & changed:
                self._goals[name] = self._broken(name, fact)
        for (kind, site), condition in self._step.wrong.items():
            name = site_goal(kind, site)
            if name not in self._goals and (wanted is None or name in wanted) and kind in WRONG:
                self._goals[name] = self._goes_wrong(name, condition)
        return {name: goal for name, goal in self._goals.items() if goal is not False}

    def _changed(self) -> set[str]:
        """The fields that the action may change."""
        changed = set()
        for field, (start, sizes) in self.model.places["s"].items():
            end = start + math.prod(sizes)
            epoch = self.model.epochs[field]
            cells = zip(
                [*self._cells[start:end], self._cells[epoch]],
                [*self._exit.cells[start:end], self._exit.cells[epoch]],
                strict=True,
            )
            if any(a is not b for a, b in cells):
                changed.add(field)
        return changed

    def _no_room(self, kind: str) -> Formula:
        """The formula that a member of this type is the first one outside, and the window was full.

        The members named until then count, even if a later guard makes the action impossible.
        """
        terms = self.model.terms
        touched: list[Formula] = [False] * self.model.run.sizes[kind]
        escaped: Formula = False
        result: Formula = False
        for of, key, path in self._step.events:
            escapes = terms.and_(path, self.model.is_out(key, of))
            if of == kind:
                full = terms.not_(terms.any_(terms.not_(t) for t in touched))
                first = terms.and_(escapes, terms.not_(escaped))
                result = terms.or_(result, terms.and_(first, full))
                for i, before in enumerate(touched):
                    here = terms.and_(path, terms.is_(key, i))
                    touched[i] = terms.or_(before, here)
            escaped = terms.or_(escaped, escapes)
        # what is read of a member outside is arbitrary: no guard after it may matter
        return result

    def _within(self, kind: str, order: Sequence[Named]) -> Formula:
        """The formula that the window is well chosen: members are outside only for want of room.

        The members that `order` lists first come first.
        """
        terms = self.model.terms
        result: Formula = True
        escapes: Formula = False
        touched: list[Formula] = [False] * self.model.run.sizes[kind]
        for members in order:
            escapes = terms.or_(escapes, self._step.escapes(members, kind))
            for i, before in enumerate(touched):
                touched[i] = terms.or_(before, self._step.touches(members, kind, i))
            full = terms.not_(terms.any_(terms.not_(t) for t in touched))
            result = terms.and_(result, terms.or_(terms.not_(escapes), full))
        return result

    def _broken(self, name: str, fact: ir.Function) -> Formula:
        """The formula that the action comes to an end, and the fact does not hold after it."""
        terms = self.model.terms
        look = WindowExecution(self.model, disciplined=True, before=self._cells)
        completes = self.completes()
        flow = Flow(completes, self._exit.cells, {})
        value = look.call(fact, (), flow).value
        if look.walks:
            self._walking.add(name)
        broken = terms.constrained(terms.not_(cast(Formula, value)), look.constraints)
        result = terms.and_(completes, broken)
        without = [question for question in self._questions if name not in question.given]
        if self.action != INITIAL and len(without) < len(self._questions):
            # the fact held before of the members about which it is broken, wherever they are
            held = WindowExecution(self.model, disciplined=False, about=look.witnesses)
            whole = held.call(fact, (), Flow(True, self._cells, {})).value
            known = terms.or_(self.in_one_of(without), cast(Formula, whole))
            result = terms.and_(result, known)
        order = [self._step.named, look.named, look.noticed]
        order += look.follow({**look.named, **look.noticed}, self._cells)
        # last the counted members and those to which they point: counts bring these in themselves
        last = dict(look.counting)
        for more in look.follow(look.counting, self._cells):
            for member, path in more.items():
                last[member] = terms.or_(last.get(member, False), path)
        return self._seen(name, result, [*order, last])

    def _goes_wrong(self, name: str, condition: Formula) -> Formula:
        """The formula that the action comes to the site."""
        terms = self.model.terms
        then = self._step.follow(self._step.named, self._cells)
        possible = terms.and_(condition, terms.not_(self._step.impossible))
        return self._seen(name, possible, [self._step.named, *then])

    def _seen(self, name: str, result: Formula, order: Sequence[Named]) -> Formula:
        """The formula in a window with all members that the action names, and those that matter."""
        terms = self.model.terms
        self._escapes[name] = {
            kind: terms.any_(self._step.escapes(members, kind) for members in order)
            for kind in self.model.run.sizes
        }
        for kind in self.model.run.sizes:
            result = terms.and_(result, terms.not_(self._step.escapes(self._step.named, kind)))
            result = terms.and_(result, self._within(kind, order))
        return result

    def rooms(self) -> list[Answer]:
        """Whether the window has room for the members of each kind that the action names.

        If it has room for all kinds, so has every larger window.
        """
        asked = tuple(name for name in self.goals(()) if name.startswith(ROOM))
        questions = [replace(question, wanted=asked) for question in self._questions]
        return [self._in_window(answer) for answer in super().decide(questions, True)]

    def decide(self, questions: Sequence[Question], whole: bool = True) -> Iterator[Answer]:
        """Decide the questions, provided that the window has room for the action."""
        self.goals([name for question in questions for name in question.wanted])
        counts = self._about_counts()
        within = [
            replace(
                q,
                # sites first: where they are never reached the facts are easier; of the facts
                # those about counts first, for they are faster in a fresh solver
                wanted=tuple(
                    name
                    for name in sorted(q.wanted, key=lambda n: (n in self.facts, n not in counts))
                    if name not in self._walking
                ),
            )
            for q in questions
        ]
        for answer in super().decide(within, whole):
            yield self._in_window(answer)
        for question in questions:
            for name in question.wanted:
                if name in self._walking:
                    yield left_open(self.action, name, WALKS, question.mix)

    def outside(self, answer: Answer) -> list[str]:
        """The index types of which a member that matters stayed outside, where the answer is open.

        Valid until the next answer about the same goal.
        """
        return [] if answer.status == "proved" else self._outside.get(answer.goal, [])

    def _about_counts(self) -> set[str]:
        """The facts that equate a field with counts."""
        return {counted.fact for counted in self.model.counted.values()}

    def _in_window(self, answer: Answer) -> Answer:
        """The answer with the window's sizes; it also needs the facts that equate counts."""
        needs = tuple(sorted({*answer.needs, *self._about_counts()}))
        return replace(answer, needs=needs, sizes=tuple(self.model.run.sizes.items()))

    def refuted(self, name: str, solver: Solver, given: Sequence[int]) -> tuple[Answer, Solution]:
        """The answer that the obligation is open, as a window refutes it, and the solution."""
        solution = solver.solution()
        self._outside[name] = [
            kind for kind, escapes in self._escapes.get(name, {}).items() if solution.holds(escapes)
        ]
        sizes = ", ".join(f"{size} {kind}" for kind, size in self.model.run.sizes.items())
        return left_open(self.action, name, f"a window of {sizes} leaves it open"), solution
