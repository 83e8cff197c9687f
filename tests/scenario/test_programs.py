"""What tasks do: `[[task]]` is read, takes part in every execution, and does what it says."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import is_state, mix_of
from wakeproof.check.job import Job, run_job
from wakeproof.check.simulation import Walk
from wakeproof.errors import InputError
from wakeproof.execution.enabled_steps import enumerators, outcomes
from wakeproof.explore.explorer import Explorer, explore_with
from wakeproof.explore.native import search as native
from wakeproof.explore.native.library import Program
from wakeproof.explore.plain import explore
from wakeproof.explore.result import Exploration, Limits
from wakeproof.export.issue import KnownViolation
from wakeproof.export.picture import picture
from wakeproof.export.rust.from_trace import program_of
from wakeproof.language.model import BUNDLED
from wakeproof.language.values import Snapshot, Step
from wakeproof.scenario.file import read_scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.lock_waits import frees, waits_for
from wakeproof.scenario.program_text import (
    Asked,
    Do,
    Each,
    Either,
    If,
    InOrder,
    Jump,
    Node,
    Place,
    Set,
    While,
    read_line,
    substitute,
)
from wakeproof.scenario.script import steps_of
from wakeproof.scenario.words import words_of

HEAD = """\
title = "Programs"

[names]
Operation = ["a", "b", "call"]
Channel = ["left", "right"]

[parameters]
kind = ["STREAM_READ", "STREAM_READ", "SUBTASK"]
channel = ["left", "right", ""]
remote = "WRITE"
opened = true
{parameters}

[program]
{locks}
{program}

[mixes]
export = ["v2", "v3"]
block_on = ["v2", "v3"]
import = ["v2", "v3"]
"""

Write = Callable[..., Path]
"""Writes a scenario with the lines of two tasks, `one` and `other`."""


@pytest.fixture(scope="session")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    folder = tmp_path_factory.mktemp("programs")

    def of(*programs: list[str], parameters: str = "single_use = true", program: str = "") -> Path:
        is_used = any("mutex" in line for lines in programs for line in lines)
        locks = 'locks = ["mutex"]' if is_used else "# no locks"
        text = HEAD.format(parameters=parameters, program=program, locks=locks)
        for name, lines in zip(("one", "other"), programs, strict=False):
            listed = "".join(f'  "{line}",\n' for line in lines)
            text += f'\n[[task]]\nname = "{name}"\ndoes = [\n{listed}]\n'
        path = folder / "programs.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return of


def instance(path: Path, mix: str = "v3/v3/v3") -> Instance:
    """Return the scenario of a file in a mix."""
    return Instance(read_scenario(path), mix_of(mix), BUNDLED)


def paths(one: Instance) -> Iterator[list[tuple[str, ...]]]:
    """Yield the program's steps of 60 random walks, each with its arguments that are members."""
    for seed in range(60):
        walk = Walk(one, random.Random(seed))
        walk.wander(40)
        rows = [row for row in walk.rows if row["actor"] == "program"]
        yield [(row["action"], *row["arguments"].values()) for row in rows]


def steps(path: Path) -> set[tuple[str, ...]]:
    """Return the steps of the program that are possible in some walk."""
    return {step for walk in paths(instance(path)) for step in walk}


@pytest.mark.slow
def test_a_task_does_what_its_lines_say_in_their_order(write: Write) -> None:
    path = write(["poll a", "keep_waker", "drop a", "drop_waker self"])
    whole = [
        ("poll", "a"),
        ("keep_waker",),
        ("drop_operation", "a", "false"),
        ("drop_waker", "one-body"),
        ("return_ready",),
    ]
    ready = [step for step in whole if step[0] != "drop_operation"]
    assert {tuple(walk) for walk in paths(instance(path)) if walk} == {tuple(whole), tuple(ready)}


def test_select_drops_the_loser_and_nothing_else(write: Write) -> None:
    for walk in paths(instance(write(["select a b"]))):
        dropped = [step for step in walk if step[0] == "drop_operation"]
        assert len(dropped) <= 1
        if dropped:
            loser = dropped[0][1]
            winner = "a" if loser == "b" else "b"
            before = walk[: walk.index(dropped[0])]
            assert before[-1] in {("poll", winner), ("poll", loser)}
            assert ("poll", loser) in before


def test_a_lock_is_had_by_one_task_at_a_time(write: Write) -> None:
    lines = ["lock mutex", "await {}", "unlock mutex"]
    one, other = ([line.format(name) for line in lines] for name in ("a", "b"))
    both = instance(write(one, other, parameters="single_use = true\ninter_task_wakeup = false"))
    machine = both.machine()
    listing = enumerators(machine, both.actions)
    seen, left = {machine.initial()}, [machine.initial()]
    alone = 0
    while left:
        for _, outcome in outcomes(machine, listing, left.pop()):
            if not is_state(outcome) or outcome in seen:
                continue
            seen.add(outcome)
            left.append(outcome)
            machine.load(outcome)
            started = [s > 0 for s in machine.s.state[:2]]
            assert not all(started), "both have the lock"
            alone += any(started)
    assert alone


TWO_LOCKS = 'locks = ["mutex", "latch"]'
ON = "single_use = true\ninter_task_wakeup = false\nmay_block_on = false"


def broken(path: Path, explorer: str = "plain") -> list[str]:
    """Return the properties that a scenario violates with the wakeup feature."""
    text = path.read_text(encoding="utf-8")
    text = text.replace('locks = ["mutex"]', TWO_LOCKS) if "latch" in text else text
    text = text.replace("inter_task_wakeup = false\n", "").rstrip()
    path.write_text(f"{text}\n".replace("[mixes]", '[mixes]\nfeatures = ["inter-task-wakeup"]'))
    job = Job(read_scenario(path), BUNDLED, MIX, 60_000, None, explorer, build=FEATURE)
    verdicts = run_job(job)
    assert not any(v.limit for v in verdicts if not v.violations)
    return [v.property for v in verdicts if v.verdict == "violated"]


FEATURE = ("inter-task-wakeup",)


@pytest.mark.parametrize("explorer", ["plain", "native"])
def test_two_locks_in_opposite_order_break_one_property_and_in_one_order_none(
    explorer: str, write: Write
) -> None:
    one = ["lock mutex", "await a", "lock latch", "unlock latch", "unlock mutex"]
    other = ["lock latch", "await b", "lock mutex", "unlock mutex", "unlock latch"]
    assert broken(write(one, other, parameters=ON), explorer) == ["no-stuck-task"]
    other = ["lock mutex", "await b", "lock latch", "unlock latch", "unlock mutex"]
    assert broken(write(one, other, parameters=ON), explorer) == []


def test_a_lock_that_is_never_given_back_breaks_the_property(write: Write) -> None:
    one, other = ["lock mutex", "await a"], ["lock mutex", "await b", "unlock mutex"]
    assert broken(write(one, other, parameters=ON)) == ["no-stuck-task"]
    twice = ["lock mutex", "await a", "lock mutex"]
    assert broken(write(twice, parameters=ON)) == ["no-stuck-task"]


def test_a_deadlock_has_a_page_and_no_program(write: Write) -> None:
    path = write(["lock mutex", "await a", "lock mutex"], parameters=ON)
    assert broken(path) == ["no-stuck-task"]
    job = Job(read_scenario(path), BUNDLED, MIX, 60_000, None, "plain", build=FEATURE)
    (verdict,) = [v for v in run_job(job) if v.verdict == "violated"]
    one = Instance(read_scenario(path), mix_of("v3/v3/v3"), BUNDLED, FEATURE)
    (violation,) = verdict.violations
    with pytest.raises(InputError, match="a deadlock of the program's own locks has no test"):
        program_of(
            one, steps_of(violation["trace"], one.resolved.program, one.names), verdict.property
        )
    page = picture(one, verdict.property, violation, "html", KnownViolation())
    assert "There is no program: a deadlock" in page


def test_a_flag_that_another_task_clears_is_waited_for_with_hope(write: Write) -> None:
    waits = ["set mutex, wake _ | wake_self", "lock mutex", "unlock mutex"]
    clears = ["await a", "unlock mutex"]
    one = instance(write(waits, clears, parameters=ON))
    assert one.automaton is not None
    assert any(lock is not None for lock in waits_for(one.automaton))
    begins = one.automaton.begins[1]
    assert frees(one.automaton)[begins] == [True]


def test_places_that_wait_for_a_lock_are_those_before_it_is_asked_for(write: Write) -> None:
    one = instance(
        write(["poll a", "lock mutex", "drop a", "unlock mutex"], ["if locked mutex: poll b"])
    )
    made = one.automaton
    assert made is not None
    waits = [number for number, lock in enumerate(waits_for(made)) if lock == 0]
    assert waits
    assert all((asked := made.spots[n].condition) and asked.name == "locked" for n in waits)
    assert made.begins[1] not in waits, "a program that only asks goes on"
    assert not frees(made)[made.begins[1]][0]


def test_every_explorer_and_a_program_for_many_mixes_find_the_same(write: Write) -> None:
    path = write(
        ["lock mutex", "select a call", "unlock mutex", "maybe block_on other", "loop"],
        ["repeat (start b, if pending b: return_pending | drop b)", "drop b"],
        parameters="single_use = false",
    )
    versions = tuple((role, ("v2", "v3")) for role in ("export", "block_on", "import"))
    one = instance(path, "v3/v2/v3")
    limits = Limits(max_states=3000)
    plain = explore(one.machine(), actions=one.actions, limits=limits)
    alone = native.explore(Program(one.machine(), one.actions), limits, threads=2)
    together = one.machine_among(versions)
    among = native.explore(Program(together, one.actions), limits)
    among.in_program_of(one.resolved.program.functions)
    assert without_time(plain) == without_time(alone) == without_time(among)
    assert plain.states > 500


def test_symmetric_programs_are_reduced_and_find_the_same(write: Write) -> None:
    lines = ["lock mutex", "keep_waker", "drop_waker self", "unlock mutex"]
    path = write(lines, lines)
    one = instance(path)
    whole = explore(one.machine(), actions=one.actions)
    reduced = explore_with(Explorer("native", symmetry=True), one.machine(), actions=one.actions)
    assert reduced.states < whole.states
    assert reduced.violations.keys() == whole.violations.keys()


def without_time(found: Exploration) -> Exploration:
    """Return an exploration without its duration."""
    return dataclasses.replace(found, seconds=0.0)


def test_a_task_that_another_one_blocks_on_is_not_called(write: Write) -> None:
    one = instance(write(["block_on other"], ["await a"]))
    assert one.run.parameters["may_export"] == [True, False]
    assert one.run.parameters["may_block_on"] == [False, True]


def test_sizes_and_names_follow_from_the_programs(write: Write) -> None:
    one = instance(write(["await a"], ["await b"]))
    assert one.names["Task"] == ("one", "other")
    assert one.names["Future"] == ("one-body", "other-body")
    assert dict(one.run.sizes) == {
        **{"Task": 2, "Future": 2, "Operation": 3, "Channel": 2},
        **{"Handle": 9, "SyncExport": 2},
    }


def test_programs_of_futures_alone_are_refused(write: Write, tmp_path: Path) -> None:
    file = tmp_path / "futures.toml"
    text = write(["await a"], ["await b"]).read_text(encoding="utf-8")
    file.write_text(text.replace("[names]", '[names]\nFuture = ["one", "other"]'), encoding="utf-8")
    with pytest.raises(InputError, match=r"there is no Task: every \[\[task\]\] is the program of"):
        Instance(read_scenario(file), mix_of("v3/v3/v3"), BUNDLED)


def test_a_trace_names_the_lines_of_the_program(write: Write) -> None:
    job = Job(read_scenario(write(["await a", "await a"])), BUNDLED, MIX, None, None, "plain")
    verdict = next(v for v in run_job(job) if v.property == "no-trap")
    lines = [row["line"] for row in verdict.violations[0]["trace"] if "line" in row]
    assert lines == ["await a  (programs.toml:26, one)", "await a  (programs.toml:27, one)"]


MIX = tuple(mix_of("v3/v3/v3").items())


def test_progress_is_decided_for_programs(write: Write) -> None:
    job = Job(read_scenario(write(["await a", "loop"])), BUNDLED, MIX, None, None, "plain")
    verdicts = {v.property: v for v in run_job(job)}
    assert verdicts["event-can-be-taken"].verdict == "holds"
    assert not any(v.verdict == "unknown" for v in verdicts.values())


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["awiat a"], "'awiat a': no word or action 'awiat'\n  hint: did you mean await?"),
        (["await A"], "'await A': no Operation 'A'\n  hint: did you mean a?"),
        (
            ["lock mutex", "lock mutx"],
            ":27: 'lock mutx': no lock 'mutx'\n  hint: did you mean mutex?",
        ),
        (["select a"], "select takes 2 or 3 arguments, not 1"),
        (["poll a b"], "poll takes 1 argument at most\n  hint: write poll <operation>"),
        (["drop_operation a true"], "callee_returns of drop_operation is not the program's choice"),
        (["call_import call SOON"], "no SubtaskState 'SOON'"),
        (["peer_copy left"], "peer_copy is not a step of a program"),
        (["(poll a"], "')' is missing"),
        (["poll a)"], "')' is one too many"),
        (["poll a | "], "a step is missing"),
        (["if pending a"], "':' is missing"),
        (["if a: poll a"], "its argument is missing"),
        (["while pendign a: poll a"], "no condition 'pendign'\n  hint: did you mean pending?"),
        (["if waiting _: poll a"], "a condition is about one member"),
        (["poll a; poll b"], "';' is not a part of a program"),
        (["loop"], ":26: a program goes round and round without a step"),
        (["while pending a: set mutex"], ":26: a program goes round and round"),
        (["wake self | (set mutex, wake self)"], "with and without a change of a lock"),
        (["(" * 60 + "poll a" + ")" * 60], "too many groups within groups"),
        (["select a b call"] * 60, "more than 250 places"),
        (["start a"], "one cannot go on at 'the end of the program': return_ready is not possible"),
        (["drop_operation a"], ":26: one cannot go on at 'drop_operation a'"),
    ],
)
def test_a_wrong_program_is_one_message_with_its_line(
    lines: list[str], message: str, write: Write
) -> None:
    with pytest.raises(InputError) as raised:
        run_job(Job(read_scenario(write(lines)), BUNDLED, MIX, 3000, None, "plain"))
    assert "programs.toml:" in raised.value.where
    assert message in str(raised.value)


# --- the meaning of a program, in another way -----------------------------------------------------


Rest = tuple[Node, ...]
"""What a task has still to do: parts, one after the other."""


class Meaning:
    """The meaning of programs by their text: what a task may do next, part by part."""

    def __init__(self, one: Instance) -> None:
        self.instance = one
        words = words_of(BUNDLED.root)
        assert words is not None
        self.words = words
        self.machine = one.machine()
        self.programs = {
            one.names["Future"].index(f"{text.name}-body"): tuple(
                read_line(Place(text.name, line, where)) for line, where in text.lines
            )
            for text in one.scenario.tasks
        }

    def holds(self, test: Asked, me: int, locked: frozenset[str]) -> bool:
        """Whether a condition holds in the state of the machine."""
        if test.condition == "locked":
            return (test.argument in locked) == test.holds
        kind = self.words.conditions[test.condition].of
        names = list(self.instance.names[kind])
        member = me if test.argument == "self" else names.index(test.argument)
        space = {**self.machine.namespace, "x": member}
        return bool(eval(self.words.conditions[test.condition].text, space)) == test.holds

    def all_hold(self, tests: tuple[Asked, ...], me: int, locked: frozenset[str]) -> bool:
        """Whether all conditions hold."""
        return all(self.holds(test, me, locked) for test in tests)

    def next_steps(
        self, rest: Rest, me: int, locked: frozenset[str], seen: frozenset[object] = frozenset()
    ) -> Iterator[tuple[Do, Rest, frozenset[str]]]:
        """Yield the steps that can be next, each with the rest after it and the locks."""
        if (rest, locked) in seen:
            return
        seen |= {(rest, locked)}
        if not rest:
            end = Place("", "", "")
            yield Do("return_ready", (), end), self.programs[me], locked
            return
        first, then = rest[0], rest[1:]
        for after, now in self.unfolded(first, then, me, locked):
            if after is None:
                assert isinstance(first, Do)
                yield first, then, locked
            else:
                yield from self.next_steps(after, me, now, seen)

    def unfolded(
        self, first: Node, then: Rest, me: int, locked: frozenset[str]
    ) -> Iterator[tuple[Rest | None, frozenset[str]]]:
        """Yield what a part comes to; None if it is an action."""
        match first:
            case InOrder(parts):
                yield (*parts, *then), locked
            case Either(parts):
                for part in parts:
                    yield (part, *then), locked
            case If(tests, yes, no):
                yield (yes if self.all_hold(tests, me, locked) else no, *then), locked
            case While(tests, body):
                if self.all_hold(tests, me, locked):
                    yield (body, first, *then), locked
                if not tests or not self.all_hold(tests, me, locked):
                    yield then, locked
            case Each(name, body, place):
                futures = self.instance.names["Future"]
                others = [futures[n] for n in self.programs if n != me]
                yield (*(substitute(body, {name: o}, place) for o in others), *then), locked
            case Set(flag, value):
                yield then, locked | {flag} if value else locked - {flag}
            case Jump(to):
                yield self.programs[me] if to == "loop" else (), locked
            case Do():
                meant = self.meant(first)
                yield (None if meant is None else (meant, *then)), locked

    def meant(self, do: Do) -> Node | None:
        """Return what a word stands for; None for an action."""
        known = self.words.words.get((do.word, len(do.arguments)))
        if known is None:
            return None
        return substitute(known.body, dict(zip(known.takes, do.arguments, strict=True)), do.place)


def fits(step: Step, do: Do, one: Instance, me: int) -> bool:
    """Return whether a step is the one that a program names."""
    if step.action != do.word:
        return False
    function = one.resolved.program.functions[step.action]
    shown = one.tracer().arguments(function, step.arguments)
    given = [one.names["Future"][me] if a == "self" else a for a in do.arguments]
    return all(g in (s, "_") for g, s in zip(given, shown.values(), strict=False))


ATOM = st.sampled_from(
    [
        *("poll a", "start call", "await b", "drop a", "keep_waker", "return_pending", "wake _"),
        *("lock mutex", "unlock mutex", "select a b", "drop_operation _", "move_to_storage a"),
        "end",
    ]
)
TESTS = st.sampled_from(["pending a", "not held b", "locked mutex", "waiting self and held a"])


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Make larger parts of smaller ones."""
    return st.one_of(
        st.tuples(inner, inner).map(lambda p: f"({p[0]} | {p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]}, {p[1]})"),
        st.tuples(TESTS, inner, inner).map(lambda p: f"(if {p[0]}: {p[1]} else: {p[2]})"),
        st.tuples(TESTS, inner).map(lambda p: f"(while {p[0]}: {p[1]})"),
        inner.map(lambda p: f"(repeat {p})"),
        inner.map(lambda p: f"(maybe {p})"),
    )


LINES = st.lists(st.recursive(ATOM, compound, max_leaves=4), min_size=1, max_size=3)


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(one=LINES, other=LINES, seed=st.integers(0, 1000))
def test_the_automaton_allows_what_the_text_of_a_program_means(
    one: list[str], other: list[str], seed: int, write: Write
) -> None:
    try:
        woven = instance(write(one, other))
    except InputError as error:
        refusals = ("round and round", "change of a lock", "the line before it ends")
        if not any(refusal in error.what for refusal in refusals):
            raise
        return
    Comparison(woven).walk(random.Random(seed))


class Comparison:
    """A walk of a woven program beside the meaning of its text, on the model without programs."""

    def __init__(self, woven: Instance) -> None:
        self.woven = woven
        self.meaning = Meaning(woven)
        self.machine = woven.machine()
        self.listing = enumerators(self.machine, woven.actions)
        free = dataclasses.replace(woven.scenario, tasks=(), actions=tuple(woven.actions))
        unbound = Instance(free, woven.mix, BUNDLED)
        own = unbound.run.parameters
        parameters = {k: v for k, v in woven.run.parameters.items() if k in own}
        unbound.run = dataclasses.replace(unbound.run, parameters=parameters)
        self.unbound = unbound.machine()
        self.unbound_listing = enumerators(self.unbound, woven.actions)
        self.rests = {me: {lines} for me, lines in self.meaning.programs.items()}
        self.locked: frozenset[str] = frozenset()

    def walk(self, fate: random.Random) -> None:
        """Take 30 steps, and compare what is possible before each."""
        state = self.machine.initial()
        for _ in range(30):
            self.machine.load(state)
            self.meaning.machine.load(state)
            me = self.machine.namespace["current_future"]()
            found = outcomes(self.machine, self.listing, state)
            if me is not None:
                following = self.following(me, state)
                assert {step for step, _ in found} == set(following)
            alive = [(step, outcome) for step, outcome in found if is_state(outcome)]
            if not alive:
                break
            step, state = fate.choice(alive)
            if me is not None and following[step]:
                self.rests[me] = {rest for rest, _ in following[step]}
                self.locked = next(iter(following[step]))[1]
            if step.action in ("call_export", "block_on"):
                task = int(step.arguments[0] or 0)
                self.rests[task] = {self.meaning.programs[task]}

    def following(self, me: int, state: Snapshot) -> dict[Step, set[tuple[Rest, frozenset[str]]]]:
        """Return the steps that the text allows, each with what is to be done after it."""
        found: dict[Step, set[tuple[Rest, frozenset[str]]]] = {}
        size = len(self.unbound.initial())
        for step, _ in outcomes(self.unbound, self.unbound_listing, state[:size]):
            if self.unbound.program.functions[step.action].marks["action"] != "program":
                found[step] = set()
                continue
            for rest in self.rests[me]:
                for do, after, now in self.meaning.next_steps(rest, me, self.locked):
                    if fits(step, do, self.woven, me):
                        found.setdefault(step, set()).add((after, now))
        return found


def test_a_step_that_a_program_does_not_have_is_refused_with_those_that_it_has(
    write: Write,
) -> None:
    walk = Walk(instance(write(["await a"])), random.Random(0))
    with pytest.raises(InputError) as raised:
        walk.follow([("call_export one", "steps:1"), ("return_ready", "steps:2")])
    assert raised.value.where == "steps:2"
    assert "has return_ready as its next step" in raised.value.what
    assert raised.value.hint == "possible here: poll a"


def test_what_a_waker_does_is_free(write: Write) -> None:
    actions = ["call_export", "deliver_event", "resume_yielded", "peer_copy", "wake", "finish_wake"]
    parameters = "single_use = true\nprogram_wakers = true"
    lines = ["keep_waker", "poll_with_program_waker a", "return_pending"]
    path = write(lines, parameters=parameters, program=f"actions = {actions}")
    taken = {name for name, *_ in steps(path)}
    assert {"poll_with_program_waker", "wake", "finish_wake"} <= taken
