"""A violation as a bug report: what happens, the shortest program, releases, calls, site, cure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wakeproof.execution.trace import StepRow
from wakeproof.execution.trace_text import trace_lines
from wakeproof.export.rendering import render
from wakeproof.export.rust.cure import Cure
from wakeproof.export.rust.files import RustTest, component, outside
from wakeproof.language.properties import Property
from wakeproof.language.sites import Site

NO_CURE = "None is known."
PASSED, GONE = "passed", "does not happen"
# what a reader of the report would look up
OUTCOMES = {"FAILED: ": "", PASSED: "passes"}


@dataclass(frozen=True)
class Known:
    """What is known of a violation beyond its trace; the command looks it up.

    `releases` pairs a release, and a build if it is another, with the last line of the program
    there; `where` is a line of the release `affected`, and `remedy` what is known of a cure that
    is no change of lines. `features` are those of a test, None for those of the trace.
    """

    name: str = ""
    title: str = ""
    story: tuple[str, ...] = ()
    features: tuple[str, ...] | None = None
    releases: Sequence[tuple[str, str]] = ()
    cure: Cure | None = None
    where: Mapping[str, Any] | None = None
    affected: str = ""
    unaffected: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Report:
    """What a report is about: the test, the trace, what it violates, the features of the build."""

    test: RustTest
    title: str
    trace: Sequence[StepRow]
    prop: Property
    site: Site | None
    features: Sequence[str] = ()


def issue(report: Report, known: Known) -> str:
    """Write the report as Markdown."""
    test, prop, cure = report.test, report.prop, known.cure
    _, moments, _ = outside(test.program)
    story = " ".join(test.story)
    # without what the test asks for in the end
    program = dataclasses.replace(test.program, leaves_nothing=False, wakes=False)
    short = dataclasses.replace(test, program=program)
    proposed = cure is not None and cure.proposed
    says = cure.says if cure and proposed else known.remedy or repaired(known.releases) or NO_CURE
    return render(
        "issue.md.j2",
        title=report.title,
        story=story,
        means="" if prop.means in story else prop.means,
        program=shortest(component(short, crate=False)),
        moments=[said for said, _ in moments],
        features=", ".join(f"`{name}`" for name in report.features)
        or "none of the optional features",
        releases=[(release, plain(line)) for release, line in known.releases],
        trace=trace_lines(report.trace),
        where=known.where,
        affected=known.affected,
        site=report.site,
        cure=says,
        change=places(cure) if cure and proposed else [],
    )


def repaired(releases: Sequence[tuple[str, str]]) -> str:
    """From which release on it does not happen; empty if it does on the last."""
    lines = [(release, line) for release, line in releases if " with " not in release]
    failed = [n for n, (_, line) in enumerate(lines) if line not in (PASSED, GONE)]
    if not failed or failed[-1] == len(lines) - 1:
        return ""
    return f"None is needed from {lines[failed[-1] + 1][0]} on: it does not happen there."


def plain(line: str) -> str:
    """The last line of a program, for a table."""
    for start, shown in OUTCOMES.items():
        if line.startswith(start):
            return shown + line.removeprefix(start)
    return line


def shortest(text: str) -> str:
    """The functions of a component: its `impl` without what is around it."""
    lines = text.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("impl "))
    end = next(n for n, line in enumerate(lines) if n > start and line == "}")
    return "\n".join(lines[start : end + 1])


def places(cure: Cure) -> list[dict[str, Any]]:
    """A change as it stands at each of its places."""
    found = []
    for number, line in enumerate(cure.at):
        last = line + cure.instead - 1
        where = f"before line {line}"
        if cure.instead:
            where = f"instead of line{'s' if last > line else ''} {line}"
            where += f" to {last}" if last > line else ""
        found.append(
            {
                "file": cure.file,
                "release": cure.release,
                "where": where,
                "lines": cure.at_place(number),
            }
        )
    return found
