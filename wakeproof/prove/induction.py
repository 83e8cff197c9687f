"""Induction: what holds in every state that can be reached, however many steps it takes.

A set of facts (lemmas and properties) is inductive if all of them hold in the initial states, and
no action breaks one of them in a state in which all of them hold. Each pair of an action and a fact
is an obligation. The sizes of the index types are given; state, arguments and parameters are not,
so one proof covers every scenario of these sizes for which the premises hold.

Many mixes are proved at once: which version a role runs is a parameter of their one program, so
that what the mixes share is looked at once. An obligation about some of them is solved with the mix
left open; a counterexample is of one mix, which is set aside until there is none.

All obligations of an action share its formulas, which are written as clauses once; CaDiCaL then
decides obligation after obligation, and says which facts it needed. Of states that differ only by
a change of places of members that are alike one is looked at (`naming`). A fact that is broken is
given back as a counterexample to induction: a state in which the facts hold, and a step that breaks
one, with most cells at their first values. Plain Python has taken it again.
"""

from __future__ import annotations

import math
import time
from collections.abc import (
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import replace

from pysat.solvers import Cadical153

from wakeproof.language import ir
from wakeproof.language.resolve import Resolved, version_parameter
from wakeproof.language.values import (
    Run,
    Scalar,
    Step,
    default,
)
from wakeproof.prove.merged_actions import join, joint_name
from wakeproof.prove.obligation import (
    AT_THE_BEGINNING,
    INITIAL,
    WRONG,
    Answer,
    Counterexample,
    Question,
    ReplayError,
    breaks,
    facts_of,
    premises_of,
    site_goal,
)
from wakeproof.prove.symmetry_breaking import alike, enough
from wakeproof.symbolic.cnf import Clauses
from wakeproof.symbolic.execution import holds, take_step
from wakeproof.symbolic.model import SymbolicModel
from wakeproof.symbolic.terms import Formula, Term, Value


class Induction:
    """All obligations of one action, for index types of these sizes.

    If there are several `actions`, it is the one action that is any of them; `action` is its name.
    """

    def __init__(
        self,
        resolved: Resolved,
        sizes: Mapping[str, int],
        actions: tuple[str, ...],
        every_state: bool = False,
    ) -> None:
        """`every_state` looks at states too that are like others by a change of places."""
        self.resolved = resolved
        self.program = resolved.program
        self.actions = actions
        self.action = action = joint_name(actions)
        self.facts = facts_of(self.program)
        function = self._function()
        self.model = SymbolicModel(
            self.program,
            Run(sizes, {}),
            free=True,
            enough={} if every_state or action == INITIAL else self._enough(sizes, function),
        )
        if action == INITIAL:
            self.before = self.model.unflatten(self._blank())
        else:
            self.before = self.model.fresh_state("before")
        self.arguments: list[Value] = [
            self.model.fresh(f"{name} of {action}", kind) for name, kind in function.parameters
        ]
        self.outcome = take_step(self.model, self.before, function, self.arguments)

    def _function(self) -> ir.Function:
        """The function that is the action, or any of several."""
        if self.action == INITIAL:
            return self._initial()
        if len(self.actions) > 1:
            return join(self.program, self.actions)
        return self.program.functions[self.action]

    def _initial(self) -> ir.Function:
        (initial,) = (
            f for f in self.program.functions.values() if f.marks.get("action") == "initial"
        )
        return initial

    def _enough(
        self, sizes: Mapping[str, int], function: ir.Function
    ) -> dict[str, tuple[Scalar, ...]]:
        """The values of unknowns that are enough, as members of some types are alike."""
        judges = [*self.facts.values(), *premises_of(self.program).values()]
        roots = [*self.actions, *(judge.name for judge in judges)]
        return enough(self.program, sizes, function, alike(self.program, roots))

    def _blank(self) -> list[Value]:
        """The cells of the state in which every field has its first value."""
        cells: list[Value] = []
        for field, declared in self.program.state.items():
            _, sizes = self.model.places["s"][field]
            cells += [default(declared.value)] * math.prod(sizes)
        return cells

    def unknowns(self) -> list[Value]:
        """What formulas may be about."""
        return [*self.arguments, *self.model.parameters, *self.model.flatten(self.before)]

    def premises(self) -> list[Formula]:
        """What is taken for granted of the parameters."""
        return [holds(self.model, self.before, f) for f in premises_of(self.program).values()]

    def hypothesis(self, fact: str) -> Formula:
        """The fact holds before; of the initial states nothing is known."""
        if self.action == INITIAL:
            return True
        return holds(self.model, self.before, self.facts[fact])

    def goals(self, wanted: Sequence[str] | None = None) -> dict[str, Formula]:
        """What must not be: that a fact (one that is wanted) is broken, and that it goes wrong."""
        terms = self.model.terms
        goals: dict[str, Formula] = {}
        for name, fact in self.facts.items():
            if wanted is not None and name not in wanted:
                continue
            kept = holds(self.model, self.outcome.state, fact)
            if self.action == INITIAL or kept is not self.hypothesis(name):
                goals[name] = terms.and_(self.outcome.completes, terms.not_(kept))
        for (kind, site), condition in self.outcome.wrong.items():
            if kind in WRONG:
                goals[site_goal(kind, site)] = condition
        return {name: goal for name, goal in goals.items() if goal is not False}

    def in_mix(self, mix: Iterable[tuple[str, str]]) -> Formula:
        """Whether the roles run these versions, as far as they may run others."""
        formula: Formula = True
        for role, version in mix:
            place = self.model.places["p"].get(version_parameter(role))
            if place is not None:
                parameter = self.model.parameters[place[0]]
                kind = self.program.parameters[version_parameter(role)].value
                number = self.program.enums[kind.name].index(version)
                formula = self.model.terms.and_(formula, self.model.terms.is_(parameter, number))
        return formula

    def in_one_of(self, questions: Iterable[Question]) -> Formula:
        """Whether the mix is one of those that these are about."""
        return self.model.terms.any_(self.in_mix(question.mix) for question in questions)

    def given(self, questions: Sequence[Question]) -> dict[str, Formula]:
        """The facts that hold before, each in the mixes in which it is given."""
        terms = self.model.terms
        facts = {}
        for name in dict.fromkeys(name for question in questions for name in question.given):
            without = [question for question in questions if name not in question.given]
            facts[name] = terms.or_(self.in_one_of(without), self.hypothesis(name))
        return facts

    def answers(self, hypotheses: Sequence[str], wanted: Iterable[str]) -> Iterator[Answer]:
        """Decide the obligations that are `wanted` in every mix, as `decide` does."""
        return self.decide([Question((), tuple(hypotheses), tuple(wanted))])

    def decide(self, questions: Sequence[Question], whole: bool = False) -> Iterator[Answer]:
        """Decide what is asked; obligations that are plain have no answer.

        If `whole`, a proof is said to need all facts: which it needed is not looked for, and the
        solver, to which the facts are clauses and no assumptions, is twice as fast.
        """
        with ObligationSolver(self, questions, whole) as asking:
            for name, asked in asking.asked.items():
                for _, answer in asking.decide(name, asked):
                    yield answer

    def settle(self, questions: Sequence[Question]) -> list[Answer]:
        """`decide`, but a fact that fails in a mix is given there no more.

        What had been proved with it there is asked again.
        """
        with ObligationSolver(self, questions, False) as asking:
            answers: dict[tuple[str, Question], Answer] = {}
            # what is written last leans on what comes before it, and falls first
            falling = [name for name in asking.asked if name in asking.facts]
            others = [name for name in asking.asked if name not in asking.facts]
            left = {name: list(asking.asked[name]) for name in (*reversed(falling), *others)}
            while left:
                name = next(iter(left))
                for at, answer in asking.decide(name, left.pop(name)):
                    answers[name, at] = answer
                    if answer.status == "proved" or name not in asking.facts:
                        continue
                    asking.withdraw(name, at)
                    for (goal, question), proved in answers.items():
                        asked = left.get(goal, [])
                        if question is at and name in proved.needs and at not in asked:
                            left[goal] = [*asked, at]
            return list(answers.values())

    def happens(self, formula: Formula, hypotheses: Sequence[str]) -> bool:
        """Whether there is a step of which the formula is true, where the facts hold before it."""
        formulas = [*self.premises(), *(self.hypothesis(name) for name in hypotheses), formula]
        clauses = Clauses(formulas)
        for known in formulas:
            clauses.add(known)
        with Cadical153(bootstrap_with=clauses.clauses) as solver:
            return bool(solver.solve())

    def refuted(
        self, name: str, clauses: Clauses, solver: Cadical153, given: Sequence[int]
    ) -> tuple[Answer, set[int]]:
        """The obligation fails, with a state and a step, which plain Python has taken again.

        The solution in which it fails comes with it.
        """
        reason = AT_THE_BEGINNING if self.action == INITIAL else ""
        answer = Answer(self.action, name, "fails", 0.0, reason=reason)
        solution = self._plainest(clauses, solver, given)
        counterexample = Counterexample(
            self.model.run.sizes,
            self.parameters(clauses, solution),
            tuple(clauses.evaluate(solution, cell) for cell in self.model.flatten(self.before)),
            Step(
                self._function().name,
                tuple(clauses.evaluate(solution, value) for value in self.arguments),
            ),
        )
        if not breaks(self.resolved, counterexample, name):
            raise ReplayError(f"{self.action} does not break {name} in plain Python")
        return replace(answer, counterexample=counterexample), solution

    def _plainest(self, clauses: Clauses, solver: Cadical153, given: Sequence[int]) -> set[int]:
        """A solution in which the unknowns that need not differ have their first values."""
        unknowns = [unknown for unknown in self.unknowns() if isinstance(unknown, Term)]
        firsts = [first for u in unknowns if (first := clauses.first(u)) is not None]
        while not solver.solve(assumptions=[*given, *firsts]):
            core = set(solver.get_core() or ())
            firsts = [first for first in firsts if first not in core]
        return set(solver.get_model() or ())

    def parameters(self, clauses: Clauses, solution: set[int]) -> dict[str, object]:
        """The parameters of a solution, as a `Run` has them."""
        found: dict[str, object] = {}
        for name, (start, sizes) in self.model.places["p"].items():
            size = 1 if not sizes else sizes[0]
            cells = self.model.parameters[start : start + size]
            values: list[Scalar] = [clauses.evaluate(solution, cell) for cell in cells]
            found[name] = values if sizes else values[0]
        return found


class ObligationSolver:
    """A solver that has the formulas of an action as clauses, and is asked about its obligations.

    `asked` are the questions about each goal, `facts` the literals under which facts are given.
    """

    def __init__(self, induction: Induction, questions: Sequence[Question], whole: bool) -> None:
        self._induction = induction
        self._whole = whole
        terms = induction.model.terms
        wanted = list(dict.fromkeys(name for question in questions for name in question.wanted))
        goals = induction.goals(wanted)
        self.asked = {
            name: [question for question in questions if name in question.wanted]
            for name in wanted
            if name in goals
        }
        self._about = {
            name: terms.and_(induction.in_one_of(asked), goals[name])
            for name, asked in self.asked.items()
        }
        # the facts first: what the premises say of unknowns is about those of facts too
        facts = induction.given(questions) if self._about else {}
        premises = [*induction.premises(), induction.in_one_of(questions)]
        self._mixes = {question: induction.in_mix(question.mix) for question in questions}
        self._given = {question: dict.fromkeys(question.given) for question in questions}
        self._spared = {name for question in questions for name in question.spared}
        roots = [*premises, *facts.values(), *self._about.values(), *self._mixes.values()]
        clauses = self._clauses = Clauses(roots)
        for known in (*premises, *(facts.values() if whole else ())):
            clauses.add(known)
        self.facts = {
            name: clauses.switch(fact)
            for name, fact in facts.items()
            if fact is not True and not whole
        }
        self._here = {q: clauses.switch(formula) for q, formula in self._mixes.items()}
        self._elsewhere = {
            q: clauses.switch(terms.not_(formula)) for q, formula in self._mixes.items()
        }
        self._breaks: dict[str, int] = {}
        self._solver = Cadical153(bootstrap_with=clauses.clauses)

    def __enter__(self) -> ObligationSolver:
        return self

    def __exit__(self, *_: object) -> None:
        self._solver.delete()

    def decide(self, name: str, asked: Sequence[Question]) -> Iterator[tuple[Question, Answer]]:
        """Decide one obligation in the mixes of some questions, those first in which it fails."""
        left = list(asked)
        out = [self._elsewhere[question] for question in self.asked[name] if question not in left]
        began = time.monotonic()
        breaks = self._breaking(name)
        while left:
            given = [breaks, *out]
            given += [literal for fact, literal in self.facts.items() if fact not in self._spared]
            if not self._solver.solve(assumptions=given):
                break
            given += [literal for fact, literal in self.facts.items() if fact in self._spared]
            if self._spared and not self._solver.solve(assumptions=given):
                break
            answer, solution = self._induction.refuted(name, self._clauses, self._solver, given)
            (at,) = (q for q in left if self._clauses.holds(solution, self._mixes[q]))
            left.remove(at)
            out.append(self._elsewhere[at])
            now = time.monotonic()
            yield at, replace(answer, mix=at.mix, seconds=round(now - began, 3))
            began = now
        core = set(self._solver.get_core() or ()) if left else set()
        needs = {fact for fact, literal in self.facts.items() if literal in core}
        seconds = round((time.monotonic() - began) / max(1, len(left)), 3)
        for question in left:
            needed = tuple(n for n in self._given[question] if self._whole or n in needs)
            action = self._induction.action
            yield question, Answer(action, name, "proved", seconds, question.mix, needed)
        if self._whole:
            # it is not asked again
            self._solver.add_clause([-breaks])

    def _breaking(self, name: str) -> int:
        """The literal of a goal, whose clauses the solver has from when it is asked for first."""
        literal = self._breaks.get(name)
        if literal is None:
            known = len(self._clauses.clauses)
            literal = self._breaks[name] = self._clauses.switch(self._about[name])
            self._solver.append_formula(self._clauses.clauses[known:])
        return literal

    def withdraw(self, fact: str, question: Question) -> None:
        """The fact is given no more in the mix of this question."""
        self._given[question].pop(fact, None)
        weaker = self._clauses.new()
        self._solver.add_clause([-weaker, self.facts[fact], self._here[question]])
        self.facts[fact] = weaker
