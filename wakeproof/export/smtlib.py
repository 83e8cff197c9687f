"""One property after a number of steps as an SMT-LIB 2 problem: `sat` if it can be violated then.

It is the problem that `wakeproof.symbolic.bmc` gives to Z3, as a text for any solver. The variables
are the choices of actions; a comment maps the numbers of each choice to actions, and the last
action has all numbers that are left.
"""

from __future__ import annotations

from wakeproof.language.values import Step
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import run_name
from wakeproof.symbolic.bmc import Search, Target
from wakeproof.symbolic.smtlib import comment, declarations, definitions, term_name


def smtlib(instance: Instance, target: Target, steps: int) -> str:
    """Return the problem as a text. Raises `InputError` for a wrong target."""
    tracer = instance.tracer()

    def line(step: Step) -> str:
        function = instance.resolved.program.functions[step.action]
        return " ".join([step.action, *tracer.arguments(function, step.arguments).values()])

    search = Search(instance.resolved, instance.run, target, instance.actions, None)
    violated = search.deepen()
    while len(search.choices) < steps and search.completes is not False:
        search.depth += 1
        violated = search.deepen()
    # without a run of this length there is nothing to violate
    formula = violated if len(search.choices) == steps else False
    goal = target if isinstance(target, str) else " ".join(target)
    mix = run_name(instance.mix, instance.build)
    lines = [
        comment(instance.scenario.title),
        comment(f"Scenario {instance.scenario.name}, mix {mix}: can {goal}"),
        comment(f"be violated by step {steps}? `sat` says that it can."),
    ]
    for number, (_, possible) in enumerate(search.choices, 1):
        lines.append(comment(f"step {number} is one of"))
        lines += [comment(f"  {i} {line(step)}") for i, step in enumerate(possible)]
    lines.append("(set-logic QF_UF)")
    lines += declarations([choice for choice, _ in search.choices])
    lines += definitions([formula])
    lines += [f"(assert {term_name(formula)})", "(check-sat)", ""]
    return "\n".join(lines)
