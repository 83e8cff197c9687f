"""The comment at the head of an exported Promela model, which says how Spin checks it."""

from __future__ import annotations

from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import run_name

NONE = 255
"""None as a byte."""

HEAD = """\
/* {title}
 *
 * Scenario {scenario}, mix {mix}, written by `wakeproof export {scenario} --to promela`.
 *
 *   spin -a FILE && cc -O2 -DSAFETY -DNOREDUCE -o pan pan.c && ./pan -m9999999 -c0
 *
 * `-c0` goes on after an error: every `assertion violated` names a property, or the site at which
 * a step goes wrong. `states, stored` are the reachable states.{bound}
 */
#define NONE {none}  /* no value, of an optional type */
#ifdef BREADTH
#define scratch      /* breadth-first search keeps no variable outside the state */
#else
#define scratch hidden
#endif
"""
BOUND = """
 *
 * The scenario is bounded to {steps} steps, which takes breadth-first search; a step is
 * {hops} transitions of Spin:
 *
 *   spin -DBREADTH -a FILE && cc -O2 -DSAFETY -DNOREDUCE -DBFS -o pan pan.c && ./pan -m{depth} -c0
 *
 * `nominal states` are the reachable states."""


def head_of(instance: Instance, hops: int) -> str:
    """Return the comment; a step is so many transitions of Spin in a breadth-first search."""
    scenario = instance.scenario
    steps = scenario.steps
    bound = "" if steps is None else BOUND.format(steps=steps, hops=hops, depth=hops * steps)
    return HEAD.format(
        title=scenario.title.replace("*/", "* /"),
        scenario=scenario.name,
        mix=run_name(instance.mix, instance.build),
        none=NONE,
        bound=bound,
    )
