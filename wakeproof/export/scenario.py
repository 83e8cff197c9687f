"""Export a scenario in one mix as a model for another checker."""

from __future__ import annotations

import copy
import dataclasses

from wakeproof.errors import InputError
from wakeproof.export.promela import promela
from wakeproof.export.promela_progress import promela_progress
from wakeproof.export.smtlib import smtlib
from wakeproof.export.tla import module_name, tla
from wakeproof.export.tla_progress import tla_progress
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import run_name
from wakeproof.symbolic.bmc import Target


def with_steps(instance: Instance, steps: int | None) -> Instance:
    """Return the instance with another bound of steps, if one is given."""
    if steps is None:
        return instance
    bounded = copy.copy(instance)
    bounded.scenario = dataclasses.replace(instance.scenario, steps=steps)
    return bounded


def files_of(
    instance: Instance,
    form: str,
    steps: int | None = None,
    property_id: str | None = None,
    site: str | None = None,
) -> dict[str, str]:
    """Return the files of an exported scenario, by name.

    `form` is `promela`, `tla` or `smtlib`; `steps` replaces the bound of the scenario. `smtlib`
    needs `steps`, and a property with its site; of the others a model has all properties about
    single states, or one of progress, which `property_id` names. Raises `InputError` for a scenario
    that cannot be exported.
    """
    name = instance.scenario.name
    if instance.script is not None:
        raise InputError(
            f"{name} follows a script: it is one path, with nothing to explore",
            hint="export a scenario that states which actions are possible",
        )
    instance = with_steps(instance, steps)
    if form == "tla":
        stem = module_name(instance, property_id)
        if property_id is None:
            module, configuration = tla(instance)
        else:
            module, configuration = tla_progress(instance, property_id)
        return {f"{stem}.tla": module, f"{stem}.cfg": configuration}
    mix = run_name(instance.mix, instance.build).replace("/", "-").replace(" ", "")
    stem = f"{name}-{mix}"
    if form == "smtlib":
        if steps is None:
            raise InputError("smtlib needs a number of steps", hint="add --steps N")
        target = target_of(instance, property_id, site)
        return {f"{stem}.smt2": smtlib(instance, target, steps)}
    if property_id is not None:
        return {f"{stem}-{property_id}.pml": promela_progress(instance, property_id)}
    return {f"{stem}.pml": promela(instance)}


def target_of(instance: Instance, property_id: str | None, site: str | None) -> Target:
    """Return what is to be violated: an invariant, or the kind and the site of a bad end.

    Raises `InputError` for an unknown or missing property or site.
    """
    properties = instance.model.properties
    if property_id is None or property_id not in properties:
        raise InputError(
            "smtlib needs a property",
            hint="choose with --property: " + ", ".join(properties),
        )
    outcome = properties[property_id].outcome
    if not outcome:
        return property_id
    sites = instance.model.sites
    if site is None or site not in sites:
        raise InputError(
            f"{property_id} is violated at a site",
            hint="choose with --site; `wakeproof list sites` names them",
        )
    return outcome, site
