"""What the tasks of a scenario do: `[[task]]`, read for a model and made part of its program."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from wakeproof.errors import InputError
from wakeproof.language import ir
from wakeproof.language.model import Model
from wakeproof.language.values import Run
from wakeproof.scenario.automaton import Automaton, TaskProgram, automaton
from wakeproof.scenario.file import Scenario, TaskText
from wakeproof.scenario.parameters import Names
from wakeproof.scenario.program_text import Place, read_line
from wakeproof.scenario.words import Words, words_of
from wakeproof.util.text import did_you_mean


def needed_words(scenario: Scenario, model: Model) -> Words | None:
    """Return the words for the programs of a scenario; None if it has none.

    Raises `InputError` for a model that has no words.
    """
    if not scenario.tasks:
        return None
    words = words_of(model.root)
    if words is None:
        raise InputError(
            "the model has no words for programs",
            where=scenario.tasks[0].where,
            hint=f"write {model.root / 'programs.toml'}, or list actions under [program]",
        )
    return words


def with_derived(scenario: Scenario, words: Words | None, task: str) -> Scenario:
    """Return the scenario with the names and sizes that follow from what it states.

    A size is the number of names where there are names; in a scenario with programs the members of
    the type `task` are those that have a program, and sizes that it leaves out are `enough`.
    """
    names, sizes = dict(scenario.names), dict(scenario.sizes)
    actions = scenario.actions
    if words is not None and task not in names and task not in sizes:
        futures = names.get(words.index, ())
        names[task] = tuple(t.name for t in scenario.tasks if t.name not in futures)
        if not names[task]:
            first = scenario.tasks[0].name
            body = [f"{name}-body" if name == first else name for name in futures]
            raise InputError(
                f"there is no {task}: every [[task]] is the program of a {words.index} of its name",
                where=scenario.tasks[0].where,
                hint=f"the {words.index} of a task has another name; if {first} is called, write "
                f"{words.index} = {json.dumps(body)}",
            )
    if words is not None and task in names:
        _check_futures(scenario, words, names[task], names.get(words.index))
    for name, members in names.items():
        sizes.setdefault(name, len(members))
    if words is not None:
        for name, parts in words.enough.items():
            if name not in sizes and set(parts) <= sizes.keys():
                sizes[name] = min(64, sum(number * sizes[part] for part, number in parts.items()))
        if words.index not in names and sizes.get(words.index) == len(names.get(task, ())):
            names[words.index] = tuple(f"{name}-body" for name in names[task])
        actions = (*words.free, *scenario.also) if actions is None else actions
    return dataclasses.replace(scenario, names=names, sizes=sizes, actions=actions)


def _begins_others(scenario: Scenario, words: Words) -> bool:
    """Return whether an action that is allowed besides begins members that no task runs."""
    return any(
        start.member.isidentifier() and start.action in scenario.also for start in words.starts
    )


def _check_futures(
    scenario: Scenario, words: Words, tasks: Sequence[str], listed: Sequence[str] | None
) -> None:
    """Raise `InputError` if a list of futures has none for some task, or not the spawned ones.

    Without a list there is one for each task, and none to spawn.
    """
    if listed is None and not _begins_others(scenario, words):
        return
    futures = listed or ()
    spawned = [t.name for t in scenario.tasks if t.name in futures]
    if not spawned and _begins_others(scenario, words):
        spawned = list(futures[:1]) or ["spawned"]
    if len(futures) < len(tasks) + len(spawned):
        needed = ", ".join(f'"{name}"' for name in (*(f"{t}-body" for t in tasks), *spawned))
        raise InputError(
            f"each task has a {words.index} of its own, and a spawned one is another: "
            f"{len(tasks) + len(spawned)} are needed, and the list has {len(futures)}",
            where=scenario.line_of(f"{words.index} =" if futures else "also"),
            hint=f"write {words.index} = [{needed}]",
        )


def refuse_without_start(
    scenario: Scenario, words: Words, starts: Mapping[str, Any], actions: Sequence[str]
) -> None:
    """Raise `InputError` for a program that a step of the host begins which is not allowed.

    `starts` are those of `starts_of`. Nothing would happen, and every property would hold.
    """
    for start in words.starts:
        begun = [n for n, may in enumerate(starts.get(start.may, ())) if may]
        if begun and start.action not in actions:
            task = next(iter(scenario.tasks))
            raise InputError(
                f"the program of {task.name} never begins: {start.action} is not among the actions",
                where=scenario.line_of("actions"),
                hint="write `also` in the place of `actions`: host and peers then act as well",
            )


def automaton_of(
    scenario: Scenario, words: Words, program: ir.Program, run: Run, names: Names
) -> Automaton:
    """Return the automaton of the programs of a scenario.

    Raises `InputError` with file and line for what the model does not have.
    """
    task = program.parameters[words.task].keys[0]
    members: dict[int, TaskText] = {}
    programs = []
    for text in scenario.tasks:
        member = _member(text, names[task], names[words.index], run.parameters[words.task])
        if member in members:
            raise InputError(
                f"two programs for {text.name}", where=text.where, hint="write one of them"
            )
        members[member] = text
        lines = [Place(text.name, line, where) for line, where in text.lines]
        last = Place(text.name, "the end of the program", text.lines[-1][1])
        programs.append(TaskProgram(member, tuple(map(read_line, lines)), last))
    free = frozenset(scenario.actions or ())
    return automaton(programs, program, run.sizes, names, words, scenario.locks, free)


def _member(
    text: TaskText, tasks: Sequence[str], futures: Sequence[str], roots: Sequence[int]
) -> int:
    """Return the member whose program a text is: that of a task, or a future that is spawned."""
    if text.name in tasks:
        return roots[list(tasks).index(text.name)]
    if text.name in futures:
        return list(futures).index(text.name)
    raise InputError(
        f"no task {text.name!r}",
        where=text.where,
        hint=did_you_mean(text.name, [*tasks, *futures]),
    )


def starts_of(
    scenario: Scenario, made: Automaton, program: ir.Program, run: Run
) -> Mapping[str, Any]:
    """Return the parameters that say how a task begins, if the scenario leaves them out.

    A task begins in a step of the program if some program names it there, else in one of the host.
    """
    task = program.parameters[made.words.task].keys[0]
    size = run.sizes[task]
    named = {start.action: [False] * size for start in made.words.starts}
    for spot in made.spots:
        for action, arguments in spot.letters:
            if (
                action in named
                and arguments
                and program.functions[action].parameters[0][1].name == task
            ):
                named[action][arguments[0]] = True
    called = [any(row[n] for row in named.values()) for n in range(size)]
    found = {}
    for start in made.words.starts:
        if start.may and start.may not in scenario.parameters:
            by_program = program.functions[start.action].marks["action"] == "program"
            found[start.may] = named[start.action] if by_program else [not c for c in called]
    return found
