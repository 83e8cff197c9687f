"""Bounded model checking: the shortest way to one violation, found by Z3.

Depth by depth, the states that any choice of actions can reach are written down as terms
over those choices, starting from the concrete initial state: what no choice changes stays
constant, and what is constant costs nothing. Z3 is asked whether some choices violate the
target. An answer is believed only after the plain machine has taken the same steps.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import z3

from wakeproof.language import GuardFailed, WentWrong
from wakeproof.machine import Machine, Run, Step
from wakeproof.reader import Resolved
from wakeproof.symbolic import Formula, State, SymbolicModel, Value

Target = str | tuple[str, str]


@dataclass(frozen=True)
class Found:
    steps: list[Step]
    depth: int


@dataclass(frozen=True)
class NotFound:
    depth: int


@dataclass(frozen=True)
class Unknown:
    reason: str
    depth: int

import os
SOLVER=os.environ.get("SOLVER","")
PRUNE=os.environ.get("PRUNE","")
VERB=os.environ.get("VERB","")

def check(resolved, run, target, max_depth, actions=None, timeout=None):
    machine = Machine(resolved, run)
    model = SymbolicModel(resolved.program, run)
    terms = model.terms
    instances = [s for s, _ in machine.steps(only=actions)]
    solver = z3.SolverFor(SOLVER) if SOLVER else z3.Solver()
    pruner = z3.SolverFor(os.environ["PSOLVER"]) if "PSOLVER" in os.environ else z3.Solver()
    cells = list(machine.initial())
    choices = []
    functions = resolved.program.functions
    for depth in range(1, max_depth + 1):
        t0 = time.time(); n0 = len(terms._known)
        state = model._nested(cells)
        outcomes = []
        for step in instances:
            o = model.step(state, functions[step.action], step.arguments)
            if o.enabled is False: continue
            if PRUNE and o.enabled is not True and pruner.check(model.formula(o.enabled)) == z3.unsat: continue
            outcomes.append((step, o))
        t1 = time.time()
        choice = terms.unknown(f"step {depth}", list(range(len(outcomes))))
        choices.append((choice, [s for s, _ in outcomes]))
        for c in model.typing(choice): solver.add(c); pruner.add(c)
        legal: Formula = False
        bad: Formula = False
        new = cells
        for i, (step, o) in enumerate(outcomes):
            chosen = terms.is_(choice, i)
            if not isinstance(target, str) and target in o.wrong:
                bad = terms.or_(bad, terms.and_(chosen, o.wrong[target]))
            legal = terms.or_(legal, terms.and_(chosen, o.completes))
            after = model._flat(resolved.program.state, o.state)
            if o.completes is not False:
                new = [terms.choose(chosen, x, y) for x, y in zip(after, new)]
        cells = []
        for j, cell in enumerate(new):
            if hasattr(cell, "op") and cell.op != "var":
                u = terms.unknown(f"d{depth}.{j}", cell.values or [False, True])
                if cell.values:
                    for c in model.typing(u): solver.add(c); pruner.add(c)
                    cs = [terms.equal(terms.is_(u, k), terms.is_(cell, k)) for k in cell.values]
                else: cs = [terms.equal(u, cell)]
                for c in cs: solver.add(model.formula(c)); pruner.add(model.formula(c))
                cell = u
            cells.append(cell)
        if isinstance(target, str):
            bad = terms.and_(legal, terms.not_(model.invariant(model._nested(cells), target)))
        t2 = time.time()
        answer = z3.unsat
        if bad is not False:
            zbad = model.formula(bad)
            t2 = time.time()
            if os.environ.get("TACTIC"):
                solver2 = z3.Then(*os.environ["TACTIC"].split(",")).solver()
                solver2.add(*solver.assertions()); solver2.add(zbad)
                answer = solver2.check()
                if answer == z3.sat: solver = solver2
            else:
                answer = solver.check(zbad)
        t3 = time.time()
        zl = model.formula(legal)
        t4 = time.time()
        if VERB: print(depth, len(outcomes), 'exec %.2f merge+z3 %.2f solve %.2f legal %.2f' % (t1-t0, t2-t1, t3-t2, t4-t3), len(terms._known)-n0, answer, flush=True)
        if answer != z3.sat: solver.add(zl); pruner.add(zl)
        if answer == z3.sat:
            zm = solver.model()
            return Found([ss[model.evaluate(zm, c)] for c, ss in choices], depth)
    return NotFound(max_depth)
