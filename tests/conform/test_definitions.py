"""The specification's definitions as a third reference, most of it with a stand-in for them."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import Alter, run
from wakeproof.conform.host.builtins import BUILTINS, HostCall, Outcome
from wakeproof.conform.host.compare import HostComparison, HostConformance, compare_host
from wakeproof.conform.host.definitions_side import Definitions, DefinitionsInstance
from wakeproof.conform.host.majority import OTHER_RULES, agree_with_definitions, majority
from wakeproof.conform.host.model_side import Impossible, ModelHost
from wakeproof.conform.host.sequences import GivenCalls, PlayedCalls, RandomCalls
from wakeproof.errors import InputError
from wakeproof.language.model import BUNDLED, Model
from wakeproof.report.conformance_text import host_text

VARIABLE = "WAKEPROOF_DEFINITIONS"
# the beginning of the SHA-256 of definitions.py at 26e6ea9d
NEWER_DIGEST = "70e040f3cdce"
TINY = Path(__file__).with_name("tiny_definitions.py")
SETS = (HostCall("waitable-set.new"), HostCall("waitable-set.poll", (1,)))

Changed = Callable[[str, str], Definitions]
"""Loads the stand-in with one piece of its text replaced: the old text, the new."""


@pytest.fixture
def changed(tmp_path: Path) -> Changed:
    def load(old: str, new: str) -> Definitions:
        text = TINY.read_text()
        assert text.count(old) == 1
        file = tmp_path / "changed.py"
        file.write_text(text.replace(old, new))
        return Definitions(file)

    return load


def compared(
    definitions: Definitions, calls: tuple[HostCall, ...], model: Model = BUNDLED
) -> HostConformance:
    """Compare one sequence on the three references."""
    comparison = HostComparison(0, model, None, definitions)
    comparison.run("u8", GivenCalls(calls))
    return comparison.result


# --- majorities -----------------------------------------------------------------------------------


def test_references_that_agree_are_no_divergence() -> None:
    result = compared(Definitions(TINY), (*SETS, HostCall("waitable-set.drop", (1,)), *SETS))
    assert not result.divergences, host_text(result)
    assert result.definitions_calls == result.calls == 5
    assert "5 of the calls in the definitions, tiny_definitions.py (SHA-256 " in host_text(result)


def test_trap_in_another_function_is_a_divergence() -> None:
    result = compared(Definitions(TINY), (HostCall("waitable-set.drop", (1,)),))
    # the stand-in traps in Table.remove, the site is in Table.get
    assert [d.agreeing for d in result.divergences] == ["the model agrees with Wasmtime"]
    text = host_text(result)
    assert "       the definitions: trap: Table.remove, line " in text
    assert text.endswith("1 unexplained divergence")


def test_definitions_that_differ_alone_are_named(changed: Changed) -> None:
    result = compared(changed("    return [0]\n", "    return [1]\n"), SETS)
    (divergence,) = result.divergences
    assert divergence.agreeing == "the model agrees with Wasmtime"
    assert divergence.definitions == Outcome(1 << 56)
    assert "       the model agrees with Wasmtime\n" in host_text(result)


def test_model_that_differs_alone_is_named(alter: Alter) -> None:
    old = "    s.next_free[handle] = s.free_head\n    s.free_head = handle\n"
    model = Model(alter("host.py", old, "    s.next_free[handle] = None\n"))
    calls = (SETS[0], HostCall("waitable-set.drop", (1,)), SETS[0])
    (divergence,) = compared(Definitions(TINY), calls, model).divergences
    assert divergence.agreeing == "Wasmtime agrees with the definitions"
    assert (divergence.model[-1], divergence.wasmtime[-1]) == (Outcome(2), Outcome(1))


def test_definitions_leave_a_sequence_by_a_rule_that_is_newer() -> None:
    call = HostCall("stream.cancel-write", (2,))
    covering = [e.id for e in OTHER_RULES if e.covers(call, Outcome(0x12), Outcome(0x10))]
    assert covering == ["719-late-cancel"]
    assert not any(e.covers(call, Outcome(0x12), Outcome(0x00)) for e in OTHER_RULES)
    assert not any(e.covers(call, Outcome(0x10), Outcome(0x12)) for e in OTHER_RULES)


SITE, PLACE = "host::CopyEnd.drop::copying", "CopyEnd.drop, line 1"
BUSY, ANOTHER = "cannot drop busy stream", "unknown handle index 1"


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ((SITE, BUSY, PLACE), "all three agree"),
        ((SITE, BUSY, "End.drop, line 7"), "all three agree"),
        ((SITE, BUSY, "cancel_copy, line 1"), "the model agrees with Wasmtime"),
        ((SITE, ANOTHER, PLACE), "the model agrees with the definitions"),
        ((SITE, ANOTHER, "Table.get, line 1"), "Wasmtime agrees with the definitions"),
        ((SITE, "", "AssertionError in CopyEnd.drop, line 1"), "no two agree"),
        (("", "the call blocks", "the call blocks"), "Wasmtime agrees with the definitions"),
        (("", "", ""), "all three agree"),
    ],
)
def test_majority_of_traps(outcomes: tuple[str, str, str], expected: str) -> None:
    call = HostCall("stream.drop-readable", (1,))
    assert majority(call, *(Outcome(trap=trap) for trap in outcomes)) == expected


# --- the definitions as a program -----------------------------------------------------------------


def test_failure_in_a_thread_is_an_outcome(changed: Changed) -> None:
    definitions = changed("    mem.bytes[at : at + 8] = bytes(8)\n", "    assert not mem\n")
    instance = definitions.fresh("u8")
    instance.call("waitable-set.new", ())
    outcome = instance.call("waitable-set.poll", (1,))
    assert outcome.trap.startswith("AssertionError in canon_waitable_set_poll, line ")


def test_call_that_never_ends_blocks_and_its_thread_is_ended(changed: Changed) -> None:
    definitions = changed("        return True\n", "        return False\n")
    before = threading.active_count()
    for _ in range(20):
        instance = definitions.fresh("")
        instance.call("waitable-set.new", ())
        assert instance.call("waitable-set.poll", (1,)) == Outcome(trap="the call blocks")
    definitions.threads.end()
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and thread.daemon:
            thread.join(timeout=10)
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("x = 1\nraise ValueError('no')\n", "cannot be executed: ValueError: no", ":2"),
        ("x = 1\n\ny = (\n", "cannot be executed: SyntaxError", ":3"),
        ("x = 1\n", "not the definitions of the Canonical ABI: no Store", ""),
    ],
)
def test_file_that_is_not_the_definitions_is_refused(
    tmp_path: Path, text: str, what: str, line: str
) -> None:
    file = tmp_path / "definitions.py"
    file.write_text(text)
    with pytest.raises(InputError) as error:
        Definitions(file)
    assert error.value.what.startswith(what)
    assert error.value.where == f"{file}{line}"
    assert "definitions.py" in error.value.hint


def test_definitions_that_cannot_be_driven_are_refused(changed: Changed) -> None:
    old = "    def __init__(self) -> None:\n        self.waiting"
    with pytest.raises(InputError, match=r"cannot be driven: TypeError: .*missing 1 required"):
        changed(old, "    def __init__(self, more: int) -> None:\n        self.waiting")


def test_command_takes_the_definitions_from_option_and_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    limits = ("conform", "host", "--calls", "60", "--report", page)
    done = run(*limits, "--definitions", TINY)
    assert done.returncode == 1, done.stderr
    assert "the model agrees with Wasmtime" in done.stdout
    assert "conform host --calls 60 --seed 0 --definitions tiny_def" in page.read_text()
    assert "](page-host.svg)" in page.read_text()
    assert "How often each builtin was compared" in (tmp_path / "page-host.svg").read_text()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "missing.py"))
    done = run(*limits)
    assert done.returncode == 2
    assert "missing.py: cannot be read" in done.stderr


@pytest.fixture
def specified() -> Definitions:
    """The definitions that the environment names."""
    named = os.environ.get(VARIABLE)
    if not named:
        pytest.skip(f"{VARIABLE} does not name the specification's definitions.py")
    return Definitions(Path(named))


def test_definitions_agree_with_the_model_where_wasmtime_is_known_to_differ(
    specified: Definitions,
) -> None:
    calls = HostCall("stream.new"), HostCall("stream.read", (1, 1))
    result = compared(specified, (*calls, HostCall("stream.cancel-write", (1,))))
    assert result.votes == {("wrong-end-cancel", "the model agrees with the definitions"): 1}
    assert "  the model agrees with the definitions, 1 time" in host_text(result)


def test_definitions_of_the_specification_agree_or_are_older(specified: Definitions) -> None:
    result = compare_host(seed=1, calls=6_000, definitions=specified)
    assert not result.divergences, host_text(result)
    assert result.definitions_calls > 5_000


def test_host_of_a_commit_agrees_with_the_definitions_of_that_commit(
    specified: Definitions,
) -> None:
    if NEWER_DIGEST not in specified.name:
        pytest.skip(f"{VARIABLE} does not name the text at 26e6ea9d")
    host, rng = ModelHost(BUNDLED.with_host("spec_26e6ea9d")), random.Random(1)
    for _ in range(300):
        host.reset()
        there, played, choose = specified.fresh("u8"), PlayedCalls("u8"), RandomCalls(rng)
        while (call := choose(host, played)) is not None:
            # these definitions cannot pass an end on: they use a name that they do not define
            outcome = None if call.builtin.endswith(".pass") else _valid_outcome(host, call, there)
            if outcome is None:
                continue
            played.calls.append(call)
            assert agree_with_definitions(*outcome), [*map(str, played.calls), outcome]


def _valid_outcome(
    host: ModelHost, call: HostCall, there: DefinitionsInstance
) -> tuple[Outcome, Outcome] | None:
    """Make a call on both, unless it is impossible or traps in the model."""
    saved, arguments = host.save(), host.export_arguments(call)
    try:
        here = host.call(call)
    except Impossible:
        here = Outcome(trap="impossible")
    if here.trap:
        host.load(saved)
        return None
    found = there.call(call.builtin, arguments)
    if BUILTINS[call.builtin].gives == "event":
        host.load(saved)
        here = host.call(call, found)
    return host.with_what_follows(here, found), found
