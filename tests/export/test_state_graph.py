"""The graph of the states of a scenario."""

from __future__ import annotations

import copy
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import networkx as nx
import pytest
from click.testing import CliRunner, Result

from tests.export.saved import HOSTILE
from tests.support import instance
from wakeproof.cli import cli
from wakeproof.errors import InputError
from wakeproof.explore.plain import explore
from wakeproof.export.dot import dot, dot_svg, styled
from wakeproof.export.state_graph import Shown, state_graph

SMALL = instance("stream-after-drop", "v3/v2/v3")
BROKEN = instance("issue-1618", "v1/v1/v1")


def graph(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["graph", *map(str, arguments)])


def sites(found: nx.DiGraph[int]) -> list[str]:
    return [data["site"] for _, data in found.nodes(data=True) if data["kind"]]


def test_without_fields_each_state_is_a_node_and_each_site() -> None:
    explored = explore(SMALL.machine(), actions=SMALL.actions)
    found = state_graph(SMALL, Shown())
    states = [data["states"] for _, data in found.nodes(data=True) if not data["kind"]]
    assert states == [1] * explored.states
    assert sites(found) == [site for kind, site in explored.violations if kind == "trap"]
    steps = [step for _, _, data in found.edges(data=True) for step in data["steps"]]
    assert len(steps) == explored.transitions


def test_states_with_the_same_values_are_one_node() -> None:
    whole, merged = state_graph(SMALL, Shown()), state_graph(SMALL, Shown(("phase", "state")))
    assert 1 < merged.number_of_nodes() < whole.number_of_nodes()
    values = [tuple(data["cells"].values()) for _, data in merged.nodes(data=True)]
    assert len(set(values)) == len(values)
    assert sum(data["states"] for _, data in merged.nodes(data=True)) == sum(
        data["states"] for _, data in whole.nodes(data=True)
    )


def test_an_edge_is_between_the_values_before_and_after_its_steps() -> None:
    whole, merged = state_graph(SMALL, Shown()), state_graph(SMALL, Shown(("phase",)))

    def key(found: nx.DiGraph[int], node: int) -> tuple[str, ...]:
        data = found.nodes[node]
        return (data["site"], *(v for c, v in data["cells"].items() if c.startswith("phase[")))

    def edges(found: nx.DiGraph[int]) -> set[tuple[object, ...]]:
        return {
            (key(found, source), key(found, target), step)
            for source, target, data in found.edges(data=True)
            for step in data["steps"]
        }

    assert edges(whole) == edges(merged)


def test_one_scalar_of_a_field_can_be_shown() -> None:
    found = state_graph(SMALL, Shown(("phase[export]",)))
    assert {tuple(data["cells"]) for _, data in found.nodes(data=True)} == {("phase[export]",), ()}


def test_the_first_state_and_the_broken_properties_are_marked() -> None:
    explored = explore(BROKEN.machine(), script=BROKEN.script)
    found = state_graph(BROKEN, Shown())
    assert [node for node, first in found.nodes(data="first") if first] == [0]
    broken = {prop for _, props in found.nodes(data="broken") for prop in props}
    assert broken == {prop for prop, site in explored.violations if not site} != set()
    text = dot(found, "title", ())
    assert re.search(r'n0 \[label="0", class="first"', text)
    for prop in broken:
        assert f"broken: {prop}" in text


def test_a_script_is_a_line_of_states() -> None:
    found = state_graph(BROKEN, Shown())
    assert nx.is_path(found, list(found.nodes))


def test_the_same_scenario_is_the_same_text() -> None:
    one, other = (dot(state_graph(SMALL, Shown(("phase",))), "t", ("phase",)) for _ in range(2))
    assert one == other


def test_hostile_names_are_text() -> None:
    named = copy.copy(SMALL)
    names = {kind: (HOSTILE[kind][0], *SMALL.names[kind][1:]) for kind in HOSTILE}
    named.names = {**SMALL.names, **names}
    shown = Shown(("phase", "state"))
    found = state_graph(named, shown)
    assert found.number_of_nodes() == state_graph(SMALL, shown).number_of_nodes()
    lines = dot(found, 'a "title"\\', ("phase",)).splitlines()
    string = r'"(?:[^"\\]|\\["\\n])*"'
    for line in lines[4:-1]:
        attributes = rf"\[(?:\w+=(?:{string}|\d+)(?:, )?)+\]"
        assert re.fullmatch(rf"  n\d+ (?:-> n\d+ )?{attributes}", line), line
        assert len(line) < 1_500


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--by", "phas"), "the model has no field 'phas'"),
        (("--max-states", "3"), "more than 3 states"),
        (("--max-nodes", "3"), "more than 3 nodes to show"),
    ],
)
def test_what_cannot_be_shown_is_refused(arguments: tuple[str, ...], message: str) -> None:
    done = graph("stream-after-drop", *arguments)
    assert isinstance(done.exception, InputError)
    assert str(done.exception).startswith(message)
    assert "hint: " in str(done.exception)


def test_the_command_writes_the_graph_of_one_mix(tmp_path: Path) -> None:
    file = tmp_path / "states.dot"
    done = graph("stream-after-drop", "--mix", "v3/v2/v3", "--by", "phase", "--output", file)
    assert done.exit_code == 0, done.output
    assert file.read_text("utf-8").startswith('digraph "stream-after-drop v3/v2/v3" {\n')
    printed = graph("stream-after-drop", "--mix", "v3/v2/v3", "--by", "phase")
    assert printed.output == file.read_text("utf-8")


def test_without_graphviz_an_svg_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"needs Graphviz.*\n.*--to dot"):
        dot_svg("digraph {}")


def test_an_svg_has_colours_for_light_and_dark_and_no_version() -> None:
    text = styled('<?xml?><!-- made by 2.43 --><svg width="1">\n<!-- n0 --><g/></svg>')
    assert "<!--" not in text
    assert text.startswith('<svg width="1">\n<style>')
    assert "prefers-color-scheme: dark" in text
    ElementTree.fromstring(text)


def test_graphviz_lays_out_every_node() -> None:
    if shutil.which("dot") is None:
        pytest.skip("no Graphviz: apt install graphviz")
    found = state_graph(SMALL, Shown(("phase", "state")))
    drawing = ElementTree.fromstring(dot_svg(dot(found, "t", ("phase", "state"))))
    shown = [g for g in drawing.iter() if "node" in (g.get("class") or "").split()]
    assert len(shown) == found.number_of_nodes()
