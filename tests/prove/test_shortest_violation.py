"""What is violated comes with a shortest way to it, found by bounded model checking."""

from __future__ import annotations

import pytest
from rich.console import Console

from tests.support import bundled, instance, mix_of
from wakeproof.bundled import SCENARIOS
from wakeproof.language.model import BUNDLED
from wakeproof.prove.conclusions import Conclusion, Trace
from wakeproof.prove.shortest_violation import shortest, target_of
from wakeproof.report.terminal.counterexamples import print_shortest
from wakeproof.scenario.file import read_scenario
from wakeproof.scenario.mixes import Mix
from wakeproof.symbolic import bmc

V2 = mix_of("v2/v2/v2")
PROPERTIES = BUNDLED.properties
LEAK = Trace("default-write", 6)


def said(conclusion: Conclusion, scenario: str, mix: Mix = V2) -> str:
    console = Console(record=True, width=200)
    print_shortest(
        console,
        [conclusion],
        mix,
        BUNDLED,
        [bundled(scenario)],
        lambda _: None,
    )
    return console.export_text()


@pytest.mark.slow
def test_a_violated_property_comes_with_the_steps_to_it() -> None:
    text = said(Conclusion(PROPERTIES["no-leak"], violated={"no-leak": LEAK}), "default-write")
    assert "no-leak is violated in v2/v2/v2: default-write, 6 steps" in text
    assert "bounded model checking finds one of 6 steps, and none that is shorter" in text
    assert "\n   6 program finish_drop()" in text


def test_a_property_of_progress_comes_with_a_loop() -> None:
    goal = "spawned-is-polled"
    conclusion = Conclusion(PROPERTIES[goal], violated={goal: Trace("spawn-off", 3)})
    text = said(conclusion, "spawn-off", mix_of("v1/v1/v1"))
    assert f"{goal} is violated in v1/v1/v1: spawn-off, 3 steps" in text
    assert "finds one of 3 steps, and none that is shorter; but nothing happens any more" in text


def test_it_is_as_short_as_can_be_whatever_the_trace() -> None:
    found = shortest(instance("default-write"), "no-leak", Trace("default-write", LEAK.steps + 2))
    assert isinstance(found, bmc.Found)
    assert found.depth == LEAK.steps


@pytest.mark.slow
def test_a_trace_that_is_none_is_refused() -> None:
    with pytest.raises(bmc.ReplayError):
        shortest(instance("default-write"), "no-leak", Trace("default-write", LEAK.steps - 1))


def test_a_site_is_looked_for_as_what_it_is() -> None:
    goal = "panic inter_task_wakeup::wake::write-completes"
    conclusion = Conclusion(PROPERTIES["no-panic"], violated={goal: Trace("cancel-asleep", 6)})
    assert target_of(conclusion, goal) == ("panic", "inter_task_wakeup::wake::write-completes")


def test_of_a_scenario_with_a_script_the_trace_is_all_there_is() -> None:
    scripted = next(
        path.stem for path in sorted(SCENARIOS.glob("*.toml")) if read_scenario(path).script
    )
    found = shortest(instance(scripted), "no-leak", Trace(scripted, 3))
    assert found == bmc.Unknown("the scenario follows a script", 0)
