"""A graph of states in the language of Graphviz, and as an SVG that Graphviz lays out."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Iterable

import networkx as nx

from wakeproof.errors import InputError
from wakeproof.export.rendering import TEMPLATES
from wakeproof.util.processes import run_process
from wakeproof.util.text import plural, shortened

LONGEST, FEW = 60, 3
"""How many characters a line has at most, and an edge lines of steps."""
SECONDS = 120.0
"""How long Graphviz may take."""
STYLE = """\
.graph > polygon { fill: var(--paper); }
text { fill: var(--ink); }
.node path, .node polygon, .node ellipse { fill: var(--raised); stroke: var(--soft); }
.first path { stroke: var(--accent); stroke-width: 2px; }
.broken path, .site polygon { fill: var(--bad-ground); stroke: var(--bad); stroke-width: 2px; }
.edge path { stroke: var(--soft); }
.edge polygon { fill: var(--soft); stroke: var(--soft); }
.edge text { fill: var(--soft); }
"""


def dot(graph: nx.DiGraph[int], title: str, by: Collection[str]) -> str:
    """Return the graph as text; a node shows its values of `by` that are not those of all nodes."""
    shared = _shared(graph)
    lines = [
        f"digraph {_quoted([title])} {{",
        '  graph [rankdir=TB, pad=0.2, bgcolor="white", nodesep=0.3, ranksep=0.5]',
        '  node [fontname="monospace", fontsize=11, shape=box, style=rounded, margin="0.12,0.06"]',
        '  edge [fontname="monospace", fontsize=10, arrowsize=0.7]',
    ]
    for number, data in graph.nodes(data=True):
        look = "site" if data["kind"] else "broken" if data["broken"] else ""
        classes = " ".join(filter(None, (look, "first" if data["first"] else "")))
        marks = ', style="", color="red"' if look == "site" else ', color="red"' if look else ""
        marks += ", penwidth=2" if classes else ""
        label = _quoted(_label(number, data, shared if by else data["cells"]))
        lines.append(f'  n{number} [label={label}, class="{classes}"{marks}]')
    for source, target, data in graph.edges(data=True):
        lines.append(f"  n{source} -> n{target} [label={_quoted(_few(data['steps']))}]")
    return "\n".join([*lines, "}"]) + "\n"


def dot_svg(text: str) -> str:
    """Return a graph as an SVG, which Graphviz lays out. Raises `InputError` without Graphviz."""
    hint = "install Graphviz, e.g. `apt install graphviz`, or write the graph with --to dot"
    try:
        done = run_process(["dot", "-Tsvg"], text=text, seconds=SECONDS)
    except OSError:
        raise InputError("an SVG of a graph needs Graphviz's `dot`", hint=hint) from None
    except subprocess.TimeoutExpired:
        raise InputError(
            f"Graphviz took more than {SECONDS:g} seconds",
            hint="show fewer nodes, with --by FIELD or a smaller scenario",
        ) from None
    if done.returncode != 0:
        raise InputError(f"Graphviz failed: {done.stderr.strip()}", hint=hint)
    return styled(done.stdout)


def styled(svg: str) -> str:
    """Return an SVG of Graphviz with colours for light and dark, without what names its version."""
    colours = (TEMPLATES / "colours.css").read_text(encoding="utf-8")
    drawing = re.sub(r"<!--.*?-->\n?", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    head, mark, rest = drawing.partition(">")
    return f"{head}{mark}\n<style>\n{colours}{STYLE}</style>{rest}"


def _shared(graph: nx.DiGraph[int]) -> set[str]:
    """Return the scalars that are the same in all nodes."""
    values: dict[str, set[str]] = {}
    for _, cells in graph.nodes(data="cells"):
        for cell, value in cells.items():
            values.setdefault(cell, set()).add(value)
    return {cell for cell, found in values.items() if len(found) == 1}


def _label(number: int, data: dict[str, object], shared: Collection[str]) -> list[str]:
    """Return the lines of a node."""
    if data["kind"]:
        return [f"{data['kind']}", f"{data['site']}"]
    cells, broken, states = data["cells"], data["broken"], data["states"]
    assert isinstance(cells, dict)
    assert isinstance(broken, list)
    assert isinstance(states, int)
    lines = [f"{cell} = {value}" for cell, value in cells.items() if cell not in shared]
    lines = lines or [str(number)]
    return [
        *lines,
        *(f"broken: {prop}" for prop in broken),
        *([plural(states, "state")] if states > 1 else []),
    ]


def _few(steps: list[str]) -> list[str]:
    """Return some of the steps of an edge, and how many there are besides."""
    more = len(steps) - FEW
    few = steps if more <= 1 else [*steps[:FEW], f"and {more} more"]
    # spaces that cannot be taken away keep the text off the line
    return [f"\N{NO-BREAK SPACE}{line}\N{NO-BREAK SPACE}" for line in few]


def _quoted(lines: Iterable[str]) -> str:
    """Return lines as a string of the language, in which no character has a meaning."""
    texts = (shortened(re.sub(r"[\t-\r ]+", " ", line), LONGEST) for line in lines)
    escaped = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return '"' + "\\n".join(escaped) + '"'
