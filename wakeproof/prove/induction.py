"""Induction: what holds in every state that can be reached, however many steps it takes.

A set of facts (lemmas and properties) is inductive if all of them hold in the initial states, and
no action breaks one of them in a state in which all of them hold. Each pair of an action and a fact
is an obligation. The sizes of the index types are given; state, arguments and parameters are not,
so one proof covers every scenario of these sizes for which the premises hold.

Many mixes are proved at once: the version of a role is a parameter of their one program, so that
shared text is executed once. An obligation about several mixes is solved with the mix left open; a
counterexample belongs to one mix, which is then excluded until no counterexample is left.

All obligations of an action share its formulas, which a solver gets once, CaDiCaL as clauses; it
then decides obligation after obligation, and returns the facts that each proof used. Of states that
differ only by renaming interchangeable members, one is considered (`symmetry_breaking`). A broken
fact has a counterexample to induction: a state in which the facts hold, and a step that breaks one,
with most cells at their first values. Plain Python has confirmed it.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import (
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import replace

from wakeproof.language import ir
from wakeproof.language.resolve import Resolved, version_parameter
from wakeproof.language.values import (
    Run,
    Scalar,
    Step,
    default,
)
from wakeproof.prove.merged_actions import merge, merged_name
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
from wakeproof.prove.symmetry_breaking import interchangeable, restricted_values
from wakeproof.symbolic.execution import holds, take_step
from wakeproof.symbolic.model import SymbolicModel
from wakeproof.symbolic.solver import CADICAL, Solution, Solver, make_solver
from wakeproof.symbolic.terms import Formula, Term, Value


class Induction:
    """All obligations of one action, for index types of these sizes.

    Several `actions` are merged into one, of which `action` is the name.
    """

    def __init__(
        self,
        resolved: Resolved,
        sizes: Mapping[str, int],
        actions: tuple[str, ...],
        every_state: bool = False,
        solver: str = CADICAL,
    ) -> None:
        """`every_state` includes the states that symmetry breaking would leave out.

        `solver` is the name of the one that decides.
        """
        self.solver = solver
        self.resolved = resolved
        self.program = resolved.program
        self.actions = actions
        self.action = action = merged_name(actions)
        self.facts = facts_of(self.program)
        function = self._function()
        self.model = SymbolicModel(
            self.program,
            Run(sizes, {}),
            free=True,
            restricted={}
            if every_state or action == INITIAL
            else self._restricted(sizes, function),
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
        """The function of the action, merged if there are several."""
        if self.action == INITIAL:
            return self._initial()
        if len(self.actions) > 1:
            return merge(self.program, self.actions)
        return self.program.functions[self.action]

    def _initial(self) -> ir.Function:
        (initial,) = (
            f for f in self.program.functions.values() if f.marks.get("action") == "initial"
        )
        return initial

    def _restricted(
        self, sizes: Mapping[str, int], function: ir.Function
    ) -> dict[str, tuple[Scalar, ...]]:
        """The values of unknowns that suffice, as members of some types are interchangeable."""
        judges = [*self.facts.values(), *premises_of(self.program).values()]
        roots = [*self.actions, *(judge.name for judge in judges)]
        return restricted_values(
            self.program, sizes, function, interchangeable(self.program, roots)
        )

    def _blank(self) -> list[Value]:
        """The cells of the state in which every field has its first value."""
        cells: list[Value] = []
        for field, declared in self.program.state.items():
            _, sizes = self.model.places["s"][field]
            cells += [default(declared.value)] * math.prod(sizes)
        return cells

    def unknowns(self) -> list[Value]:
        """The unknowns of the formulas."""
        return [*self.arguments, *self.model.parameters, *self.model.flatten(self.before)]

    def premises(self) -> list[Formula]:
        """The premises about the parameters."""
        return [holds(self.model, self.before, f) for f in premises_of(self.program).values()]

    def hypothesis(self, fact: str) -> Formula:
        """The formula that the fact holds before; true for the initial states."""
        if self.action == INITIAL:
            return True
        return holds(self.model, self.before, self.facts[fact])

    def goals(self, wanted: Sequence[str] | None = None) -> dict[str, Formula]:
        """The formulas that a fact (one that is `wanted`) is broken, and that a site is reached."""
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
        """The formula that the roles run these versions, of those that they may run."""
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
        """The formula that the mix is that of one of the questions."""
        return self.model.terms.any_(self.in_mix(question.mix) for question in questions)

    def given(self, questions: Sequence[Question]) -> dict[str, Formula]:
        """The formulas that the facts hold before, each in the mixes in which it is given."""
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
        """Decide the questions; goals that the action cannot break have no answer.

        If `whole`, every proof is reported to need all facts: the solver gets them as clauses in
        the place of assumptions, does not find out which are needed, and is twice as fast.
        """
        with ObligationSolver(self, questions, whole) as solver:
            for name, asked in solver.questions.items():
                for _, answer in solver.decide(name, asked):
                    yield answer

    def settle(self, questions: Sequence[Question]) -> list[Answer]:
        """`decide`, but a fact that fails in a mix is withdrawn from what is given there.

        Proofs there that had used it are tried again.
        """
        with ObligationSolver(self, questions, False) as solver:
            answers: dict[tuple[str, Question], Answer] = {}
            # the facts written last rely on those before them, and fail first
            facts = [name for name in solver.questions if name in solver.facts]
            others = [name for name in solver.questions if name not in solver.facts]
            left = {name: list(solver.questions[name]) for name in (*reversed(facts), *others)}
            while left:
                name = next(iter(left))
                for at, answer in solver.decide(name, left.pop(name)):
                    answers[name, at] = answer
                    if answer.status == "proved" or name not in solver.facts:
                        continue
                    solver.withdraw(name, at)
                    for (goal, question), proved in answers.items():
                        asked = left.get(goal, [])
                        if question is at and name in proved.needs and at not in asked:
                            left[goal] = [*asked, at]
            return list(answers.values())

    def happens(self, formula: Formula, hypotheses: Sequence[str]) -> bool:
        """Whether some step makes the formula true, from a state in which the facts hold."""
        formulas = [*self.premises(), *(self.hypothesis(name) for name in hypotheses), formula]
        with contextlib.closing(make_solver(self.solver, formulas)) as solver:
            for known in formulas:
                solver.require(known)
            return solver.solve(())

    def refuted(self, name: str, solver: Solver, given: Sequence[int]) -> tuple[Answer, Solution]:
        """The answer that the obligation fails, with its counterexample, and the solution.

        Raises `ReplayError` if plain Python does not confirm the counterexample.
        """
        reason = AT_THE_BEGINNING if self.action == INITIAL else ""
        answer = Answer(self.action, name, "fails", 0.0, reason=reason)
        solution = self._plainest(solver, given)
        counterexample = Counterexample(
            self.model.run.sizes,
            self.parameters(solution),
            tuple(map(solution.evaluate, self.model.flatten(self.before))),
            Step(self._function().name, tuple(map(solution.evaluate, self.arguments))),
        )
        if not breaks(self.resolved, counterexample, name):
            raise ReplayError(f"{self.action} does not break {name} in plain Python")
        return replace(answer, counterexample=counterexample), solution

    def _plainest(self, solver: Solver, given: Sequence[int]) -> Solution:
        """A solution in which the unknowns that need not differ have their first values."""
        unknowns = [unknown for unknown in self.unknowns() if isinstance(unknown, Term)]
        firsts = [first for u in unknowns if (first := solver.first(u)) is not None]
        while not solver.solve([*given, *firsts]):
            core = set(solver.core())
            firsts = [first for first in firsts if first not in core]
        return solver.solution()

    def parameters(self, solution: Solution) -> dict[str, object]:
        """The parameters in a solution, as a `Run` has them."""
        found: dict[str, object] = {}
        for name, (start, sizes) in self.model.places["p"].items():
            size = 1 if not sizes else sizes[0]
            cells = self.model.parameters[start : start + size]
            values: list[Scalar] = list(map(solution.evaluate, cells))
            found[name] = values if sizes else values[0]
        return found


class ObligationSolver:
    """A solver that has the formulas of an action, and decides its obligations.

    `questions` are those about each goal, `facts` the literals under which facts are given.
    """

    def __init__(self, induction: Induction, questions: Sequence[Question], whole: bool) -> None:
        self._induction = induction
        self._whole = whole
        terms = induction.model.terms
        wanted = list(dict.fromkeys(name for question in questions for name in question.wanted))
        goals = induction.goals(wanted)
        self.questions = {
            name: [question for question in questions if name in question.wanted]
            for name in wanted
            if name in goals
        }
        self._about = {
            name: terms.and_(induction.in_one_of(asked), goals[name])
            for name, asked in self.questions.items()
        }
        # the facts first: the premises are about unknowns of the facts too
        facts = induction.given(questions) if self._about else {}
        premises = [*induction.premises(), induction.in_one_of(questions)]
        self._mixes = {question: induction.in_mix(question.mix) for question in questions}
        self._given = {question: dict.fromkeys(question.given) for question in questions}
        self._reserved = {name for question in questions for name in question.reserved}
        roots = [*premises, *facts.values(), *self._about.values(), *self._mixes.values()]
        solver = self._solver = make_solver(induction.solver, roots)
        for known in (*premises, *(facts.values() if whole else ())):
            solver.require(known)
        self.facts = {
            name: solver.switch(fact)
            for name, fact in facts.items()
            if fact is not True and not whole
        }
        self._here = {q: solver.switch(formula) for q, formula in self._mixes.items()}
        self._elsewhere = {
            q: solver.switch(terms.not_(formula)) for q, formula in self._mixes.items()
        }
        self._breaks: dict[str, int] = {}

    def __enter__(self) -> ObligationSolver:
        return self

    def __exit__(self, *_: object) -> None:
        self._solver.close()

    def decide(self, name: str, asked: Sequence[Question]) -> Iterator[tuple[Question, Answer]]:
        """Decide one obligation in the mixes of some questions, first those in which it fails."""
        left = list(asked)
        out = [
            self._elsewhere[question] for question in self.questions[name] if question not in left
        ]
        began = time.monotonic()
        breaks = self._breaking(name)
        while left:
            given = [breaks, *out]
            given += [literal for fact, literal in self.facts.items() if fact not in self._reserved]
            if not self._solver.solve(given):
                break
            given += [literal for fact, literal in self.facts.items() if fact in self._reserved]
            if self._reserved and not self._solver.solve(given):
                break
            answer, solution = self._induction.refuted(name, self._solver, given)
            (at,) = (q for q in left if solution.holds(self._mixes[q]))
            left.remove(at)
            out.append(self._elsewhere[at])
            now = time.monotonic()
            yield at, replace(answer, mix=at.mix, seconds=round(now - began, 3))
            began = now
        core = set(self._solver.core()) if left else set()
        needs = {fact for fact, literal in self.facts.items() if literal in core}
        seconds = round((time.monotonic() - began) / max(1, len(left)), 3)
        for question in left:
            needed = tuple(n for n in self._given[question] if self._whole or n in needs)
            action = self._induction.action
            yield question, Answer(action, name, "proved", seconds, question.mix, needed)
        if self._whole:
            # it does not come again
            self._solver.add_clause([-breaks])

    def _breaking(self, name: str) -> int:
        """The literal of a goal; its formula is added when it is first needed."""
        if name not in self._breaks:
            self._breaks[name] = self._solver.switch(self._about[name])
        return self._breaks[name]

    def withdraw(self, fact: str, question: Question) -> None:
        """Withdraw a fact from what is given in the mix of a question."""
        self._given[question].pop(fact, None)
        weaker = self._solver.new()
        self._solver.add_clause([-weaker, self.facts[fact], self._here[question]])
        self.facts[fact] = weaker
