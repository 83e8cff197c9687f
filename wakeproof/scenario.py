"""Scenarios: who takes part, what they may do, the bounds, the verdicts that are expected."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema

from wakeproof import ir
from wakeproof.content import PACKAGE, load_toml
from wakeproof.errors import InputError
from wakeproof.machine import Run, Scalar, Step, default, domain, key_size
from wakeproof.trace import StepRow

Mix = dict[str, str]
# the members of every index type by name
Names = Mapping[str, Sequence[str]]
# the features that are on; None is what the scenario's own parameters say
Build = tuple[str, ...] | None
# who may be of another release: the schema asks for a list of versions for each
ROLES = ("export", "block_on", "import")
# what of `[mixes]` is no role
UNIFORM, FEATURES = "uniform", "features"


@dataclass(frozen=True)
class Expectation:
    """What a scenario expects of one property; `mixes` limits it to some versions a role, `on` and
    `off` to builds with and without these features.
    """

    property: str
    verdict: str
    reason: str
    sites: tuple[str, ...] | None = None
    mixes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    on: tuple[str, ...] = ()
    off: tuple[str, ...] = ()

    def applies(self, property_id: str, mix: Mix, features: Sequence[str]) -> bool:
        """Whether it speaks about this property in this mix, built with these features."""
        return (
            self.property == property_id
            and all(mix[role] in versions for role, versions in self.mixes.items())
            and all(name in features for name in self.on)
            and not any(name in features for name in self.off)
        )


@dataclass(frozen=True)
class Scenario:
    """One scenario file, validated against the schema; not yet bound to a model."""

    name: str
    path: Path
    title: str
    origin: str
    story: str
    sizes: Mapping[str, int]
    names: Mapping[str, tuple[str, ...]]
    parameters: Mapping[str, Any]
    steps: int | None
    actions: tuple[str, ...] | None
    without: tuple[str, ...]
    script: tuple[str, ...] | None
    roles: Mapping[str, tuple[str, ...]]
    uniform: bool
    features: tuple[str, ...]
    otherwise: Expectation
    expectations: tuple[Expectation, ...]
    # versions that it does not name itself, each with the one in whose place it stands
    joined: Mapping[str, str] = field(default_factory=dict)

    def joined_by(self, versions: Mapping[str, Sequence[str]]) -> Scenario:
        """With more versions, each given with what it builds on, the nearest first.

        One that the scenario does not name stands beside the nearest of these that it does name,
        and is expected to do as that does.
        """
        named = {version for listed in self.roles.values() for version in listed}
        joined = {
            version: base
            for version, bases in versions.items()
            if version not in named and (base := next((b for b in bases if b in named), None))
        }
        matter = self.open_roles() or list(self.roles)
        roles = {
            role: (*listed, *(v for v, base in joined.items() if role in matter and base in listed))
            for role, listed in self.roles.items()
        }
        return dataclasses.replace(self, roles=roles, joined={**self.joined, **joined})

    def mixes(self, chosen: Mapping[str, tuple[str, ...]]) -> list[Mix]:
        """Every combination of versions, limited to those `chosen` a role. If others have joined
        and none is chosen: those in which one of them takes part.
        """
        lists = []
        for role, versions in self.roles.items():
            wanted = chosen.get(role, ())
            lists.append([v for v in versions if not wanted or v in wanted])
        combined = [dict(zip(self.roles, mix, strict=True)) for mix in itertools.product(*lists)]
        if self.joined and not any(chosen.values()):
            combined = [m for m in combined if len(self.joined.keys() & set(m.values())) == 1]
        return [m for m in combined if not self.uniform or len(set(m.values())) == 1]

    def open_roles(self) -> list[str]:
        """The roles for which it names more than one version; the others do not matter to it."""
        return [role for role, versions in self.roles.items() if len(versions) > 1]

    def builds(self) -> list[Build]:
        """Every combination of the features that it tries; what it says itself if it tries none."""
        return combinations(self.features) if self.features else [None]

    def expected(self, property_id: str, mix: Mix, features: Sequence[str]) -> Expectation:
        """What is expected of a build: the first expectation that applies, else the default."""
        mix = {role: self.joined.get(version, version) for role, version in mix.items()}
        for expectation in self.expectations:
            if expectation.applies(property_id, mix, features):
                return expectation
        return self.otherwise

    def line_of(self, text: str) -> str:
        """`file:line` of the first line that holds `text`, for messages."""
        lines = self.path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            if text in line:
                return f"{self.path}:{number}"
        return f"{self.path}:1"


def combinations(features: Sequence[str]) -> list[Build]:
    """Every combination of features, each on and off."""
    switches = itertools.product((False, True), repeat=len(features))
    return [tuple(itertools.compress(features, on)) for on in switches]


def read_scenario(path: Path) -> Scenario:
    """Read, extend by its `base` and validate one file; `InputError` names file and line."""
    table = _with_base(path, ())
    schema = json.loads((PACKAGE / "scenario.schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    for error in sorted(validator.iter_errors(table), key=lambda e: list(map(str, e.path))):
        keys = [str(k) for k in error.absolute_path]
        where = f"{path}:{_line_of_keys(path, keys, error.message)}"
        raise InputError(
            f"{'.'.join(keys) or 'the scenario'}: {error.message}",
            where=where,
            hint="see `wakeproof list` for names, and the README for the format of a scenario",
        )
    program = table.get("program", {})
    roles = {k: tuple(v) for k, v in table["mixes"].items() if k not in (UNIFORM, FEATURES)}
    return Scenario(
        name=path.stem,
        path=path,
        title=table["title"],
        origin=table["origin"],
        story=table["story"].strip(),
        sizes=table["sizes"],
        names={k: tuple(v) for k, v in table.get("names", {}).items()},
        parameters=table.get("parameters", {}),
        steps=table.get("bounds", {}).get("steps"),
        actions=tuple(program["actions"]) if "actions" in program else None,
        without=tuple(program.get("without", ())),
        script=tuple(program["script"]) if "script" in program else None,
        roles=roles,
        uniform=table["mixes"].get(UNIFORM, False),
        features=tuple(table["mixes"].get(FEATURES, ())),
        otherwise=Expectation("", table["otherwise"]["verdict"], table["otherwise"]["reason"]),
        expectations=tuple(_expectation(row, roles) for row in table.get("expect", [])),
    )


def _expectation(row: Mapping[str, Any], roles: Mapping[str, Any]) -> Expectation:
    return Expectation(
        row["property"],
        row["verdict"],
        row["reason"],
        tuple(row["sites"]) if "sites" in row else None,
        {role: tuple(row[role]) for role in roles if role in row},
        tuple(row.get("on", ())),
        tuple(row.get("off", ())),
    )


def _with_base(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    """The file's table over its base's, key by key; `expect` and lists are replaced whole."""
    table = load_toml(path)
    base = table.pop("base", None)
    if base is None:
        return table
    base_path = path.parent / str(base)
    if path in seen:
        raise InputError("a scenario is its own base", where=f"{path}:1")
    merged = _with_base(base_path, (*seen, path))
    for key, value in table.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = {**merged[key], **value}
        else:
            merged[key] = value
    return merged


def _line_of_keys(path: Path, keys: list[str], message: str) -> int:
    """The line where the last of `keys`, or a name in the message, stands; else the first."""
    text = path.read_text(encoding="utf-8").splitlines()
    words = [k for k in reversed(keys) if not k.isdigit()] + re.findall(r"'([^']+)'", message)
    for word in words:
        for number, line in enumerate(text, 1):
            if re.search(rf"(^|[\[.\s]){re.escape(word)}\s*(=|\])", line):
                return number
    return 1


# --- binding a scenario to a model --------------------------------------------------------------


def bind(scenario: Scenario, program: ir.Program, defaults: Mapping[str, Any]) -> Run:
    """The sizes and parameters of a run: the scenario's, else the model's `defaults`."""
    for name in scenario.sizes:
        if name not in program.indexes:
            raise InputError(
                f"the model has no index type {name!r}",
                where=scenario.line_of(name),
                hint="one of " + ", ".join(program.indexes),
            )
    for name in program.indexes:
        if name not in scenario.sizes:
            raise InputError(
                f"no size for the index type {name}",
                where=scenario.line_of("[sizes]"),
                hint=f"write {name} = 1 under [sizes]",
            )
    for name in scenario.parameters:
        if name not in program.parameters:
            raise InputError(
                f"the model has no parameter {name!r}",
                where=scenario.line_of(name),
                hint="one of " + ", ".join(program.parameters),
            )
    names = index_names(scenario, program, defaults.get("names", {}))
    values = {
        name: _parameter(scenario, program, names, name, declared, defaults)
        for name, declared in program.parameters.items()
    }
    return Run(dict(scenario.sizes), values)


def index_names(
    scenario: Scenario, program: ir.Program, formats: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """A name for every member of every index type: the scenario's, else by the model's format."""
    names = {}
    for index in program.indexes:
        size = scenario.sizes[index]
        given = scenario.names.get(index, ())
        if given and len(given) != size:
            raise InputError(
                f"{len(given)} names for {size} members of {index}",
                where=scenario.line_of(f"{index} = ["),
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
    if given is None or isinstance(given, bool):
        fill = default(declared.value) if given is None else given
        return [fill] * size
    if not isinstance(given, list) or len(given) != size:
        raise InputError(
            f"{name} needs a list of {size} values, one for each {declared.keys[0]}",
            where=scenario.line_of(name),
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
    """One value: a bool, a number, a member of an enumeration, a name of an index; "" for none."""
    if isinstance(given, str):
        return parse_value(program, names, wanted, given, scenario.line_of(name))
    fits = isinstance(given, bool) == (wanted.kind == "bool") and isinstance(given, int)
    if fits and (wanted.kind != "index" or given < scenario.sizes[wanted.name]):
        return int(given) if wanted.kind != "bool" else bool(given)
    raise InputError(f"{name}: {given!r} is no {wanted}", where=scenario.line_of(name))


def parse_value(
    program: ir.Program, names: Names, wanted: ir.Type, text: str, where: str
) -> Scalar:
    """Read a value as scripts and traces write it: `null`, `true`, a member of an enumeration, a
    name or the number of a member of an index type, a number.

    Raises `InputError` with `where` if the text is not a value of the type.
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
    elif wanted.kind in ("index", "int") and text.isdecimal():
        sizes = {index: len(members) for index, members in names.items()}
        if int(text) in domain(program, sizes, wanted.some()):
            return int(text)
    options: Sequence[str] = program.enums.get(wanted.name, names.get(wanted.name, ()))
    hint = "one of " + ", ".join(options) if options else ""
    raise InputError(f"{text!r} is no {wanted}", where=where, hint=hint)


def allowed_actions(scenario: Scenario, program: ir.Program) -> list[str]:
    """The actions that may happen, in the order of the model."""
    known = [f.name for f in program.functions.values() if "action" in f.marks]
    for name in (*(scenario.actions or ()), *scenario.without):
        if name not in known:
            raise InputError(
                f"the model has no action {name!r}",
                where=scenario.line_of(f'"{name}"'),
                hint="one of " + ", ".join(known),
            )
    chosen = known if scenario.actions is None else [n for n in known if n in scenario.actions]
    return [n for n in chosen if n not in scenario.without]


def parse_script(scenario: Scenario, program: ir.Program) -> list[Step] | None:
    """The script's lines, `action argument ...`, as steps."""
    if scenario.script is None:
        return None
    return [parse_step(scenario, program, line, scenario.line_of(line)) for line in scenario.script]


def parse_step(scenario: Scenario, program: ir.Program, line: str, where: str) -> Step:
    """Read one line of a script, `action argument ...`; the scenario names every member.

    Raises `InputError` with `where` for what the model does not have.
    """
    name, *words = line.split()
    return _step(program, scenario.names, _action(program, name, where), words, where)


def steps_of(rows: Sequence[StepRow], program: ir.Program, names: Names) -> list[Step]:
    """Read the steps behind the rows of a trace: a row has the words of a line of a script.

    Raises `InputError` with the number of the step for what the model does not have.
    """
    steps = []
    for number, row in enumerate(rows, 1):
        where, arguments = f"step {number}", row["arguments"]
        action = _action(program, row["action"], where)
        words = [arguments[name] for name, _ in action.parameters if name in arguments]
        steps.append(_step(program, names, action, words, where))
    return steps


def _action(program: ir.Program, name: str, where: str) -> ir.Function:
    function = program.functions.get(name)
    if function is None or "action" not in function.marks:
        raise InputError(
            f"the model has no action {name!r}", where=where, hint="see `wakeproof list`"
        )
    return function


def _step(
    program: ir.Program, names: Names, action: ir.Function, words: Sequence[str], where: str
) -> Step:
    """A step of an action with its arguments in the order of the parameters."""
    wanted = action.parameters
    if len(words) != len(wanted):
        usage = " ".join(f"<{n}>" for n, _ in wanted)
        raise InputError(
            f"{action.name} takes {len(wanted)} arguments",
            where=where,
            hint=f"{action.name} {usage}",
        )
    values = [
        parse_value(program, names, kind, word, where)
        for word, (_, kind) in zip(words, wanted, strict=True)
    ]
    return Step(action.name, tuple(values))
