"""A bug report on a violation: what happens, the program, releases, calls, site and cure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wakeproof.execution.trace import StepRow
from wakeproof.execution.trace_text import trace_lines
from wakeproof.export.rendering import render
from wakeproof.export.rust.component import component
from wakeproof.export.rust.cure import Cure
from wakeproof.export.rust.helpers import HELPERS
from wakeproof.export.rust.host_script import host_script
from wakeproof.export.rust.program import RustTest
from wakeproof.language.properties import Property
from wakeproof.language.sites import Site

NO_CURE = "None is known."
# last lines of a program without the defect; the second stands for releases that have not run it
PASSED, GONE = "passed", "does not happen"
# the beginning of the last line of a program, and the words for it in a report
OUTCOMES = {"FAILED: ": "", PASSED: "passes"}


# the helpers without which nobody sees what the program does
SHOWN = ("in_frame", "goes_on")

PANIC_AT = re.compile(r" at wit-bindgen-[\d.]+/(\S+):\d+")


@dataclass(frozen=True)
class KnownViolation:
    """What is known of a violation beyond its trace.

    `releases` pairs each release, with its build if that differs, with the last line of the program
    there. `where` is a line of the release `affected`; `fault` says whose it is, `harm` what comes
    of it, `now` what a program can do, `why` what each step has to do with it, by its number.
    `remedy` describes a cure that is not a change of lines, and `options` what each side could do.
    `rule` says which rule of the host is behind it, and since when; `example` has `lines` of a
    smaller program, and what it `says` of them. `on_wasmtime`: the lines are those of the component
    on Wasmtime. `features` are those of the test, or None for those of the trace.
    """

    name: str = ""
    title: str = ""
    story: tuple[str, ...] = ()
    features: tuple[str, ...] | None = None
    releases: Sequence[tuple[str, str]] = ()
    cure: Cure | None = None
    where: Mapping[str, Any] | None = None
    fault: str = ""
    harm: str = ""
    now: str = ""
    why: Mapping[int, str] = field(default_factory=dict)
    affected: str = ""
    unaffected: str = ""
    remedy: str = ""
    rule: str = ""
    example: Mapping[str, Any] | None = None
    options: tuple[str, ...] = ()
    on_wasmtime: bool = False


@dataclass(frozen=True)
class Report:
    """The subject of a report: a test, its trace, what it violates, the features of its build.

    `diagram` is the trace as a sequence diagram of Mermaid.
    """

    test: RustTest
    title: str
    trace: Sequence[StepRow]
    prop: Property
    site: Site | None
    features: Sequence[str] = ()
    diagram: str = ""


def issue(report: Report, known: KnownViolation) -> str:
    """Return the report as Markdown."""
    test, prop, cure = report.test, report.prop, known.cure
    story = " ".join(test.story)
    proposed = cure is not None and cure.proposed
    return render(
        "issue.md.j2",
        title=report.title,
        story=story,
        means=known.harm or ("" if prop.means in story else prop.means),
        program=program_text(test),
        helper="\n\n".join(HELPERS[n].text for n in SHOWN if n in test.program.helpers),
        outside=[words for words, _ in host_script(test.program).steps],
        features=", ".join(f"`{name}`" for name in report.features)
        or "none of the optional features",
        releases=[(release, outcome_words(line)) for release, line in known.releases],
        trace=trace_lines(report.trace),
        diagram=report.diagram,
        where=known.where,
        now=known.now,
        affected=known.affected,
        rule=known.rule,
        example=known.example,
        options=known.options,
        on_wasmtime=known.on_wasmtime,
        site=report.site,
        cure=cure_sentence(known) or NO_CURE,
        change=change_places(cure) if cure and proposed else [],
    )


def cure_sentence(known: KnownViolation) -> str:
    """Return what cures a violation; empty if nothing is known."""
    if known.cure is not None and known.cure.proposed:
        return known.cure.says
    return known.remedy or repaired_from(known.releases)


def program_text(test: RustTest) -> str:
    """Return the functions of a test's component, without those for the checks at the end."""
    program = dataclasses.replace(
        test.program, leaves_nothing=False, wakes=False, takes_turns=False, counts=""
    )
    return implementation(component(dataclasses.replace(test, program=program), crate=False))


def repaired_from(releases: Sequence[tuple[str, str]]) -> str:
    """Say from which release on it does not happen; empty if it happens on the last."""
    lines = [(release, line) for release, line in releases if " with " not in release]
    failed = [n for n, (_, line) in enumerate(lines) if line not in (PASSED, GONE)]
    if not failed or failed[-1] == len(lines) - 1:
        return ""
    return f"Take {lines[failed[-1] + 1][0]} or newer: it does not happen there."


def releases_by_outcome(known: KnownViolation) -> list[str]:
    """List what the program does on the releases; just their names if all fail alike."""
    happens: dict[str, list[str]] = {}
    lines = dict(known.releases)
    for release in lines:
        # a panic is at another line in another release
        words = re.sub(
            r" at wit-bindgen-[\d.]+/(\S+):\d+", r" in `\1`", outcome_words(lines[release])
        )
        happens.setdefault(words, []).append(release)
    if len(happens) == 1:
        return [", ".join(lines)]
    return [f"{', '.join(names)}: {words}" for words, names in happens.items()]


def outcome_words(line: str) -> str:
    """Return the last line of a program in the words of a report."""
    for start, shown in OUTCOMES.items():
        if line.startswith(start):
            return shown + line.removeprefix(start)
    return line


def implementation(text: str) -> str:
    """Return the `impl` block of a component: its functions without what is around them."""
    lines = text.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("impl "))
    end = next(n for n, line in enumerate(lines) if n > start and line == "}")
    return "\n".join(lines[start : end + 1])


def change_places(cure: Cure) -> list[dict[str, Any]]:
    """Return the change of a cure at each of its places."""
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
