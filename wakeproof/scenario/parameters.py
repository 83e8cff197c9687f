"""Read the sizes and parameters of a run from the values of a scenario."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from wakeproof.errors import InputError
from wakeproof.language import ir
from wakeproof.language.model import Model
from wakeproof.language.values import Run, Scalar, default, domain, key_size
from wakeproof.scenario.file import Scenario
from wakeproof.util.text import did_you_mean, number_in, plural

# the members of every index type by name
Names = Mapping[str, Sequence[str]]


LARGEST = 254
"""The largest value of a small integer without a limit: a byte of native code holds it."""


def bind(scenario: Scenario, program: ir.Program, defaults: Mapping[str, Any]) -> Run:
    """Return the sizes and parameters of a run: the scenario's, else the model's `defaults`.

    Raises `InputError` for a name that the model does not have, a missing size, and a value that
    does not fit.
    """
    _refuse_unknown(scenario, "index type", scenario.sizes, program.indexes)
    for name in program.indexes:
        if name not in scenario.sizes:
            raise InputError(
                f"no size for the index type {name}",
                where=scenario.line_of("[sizes]"),
                hint=f"write {name} = 1 under [sizes]",
            )
    _refuse_unknown(scenario, "parameter", scenario.parameters, program.parameters)
    names = index_names(scenario, program, defaults.get("names", {}))
    values = {
        name: _parameter(scenario, program, names, name, declared, defaults)
        for name, declared in program.parameters.items()
    }
    return Run(dict(scenario.sizes), values)


def for_the_host(scenario: Scenario, model: Model) -> Scenario:
    """Return the scenario as the host of the model reads it.

    It has the default sizes of types that it does not name, nothing that only other hosts have or
    that it expects of them, and the actions that this host adds: what a scenario leaves to the
    host, the host does in its way.
    """
    others = model.sources.names_of_other_hosts
    actions = scenario.actions
    if actions is not None:
        added = [name for name in model.sources.actions_of_host if name not in actions]
        actions = (*(name for name in actions if name not in others), *added)
    sizes = {**model.defaults.get("sizes", {}), **scenario.sizes}
    return dataclasses.replace(
        scenario,
        sizes={name: size for name, size in sizes.items() if name not in others},
        names={name: given for name, given in scenario.names.items() if name not in others},
        parameters={name: v for name, v in scenario.parameters.items() if name not in others},
        actions=actions,
        expectations=tuple(
            expectation
            for expectation in scenario.expectations
            if expectation.property not in others
            and (not expectation.hosts or model.host_name in expectation.hosts)
        ),
        never={name: why for name, why in scenario.never.items() if name not in others},
        without=tuple(name for name in scenario.without if name not in others),
    )


def _refuse_unknown(
    scenario: Scenario, kind: str, names: Iterable[str], known: Collection[str]
) -> None:
    for name in names:
        if name not in known:
            raise InputError(
                f"the model has no {kind} {name!r}",
                where=scenario.line_of(name),
                hint=did_you_mean(name, known),
            )


def index_names(
    scenario: Scenario, program: ir.Program, formats: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Name the members of every index type: as in the scenario, else by the model's format."""
    names = {}
    for index in program.indexes:
        size = scenario.sizes[index]
        given = scenario.names.get(index, ())
        if given and len(given) != size:
            raise InputError(
                f"{plural(len(given), 'name')} for {plural(size, 'member')} of {index}",
                where=scenario.line_of(f"{index} = ["),
                hint=f"list {plural(size, 'name')}, or none",
            )
        pattern = formats.get(index, index.lower() + "{}")
        names[index] = given or tuple(pattern.format(i + 1) for i in range(size))
    return names


def _parameter(
    scenario: Scenario,
    program: ir.Program,
    names: Names,
    name: str,
    declared: ir.FieldType,
    defaults: Mapping[str, Any],
) -> Any:
    """Read one parameter: a scalar, or a list over its first key.

    `same`, `next` and one value stand for a whole list.
    """
    given = scenario.parameters.get(name, defaults.get(name))
    if not declared.keys:
        return (
            default(declared.value)
            if given is None
            else _value(scenario, program, names, name, declared.value, given)
        )
    size = key_size(program, scenario.sizes, declared.keys[0])
    target = scenario.sizes.get(declared.value.name, 0)
    if given == "same":
        return [i if i < target else None for i in range(size)]
    if given == "next":
        return [i + 1 if i + 1 < size else None for i in range(size)]
    if given is None:
        return [default(declared.value)] * size
    if not isinstance(given, list):
        return [_value(scenario, program, names, name, declared.value, given)] * size
    if len(given) != size:
        raise InputError(
            f"{name} needs a list of {plural(size, 'value')}, one for each {declared.keys[0]}",
            where=scenario.line_of(f"{name} ="),
            hint="write one value for all of them, or a list with one for each",
        )
    return [_value(scenario, program, names, name, declared.value, v) for v in given]


def _value(
    scenario: Scenario,
    program: ir.Program,
    names: Names,
    name: str,
    wanted: ir.Type,
    given: Any,
) -> Scalar:
    """Read one value: a bool, a number, or the word of a script; "" is None."""
    if isinstance(given, str):
        return parse_value(program, names, wanted, given, scenario.line_of(name))
    if wanted.kind == "bool" and isinstance(given, bool):
        return given
    if isinstance(given, int) and not isinstance(given, bool) and wanted.kind != "bool":
        # a number outside its type means something else in each execution
        count = {
            "index": scenario.sizes.get(wanted.name, 0),
            "enum": len(program.enums.get(wanted.name, ())),
            "int": program.bounds.get(wanted.name, LARGEST) + 1,
        }[wanted.kind]
        if 0 <= given < count:
            return given
    raise InputError(
        f"{name}: {given!r} is not of type {wanted}",
        where=scenario.line_of(name),
        hint=_values_of(program, names, wanted, ""),
    )


def parse_value(
    program: ir.Program, names: Names, wanted: ir.Type, text: str, where: str
) -> Scalar:
    """Read a value as scripts and traces write it.

    The text is `null`, `true`, `false`, a member of an enumeration, the name or the number of a
    member of an index type, or a number. Raises `InputError` with `where` if it is not a value of
    the type.
    """
    if text in ("", "null"):
        if wanted.optional:
            return None
    elif wanted.kind == "bool" and text in ("true", "false"):
        return text == "true"
    elif wanted.kind == "enum" and text in program.enums[wanted.name]:
        return program.enums[wanted.name].index(text)
    elif wanted.kind == "index" and text in names[wanted.name]:
        return list(names[wanted.name]).index(text)
    elif wanted.kind in ("index", "int"):
        sizes = {index: len(members) for index, members in names.items()}
        number = number_in(text, 1 << 31)
        if number is not None and number in domain(program, sizes, wanted.some()):
            return number
    hint = _values_of(program, names, wanted, text)
    raise InputError(f"{text!r} is not of type {wanted}", where=where, hint=hint)


def _values_of(program: ir.Program, names: Names, wanted: ir.Type, text: str) -> str:
    """Return the hint with the members of a type like a text; empty for one without members."""
    members: Sequence[str] = program.enums.get(wanted.name, names.get(wanted.name, ()))
    if wanted.kind == "bool":
        return "write true or false"
    if wanted.kind == "int":
        return f"write a number from 0 to {program.bounds.get(wanted.name, LARGEST)}"
    return did_you_mean(text, members)
