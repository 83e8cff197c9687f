"""What is proved of the ABI by induction, and that a fault in the model makes a proof fail."""

from __future__ import annotations

import contextlib
import itertools
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import z3
from click.testing import CliRunner

from tests.support import Alter
from wakeproof.bundled import MODEL, PROOFS, ROOT, SCENARIOS
from wakeproof.cli import cli
from wakeproof.commands.prove import (
    Shown,
    chosen_goals,
    chosen_sizes,
    concluded,
    uncovered,
)
from wakeproof.errors import InputError, ModelError
from wakeproof.execution.machine import Machine
from wakeproof.language.model import BUNDLED, Model
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.resolve import Resolved
from wakeproof.language.values import Snapshot
from wakeproof.prove.certificates.folder import COUNT, MARK
from wakeproof.prove.certificates.recheck import recheck
from wakeproof.prove.certificates.write import certificate
from wakeproof.prove.conclusions import ABSENT, Trace, known_violations
from wakeproof.prove.induction import Induction
from wakeproof.prove.lemma_sources import resolve_with_lemmas, sizes_of, with_host_of_lemmas
from wakeproof.prove.obligation import (
    INITIAL,
    Answer,
    actions_of,
    breaks,
    facts_of,
    premises_of,
)
from wakeproof.prove.proof import Proof
from wakeproof.prove.symmetry_breaking import interchangeable, restricted_values
from wakeproof.report.pages.review import review_page
from wakeproof.report.proof_matrix import matrix
from wakeproof.report.terminal.counterexamples import describe_counterexample
from wakeproof.review.proofs import compare_proofs
from wakeproof.review.review import Review
from wakeproof.scenario.file import read_scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import ROLES
from wakeproof.symbolic.smtlib import declarations, definitions, term_name
from wakeproof.symbolic.terms import Terms

SMALL = {"Task": 2, "Future": 2, "Operation": 1, "Handle": 3, "Channel": 1}
PROMISED = ("no-stale-callback", "map-mirrors-set", "one-home", "refcount-exact")
"""What V2 with V2 promises, of the properties that are no way to go wrong."""

UNPROVED = (
    "no-waitable-in-dead-set",
    "no-lost-wakeup",
    "no-stuck-task",
    "no-leak",
    "no-lost-spawn",
    "no-lost-item",
)


def resolved(mix: str = "v2/v2/v2", model: Path = MODEL) -> Resolved:
    return resolve_with_lemmas(Model(model), dict(zip(ROLES, mix.split("/"), strict=True)))


def hypotheses(program: Resolved) -> list[str]:
    return [fact for fact in facts_of(program.program) if fact not in UNPROVED]


def decide(
    program: Resolved, action: str, goals: tuple[str, ...], without: tuple[str, ...] = ()
) -> dict[str, Answer]:
    """The answers about some goals of one action, with some facts not assumed.

    What is asked is assumed to hold before, as in any proof by induction.
    """
    facts = [h for h in facts_of(program.program) if h not in UNPROVED or h in goals]
    assumed = [h for h in facts if h not in without]
    return {a.goal: a for a in Induction(program, SMALL, (action,)).answers(assumed, goals)}


@pytest.mark.parametrize("action", ["poll", "return_ready", "request_cancellation"])
def test_no_action_of_v2_breaks_what_v2_promises(action: str) -> None:
    answers = decide(resolved(), action, PROMISED)
    assert answers
    assert {a.status for a in answers.values()} == {"proved"}


def invented() -> list[str]:
    """The fourth version of the guide, with its mistake and without."""
    guide = (ROOT / "docs" / "how-to" / "next-version.md").read_text("utf-8")
    return re.findall(r"^```python[^\n]*\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("draft", "status"), [(0, "fails"), (1, "proved")])
def test_a_version_beside_the_model_gets_its_answer(
    draft: int, status: str, tmp_path: Path
) -> None:
    file = tmp_path / "v4.py"
    file.write_text(invented()[draft], encoding="utf-8")
    program = resolve_with_lemmas(Model(MODEL, (file,)), dict.fromkeys(ROLES, "v4"))
    answer = decide(program, "drop_operation", ("map-mirrors-set",))["map-mirrors-set"]
    assert answer.status == status, "a map that keeps its entries is not that of its set"


def test_a_violation_of_a_version_beside_the_model_is_known_by_its_trace(tmp_path: Path) -> None:
    file = tmp_path / "v4.py"
    file.write_text(invented()[0], encoding="utf-8")
    path = SCENARIOS / "issue-1618.toml"
    mixes = [dict.fromkeys(ROLES, "v4")]
    known = known_violations(
        Model(MODEL, (file,)), [read_scenario(path)], mixes, lambda: None, False
    )
    assert ("v4/v4/v4", "map-mirrors-set", "") in known


def test_no_poll_of_v2_uses_freed_memory() -> None:
    induction = Induction(resolved(), SMALL, ("poll",))
    goals = [g for g in induction.goals() if g.startswith("undefined ")]
    answers = list(induction.answers(hypotheses(induction.resolved), goals))
    assert {a.goal for a in answers} >= {"undefined async_support::cabi_to_self::freed"}
    assert {a.status for a in answers} == {"proved"}


@dataclass(frozen=True)
class Mutant:
    """A fault in the model's text, and the obligation that it breaks."""

    goal: str
    action: str
    fault: str
    file: str
    old: str
    new: str
    mix: str = "v2/v2/v2"


MUTANTS = [
    Mutant(
        "no-stale-callback",
        "deliver_event",
        "a delivered event leaves its entry in the map",
        "async_support.py",
        "    s.waitables[task][waitable] = None\n    s.dangling[task][waitable] = False\n"
        "    cabi_wake(",
        "    cabi_wake(",
    ),
    Mutant(
        "map-mirrors-set",
        "poll",
        "registering forgets the waitable set",
        "versions/v2.py",
        "    add_waitable(task, waitable)\n",
        "",
    ),
    Mutant(
        "one-home",
        "poll",
        "an operation that moves stays registered with the task that it leaves",
        "versions/v2.py",
        "            cabi_task_unregister(operation, task, waitable)\n",
        "            s.registered[operation] = None\n",
    ),
    Mutant(
        "refcount-exact",
        "poll",
        "the task that is kept is not cloned",
        "versions/v2.py",
        "    clone_of(task)\n    operation_drop_task",
        "    operation_drop_task",
    ),
    Mutant(
        "refcount-exact",
        "poll",
        "the task that was kept is dropped twice",
        "versions/v2.py",
        "        s.cabi_task[operation] = None\n        drop_of(task)\n",
        "        s.cabi_task[operation] = None\n        drop_of(task)\n        drop_of(task)\n",
    ),
    Mutant(
        "task-pointer-restored",
        "poll",
        "registering does not put the current task back",
        "versions/v2.py",
        '    wasip3_task_restore(task)\n\n\n@side("operation")\ndef unregister_waker',
        '\n\n@side("operation")\ndef unregister_waker',
    ),
    Mutant(
        "undefined alloc::Arc.drop::freed",
        "poll",
        "a reference is given back twice",
        "versions/v2.py",
        "        s.cabi_task[operation] = None\n        drop_of(task)\n",
        "        s.cabi_task[operation] = None\n        drop_of(task)\n        drop_of(task)\n",
    ),
    Mutant(
        "no-waitable-in-dead-set",
        "finish_drop",
        "a task that ends leaves its set behind",
        "async_support.py",
        "    tasks_drop(task)\n    waitable_set_drop(task)\n",
        "    tasks_drop(task)\n",
        "v1/v1/v1",
    ),
    Mutant(
        "no-lost-wakeup",
        "poll_join_handle",
        "somebody goes on waiting for a future that is gone",
        "program.py",
        "    if is_gone(future):\n        join_handle_drop(future)\n        return\n",
        "",
    ),
    Mutant(
        "no-stuck-task",
        "peer_drop",
        "a copy ends without an event when the peer is gone",
        "host.py",
        "            s.pending[handle] = Pending.DROPPED\n",
        "            s.copy_state[handle] = CopyState.DONE\n",
    ),
    Mutant(
        "registrations_have_entries",
        "deliver_event",
        "an event that is delivered wakes nobody",
        "async_support.py",
        "    cabi_wake(operation, dangling, code)\n",
        "",
    ),
    Mutant(
        "panic waitable::register_waker::no-code-pending",
        "poll",
        "a poll leaves the code where it is",
        "waitable.py",
        "        s.code[operation] = Code.NONE\n"
        "        return poll_complete_with_code(operation, status, True, waker, future)\n",
        "        return poll_complete_with_code(operation, status, True, waker, future)\n",
    ),
    Mutant(
        "trap host::WaitableSet.drop::not-empty",
        "poll",
        "an operation that moves leaves its waitable in the set",
        "versions/v2.py",
        "            cabi_task_unregister(operation, task, waitable)\n",
        "            pass\n",
    ),
]


@pytest.mark.nightly(but=6)
@pytest.mark.slow(but=3)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.fault.replace(" ", "-"))
def test_a_fault_breaks_an_obligation(mutant: Mutant, alter: Alter) -> None:
    whole = decide(resolved(mutant.mix), mutant.action, (mutant.goal,))
    # no answer: the step leaves what the goal is about as it is
    assert mutant.goal not in whole or whole[mutant.goal].status == "proved"
    faulty = resolved(mutant.mix, alter(mutant.file, mutant.old, mutant.new))
    answer = decide(faulty, mutant.action, (mutant.goal,))[mutant.goal]
    assert answer.status == "fails"
    # found by the solvers, and taken again by plain Python
    assert answer.counterexample is not None
    assert answer.counterexample.step.action == mutant.action
    described = describe_counterexample(faulty, answer.counterexample)
    assert described["before"]
    assert described["step"]["action"] == mutant.action


@pytest.mark.parametrize(
    ("goal", "fault"),
    [
        ("refcount-exact", "    for task in Task:\n        s.strong_count[task] = 1\n"),
        ("no-leak", "    for task in Task:\n        s.strong_count[task] = 1\n"),
        (
            "no-lost-spawn",
            "    for future in Future:\n        if p.task_of[future] is None:\n"
            "            s.spawned_in[future] = Release.R1\n",
        ),
    ],
)
def test_a_fact_that_is_false_at_the_beginning_fails(goal: str, fault: str, alter: Alter) -> None:
    # a future that belongs to no task is one to spawn
    sizes = {**SMALL, "Future": 3}
    whole = Induction(resolved(), sizes, (INITIAL,)).answers((), (goal,))
    assert {a.status for a in whole} <= {"proved"}
    line = "    s.free_head = p.first_handle\n"
    model = alter("world.py", line, line + fault)
    (answer,) = Induction(resolved(model=model), sizes, (INITIAL,)).answers((), (goal,))
    assert answer.status == "fails"
    assert answer.reason == "it does not hold at the beginning"
    # the step from before everything into an initial state, which plain Python has taken too
    assert answer.counterexample is not None
    assert answer.counterexample.step.action == "initialise"
    assert breaks(resolved(model=model), answer.counterexample, goal)


def test_a_proof_fails_without_a_lemma_that_it_needs() -> None:
    program = resolved()
    proved = decide(program, "poll", ("one-home",))["one-home"]
    assert "entries_are_registrations" in proved.needs
    alone = tuple(h for h in hypotheses(program) if h != "one-home")
    assert decide(program, "poll", ("one-home",), alone)["one-home"].status == "fails"


def test_a_proof_needs_no_more_than_the_facts_that_it_lists() -> None:
    program = resolved()
    needs = decide(program, "poll", ("one-home",))["one-home"].needs
    others = tuple(h for h in hypotheses(program) if h not in needs)
    assert decide(program, "poll", ("one-home",), others)["one-home"].status == "proved"


# --- members that are interchangeable ------------------------------------------------------------

LAST_TASK = '''


def last_task() -> Task | None:
    """The last of the tasks that are alive."""
    found: Task | None = None
    for task in Task:
        if s.alive[task]:
            found = task
    return found


@invariant("one-home")
def one_home() -> bool:'''


def test_futures_have_an_order_and_other_members_are_interchangeable() -> None:
    program = resolved().program
    # `head_all` looks for one among the futures of a task; the one found last matters nowhere else
    assert interchangeable(program, ["poll"]) >= {"Task", "Operation", "Handle", "Channel"}
    assert "Future" not in interchangeable(program, ["finish_drop"])


def test_tasks_are_not_interchangeable_in_a_loop_that_keeps_the_last(alter: Alter) -> None:
    old = '\n\n@invariant("one-home")\ndef one_home() -> bool:'
    program = resolved(model=alter("properties.py", old, LAST_TASK)).program
    assert "Task" not in interchangeable(program, ["last_task"])
    assert "Handle" in interchangeable(program, ["last_task"])


@pytest.mark.nightly(but=1)
@pytest.mark.slow
@pytest.mark.parametrize("action", ["drop_operation", "poll", "deliver_event"])
def test_states_that_differ_by_a_change_of_places_change_no_answer(action: str) -> None:
    program = resolved()
    sizes = {"Task": 2, "Future": 2, "Operation": 2, "Handle": 3, "Channel": 2}
    facts = [h for h in hypotheses(program) if h != "ends_copy_for_operations"]
    status = {}
    for every_state in (False, True):
        induction = Induction(program, sizes, (action,), every_state)
        answers = induction.answers(facts, induction.goals())
        status[every_state] = {a.goal: a.status for a in answers}
    # what is plain where some pointers are known has no answer there
    plain = status[True].keys() - status[False].keys()
    assert {status[True][goal] for goal in plain} <= {"proved"}
    assert status[False].items() <= status[True].items()
    assert set(status[False].values()) == {"proved", "fails"}


def test_members_read_by_the_action_are_named_first() -> None:
    program = resolved().program
    sizes = {"Task": 9, "Future": 9, "Operation": 3, "Handle": 9, "Channel": 4}
    action = program.functions["drop_operation"]
    few = list(
        restricted_values(program, sizes, action, {"Task", "Handle", "Operation", "Channel"})
    )
    own = [few.index(f"before.{field}.0") for field in ("subtask", "registered", "cabi_task")]
    # a drop does not read the future that a task goes back to, nor the one that it waits for
    others = [i for i, name in enumerate(few) if name.startswith(("before.saved", "before.caller"))]
    assert few[0] == "operation of drop_operation"
    assert max(own) < min(others)
    further = [i for i, name in enumerate(few) if name.startswith("before.cabi_task")]
    assert len(further) > 1
    assert max(further) < min(others), "however many steps away they are"
    handles = [few.index(f"before.{field}.0") for field in ("subtask", "waker_stream")]
    assert handles == sorted(handles), "nearer ones come first"


# --- lemmas and premises ------------------------------------------------------------------------


@pytest.mark.parametrize("mix", ["v1/v1/v1", "v2/v2/v2", "v3/v3/v3", "v3/v2/v3"])
@pytest.mark.parametrize(
    "scenario", ["everything", "default-write", "cancel-asleep", "spawn", "subtask"]
)
def test_every_lemma_holds_in_every_state_that_is_reached(scenario: str, mix: str) -> None:
    roles = dict(zip(ROLES, mix.split("/"), strict=True))
    instance = Instance(read_scenario(SCENARIOS / f"{scenario}.toml"), roles, BUNDLED)
    program = resolved(mix)
    machine = Machine(program, instance.run)
    lemmas = program.program.marked("lemma")
    for state in reached(machine, instance.actions, 400):
        machine.load(state)
        assert [name for name in lemmas if not machine.namespace[name]()] == []


def reached(machine: Machine, actions: Sequence[str], number: int) -> list[Snapshot]:
    """The first states that a search, breadth first, comes to."""
    found = [machine.initial()]
    known = set(found)
    for state in found:
        for step, act in machine.steps(only=actions):
            machine.load(state)
            with contextlib.suppress(GuardFailed, WentWrong):
                act(*step.arguments)
                after = machine.save()
                if after not in known:
                    known.add(after)
                    found.append(after)
        if len(found) >= number:
            break
    return found


# scenarios of which nothing is proved
OUTSIDE = {"forget": ["nothing_is_forgotten"], "hand-over": ["readers_stay"]}


def test_the_premises_hold_for_every_other_bundled_scenario() -> None:
    program = resolved()
    for path in sorted(SCENARIOS.glob("*.toml")):
        instance = Instance(read_scenario(path), dict.fromkeys(ROLES, "v2"), BUNDLED)
        machine = Machine(program, instance.run)
        broken = [name for name in premises_of(program.program) if not machine.namespace[name]()]
        assert broken == OUTSIDE.get(path.stem, []), path.stem


def test_every_lemma_has_a_reason() -> None:
    for mix in ("v1/v1/v1", "v2/v2/v2"):
        for lemma in resolved(mix).program.marked("lemma").values():
            assert lemma.doc, lemma.name
            assert lemma.marks["lemma"]


# --- certificates -------------------------------------------------------------------------------


def test_another_solver_confirms_a_certificate_and_not_a_forged_one(tmp_path: Path) -> None:
    pytest.importorskip("cvc5")
    induction = Induction(resolved(), SMALL, ("drop_waker",))
    answers = list(induction.answers(hypotheses(induction.resolved), PROMISED))
    assert answers
    file = tmp_path / "drop_waker.smt2"
    file.write_text(certificate(induction, answers), encoding="utf-8")
    confirmed = recheck(file, 60)
    assert [c.goal for c in confirmed] == [a.goal for a in answers]
    assert all(c.confirmed for c in confirmed)
    # without what it says about the state before
    file.write_text(certificate(induction, [replace(a, needs=()) for a in answers]), "utf-8")
    assert any(c.refuted for c in recheck(file, 60))


@pytest.mark.parametrize("number", range(2, 10))
def test_whatever_its_bits_are_an_unknown_has_one_of_its_values(number: int) -> None:
    terms = Terms()
    unknown = terms.unknown("it", range(number))
    values = [terms.is_(unknown, value) for value in range(number)]
    text = "\n".join([*declarations([unknown]), *definitions(values)])
    names = [term_name(value) for value in values]
    exactly_one = [f"(or {' '.join(names)})"]
    exactly_one += [f"(not (and {a} {b}))" for a, b in itertools.combinations(names, 2)]
    solver = z3.Solver()
    solver.from_string(f"{text}\n(assert (not (and {' '.join(exactly_one)})))")
    assert solver.check() == z3.unsat
    for name in names:
        solver.reset()
        solver.from_string(f"{text}\n(assert {name})")
        assert solver.check() == z3.sat


def test_a_file_that_is_not_a_certificate_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("cvc5")
    file = tmp_path / "other.smt2"
    for text in ("(check-sat)\n", f"{MARK}: poll\n(check-sat)\n", f"{MARK}: poll\n{COUNT}many\n"):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="not a certificate"):
            recheck(file, 1)


def test_a_certificate_that_is_damaged_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("cvc5")
    induction = Induction(resolved(), SMALL, ("drop_waker",))
    text = certificate(induction, list(induction.answers(hypotheses(induction.resolved), PROMISED)))
    file = tmp_path / "drop_waker.smt2"
    file.write_text(text.replace("(define-fun", "; (define-fun", 1), encoding="utf-8")
    with pytest.raises(InputError, match="not a certificate that prove writes"):
        recheck(file, 60)
    asked = text.count("(echo")
    for begin, left in ((text.rindex("(echo"), asked - 1), (text.index("(echo"), 0)):
        file.write_text(text[:begin], encoding="utf-8")
        with pytest.raises(InputError, match=f"{left} of its {asked} obligations are there"):
            recheck(file, 60)


# --- in a review ---------------------------------------------------------------------------------


def polls(program: Resolved) -> Proof:
    """What is known once `poll` has been decided, as if it were the only action."""
    proof = Proof({}, SMALL, program, hypotheses(program), ["poll"], finished=True)
    goals = (*PROMISED, "undefined alloc::Arc.drop::freed")
    for answer in Induction(program, SMALL, ("poll",)).answers(proof.hypotheses, goals):
        proof.answers["poll", answer.goal] = answer
        if answer.status != "proved" and answer.goal in proof.hypotheses:
            proof.dropped[answer.goal] = answer
    return proof


def test_a_site_counts_though_it_is_plain_that_nothing_reaches_it() -> None:
    proof = Proof({}, SMALL, resolved(), [], [INITIAL, "poll"])
    assert "alloc::Arc.drop::freed" in proof.sites("undefined")
    assert "waitable::register_waker::task-set" in proof.sites("panic")
    assert "host::stream_copy::not-idle" in proof.sites("trap")
    assert Proof({}, SMALL, resolved(), [], ["move_to_storage"]).sites("trap") == []


@pytest.mark.slow
def test_a_review_names_what_a_dropped_clone_unproves(alter: Alter) -> None:
    before = polls(resolved())
    same = compare_proofs(before, polls(resolved()))
    assert not same.lost
    assert not same.gained
    assert set(PROMISED) <= set(same.kept)
    old, new = "    clone_of(task)\n    operation_drop_task", "    operation_drop_task"
    changed = compare_proofs(before, polls(resolved(model=alter("versions/v2.py", old, new))))
    assert "refcount-exact" in {lost.goal for lost in changed.lost}
    assert {lost.answer.action for lost in changed.lost} == {"poll"}
    page = review_page(Review("changed", "v2", proofs=changed), {}, {}, "wakeproof")
    assert "- still inductive: " in page
    assert "\nrefcount-exact is not inductive\n" in page


# --- the command --------------------------------------------------------------------------------


def test_wrong_use_is_one_message() -> None:
    runner = CliRunner()
    for options, message in (
        (["--size", "Task=none"], "--size Task=none: no such size"),
        (["--size", "Lamp=2"], "--size Lamp=2: no such size"),
        (["--property", "no-such"], "unknown property"),
        (["--executor", "v9"], "unknown ABI version"),
    ):
        result = runner.invoke(cli, ["prove", *options])
        assert isinstance(result.exception, InputError)
        assert message in str(result.exception)


def test_every_state_is_for_certificates() -> None:
    result = CliRunner().invoke(cli, ["prove", "--every-state"])
    assert isinstance(result.exception, InputError)
    assert "--every-state is for --certificates" in str(result.exception)


def test_a_folder_without_certificates_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["recheck", str(tmp_path)])
    assert isinstance(result.exception, InputError)
    assert "no certificates here" in str(result.exception)


def test_sizes_come_from_the_proofs_and_from_the_command() -> None:
    assert chosen_sizes(BUNDLED, ["Channel=3"])["Channel"] == 3
    assert chosen_sizes(BUNDLED, []).keys() == resolved().program.indexes.keys()
    assert chosen_sizes(BUNDLED, ["Task=4", "Task=3"])["Task"] == 3


def test_every_task_has_a_future_whatever_their_number() -> None:
    sizes = chosen_sizes(BUNDLED, ["Task=3"])
    assert sizes["Future"] == sizes["Task"] == 3


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "no table of sizes, sizes"),
        ("[sizes]\nTask = 0\n", "Task = 0 in"),
        ('[sizes]\nTask = "Future"\n', "Task = 'Future' in"),
    ],
)
def test_sizes_of_a_model_are_numbers_of_members(text: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "proofs").mkdir()
    (tmp_path / "proofs" / "proofs.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=what):
        sizes_of(Model(tmp_path))


@pytest.mark.slow
def test_sizes_that_nothing_fits_are_refused() -> None:
    # three tasks cannot have roots of their own among two futures: all would hold of nothing
    arguments = ["prove", "--mix", "v2/v2/v2", "--tasks", "3", "--size", "Future=2"]
    result = CliRunner().invoke(cli, arguments)
    assert isinstance(result.exception, InputError)
    assert "no parameters fit the premises with 3 Task, 2 Future" in str(result.exception)


def test_a_mix_for_any_number_is_one_that_is_proved() -> None:
    result = CliRunner().invoke(cli, ["prove", "--any-number", "v1/v1/v1"])
    assert isinstance(result.exception, InputError)
    assert "--any-number v1/v1/v1: no such mix" in str(result.exception)


def test_the_matrix_has_a_mark_where_an_action_touches_a_fact() -> None:
    proof = polls(resolved())
    lines = {line.split()[0]: line.split()[1] for line in matrix(proof) if line.split()[1:]}
    assert lines["one-home"] == "+"
    assert lines["task-pointer-restored"] == "."


KEPT = "entries_are_registrations"
GONE = "panic waitable::register_waker::prev-is-own"


def shown(*asked: str, mix: str = "v2/v2/v2") -> list[Shown]:
    """What is to be shown of a mix if these are asked for."""
    return chosen_goals(BUNDLED, [dict(zip(ROLES, mix.split("/"), strict=True))], asked)


def test_a_lemma_or_a_site_can_be_chosen_like_a_property() -> None:
    failed = Answer("poll", KEPT, "fails", 0.1)
    proof = Proof(
        dict.fromkeys(ROLES, "v2"),
        SMALL,
        resolved(),
        [KEPT],
        actions_of(resolved().program),
        answers={("poll", KEPT): failed},
        dropped={KEPT: failed},
        finished=True,
    )
    lemma, site = concluded(proof, shown(KEPT, GONE), {})
    assert lemma.open == {KEPT: [failed]}
    assert site.proved == [GONE]
    trace = Trace("everything", 3)
    (site,) = concluded(proof, shown(GONE), {("v2/v2/v2", "no-panic", GONE.split()[1]): trace})
    assert site.violated == {GONE: trace}


def test_a_site_of_the_initial_action_is_one_of_the_proof(alter: Alter) -> None:
    line = "    s.free_head = p.first_handle\n"
    boom = '    if s.free_head is not None:\n        panic("world::initialise::boom")\n'
    program = resolved(model=alter("world.py", line, line + boom))
    proof = Proof(dict.fromkeys(ROLES, "v2"), SMALL, program, [], actions_of(program.program))
    assert "panic world::initialise::boom" in proof.site_goals()
    asked = ("panic world::initialise::boom",)
    (answer,) = Induction(program, SMALL, (INITIAL,)).answers((), asked)
    assert answer.status == "fails"


def test_a_lemma_of_another_version_is_not_shown_of_a_mix() -> None:
    old = resolved("v1/v1/v1")
    assert KEPT in resolved().program.functions
    assert KEPT not in old.program.functions
    proof = Proof(dict.fromkeys(ROLES, "v1"), SMALL, old, [], [], finished=True)
    (absent,) = concluded(proof, shown(KEPT), {})
    assert absent.verdict() == ABSENT
    assert not absent.open


def test_a_lemma_is_a_predicate_with_a_reason(tmp_path: Path) -> None:
    model = shutil.copytree(MODEL, tmp_path / "model")
    shutil.copytree(PROOFS, model / "proofs")
    text = (model / "proofs" / "v2.py").read_text("utf-8")
    for lemma, what in (
        ('@lemma("x")\ndef foo(task: Task) -> bool:\n    """Why."""\n    return True\n', "nothing"),
        ('@lemma("x")\ndef foo() -> Task | None:\n    """Why."""\n    return None\n', "bool"),
        (
            '@lemma("x")\ndef foo() -> bool:\n    """Why."""\n    s.free_head = None\n'
            "    return True\n",
            "changes nothing",
        ),
        ('@lemma("x")\ndef foo() -> bool:\n    return True\n', "no reason"),
        ('@lemma("")\ndef foo() -> bool:\n    """Why."""\n    return True\n', "no sentence"),
    ):
        (model / "proofs" / "v2.py").write_text(f"{text}\n\n{lemma}", encoding="utf-8")
        with pytest.raises(ModelError, match=what) as refused:
            resolved(model=model)
        assert refused.value.where.startswith(str(model / "proofs" / "v2.py:"))


def test_results_that_cannot_be_written_are_refused_before_the_work(tmp_path: Path) -> None:
    for option, place in (
        ("--json", tmp_path / "no-such" / "x.json"),
        ("--report", tmp_path),
        ("--certificates", tmp_path / "file" / "x"),
    ):
        (tmp_path / "file").write_text("", encoding="utf-8")
        result = CliRunner().invoke(cli, ["prove", option, str(place)])
        assert isinstance(result.exception, InputError)
        assert result.exception.where == str(place)


def test_a_goal_that_was_not_decided_does_not_hold() -> None:
    asked = Proof({}, SMALL, resolved(), [], ["poll"], finished=True, wanted=("one-home",))
    assert asked.holds("one-home")
    assert not asked.holds("undefined alloc::Arc.drop::freed")


def test_premises_are_held_against_the_scenarios_on_the_host_of_the_lemmas() -> None:
    # `nested-waits` gives the size of a type that this host does not have, and programs have none
    model = with_host_of_lemmas(BUNDLED)
    mix = dict.fromkeys(ROLES, "v2")
    names = premises_of(resolve_with_lemmas(model, mix).program)
    scenarios = [read_scenario(path) for path in sorted(SCENARIOS.glob("*.toml"))]
    found = {name: uncovered(model, mix, name, scenarios) for name in names}
    outside = {name: [s for s, broken in OUTSIDE.items() if name in broken] for name in names}
    assert found == outside
