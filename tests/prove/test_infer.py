"""The search for lemmas, on a lock: a model that is small enough to see what must be found."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wakeproof.bundled import MODEL
from wakeproof.cli import cli
from wakeproof.errors import Exit, InputError
from wakeproof.execution.machine import Machine
from wakeproof.language.model import BUNDLED
from wakeproof.language.resolve import Resolved, resolve
from wakeproof.language.sources import read_sources
from wakeproof.language.values import Run, Scalar, Step, domain
from wakeproof.prove.induction import Induction
from wakeproof.prove.infer.cube import condition, instances, never
from wakeproof.prove.infer.lemma_source import file_text, sentence
from wakeproof.prove.infer.pdr import Inferred, infer
from wakeproof.prove.infer.pdr_solver import Breaker
from wakeproof.prove.infer.proposals import proposals
from wakeproof.prove.infer.random_walks import Player, Walk
from wakeproof.prove.lemma_sources import resolve_with_lemmas
from wakeproof.prove.obligation import Counterexample, breaks
from wakeproof.scenario.mixes import ROLES

LOCK = '''"""A lock for some tasks."""

from __future__ import annotations

from wakeproof.language import Array, Index, action, declare, guard, invariant, panic


class Task(Index):
    """Who takes the lock."""


class State:
    """Everything that changes."""

    holder: Task | None
    inside: Array[Task, bool]
    waits: Array[Task, bool]


class Parameters:
    """What a run fixes."""

    may_wait: Array[Task, bool]


s = declare(State)
p = declare(Parameters)


@action("initial")
def begin() -> None:
    """Nobody holds the lock."""
    s.holder = None


@action("Task")
def enter(task: Task) -> None:
    """Take the lock, and go in."""
    guard(s.holder is None)
    guard(not s.waits[task])
    s.holder = task
    s.inside[task] = True


@action("Task")
def wait(task: Task) -> None:
    """Wait for the lock."""
    guard(p.may_wait[task])
    guard(not s.inside[task])
    s.waits[task] = True


@action("Task")
def leave(task: Task) -> None:
    """Go out, and let in one that waits."""
    guard(s.inside[task])
    if s.holder != task:
        panic("lock::leave::not-held")
    s.inside[task] = False
    s.holder = None
    for other in Task:
        if s.waits[other] and s.holder is None:
            s.waits[other] = False
            s.holder = other
            s.inside[other] = True


@invariant("one-inside")
def one_inside() -> bool:
    """There is one task inside at most."""
    return all(
        all(task == other or not s.inside[task] or not s.inside[other] for other in Task)
        for task in Task
    )
'''

LEMMAS = '''"""What holds of the lock."""

from __future__ import annotations

from model.lock import Task, p, s
from wakeproof.language import lemma


@lemma("only a task that may waits")
def who_waits_may() -> bool:
    """`wait` looks."""
    return all(not s.waits[task] or p.may_wait[task] for task in Task)
'''

PROPERTIES = """[[property]]
id = "one-inside"
says = "there is one task inside at most"
means = "What the lock guards is changed by two tasks at once."

[[property]]
id = "no-panic"
says = "nothing panics"
means = "The process ends."
outcome = "panic"
"""

STAGES = '''"""Tasks that go from stage to stage, and may do some things, but not all of them."""

from __future__ import annotations

from wakeproof.language import Array, Index, action, declare, guard, panic


class Task(Index):
    """Who goes on."""


class State:
    """Everything that changes."""

    first: Array[Task, bool]
    second: Array[Task, bool]
    third: Array[Task, bool]
    reads: Array[Task, bool]
    writes: Array[Task, bool]
    waits: Array[Task, bool]
    holds: Array[Task, bool]


s = declare(State)


@action("initial")
def begin() -> None:
    """Nobody has begun."""


@action("Task")
def set_out(task: Task) -> None:
    """The first stage."""
    s.first[task] = True


@action("Task")
def go_on(task: Task) -> None:
    """To the next stage."""
    if s.second[task]:
        s.third[task] = True
    if s.first[task]:
        s.second[task] = True


@action("Task")
def arrive(task: Task) -> None:
    """At the third stage."""
    guard(s.third[task])
    if not s.first[task]:
        panic("stages::arrive::never-began")


@action("Task")
def read(task: Task) -> None:
    """Unless it does all the others."""
    guard(not (s.writes[task] and s.waits[task] and s.holds[task]))
    s.reads[task] = not s.reads[task]


@action("Task")
def write(task: Task) -> None:
    """Unless it does all the others."""
    guard(not (s.reads[task] and s.waits[task] and s.holds[task]))
    s.writes[task] = not s.writes[task]


@action("Task")
def wait(task: Task) -> None:
    """Unless it does all the others."""
    guard(not (s.reads[task] and s.writes[task] and s.holds[task]))
    s.waits[task] = not s.waits[task]


@action("Task")
def hold(task: Task) -> None:
    """Unless it does all the others."""
    guard(not (s.reads[task] and s.writes[task] and s.waits[task]))
    s.holds[task] = not s.holds[task]


@action("Task")
def rest(task: Task) -> None:
    """Do nothing."""
    if s.reads[task] and s.writes[task] and s.waits[task] and s.holds[task]:
        panic("stages::rest::does-all")
'''

SIZES = {"Task": 3}
SITE = "panic lock::leave::not-held"
FREED_TOO_EARLY = ("    s.waits[task] = True\n", "    s.waits[task] = True\n    s.holder = None\n")


def write_lock(folder: Path, fault: tuple[str, str] = ("", "")) -> Path:
    """The lock as a model folder of its own."""
    model = folder / "lock"
    for inside, files in {
        "": {"lock.py": LOCK.replace(*fault) if fault[0] else LOCK, "properties.toml": PROPERTIES},
        "versions": {"v2.py": 'BASE = ""\n'},
        "proofs": {"locks.py": LEMMAS, "proofs.toml": "[sizes]\nTask = 3\n"},
    }.items():
        (model / inside).mkdir(exist_ok=True, parents=True)
        for name, text in files.items():
            (model / inside / name).write_text(text, encoding="utf-8")
    return model


def lock(model: Path) -> Resolved:
    return resolve(read_sources(model, (), model / "proofs"), {"import": "v2"})


def stages(folder: Path) -> Resolved:
    """The stages as a model folder of its own, without a lemma."""
    (folder / "versions").mkdir()
    (folder / "proofs").mkdir()
    (folder / "stages.py").write_text(STAGES, encoding="utf-8")
    (folder / "versions" / "v2.py").write_text('BASE = ""\n', encoding="utf-8")
    return lock(folder)


def search(resolved: Resolved, goal: str, seconds: float = 600) -> Inferred:
    return infer(resolved, SIZES, goal, seconds, lambda _: None)


def prove(model: Path, *options: str) -> Result:
    return CliRunner().invoke(cli, ["prove", "--model", str(model), *options])


def test_the_one_inside_holds_the_lock(tmp_path: Path) -> None:
    resolved = lock(write_lock(tmp_path))
    found = search(resolved, "one-inside")
    assert not found.reason
    # the one fact that is missing, and no other
    assert [sentence(resolved.program, lemma) for lemma in found.lemmas] == [
        "never at once: holder is not task; inside[task]"
    ]


def test_a_site_needs_the_same_fact(tmp_path: Path) -> None:
    found = search(lock(write_lock(tmp_path)), SITE)
    assert not found.reason
    assert found.lemmas


def test_a_lemma_may_need_another_about_how_the_state_arose(tmp_path: Path) -> None:
    resolved = stages(tmp_path)
    found = search(resolved, "panic stages::arrive::never-began")
    assert not found.reason
    # to be at the third stage without the first takes the second without the first
    assert {sentence(resolved.program, lemma) for lemma in found.lemmas} == {
        "never at once: not first[task]; second[task]",
        "never at once: not first[task]; third[task]",
    }


def test_a_lemma_may_have_as_many_conditions_as_it_takes(tmp_path: Path) -> None:
    resolved = stages(tmp_path)
    found = search(resolved, "panic stages::rest::does-all")
    assert not found.reason
    assert [sentence(resolved.program, lemma) for lemma in found.lemmas] == [
        "never at once: holds[task]; reads[task]; waits[task]; writes[task]"
    ]


def test_a_proposal_is_a_lemma_as_soon_as_it_is_among_them(tmp_path: Path) -> None:
    model = write_lock(tmp_path)
    resolved = lock(model)
    lemmas = {"found": search(resolved, "one-inside").lemmas[0]}
    modules = dict.fromkeys(("Task", "s", "p"), "model.lock")
    text = file_text(resolved.program, lemmas, modules)
    (model / "proofs" / "found.py").write_text(text, encoding="utf-8")
    # nothing is missing any more
    assert search(lock(model), "one-inside") == Inferred(
        states=search(resolved, "one-inside").states
    )


def test_the_text_of_a_lemma_is_the_one_searched(tmp_path: Path) -> None:
    model = write_lock(tmp_path)
    resolved = lock(model)
    (lemma,) = search(resolved, "one-inside").lemmas
    modules = dict.fromkeys(("Task", "s", "p"), "model.lock")
    text = file_text(resolved.program, {"found": lemma}, modules)
    (model / "proofs" / "found.py").write_text(text, encoding="utf-8")
    machine = Machine(lock(model), Run({"Task": 2}, {"may_wait": [True, True]}))
    for holder in (None, 0, 1):
        for inside in ([False, False], [True, False], [False, True], [True, True]):
            machine.s.holder, machine.s.inside = holder, inside
            expected = all(holder == task for task in (0, 1) if inside[task])
            assert machine.namespace["found"]() == expected
    assert len(list(instances(lemma, {"Task": 2}))) == 2


def test_a_property_that_is_violated_comes_with_a_walk_of_which_every_step_is_needed(
    tmp_path: Path,
) -> None:
    found = search(lock(write_lock(tmp_path, FREED_TOO_EARLY)), "one-inside")
    # in, another waits and so frees the lock, a third goes in
    assert found.reason == "it is violated, by a walk of 3 steps"
    assert found.violation is not None
    assert [step.action for step in found.violation.steps] == ["enter", "wait", "enter"]
    assert len({step.arguments for step in found.violation.steps}) == 3
    assert not found.lemmas


def test_a_walk_violates_what_its_last_step_does(tmp_path: Path) -> None:
    player = Player(lock(write_lock(tmp_path, FREED_TOO_EARLY)), SIZES)
    parameters: dict[str, object] = {"may_wait": [False, True, False]}
    steps = [Step("enter", (0,)), Step("wait", (1,)), Step("enter", (2,)), Step("leave", (0,))]
    assert player.violates(Walk(parameters, tuple(steps)), SITE)
    assert not player.violates(Walk(parameters, tuple(steps)), "one-inside")
    assert player.violates(Walk(parameters, tuple(steps[:3])), "one-inside")
    # impossible: the second may not wait, so that the third cannot go in
    assert not player.violates(Walk({"may_wait": [True, False, True]}, tuple(steps)), SITE)
    # it has gone wrong before it comes to an end
    assert not player.violates(Walk(parameters, (*steps, Step("enter", (1,)))), SITE)
    # to leave out one of the first two alone is not possible
    longer = (Step("enter", (1,)), Step("leave", (1,)), *steps)
    needed = (steps[0], steps[1], steps[3])
    assert player.shortened(Walk(parameters, longer), SITE).steps == needed


def test_what_is_violated_is_not_proved_though_no_walk_comes_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wakeproof.prove.infer.pdr.STATES", 1)
    monkeypatch.setattr("wakeproof.prove.infer.random_walks.LONGEST", 1)
    resolved = lock(write_lock(tmp_path, FREED_TOO_EARLY))
    for goal in ("one-inside", SITE):
        found = search(resolved, goal)
        assert found.states == 1
        assert found.reason.startswith("it seems to be violated")
        assert not found.lemmas


@pytest.mark.parametrize(
    ("action", "goal"),
    [
        ("poll", "panic future_support::FutureReadOp.in_progress_update::known-code"),
        ("drop_operation", "one-home"),
    ],
)
def test_the_cells_of_a_cube_decide_what_the_step_does(action: str, goal: str) -> None:
    resolved = resolve_with_lemmas(BUNDLED, dict.fromkeys(ROLES, "v2"))
    sizes = {"Task": 2, "Future": 2, "Operation": 2, "Handle": 3, "Channel": 2}
    breaker = Breaker(Induction(resolved, sizes, (action,), every_state=True), lambda _: [])
    found = breaker.breaking(breaker.goal(goal), [])
    assert found is not None
    machine = Machine(resolved, Run(sizes, {}))
    names = list(resolved.program.parameters)
    places = {breaker.place(c): c.value for c in found.cube}
    kinds = [declared.value for _, _, declared in machine.layout()]
    chance = random.Random(1)
    for _ in range(200):
        cells = [
            places.get(n, chance.choice(domain(resolved.program, sizes, kind)))
            for n, kind in enumerate(kinds)
        ]
        parameters = {n: random_parameter(breaker, places, n, chance) for n in names}
        step = Counterexample(sizes, parameters, tuple(cells), found.state.step)
        assert breaks(resolved, step, goal)


def random_parameter(
    breaker: Breaker, places: Mapping[int, Scalar], name: str, chance: random.Random
) -> object:
    """A parameter as a `Run` has it, with the cells at these places as they are there."""
    program, model = breaker.induction.program, breaker.model
    start, extents = model.places["p"][name]
    first = len(breaker.before) - len(model.parameters) + start
    kind = program.parameters[name].value
    cells = [
        places.get(first + n, chance.choice(domain(program, model.run.sizes, kind)))
        for n in range(math.prod(extents))
    ]
    return cells if extents else cells[0]


def test_a_search_that_has_no_time_finds_nothing(tmp_path: Path) -> None:
    found = search(lock(write_lock(tmp_path)), "one-inside", seconds=0)
    assert found.reason == "0 seconds were not enough"
    assert not found.lemmas


def test_the_command_proves_what_it_proposes(tmp_path: Path) -> None:
    model = write_lock(tmp_path)
    result = prove(model, "--infer", "--property", "one-inside")
    assert result.exit_code == Exit.AS_EXPECTED, result.output
    assert "inferred_1, proved: never at once: holder is not task; inside[task]" in result.output
    assert "one-inside is proved with these, at these sizes" in result.output
    assert "from model.lock import Task, s\n" in result.output
    assert "return all(s.holder == task or not s.inside[task] for task in Task)" in result.output


def test_the_command_does_not_prove_what_is_violated(tmp_path: Path) -> None:
    model = write_lock(tmp_path, FREED_TOO_EARLY)
    result = prove(model, "--infer", "--property", "one-inside")
    assert result.exit_code == Exit.NOT_AS_EXPECTED
    assert "no set of lemmas was found: it is violated, by a walk of 3 steps" in result.output
    assert "may_wait[task" in result.output
    assert "3 Task    enter(task" in result.output


@pytest.mark.parametrize(
    ("field", "version"), [("code", ""), ("registered", "v2")], ids=["of all", "of V2"]
)
def test_a_proposal_is_for_the_lemmas_of_the_version_that_has_its_fields(
    field: str, version: str
) -> None:
    mix = dict.fromkeys(ROLES, "v2")
    resolved = resolve_with_lemmas(BUNDLED, mix)
    value = resolved.program.state[field].value
    lemma = never(
        [condition(resolved.program, "s", field, (0,), False, None if value.optional else 0)]
    )
    text, place = proposals(BUNDLED, mix, resolved, Inferred([lemma]))
    assert place == version
    assert f"from model.{'versions.v2' if version else 'state'} import s\n" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "one property in one mix"),
        (["--property", "one-home", "--import", "v1,v2"], "one property in one mix"),
        (["--property", "no-such"], "unknown property 'no-such'"),
        (["--property", "no-panic"], "no-panic is about many sites"),
        (["--property", "one-home", "--any-number"], "does not go with --any-number"),
    ],
    ids=["nothing", "two mixes", "unknown", "sites", "any number"],
)
def test_wrong_use_is_one_message(options: list[str], message: str) -> None:
    result = prove(MODEL, "--infer", *options)
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)
