"""The shortest violation of a property, found again by bounded model checking.

Where the explorer has a trace of a bundled scenario, the solver looks for one in the same scenario
that is as short or shorter.
"""

from __future__ import annotations

from wakeproof.prove.conclusions import Conclusion, Trace
from wakeproof.prove.lasso import find_lasso
from wakeproof.scenario.instance import Instance
from wakeproof.symbolic import bmc

SECONDS = 120.0
"""The limit of one search."""


def target_of(conclusion: Conclusion, goal: str) -> bmc.Target:
    """The id of an invariant, or the (kind, site) of a way to go wrong."""
    outcome = conclusion.property.outcome
    return (outcome, goal.removeprefix(f"{outcome} ")) if outcome else goal


def shortest(instance: Instance, target: bmc.Target, trace: Trace) -> bmc.Found | bmc.Unknown:
    """A shortest violation that is no longer than the trace; unknown if the scenario has a script.

    One of a property of progress is a run that goes on for ever; its length is that of its stem and
    its loop. Raises `bmc.ReplayError` if there is none, although the trace is one.
    """
    if instance.script:
        return bmc.Unknown("the scenario follows a script", 0)
    properties = instance.model.properties
    if isinstance(target, str) and target in properties and properties[target].progress:
        found = find_lasso(instance, target, trace.steps, SECONDS)
    else:
        found = bmc.check(
            instance.resolved, instance.run, target, trace.steps, instance.actions, SECONDS
        )
    if isinstance(found, bmc.NotFound):
        raise bmc.ReplayError(f"{target} takes no {trace.steps} steps in {trace.scenario}")
    return found
