"""Scenario files: who takes part, what they may do, the bounds, the expected verdicts."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from wakeproof.bundled import SCENARIOS
from wakeproof.errors import InputError
from wakeproof.scenario.mixes import Build, Mix
from wakeproof.util.schema import validate
from wakeproof.util.text import did_you_mean
from wakeproof.util.toml import load_toml

SCHEMA = Path(__file__).with_name("scenario.schema.json")
SCENARIO_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}")
# the keys of `[mixes]` that are not roles
UNIFORM, FEATURES = "uniform", "features"

NOTHING = "nothing"
"""The expectation of a scenario that states none: it is a question, and a violation is news."""


@dataclass(frozen=True)
class Expectation:
    """The expected verdict on one property.

    `mixes` limits it to some versions of a role, `hosts` to some hosts, `on` and `off` to builds
    with and without these features; `sites` are the sites of the violations, None if any will do.
    """

    property: str
    verdict: str
    reason: str
    sites: tuple[str, ...] | None = None
    mixes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    on: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    def applies(self, property_id: str, mix: Mix, features: Sequence[str]) -> bool:
        """Return whether it applies to this property in this mix, built with these features."""
        return (
            self.property == property_id
            and all(mix[role] in versions for role, versions in self.mixes.items())
            and all(name in features for name in self.on)
            and not any(name in features for name in self.off)
        )


@dataclass(frozen=True)
class TaskText:
    """The program of a task: its name, `file:line`, and its lines, each with `file:line`."""

    name: str
    where: str
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Scenario:
    """One scenario file, validated against the schema; not yet bound to a model.

    Attributes:
        name: The name of its file without the suffix.
        path: The path of its file.
        title: The story in one line.
        origin: The source of the story.
        story: The story.
        roles: The versions that it names for each role, from which its mixes are made.
        features: The build features that it tries, each on and off.
        script: The steps that it prescribes; None if it explores every run.
        tasks: What its tasks do, for those that have a program.
        locks: The locks that these programs use.
        never: Actions that it names and that are possible in none of its mixes, with the reasons.
        assume: The optional assumptions that it makes about the runs that count for progress.
        extra_versions: Versions that the file does not name, each with the one that it stands for.

    Examples:
        >>> import wakeproof
        >>> scenario = wakeproof.load_scenario("issue-1618")
        >>> scenario.roles["import"]
        ('v1', 'v2', 'v3')
        >>> scenario.script[0]
        'call_export export'
    """

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
    never: Mapping[str, str] = field(default_factory=dict)
    assume: tuple[str, ...] = ()
    tasks: tuple[TaskText, ...] = ()
    locks: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    extra_versions: Mapping[str, str] = field(default_factory=dict)

    def with_versions(self, versions: Mapping[str, Sequence[str]]) -> Scenario:
        """Return the scenario with more versions; `versions` maps each to its bases, nearest first.

        A version that the scenario does not name stands beside the nearest of its bases that the
        scenario names, and the expectations of this base apply to it.
        """
        named = {version for listed in self.roles.values() for version in listed}
        extra = {
            version: base
            for version, bases in versions.items()
            if version not in named and (base := next((b for b in bases if b in named), None))
        }
        matter = self.open_roles() or list(self.roles)
        roles = {
            role: (*listed, *(v for v, base in extra.items() if role in matter and base in listed))
            for role, listed in self.roles.items()
        }
        return dataclasses.replace(
            self, roles=roles, extra_versions={**self.extra_versions, **extra}
        )

    def with_names_of(self, named: Callable[[str], str]) -> Scenario:
        """Return the scenario with the versions that its words name, such as a release."""

        def of(roles: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
            return {r: tuple(dict.fromkeys(map(named, words))) for r, words in roles.items()}

        return dataclasses.replace(
            self,
            roles=of(self.roles),
            expectations=tuple(
                dataclasses.replace(e, mixes=of(e.mixes)) for e in self.expectations
            ),
        )

    def mixes(self, chosen: Mapping[str, tuple[str, ...]]) -> list[Mix]:
        """List every combination of versions, limited to those `chosen` for each role.

        If the scenario has extra versions and nothing is chosen, a mix has exactly one of these.
        """
        lists = []
        for role, versions in self.roles.items():
            wanted = chosen.get(role, ())
            lists.append([v for v in versions if not wanted or v in wanted])
        combined = [dict(zip(self.roles, mix, strict=True)) for mix in itertools.product(*lists)]
        extra = self.extra_versions.keys()
        if extra and not any(chosen.values()):
            combined = [m for m in combined if len(extra & set(m.values())) == 1]
        return [m for m in combined if not self.uniform or len(set(m.values())) == 1]

    def open_roles(self) -> list[str]:
        """List the roles for which it names several versions; the others do not matter to it."""
        return [role for role, versions in self.roles.items() if len(versions) > 1]

    @property
    def reference(self) -> str:
        """The word that names it in a command: its name if it is bundled, else its path."""
        path = str(self.path)
        word = f"'{path}'" if " " in path else path
        return self.name if self.path.parent == SCENARIOS else word

    @property
    def is_question(self) -> bool:
        """Whether it states nothing about what no `[[expect]]` is about: a violation is news."""
        return self.otherwise.verdict == NOTHING

    def builds(self) -> list[Build]:
        """List every combination of the features that it tries; its own build if it tries none."""
        return combinations(self.features) if self.features else [None]

    def expected(self, property_id: str, mix: Mix, features: Sequence[str]) -> Expectation:
        """Return the first expectation that applies to a build, else the default."""
        mix = {role: self.extra_versions.get(version, version) for role, version in mix.items()}
        for expectation in self.expectations:
            if expectation.applies(property_id, mix, features):
                return expectation
        return self.otherwise

    def line_of_expectation(self, expectation: Expectation) -> str:
        """Return the `file:line` of an expectation: the place of its reason, else of its property.

        Of several with one property it is the last, which is the one that counts nowhere.
        """
        text = self.path.read_text(encoding="utf-8").splitlines()
        words = (expectation.reason, f'"{expectation.property}"')
        lines = [n for word in words for n, line in enumerate(text, 1) if word and word in line]
        return f"{self.path}:{lines[-1] if lines else 1}"

    def line_of(self, text: str) -> str:
        """Return the `file:line` of the first line that holds `text`, or of the first line."""
        lines = self.path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            if text in line:
                return f"{self.path}:{number}"
        return f"{self.path}:1"


def combinations(features: Sequence[str]) -> list[Build]:
    """List every combination of features, each on and off."""
    switches = itertools.product((False, True), repeat=len(features))
    return [tuple(itertools.compress(features, on)) for on in switches]


def bundled_scenarios() -> list[Path]:
    """List the files of the bundled scenarios, in the order of their names."""
    return sorted(SCENARIOS.glob("*.toml"))


def find_scenario(name: str) -> Path:
    """Return the file of the bundled scenario `name`, or the file at the path `name`.

    The suffix may be left out, as in a results file. Raises `InputError` if there is no such file.
    """
    for path in (SCENARIOS / f"{name}.toml", Path(name), Path(f"{name}.toml")):
        if path.is_file():
            return path
    known = [path.stem for path in bundled_scenarios()]
    like = did_you_mean(name, known, most=0)
    raise InputError(
        f"no scenario {name!r}",
        hint=f"{like} `wakeproof list scenarios` lists the bundled ones; ".lstrip()
        + "give a file of your own by path",
    )


def read_scenario(path: Path) -> Scenario:
    """Read one scenario file, extend it by its `base` and validate it.

    Raises `InputError` with file and line.
    """
    table = _with_base(path, ())
    hint = "see `wakeproof list` for names, and docs/reference/scenario.md for the format"
    validate(table, SCHEMA, path, "the scenario", hint)
    program = table.get("program", {})
    otherwise = table.get("otherwise", {"verdict": NOTHING, "reason": "the scenario is a question"})
    roles = {k: tuple(v) for k, v in table["mixes"].items() if k not in (UNIFORM, FEATURES)}
    scenario = Scenario(
        name=path.stem,
        path=path,
        title=table["title"],
        origin=table.get("origin", ""),
        story=table.get("story", "").strip(),
        sizes=table.get("sizes", {}),
        names={k: tuple(v) for k, v in table.get("names", {}).items()},
        parameters=table.get("parameters", {}),
        steps=table.get("bounds", {}).get("steps"),
        actions=tuple(program["actions"]) if "actions" in program else None,
        without=tuple(program.get("without", ())),
        script=tuple(program["script"]) if "script" in program else None,
        roles=roles,
        uniform=table["mixes"].get(UNIFORM, False),
        features=tuple(table["mixes"].get(FEATURES, ())),
        otherwise=Expectation("", otherwise["verdict"], otherwise["reason"]),
        expectations=tuple(_expectation(row, roles) for row in table.get("expect", [])),
        never=program.get("never", {}),
        assume=tuple(table.get("progress", {}).get("assume", ())),
        tasks=_task_texts(path, table.get("task", ())),
        locks=tuple(program.get("locks", ())),
        also=tuple(program.get("also", ())),
    )
    _refuse_contradictions(scenario)
    return scenario


def _refuse_contradictions(scenario: Scenario) -> None:
    """Raise `InputError` for what a scenario states without an effect, beside something else."""

    def refuse(what: str, text: str, hint: str) -> NoReturn:
        raise InputError(what, where=scenario.line_of(text), hint=hint)

    lists = {"actions": scenario.actions is not None, "without": bool(scenario.without)}
    for name, is_given in {**lists, "[[task]]": bool(scenario.tasks)}.items():
        if is_given and scenario.script is not None:
            refuse(f"a script beside {name}", "script", f"leave out one: a script has no {name}")
    for name in scenario.without:
        if scenario.actions is not None and name not in scenario.actions:
            refuse(f"{name} is not among the actions", "without", "leave it out of `without`")
    _refuse_also(scenario)
    if scenario.never and scenario.actions is None:
        refuse("[program.never] without actions", "never", "list the actions under [program]")
    used = " ".join(line for task in scenario.tasks for line, _ in task.lines)
    for lock in scenario.locks:
        if not re.search(rf"(?<![\w-]){re.escape(lock)}(?![\w-])", used):
            refuse(f"no program uses the lock {lock}", "locks", f"write `lock {lock}` in a program")
    for row in scenario.expectations:
        what = f"an expectation of {row.property}"
        if row.sites is not None and row.verdict != "violated":
            refuse(f"{what} that {row.verdict} at sites", row.reason, "leave out sites")
        if both := set(row.on) & set(row.off):
            refuse(f"{what} with {', '.join(both)} on and off", row.reason, "leave out one of them")


def _refuse_also(scenario: Scenario) -> None:
    """Raise `InputError` for actions besides those of the host, where there is nothing besides."""
    where = scenario.line_of("also")
    if scenario.also and scenario.actions is not None:
        hint = "leave out `also`, and add its actions to the list"
        raise InputError("also beside actions", where=where, hint=hint)
    if scenario.also and not scenario.tasks:
        hint = "leave it out: without [[task]] and a list all are possible"
        raise InputError("also without [[task]]", where=where, hint=hint)


def _expectation(row: Mapping[str, Any], roles: Mapping[str, Any]) -> Expectation:
    return Expectation(
        row["property"],
        row["verdict"],
        row["reason"],
        tuple(row["sites"]) if "sites" in row else None,
        {role: tuple(row[role]) for role in roles if role in row},
        tuple(row.get("on", ())),
        tuple(row.get("off", ())),
        tuple(row.get("host", ())),
    )


def _task_texts(path: Path, tasks: Sequence[Mapping[str, Any]]) -> tuple[TaskText, ...]:
    """Return the programs of a scenario file, each line with its place in the file.

    The parser of TOML keeps no places, so that the lines are looked for in their order.
    """
    text = path.read_text(encoding="utf-8")
    at = 0

    def place(words: str) -> str:
        nonlocal at
        found = max(text.find(words, at), at)
        at = min(found + len(words), len(text)) if text.startswith(words, found) else at
        return f"{path}:{text.count(chr(10), 0, found) + 1}"

    texts = []
    for table in tasks:
        place("[[task]]")
        where = place(f'"{table["name"]}"')
        place("does")
        texts.append(
            TaskText(
                table["name"], where, tuple((line, place(f'"{line}"')) for line in table["does"])
            )
        )
    return tuple(texts)


def _with_base(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    """Return a file's table merged over its base's, key by key; lists are replaced whole."""
    table = load_toml(path)
    base = table.pop("base", None)
    if base is None:
        return table
    base_path = path.parent / str(base)
    if path in seen:
        raise InputError(
            "the scenario is its own base", where=f"{path}:1", hint="name another file as its base"
        )
    merged = _with_base(base_path, (*seen, path))
    for key, value in table.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = {**merged[key], **value}
        else:
            merged[key] = value
    return merged


def one_version(scenario: Scenario, mix: Mix) -> str | None:
    """Return the version of every role that matters to a scenario; None if they differ."""
    versions = {mix[role] for role in scenario.open_roles()} or set(mix.values())
    return versions.pop() if len(versions) == 1 else None
