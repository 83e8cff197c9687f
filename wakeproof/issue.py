"""A violation as a bug report: what happens, the shortest program, releases, calls, site, cure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wakeproof.content import Property
from wakeproof.findings import Cure
from wakeproof.report import trace_lines
from wakeproof.rust_test import Told, component, outside, render
from wakeproof.sites import Site
from wakeproof.trace import StepRow

NO_CURE = "None is known."
# what a reader of the report would look up
OUTCOMES = {"FAILED: ": "", "passed": "passes"}


def issue(
    told: Told,
    title: str,
    trace: Sequence[StepRow],
    prop: Property,
    site: Site | None,
    features: Sequence[str] = (),
    releases: Sequence[tuple[str, str]] = (),
    cure: Cure | None = None,
    unseen: str = "",
) -> str:
    """The report. `releases` pairs a release with the last line of the program there;
    `unseen` says so where a user of the real host sees nothing."""
    _, moments, _ = outside(told.program)
    proposed = cure is not None and cure.proposed
    return render(
        "issue.md.j2",
        title=title,
        story=" ".join(told.story),
        means=prop.means,
        unseen=unseen,
        program=shortest(component(told, crate=False)),
        moments=[said for said, _ in moments],
        features=", ".join(f"`{name}`" for name in features) or "none of the optional features",
        releases=[(release, plain(line)) for release, line in releases],
        trace=trace_lines(trace),
        site=site,
        cure=cure.says if cure and proposed else NO_CURE,
        change=places(cure) if cure and proposed else [],
    )


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
